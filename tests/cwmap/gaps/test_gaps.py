"""Verdicts: the demo town's planted gaps, figures recounted by other means, priority and its steadiness."""

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, Polygon, box

from cwmap import figures
from cwmap.demo import DemoTown
from cwmap.errors import CwmapError
from cwmap.filters import Filter
from cwmap.gaps import catchments, gapspots, reach
from cwmap.gaps.facilities import Norms, Weights
from cwmap.gaps.gaps import gaps, judged_at, verdicts
from cwmap.gaps.priority import FARTHEST, scores, steadiness
from cwmap.gaps.walks import metric
from cwmap.town import Town
from cwmap.trends.hotspots import hotspots

EVER = Filter()
Drawn = Callable[..., Town]


def test_planted_gaps_are_verdict_one_and_others_are_not(
    demo_town: Town, demo_rows: DemoTown, norms: Norms
) -> None:
    planted = {(g["area_id"], g["facility_kind"]) for g in demo_rows.truth["gaps"]}
    assert planted == {("P01", "market"), ("P07", "toilet")}
    for area, kind in planted:
        judged = gaps(demo_town, norms, kind, EVER)
        assert judged.frame.index[0] == area
        assert judged.frame.loc[area, ["verdict", "priority", "inside"]].tolist() == ["gap", 1, 0]
        assert judged.steadiness is not None
        assert judged.steadiness.first_stays > 0.95
    market = gaps(demo_town, norms, "market", EVER).frame
    assert market.loc["P03", "verdict"] != "gap"  # 教场 has a market of standard and is no gap
    assert market.loc["P02", ["inside", "inside_of_standard"]].tolist() == [1, 0]  # 滨河市场
    assert gaps(demo_town, norms, "toilet", EVER).frame.loc["P01", "priority"] != 1


def test_the_sentence_says_the_figures(demo_town: Town, norms: Norms) -> None:
    judged = gaps(demo_town, norms, "market", EVER)
    row = judged.frame.loc["P01"]
    found = re.fullmatch(
        r"梁园—中山街：片区内无集贸市场，最近的达标集贸市场步行 ([\d,]+) m，超出 500 m；涉及 ([\d,]+) 人；"
        r"以街为市问题 ([\d,]+) 件，为全镇均值的 ([\d.]+) 倍 → 缺口，优先级 1",
        row["reason"],
    )
    assert found
    said = [float(g.replace(",", "")) for g in found.groups()]
    assert said == pytest.approx(
        [row["nearest_m"], row["beyond"] + row["below_standard"], row["demand"], row["demand_ratio"]],
        abs=0.5,
    )  # fmt: skip
    assert (
        norms.facilities["market"].radii["market1000"]
        == (gaps(demo_town, norms, "market", EVER, "market1000").norms[0])
    )


@pytest.mark.parametrize("kind", ["market", "toilet", "sorting_station"])
def test_figures_are_those_of_geopandas(demo_town: Town, norms: Norms, kind: str) -> None:
    judged = gaps(demo_town, norms, kind, EVER)
    crs = demo_town.settings.crs
    areas = demo_town.layers["areas"].to_crs(crs)
    homes = demo_town.layers["population"].to_crs(crs)
    found = reach.reach(demo_town, norms, judged.facility)
    limit = judged.norms[0].limit
    homes = homes.assign(
        of_standard=found.of_standard_m <= limit, of_any=found.of_any_m <= limit,
        far=found.of_standard_m,
    )  # fmt: skip
    held = gpd.sjoin(homes, areas[["geometry"]], predicate="within")
    area = held["area_id"]
    frame = judged.frame.loc[areas.index]
    people = held.groupby(area)["residents"].sum()
    np.testing.assert_allclose(frame["population"], people.reindex(areas.index, fill_value=0))
    good = (held["residents"] * held["of_standard"]).groupby(area).sum()
    half = (held["residents"] * (held["of_any"] & ~held["of_standard"])).groupby(area).sum()
    np.testing.assert_allclose(frame["served"], good)
    np.testing.assert_allclose(frame["below_standard"], half)
    np.testing.assert_allclose(frame["served_share"], good / people)
    np.testing.assert_allclose(frame["beyond"], people - good - half)
    for name, rows in held.groupby(area):  # half of the people have less to walk
        spread = np.repeat(rows["far"].to_numpy(), rows["residents"].astype(int))
        assert frame.loc[name, "nearest_m"] == pytest.approx(
            np.quantile(spread, 0.5, method="inverted_cdf")
        )
    facilities = demo_town.layers["facilities"].to_crs(crs)
    inside = gpd.sjoin(facilities[facilities["kind"] == kind], areas[["geometry"]])["area_id"]
    counts = inside.value_counts().reindex(areas.index, fill_value=0)
    assert frame["inside"].tolist() == counts.tolist()
    # Demand, recounted from the reports themselves.
    codes = judged.facility.demand
    reports = demo_town.reports
    speaks = np.isin(np.array(demo_town.codes)[reports.category], codes)
    at = reports.place["areas"][speaks]
    assert frame["demand"].tolist() == np.bincount(at[at >= 0], minlength=len(areas)).tolist()


