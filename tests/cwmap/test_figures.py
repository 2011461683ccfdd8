"""Every number that a page may show, against pandas on the same rows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from cwmap import figures
from cwmap.filters import Filter
from cwmap.norms import Categories
from cwmap.store import Settings, Workspace
from cwmap.tables import PLACES, REPORTS, TABLES
from cwmap.town import Town, open_town
from cwmap.worktime import Calendar
from geo.hotspots import empirical_bayes_rate

ZONE = "Asia/Shanghai"


@pytest.fixture(scope="module")
def rows(demo_workspace: Workspace, demo_town: Town) -> pd.DataFrame:
    """All reports, with their local day, group, and whether they were late, by pandas alone."""
    frame = demo_workspace.read("reports")
    categories = Categories.load()
    end = (
        pd.Timestamp(demo_town.as_of + timedelta(days=1), tz=ZONE)
        .tz_convert("UTC")
        .tz_localize(None)
    )
    limits = [categories.limit(code) for code in frame["category"]]
    which = np.arange(len(frame))
    limited = Calendar().due(frame["reported_at"].to_numpy(), limits, which)
    granted = demo_town.registers["tasks"].set_index("task_id")["due_at"]
    due = frame["report_id"].map(granted).fillna(frame["due_at"])  # what was granted comes first
    due = due.fillna(pd.Series(limited, frame.index))
    closed = frame["status"].isin(["fixed", "verified"])
    local = frame["reported_at"].dt.tz_localize("UTC").dt.tz_convert(ZONE)
    return frame.assign(
        day=local.dt.date,
        group=frame["category"].map(lambda code: categories.group_of(code).key),
        open=frame["status"].isin(["open", "assigned"]),
        closed=closed,
        known=closed & frame["closed_at"].notna(),
        late=np.where(closed, frame["closed_at"] > due, end > due),
    )


@st.composite
def filters(draw: st.DrawFn) -> dict[str, Any]:
    """Choices as numbers, to be made from what the town has."""
    return {
        "from": draw(st.none() | st.integers(-20, 210)), "days": draw(st.none() | st.integers(0, 210)),
        **{word: draw(st.lists(st.integers(0, 10**6), max_size=3)) for word in
           ("category", "group", "status", "area", "community", "lane", "cell", "source")},
    }  # fmt: skip


def chosen(town: Town, numbers: dict[str, Any]) -> Filter:
    """A filter of things that exist; mostly wide enough to leave something."""
    known = {
        "category": town.codes, "group": [g.key for g in town.categories.groups],
        "status": list(REPORTS["status"].choices), "source": town.sources,
        **{w: list(town.layers[n].index) for w, n in (
            ("area", "areas"), ("community", "communities"), ("lane", "lanes"), ("cell", "cells"))},
    }  # fmt: skip
    picked = {
        w: tuple(dict.fromkeys(ids[n % len(ids)] for n in numbers[w])) for w, ids in known.items()
    }
    if len(picked["lane"]) < 2:
        picked["lane"] = ()
    if len(picked["cell"]) < 3:
        picked["cell"] = ()
    start = None if numbers["from"] is None else town.first_day + timedelta(days=numbers["from"])
    end = (
        None
        if numbers["days"] is None
        else (start or town.first_day) + timedelta(days=numbers["days"])
    )
    category = picked.pop("category") + picked.pop("group")
    return Filter(start=start, end=end, category=category, **picked)


def left(rows: pd.DataFrame, question: Filter) -> pd.DataFrame:
    keep = pd.Series(True, rows.index)
    if question.start:
        keep &= rows["day"] >= question.start
    if question.end:
        keep &= rows["day"] <= question.end
    if question.category:
        keep &= rows["category"].isin(question.category) | rows["group"].isin(question.category)
    for word, column in (
        ("status", "status"), ("source", "source"), ("area", "area_id"), ("lane", "lane_id"),
        ("community", "community_id"), ("cell", "cell_id"),
    ):  # fmt: skip
        if getattr(question, word):
            keep &= rows[column].isin(getattr(question, word))
    return rows[keep]


@settings(deadline=None, max_examples=80)
@given(filters())
def test_every_figure_of_every_filter(
    demo_town: Town, rows: pd.DataFrame, numbers: dict[str, Any]
) -> None:
    town, question = demo_town, chosen(demo_town, numbers)
    some = left(rows, question)
    summary = figures.summary(town, question)
    overdue = some["open"] & some["late"]
    assert summary.reports == len(some)
    assert summary.open == some["open"].sum()
    assert summary.overdue == overdue.sum()
    assert summary.closed == some["closed"].sum()
    assert summary.in_time == (some["known"] & ~some["late"]).sum()
    assert summary.judged == some["known"].sum() + overdue.sum()
    earlier = question.before()
    if earlier is None or earlier.start is None or earlier.start < town.first_day:
        assert summary.before is None
    else:
        assert summary.before == len(left(rows, earlier))

    selected = town.selected(town.view(question))
    assert sorted(town.reports.ids[selected]) == sorted(some["report_id"])
    assert figures.unplaced(town, question) == (some["placed_by"] == "unplaced").sum()
    total, newest = figures.listed(town, question, None, 10)
    latest = some.sort_values(["reported_at", "report_id"], ascending=False)
    assert (total, newest) == (len(some), latest["report_id"].head(10).to_list())
    total, named = figures.listed(town, question, "name", 10**6)
    assert sorted(named) == sorted(some["report_id"][some["placed_by"] == "name"])

    any_kind = left(rows, replace(question, category=()))
    groups = {group.key: 0 for group in town.categories.groups} | any_kind[
        "group"
    ].value_counts().to_dict()
    assert figures.group_counts(town, question) == groups
    any_status = left(rows, replace(question, status=()))["status"].value_counts()
    assert figures.status_counts(town, question) == {
        status: any_status.get(status, 0) for status in REPORTS["status"].choices
    }
    by_category = figures.by_category(town, question)
    assert dict(zip(by_category["category"], by_category["reports"], strict=True)) == (
        some["category"].value_counts().to_dict()
    )
    assert by_category["reports"].is_monotonic_decreasing

    for name in PLACES:
        counts = figures.place_counts(town, town.view(question), name)
        key, index = TABLES[name].key, town.layers[name].index
        for column, mask in (
            ("reports", some["day"].notna()),
            ("open", some["open"]),
            ("overdue", overdue),
        ):
            expected = some[mask].groupby(key).size().reindex(index, fill_value=0)
            assert counts[column].to_list() == expected.to_list(), (name, column)


@settings(deadline=None, max_examples=60)
@given(filters(), st.integers(1, 30))
def test_weeks_end_with_the_period_and_begin_with_the_records(
    demo_town: Town, rows: pd.DataFrame, numbers: dict[str, Any], weeks: int
) -> None:
    question = chosen(demo_town, numbers)
    series = figures.weekly(demo_town, question, weeks)
    end = min(question.end or demo_town.as_of, demo_town.as_of)
    some = left(rows, replace(question, start=None, end=None))
    for week, number in zip(series["week"], series["reports"], strict=True):
        assert week >= demo_town.first_day
        assert (end - week).days % 7 == 6
        assert number == some["day"].between(week, week + timedelta(days=6)).sum()
    possible = max(min(weeks, ((end - demo_town.first_day).days + 1) // 7), 0)
    assert len(series) == possible


def test_lanes_are_ranked_by_their_shrunk_rate(demo_town: Town, rows: pd.DataFrame) -> None:
    question = Filter(
        end=demo_town.as_of, start=demo_town.as_of - timedelta(days=29), category=("garbage",)
    )
    table = figures.lanes(demo_town, question)
    lanes = demo_town.layers["lanes"]
    assert table.index.equals(lanes.index)
    counts = left(rows, question).groupby("lane_id").size().reindex(lanes.index, fill_value=0)
    assert table["reports"].to_list() == counts.to_list()
    np.testing.assert_allclose(table["rate_per_100m"], counts / (lanes["length_m"] / 100))
    shrunk = empirical_bayes_rate(counts.to_numpy(float), lanes["length_m"].to_numpy() / 100).rate
    np.testing.assert_allclose(table["rate_shrunk"], shrunk)
    some = table[table["reports"] > 0]
    assert (
        some["rank"].to_list() == some["rate_shrunk"].rank(method="min", ascending=False).to_list()
    )
    assert (table["rank"][table["reports"] == 0] == len(some) + 1).all()
    worst = figures.worst_lanes(demo_town, question, 5)
    assert worst["rank"].is_monotonic_increasing
    assert len(worst) == min(5, len(some))
    cells = figures.cells(demo_town, question)
    area = demo_town.layers["cells"]["area_m2"]
    np.testing.assert_allclose(cells["rate_per_ha"] * area / 10_000, cells["reports"])


def test_one_report_on_a_short_lane_does_not_top_the_list(demo_town: Town) -> None:
    table = figures.lanes(demo_town, Filter())
    worst = figures.worst_lanes(demo_town, Filter())
    assert (worst["reports"] > 2).all()
    few = table[(table["reports"] > 0) & (table["reports"] <= 2)]
    assert few["rank"].min() > 10


def test_heat_integrates_to_the_reports_that_have_a_place(demo_town: Town) -> None:
    density = figures.heat(demo_town, Filter(), 80)
    pixel_ha = demo_town.heat_grid.pixel_m**2 / 10_000
    placed = np.isfinite(demo_town.reports.x).sum()
    assert density.sum() * pixel_ha == pytest.approx(placed, rel=0.002)


# Rates by area and by residents ---------------------------------------------------------------


@pytest.mark.parametrize("layer", ["cells", "communities", "areas"])
def test_rates_of_places(demo_town: Town, layer: str) -> None:
    """Residents as geopandas joins the points of the population; nothing where there are none."""
    table = figures.places(demo_town, Filter(), layer)
    frame = demo_town.layers[layer]
    assert table.index.equals(frame.index)
    np.testing.assert_allclose(table["rate_per_ha"] * frame["area_m2"] / 10_000, table["reports"])
    homes = demo_town.layers["population"][["residents", "geometry"]]
    joined = homes.sjoin(frame[["geometry"]], predicate="within")
    people = joined.groupby(TABLES[layer].key)["residents"].sum().reindex(frame.index)
    pd.testing.assert_series_equal(table["residents"], people, check_names=False)
    known = people.notna()
    assert known.any()
    assert table["rate_per_1000"].notna().equals(known & (people > 0))
    some = known & (people > 0)
    np.testing.assert_allclose(
        table["rate_per_1000"][some] * people[some] / 1_000, table["reports"][some]
    )


def test_residents_of_polygons_and_where_nobody_counted(
    workspace: Workspace, degrees: Callable[..., list[Any]]
) -> None:
    """Shares by area; what no row reaches is unknown and not zero."""
    squares = degrees(*(shapely.box(100 * k, 0, 100 * k + 100, 100) for k in range(5)))
    homes = degrees(
        shapely.box(50, 0, 150, 100), shapely.Point(20, 20), shapely.Point(350, 50),
        shapely.box(100, 0, 200.5, 100),
    )  # fmt: skip
    population = gpd.GeoDataFrame(
        {
            "population_id": list("ABCD"), "residents": [80, 7, 0, 201],
            "geometry": homes,
        }, crs="EPSG:4326",
    )  # fmt: skip
    cells = gpd.GeoDataFrame(
        {"cell_id": list("abcde"), "area_m2": 10_000.0, "geometry": squares}, crs="EPSG:4326"
    )
    reports = gpd.GeoDataFrame(
        {
            "report_id": ["1", "2"], "category": "06013", "status": "open", "cell_id": ["a", "d"],
            "reported_at": moment("2026-03-01 09:00"),
            "geometry": degrees(shapely.Point(10, 10), shapely.Point(310, 10)),
        }, crs="EPSG:4326",
    )  # fmt: skip
    with workspace.changing() as change:
        change.merge("cells", cells)
        change.merge("population", population)
        change.merge("reports", reports)
    table = figures.cells(open_town(workspace), Filter())
    expected = [40 + 7, 40 + 200, np.nan, 0, np.nan]  # a sliver of 0.5 m is no neighbour's share
    np.testing.assert_allclose(table["residents"], expected, rtol=1e-4)
    assert table["reports"].tolist() == [1, 0, 0, 1, 0]
    np.testing.assert_allclose(
        table["rate_per_1000"], [1_000 / 47, 0, np.nan, np.nan, np.nan], rtol=1e-4
    )
    np.testing.assert_allclose(table["rate_per_ha"], [1, 0, 0, 1, 0], rtol=1e-3)


# Lateness --------------------------------------------------------------------------------------


def moment(text: str) -> pd.Timestamp:
    """A time on a clock in Shanghai, as the store keeps it."""
    return pd.Timestamp(text, tz=ZONE).tz_convert("UTC").tz_localize(None)


@pytest.mark.parametrize(
    ("status", "due", "closed", "counted"),
    [
        # open, overdue, closed, judged, in time; hours to fix. The last report is of 5 March.
        ("open", "2026-03-02 09:00", None, (1, 1, 0, 1, 0, None)),
        ("open", "2026-03-05 23:59", None, (1, 1, 0, 1, 0, None)),
        ("open", "2026-03-06 00:00", None, (1, 0, 0, 0, 0, None)),
        ("assigned", "2026-03-06 09:00", None, (1, 0, 0, 0, 0, None)),
        ("verified", "2026-03-02 09:00", "2026-03-02 09:00", (0, 0, 1, 1, 1, 24)),
        ("fixed", "2026-03-02 09:00", "2026-03-02 09:01", (0, 0, 1, 1, 0, 24 + 1 / 60)),
        ("fixed", "2026-03-02 09:00", None, (0, 0, 1, 0, 0, None)),  # at an unknown time: not judged
        ("verified", "2026-03-02 09:00", "2026-02-28 09:00", (0, 0, 1, 1, 1, None)),
        ("rejected", "2026-03-02 09:00", None, (0, 0, 0, 0, 0, None)),
        # Without a due time the category's own limit holds: 7 working hours of Monday, 2 March.
        ("open", None, None, (1, 1, 0, 1, 0, None)),
        ("fixed", None, "2026-03-02 18:00", (0, 0, 1, 1, 1, 33)),
        ("fixed", None, "2026-03-02 18:01", (0, 0, 1, 1, 0, 33 + 1 / 60)),
        ("open", "2026-03-02 09:00", "2026-03-01 10:00", (1, 1, 0, 1, 0, None)),  # reopened
    ],
)  # fmt: skip
def test_what_is_late(
    workspace: Workspace, status: str, due: str | None, closed: str | None, counted: tuple[Any, ...]
) -> None:
    frame = pd.DataFrame(
        {
            "report_id": ["A", "last"], "category": "L101", "status": [status, "rejected"],
            "reported_at": [moment("2026-03-01 09:00"), moment("2026-03-05 12:00")],
            "due_at": [moment(due) if due else pd.NaT, pd.NaT],
            "closed_at": [moment(closed) if closed else pd.NaT, pd.NaT],
        }
    )  # fmt: skip
    local = pd.DataFrame({"category": ["L101"], "name": ["楼道开会"], "limit_h": [7.0]})
    with workspace.changing() as change:
        change.merge("categories", local)
        change.merge("reports", frame)
    town = open_town(workspace)
    assert town.as_of == date(2026, 3, 5)
    s = figures.summary(town, Filter(status=(status,), end=date(2026, 3, 1)))
    assert (s.open, s.overdue, s.closed, s.judged, s.in_time) == counted[:5]
    hours = town.reports.hours_to_fix[0]
    assert np.isnan(hours) if counted[5] is None else hours == pytest.approx(counted[5])


def test_today_is_not_over_before_it_ends(workspace: Workspace) -> None:
    now = pd.Timestamp.now("UTC").tz_localize(None).as_unit("us")
    minute = pd.Timedelta(minutes=1)
    frame = pd.DataFrame(
        {"report_id": ["A", "B"], "category": "06013", "status": "open", "reported_at": now - minute,
         "due_at": [now - minute / 2, now + minute]}
    )  # fmt: skip
    with workspace.changing() as change:
        change.merge("reports", frame)
    assert figures.summary(open_town(workspace), Filter()).overdue == 1


def test_shares_and_changes_of_nothing_are_none() -> None:
    nothing = figures.Summary(reports=0, before=0, open=0, overdue=0, closed=0, judged=0, in_time=0)
    assert nothing.change is None
    assert nothing.in_time_share is None
    some = replace(nothing, reports=3, before=2, judged=4, in_time=1)
    assert (some.change, some.in_time_share) == (0.5, 0.25)


def test_an_empty_town_has_figures(workspace: Workspace) -> None:
    town = open_town(workspace)
    assert figures.summary(town, Filter()).reports == 0
    assert figures.weekly(town, Filter()).empty
    assert figures.lanes(town, Filter()).empty
    assert figures.cells(town, Filter()).empty
    assert figures.worst_lanes(town, Filter()).empty
    assert figures.by_category(town, Filter()).empty
    assert set(figures.status_counts(town, Filter()).values()) == {0}
    assert figures.heat(town, Filter()).max() == 0
    assert figures.listed(town, Filter(), None, 5) == (0, [])
    assert Settings().crs == town.settings.crs
