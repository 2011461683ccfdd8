"""The map page as a viewer uses it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pandas as pd
import pytest

from cwmap import figures
from cwmap.filters import Filter
from tests.journeys.dashboard import Served
from tests.journeys.screen import OpenScreen, Screen

MARK = "window.CW_JOURNEY = 'the map of the beginning'"
CARD = ".st-key-cw-right .cw-card"


def test_filter_lane_card_and_link(served: Served, new_screen: OpenScreen) -> None:
    """Filter, see count and map change on the same map, read a lane's card, hand on the link."""
    town = served.town()
    screen = new_screen(served).open()
    page, frame = screen.page, screen.map
    frames: list[str] = []
    page.on("frameattached", lambda f: frames.append(f.url))
    frame.evaluate(MARK)

    # Elsewhere and nearer than the map was opened: this must survive everything that follows.
    frame.get_by_role("button", name="放大").click()
    screen.still()
    page.mouse.move(960, 560)
    page.mouse.down()
    page.mouse.move(900, 590, steps=4)
    page.mouse.up()
    screen.still()
    there, all_of_it = screen.view(), screen.metrics()
    before = page.locator(".st-key-cw-map iframe").screenshot()
    heat = frame.evaluate("window.CW_HEAT")

    with screen.painted():
        page.locator(".st-key-cat-garbage button").click()
    frame.wait_for_function("url => window.CW_HEAT !== url", arg=heat)
    screen.still()
    question = screen.question()
    assert question.category == ("garbage",)
    some = figures.summary(town, question)
    assert screen.metrics()["本期新增"] == f"{some.reports:,}" != all_of_it["本期新增"]
    assert page.locator(".st-key-cw-map iframe").screenshot() != before
    assert frame.evaluate("window.CW_JOURNEY")
    assert screen.view() == pytest.approx(there, abs=1e-9)

    lane, x, y = screen.lane_point()
    page.mouse.click(x, y)
    page.locator(".cw-card .cw-three").wait_for()
    screen.settled()
    name = figures.place_name(town, "lanes", lane)
    counts = figures.lanes(town, question).loc[lane]
    card = screen.text(CARD)
    assert name in card
    assert f"{counts['reports']:,}\n件问题" in card
    assert screen.state()["chosen"] == {"layer": "lanes", "ids": [lane]}
    screen.still()
    assert screen.view() == pytest.approx(there, abs=1e-9)
    assert frame.evaluate("window.CW_JOURNEY")
    assert frames == []

    other = new_screen(served).open(page.url.removeprefix(served.url))
    other.page.locator(".cw-card .cw-three").wait_for()
    other.still()
    assert other.metrics() == screen.metrics()
    assert other.text(CARD) == card
    assert other.state() | {"fly": None} == screen.state() | {"fly": None}
    assert other.view() == pytest.approx(there, abs=1e-5)
    assert other.question() == question


def test_the_worst_lane(served: Served, new_screen: OpenScreen) -> None:
    """The first of the ten: the map goes there, the card says what Python says, phones are masked."""
    town = served.town()
    screen = new_screen(served, 1280, 720).open()
    page = screen.page
    question = screen.question()
    assert question == Filter(start=town.as_of - timedelta(days=29), end=town.as_of)
    ranked = figures.worst_lanes(town, question)
    shown = page.locator(".st-key-cw-worst button").all_inner_texts()
    assert [re.sub(r"\s+", " ", text) for text in shown] == [
        f"{at} {lane['name']} {lane['reports']:,} 件 {lane['rate_per_100m']:.1f}"
        for at, (_, lane) in enumerate(ranked.iterrows(), 1)
    ]
    lane, counts = ranked.index[0], ranked.iloc[0]
    was = screen.view()
    with screen.painted():
        page.locator(".st-key-worst-1 button").click()
    page.locator(".cw-card .cw-three").wait_for()
    screen.still()
    assert screen.view()[2] > was[2]
    west, south, east, north = town.layers["lanes"].geometry[lane].bounds
    assert screen.map.evaluate(
        "([s, w, n, e]) => CW.map.getBounds().contains([[s, w], [n, e]])",
        [south, west, north, east],
    )
    assert page.locator(".cw-three b").all_inner_texts() == [
        f"{counts['reports']:,}", f"{counts['open']:,}", f"{counts['overdue']:,}",
        f"{counts['rate_per_100m']:.1f}",
    ]  # fmt: skip
    assert screen.question() == question
    text = page.locator("body").inner_text()
    assert re.search(r"1\d{2}\*{4}\d{4}", text)
    assert not re.search(r"1\d{10}", text)
    with screen.painted():
        page.get_by_role("button", name="关闭").click()
    page.locator(".st-key-cw-worst").wait_for()
    assert screen.state()["chosen"] is None
    assert "pick" not in page.url


