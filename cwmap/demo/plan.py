"""The demo town's map: streets, lanes, blocks, buildings and cells put together and named.

The map is the same whatever the seed of the demo, so that people learn to know the place; `SEED`
only stirs the bends of lanes and the sizes of buildings.
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from cwmap.demo import streets
from cwmap.demo.buildings import Buildings, build, orientation
from cwmap.demo.cells import Mesh, mesh
from cwmap.demo.ground import Ground, polygons, survey, to_world
from cwmap.demo.sites import Site, sites
from cwmap.demo.streets import Back, Block, Lane
from cwmap.shipped import shipped

SEED = 621202
SETBACK_M = {"main": 7.0, "secondary": 4.0, "branch": 2.0, "lane": 0.8}
DIGITS = "一二三四五六七八九十"

Shapes = NDArray[np.object_]


@dataclass(frozen=True)
class Plan:
    """The map in metres from the centre, and the facts that people and reports are made from."""

    ground: Ground
    lanes: list[Lane]
    lane_ids: NDArray[np.str_]
    lane_owner: NDArray[np.int64]
    mesh: Mesh
    blocks: list[Block]
    riverside: list[Polygon]
    lands: list[Polygon]
    buildings: Buildings
    sites: list[Site]
    communities: pd.DataFrame
    areas: pd.DataFrame


@cache
def source(name: str) -> dict[str, Any]:
    """A TOML file of the demo's sources; the same object on every call, so do not change it."""
    return tomllib.loads(shipped(f"data/demo/{name}.toml").read_text(encoding="utf-8"))


@cache
def draw() -> Plan:
    """The whole map; the same object on every call, so do not change it."""
    plan, rng = source("plan"), np.random.default_rng(SEED)
    ground = survey(plan)
    places = sites(plan, ground)
    rows = streets.streets(plan, ground)
    faces = streets.faces(plan, ground, [line for _, line in rows])
    built, riverside = streets.settle(plan, ground, faces)
    back: list[Back] = []
    blocks: list[Block] = []
    for block in _without_sites(built, places):
        lines, pieces = streets.cut(block, rng)
        back += [(line, width, block.quarter) for line, width in lines]
        blocks += pieces
    back = streets.connected([line for _, line in rows], back)
    net = mesh(plan, ground, faces, [line for line, *_ in back])
    communities = _communities(plan)
    lanes = streets.units(rows, sorted(back, key=lambda b: b[0].centroid.coords[0]))
    owner = _owner(
        net, [shapely.line_interpolate_point(e.axis, 0.5, normalized=True) for e in lanes]
    )
    lanes = _named(lanes, owner, communities, ground)
    lands, fabrics = _lands(blocks, lanes, places, ground)
    buildings = build(lands, fabrics, orientation(lands), rng)
    buildings = _thinned(buildings, lanes, rng)
    ids = np.array([f"X{n:03d}" for n in range(1, len(lanes) + 1)])
    areas = pd.DataFrame([{k: row[k] for k in ("id", "name", "note")} for row in plan["area"]])
    return Plan(
        ground, lanes, ids, owner, net, built, riverside, lands, buildings, places,
        communities, areas,
    )  # fmt: skip


def _without_sites(blocks: list[Block], places: list[Site]) -> list[Block]:
    """Blocks less the public places, so that no lane runs through a school yard."""
    taken = shapely.union_all([place.ground for place in places])
    return [
        replace(block, shape=part)
        for block in blocks
        for part in polygons(block.shape.difference(taken))
        if part.area > 800
    ]


def _communities(plan: dict[str, Any]) -> pd.DataFrame:
    known = pd.read_csv(
        shipped("data/demo/communities.csv"), comment="#", dtype=str, index_col="code"
    )
    return known.loc[[row["code"] for row in plan["community"]]].reset_index()


def _owner(net: Mesh, points: list[Any]) -> NDArray[np.int64]:
    """Position of the community that holds, or is nearest to, each point."""
    tree = shapely.STRtree(net.communities)
    return np.asarray(tree.nearest(np.array(points, object)), np.int64)


