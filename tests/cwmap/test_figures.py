"""Every figure against a plain count of the same reports with pandas."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cwmap import figures
from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.town import Town

DAYS = st.dates(date(2026, 4, 20), date(2026, 11, 5))


@pytest.fixture(scope="module")
def rows(demo_workspace: Workspace, demo_town: Town) -> pd.DataFrame:
    """The reports as stored, with what the figures are about worked out again by hand."""
    frame = demo_workspace.read("reports")
    local = frame["reported_at"].dt.tz_localize("UTC").dt.tz_convert("Asia/Shanghai")
    limits = {c: demo_town.categories.limit_h(c) for c in frame["category"].unique()}
    due = frame["due_at"].fillna(
        frame["reported_at"] + pd.to_timedelta(frame["category"].map(limits), "h")
    )
    midnight = pd.Timestamp(demo_town.as_of) + timedelta(days=1)
    now = midnight.tz_localize("Asia/Shanghai").tz_convert("UTC").tz_localize(None)
    is_open = frame["status"].isin(["open", "assigned"])
    closed = frame["status"].isin(["fixed", "verified"])
    return frame.assign(
        day=local.dt.date,
        group=[demo_town.categories.group_of(c).key for c in frame["category"]],
        is_open=is_open,
        overdue=is_open & (due < now),
        in_time=closed & (frame["closed_at"] <= due),
        late=closed & (frame["closed_at"] > due),
    )


@st.composite
def questions(draw: st.DrawFn) -> Filter:
    start, end = sorted([draw(DAYS), draw(DAYS)])
    return Filter(
        start=draw(st.sampled_from([start, None])),
        end=draw(st.sampled_from([end, None])),
        category=tuple(draw(st.lists(st.sampled_from(["road", "garbage", "09006"]), unique=True))),
        status=tuple(draw(st.lists(st.sampled_from(["open", "verified", "fixed"]), unique=True))),
        area=tuple(draw(st.lists(st.sampled_from(["P01", "P02"]), unique=True))),
        source=tuple(draw(st.lists(st.sampled_from(["巡查", "12345热线"]), unique=True))),
    )


def left(rows: pd.DataFrame, question: Filter) -> pd.DataFrame:
    """The rows that a filter leaves, in plain words."""
    keep = np.ones(len(rows), bool)
    if question.start:
        keep &= rows["day"] >= question.start
    if question.end:
        keep &= rows["day"] <= question.end
    if question.category:
        keep &= rows["group"].isin(question.category) | rows["category"].isin(question.category)
    for word, column in (("status", "status"), ("area", "area_id"), ("source", "source")):
        if getattr(question, word):
            keep &= rows[column].isin(getattr(question, word))
    return rows[keep]


@settings(deadline=None, max_examples=40)
@given(question=questions())
def test_every_figure_is_a_plain_count(
    demo_town: Town, rows: pd.DataFrame, question: Filter
) -> None:
    found = left(rows, question)
    s = figures.summary(demo_town, question)
    assert s.reports == len(found)
    assert s.open == found["is_open"].sum()
    assert s.overdue == found["overdue"].sum()
    assert s.in_time == found["in_time"].sum()
    assert s.judged == (found["in_time"] | found["late"] | found["overdue"]).sum()
    before = question.before()
    if before and before.start and before.start >= demo_town.first_day:
        assert s.before == len(left(rows, before))
    else:
        assert s.before is None

    lanes = figures.lanes(demo_town, question)
    expected = found.groupby("lane_id").size().reindex(lanes.index, fill_value=0)
    assert lanes["reports"].tolist() == expected.tolist()
    late = found[found["overdue"]].groupby("lane_id").size().reindex(lanes.index, fill_value=0)
    assert lanes["overdue"].tolist() == late.tolist()
    np.testing.assert_allclose(lanes["rate_per_100m"], expected / lanes["length_m"] * 100)

    cells = figures.cells(demo_town, question)
    expected = found.groupby("cell_id").size().reindex(cells.index, fill_value=0)
    assert cells["reports"].tolist() == expected.tolist()
    np.testing.assert_allclose(cells["rate_per_ha"], expected / cells["area_m2"] * 10_000)

    total, ids = figures.listed(demo_town, question, "unplaced", 10_000)
    assert total == len(ids) == figures.unplaced(demo_town, question)
    assert set(ids) == set(found.loc[found["placed_by"] == "unplaced", "report_id"])


@settings(deadline=None, max_examples=20)
@given(question=questions())
def test_counts_beside_a_choice_leave_that_choice_out(
    demo_town: Town, rows: pd.DataFrame, question: Filter
) -> None:
    from dataclasses import replace

    groups = figures.group_counts(demo_town, question)
    found = left(rows, replace(question, category=()))
    assert {k: v for k, v in groups.items() if v} == found.groupby("group").size().to_dict()
    assert list(groups) == [g.key for g in demo_town.categories.groups]
    statuses = figures.status_counts(demo_town, question)
    found = left(rows, replace(question, status=()))
    assert {k: v for k, v in statuses.items() if v} == found.groupby("status").size().to_dict()


def test_weeks_end_with_the_period_and_begin_with_the_records(
    demo_town: Town, rows: pd.DataFrame
) -> None:
    end = date(2026, 9, 13)
    weeks = figures.weekly(demo_town, Filter(end=end), weeks=200)
    assert weeks["week"].iloc[-1] == end - timedelta(days=6)
    assert weeks["week"].iloc[0] >= demo_town.first_day
    for row in weeks.itertuples():
        days = rows["day"].between(row.week, row.week + timedelta(days=6))
        assert row.reports == days.sum()


def test_one_report_on_a_short_lane_does_not_top_the_list(demo_town: Town) -> None:
    lanes = figures.lanes(demo_town, Filter())
    worst = figures.worst_lanes(demo_town, Filter())
    assert worst["rank"].is_monotonic_increasing
    assert (worst["reports"] > 2).all()
    few = lanes[(lanes["reports"] > 0) & (lanes["reports"] <= 2)]
    assert few["rank"].min() > 10


def test_heat_integrates_to_the_reports_that_have_a_place(demo_town: Town) -> None:
    density = figures.heat(demo_town, Filter(), 80)
    pixel_ha = demo_town.heat_grid.pixel_m**2 / 10_000
    placed = np.isfinite(demo_town.reports.x).sum()
    assert density.sum() * pixel_ha == pytest.approx(placed, rel=0.002)
