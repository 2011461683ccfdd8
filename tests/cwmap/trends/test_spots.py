from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from cwmap import figures
from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.town import Town
from cwmap.trends.hotspots import Method, hotspots, neighbours
from cwmap.trends.spots import Spots, spots

MARKET = Filter(category=("street_market",))


@pytest.fixture(scope="module")
def duties(demo_workspace: Workspace) -> pd.DataFrame:
    return demo_workspace.read("duties")


@pytest.fixture(scope="module")
def found(demo_town: Town, duties: pd.DataFrame) -> Spots:
    return spots(demo_town, MARKET, duties=duties)


def crowd(
    town: Town, altered: Callable[..., Town], since: date, share: float = 0.25, source: int | None = None
) -> tuple[Town, list[str]]:  # fmt: skip
    """From a day on, a share of the reports (of a source) falls into a cell and its neighbours.

    The others are dealt out evenly over the town.
    """
    random = np.random.default_rng(0)
    reports = town.reports
    near = neighbours(town, Method())
    middle = int(np.argmax(np.diff(near.indptr) == 8))
    block = np.r_[middle, near.indices[near.indptr[middle] : near.indptr[middle + 1]]]
    moved = (reports.day >= (since - town.first_day).days) & (random.random(len(reports)) < share)
    if source is not None:
        moved &= reports.source == source
    cells = random.integers(len(town.layers["cells"]), size=len(reports))
    cells[moved] = random.choice(block, int(moved.sum()))
    return altered(town, cells=cells), sorted(town.layers["cells"].index[block])


def test_spots_are_the_hot_units_that_touch(demo_town: Town, found: Spots) -> None:
    units = hotspots(demo_town, MARKET).units
    hot = units.index[units["confirmed"].str.startswith("hot")]
    assert len(found.items) >= 2
    assert sorted(i for s in found.items for i in s.unit_ids) == sorted(hot)
    near = neighbours(demo_town, Method()).toarray()
    for spot in found.items:
        inside = units.index.isin(spot.unit_ids)
        reached = inside & (np.cumsum(inside) == 1)
        while (grown := inside & (reached | near[reached].any(axis=0))).sum() > reached.sum():
            reached = grown
        assert (reached == inside).all()  # all of one piece
        around = near[inside].any(axis=0) & ~inside
        assert not units["confirmed"][around].str.startswith("hot").any()
        assert spot.around == (units["reports"][around].sum(), around.sum())


def test_its_numbers_are_those_of_a_filter(demo_town: Town, found: Spots) -> None:
    excess = [s.reports - s.expected for s in found.items]
    assert excess == sorted(excess, reverse=True)
    assert [s.rank for s in found.items] == list(range(1, len(found.items) + 1))
    assert len({s.name for s in found.items}) == len(found.items)
    for spot in found.items:
        own = Filter(category=MARKET.category, cell=spot.unit_ids)
        assert spot.reports == figures.summary(demo_town, own).reports
        by_category = figures.by_category(demo_town, own)
        assert dict(spot.categories) == dict(
            zip(by_category["name"], by_category["reports"], strict=True)
        )
        assert sum(n for _, n in spot.sources) == spot.reports
        all_units = len(demo_town.layers["cells"])
        total = figures.cells(demo_town, MARKET)["reports"].sum()
        assert spot.expected == pytest.approx(total * len(spot.unit_ids) / all_units)
        worst = hotspots(demo_town, MARKET).units["confirmed"][list(spot.unit_ids)]
        assert f"hot{spot.confidence}" in set(worst)
        for word in (
            spot.name, f"共 {spot.reports:,} 件", f"{spot.ratio:.1f} 倍", f"{spot.confidence}% 置信",
            "已作多重检验校正", spot.since_words, f"{spot.categories[0][0]} {spot.categories[0][1]} 件",
        ):  # fmt: skip
            assert word in spot.sentence
    assert found.items[0].name.startswith("梁园—中山街·中山街")


def test_who_is_responsible(demo_town: Town, duties: pd.DataFrame, found: Spots) -> None:
    spot = found.items[0]
    names = demo_town.layers["lanes"]["name"][list(spot.lane_ids)]
    mine = duties[duties["lane"].isin(names) & duties["person"].notna()]
    assert {name for _, name in spot.people} == set(mine["person"])
    role, person = spot.people[0]
    assert role == "网格员"
    assert f"网格员 {person}" in spot.sentence
    phones = mine["phone"].dropna()
    assert len(phones)
    assert not any(phone in repr(spot) for phone in phones)
    over = duties.assign(until=pd.Timestamp("2026-01-01"))
    assert spots(demo_town, MARKET, duties=over).items[0].people == ()
    assert "没有对应的责任人" in spots(demo_town, MARKET).items[0].sentence
    by_id = duties.assign(lane=duties["lane"].map({v: k for k, v in names.items()}))
    assert spots(demo_town, MARKET, duties=by_id).items[0].people == spot.people