def same_as_python(screen: Screen, served: Served, question: Filter) -> None:
    """All figures on the page are those of `question`; their totals also by counting the rows."""
    town = served.town()
    assert screen.question() == question
    s = figures.summary(town, question)
    assert screen.metrics() == {
        "本期新增": f"{s.reports:,}", "待办": f"{s.open:,}", "超期未办": f"{s.overdue:,}",
        "本期按期率": f"{s.in_time_share:.0%}",
    }  # fmt: skip
    rows = town_rows(served)
    assert question.start
    assert question.end
    of_it = rows["day"].between(pd.Timestamp(question.start), pd.Timestamp(question.end))
    if question.status:
        of_it &= rows["status"].isin(question.status)
    if question.community:
        of_it &= rows["community_id"].isin(question.community)
    rows = rows[of_it]
    assert s.reports == len(rows)
    assert s.open == rows["status"].isin(["open", "assigned"]).sum()
    groups = figures.group_counts(town, question)
    shown = screen.page.locator(".st-key-cw-categories button strong").all_inner_texts()
    assert shown == [f"{n:,}" for n in groups.values()]
    assert sum(groups.values()) == len(rows)
    lost = rows["placed_by"].eq("unplaced").sum()
    link = screen.page.locator(".st-key-cw-metrics [data-testid=stPageLink]")
    assert link.count() == (lost > 0)
    if lost:
        assert f"{lost:,} 件未定位" in link.inner_text()
    lanes = figures.lanes(town, question)
    assert screen.state()["lanes"]["counts"] == lanes["reports"].tolist()
    by_lane = rows["lane_id"].value_counts().reindex(lanes.index, fill_value=0)
    assert by_lane.tolist() == lanes["reports"].tolist()


def town_rows(served: Served) -> pd.DataFrame:
    rows = served.workspace().read(
        "reports", ["reported_at", "status", "community_id", "lane_id", "placed_by"]
    )
    return rows.assign(day=(rows["reported_at"] + pd.Timedelta(hours=8)).dt.floor("D"))


def test_figures_are_those_of_python(served: Served, new_screen: OpenScreen) -> None:
    """Period, status and community, each on top of the one before."""
    town = served.town()
    screen = new_screen(served).open()
    page = screen.page
    with screen.painted():
        page.locator(".st-key-w-period").get_by_text("今年").click()
    question = Filter(start=town.as_of.replace(month=1, day=1), end=town.as_of)
    same_as_python(screen, served, question)
    with screen.painted():
        page.locator(".st-key-w-status").get_by_text("待处理").click()
    question = replace(question, status=("open",))
    same_as_python(screen, served, question)
    rows = town_rows(served)
    community = rows.loc[rows["status"] == "open", "community_id"].value_counts().index[0]
    name = figures.place_name(town, "communities", community)
    with screen.painted():
        screen.choose("w-place", f"社区 · {name}")
    same_as_python(screen, served, replace(question, community=(community,)))


