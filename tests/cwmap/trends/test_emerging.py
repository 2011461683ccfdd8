from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cwmap import figures
from cwmap.filters import Filter
from cwmap.town import Town
from cwmap.trends.emerging import LABELS, TRENDS, classify_trends, cube_of, emerging
from cwmap.trends.hotspots import Method, hotspots, neighbours

EVER = Filter()

# Ten periods, H hot, C cold, . neither; + and - for a significant trend of the z scores.
SERIES = {
    ".........H": "new", "C........H": "new",
    "........HH": "consecutive", ".HHHHHHHHH": "persistent", "C....HHHHH": "consecutive",
    "HHHHHHHHHH+": "intensifying", "H.HHHHHHHH+": "intensifying",
    "HHHHHHHHHH": "persistent", "HHHHH.HHHH": "persistent",
    "HHHHHHHHHH-": "diminishing",
    "H.HH..HHHH": "sporadic", "H........H": "sporadic", "HHHHHHH..H+": "sporadic",
    "H.C......H": "oscillating", "CH.......H": "oscillating",
    "HHHHHHHHH.": "historical", "HHHHHHHHHC-": "historical",
    "..........": "none", "HHHHHHHH..": "none", "CCCCCCCCCC": "none", "..........+": "none",
}  # fmt: skip


@pytest.mark.parametrize(("series", "expected"), SERIES.items())
def test_the_class_of_a_series(series: str, expected: str) -> None:
    periods = np.array(list(series[:10]))[None]
    found = classify_trends(
        periods == "H",
        periods == "C",
        np.array([series[10:] == "+"]),
        np.array([series[10:] == "-"]),
    )
    assert found.tolist() == [expected]


def test_every_class_has_a_series_and_a_name() -> None:
    assert set(SERIES.values()) == set(TRENDS) == set(LABELS)
    assert len(set(LABELS.values())) == len(TRENDS)


def rules(hot: list[bool], cold: list[bool], trend: int) -> set[str]:
    """The published definitions word by word, none of them aware of another."""
    n, times, last = len(hot), sum(hot), hot[-1]
    before = 0
    while before < n and hot[n - 1 - before]:
        before += 1
    always = 10 * times >= 9 * n
    holds = {
        "new": last and not any(hot[:-1]),
        "consecutive": before >= 2 and not any(hot[: n - before]) and not always,
        "intensifying": last and always and trend > 0,
        "persistent": last and always and trend == 0,
        "diminishing": last and always and trend < 0,
        "sporadic": last and any(hot[:-1]) and not always and not any(cold),
        "oscillating": last and not always and any(cold),
        "historical": not last and always,
    }
    return {name for name, held in holds.items() if held}


@given(
    arrays.arrays(np.int8, st.tuples(st.just(1), st.integers(8, 30)), elements=st.integers(-1, 1)),
    st.integers(-1, 1),
)
@settings(deadline=None, max_examples=300)
def test_each_unit_has_exactly_one_class_and_its_rule_holds(series: np.ndarray, trend: int) -> None:
    way = np.array([trend])
    (found,) = classify_trends(series == 1, series == -1, way > 0, way < 0)
    holding = rules((series[0] == 1).tolist(), (series[0] == -1).tolist(), trend)
    assert found in (holding or {"none"})
    if len(holding) > 1:  # what ends in the first run of hot periods is new or consecutive
        assert found in ("new", "consecutive")


def test_periods_are_whole_and_end_with_the_filter(demo_town: Town) -> None:
    for step, days in (("week", 7), ("month", 30)):
        question = Filter(end=date(2026, 10, 20), category=("garbage", "street_market"))
        cube = cube_of(demo_town, question, "cells", step)
        assert cube.starts[-1] + timedelta(days=days) == date(2026, 10, 21)
        assert cube.starts[0] - timedelta(days=days) < demo_town.first_day <= cube.starts[0]
        for k, start in enumerate(cube.starts):
            own = Filter(start, start + timedelta(days=days - 1), question.category)
            assert cube.counts[:, k].tolist() == figures.cells(demo_town, own)["reports"].tolist()


def test_each_period_is_judged_like_a_map_of_it(demo_town: Town) -> None:
    found = emerging(demo_town, EVER, step="week")
    k = len(found.cube.starts) - 3
    start = found.cube.starts[k]
    units = hotspots(demo_town, Filter(start, start + timedelta(days=6))).units
    assert (found.hot[:, k] <= (units["gi_z"] > 0)).all()
    sure = units["gi_q_permuted"] <= 0.08  # shuffled otherwise: near the limit either may hold
    assert found.hot[:, k][sure & (units["gi_z"] > 0)].all()
    assert not found.hot[:, k][units["gi_q_permuted"] > 0.12].any()


@pytest.mark.parametrize(
    ("periods", "expected"),
    [
        (range(9, 10), "new"), (range(6, 10), "consecutive"), (range(10), "persistent"),
        ((1, 2, 5, 6, 9), "sporadic"), (range(9), "historical"),
    ],
)  # fmt: skip
def test_planted_courses_are_recognised(
    demo_town: Town, altered: Callable[..., Town], periods: range, expected: str
) -> None:
    """Reports evenly over the town, but in some of ten periods a third of them around one cell."""
    random = np.random.default_rng(1)
    n = len(demo_town.reports)
    last = (demo_town.as_of - demo_town.first_day).days
    period = 9 - (last - demo_town.reports.day) // 7
    middle = len(demo_town.layers["cells"]) // 2
    near = block_around(demo_town, middle)
    cells = random.integers(len(demo_town.layers["cells"]), size=n)
    crowded = np.isin(period, list(periods)) & (random.random(n) < 0.33)
    cells[crowded] = random.choice(near, int(crowded.sum()))
    town = altered(demo_town, cells=cells)
    found = emerging(town, Filter(start=town.as_of - timedelta(days=69)))
    assert found.hot.shape == (len(town.layers["cells"]), 10)
    assert found.units["trend"].iloc[middle] == expected
    assert found.units["hot_periods"].iloc[middle] == len(list(periods))
    assert found.units["first_hot"].iloc[middle] == found.cube.starts[min(periods)]
    if expected == "new":
        assert found.counts["new"] >= 5
        assert found.counts["none"] > 1_000


def block_around(town: Town, middle: int) -> np.ndarray:
    near = neighbours(town, Method())
    return np.r_[middle, near.indices[near.indptr[middle] : near.indptr[middle + 1]]]


def test_too_short_a_period_is_a_sentence(demo_town: Town) -> None:
    found = emerging(demo_town, Filter(start=date(2026, 10, 2), end=date(2026, 10, 31)))
    assert (
        found.refused
        == "时段只够 4 期（每期 7 天），不足 8 期，没有判断趋势；请放宽时段，如选“今年”或“全部”"
    )
    assert found.units.isna().all(axis=None)
    assert sum(found.counts.values()) == 0
    few = emerging(demo_town, Filter(category=("06011",), source=("暗访",)))
    assert "不足 30 件" in few.refused


def test_lanes_over_time(demo_town: Town) -> None:
    found = emerging(demo_town, Filter(category=("street_market",)), Method(units="lanes"))
    assert list(found.units.index) == list(demo_town.layers["lanes"].index)
    assert sum(found.counts.values()) == len(found.units)
    assert "巷道" in found.caption
    assert set(found.units["direction"]) <= {"increasing", "decreasing", "none"}