def _named(
    lanes: list[Lane], owner: NDArray[np.int64], communities: pd.DataFrame, ground: Ground
) -> list[Lane]:
    """Names: known ones by their place, a pool for the old town, the community's name and a number."""
    names = source("names")
    middle = np.array([e.axis.interpolate(0.5, normalized=True).coords[0] for e in lanes])
    back = np.array([e.kind == "lane" for e in lanes])
    done = [
        replace(e, aliases=e.name.replace("（", "").replace("）", "") if "（" in e.name else "")
        for e in lanes
    ]
    free = [k for k in np.lexsort((middle[:, 1], middle[:, 0])).tolist() if back[k]]
    for row in names["named"]:
        at = ground.valley.at([row["at"]])[0]
        k = min(free, key=lambda j: (float(np.hypot(*(middle[j] - at))), j))
        free.remove(k)
        done[k] = replace(lanes[k], name=row["name"], aliases=row["aliases"])
    pool = iter(names["pools"]["old"])
    count: dict[str, int] = defaultdict(int)
    for k in free:
        name = next(pool, None) if lanes[k].quarter == "城关" else None
        if name is None:
            village = str(communities["name"][owner[k]]).removesuffix("社区").removesuffix("子")
            count[village] += 1
            name = f"{village}{_numeral(count[village])}巷"
        done[k] = replace(lanes[k], name=name)
    return done


def _numeral(n: int) -> str:
    return DIGITS[n - 1] if n <= 10 else "十" + DIGITS[n - 11]


def _lands(
    blocks: list[Block], lanes: list[Lane], places: list[Site], ground: Ground
) -> tuple[list[Polygon], list[str]]:
    """What can be built on: blocks less streets with their setback, sites and the river's edge."""
    taken = [
        shapely.buffer(
            e.axis,
            e.width_m / 2 + SETBACK_M[e.kind],
            cap_style="square",
            join_style="mitre",
            mitre_limit=2,
        )
        for e in lanes
    ] + [place.ground.buffer(3) for place in places]
    ways, water = np.array(taken, object), ground.water.buffer(12)
    tree = shapely.STRtree(ways)
    lands, fabrics = [], []
    for block in blocks:
        near = ways[np.sort(tree.query(block.shape, "intersects"))]
        for part in polygons(block.shape.difference(shapely.union_all([*near, water]))):
            if part.area > 300:
                lands.append(part)
                fabrics.append(block.fabric)
    return lands, fabrics


def _thinned(buildings: Buildings, lanes: list[Lane], rng: np.random.Generator) -> Buildings:
    """Villages grow thin away from their lanes, so that their edge is no straight line."""
    ways = shapely.STRtree([e.shape for e in lanes])
    middle = shapely.centroid(buildings.shapes)
    _, far = ways.query_nearest(middle, return_distance=True, all_matches=False)
    keep = (buildings.fabric != "village") | (
        rng.random(len(far)) > np.clip((far - 18) / 75, 0, 0.92)
    )
    return Buildings(
        buildings.shapes[keep],
        buildings.fabric[keep],
        buildings.land[keep],
        buildings.storeys[keep],
    )


def lanes_frame(plan: Plan) -> gpd.GeoDataFrame:
    """Table `lanes` without computed columns."""
    return gpd.GeoDataFrame(
        {
            "lane_id": plan.lane_ids,
            "name": [e.name for e in plan.lanes],
            "aliases": [e.aliases or None for e in plan.lanes],
            "kind": [e.kind for e in plan.lanes],
            "community_id": plan.communities["code"].to_numpy()[plan.lane_owner],
            "length_m": np.round([e.axis.length for e in plan.lanes], 1),
        },
        geometry=to_world([e.shape for e in plan.lanes]),
        crs="EPSG:4326",
    )


def cells_frame(plan: Plan) -> gpd.GeoDataFrame:
    """Table `cells`; the territory answers for a cell unless somebody else is named."""
    names = plan.communities["name"].to_numpy()[plan.mesh.owner]
    serial = [int(code[-3:]) for code in plan.mesh.codes]
    return gpd.GeoDataFrame(
        {
            "cell_id": plan.mesh.codes,
            "name": [f"{name}第{n}网格" for name, n in zip(names, serial, strict=True)],
            "responsible": names,
            "community_id": plan.communities["code"].to_numpy()[plan.mesh.owner],
        },
        geometry=to_world(plan.mesh.cells),
        crs="EPSG:4326",
    )


def communities_frame(plan: Plan) -> gpd.GeoDataFrame:
    """Table `communities`: official names and codes, invented outlines."""
    return gpd.GeoDataFrame(
        plan.communities.rename(columns={"code": "community_id"})[
            ["community_id", "name", "street"]
        ],
        geometry=to_world(plan.mesh.communities),
        crs="EPSG:4326",
    )


def areas_frame(plan: Plan) -> gpd.GeoDataFrame:
    """Table `areas`."""
    return gpd.GeoDataFrame(
        plan.areas.rename(columns={"id": "area_id"}),
        geometry=to_world(plan.mesh.areas),
        crs="EPSG:4326",
    )
