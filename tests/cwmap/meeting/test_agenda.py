"""Agendas of a meeting: kept whole, checked when read; what their steps tell; how well they read."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from cwmap import figures
from cwmap.assessment import assessment
from cwmap.errors import CwmapError
from cwmap.filters import Filter
from cwmap.gaps import asking, gaps
from cwmap.meeting import agenda, telling
from cwmap.meeting.agenda import FIGURES, KINDS, PAGES, Agenda, Step
from cwmap.meeting.desk import Desk
from cwmap.store import Workspace
from cwmap.tasks import steps, tasks
from cwmap.town import Town, open_town
from cwmap.ui.assets import ASSETS

TEXT = some.text(some.characters(exclude_categories=["Cs"]), max_size=60)
STEPS = some.builds(
    Step, some.sampled_from(list(KINDS)),
    some.sampled_from([*PAGES, "map?category=garbage&at=33.4,104.9,16", "tasks?unit=%E5%9F%8E"]),
    TEXT, TEXT, some.lists(some.sampled_from(list(FIGURES)), max_size=2).map(tuple),
    some.lists(TEXT, max_size=2).map(tuple),
)  # fmt: skip
AGENDAS = some.builds(
    Agenda, some.lists(STEPS, min_size=1, max_size=9).map(tuple), some.just("周会")
)
JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(
        some.sampled_from(["steps", "kind", "address", "title", "sentence", "figures", "pictures"]), inner
    ),
)  # fmt: skip
CHINESE = re.compile("[\u4e00-\u9fff]")


# Kept ---------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(plan=AGENDAS)
def test_what_is_saved_is_loaded(tmp_path_factory: pytest.TempPathFactory, plan: Agenda) -> None:
    folder = tmp_path_factory.mktemp("agenda")
    agenda.save(folder, plan)
    assert agenda.load(folder, "周会") == plan
    assert agenda.names(folder) == ["周会"]
    assert [p.name for p in (folder / "agenda").iterdir()] == ["周会.json"]


def test_what_is_replaced_or_removed_is_kept(tmp_path: Path) -> None:
    first = agenda.save(tmp_path, Agenda((Step("gap"),), "周会")).read_bytes()
    second = agenda.save(tmp_path, Agenda((Step("asked"),), "周会")).read_bytes()
    agenda.save(tmp_path, Agenda((Step("asked"),), "周会-二"))
    agenda.remove(tmp_path, "周会")
    assert agenda.names(tmp_path) == ["周会-二"]
    assert [p.read_bytes() for p in agenda.history(tmp_path, "周会")] == [second, first]
    with pytest.raises(CwmapError, match="没有名为“周会”的议程"):
        agenda.load(tmp_path, "周会")


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Agenda((Step("gap"),), "周会")
    agenda.save(tmp_path, plan)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CwmapError, match="没有保存"):
        agenda.save(tmp_path, Agenda((Step("asked"),), "周会"))
    assert agenda.load(tmp_path, "周会") == plan


@pytest.mark.parametrize(
    "name",
    ["", " ", ".", "..", "../周会", "a/b", "a\\b", "C:", "con", "LPT1.x", "周会?", "a\nb", "周会 ", "字" * 61],
)  # fmt: skip
def test_a_name_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "镇"
    inside.mkdir()
    for attempt in (
        lambda: agenda.save(inside, Agenda((Step(),), name)),
        lambda: agenda.load(inside, name),
        lambda: agenda.remove(inside, name),
    ):
        with pytest.raises(CwmapError, match="不能用作议程的名称"):
            attempt()
    assert list(tmp_path.rglob("*")) == [inside]


@settings(deadline=None, max_examples=150)
@given(content=JSON.map(json.dumps) | some.text().filter(lambda t: "\ud800" not in t))
def test_a_broken_file_is_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: str
) -> None:
    folder = tmp_path_factory.mktemp("broken")
    (folder / "agenda").mkdir()
    (folder / "agenda" / "周会.json").write_text(content, encoding="utf-8", errors="replace")
    try:
        plan = agenda.load(folder, "周会")
    except CwmapError as error:
        said = str(error)
    else:  # what is loaded can be saved again
        agenda.save(folder, plan)
        return
    assert "议程“周会”" in said


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"kind": "spot-9"}, "第 1 步的内容“spot-9”不认识"),
        ({"address": "data"}, "第 1 步的地址不是带地图的页面"),
        ({"address": "map?from=2026-13-01"}, "第 1 步的筛选有误"),
        ({"address": "hotspots?view=compare"}, "现状、变化、节律、叠加"),
        ({"title": "长" * 61}, "第 1 步的 title 应为 60 字以内"),
        ({"figures": ["reports", "open", "closed"]}, "至多两项"),
        ({"figures": ["passwords"]}, "可用：reports"),
    ],
)
def test_a_step_that_nobody_could_show(tmp_path: Path, entry: dict[str, Any], why: str) -> None:
    (tmp_path / "agenda").mkdir()
    (tmp_path / "agenda" / "周会.json").write_text(json.dumps({"steps": [entry]}), encoding="utf-8")
    with pytest.raises(CwmapError, match=re.escape(why)):
        agenda.load(tmp_path, "周会")


# From an address ----------------------------------------------------------------------------------


def test_a_view_moves_on_with_the_records(demo_town: Town) -> None:
    end = demo_town.as_of
    start = end - timedelta(days=6)
    link = f"http://10.1.2.3:8501/tasks?from={start}&to={end}&category=garbage&at=33.4,104.9,16&pick=lanes:X"
    step = agenda.viewed(demo_town, link)
    assert step.page == "tasks"
    assert step.at == (33.4, 104.9, 16)
    assert step.words["pick"] == "lanes:X"
    asked = agenda.question(demo_town, step)
    assert asked == Filter(start=start, end=end, category=("garbage",))
    later = replace(demo_town, reports=replace(demo_town.reports, as_of=end + timedelta(days=3)))
    moved = agenda.question(later, step)
    assert (moved.start, moved.end) == (start + timedelta(days=3), end + timedelta(days=3))
    assert agenda.viewed(demo_town, "http://10.1.2.3:8501/").page == "map"  # the start page
    old = agenda.viewed(demo_town, f"map?from={start}&to={end - timedelta(days=1)}")
    assert agenda.question(later, old).end == end - timedelta(days=1)


@pytest.mark.parametrize(
    "link",
    [
        "http://x/data", "http://x/reports?from=2026-01-01", "../../etc/passwd", "map?category=没有的",
        "map?from=x", "http://x/hotspots?view=compare", "http://x/assessment?view=rules",
    ],
)  # fmt: skip
def test_a_link_that_shows_no_map(demo_town: Town, link: str) -> None:
    with pytest.raises(CwmapError) as error:
        agenda.viewed(demo_town, link)
    assert CHINESE.search(str(error.value))


@pytest.mark.parametrize("word", ["", "1,2", "91,0,5", "0,181,5", "0,0,99", "nan,nan,nan", "a,b,c"])
def test_a_place_that_is_nowhere(word: str) -> None:
    assert Step(address=f"map?at={word}").at is None


# Told ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def desk(demo_town: Town, demo_workspace: Workspace) -> Desk:
    return Desk(demo_town, demo_workspace)


@pytest.fixture(scope="module")
def month(demo_town: Town) -> Filter:
    return Filter(start=demo_town.as_of - timedelta(days=29), end=demo_town.as_of)


def values(told: telling.Told) -> list[str]:
    return [figure.value for figure in told.figures]


def test_the_usual_agenda_has_what_the_town_has(desk: Desk, month: Filter) -> None:
    spots = min(len(desk.spots(month).items), 3)
    kinds = [step.kind for step in desk.usual().steps]
    assert kinds == [
        "overview", *(f"spot-{k + 1}" for k in range(spots)), "gap", "ranking", "overdue", "asked"
    ]  # fmt: skip
    for step in desk.usual().steps:
        told = telling.tell(desk, step)
        assert told.title
        assert CHINESE.search(told.sentence)
        assert len(told.figures) <= 2


def test_figures_are_those_of_the_pages(desk: Desk, month: Filter) -> None:
    town = desk.town
    s = figures.summary(town, month)
    overview = telling.tell(desk, Step("overview"))
    assert values(overview) == [f"{s.reports:,}", f"{s.in_time_share:.0%}"]
    assert f"已超期 {s.overdue:,} 件" in overview.sentence
    counted = tasks.counts(town, Filter(), desk.routing)
    overdue = telling.tell(desk, Step("overdue"))
    assert values(overdue) == [f"{counted.lights['红']:,}", f"{counted.lights['黄']:,}"]
    late = counted.owners[counted.owners["red"] > 0].head(telling.MOST_ROWS)
    assert [row[:2] for row in overdue.rows] == [
        (r.owner, f"{r.red:,} 件") for r in late.itertuples()
    ]
    week = assessment.week(town, desk.scoring, desk.inspected)
    ranking = telling.tell(desk, Step("ranking"))
    assert values(ranking)[0] == f"{week.ranking['score'].mean():.1f}"
    named = {row[0] for row in ranking.rows}
    assert named == {f"红 {n}" for n in week.red.nlargest(3, "score")["name"]} | {
        f"黑 {n}" for n in week.black.nsmallest(3, "score")["name"]
    }
    view = telling.tell(desk, Step(address="map?category=garbage", figures=("open", "closed")))
    garbage = figures.summary(town, replace(month, category=("garbage",)))
    assert values(view) == [f"{garbage.open:,}", f"{garbage.closed:,}"]


def test_a_view_shows_the_figures_of_its_own_page(desk: Desk, month: Filter) -> None:
    town = desk.town
    owner = str(tasks.counts(town, month, desk.routing).owners["owner"].iloc[0])
    mine = tasks.counts(town, month, desk.routing, unit=owner)
    told = telling.tell(desk, Step(address=f"tasks?unit={owner}"))
    assert values(told) == [f"{mine.lights['红']:,}", f"{mine.lights['黄']:,}"]
    assert told.title.startswith(owner)
    day = desk.inspected.replace(day=1) - timedelta(days=1)
    scores = assessment.ranking(town, desk.scoring, assessment.month_of(day))["score"]
    told = telling.tell(desk, Step(address=f"assessment?view=month&on={day}"))
    assert values(told)[0] == f"{scores.mean():.1f}"
    assert told.caption == f"{day:%Y-%m}"


def test_the_gap_is_that_of_its_page(desk: Desk, month: Filter) -> None:
    judged = gaps.gaps(desk.town, desk.norms, "market", month)
    first = judged.urgent.iloc[0]
    told = telling.tell(desk, Step("gap"))
    assert told.places == ("areas", ("P01",))  # as planted
    assert told.sentence == first["reason"]
    concerned = f"{judged.concerned['P01']:,.0f}"
    assert f"涉及 {concerned} 人" in told.sentence
    assert values(told) == [concerned, f"{first['nearest_m']:,.0f}"]


def test_a_view_of_the_gaps_says_what_its_page_does(desk: Desk, month: Filter) -> None:
    step = agenda.viewed(desk.town, "http://x/gaps?kind=toilet&by=communities&weight=20")
    norms = asking.weighed(desk.norms, {"weight": "20"})
    judged = gaps.gaps(desk.town, norms, "toilet", month, None, "communities")
    first = str(judged.urgent.index[0])
    told = telling.tell(desk, step)
    assert told.sentence == judged.frame.loc[first, "reason"]
    last = str(judged.frame.index[-1])
    other = telling.tell(desk, replace(step, address=f"{step.address}&spot={last}"))
    assert other.sentence == judged.frame.loc[last, "reason"]
    assert values(other)[0] == f"{judged.concerned[last]:,.0f}"
    bins = telling.tell(desk, agenda.viewed(desk.town, "gaps?kind=bin"))
    spaced = gaps.gaps(desk.town, desk.norms, "bin", month)
    assert values(bins) == [f"{spaced.concerned.loc[spaced.urgent.index[0]]:,.0f}"]


def test_the_planners_words_stand_before_ours(desk: Desk) -> None:
    told = telling.tell(desk, Step("overdue", title="<b>红灯</b>", sentence="先办。"))
    assert (told.title, told.sentence) == ("<b>红灯</b>", "先办。")
    assert told.figures == telling.tell(desk, Step("overdue")).figures
    assert (
        telling.tell(desk, Step("overview", pictures=("../town.gpkg", "没有.jpg"))).pictures == ()
    )


def test_what_a_town_does_not_have_is_said(workspace: Workspace) -> None:
    desk = Desk(open_town(workspace), workspace)
    assert steps.events(workspace).empty
    assert "spot-1" not in [step.kind for step in desk.usual().steps]
    for kind in KINDS:
        told = telling.tell(desk, Step(kind))
        assert CHINESE.search(told.sentence), kind


# Read from the back of the room -------------------------------------------------------------------

CSS = (ASSETS / "page_meeting.css").read_text(encoding="utf-8")
STAGE = CSS.partition("/* the page around it")[0]
PAIRS = [
    *((ink, ground) for ink in ("ink", "soft", "bad", "good") for ground in ("ground", "tint")),
    ("badge", "badge-ground"), ("note", "note-ground"), ("ground", "ink"),
]  # fmt: skip


def palette(theme: str) -> dict[str, str]:
    start = {"light": ":root", "dark": ".cw-dark"}[theme]
    block = re.search(re.escape(start) + r" \{([^}]*)\}", CSS)
    assert block
    return dict(re.findall(r"--cm-([\w-]+): (#[0-9a-f]{6});", block[1]))


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_computed_as_wcag_says() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_colour_of_text_is_aa_on_its_ground(theme: str) -> None:
    colours = palette(theme)
    assert set(colours) == set(palette("light"))
    for text, ground in PAIRS:
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)


def test_no_colour_of_text_is_left_out() -> None:
    """Whatever the sheet writes in, and on, is among the pairs."""
    inks = set(re.findall(r"(?<![-\w])color: var\(--cm-([\w-]+)\)", STAGE))
    grounds = set(re.findall(r"background: var\(--cm-([\w-]+)\)", STAGE)) - {"accent"}  # the line
    assert inks <= {text for text, _ in PAIRS}
    assert grounds <= {ground for _, ground in PAIRS}
    assert not re.search(r"(?<![-\w])color: (?!var\(--cm-)", STAGE)


def test_type_reads_from_ten_metres() -> None:
    """In parts of a screen of 1080."""
    sizes = {
        selector: float(size)
        for selector, body in re.findall(r"([^{}]+)\{([^{}]*)\}", STAGE)
        for size in re.findall(r"font-size: calc\((\d+)", body)
    }
    named = {selector.strip(): size for selector, size in sizes.items()}
    assert named[".cm-head h1"] >= 44
    assert named[".cm-figure b"] >= 72
    assert named[".cm-side:has(ul) .cm-figure b"] >= 72
    assert named[".cm-said"] >= 40