def test_period_and_source_choose_the_reports_and_places_do_not(
    demo_town: Town, norms: Norms
) -> None:
    half = Filter(start=demo_town.as_of - pd.Timedelta(days=60), end=demo_town.as_of)
    less = gaps(demo_town, norms, "market", half).frame["demand"]
    all_of_it = gaps(demo_town, norms, "market", EVER).frame["demand"]
    assert 0 < less.sum() < all_of_it.sum()
    one = gaps(demo_town, norms, "market", replace(EVER, area=("P05",), category=("road",)))
    pd.testing.assert_frame_equal(one.frame, gaps(demo_town, norms, "market", EVER).frame)


def test_no_population_lane_length_stands_in_and_is_said(demo_town: Town, norms: Norms) -> None:
    bare = replace(
        demo_town, layers=demo_town.layers | {"population": demo_town.layers["population"][:0]},
        _kept=OrderedDict(),
    )  # fmt: skip
    judged = gaps(bare, norms, "market", EVER)
    assert judged.unit == "lane_m"
    assert judged.frame[["population", "served"]].isna().all(axis=None)
    assert any("以巷道长度代替" in note for note in judged.notes)
    assert "米巷道" in judged.frame["reason"].iloc[0]
    length = demo_town.layers["lanes"]["length_m"].sum()
    assert judged.town["total"] == pytest.approx(length, rel=0.1)
    assert judged.frame.index[0] == "P01"


def test_polygons_of_people_are_spread_and_communities_stand_in_for_areas(
    drawn: Drawn, street, norms: Norms
) -> None:
    town = drawn(
        lanes=[{"name": "大街", "kind": "branch", "at": street((0, 0), (1000, 0))}],
        communities=[{"community_id": "621202100001", "name": "一社", "at": box(0, -50, 500, 50)},
                     {"community_id": "621202100002", "name": "二社", "at": box(500, -50, 1000, 50)}],
        facilities=[{"kind": "market", "standard": "yes", "at": Point(0, 0)}],
        population=[{"residents": 1000, "at": box(0, -40, 1000, 40)},
                    {"residents": 60, "community_id": "621202100002", "at": None},
                    {"residents": 7, "community_id": None, "at": None}],
    )  # fmt: skip
    judged = gaps(town, norms, "market", EVER)
    assert judged.layer == "communities"
    frame = judged.frame
    assert frame["total"].tolist() == pytest.approx([560, 500], abs=40)
    assert judged.town["total"] == pytest.approx(1060)
    assert frame.loc["621202100001", "share"] == pytest.approx(1, abs=0.05)
    assert frame.loc["621202100002", "verdict"] == "gap"
    assert any("7 人既没有位置" in note for note in judged.notes)
    assert judged_at(town, "lanes", town.layers["lanes"].index[0]) in frame.index


@pytest.mark.parametrize(
    ("good", "half", "expected"),
    [(0, 0, "gap"), (0, 60, "below_standard"), (40, 9, "gap"), (40, 10, "below_standard"),
     (50, 0, "part"), (99, 1, "part"), (100, 0, "met")],
)  # fmt: skip
def test_verdicts(good: float, half: float, expected: str) -> None:
    frame = pd.DataFrame({"total": [100.0], "of_standard": [good], "below_standard": [half]})
    assert verdicts(frame, 0.5).tolist() == [expected]
    assert verdicts(frame * 0, 0.5).tolist() == ["unknown"]


