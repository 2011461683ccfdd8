"""The demo town's base map (底图): water, hills, greens, fields, blocks, bridges, buildings."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from cwmap.demo.buildings import parcels
from cwmap.demo.ground import opened, polygons, to_world
from cwmap.demo.plan import SEED, Plan, source

DECIMALS = 6
GREENBELT = "白龙江景观带"
FIELD_M2 = 6_500.0

Row = tuple[str, str | None, Any]


def backdrop_frame(plan: Plan) -> gpd.GeoDataFrame:
    """Table `backdrop`, in the order in which it is drawn."""
    rows = [
        *_land(plan),
        *_green(plan),
        *_blocks(plan),
        *_places(plan),
        *_water(plan),
        *_roads(plan),
    ]
    rows += [("building", None, shape) for shape in plan.buildings.shapes]
    rows += [("building", None, p) for s in plan.sites for k, p in s.parts if k == "building"]
    return gpd.GeoDataFrame(
        {
            "backdrop_id": [f"B{n:05d}" for n in range(1, len(rows) + 1)],
            "kind": [kind for kind, _, _ in rows],
            "name": [name for _, name, _ in rows],
        },
        geometry=to_world([shape for _, _, shape in rows], DECIMALS),
        crs="EPSG:4326",
    )


def _land(plan: Plan) -> list[Row]:
    return [("hill", name, tier) for name, tier in plan.ground.hills]


def _green(plan: Plan) -> list[Row]:
    ground = plan.ground
    ways = shapely.union_all(
        [e.axis.buffer(e.width_m / 2 + 1.5, cap_style="flat") for e in plan.lanes]
    )
    banks = [
        part
        for face in plan.riverside
        for part in polygons(
            opened(face.difference(ground.water.buffer(5)).difference(ways), 1.5).simplify(0.8)
        )
    ]
    # One name a bank and reach is enough to read.
    named = sorted(banks, key=lambda part: -part.area)[:4]
    rows: list[Row] = [("green", GREENBELT if part in named else None, part) for part in banks]
    taken = shapely.union_all([*(b.shape for b in plan.blocks), *plan.riverside]).buffer(8)
    open_land = ground.plain.buffer(10).difference(taken)
    outer = [
        ground.valley.line(road["points"]).buffer(road["width"] / 2 + 6)
        for road in source("plan")["road"]
    ]
    open_land = open_land.difference(
        shapely.union_all([ways.buffer(6), ground.water.buffer(22), *outer])
    )
    rng = np.random.default_rng(SEED)
    fields = parcels(polygons(open_land), FIELD_M2, rng)
    fields = shapely.simplify(shapely.buffer(fields, -3.5, join_style="mitre"), 1.0)
    keep = (shapely.area(fields) > 900) & (rng.random(len(fields)) < 0.72)
    rows += [("green", None, part) for field in fields[keep] for part in polygons(field)]
    return rows


def _water(plan: Plan) -> list[Row]:
    names = source("plan")
    return [
        ("water", names["river"]["name"], plan.ground.river),
        ("water", names["tributary"]["name"], plan.ground.brook),
    ]


def _blocks(plan: Plan) -> list[Row]:
    ways = np.array([e.shape for e in plan.lanes] + [s.ground for s in plan.sites], object)
    tree = shapely.STRtree(ways)
    rows: list[Row] = []
    for block in plan.blocks:
        shape = block.shape
        if block.fabric == "village":  # no street draws its edge
            shape = shape.buffer(-30, quad_segs=4).buffer(30, quad_segs=4)
        near = ways[np.sort(tree.query(shape, "intersects"))]
        rest = shape.difference(shapely.union_all([*near, plan.ground.water.buffer(8)]))
        parts = polygons(opened(rest, 0.6).simplify(0.5))
        rows += [("block", None, part) for part in parts if part.area > 400]
    return rows


def _places(plan: Plan) -> list[Row]:
    """Parks, school yards and squares: their ground, less what lies in it."""
    rows: list[Row] = []
    for site in plan.sites:
        laid = [(kind, part) for kind, part in site.parts if kind != "building"]
        rest = site.ground.difference(shapely.union_all([part for _, part in laid]))
        park = site.kind.endswith("park")
        rows += [
            ("block", None if park else site.name, part)
            for part in polygons(rest)
            if part.area > 60
        ]
        rows += [
            (kind, site.name if park and kind == "green" else None, part) for kind, part in laid
        ]
    return rows


def _roads(plan: Plan) -> list[Row]:
    ground, rows = plan.ground, []
    for road in source("plan")["road"]:
        strip = ground.valley.line(road["points"]).buffer(road["width"] / 2, cap_style="flat")
        rest = strip.intersection(ground.sheet).difference(ground.town)
        rows += [("road", road["name"], part.simplify(0.3)) for part in polygons(rest)]
    for lane in plan.lanes:
        wide = lane.axis.buffer(lane.width_m / 2 + 1, cap_style="flat")
        for water in (ground.river, ground.brook):
            over = wide.intersection(water.buffer(7))
            if not over.is_empty and lane.axis.intersection(water).length > lane.width_m:
                rows += [("road", lane.name, part) for part in polygons(over)]
    return rows
