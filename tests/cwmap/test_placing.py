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
from cwmap.placing import COLUMNS, Places, communities_of
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
STEP = st.integers(0, 12)
BOX = st.tuples(STEP, STEP, st.integers(1, 6), st.integers(1, 6)).map(
    lambda b: shapely.box(b[0], b[1], b[0] + b[2], b[1] + b[3])
)
PAIR = st.lists(BOX, min_size=2, max_size=2).map(lambda two: shapely.MultiPolygon([two[0]]))
AREA = BOX | PAIR
HALF = st.integers(-4, 40).map(lambda n: n / 2)
POINT = st.tuples(HALF, HALF).map(shapely.Point)
CORNER = st.tuples(STEP, STEP).map(shapely.Point)
LINE = st.lists(st.tuples(HALF, HALF), min_size=2, max_size=4, unique=True).map(shapely.LineString)
NAMES = ["文明巷", "中山街", "中山街东段", "3巷", "老巷"]
COMMUNITY = st.sampled_from([None, "甲社区", "乙社区居委会", "C1", "没有的社区"])
LANE = st.tuples(
    AREA, st.sampled_from(NAMES), st.sampled_from([None, "老巷、旧街", "一巷"]), COMMUNITY
)
REPORT = st.tuples(
    st.none() | POINT | CORNER | LINE | AREA,
    st.sampled_from([None, *NAMES, "旧街", "无名路"]),
    st.sampled_from([None, "文明巷 12 号", "13巷口", "中山街东段与文明巷口", "旧街对面", "某小区"]),
    COMMUNITY,
)


@st.composite
def towns(draw: st.DrawFn) -> dict[str, pd.DataFrame]:
    frames: dict[str, pd.DataFrame] = {}
    for name in PLACES:
        if name == "lanes":
            found = draw(st.lists(LANE, max_size=6))
        elif name == "communities":
            found = [(shape, called) for shape, called in zip(
                draw(st.lists(AREA, max_size=2)), ("甲社区", "乙"), strict=False)]  # fmt: skip
        else:
            found = [(shape,) for shape in draw(st.lists(AREA, max_size=4))]
        ids = draw(st.permutations([f"{name[0].upper()}{i}" for i in range(len(found))]))
        columns = ["geometry", "name", "aliases", "community_id"][: len(found[0]) if found else 1]
        frame = pd.DataFrame(found, columns=columns, dtype=object)
        wanted = ["geometry", "name", "aliases", "community_id"]
        frame = frame.reindex(columns=wanted).astype(object).where(lambda f: f.notna(), None)
        frame["geometry"] = list(degrees(frame["geometry"].to_list())) if len(frame) else []
        frame[TABLES[name].key] = ids if name != "lanes" else ids
        frames[name] = frame.astype(object)
    return frames


@st.composite
def reports(draw: st.DrawFn) -> pd.DataFrame:
    found = draw(st.lists(REPORT, min_size=1, max_size=8))
    frame = pd.DataFrame(
        found, columns=["geometry", "lane_name", "address", "community"], dtype=object
    )
    frame["geometry"] = list(degrees(frame["geometry"].to_list()))
    return frame.astype(object)


def holder(shape: Any, polygons: Any) -> int:
    """By the rule: a point's smallest polygon, then the first; a spread one's largest share."""
    if shape is None or not len(polygons):
        return -1
    if shape.geom_type == "Point":
        holds = [i for i, p in enumerate(polygons) if p.intersects(shape)]
        return min(holds, key=lambda i: (polygons[i].area, i), default=-1)
    measure = (lambda s: s.length) if "Line" in shape.geom_type else (lambda s: s.area)
    shares = [measure(shape.intersection(p)) / measure(shape) for p in polygons]
    best = max(shares)
    return next((i for i, s in enumerate(shares) if best > 2e-9 and s >= best - 1e-9), -1)


def expected(report: pd.Series, frames: dict[str, pd.DataFrame]) -> tuple[Any, ...]:
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
            nearest = min(far)
            found["lanes"] = next(i for i, d in enumerate(far) if d <= nearest + 1e-7)
            by, distance = "nearest", nearest
    if shape is None and found["lanes"] >= 0:
        middle = shapely.point_on_surface(shapes["lanes"][found["lanes"]])
        for name in ("cells", "communities", "areas"):
            found[name] = holder(middle, shapes[name])
    ids = {TABLES[n].key: frames[n][TABLES[n].key].to_list() for n in PLACES}
    keys = [ids[TABLES[n].key][found[n]] if found[n] >= 0 else None for n in PLACES]
    return (*keys, by, distance)


@settings(deadline=None, max_examples=150)
@given(towns(), reports(), st.randoms())
def test_every_report_is_where_the_rule_puts_it(
    frames: dict[str, pd.DataFrame], found: pd.DataFrame, chance: Any
) -> None:
    placed = Places(frames, CRS, NEAREST_M).place(found)
    ordered = {n: f.sort_values(TABLES[n].key).reset_index(drop=True) for n, f in frames.items()}
    keys = [TABLES[n].key for n in PLACES]
    for at, report in found.iterrows():
        *ids, by, distance = expected(report, ordered)
        got = placed.loc[at]
        assert [got[k] for k in keys] == ids, report.to_dict()
        assert got["placed_by"] == by
        np.testing.assert_allclose(got["distance_m"], distance, atol=1e-6)
    # Neither the order of the reports nor that of the places matters.
    shuffled = list(range(len(found)))
    chance.shuffle(shuffled)
    mixed = {
        name: frame.sample(frac=1, random_state=chance.randrange(99))
        for name, frame in frames.items()
    }
    again = Places(mixed, CRS, NEAREST_M).place(found.iloc[shuffled]).sort_index()
    pd.testing.assert_frame_equal(again, placed)


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


@given(st.text(), st.text())
def test_names_are_compared_without_blanks_width_and_case(name: str, other: str) -> None:
    assert plain(f" {name}\t") == plain(name) == plain(plain(name).upper().lower())
    assert same_community(f"{other}社区") in (plain(other), "社区", same_community(other))


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