def test_priority_by_hand(demo_town: Town, norms: Norms) -> None:
    judged = gaps(demo_town, norms, "market", EVER)
    found = reach.reach(demo_town, norms, judged.facility)
    frame = judged.frame.sort_index()
    excess = np.minimum(np.maximum(found.of_standard_m / 500 - 1, 0), FARTHEST)
    excess *= np.where((found.of_any_m <= 500) & (found.of_standard_m > 500), 0.5, 1)
    at = found.homes.at["areas"]
    hectares = demo_town.layers["areas"]["area_m2"] / 1e4
    unmet = np.array([(excess * found.homes.weight)[at == k].sum() for k in range(len(frame))])
    np.testing.assert_allclose(frame["unmet"], unmet)
    rate = frame["demand"] / hectares
    score = 50 * (unmet / hectares) / (unmet / hectares).max() + 50 * rate / rate.max()
    np.testing.assert_allclose(frame["score"], score)
    cells = figures.cells(demo_town, Filter(category=judged.facility.demand))
    mean = cells["reports"].sum() / (cells["area_m2"].sum() / 1e4)
    np.testing.assert_allclose(frame["demand_ratio"], rate / mean)


@settings(deadline=None, max_examples=12)
@given(
    st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 50)), min_size=2, max_size=6),
    st.floats(0, 1), st.floats(0, 0.5),
)  # fmt: skip
def test_steadiness_is_that_of_all_orders(
    rows: list[tuple[float, float]], share: float, swing: float
) -> None:
    unmet, demand = (pd.Series(v) for v in zip(*rows, strict=True))
    found = steadiness(unmet, demand, Weights(share, 1 - share, swing))
    assert found
    assert 0 <= found.first_stays <= 1
    both = scores(unmet, demand, share)
    assert both.between(0, 100 + 1e-9).all()
    alone = all((v == v.max()).sum() == 1 for v in (unmet, demand))
    if alone and unmet.idxmax() == demand.idxmax():  # what leads in both leads by any weights
        assert both.idxmax() == unmet.idxmax()
        assert found.first_stays == 1
    if swing == 0:
        assert (found.first_stays, found.order_changes) == (1, 0)


@pytest.mark.parametrize("kind", ["market", "sorting_station", "bin"])
def test_overlay_with_hot_spots(demo_town: Town, norms: Norms, kind: str) -> None:
    found = gapspots.overlay(demo_town, norms, kind, EVER)
    assert found.refused == ""
    demand = Filter(category=norms.facilities[kind].demand)
    hot = hotspots(demo_town, demand).units["confirmed"].str.startswith("hot", na=False)
    where = found.cells["where"]
    assert where[hot].isin(["both", "hot", "empty"]).all()
    assert where[~hot].isin(["gap", "none"]).all()
    gap = found.cells["verdict"].isin(["gap", "below_standard"])
    assert where[gap].isin(["both", "gap"]).all()
    assert (where[hot & (found.cells["total"] == 0)] == "empty").all()
    assert f"{(where == 'both').sum():,} 个网格" in found.said["both"]


def test_what_the_overlay_cannot_tell(demo_town: Town, norms: Norms) -> None:
    assert "没有能说明缺公共厕所" in gapspots.overlay(demo_town, norms, "toilet", EVER).refused
    few = Filter(end=demo_town.first_day)
    assert "不足" in gapspots.overlay(demo_town, norms, "market", few).refused
    with pytest.raises(CwmapError, match="配置标准里没有“cinema”"):
        gaps(demo_town, norms, "cinema", EVER)


def test_the_catchments_share_out_all_that_is_reached(demo_town: Town, norms: Norms) -> None:
    found = catchments.catchments(demo_town, norms, "market", "cells")
    supply = demo_town.layers["facilities"].query("kind == 'market'")["floor_m2"]
    shared = (found.frame["access"] / 1000 * found.frame["population"]).sum()
    outside = reach.reach(demo_town, norms, norms.facilities["market"]).homes
    assert (outside.at["cells"] >= 0).mean() > 0.95
    assert shared == pytest.approx(supply.sum(), rel=0.05)
    areas = catchments.catchments(demo_town, norms, "market", "areas")
    assert areas.norm is not None
    assert areas.norm.low == 50
    row = areas.frame.loc["P02"]
    assert row["per_1000"] == pytest.approx(1000 * row["supply"] / row["population"])
    bins = catchments.catchments(demo_town, norms, "bin", "areas")
    assert bins.frame["access"].isna().all()


def test_every_cell_lies_where_the_page_says(demo_town: Town) -> None:
    cells, areas = metric(demo_town, "cells"), metric(demo_town, "areas")
    for at in range(0, len(cells), 97):
        inside: Polygon = cells[at].representative_point()
        where = judged_at(demo_town, "cells", str(demo_town.layers["cells"].index[at]))
        held = [a.covers(inside) for a in areas]
        assert (where is None) is not any(held)