@pytest.mark.parametrize("since", [date(2026, 6, 1), date(2026, 9, 1)])
def test_since_when(demo_town: Town, altered: Callable[..., Town], since: date) -> None:
    town, block = crowd(demo_town, altered, since)
    (spot,) = spots(town, Filter(start=date(2026, 10, 2), end=date(2026, 10, 31))).items
    assert set(spot.unit_ids) >= set(block)
    assert spot.since == since
    assert f"自 {since:%Y-%m} 起持续" in spot.sentence
    assert "近 30 天共" in spot.sentence
    assert spot.trend == 1
    assert "近 26 周在上升" in spot.trend_words
    early = spots(town, Filter(end=since + timedelta(days=33))).items
    assert [s.since for s in early] == [since]  # three days of the next month say nothing


def test_a_spot_of_the_past_does_not_last(demo_town: Town, altered: Callable[..., Town]) -> None:
    town, _ = crowd(demo_town, altered, demo_town.first_day)
    (spot,) = spots(town, Filter()).items
    assert spot.since == date(2026, 4, 1)
    assert "自有记录（2026-04）以来持续" in spot.sentence
    ended, block = crowd(demo_town, altered, demo_town.first_day)
    late = ended.reports.day >= (date(2026, 8, 1) - ended.first_day).days
    inside = np.isin(ended.layers["cells"].index[ended.reports.place["cells"]], block)
    (spot,) = spots(altered(ended, keep=~(late & inside)), Filter()).items
    assert spot.since is None
    assert "最近一个月没有明显多于全镇平均" in spot.sentence
    assert spot.trend == -1


def test_whether_only_some_report_it(demo_town: Town, altered: Callable[..., Town]) -> None:
    both, _ = crowd(demo_town, altered, demo_town.first_day)
    (spot,) = spots(both, Filter()).items
    assert "两类来源都偏多" in spot.bias
    hotline = demo_town.sources.index("12345热线")
    loud, _ = crowd(demo_town, altered, demo_town.first_day, 0.9, hotline)
    (spot,) = spots(loud, Filter()).items
    assert "只有其他来源偏多，可能与上报习惯有关" in spot.bias
    patrols = sum(n for s, n in spot.sources if s in ("巡查", "暗访"))
    assert f"巡查类 {patrols} 件" in spot.bias
    assert spots(loud, Filter(), Method(patrol_only=True)).items == ()


def test_nothing_to_list_is_said(demo_town: Town, scattered: Callable[[Town, int], Town]) -> None:
    calm = spots(scattered(demo_town, 0), Filter())
    assert calm.items == ()
    assert "没有经得起检验的热点" in calm.summary
    empty = spots(demo_town, Filter(start=date(2026, 10, 31)))
    assert empty.items == ()
    assert "不足 30 件" in empty.summary


def test_cold_spots_are_counted(demo_town: Town, found: Spots) -> None:
    ever = spots(demo_town, Filter())
    cold = hotspots(demo_town, Filter()).units
    cold = cold[cold["confirmed"].str.startswith("cold")]
    assert len(cold)
    assert f"共 {len(cold)} 个网格，{cold['reports'].sum():,} 件" in ever.cold
    assert found.cold == "没有经得起检验的冷点。"


def test_lanes_are_spots_too(demo_town: Town) -> None:
    found = spots(demo_town, MARKET, Method(units="lanes"))
    assert found.items
    first = found.items[0]
    assert set(first.lane_ids) <= set(demo_town.layers["lanes"].index)
    assert first.reports == figures.lanes(demo_town, MARKET)["reports"][list(first.unit_ids)].sum()
    assert "条巷道" in found.summary


def test_a_period_in_the_past_is_dated(demo_town: Town) -> None:
    end = demo_town.as_of - timedelta(days=30)
    found = spots(demo_town, Filter(start=demo_town.first_day, end=end, category=MARKET.category))
    assert f"{demo_town.first_day} 至 {end}" in found.summary


@pytest.mark.parametrize("units", ["cells", "lanes"])
def test_a_town_without_units_is_told_so(
    demo_town: Town, altered: Callable[..., Town], units: str
) -> None:
    nowhere = np.full(len(demo_town.reports), -1)
    bare = altered(demo_town, layers={units: demo_town.layers[units].head(0)}, **{units: nowhere})
    found = spots(bare, Filter(), Method(units=units))
    assert found.items == ()
    assert "只有 0" in found.summary
