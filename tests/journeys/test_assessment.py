"""考核 as its users have it: the week's order, what a point comes from, an inspection entered, rules."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from PIL import Image

from cwmap.assessment import assessment, revisits, scoring, visits
from tests.journeys.dashboard import Served
from tests.journeys.screen import OpenScreen

CARD = ".st-key-cw-right .cw-card"


def test_from_the_black_list_to_the_inspections_behind_it(
    served: Served, new_screen: OpenScreen
) -> None:
    town, rules = served.town(), scoring.load(served.folder)
    seen = visits.visits(town, rules)
    week = assessment.week(town, rules, seen.frame["day"].max().date())
    screen = new_screen(served).open("/assessment")
    page = screen.page
    worst = week.black.iloc[-1]
    assert f"{len(week.black):,} 个" in screen.text(".cw-list-bad")
    with screen.painted():
        page.locator(".st-key-list-bad-0 button").first.click()
    first = week.black.iloc[0]
    card = screen.text(CARD)
    assert first["name"] in card
    assert f"{first['score']:.1f}" in card
    unit = week.black.index[0]
    mine = visits.between(seen, week.period.first, week.period.last)
    found = visits.findings_of(seen, mine[mine["unit"] == unit])
    assert worst["score"] <= rules.black.score
    for one in found.itertuples():
        assert one.item in card
        for inspection in one.inspections:
            assert inspection in card
    with screen.painted():
        page.get_by_role("radio", name="月奖惩").click()
    page.locator(".st-key-close-card button").click()
    page.locator(".cw-figure").wait_for()
    assert "全镇得分" in screen.text(".cw-figure")
    for view in ("督导通报", "公平", "样板", "抽样"):
        with screen.painted():
            page.get_by_role("radio", name=view).click()
        assert screen.latin() == []
    with screen.painted():
        page.get_by_role("radio", name="复查").click()
    page.get_by_role("button", name=re.compile("下载复查表")).wait_for()
    screen.settled()
    stops = revisits.plan(
        town, rules, seen.frame["day"].max().date() + timedelta(days=1), 12,
        ("market", "compound_none", "lane", "channel"),
    )  # fmt: skip
    assert screen.state()["route"] == stops[["lat", "lon"]].round(6).to_numpy().tolist()


def test_an_inspection_entered_on_the_page(
    own_served: Served, new_screen: OpenScreen, tmp_path: Path
) -> None:
    town, rules = own_served.town(), scoring.load(own_served.folder)
    lane = str(town.layers["lanes"].index[40])
    kind = str(visits.places(town, rules).loc[f"lanes/{lane}", "kind"])
    item = rules.of_kind[kind].items[0]
    photo = tmp_path / "a.jpg"
    Image.new("RGB", (400, 300), "brown").save(photo)
    screen = new_screen(own_served).open(f"/assessment?view=enter&pick=lanes:{lane}")
    page = screen.page
    box = page.locator('[class*="st-key-enter-items"]').get_by_role("combobox")
    box.click()
    page.get_by_role("option").filter(has_text=item.name).first.click()
    page.keyboard.press("Escape")
    screen.settled()
    form = page.locator("[data-testid=stForm]")
    form.get_by_label("检查人").fill("测某某")
    form.get_by_label("情况说明").fill("=cmd|' /C calc'!A0 <i>斜</i>")
    form.locator("input[type=file]").set_input_files(photo)
    form.get_by_text("a.jpg").wait_for()
    form.get_by_role("button", name="保存检查记录").click()
    page.get_by_text(re.compile("已保存：检查批次")).wait_for()
    rows = own_served.workspace().read("inspections")
    mine = rows[rows["inspector"] == "测某某"]
    assert len(mine) == 1
    row = mine.iloc[0]
    assert (row["unit"], row["kind"], row["item"], row["findings"]) == (lane, kind, item.name, 1)
    assert (own_served.folder / "photos" / row["photo"]).is_file()
    seen = visits.visits(own_served.town(), rules).frame
    last = seen[seen["unit"] == f"lanes/{lane}"].iloc[-1]
    assert last["score"] == 100 - item.each
    page.goto(own_served.url + f"/assessment?view=week&pick=lanes:{lane}")
    page.locator(".cw-points img").wait_for()
    assert "<i>斜</i>" in screen.text(CARD)  # as text


def test_rules_are_changed_and_a_mistake_is_told_with_its_line(
    own_served: Served, new_screen: OpenScreen
) -> None:
    screen = new_screen(own_served).open("/assessment?view=rules")
    page = screen.page
    editor = page.get_by_label("考核细则", exact=True)
    text = editor.input_value()
    wrong = text.replace("weight = 0.15", "weight = 0.95", 1)
    editor.fill(wrong)
    page.get_by_role("button", name="核对并保存").click()
    page.get_by_text(re.compile("第 .* 行")).first.wait_for()
    assert not (own_served.folder / "rules" / "assessment.toml").exists()
    own = text.replace('name = "示例考核细则"', 'name = "城关镇考核细则"', 1)
    editor.fill(own)
    page.get_by_role("button", name="核对并保存").click()
    page.get_by_text("考核细则已保存").wait_for()
    assert scoring.load(own_served.folder).name == "城关镇考核细则"
