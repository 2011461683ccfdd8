"""Which coordinate system the numbers of a file are in, or that this must not be guessed.

Degrees never tell WGS 84 from GCJ-02 and BD-09, which lie some 300 to 900 m apart. The town's lanes
do, because reports lie in lanes: see `_compare`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS

from cwmap.errors import NeedsAnswer, UnknownName
from geo.coordinates import (
    from_wgs84,
    in_china,
    looks_like,
    to_wgs84,
    transform_geometries,
)

Floats = npt.NDArray[np.float64]
Pair = tuple[Floats, Floats]
Mask = npt.NDArray[np.bool_]

DEGREES = ("wgs84", "gcj02", "bd09")
NAMES = {
    "wgs84": "WGS-84（GPS、天地图）", "cgcs2000": "CGCS2000 经纬度", "gcj02": "GCJ-02（高德、腾讯）",
    "bd09": "BD-09（百度）",
}  # fmt: skip
NEAR_M = 5000.0
"""A place farther than this from the lanes' extent lies outside the town."""

# CGCS2000, 3 degrees, without zone: the central meridian of each.
_GAUSS = {f"EPSG:{4534 + k}": 75 + 3 * k for k in range(21)}
_REACH_DEG = 6.0  # an easting of six digits lies at most so far from its meridian
_HIT_M = 5.0  # a place is in a lane up to here from it
_HITS_IF_TRUE = (0.5, 0.8)  # share of places in lanes under the true system: as seen, in this range
_LEAST_CHANCE, _LEAST_HITS = 0.02, 3
_SURE, _NO_CHANCE = math.log(1000.0), math.log(100.0)  # against another system, against chance
_MOST_ROWS = 2000
_APART_M = 25.0  # what lies closer together is one place: one piece of evidence
_SHIFTS = [(150 + 50 * (7 * k % 16), k * math.pi / 8) for k in range(16)]  # metres, direction
_SHOWN = 200  # places of each candidate that a question shows
_HOW = "请用 --coords wgs84（GPS、天地图）、gcj02（高德、腾讯）或 bd09（百度）指明"


class Ground(Protocol):
    """What is known of the town's ground."""

    @property
    def crs(self) -> str:
        """The workspace's projected system, in metres."""

    @property
    def lanes(self) -> npt.NDArray[np.object_]:
        """Lanes as polygons in EPSG:4326; maybe none."""


@dataclass(frozen=True)
class Decision:
    """The system of a file ('wgs84', …, 'EPSG:n'), whether x and y are exchanged, and why."""

    system: str
    swapped: bool
    reason: str
    notes: tuple[str, ...] = ()

    def wgs84(self, x: Floats, y: Floats) -> Pair:
        """Longitude and latitude of the file's x and y."""
        return to_wgs84(y, x, self.system) if self.swapped else to_wgs84(x, y, self.system)


class Lanes:
    """The lanes in the workspace's metric system: which places lie near or in them."""

    def __init__(self, ground: Ground) -> None:
        self.crs = ground.crs
        shapes = transform_geometries(np.asarray(ground.lanes, object), "EPSG:4326", ground.crs)
        shapes = shapes[~shapely.is_missing(shapes)]
        self._tree = shapely.STRtree(shapes)
        self.extent = shapely.total_bounds(shapes) if len(shapes) else np.full(4, np.nan)

    def __bool__(self) -> bool:
        return len(self._tree.geometries) > 0

    def near(self, lon: Floats, lat: Floats) -> Mask:
        """Which places lie within `NEAR_M` of the lanes' extent."""
        x, y = from_wgs84(lon, lat, self.crs)
        west, south, east, north = self.extent + np.array([-NEAR_M, -NEAR_M, NEAR_M, NEAR_M])
        inside: Mask = (x >= west) & (x <= east) & (y >= south) & (y <= north)
        return inside

    def hits(self, x: Floats, y: Floats) -> int:
        """How many places, in metres, lie in a lane or by its side."""
        held = np.isfinite(x) & np.isfinite(y)
        points = shapely.points(x[held], y[held])
        return len(np.unique(self._tree.query(points, "dwithin", distance=_HIT_M)[0]))


