"""Where those live who walk to a facility (住处), and which area, community and cell they live in.

From the table of population. A row that is a point is one place; a polygon, or a row that only
names its community, is spread evenly over the pieces of lane inside. Where no population is known,
lane length stands in for it: every piece of lane counts by its metres, and it is said so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import shapely

from cwmap.gaps.facilities import Norms
from cwmap.gaps.walks import Floats, Shapes, Walks, metric, walks
from cwmap.placing import repaired
from cwmap.town import Town
from geo.locate import PolygonIndex
from geo.walking import Places

LAYERS = ("areas", "communities", "cells")
Unit = Literal["people", "lane_m", "side_m"]
UNITS: dict[str, str] = {"people": "人", "lane_m": "米巷道", "side_m": "米路侧"}
"""What is counted: residents, metres of lane, metres of a lane's side."""


@dataclass(frozen=True, eq=False)
class Homes:
    """Places (n,) and how much of `unit` each stands for. at: layer → position there, −1 for none."""

    places: Places
    weight: Floats
    unit: Unit
    at: dict[str, np.ndarray]
    notes: tuple[str, ...]


def homes(town: Town, norms: Norms) -> Homes:
    """The town's homes, snapped to its network."""
    return town.kept(("homes", norms.walk), lambda: _homes(town, walks(town, norms)))


def located(town: Town, x: Floats, y: Floats) -> dict[str, np.ndarray]:
    """The position of the area, community and cell that holds each point (metres), −1 for none."""
    return {layer: _index(town, layer).first(x, y) for layer in LAYERS}


def _index(town: Town, layer: str) -> PolygonIndex:
    return town.kept(("polygons", layer), lambda: PolygonIndex.build(metric(town, layer)))


def _homes(town: Town, ways: Walks) -> Homes:
    middle, length = pieces(ways)
    rows = town.layers["population"]
    people = rows["residents"].to_numpy(float)
    notes: list[str] = []
    if np.nansum(people) > 0:
        unit: Unit = "people"
        x, y, weight, lost = _spread(_ground(town, rows), people, middle)
        if lost:
            notes.append(f"{lost:,.0f} 人既没有位置，也没有已知的社区，没有计入")
    else:
        unit, weight = "lane_m", length
        x, y = shapely.get_x(middle), shapely.get_y(middle)
        notes.append("没有人口数据，以巷道长度代替：涉及的是巷道米数，不是人数")
    places = ways.places(x, y)
    far = weight[~ways.reached(places)].sum()
    if far > 0:
        near = f"离路网不到 {ways.rules.snap_m:g} 米" if ways.network else "有位置"
        notes.append(f"{far:,.0f} {UNITS[unit]}不在{near}的地方，按没有服务计")
    return Homes(places, weight, unit, located(town, x, y), tuple(notes))


def pieces(ways: Walks) -> tuple[Shapes, Floats]:
    """The middle and the length of each piece of way that is part of a line."""
    network = ways.network
    if network is None:
        return np.empty(0, object), np.empty(0)
    real = network.line >= 0
    middle = shapely.line_interpolate_point(network.segments[real], 0.5, normalized=True)
    return np.asarray(middle, object), network.length_m[real]


def _ground(town: Town, rows: pd.DataFrame) -> Shapes:
    """Where each row of the population is: its own shape, else its community's; None for neither."""
    shapes = metric(town, "population").copy()
    communities = pd.Series(metric(town, "communities"), town.layers["communities"].index)
    without = shapely.is_missing(shapes)
    shapes[without] = communities.reindex(rows["community_id"][without]).to_numpy(object)
    shapes[pd.isna(shapes)] = None
    return repaired(shapes)


def _spread(ground: Shapes, people: Floats, pieces: Shapes) -> tuple[Floats, Floats, Floats, float]:
    """Places x, y, how many people each has, and how many have no place at all."""
    known = ~shapely.is_missing(ground) & ~shapely.is_empty(ground) & np.isfinite(people)
    flat = np.flatnonzero(known & (shapely.area(ground) > 0))
    row, piece = shapely.STRtree(pieces).query(ground[flat], predicate="contains")
    number = np.bincount(row, minlength=len(flat))
    share = people[flat[row]] / number[row]
    # A polygon without any lane is one place, as is a point.
    single = np.concatenate(
        [flat[number == 0], np.flatnonzero(known & (shapely.area(ground) == 0))]
    )
    points = np.concatenate([pieces[piece], shapely.point_on_surface(ground[single])])
    lost = float(np.nansum(people[~known]))
    return shapely.get_x(points), shapely.get_y(points), np.append(share, people[single]), lost
