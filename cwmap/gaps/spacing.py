"""Facilities along a lane (沿路间距): the stretches of each side longer than the norm allows.

Each bin belongs to the nearest lane, on one side of its axis. Along a side, the distances between
neighbouring bins, and from either end of the lane to the first bin, must not exceed the upper bound
of the norm for that lane. A stretch of g metres lacks ⌈g ÷ norm⌉ − 1 bins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import shapely.ops
from scipy.sparse.csgraph import dijkstra

from cwmap import figures
from cwmap.filters import Filter
from cwmap.gaps.facilities import Facility, Norm, Norms
from cwmap.gaps.homes import located
from cwmap.gaps.reach import shares, summed
from cwmap.gaps.walks import Floats, Shapes, lane_centres, metric
from cwmap.tables import LANE_KIND
from cwmap.town import Town
from cwmap.trends.hotspots import everywhere
from geo.centrelines import centre_lines
from geo.coordinates import transform_geometries
from geo.network import Network

SIDES = {"left": "左侧", "right": "右侧"}
"""As seen along the lane's axis, which leads from its western (else southern) end."""
COLUMNS = ("lane_id", "side", "from_m", "to_m", "length_m", "limit_m", "add", "norm")
SAMPLE_M = 10.0
_ROUNDING_M = 1e-6
_WHOLE = 0.9  # of a lane's length: an axis that is shorter is doubted


@dataclass(frozen=True, eq=False)
class Spacing:
    """stretches: those longer than the norm, `COLUMNS` and geometry (EPSG:4326), the longest first.

    samples: pieces of all sides that a norm is for: lane_id, x, y, weight (metres), good.
    notes: which lanes were not judged, and why.
    """

    stretches: gpd.GeoDataFrame
    samples: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def add(self) -> int:
        """How many are missing in all."""
        return int(self.stretches["add"].sum())


def spacing(town: Town, norms: Norms, facility: Facility) -> Spacing:
    """How a facility kind stands along the lanes; made once."""
    key = ("spacing", norms.version, facility.kind)
    return town.kept(key, lambda: _spacing(town, facility))


def served(town: Town, norms: Norms, facility: Facility, layer: str) -> pd.DataFrame:
    """As `cwmap.gaps.reach.served`, of metres of lane side: of_standard lies in a stretch within the norm."""
    samples = spacing(town, norms, facility).samples
    x, y = samples["x"].to_numpy(float), samples["y"].to_numpy(float)
    if layer == "town":
        at, index = np.zeros(len(samples), np.intp), pd.Index(["town"])
    else:
        at, index = located(town, x, y)[layer], town.layers[layer].index
    weight, good = samples["weight"].to_numpy(float), samples["good"].to_numpy(bool)
    frame = pd.DataFrame(
        {
            "total": summed(at, weight, len(index)),
            "of_standard": summed(at, weight * good, len(index)), "below_standard": 0.0,
            "beyond": summed(at, weight * ~good, len(index)),
        },
        index,
    )  # fmt: skip
    return frame.assign(share=shares(frame), nearest_m=np.nan)


def axes(town: Town) -> Shapes:
    """(lanes,) the axis of each lane: the longest way along its centre line; None without one."""
    return town.kept("lane axes", lambda: _axes(town))


def _axes(town: Town) -> Shapes:
    lanes, centres = metric(town, "lanes"), lane_centres(town)
    found = np.full(len(lanes), None, object)
    lane, centre = shapely.STRtree(centres).query(lanes, predicate="intersects")
    inside = shapely.intersection(centres[centre], lanes[lane])
    for at in np.unique(lane):
        parts = shapely.get_parts(inside[lane == at])
        found[at] = _longest_way(parts[shapely.length(parts) > 0])
    # Where lanes lie side by side their common centre line leaves the lane: it is drawn alone.
    short = shapely.length(found) < _WHOLE * town.layers["lanes"]["length_m"].to_numpy(float)
    for at in np.flatnonzero(short & ~shapely.is_missing(lanes)):
        alone = _longest_way(centre_lines(lanes[[at]]))
        if alone and (found[at] is None or alone.length > found[at].length):
            found[at] = alone
    return found


def _longest_way(lines: Shapes) -> shapely.LineString | None:
    """The longest of the shortest ways between two places of lines that meet."""
    network = Network.build(lines)
    if not len(network.x):
        return None
    # From any place the farthest one is an end of the longest way (exact where there is no loop).
    start = int(np.flatnonzero(network.component == 0)[0])
    for _ in range(2):
        cost, before = dijkstra(network.outward, indices=start, return_predecessors=True)
        first, start = start, int(np.argmax(np.where(np.isfinite(cost), cost, -1.0)))
    way = [start]
    while way[-1] != first:
        way.append(int(before[way[-1]]))
    xy = np.column_stack([network.x[way], network.y[way]])
    return shapely.LineString(xy if tuple(xy[0]) <= tuple(xy[-1]) else xy[::-1])


