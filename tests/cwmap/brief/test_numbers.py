"""A brief tells the numbers of the pages: asked here of the same modules, read back from each file."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cwmap import figures
from cwmap.assessment import assessment, scoring
from cwmap.brief import FORMATS, Brief, brief, written
from cwmap.duties import coverage
from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.tasks import indicators, routing, steps, tasks
from cwmap.town import Town
from cwmap.trends.spots import spots
from tests.cwmap.brief.conftest import DAY
from tests.cwmap.brief.readers import tables, text
from tests.cwmap.duties.test_boards import squeezed


@pytest.fixture(scope="module", params=["period", "roads"])
def question(request: pytest.FixtureRequest, demo_town: Town) -> Filter:
    end = demo_town.as_of
    if request.param == "period":
        return Filter(start=end - timedelta(days=29), end=end)
    return Filter(start=end - timedelta(days=99), end=end - timedelta(days=10), category=("road",))


@pytest.fixture(scope="module")
def made(demo_town: Town, demo_workspace: Workspace, question: Filter) -> Brief:
    return brief(demo_town, demo_workspace, question, dated=DAY)


@pytest.fixture(scope="module")
def files(made: Brief) -> dict[str, bytes]:
    return {ending: written(made, ending).content for ending in FORMATS}


def expected(town: Town, workspace: Workspace, question: Filter) -> list[str]:
    """What the pages 一张图, 热点, 考核, 任务 and 责任 show for this filter, in the brief's words."""
    whole = figures.summary(town, question)
    rules = scoring.load(workspace.folder, town.categories)
    week = assessment.week(town, rules, question.end)
    ways = routing.load(workspace.folder, town.categories)
    lights = tasks.counts(town, question, ways).lights
    rate = indicators.indicators(
        town, steps.events(workspace), question.start, question.end, ways
    ).overall["handled_in_time"]
    held = coverage.coverage(town, question.end)
    late = tasks.listed(town, question, light=tasks.RED, number=None, rules=ways)[0]
    return [
        f"上报问题 {whole.reports:,} 件", f"未办结 {whole.open:,} 件，其中超期 {whole.overdue:,} 件",
        f"{whole.in_time:,} / {whole.judged:,} 件", f"{whole.in_time_share:.1%}",
        spots(town, question).summary,
        f"检查 {len(week.ranking):,} 个单元，红榜 {len(week.red)} 个，黑榜 {len(week.black)} 个",
        f"另有 {len(week.unvisited):,} 个单元没有检查到",
        f"在办任务 {sum(lights.values()):,} 件" if any(lights.values()) else "没有在办的任务",
        f"{rate.numerator:,} / {rate.denominator:,} 件",
        f"应有 {held.expected:,} 岗", f"{held.filled_share:.1%}",
        f"超期任务共 {late:,} 件" if late else "没有超期任务",
    ]  # fmt: skip


@pytest.mark.parametrize("ending", FORMATS)
def test_each_file_tells_the_numbers_of_the_pages(
    files, demo_town, demo_workspace, question, ending
):
    found = text(files[ending], ending)
    for words in expected(demo_town, demo_workspace, question):
        assert squeezed(words) in found, words


def lane_rows(town: Town, question: Filter) -> list[tuple[str, ...]]:
    worst = figures.worst_lanes(town, question, 10)
    names = town.layers["communities"]["name"]
    return [
        (str(r.rank), r.name, names[r.community_id], f"{r.reports:,}", f"{r.rate_per_100m:.1f}",
         f"{r.open:,}", f"{r.overdue:,}")
        for r in worst.rename_axis("id").reset_index().itertuples()
    ]  # fmt: skip


@pytest.mark.parametrize("ending", [".pptx", ".docx", ".html"])
def test_native_tables_hold_lanes_units_and_lists(
    files, demo_town, demo_workspace, question, ending
):
    found = {table[0][1]: table[1:] for table in tables(files[ending], ending)}
    assert found["巷道"] == lane_rows(demo_town, question)
    rules = scoring.load(demo_workspace.folder, demo_town.categories)
    week = assessment.week(demo_town, rules, question.end)
    listed = [("红榜", n) for n in week.red["name"]] + [("黑榜", n) for n in week.black["name"]]
    assert [row[:2] for row in found.get("单元", [])] == listed
    counted = tasks.counts(demo_town, question).owners
    shown = counted[(counted["running"] > 0) | (counted["checking"] > 0)].head(10)
    wanted = (
        shown[["owner", "running", "red", "yellow", "checking"]].astype(str).to_numpy().tolist()
    )
    assert [list(row[:5]) for row in found.get("在办", [])] == wanted


def test_pdf_holds_every_row_in_order(files, made, demo_town, question):
    found = text(files[".pdf"], ".pdf")
    for row in lane_rows(demo_town, question):
        assert squeezed("".join(row)) in found


def test_the_single_page_tells_the_same(made, demo_town, question):
    page = written(made, ".pdf", one_page=True)
    found = text(page.content, ".pdf")
    assert page.pages == 1
    for key in ("overview", "where", "asks"):
        assert squeezed(made.section(key).sentence) in found
    for row in lane_rows(demo_town, question):
        assert squeezed("".join(row)) in found


def test_without_a_first_day_it_is_of_thirty_days(usual, demo_town, demo_workspace):
    start = demo_town.as_of - timedelta(days=29)
    assert usual.period == f"{start} 至 {demo_town.as_of}"
    assert "没有指定起始日期" in usual.notes[0]
    asked = brief(demo_town, demo_workspace, Filter(start=start, end=demo_town.as_of), dated=DAY)
    assert [s.sentence for s in asked.sections] == [s.sentence for s in usual.sections]
    assert "没有指定起始日期" not in asked.notes[0]
