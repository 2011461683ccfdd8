"""Who lives in the demo town, what serves them, and who answers for the lanes."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely import Point

from cwmap.demo import contradictions
from cwmap.demo.ground import Array, to_world
from cwmap.demo.plan import Plan, Shapes, source

LEADERS_SINCE = "2025-03-01"
# What is missing on purpose: area, kind of facility, why it can be known.
GAPS = (
    ("P01", "market", "片区内及附近没有集贸市场，占道摆摊集中"),
    ("P07", "toilet", "片区内及 150 米内没有公共厕所"),
)


def utc(local: Any) -> pd.Series:
    """Clock times of 武都 (UTC+8, no summer time) → UTC without zone, as the store keeps them."""
    moments = pd.Series(pd.to_datetime(local)).astype("datetime64[us]")
    return moments - pd.Timedelta(hours=8)


def population_frame(plan: Plan, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """Table `population`: residents of buildings and compounds, the total as the plan states."""
    facts, houses = source("plan")["population"], plan.buildings
    point: Array = shapely.get_coordinates(shapely.centroid(houses.shapes))
    fabric = houses.fabric
    weight = shapely.area(houses.shapes) * houses.storeys
    weight *= np.array([facts["density"][f] for f in fabric]) * rng.lognormal(0, 0.2, len(fabric))
    size = np.array([facts["group"][f] for f in fabric])
    order = np.lexsort((point[:, 1], point[:, 0], fabric, houses.land))
    key = pd.Series(houses.land[order].astype(str)) + fabric[order]
    serial = key.groupby(key, sort=False).cumcount().to_numpy() // size[order]
    group, _ = pd.factorize(key + serial.astype(str))
    total = np.bincount(group, weight[order])
    head = np.r_[0, np.flatnonzero(np.diff(group)) + 1]
    middle = order[head + np.diff(np.r_[head, len(order)]) // 2]
    residents = _rounded(total / total.sum() * facts["residents"])
    share = np.array([facts["per_household"][f] for f in fabric[middle]])
    points = shapely.points(point[middle])
    lane = _nearest(plan, points)
    number = pd.Series(lane).groupby(lane).cumcount().to_numpy() * 2 + 1
    tower = np.isin(fabric[middle], ["new", "tower"])
    names = np.array([e.name.split("（")[0] for e in plan.lanes], object)[lane]
    address = (
        names + number.astype(str).astype(object) + np.where(tower, "号楼", "号院").astype(object)
    )
    owner = shapely.STRtree(plan.mesh.communities).nearest(points)
    return gpd.GeoDataFrame(
        {
            "population_id": [f"R{n:04d}" for n in range(1, len(middle) + 1)],
            "residents": residents,
            "households": np.maximum(1, np.round(residents / share)).astype(int),
            "community_id": plan.communities["code"].to_numpy()[owner],
            "address": address,
        },
        geometry=to_world(points),
        crs="EPSG:4326",
    )


def _rounded(values: Array) -> NDArray[np.int64]:
    """Whole numbers with the same sum (largest remainders)."""
    whole = np.floor(values).astype(np.int64)
    short = round(values.sum()) - int(whole.sum())
    whole[np.argsort(-(values - whole), kind="stable")[:short]] += 1
    return whole


def _nearest(plan: Plan, points: Shapes) -> NDArray[np.int64]:
    return np.asarray(shapely.STRtree([e.shape for e in plan.lanes]).nearest(points), np.int64)


def facilities_frame(plan: Plan, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """Table `facilities`. No market in 梁园—中山街 and no toilet about 北山: gaps to be found."""
    facts = source("plan")["facilities"]
    rows: list[tuple[str, str, str, float | None, float, Point]] = []
    grounds = {site.name: site.ground for site in plan.sites}
    for name, floor_m2, stalls, standard in facts["markets"]:
        rows.append((name, "market", standard, floor_m2, stalls, grounds[name].centroid))
    rows += _toilets(plan, facts, rng)
    rows += _stations(plan, facts, rng)
    for name, s, v in facts["transfer_stations"]:
        rows.append(
            (name, "transfer_station", "yes", 420.0, 1.0, Point(plan.ground.valley.at([[s, v]])[0]))
        )
    rows += _bins(plan, facts, rng)
    points = np.array([row[5] for row in rows], object)
    lanes = np.array([e.name for e in plan.lanes], object)
    return gpd.GeoDataFrame(
        {
            "facility_id": [f"S{n:03d}" for n in range(1, len(rows) + 1)],
            "name": [row[0] for row in rows],
            "kind": [row[1] for row in rows],
            "standard": [row[2] for row in rows],
            "floor_m2": [row[3] for row in rows],
            "capacity": [row[4] for row in rows],
            "address": lanes[_nearest(plan, points)],
        },
        geometry=to_world(points),
        crs="EPSG:4326",
    )


def _beside(plan: Plan, lane: int, share: float, side: float) -> Point:
    """A point at the edge of a lane; `side` +1 left, -1 right of its direction."""
    entry = plan.lanes[lane]
    here = entry.axis.interpolate(share, normalized=True)
    ahead = entry.axis.interpolate(min(share + 0.01, 1.0), normalized=True)
    way = np.subtract(ahead.coords[0], here.coords[0])
    way /= max(float(np.hypot(*way)), 1e-9)
    out = side * (entry.width_m / 2 - 0.6)
    return Point(here.x - way[1] * out, here.y + way[0] * out)


def _spread(points: Array, number: int) -> list[int]:
    """Positions of points far from one another: each next one farthest from those before."""
    chosen = [int(np.argmin(np.hypot(*points.T)))]
    far = np.hypot(*(points - points[chosen[0]]).T)
    while len(chosen) < min(number, len(points)):
        chosen.append(int(far.argmax()))
        far = np.minimum(far, np.hypot(*(points - points[chosen[-1]]).T))
    return chosen


def _toilets(plan: Plan, facts: dict[str, Any], rng: np.random.Generator) -> list[Any]:
    areas = plan.areas["id"].tolist()
    shut = shapely.union_all(
        [plan.mesh.areas[areas.index(a)] for a, kind, _ in GAPS if kind == "toilet"]
    ).buffer(150)
    spots = [
        (k, _beside(plan, k, share, 1.0))
        for k, e in enumerate(plan.lanes)
        if e.kind != "lane" and "桥" not in e.name[-2:]
        for share in (0.3, 0.7)
    ]
    spots = [(k, p) for k, p in spots if not shut.contains(p)]
    chosen = _spread(np.array([p.coords[0] for _, p in spots]), facts["toilets"])
    rows: list[Any] = []
    count: dict[str, int] = {}
    for n in chosen:
        street = plan.lanes[spots[n][0]].name.split("（")[0]
        count[street] = count.get(street, 0) + 1
        name = f"{street}公厕" if count[street] == 1 else f"{street}第{count[street]}公厕"
        standard = "no" if rng.random() < 0.2 else "yes"
        rows.append(
            (
                name,
                "toilet",
                standard,
                float(rng.integers(40, 110)),
                float(rng.integers(6, 19)),
                spots[n][1],
            )
        )
    return rows


def _stations(plan: Plan, facts: dict[str, Any], rng: np.random.Generator) -> list[Any]:
    """Sorting stations at the edge of compounds; villages have few."""
    lands = [k for k, land in enumerate(plan.lands) if land.area > 3000]
    points = np.array(
        [plan.lands[k].exterior.interpolate(0.5, normalized=True).coords[0] for k in lands]
    )
    rows = []
    for n, k in enumerate(_spread(points, facts["sorting_stations"]), start=1):
        standard = "no" if rng.random() < 0.15 else "yes"
        rows.append(
            (
                f"{n}号分类收集点",
                "sorting_station",
                standard,
                None,
                float(rng.integers(4, 9)),
                Point(points[k]),
            )
        )
    return rows


def _bins(plan: Plan, facts: dict[str, Any], rng: np.random.Generator) -> list[Any]:
    rows: list[Any] = []
    for k, e in enumerate(plan.lanes):
        spacing = facts["bin_spacing_m"][e.kind]
        count = int(e.axis.length / spacing + rng.uniform(0.2, 0.8))
        for j in range(count):
            side = 1.0 if j % 2 else -1.0
            standard = "no" if rng.random() < 0.08 else "yes"
            rows.append(("", "bin", standard, None, 2.0, _beside(plan, k, (j + 0.5) / count, side)))
    return [(f"{n}号废物箱", *row[1:]) for n, row in enumerate(rows, start=1)]


def duties_frame(plan: Plan, rng: np.random.Generator) -> pd.DataFrame:
    """Table `duties`: for each lane its leader, secretary, grid officer, cleaner; some are missing."""
    names = source("names")["people"]
    cast = _Cast(names["surnames"], rng)
    village = plan.communities["name"].tolist()
    leader = [(cast.person(), str(rng.choice(names["units"]))) for _ in village]
    secretary = [cast.person() for _ in village]
    officers = [[cast.person() for _ in range(3)] for _ in village]
    cleaners = [[cast.person() for _ in range(8)] for _ in village]
    turn = [0] * len(village)
    rows: list[dict[str, Any]] = []
    for e, k in zip(plan.lanes, plan.lane_owner.tolist(), strict=True):
        turn[k] += 1
        holders = [
            ("leader", leader[k][0], leader[k][1], "包抓社区", "统筹协调、督办整改", "每周不少于一次"),
            ("secretary", secretary[k], village[k], "社区", "组织巡查、调度人员", "08:30-18:00"),
            ("grid_officer", officers[k][turn[k] % 3], village[k], e.name, "每日巡查、上报问题", "08:00-18:30"),
            ("cleaner", cleaners[k][turn[k] % 8], "区环卫所", f"{e.name}全段", "清扫保洁、清运垃圾",
             str(rng.choice(["05:30-11:30、13:30-18:30", "06:00-12:00、13:00-19:00", "13:00-19:00"]))),
        ]  # fmt: skip
        if e.kind != "lane" and rng.random() < 0.6:
            unit = (None, None), str(rng.choice(names["units"]))
            holders.append(("unit", *unit, e.name, "包街联系、志愿清扫", "每周五下午"))
        for role, (person, phone), organisation, post, duty, hours in holders:
            missing, vague = rng.random(2) < (0.05, 0.07)
            if missing:
                continue
            rows.append(
                {
                    "lane": e.name, "role": role, "person": person, "phone": phone,
                    "organisation": organisation, "post": post, "duty": duty,
                    "hours": None if vague else hours,
                    "standard": None if vague else "六无六净" if role == "cleaner" else "日巡、周查、月考",
                    "since": LEADERS_SINCE, "until": None,
                }
            )  # fmt: skip
    frame = pd.DataFrame(rows + contradictions.rows(plan))
    together = np.argsort(pd.factorize(frame["lane"])[0], kind="stable")
    frame = frame.iloc[together].reset_index(drop=True)
    frame.insert(0, "duty_id", [f"D{n:04d}" for n in range(1, len(frame) + 1)])
    frame["since"], frame["until"] = utc(frame["since"]), utc(frame["until"])
    return frame


def unit_duties(register: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """The register with a grid officer and a unit in charge for each compound; none of it random."""
    officers = register[register["role"] == "grid_officer"].reset_index(drop=True)
    bodies = sorted(register["organisation"][register["role"] == "unit"].dropna().unique())
    rows = []
    compounds = found[found["kind"].str.startswith("compound")]
    for at, name in enumerate(compounds["name"]):
        who = officers.loc[at * 7 % len(officers)]
        rows.append(
            dict(who)
            | {
                "lane": name,
                "post": name,
                "duty": "每日巡查、联系物业和住户",
                "hours": "08:00-18:30",
            }
        )
        rows.append(
            dict(who)
            | {"lane": name, "role": "unit", "person": None, "phone": None, "post": name,
               "organisation": bodies[at % len(bodies)], "duty": "包抓小区、每周清理", "hours": "每周五下午"}
        )  # fmt: skip
    more = pd.DataFrame(rows, columns=list(register.columns))
    whole = pd.concat([register, more], ignore_index=True)
    return whole.assign(duty_id=[f"D{n:04d}" for n in range(1, len(whole) + 1)])


class _Cast:
    """People whom nobody can mistake for real ones: 王某某, 13800000001."""

    def __init__(self, surnames: list[str], rng: np.random.Generator) -> None:
        self.surnames, self.rng, self.number = surnames, rng, 0

    def person(self) -> tuple[str, str]:
        """Name and phone number."""
        self.number += 1
        weight = 1 / (np.arange(len(self.surnames)) + 6.0)
        surname = self.rng.choice(self.surnames, p=weight / weight.sum())
        return f"{surname}某某", f"138000{self.number:05d}"
