"""Bins along a street whose stretches are known."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely.geometry import Point, box

from cwmap.filters import Filter
from cwmap.gaps.facilities import Norms
from cwmap.gaps.gaps import gaps
from cwmap.gaps.spacing import SIDES, axes, evidence, served, spacing
from cwmap.gaps.walks import metric
from cwmap.town import Town

Drawn = Callable[..., Town]
ENDS = 8.0  # the axis stops half a street's width short at a dead end


def test_the_axis_runs_the_whole_lane(demo_town: Town) -> None:
    lanes, lines = metric(demo_town, "lanes"), axes(demo_town)
    length = demo_town.layers["lanes"]["length_m"].to_numpy()
    assert not shapely.is_missing(lines).any()
    assert np.median(shapely.length(lines) / length) == pytest.approx(0.95, abs=0.05)
    assert (shapely.length(lines) / length > 0.65).all()
    assert shapely.covers(shapely.buffer(lanes, 2), lines).all()


def test_stretches_and_numbers_by_hand(drawn: Drawn, street, norms: Norms) -> None:
    left = [Point(x, 6) for x in (100, 250, 700)]
    town = drawn(
        lanes=[{"lane_id": "X1", "name": "支路", "kind": "branch", "at": street((0, 0), (1000, 0), width=16)},
               {"lane_id": "X2", "name": "小巷", "kind": "lane", "at": street((0, 200), (1000, 200))}],
        areas=[{"area_id": "P01", "name": "甲", "at": box(-50, -50, 500, 300)},
               {"area_id": "P02", "name": "乙", "at": box(500, -50, 1050, 300)}],
        facilities=[{"kind": "bin", "at": p} for p in (*left, Point(500, 150), Point(300, 204))],
        reports=[{"category": "L001", "status": "open", "reported_at": "2026-03-02 02:00", "at": Point(400, 2)},
                 {"category": "06013", "status": "open", "reported_at": "2026-03-02 02:00", "at": Point(400, 2)}],
    )  # fmt: skip
    facility = norms.facilities["bin"]
    found = spacing(town, norms, facility)
    rows = found.stretches.sort_values(["side", "from_m"]).to_dict("records")
    assert [(r["lane_id"], r["side"], r["add"], r["limit_m"]) for r in rows] == [
        ("X1", "left", 2, 200), ("X1", "left", 1, 200), ("X1", "right", 4, 200),
    ]  # fmt: skip
    assert [r["length_m"] for r in rows] == pytest.approx([450, 300, 1000], abs=2 * ENDS)
    assert found.add == 7
    assert any("背街小巷（标准未列） 1 条" in n for n in found.notes)
    assert any("1 处废物箱离各条巷道都超过 30 米" in n for n in found.notes)
    # On the map each stretch lies on its own side of the street.
    middle = {r["side"]: shapely.get_y(shapely.centroid(r["geometry"])) for r in rows}
    assert middle["left"] > middle["right"]
    areas = served(town, norms, facility, "areas")
    assert areas.loc["P01", "of_standard"] == pytest.approx(250, abs=2 * ENDS)
    assert areas.loc["P02", "of_standard"] == pytest.approx(0)
    assert areas["total"].sum() == pytest.approx(2000, abs=4 * ENDS)
    assert evidence(town, facility, Filter()).to_dict() == {"X1": 1, "X2": 0}
    judged = gaps(town, norms, "bin", Filter())
    assert judged.unit == "side_m"
    assert judged.frame["verdict"].tolist() == ["gap", "gap"]
    assert "米路侧，间距超标" in judged.frame["reason"].iloc[0]


def test_the_number_to_add_is_the_least_that_will_do(
    drawn: Drawn, street, degrees, norms: Norms
) -> None:
    road = [{"lane_id": "X1", "name": "路", "kind": "main", "at": street((0, 0), (1000, 0))}]
    bare = drawn(lanes=road, facilities=[{"kind": "bin", "at": Point(0, 4)}])
    random = np.random.default_rng(7)
    for _ in range(25):
        x = random.integers(0, 1000, random.integers(0, 12))
        left = random.random(len(x)) < 0.5
        points = degrees(*(Point(a, 4 if b else -4) for a, b in zip(x, left, strict=True)))
        rows = gpd.GeoDataFrame(
            {"kind": "bin"}, geometry=points, crs="EPSG:4326", index=[f"B{n}" for n in range(len(x))]
        )  # fmt: skip
        town = replace(bare, layers=bare.layers | {"facilities": rows}, _kept=OrderedDict())
        found = spacing(town, norms, norms.facilities["bin"]).stretches
        for side in SIDES:
            mine = found[found["side"] == side]
            assert (mine["length_m"] > 100).all()
            assert (mine["length_m"] / (mine["add"] + 1) <= 100 + 1e-6).all()  # enough
            assert (mine["length_m"] / mine["add"] > 100 - 1e-6).all()  # one fewer is not
            ends = [ENDS, *np.sort(x[left == (side == "left")]), 1000 - ENDS]
            wide = np.diff(ends)
            assert (wide > 100 + 2 * ENDS).sum() <= len(mine) <= (wide > 100 - 2 * ENDS).sum()
