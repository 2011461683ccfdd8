"""Units of responsibility of the demo town beside its lanes: compounds, restaurants, sites, channels.

All are invented, and say so in their note; some are demonstration points (样板).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Point, affinity
from shapely.ops import substring

from cwmap.demo.ground import polygons, to_world
from cwmap.demo.plan import Plan, source

NOTE = "示例：虚构"
MANAGED = (
    "锦绣家园", "阳光花园", "江畔人家", "明珠小区", "和谐苑", "书香苑", "康居小区", "金穗家园", "佳和小区",
    "云庭小区", "惠民小区", "安居苑", "龙江新城", "东升花园", "育才家园", "翠屏苑", "富民小区", "迎宾花园",
)  # fmt: skip
WORKS = ("粮食局", "供销社", "印刷厂", "运输队", "农机厂", "物资局", "百货公司", "水泥厂", "林业局", "面粉厂", "电影院",
         "药材公司", "木器厂", "皮革厂")  # fmt: skip
TRADES = ("牛肉面馆", "洋芋搅团店", "火锅店", "小吃店", "早餐店", "烧烤店", "川菜馆", "饺子馆")
RESTAURANTS, SITES, UNMANAGED_ROWS, GULLIES = 40, 10, 11, (-2300, -1500, -640, 1700, 2450)
BESIDE_THE_MARKET = "滨河三无小区"


@dataclass(frozen=True)
class _Unit:
    name: str
    kind: str
    shape: Any
    address: str = ""
    demonstration: bool = False


def units_frame(plan: Plan, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """Table `units`, EPSG:4326."""
    found = [
        *_compounds(plan, rng), *_restaurants(plan, rng), *_sites(plan, rng), *_channels(plan),
        *_shown(plan),
    ]  # fmt: skip
    inside = shapely.point_on_surface(np.array([u.shape for u in found], object))
    owner = shapely.STRtree(plan.mesh.communities).nearest(inside)
    near = shapely.STRtree([e.shape for e in plan.lanes]).nearest(inside)
    count = len(found)
    return gpd.GeoDataFrame(
        {
            "unit_id": [f"U{n:03d}" for n in range(1, count + 1)],
            "name": [u.name for u in found],
            "kind": [u.kind for u in found],
            "community_id": plan.communities["code"].to_numpy()[owner],
            "demonstration": ["yes" if u.demonstration else "no" for u in found],
            "photo_before": np.full(count, None, object),
            "photo_after": np.full(count, None, object),
            "address": [plan.lanes[k].name for k in near],
            "note": [NOTE] * count,
        },
        geometry=to_world([u.shape for u in found]),
        crs="EPSG:4326",
    )


def _compounds(plan: Plan, rng: np.random.Generator) -> Iterator[_Unit]:
    """One compound of a land: managed in new quarters, unmanaged in works' yards, 三无 in the old town."""
    fabric = dict(zip(plan.buildings.land.tolist(), plan.buildings.fabric.tolist(), strict=True))
    market = next(s.ground for s in plan.sites if s.name == "滨河市场")
    ends = sorted(fabric, key=lambda k: float(plan.lands[k].distance(market)))
    first = next(k for k in ends if fabric[k] in ("old", "shops", "mixed"))
    yield _Unit(BESIDE_THE_MARKET, "compound_none", _plot(plan.lands[first], 62, rng))

    used = {first}

    def free(*wanted: str, number: int | None = None) -> list[int]:
        lands = [k for k in sorted(fabric) if fabric[k] in wanted and k not in used]
        chosen = [int(k) for k in rng.permutation(lands)][:number]
        used.update(chosen)
        return chosen

    for n, k in enumerate(free("tower", "new", "mixed", number=len(MANAGED))):
        plot = _plot(plan.lands[k], rng.uniform(80, 120), rng)
        yield _Unit(MANAGED[n], "compound", plot, demonstration=n < 2)
    for n, k in enumerate(free("shops", "mixed", number=len(WORKS))):
        plot = _plot(plan.lands[k], rng.uniform(50, 80), rng)
        yield _Unit(f"{WORKS[n]}家属院", "compound_unmanaged", plot)
    lanes = shapely.STRtree([e.shape for e in plan.lanes])
    taken: set[str] = set()
    for k in free("old"):
        plot = _plot(plan.lands[k], rng.uniform(38, 60), rng)
        name = f"{_street(plan, int(lanes.nearest(plot)))}三无楼院"
        if name not in taken and len(taken) < UNMANAGED_ROWS:
            taken.add(name)
            yield _Unit(name, "compound_none", plot, demonstration=len(taken) == 1)


