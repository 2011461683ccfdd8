"""The town on foot (步行路网): its walking network, what bars the way, and how far it is.

Lanes are polygons; their centre lines, and the backdrop's roads, are the network. A file of ways
takes their place where the office names one. The backdrop's river is a barrier except where a lane
named 桥, or a road of the backdrop, crosses it; hills bar the way to those who are not on them.
Without any network, distances are straight lines times a stated detour factor, and `notes` say so.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import shapely

from cwmap.gaps.facilities import Norms, Walk
from cwmap.gaps.heights import read_heights
from cwmap.gaps.paths import Paths, read_paths
from cwmap.placing import repaired
from cwmap.town import Town
from geo import service, walking
from geo.centrelines import centre_lines
from geo.coordinates import transform_geometries
from geo.grid import LINES, NONE, POLYGONS
from geo.network import Network
from geo.walking import Places

PIECE_M = 25.0
"""Edges are no longer than this, so that lane length can be counted by its pieces."""
_BRIDGE_M = 1.0  # a bridge reaches so far beyond its sides: the two were drawn apart
_ROAD_M = 4.0  # half the width of a road that is drawn as a line
_BUILT = "桥"

_MOST_MADE = 2
_MADE: dict[tuple[Hashable, ...], Walks] = {}
_MAKING = threading.Lock()

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Shapes = npt.NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class Walks:
    """See the module. network: None where there is none. notes: what a reader must know, Chinese.

    hillside: the same network for places on a hill, whom the hill does not bar.
    """

    network: Network | None
    hillside: Network | None
    hills: Shapes
    rules: Walk
    notes: tuple[str, ...]

    def places(self, x: Floats, y: Floats) -> Places:
        """Points (n,) in metres, snapped to the network within `rules.snap_m`."""
        if self.network is None or self.hillside is None:
            nothing = np.full(len(x), NONE, np.intp)
            return Places(
                x, y, nothing, np.full(len(x), np.nan), np.full(len(x), np.inf), nothing != NONE
            )
        found = walking.snap(self.network, x, y, self.rules.snap_m)
        up = np.flatnonzero(self._on_hill(x, y))
        above = walking.snap(self.hillside, x[up], y[up], self.rules.snap_m)
        fields = {}
        for name, value in vars(found).items():
            fields[name] = value.copy()
            fields[name][up] = getattr(above, name)
        return Places(**fields)

    def _on_hill(self, x: Floats, y: Floats) -> Bools:
        inside = np.zeros(len(x), bool)
        finite = np.isfinite(x) & np.isfinite(y)
        points = np.full(len(x), None, object)
        points[finite] = shapely.points(x[finite], y[finite])
        inside[self._hill_tree.query(points, predicate="intersects")[0]] = True
        return inside

    @cached_property
    def _hill_tree(self) -> shapely.STRtree:
        return shapely.STRtree(self.hills)

    def reached(self, places: Places) -> Bools:
        """(n,) whether anything can be said of each place."""
        if self.network is None:
            return np.asarray(np.isfinite(places.x) & np.isfinite(places.y))
        return places.snapped

    def nearest_m(self, origins: Places, goals: Places) -> Floats:
        """(origins,) metres of walking to the nearest goal; inf: none can be reached."""
        if self.network is not None:
            return walking.nearest(self.network, origins, goals).cost
        return walking.straight_line(
            origins.x, origins.y, goals.x, goals.y, detour=self.rules.detour
        ).cost

    def table_m(self, origins: Places, goals: Places, limit_m: float) -> Floats:
        """(origins, goals) metres of walking; inf beyond the limit."""
        if self.network is not None:
            return walking.pairs(self.network, origins, goals, limit_m).dense()
        straight = np.hypot(
            origins.x[:, None] - goals.x, origins.y[:, None] - goals.y
        )  # fmt: skip
        far = straight * self.rules.detour
        return np.where(far <= limit_m, far, np.inf)

    def areas(self, goals: Places, limit_m: float) -> Shapes:
        """(goals,) polygons from which each is within the limit."""
        if self.network is not None:
            return service.service_areas(self.network, goals, limit_m)
        circles = shapely.buffer(shapely.points(goals.x, goals.y), limit_m / self.rules.detour)
        return np.asarray(circles, object)


def metric(town: Town, layer: str) -> Shapes:
    """The shapes of a layer in the town's metres, valid; None where there is none."""
    degrees = town.layers[layer].geometry.to_numpy(object)
    return repaired(transform_geometries(degrees, "EPSG:4326", town.settings.crs))


def walks(town: Town, norms: Norms) -> Walks:
    """The town's walking network by these norms; made once for the same ground, in some seconds."""
    return town.kept(("walks", norms.walk), lambda: _known(town, norms.walk))


def _known(town: Town, rules: Walk) -> Walks:
    """That of an earlier revision where the ground is the same: reports come in every day."""
    key = (rules, _ground(town), *map(_written, (rules.paths, rules.elevation)))
    with _MAKING:
        if key not in _MADE:
            for old in [*_MADE][: len(_MADE) + 1 - _MOST_MADE]:
                del _MADE[old]
            _MADE[key] = _walks(town, rules)
        return _MADE[key]