def decide(x: Floats, y: Floats, *, asked: str, declared: str | None, context: Ground) -> Decision:
    """The system of a file's coordinates, (n,), one pair a row, as they stand in the file.

    asked: 'auto', or what the user says, which wins. declared: what the file says of itself, which
    wins over the numbers unless the lanes contradict it.
    NeedsAnswer: it would be a guess; `evidence` holds rows, chance and, by candidate, hits and
    places (longitude, latitude). UnknownName: no such system.
    """
    asked = "auto" if asked == "auto" else _known(asked)
    declared = _known(declared) if declared else None
    here = np.isfinite(x) & np.isfinite(y)
    if not here.any():
        return Decision("wgs84" if asked == "auto" else asked, False, "")
    file, lanes = _File(x[here], y[here]), Lanes(context)
    odd = declared if declared and _geographic(declared) != file.degrees else None
    if asked != "auto":
        decision = _as_asked(file, lanes, asked)
    elif declared and not odd:
        decision = _as_declared(file, lanes, declared)
    elif file.degrees:
        decision = _from_degrees(file, lanes)
    else:
        decision = _from_metres(file, lanes)
    if odd and asked == "auto":
        said = f"文件标明的坐标系 {label(odd)} 与坐标数值不符，未采用"
        decision = replace(decision, reason=f"{said}；{decision.reason}")
    if lanes and not file.near(decision, lanes).any() and not lanes.near(
        *decision.wgs84(file.x, file.y)
    ).any():  # fmt: skip
        note = f"按此读取，所有位置都在已有巷道 {NEAR_M / 1000:g} 公里以外，请核对坐标系"
        decision = replace(decision, notes=(note,))
    return decision


def label(system: str) -> str:
    """How a sentence calls a system."""
    return NAMES.get(system, system)


def outlying(
    x: Floats, y: Floats, decision: Decision, far: Mask, lanes: Lanes
) -> tuple[Mask, Mask]:
    """Rows that are not written as the rest of their file: x and y exchanged; something else.

    far: rows that lie far from the lanes as they are read.
    """
    if decision.swapped:
        x, y = y, x
    if _geographic(decision.system):
        exchanged = (x >= 3) & (x <= 54) & (y >= 73) & (y <= 136)  # as in `looks_like`: in China
        other = (np.abs(x) > 180) | (np.abs(y) > 90)
    else:
        other = (np.abs(x - np.nanmedian(x)) > 1e6) | (np.abs(y - np.nanmedian(y)) > 1e6)
        exchanged = np.zeros(len(x), bool)
    if far.any():
        exchanged[far] |= lanes.near(*to_wgs84(y[far], x[far], decision.system))
    return exchanged, other & ~exchanged


class _File:
    """A file's numbers: those written as most of them are, and how that is."""

    def __init__(self, x: Floats, y: Floats) -> None:
        small = (np.abs(x) <= 180) & (np.abs(y) <= 180)
        self.degrees = bool(small.mean() > 0.5)
        keep = small if self.degrees else ~small
        self.x, self.y = x[keep], y[keep]
        # By place, so that the order of the rows decides nothing.
        self.some = np.lexsort((self.y, self.x))[_some(len(self.x), _MOST_ROWS)]
        evidence = looks_like(self.x, self.y)
        kind, share = evidence.shares[0]
        self.kind = kind if share >= 0.5 else "mixed"
        self.zone_crs = None
        if "zone" in self.kind:
            zone = int(self.kind.rsplit("_", 1)[1])
            self.zone_crs = replace(evidence, zone=zone).crs
        self.swapped = self.kind.startswith("swapped")
        if self.degrees and np.mean(np.abs(self.y) > 90) > 0.5 >= np.mean(np.abs(self.x) > 90):
            self.swapped = True  # no latitude is that large

    def sample(self, decision: Decision) -> Pair:
        """Longitude and latitude of at most `_MOST_ROWS` rows, under a decision."""
        return decision.wgs84(self.x[self.some], self.y[self.some])

    def near(self, decision: Decision, lanes: Lanes) -> Mask:
        """Which rows of the sample lie near the lanes, under a decision."""
        return lanes.near(*self.sample(decision))

    def as_(self, system: str, lanes: Lanes) -> Decision:
        """The file read in a system, exchanged if the numbers or else the lanes say so."""
        plain, turned = Decision(system, self.swapped, ""), Decision(system, not self.swapped, "")
        if not lanes or self.near(plain, lanes).any():
            return plain
        return turned if self.near(turned, lanes).mean() > 0.5 else plain

    def sentence(self, decision: Decision, reason: str) -> Decision:
        """The decision with its reason; an exchange is never silent."""
        if decision.swapped:
            how = "经度和纬度两列写反了" if self.degrees else "X 列是北向、Y 列是东向（测绘写法）"
            reason = f"{reason}；{how}，已对调读取"
        return replace(decision, reason=reason)


@dataclass(frozen=True)
class _Comparison:
    """How many places lie in lanes under each candidate, and which one that proves, if any."""

    places: int
    hits: Mapping[str, int]
    chance: float
    proven: str | None