def _plot(land: Any, side_m: float, rng: np.random.Generator) -> Any:
    """A part of a land about so wide, along its longer side."""
    frame = np.asarray(shapely.minimum_rotated_rectangle(land).exterior.coords)
    edge = max(np.diff(frame, axis=0)[:2], key=lambda e: float(np.hypot(*e)))
    centre = shapely.point_on_surface(land)
    box = shapely.box(-side_m / 2, -side_m * 0.4, side_m / 2, side_m * 0.4)
    turned = affinity.rotate(box, np.degrees(np.arctan2(edge[1], edge[0])), origin=(0, 0))
    shift = rng.normal(0, 6, 2)
    placed = affinity.translate(turned, centre.x + shift[0], centre.y + shift[1])
    return polygons(placed.intersection(land))[0]


def _street(plan: Plan, lane: int) -> str:
    return plan.lanes[lane].name.split("（")[0]


def _restaurants(plan: Plan, rng: np.random.Generator) -> Iterator[_Unit]:
    """At the edge of branches and secondary streets."""
    surnames = source("names")["people"]["surnames"]
    busy = [k for k, e in enumerate(plan.lanes) if e.kind in ("branch", "secondary")]
    busy = [k for k in busy if "桥" not in plan.lanes[k].name]
    taken: set[str] = set()
    while len(taken) < RESTAURANTS:
        lane = plan.lanes[int(rng.choice(busy))]
        edge = lane.axis.parallel_offset(lane.width_m / 2 + 2, str(rng.choice(["left", "right"])))
        at = edge.interpolate(rng.uniform(0.1, 0.9), normalized=True)
        name = f"{lane.name.split('（')[0]}{rng.choice(surnames)}某某{rng.choice(TRADES)}"
        if name not in taken and not at.is_empty:
            taken.add(name)
            yield _Unit(name, "restaurant", Point(at))


def _sites(plan: Plan, rng: np.random.Generator) -> Iterator[_Unit]:
    """Building sites: in villages that are being rebuilt."""
    fabric = dict(zip(plan.buildings.land.tolist(), plan.buildings.fabric.tolist(), strict=True))
    lands = [k for k in sorted(fabric) if fabric[k] in ("village", "new")]
    names = plan.communities["name"].to_numpy()
    tree = shapely.STRtree(plan.mesh.communities)
    for n, k in enumerate(rng.permutation(lands)[:SITES], start=1):
        plot = _plot(plan.lands[int(k)], rng.uniform(45, 90), rng)
        home = str(names[tree.nearest(plot.centroid)]).removesuffix("社区")
        yield _Unit(f"{home}{n}号安置楼工地", "site", plot)


def _channels(plan: Plan) -> Iterator[_Unit]:
    """Stretches of the river and its tributary within the town, and gullies from the hills."""
    ground = plan.ground
    town = ground.town.buffer(150)
    west, _, east, _ = town.bounds
    cuts = np.linspace(west, east, 4)
    for name, a, b in zip(("上段", "中段", "下段"), cuts[:-1], cuts[1:], strict=True):
        part = ground.river.intersection(town).intersection(shapely.box(a, -9e3, b, 9e3))
        yield _Unit(f"白龙江{name}", "channel", polygons(part)[0], demonstration=name == "中段")
    yield _Unit("北峪河城区段", "channel", polygons(ground.brook.intersection(town))[0])
    names = plan.communities["name"].to_numpy()
    tree = shapely.STRtree(plan.mesh.communities)
    for s in GULLIES:
        line = ground.valley.line([[s, 820], [s + 15, 500], [s, 60]]).intersection(town)
        strip = polygons(line.buffer(2.0, cap_style="flat"))[0]
        home = str(names[tree.nearest(strip.centroid)]).removesuffix("社区")
        yield _Unit(f"{home}排洪沟", "channel", strip)


def _shown(plan: Plan) -> Iterator[_Unit]:
    """Demonstration points on streets, lanes and a toilet, beside the units they belong to."""
    at: NDArray[np.float64] = np.array(
        [e.axis.interpolate(0.5, normalized=True).coords[0] for e in plan.lanes]
    )
    order = np.argsort(np.hypot(*at.T), kind="stable")
    for kind, wanted, label in (
        ("street", ("branch", "secondary"), "样板段"), ("lane", ("lane",), "样板巷"),
        ("toilet", ("main",), "样板公厕"),
    ):  # fmt: skip
        chosen = [int(k) for k in order if plan.lanes[k].kind in wanted]
        for k in chosen[: 1 if kind == "toilet" else 2]:
            lane = plan.lanes[k]
            shape = (
                substring(lane.axis, 0.25, 0.75, normalized=True).buffer(
                    lane.width_m * 0.45, cap_style="flat"
                )
                if kind != "toilet"
                else lane.axis.interpolate(0.4, normalized=True).buffer(6)
            )
            yield _Unit(f"{_street(plan, k)}{label}", kind, shape, demonstration=True)