def test_a_report_on_the_map(served: Served, new_screen: OpenScreen) -> None:
    """A report within a lane opens its own card, also when the lanes were painted after it."""
    town = served.town()
    lane = figures.worst_lanes(town, Filter()).index[0]
    at = town.layers["lanes"].geometry[lane].representative_point()
    middle = f"{at.y:.5f},{at.x:.5f},18"
    screen = new_screen(served, 1280, 720).open(
        f"/?from={town.first_day}&surface=lanes&show=reports&at={middle}"
    )
    for surface in ("网格", "巷道"):
        with screen.painted():
            screen.page.locator(".st-key-w-surface").get_by_text(surface).click()
    screen.map.wait_for_function("window.CW_REPORTS > 0")
    screen.still()
    points = screen.map.evaluate(
        """() => { const box = window.frameElement.getBoundingClientRect();
        return CW.reports.getLayers().filter(l => l instanceof L.CircleMarker &&
          CW.layers.lanes.some(lane => lane.holds(CW.map.latLngToLayerPoint(l.getLatLng())))).map(l => {
          const p = CW.map.latLngToContainerPoint(l.getLatLng()); return [box.x + p.x, box.y + p.y];
        }); }"""
    )
    x, y = next((x, y) for x, y in points if screen.bare(x, y))
    screen.page.mouse.click(x, y)
    screen.page.locator(".cw-card dl").wait_for()
    number = re.search(r"编号 (\S+)", screen.text(CARD))
    assert number
    assert number[1] in town.reports.ids
    screen.settled()
    assert dict(parse_qsl(urlsplit(screen.page.url).query))["pick"] == f"reports:{number[1]}"


def test_unplaced_reports_are_listed(served: Served, new_screen: OpenScreen) -> None:
    """The link under the figures leads to the list of just those reports."""
    screen = new_screen(served).open()
    with screen.painted():
        screen.page.locator(".st-key-w-period").get_by_text("今年").click()
    link = screen.page.locator(".st-key-cw-metrics [data-testid=stPageLink] a")
    number = re.search(r"其中 ([\d,]+) 件", link.inner_text())
    assert number
    link.click()
    listed = screen.page.locator(".cw-empty").filter(has_text="共")
    listed.wait_for()
    screen.settled()
    assert f"共 {number[1]} 件" in listed.inner_text()
    assert "placed=unplaced" in screen.page.url


def test_only_the_map(served: Served, new_screen: OpenScreen) -> None:
    """The map, its figures and its legend, larger; then everything again."""
    screen = new_screen(served, 1280, 720).open()
    page, frame = screen.page, screen.map
    panels = [page.locator(f".st-key-cw-{name}") for name in ("left", "right", "top")]
    figure = page.locator(".cw-metric b").first
    size = figure.bounding_box()
    frame.get_by_role("button", name="只看地图").click()
    for panel in panels:
        panel.wait_for(state="hidden")
    for name in (".cw-metric", ".cw-legend"):
        assert page.locator(name).first.is_visible()
    larger = figure.bounding_box()
    assert size
    assert larger
    assert larger["height"] > 1.5 * size["height"]
    frame.get_by_role("button", name="只看地图").click()
    for panel in panels:
        panel.wait_for(state="visible")
    frame.get_by_role("button", name="只看地图").click()
    panels[0].wait_for(state="hidden")
    page.keyboard.press("Escape")
    for panel in panels:
        panel.wait_for(state="visible")


def test_by_keyboard(served: Served, new_screen: OpenScreen) -> None:
    """A category is reached and chosen with the keyboard alone, and it shows where one is."""
    screen = new_screen(served, 1280, 720).open()
    page = screen.page
    here = "document.activeElement.closest('[class*=st-key-cat-]')"
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate(f"!!{here}"):
            break
    else:
        pytest.fail("no category is reached by Tab")
    assert page.evaluate(
        "(s => s.outlineStyle !== 'none' || s.boxShadow !== 'none')(getComputedStyle(document.activeElement))"
    )
    with screen.painted():
        page.keyboard.press("Enter")
    assert len(screen.question().category) == 1