def _spacing(town: Town, facility: Facility) -> Spacing:
    lanes, lines = town.layers["lanes"], axes(town)
    bins = _beside(town, facility.kind, lines)
    stretches, samples = [], []
    skipped: dict[str, int] = {}
    for at, (lane_id, kind) in enumerate(zip(lanes.index, lanes["kind"], strict=True)):
        norm = facility.spacing(str(lane_id), kind if isinstance(kind, str) else None)
        if norm is None or lines[at] is None:
            why = LANE_KIND.shown(kind) if isinstance(kind, str) else "未填道路类型"
            why = f"{why}（标准未列）" if norm is None else "量不出中线的"
            skipped[why] = skipped.get(why, 0) + 1
            continue
        for side in SIDES:
            mine = bins.loc[(bins["lane"] == at) & (bins["side"] == side), "along_m"]
            ends = np.concatenate([[0.0], np.sort(mine.to_numpy(float)), [lines[at].length]])
            stretches += list(_long(str(lane_id), side, ends, norm))
            samples.append(_samples(str(lane_id), lines[at], ends, norm))
    frame = pd.DataFrame(stretches, columns=COLUMNS)
    shapes = [
        _drawn(lines[lanes.index.get_loc(r.lane_id)], lanes.loc[r.lane_id], r)
        for r in frame.itertuples()
    ]
    degrees = transform_geometries(np.array(shapes, object), town.settings.crs, "EPSG:4326")
    order = frame.sort_values(["length_m", "lane_id"], ascending=[False, True]).index
    found = gpd.GeoDataFrame(frame, geometry=degrees, crs="EPSG:4326").loc[order]
    empty = pd.DataFrame({c: [] for c in ("lane_id", "x", "y", "weight", "good")})
    notes = [f"{facility.name}不论达标与否都算在间距里"]
    notes += (
        [f"没有评的：{'，'.join(f'{k} {n} 条' for k, n in skipped.items())}"] if skipped else []
    )
    lost = int((bins["lane"] < 0).sum())
    if lost:
        near = town.settings.nearest_m
        notes.append(f"{lost} 处{facility.name}离各条巷道都超过 {near:g} 米，没有计入")
    return Spacing(
        found.reset_index(drop=True), pd.concat(samples) if samples else empty, tuple(notes)
    )


def _drawn(axis: shapely.LineString, lane: pd.Series, row: Any) -> shapely.LineString:
    """A stretch of the axis, moved to its side by a quarter of the lane's width where that can be drawn."""
    middle = shapely.ops.substring(axis, row.from_m, row.to_m)
    aside = lane["area_m2"] / lane["length_m"] / 4 * (1 if row.side == "left" else -1)
    moved = shapely.offset_curve(middle, aside)
    return moved if moved.geom_type == "LineString" and not moved.is_empty else middle


def _beside(town: Town, kind: str, lines: Shapes) -> pd.DataFrame:
    """Each facility of a kind: lane (position, −1 for none), side, along_m."""
    rows = town.layers["facilities"]
    shapes = metric(town, "facilities")[(rows["kind"] == kind).to_numpy(bool)]
    points = shapely.centroid(shapes[~shapely.is_missing(shapes)])
    lane = np.full(len(points), -1, np.intp)
    near = shapely.STRtree(metric(town, "lanes")).query_nearest(
        points, max_distance=town.settings.nearest_m, all_matches=False
    )
    lane[near[0]] = near[1]
    held = np.flatnonzero(lane >= 0)
    held = held[~shapely.is_missing(lines[lane[held]])]
    axis, point = lines[lane[held]], points[held]
    along = shapely.line_locate_point(axis, point)
    ahead, behind = (
        shapely.line_interpolate_point(axis, np.clip(along + step, 0, shapely.length(axis)))
        for step in (0.5, -0.5)
    )
    turn = _cross(behind, ahead, point)
    side = np.full(len(points), "", object)
    side[held] = np.where(turn >= 0, "left", "right")
    along_m = np.full(len(points), np.nan)
    along_m[held] = along
    return pd.DataFrame({"lane": lane, "side": side, "along_m": along_m})


def _cross(start: Shapes, end: Shapes, point: Shapes) -> Floats:
    """Positive where a point lies to the left of the way from start to end."""
    (ax, ay), (bx, by), (px, py) = (
        (shapely.get_x(p), shapely.get_y(p)) for p in (start, end, point)
    )
    return np.asarray((bx - ax) * (py - ay) - (by - ay) * (px - ax))


def _long(lane_id: str, side: str, ends: Floats, norm: Norm) -> Iterator[tuple[object, ...]]:
    for begin, end in pairwise(ends.tolist()):
        length = end - begin
        if length > norm.limit + _ROUNDING_M:
            add = int(np.ceil((length - _ROUNDING_M) / norm.limit)) - 1
            yield lane_id, side, begin, end, length, norm.limit, add, norm.key


def _samples(lane_id: str, axis: shapely.LineString, ends: Floats, norm: Norm) -> pd.DataFrame:
    """Pieces of one side, and whether each lies in a stretch within the norm."""
    number = max(1, int(np.ceil(axis.length / SAMPLE_M)))
    middle = (np.arange(number) + 0.5) * axis.length / number
    stretch = np.clip(np.searchsorted(ends, middle) - 1, 0, len(ends) - 2)
    points = shapely.line_interpolate_point(axis, middle)
    return pd.DataFrame(
        {
            "lane_id": lane_id, "x": shapely.get_x(points), "y": shapely.get_y(points),
            "weight": axis.length / number,
            "good": np.diff(ends)[stretch] <= norm.limit + _ROUNDING_M,
        }
    )  # fmt: skip


def evidence(town: Town, facility: Facility, question: Filter) -> pd.Series:
    """Reports of each lane that speak for the kind's want; 0 where no category does."""
    if not facility.demand:
        return pd.Series(0, town.layers["lanes"].index)
    view = town.view(everywhere(replace(question, category=facility.demand)))
    return figures.place_counts(town, view, "lanes")["reports"]