def _compare(file: _File, lanes: Lanes, candidates: Mapping[str, Decision]) -> _Comparison:
    """Which candidate puts the places into the lanes, by likelihood ratio.

    Under the true system a place lies in a lane with probability p (0.8, or the share seen if less,
    at least 0.5), under a wrong one with probability c: the mean share of the same places shifted
    by 150 to 900 m in 16 directions. A candidate is proven if it is 1,000 times likelier than every
    other one and 100 times likelier than mere chance (a file whose places have nothing to do with
    lanes), with at least three hits, half as many again as any other, and no shift does as well.
    """
    metric = {
        name: from_wgs84(*file.sample(decision), lanes.crs) for name, decision in candidates.items()
    }
    first = np.nan_to_num(np.column_stack(next(iter(metric.values()))), posinf=0, neginf=0)
    apart = np.unique(np.round(first / _APART_M), axis=0, return_index=True)[1]
    metric = {name: (x[apart], y[apart]) for name, (x, y) in metric.items()}
    n, hits = len(apart), {name: lanes.hits(*xy) for name, xy in metric.items()}
    best = max(hits, key=lambda name: hits[name])
    x, y = metric[best]
    shifted = [lanes.hits(x + d * math.cos(a), y + d * math.sin(a)) for d, a in _SHIFTS]
    c = max(float(np.mean(shifted)) / n, _LEAST_CHANCE)
    p = float(np.clip(hits[best] / n, *_HITS_IF_TRUE))
    proven = hits[best] >= _LEAST_HITS and hits[best] > max(shifted) and p > c
    if proven:
        hit, miss = math.log(p / c), math.log((1 - p) / (1 - c))
        rivals = [hits[best] - other for name, other in hits.items() if name != best]
        proven = hits[best] * hit + (n - hits[best]) * miss >= _NO_CHANCE
        proven &= all(more * (hit - miss) >= _SURE for more in rivals)
        proven &= all(3 * more >= hits[best] for more in rivals)
    return _Comparison(n, hits, c, best if proven else None)


def _as_asked(file: _File, lanes: Lanes, asked: str) -> Decision:
    if _geographic(asked) and not file.degrees:
        raise NeedsAnswer(
            f"坐标数值是以米为单位的投影坐标，不能按 {label(asked)} 读取；请用 --coords auto 或 EPSG:代号。",
            (lanes.crs,), {"rows": len(file.x)},
        )  # fmt: skip
    if not _geographic(asked) and file.degrees:
        message = f"坐标数值是经纬度，不能按投影坐标系 {asked} 读取；{_HOW}。"
        raise NeedsAnswer(message, DEGREES, {"rows": len(file.x)})
    return file.sentence(file.as_(asked, lanes), f"按指定的 {label(asked)} 读取")


def _as_declared(file: _File, lanes: Lanes, declared: str) -> Decision:
    decision = file.as_(declared, lanes)
    rivals: dict[str, Decision] = {}
    if lanes and file.degrees and _in_china(file, decision):
        rivals = {s: replace(decision, system=s) for s in DEGREES if s != "wgs84"}
    elif lanes and not file.degrees and not file.near(decision, lanes).any():
        rivals = {k: v for k, v in _grids(file, lanes).items() if k != declared}
    if rivals:
        seen = _compare(file, lanes, {declared: decision, **rivals})
        if seen.proven and seen.proven != declared:
            raise _question(
                f"文件标明的坐标系是 {label(declared)}，但按 {label(seen.proven)} 才落在巷道里；"
                f"请用 --coords {declared} 或 {seen.proven} 指明。",
                file, {declared: decision, seen.proven: rivals[seen.proven]}, seen,
            )  # fmt: skip
    return file.sentence(decision, f"文件标明的坐标系是 {label(declared)}")


def _from_degrees(file: _File, lanes: Lanes) -> Decision:
    decision = file.as_("wgs84", lanes)
    if not _in_china(file, decision):
        return file.sentence(decision, "位置在中国以外，没有 GCJ-02、BD-09 偏移，按 WGS-84 读取")
    candidates = {system: replace(decision, system=system) for system in DEGREES}
    if not lanes:
        raise _question(
            f"还没有巷道可以比对，无法仅凭数字区分 WGS-84、GCJ-02 和 BD-09（相差数百米）；{_HOW}。",
            file, candidates,
        )  # fmt: skip
    seen = _compare(file, lanes, candidates)
    if seen.proven is None:
        message = f"无法仅凭数字区分 WGS-84、GCJ-02 和 BD-09（{_told(seen)}）；{_HOW}。"
        raise _question(message, file, candidates, seen)
    reason = f"判定为 {label(seen.proven)}：{_told(seen)}"
    return file.sentence(candidates[seen.proven], reason)


