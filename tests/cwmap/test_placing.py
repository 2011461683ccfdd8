"""Where a report belongs, against the rule applied to one report at a time with shapely alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from cwmap.naming import LaneNames, plain, same_community
from cwmap.placing import COLUMNS, PLACE_COLUMNS, Places, communities_of
from cwmap.tables import PLACES, TABLES
from geo.coordinates import transform_geometries

CRS, NEAREST_M = "EPSG:4544", 3.0
CORNER_M = (492_000.0, 3_694_000.0)


def degrees(shapes: Any) -> Any:
    there = shapely.transform(np.array(shapes, object), lambda xy: xy + CORNER_M)
    return transform_geometries(there, CRS, "EPSG:4326")


def metres(shapes: Any) -> Any:
    return transform_geometries(np.array(shapes, object), "EPSG:4326", CRS)


# A small grid of whole metres: overlaps, shared corners and equal areas are the rule.
NAMES = ["文明巷", "中山街", "中山街东段", "3巷", "老巷"]
ALIASES = [None, "老巷、旧街", "一巷"]
HOMES = [None, "甲社区", "乙社区居委会", "C0", "没有的社区"]
ADDRESSES = [None, "文明巷 12 号", "13巷口", "中山街东段与文明巷口", "旧街对面", "某小区"]
MOST = {"lanes": 7, "cells": 5, "communities": 3, "areas": 4}


def area(random: np.random.Generator) -> Any:
    x, y, width, height = *random.integers(0, 12, 2), *random.integers(1, 6, 2)
    one = shapely.box(x, y, x + width, y + height)
    apart = shapely.box(x, y + height + 1, x + 1, y + height + 2)
    return shapely.MultiPolygon([one, apart]) if random.random() < 0.2 else one


def somewhere(random: np.random.Generator) -> Any:
    kind = random.choice(["none", "half", "whole", "line", "area"], p=[0.15, 0.25, 0.3, 0.15, 0.15])
    if kind == "line":
        steps = random.integers(-4, 40, (random.integers(2, 5), 2)) / 2
        return shapely.LineString(np.vstack([steps, steps[-1] + 0.5]))
    if kind in ("half", "whole"):
        return shapely.Point(random.integers(-4, 40, 2) / (2 if kind == "half" else 1))
    return area(random) if kind == "area" else None


def frame_of(rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=columns, dtype=object)
    return frame.assign(
        geometry=pd.Series(list(degrees(frame["geometry"].to_list())), dtype=object)
    )


def town_of(random: np.random.Generator) -> dict[str, pd.DataFrame]:
    frames = {}
    for name in PLACES:
        rows = [
            {"geometry": area(random), "aliases": random.choice(ALIASES),
             "name": random.choice(NAMES) if name == "lanes" else ["甲社区", "乙", "丙", "丁"][i],
             "community_id": random.choice(HOMES), TABLES[name].key: f"{name[0].upper()}{i}"}
            for i in range(random.integers(0, MOST[name]))
        ]  # fmt: skip
        columns = dict.fromkeys([TABLES[name].key, *PLACE_COLUMNS["lanes"]])
        frames[name] = frame_of(rows, list(columns))
    return frames


def reports_of(random: np.random.Generator) -> pd.DataFrame:
    rows = [
        {"geometry": somewhere(random), "lane_name": random.choice([None, None, *NAMES, "旧街", "无名路"]),
         "address": random.choice(ADDRESSES), "community": random.choice(HOMES)}
        for _ in range(12)
    ]  # fmt: skip
    return frame_of(rows, ["geometry", "lane_name", "address", "community"])


def holder(shape: Any, polygons: Any) -> int:
    """By the rule: a point's smallest polygon, then the first; a spread one's largest share."""
    if shape is None or not len(polygons):
        return -1
    if shape.geom_type == "Point":
        holds = [i for i, p in enumerate(polygons) if p.intersects(shape)]
        return min(holds, key=lambda i: (polygons[i].area, i), default=-1)
    measure = (lambda s: s.length) if "Line" in shape.geom_type else (lambda s: s.area)
    shares = [measure(shape.intersection(p)) / measure(shape) for p in polygons]
    least = max(2e-9, *shares) - 1e-9  # shares that differ by less are equal but for rounding
    return next((i for i, share in enumerate(shares) if share >= least), -1)


def expected(report: dict[str, Any], frames: dict[str, pd.DataFrame]) -> tuple[Any, ...]:
    shapes = {n: [metres([g])[0] for g in frames[n]["geometry"]] for n in PLACES}
    shape = None if report["geometry"] is None else metres([report["geometry"]])[0]
    found = {name: holder(shape, shapes[name]) for name in PLACES}
    by, distance = ("within", 0.0) if found["lanes"] >= 0 else ("unplaced", np.nan)
    if found["lanes"] < 0:
        around = frames["communities"]["community_id"].to_list()[found["communities"]] if (
            found["communities"] >= 0) else None  # fmt: skip
        homes = communities_of(frames["lanes"], frames["communities"], CRS)
        named = LaneNames(frames["lanes"].assign(community_id=homes), frames["communities"]).find(
            *(pd.Series([report[c]]) for c in ("lane_name", "address", "community")),
            np.array([around], object),
        )[0]  # fmt: skip
        if named >= 0:
            found["lanes"], by = int(named), "name"
            distance = np.nan if shape is None else shape.distance(shapes["lanes"][named])
    if found["lanes"] < 0 and shape is not None and shapes["lanes"]:
        far = [shape.distance(p) for p in shapes["lanes"]]
        if min(far) <= NEAREST_M:
            found["lanes"], by, distance = far.index(min(far)), "nearest", min(far)
    if shape is None and found["lanes"] >= 0:
        middle = shapely.point_on_surface(shapes["lanes"][found["lanes"]])
        for name in ("cells", "communities", "areas"):
            found[name] = holder(middle, shapes[name])
    ids = {TABLES[n].key: frames[n][TABLES[n].key].to_list() for n in PLACES}
    keys = [ids[TABLES[n].key][found[n]] if found[n] >= 0 else None for n in PLACES]
    return (*keys, by, distance)


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**32 - 1))
def test_every_report_is_where_the_rule_puts_it(seed: int) -> None:
    random = np.random.default_rng(seed)
    frames, found = town_of(random), reports_of(random)
    got = Places(frames, CRS, NEAREST_M).place(found)
    for at, report in enumerate(found.to_dict("records")):
        *ids, by, distance = expected(report, frames)
        row = got.iloc[at]
        assert [row[TABLES[n].key] for n in PLACES] == ids, report
        assert row["placed_by"] == by
        np.testing.assert_allclose(row["distance_m"], distance, atol=1e-6)
    # Neither the order of the reports nor that of the places matters.
    mixed = {n: frame.sample(frac=1, random_state=seed % 1000) for n, frame in frames.items()}
    shuffled = found.sample(frac=1, random_state=seed % 1000)
    again = Places(mixed, CRS, NEAREST_M).place(shuffled).sort_index()
    pd.testing.assert_frame_equal(again, got)


def town(**lanes: Any) -> dict[str, pd.DataFrame]:
    """Lanes by id: (shape, name, aliases, community)."""
    frames = {
        n: pd.DataFrame({TABLES[n].key: [], "name": [], "geometry": []}, dtype=object)
        for n in PLACES
    }
    rows = [(i, *lane) for i, lane in lanes.items()]
    columns = ["lane_id", "geometry", "name", "aliases", "community_id"]
    frames["lanes"] = pd.DataFrame(rows, columns=columns, dtype=object)
    frames["lanes"]["geometry"] = list(degrees(frames["lanes"]["geometry"].to_list()))
    return frames


def placed(frames: dict[str, pd.DataFrame], *found: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    columns = ["geometry", "lane_name", "address", "community"]
    rows = [(*report, *[None] * (4 - len(report))) for report in found]
    frame = pd.DataFrame(rows, columns=columns, dtype=object)
    frame["geometry"] = list(degrees(frame["geometry"].to_list()))
    result = Places(frames, CRS, NEAREST_M).place(frame)
    return list(zip(result["lane_id"], result["placed_by"], strict=True))


def test_the_order_of_the_rules() -> None:
    frames = town(X1=(shapely.box(0, 0, 10, 10), "文明巷", None, None),
                  X2=(shapely.box(20, 0, 30, 10), "中山街", None, None))  # fmt: skip
    inside, beside, far = shapely.Point(5, 5), shapely.Point(12, 5), shapely.Point(500, 500)
    assert placed(
        frames,
        (inside, "中山街"), (beside, "中山街"), (beside, None), (far, "文明巷"), (far, None),
        (None, "文明巷"), (None, None), (beside, "无名路"),
    ) == [
        ("X1", "within"), ("X2", "name"), ("X1", "nearest"), ("X1", "name"), (None, "unplaced"),
        ("X1", "name"), (None, "unplaced"), ("X1", "nearest"),
    ]  # fmt: skip


def test_a_point_at_a_corner_that_several_share_goes_to_the_smallest_then_the_lowest_id() -> None:
    frames = town(
        X3=(shapely.box(0, 0, 5, 5), "a", None, None), X1=(shapely.box(5, 0, 11, 5), "b", None, None),
        X2=(shapely.box(0, 5, 5, 10), "c", None, None), X0=(shapely.box(0, 0, 20, 20), "d", None, None),
    )  # fmt: skip
    # X2 and X3 have the same size but for rounding in the projection: compare what is stored.
    corner = metres(frames["lanes"]["geometry"].to_list())
    areas = dict(zip(frames["lanes"]["lane_id"], shapely.area(corner), strict=True))
    smallest = min(("X1", "X2", "X3"), key=lambda i: (areas[i], i))
    assert placed(frames, (shapely.Point(5, 5),)) == [(smallest, "within")]


def test_a_lane_known_by_name_alone_lends_the_report_its_own_places() -> None:
    frames = town(X1=(shapely.box(0, 0, 10, 10), "文明巷", None, None))
    for name, key in (("cells", "cell_id"), ("communities", "community_id"), ("areas", "area_id")):
        frames[name] = pd.DataFrame(
            {key: [name], "name": None, "geometry": degrees([shapely.box(-5, -5, 15, 15)])},
            dtype=object,
        )
    report = pd.DataFrame(
        {"geometry": [None], "lane_name": "文明巷", "address": None, "community": None}
    )
    row = Places(frames, CRS, NEAREST_M).place(report).iloc[0]
    assert row[list(COLUMNS[:5])].to_list() == ["X1", "cells", "communities", "areas", "name"]
    assert np.isnan(row["distance_m"])


def test_without_lanes_everything_is_unplaced() -> None:
    frames = town()
    assert placed(frames, (shapely.Point(1, 1), "文明巷"), (None, None), (shapely.box(0, 0, 1, 1),)) == [
        (None, "unplaced")
    ] * 3  # fmt: skip


# Names -----------------------------------------------------------------------------------------

LANES = pd.DataFrame(
    [("文明巷", "老文明巷、 Wenming Lane", "C1"), ("中山街", None, "C1"), ("中山街东段", None, "C1"),
     ("建设巷", None, "C1"), ("建设巷", None, "C2"), ("3巷", None, "C2"), ("三巷", None, "C2"),
     ("101", None, "C2"), ("巷", None, "C2"), ("北街（一段）", "共名", "C1"), ("南街", "共名", None)],
    columns=["name", "aliases", "community_id"],
)  # fmt: skip
COMMUNITIES = pd.DataFrame({"community_id": ["C1", "C2"], "name": ["中山街社区", "北山社区居委会"]})


@pytest.mark.parametrize(
    ("lane", "address", "community", "around", "meant"),
    [
        ("文明巷", None, None, None, 0), (" 文 明巷 ", None, None, None, 0),
        ("老文明巷", None, None, None, 0), ("ＷＥＮＭＩＮＧ lane", None, None, None, 0),
        ("文明巷", "中山街 3 号", None, None, 0), ("文明", None, None, None, -1),
        ("无名路", "文明巷 3 号", None, None, -1),  # what is stated is not overruled by an address
        (None, "武都区文明巷12号门前", None, None, 0), (None, "老文明巷口", None, None, 0),
        (None, "中山街东段 8 号", None, None, 2), (None, "中山街 8 号", None, None, 1),
        (None, "中山街与文明巷交叉口", None, None, -1), (None, "文明巷老文明巷", None, None, 0),
        ("建设巷", None, None, None, -1), ("建设巷", None, "北山", None, 4),
        ("建设巷", None, "中山街居委会", None, 3), ("建设巷", None, "C2", None, 4),
        ("建设巷", None, None, "C1", 3), ("建设巷", None, "北山社区", "C1", 4),
        ("建设巷", None, "别的社区", None, -1), (None, "建设巷 5 号", "北山社区", None, 4),
        (None, "3巷口", None, None, 5), (None, "13巷口", None, None, -1),
        (None, "三巷口", None, None, 6), (None, "十三巷口", None, None, -1),
        (None, "101 号楼", None, None, -1), ("101", None, None, None, 7), ("巷", None, None, None, 8),
        (None, "巷口", None, None, -1), (None, "北街(一段)路口", None, None, 9),
        ("共名", None, None, None, -1), ("共名", None, "C1", None, 9), (None, None, None, None, -1),
        (float("nan"), float("nan"), float("nan"), None, -1),
    ],
)  # fmt: skip
def test_which_lane_a_text_means(
    lane: Any, address: Any, community: Any, around: Any, meant: int
) -> None:
    names = LaneNames(LANES, COMMUNITIES)
    columns = (pd.Series([v], dtype=object) for v in (lane, address, community))
    assert names.find(*columns, np.array([around], object)).tolist() == [meant]


@pytest.mark.parametrize(
    ("text", "name"),
    [("中山街社区居委会", "中山街"), ("ＡＢ 社区", "ab"), ("社区", "社区"), ("居委会", "居委会"), (None, ""),
     (float("nan"), ""), ("教场", "教场")],
)  # fmt: skip
def test_a_community_is_the_same_with_and_without_its_ending(text: Any, name: str) -> None:
    assert same_community(text) == name
    assert plain(text) == ("" if not isinstance(text, str) else plain(f" {text}\t"))


def test_communities_of_lanes(degrees: Callable[..., list[Any]]) -> None:
    communities = pd.DataFrame(
        {"community_id": ["C1", "C2"], "name": ["中山街社区", "北山社区"],
         "geometry": degrees(shapely.box(0, 0, 100, 100), shapely.box(100, 0, 200, 100))}
    )  # fmt: skip
    across = shapely.box(50, 0, 190, 5)
    stated = ["C1", "北山", "中山街社区居委会", "别的社区", None, None, "", None]
    shapes = degrees(*[across] * 5, shapely.box(500, 500, 510, 510), shapely.box(1, 1, 2, 2), None)
    lanes = pd.DataFrame({"community_id": stated, "geometry": shapes}, dtype=object)
    assert communities_of(lanes, communities, CRS).tolist() == [
        "C1", "C2", "C1", "别的社区", "C2", None, "C1", None,
    ]  # fmt: skip
    assert communities_of(lanes, communities.iloc[:0], CRS).tolist()[:5] == [
        "C1", "北山", "中山街社区居委会", "别的社区", None,
    ]  # fmt: skip
