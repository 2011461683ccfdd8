"""Who answers, how it was scored and what is to be done, as layers: against the pages' own figures."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyogrio
import pytest

from cwmap import units
from cwmap.assessment import assessment, rewards, scoring
from cwmap.duties import duties
from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.tasks import routing, tasks
from cwmap.town import Town
from cwmap.writers.cases import LIGHT_NAMES
from cwmap.writers.layers import layer_frame, layer_notes
from cwmap.writers.rosters import period_of
from cwmap.writers.symbology import symbology

Made = Callable[..., Path]


def test_duties_are_the_register_of_the_last_day(town: Town, workspace: Workspace) -> None:
    day = date(2026, 3, 1)
    frame = layer_frame(town, workspace, "duties", Filter(end=day))
    register = duties.register(town).on(day)
    assert frame["unit_id"].tolist() == register["unit"].tolist() != []
    assert frame["complete"].tolist() == np.where(register["complete"], "yes", "no").tolist()
    shapes = units.units(town).geometry
    for unit, shape in zip(frame["unit_id"], frame.geometry, strict=True):
        assert shape.equals(shapes[unit])
    whole = frame[frame["lane_id"] == "X000"]
    assert whole["standing"].unique().tolist() == ["whole"]
    assert set(whole["role"]) >= set(duties.EXPECTED)
    assert "phone" not in frame
    # Before anybody held a post there is nobody; the row of an unknown place is told.
    assert len(layer_frame(town, workspace, "duties", Filter(end=date(2026, 1, 1)))) == 0
    assert any("1 行的地点不在图上" in n for n in layer_notes(town, "duties", Filter()))


@pytest.mark.parametrize(
    ("start", "end", "label"),
    [
        (None, date(2026, 4, 20), "2026-04"), (date(2026, 1, 1), date(2026, 4, 20), "2026-04"),
        (date(2026, 4, 6), date(2026, 4, 12), "2026-04-06 至 2026-04-12"),
        (date(2026, 4, 5), date(2026, 4, 12), "2026-04"),
    ],
)  # fmt: skip
def test_ranking_is_that_of_the_page(
    start: date | None, end: date, label: str, town: Town, workspace: Workspace
) -> None:
    question = Filter(start=start, end=end)
    frame = layer_frame(town, workspace, "ranking", question)
    rules = scoring.load(workspace.folder, town.categories)
    page = assessment.month(town, rules, rewards.load(workspace.folder), end).ranking
    if "至" in label:
        page = assessment.week(town, rules, end).ranking
    assert period_of(town, question).label == label
    assert set(frame["period"]) == {label}
    assert frame["unit_id"].tolist() == page.index.tolist() != []
    for name in ("score", "rank", "deductions", "findings"):
        assert frame[name].tolist() == page[name].tolist()
    if "至" in label:
        assert frame["reward"].isna().all()  # rewards are a month's
    else:
        assert frame["reward"].tolist() == page["reward"].tolist()
    look = symbology("ranking", frame, town.categories.groups)
    steps = np.searchsorted((70, 80, 85, 90), frame["score"], side="right")
    names = ["70 分以下", "70 分起", "80 分起", "85 分起", "90 分起"]
    assert [look.classes[k].label for k in look.index] == [names[k] for k in steps]


def test_tasks_are_those_of_the_page(town: Town, workspace: Workspace) -> None:
    question = Filter(start=date(2026, 2, 1), status=("open", "assigned", "fixed"))
    frame = layer_frame(town, workspace, "tasks", question)
    rules = routing.load(workspace.folder, town.categories)
    total, page = tasks.listed(town, question, number=None, rules=rules)
    assert len(frame) == total > 10
    mine = frame.set_index("task_id").loc[page["task_id"]]
    for name in ("owner", "state", "overdue_h", "lane_id", "category"):
        assert (
            mine[name].astype(object).where(mine[name].notna(), None).tolist()
            == page[name].astype(object).where(page[name].notna(), None).tolist()
        )
    assert mine["light"].map(list(LIGHT_NAMES).index).tolist() == page["light"].tolist()
    due = mine["due_at"].dt.tz_convert("UTC").dt.tz_localize(None)
    assert due.tolist() == page["due_at"].tolist()
    reports = layer_frame(town, workspace, "reports", question)
    assert frame["report_id"].tolist() == reports["report_id"].tolist()
    for have, want in zip(frame.geometry, reports.geometry, strict=True):
        assert have is want is None or have.equals(want)


def test_a_task_that_was_given_away(town: Town, workspace: Workspace) -> None:
    """A later time limit, other owners, and a phone number in a text."""
    frame = layer_frame(town, workspace, "tasks", Filter()).set_index("task_id")
    assert frame.loc["H1", "owner"] == "=住建局"
    assert frame.loc["H1", "helpers"] == "电信公司、供电公司 139****5678"
    assert frame.loc["H2", "due_at"] == pd.Timestamp("2026-12-01T01:00", tz="UTC")


@pytest.mark.parametrize("layer", ["duties", "ranking", "tasks", "units"])
def test_without_registers_there_is_a_file_all_the_same(layer: str, town: Town, made: Made) -> None:
    never = Filter(start=date(2020, 1, 1), end=date(2020, 1, 2))
    for ending in (".gpkg", ".geojson", ".kml", ".fgb", ".shp"):
        path = made(layer, f"{layer}{ending}", never)
        found = pyogrio.read_dataframe(path, layer=layer if ending == ".gpkg" else None)
        assert len(found) == (2 if layer == "units" else 0)


def test_units_are_whole(town: Town, workspace: Workspace) -> None:
    frame = layer_frame(town, workspace, "units", Filter(lane=("X000",)))
    assert frame["unit_id"].tolist() == ["U1", "U2"]
    assert frame["note"].tolist() == ["电话 139****5678", "=1+1"]
    assert frame["community_id"].tolist() == ["621202100005"] * 2
    assert layer_notes(town, "units", Filter()) == ("全部责任单元，不受筛选影响",)