def _from_metres(file: _File, lanes: Lanes) -> Decision:
    if file.zone_crs:
        decision = file.as_(file.zone_crs, lanes)
        return file.sentence(decision, f"东坐标前的带号对应 {file.zone_crs}")
    if not lanes:
        raise _question(
            "坐标是以米为单位的投影坐标，没有带号，也还没有巷道可以比对，无法判定是哪个坐标系；"
            f"请用 --coords EPSG:代号 指明（本工作区是 {lanes.crs}）。",
            file, {lanes.crs: Decision(lanes.crs, file.swapped, "")},
        )  # fmt: skip
    candidates = _grids(file, lanes)
    if not candidates:
        raise NeedsAnswer(
            "按国家坐标系的各个分带读取，坐标都不在巷道附近，可能是地方独立坐标系；"
            "请先请测绘单位转换为 CGCS2000，或用 --coords EPSG:代号 指明。",
            (lanes.crs,), {"rows": len(file.x)},
        )  # fmt: skip
    seen = _compare(file, lanes, candidates)
    usual = [name for name in candidates if name in (lanes.crs, *_GAUSS)] or list(candidates)
    chosen = seen.proven or (usual[0] if len(usual) == 1 else None)
    if chosen is None:
        raise _question(
            f"按 {'、'.join(candidates)} 读取都在巷道附近，无法判定是哪一个；请用 --coords 指明其中之一。",
            file, candidates, seen,
        )  # fmt: skip
    return file.sentence(candidates[chosen], f"按 {chosen} 读取，位置落在已有巷道一带")


def _grids(file: _File, lanes: Lanes) -> dict[str, Decision]:
    """Projected systems under which most places lie near the lanes; of equal ones the first."""
    west, south, east, north = lanes.extent
    lon, lat = to_wgs84([(west + east) / 2], [(south + north) / 2], lanes.crs)
    utm = f"EPSG:{(32600 if lat[0] >= 0 else 32700) + min(int((lon[0] + 180) // 6) + 1, 60)}"
    found: dict[str, Decision] = {}
    seen: list[Pair] = []
    gauss = [name for name, meridian in _GAUSS.items() if abs(meridian - lon[0]) <= _REACH_DEG]
    for system in dict.fromkeys((lanes.crs, *gauss, utm, "EPSG:3857")):
        decision = file.as_(system, lanes)
        place = decision.wgs84(file.x[:1], file.y[:1])
        if any(np.allclose(place, other, rtol=0, atol=1e-7) for other in seen):
            continue
        if file.near(decision, lanes).mean() > 0.5:
            found[system] = decision
            seen.append(place)
    return found


def _in_china(file: _File, decision: Decision) -> bool:
    return bool(in_china(*file.sample(decision)).mean() > 0.5)


def _told(seen: _Comparison) -> str:
    counts = "、".join(f"按 {label(name)} 有 {n} 个" for name, n in seen.hits.items())
    return f"{seen.places} 处位置中落在巷道里的，{counts}"


def _question(
    message: str, file: _File, candidates: Mapping[str, Decision], seen: _Comparison | None = None
) -> NeedsAnswer:
    some = _some(len(file.x), _SHOWN)
    evidence: dict[str, Any] = {
        "rows": len(file.x),
        "places": {
            name: np.column_stack(decision.wgs84(file.x[some], file.y[some])).tolist()
            for name, decision in candidates.items()
        },
    }
    if seen:
        evidence |= {"hits": dict(seen.hits), "of": seen.places, "chance": seen.chance}
    return NeedsAnswer(message, tuple(candidates), evidence)


def _some(rows: int, most: int) -> npt.NDArray[np.intp]:
    """At most so many positions, evenly through so many rows."""
    return np.linspace(0, rows - 1, min(rows, most)).astype(np.intp)


def _known(system: str) -> str:
    """The name of a system in one spelling."""
    name = system.strip().lower()
    name = {"epsg:4326": "wgs84", "epsg:4490": "cgcs2000"}.get(name, name)
    try:
        to_wgs84([], [], name)
    except ValueError as error:
        raise UnknownName(
            f"没有“{system}”这个坐标系；可用 wgs84、cgcs2000、gcj02、bd09 或 EPSG:代号（如 EPSG:4544）。"
        ) from error
    return name.upper() if name.startswith("epsg") else name


@lru_cache(maxsize=64)
def _geographic(system: str) -> bool:
    return system in NAMES or CRS(system).is_geographic