def _ground(town: Town) -> bytes:
    """What a network is made from, as a digest."""
    digest = hashlib.sha256(town.settings.crs.encode())
    for layer, column in (("lanes", "name"), ("backdrop", "kind")):
        frame = town.layers[layer]
        for part in (*shapely.to_wkb(frame.geometry.to_numpy(object)), *frame[column]):
            told = part if isinstance(part, bytes) else str(part).encode()
            digest.update(len(told).to_bytes(8, "little") + told)
    return digest.digest()


def _written(path: Path | None) -> int:
    """When a file was last changed, ns; 0 without one."""
    return path.stat().st_mtime_ns if path and path.exists() else 0


def lane_centres(town: Town) -> Shapes:
    """The centre lines of all lanes and of the backdrop's roads together, in metres."""
    return town.kept("lane centres", lambda: _lane_centres(town))


def _lane_centres(town: Town) -> Shapes:
    roads = _backdrop(town, "road")
    strips = [*metric(town, "lanes"), *roads[_of(roads, POLYGONS)]]
    drawn = roads[_of(roads, LINES)]
    return np.asarray([*centre_lines(strips), *drawn], object)


def _walks(town: Town, rules: Walk) -> Walks:
    bridges = _bridges(town)
    hills = _solid(_backdrop(town, "hill"))
    lanes = _solid(metric(town, "lanes"))
    water = _without(_solid(_backdrop(town, "water")), bridges)
    slopes = _without(hills, [*bridges, *shapely.buffer(lanes, _BRIDGE_M)])
    if rules.paths:
        ways, source = read_paths(rules.paths, town.settings.crs), f"路网取自“{rules.paths.name}”"
    else:
        lines = lane_centres(town)
        ways = Paths(lines, np.zeros(len(lines), bool), shared=False)
        source = "路网取自巷道面的中心线和底图道路，误差约为巷道宽度的一半"
    if not len(ways.lines):
        note = (
            f"没有巷道，也没有路网：距离按直线乘绕行系数 {rules.detour:g} 估算，"
            "河流和山体的阻隔没有计入"
        )
        return Walks(None, None, hills, rules, (note,))
    network = Network.build(
        ways.lines, crossings=not ways.shared, join_m=0 if ways.shared else rules.join_m,
        bridges=ways.bridge, barriers=[*water, *slopes], longest_m=PIECE_M,
    )  # fmt: skip
    network, climbing = _climbed(network, rules, town.settings.crs)
    notes = (*climbing, *_barred(water, hills), *_parts(network))
    return Walks(network, replace(network, barriers=water), hills, rules, (source, *notes))


def _climbed(network: Network, rules: Walk, crs: str) -> tuple[Network, list[str]]:
    """The network with what climbing costs, where heights are known; and what is to be said of it."""
    if not rules.elevation:
        return network, []
    heights = read_heights(rules.elevation, crs).at(network.x, network.y)
    known = float(np.isfinite(heights).mean())
    note = (
        f"高程取自“{rules.elevation.name}”，上下坡按 Tobler 函数折算为同样费时的平路距离；"
        f"{known:.0%} 的路网节点有高程，其余按平路"
    )
    return network.with_slope(heights).level(), [note]


def _barred(water: Shapes, hills: Shapes) -> list[str]:
    names = [n for n, shapes in (("河流", water), ("山体", hills)) if len(shapes)]
    if not names:
        return ["底图里没有河流和山体，没有计入阻隔"]
    return [f"{'和'.join(names)}不能穿过，只有名称带“桥”的巷道和底图道路可以过河"]


def _parts(network: Network) -> list[str]:
    """What is not connected with the rest."""
    if not len(network.component):
        return []
    length = np.bincount(network.component[network.start], network.length_m)
    if len(length) < 2:
        return []
    rest = length[1:].sum()
    return [f"路网分成互不相通的 {len(length)} 段，最大一段以外共 {rest:,.0f} 米"]


def _bridges(town: Town) -> list[shapely.Geometry]:
    """What leads over water: lanes named 桥 and the backdrop's roads, a little wider."""
    named = town.layers["lanes"]["name"].fillna("").str.contains(_BUILT).to_numpy(bool)
    lanes, roads = metric(town, "lanes")[named], _backdrop(town, "road")
    ways = [*_solid(lanes), *_solid(roads), *shapely.buffer(roads[_of(roads, LINES)], _ROAD_M)]
    return list(shapely.buffer(np.array(ways, object), _BRIDGE_M))


def _backdrop(town: Town, kind: str) -> Shapes:
    found: Shapes = metric(town, "backdrop")[(town.layers["backdrop"]["kind"] == kind).to_numpy()]
    return found


def _of(shapes: Shapes, types: Iterable[int]) -> Bools:
    kinds = np.isin(shapely.get_type_id(shapes), list(types))
    return np.asarray(kinds & ~shapely.is_empty(shapes), bool)


def _solid(shapes: Shapes) -> Shapes:
    return shapes[_of(shapes, POLYGONS)]


def _without(shapes: Shapes, holes: Iterable[shapely.Geometry]) -> Shapes:
    """Polygons less others, in valid parts."""
    left = shapely.difference(shapely.union_all(shapes), shapely.union_all(list(holes)))
    parts = shapely.get_parts(left)
    return np.asarray(parts[_of(parts, POLYGONS)], object)
