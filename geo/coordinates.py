"""Coordinate systems met in a Chinese town: WGS 84, CGCS2000, GCJ-02, BD-09, survey grids, text.

Longitude and latitude are in degrees, in that order. WGS 84 and CGCS2000 (EPSG:4490) are treated
as one system: at the epochs in use they differ by decimetres, less than a phone's position or a
lane's edge is known.

GCJ-02 (火星坐标, online maps and most phones) and BD-09 (百度坐标) are offsets for display,
published only as code that many libraries share. Both directions are good to a centimetre against
that code; neither is fit for surveying.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

Floats: TypeAlias = npt.NDArray[np.float64]
Pair: TypeAlias = tuple[Floats, Floats]
_Kind: TypeAlias = tuple[str, bool, int | None]  # kind, swapped, zone

SYSTEMS = ("wgs84", "cgcs2000", "gcj02", "bd09")
"""Named systems; besides them every function takes 'EPSG:n'."""

# Krasovsky 1940, the ellipsoid that the GCJ-02 code uses.
_AXIS_M = 6378245.0
_ECCENTRICITY2 = 0.00669342162296594323
_BD_PI = np.pi * 3000.0 / 180.0
# Both offsets change by < 2 % of a step, so each round gains almost two digits.
_INVERSE_ROUNDS = 9


def in_china(lon: npt.ArrayLike, lat: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Whether places lie in the rough box within which GCJ-02 and BD-09 are shifted."""
    x, y = _floats(lon, lat)
    return (x >= 72.004) & (x <= 137.8347) & (y >= 0.8293) & (y <= 55.8271)


def gcj02_from_wgs84(lon: npt.ArrayLike, lat: npt.ArrayLike) -> Pair:
    """GCJ-02 of WGS 84 places; outside China unchanged. Degrees, (n,) in and out."""
    return _shift(lon, lat, _gcj02)


def wgs84_from_gcj02(lon: npt.ArrayLike, lat: npt.ArrayLike) -> Pair:
    """WGS 84 of GCJ-02 places, the inverse of `gcj02_from_wgs84` to better than 1 cm."""
    return _shift(lon, lat, lambda x, y: _inverse(_gcj02, x, y))


def bd09_from_gcj02(lon: npt.ArrayLike, lat: npt.ArrayLike) -> Pair:
    """BD-09 of GCJ-02 places; outside China unchanged. Degrees, (n,) in and out."""
    return _shift(lon, lat, _bd09)


def gcj02_from_bd09(lon: npt.ArrayLike, lat: npt.ArrayLike) -> Pair:
    """GCJ-02 of BD-09 places, the inverse of `bd09_from_gcj02` to better than 1 cm."""
    return _shift(lon, lat, lambda x, y: _inverse(_bd09, x, y))


def bd09_from_wgs84(lon: npt.ArrayLike, lat: npt.ArrayLike) -> Pair:
    """BD-09 of WGS 84 places, by way of GCJ-02. Degrees, (n,) in and out."""
    return bd09_from_gcj02(*gcj02_from_wgs84(lon, lat))


def wgs84_from_bd09(lon: npt.ArrayLike, lat: npt.ArrayLike) -> Pair:
    """WGS 84 of BD-09 places, by way of GCJ-02. Degrees, (n,) in and out."""
    return wgs84_from_gcj02(*gcj02_from_bd09(lon, lat))


def to_wgs84(x: npt.ArrayLike, y: npt.ArrayLike, system: str) -> Pair:
    """Longitude and latitude of coordinates in `system`, one of SYSTEMS or 'EPSG:n'.

    x is longitude or easting, y is latitude or northing, whatever order the register states. NaN
    stays NaN; what the projection cannot hold becomes NaN. EPSG:4544 is CGCS2000 3-degree CM 105E;
    EPSG:4523 is the same with the zone in front of the easting (35 500 000). Beijing 1954 and
    Xian 1980 are met only to some tens of metres: their local parameters are not public.
    ValueError: no such system.
    """
    known = _known(system)
    if known == "gcj02":
        return wgs84_from_gcj02(x, y)
    if known == "bd09":
        return wgs84_from_bd09(x, y)
    return _project(x, y, known, "EPSG:4326")


def from_wgs84(lon: npt.ArrayLike, lat: npt.ArrayLike, system: str) -> Pair:
    """Coordinates in `system` of WGS 84 places: the way back of `to_wgs84`, with its rules."""
    known = _known(system)
    if known == "gcj02":
        return gcj02_from_wgs84(lon, lat)
    if known == "bd09":
        return bd09_from_wgs84(lon, lat)
    return _project(lon, lat, "EPSG:4326", known)


def transform_geometries(geometries: Any, system: str, target: str = "wgs84") -> npt.NDArray[Any]:
    """Geometries of any type, (n,), from `system` to `target`; None stays None, heights stay.

    Only vertices move: an edge stays straight between them, in whatever system it is.
    ValueError: no such system.
    """
    _known(system), _known(target)  # an empty array must not hide a wrong name
    array = np.asarray(geometries, dtype=object)

    def move(xyz: Floats) -> Floats:
        moved = xyz.copy()
        x, y = from_wgs84(*to_wgs84(xyz[:, 0], xyz[:, 1], system), target)
        moved[:, 0], moved[:, 1] = x, y
        return moved

    return np.asarray(shapely.transform(array, move, include_z=True), dtype=object)


def metric_crs(lon: float, lat: float) -> str:
    """The system in metres for a place: CGCS2000 3-degree Gauss-Krüger in China, UTM elsewhere.

    In China the series EPSG:4534-4554, named by central meridian (75E-135E), without zone prefix.
    ValueError: not a place on earth.
    """
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise ValueError(f"not a longitude and latitude: {lon}, {lat}")
    if in_china(lon, lat):
        return f"EPSG:{4534 + int(np.clip(round((lon - 75) / 3), 0, 20))}"
    zone = min(int((lon + 180) // 6) + 1, 60)
    return f"EPSG:{(32600 if lat >= 0 else 32700) + zone}"


@dataclass(frozen=True, slots=True)
class AxisEvidence:
    """What two columns of numbers look like: see `looks_like`.

    kind: degrees, swapped_degrees, projected, projected_zone, mixed or unknown.
    swapped: x holds the latitude or northing (survey sheets write X = north, Y = east).
    zone: the two digits in front of the easting (25-45: 3-degree, 13-23: 6-degree).
    rows: pairs with both numbers; shares: of them, the share of each kind, most frequent first.
    """

    kind: str
    swapped: bool
    zone: int | None
    rows: int
    shares: tuple[tuple[str, float], ...]

    @property
    def crs(self) -> str | None:
        """The CGCS2000 Gauss-Krüger system of the zone: EPSG:4523 for zone 35; else None."""
        if self.zone is None:
            return None
        return f"EPSG:{4488 + self.zone if self.zone >= 25 else 4478 + self.zone}"


def looks_like(x: npt.ArrayLike, y: npt.ArrayLike) -> AxisEvidence:
    """What kind of coordinates two columns hold, judged by the numbers alone.

    One kind must make up 90 % of the pairs; otherwise 'mixed' or, where most fit nothing,
    'unknown'. (0, 0), a usual stand-in for "missing", fits nothing. Degrees with latitude first are
    told from degrees only in China; degrees never tell WGS 84 from GCJ-02 or BD-09.
    """
    x, y = _floats(x, y)
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    found = _kinds(x, y)
    found[("unknown", False, None)] = len(x) - sum(found.values())
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0][0]))
    (kind, swapped, zone), count = ranked[0]
    if not len(x) or count < 0.9 * len(x):
        most_unknown = not len(x) or (kind == "unknown" and count >= 0.5 * len(x))
        kind, swapped, zone = "unknown" if most_unknown else "mixed", False, None
    shares = tuple((_label(*key), n / len(x)) for key, n in ranked if n)
    return AxisEvidence(kind, swapped, zone, len(x), shares)


def parse_degrees(text: str) -> float:
    """Decimal degrees of a written longitude or latitude, NaN where it cannot be read.

    Takes 104.92, E104.92, 北纬33.39, 104°55′12.3″E, 104度55分12.3秒, 104-55-12.3, with any quotes
    for minutes and seconds, full-width too. South and west are negative. NaN: minutes or seconds of
    60 and more, a sign together with a hemisphere, written degrees beyond the globe. A bare number
    is returned whatever its size (it may be an easting: see `looks_like`).
    """
    written = unicodedata.normalize("NFKC", text.translate(_SAME_SIGN)).translate(_SAME_SIGN)
    written = written.replace('"', "''").strip()
    if _NUMBER.fullmatch(written):
        number = float(written)
        return number if np.isfinite(number) else np.nan
    match = _DMS.fullmatch(written) or _SEPARATED.fullmatch(written)
    if match is None:
        return np.nan
    part = match.groupdict()
    before, after = part["before"], part["after"]
    if sum(bool(mark) for mark in (before, after, part["sign"])) > 1:
        return np.nan
    # Only the last part may have a fraction.
    if part["minutes"] and "." in part["degrees"]:
        return np.nan
    if part["seconds"] and "." in part["minutes"]:
        return np.nan
    minutes, seconds = float(part["minutes"] or 0), float(part["seconds"] or 0)
    degrees = float(part["degrees"]) + minutes / 60 + seconds / 3600
    hemisphere = _HEMISPHERE.get((before or after or "").upper(), "")
    if minutes >= 60 or seconds >= 60 or degrees > (90 if hemisphere in ("N", "S") else 180):
        return np.nan
    return -degrees if hemisphere in ("S", "W") or part["sign"] == "-" else degrees


_SAME_SIGN = str.maketrans(
    dict.fromkeys("º˚゜⁰", "°")
    | dict.fromkeys("´`‘’‛′ʹ", "'")
    | dict.fromkeys("“”‟″ʺ˝〃", '"')
    | dict.fromkeys("−–—‐‑‒―", "-")
    | {"。": ".", "\u200b": None, "\ufeff": None}
)
_HEMISPHERE = {"东经": "E", "西经": "W", "北纬": "N", "南纬": "S"} | {key: key for key in "EWNS"}
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-][0-9]+)?")
_MARK = r"东经|西经|北纬|南纬|[EWNSewns]"
_PART = r"[0-9]+(?:\.[0-9]*)?"
_DMS = re.compile(
    rf"(?P<before>{_MARK})?\s*(?P<sign>[+-])?\s*(?P<degrees>{_PART})\s*"
    rf"(?:[°度]\s*(?:(?P<minutes>{_PART})\s*(?:['分]\s*(?:(?P<seconds>{_PART})\s*(?:''|秒)?)?)?)?)?"
    rf"\s*(?P<after>{_MARK})?"
)
_SEPARATED = re.compile(
    rf"(?P<before>{_MARK})?\s*(?P<sign>[+-])?(?P<degrees>[0-9]+)(?P<separator>[-: ])"
    rf"(?P<minutes>[0-9]+)(?P=separator)(?P<seconds>{_PART})\s*(?P<after>{_MARK})?"
)


def _floats(x: npt.ArrayLike, y: npt.ArrayLike) -> Pair:
    return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)


def _shift(
    lon: npt.ArrayLike, lat: npt.ArrayLike, offset: Callable[[Floats, Floats], Pair]
) -> Pair:
    x, y = _floats(lon, lat)
    inside = in_china(x, y)
    moved_x, moved_y = offset(x, y)
    return np.where(inside, moved_x, x), np.where(inside, moved_y, y)


def _inverse(forward: Callable[[Floats, Floats], Pair], x: Floats, y: Floats) -> Pair:
    """The place that `forward` takes to (x, y), by fixed-point iteration."""
    from_x, from_y = x, y
    for _ in range(_INVERSE_ROUNDS):
        to_x, to_y = forward(from_x, from_y)
        from_x, from_y = from_x + (x - to_x), from_y + (y - to_y)
    return from_x, from_y


def _gcj02(lon: Floats, lat: Floats) -> Pair:
    x, y = lon - 105.0, lat - 35.0
    pi = np.pi
    root = np.sqrt(np.abs(x))
    ripple = 20 * np.sin(6 * pi * x) + 20 * np.sin(2 * pi * x)
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root
    north += (ripple + 20 * np.sin(pi * y) + 40 * np.sin(pi / 3 * y)) * 2 / 3
    north += (160 * np.sin(pi / 12 * y) + 320 * np.sin(pi / 30 * y)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root
    east += (ripple + 20 * np.sin(pi * x) + 40 * np.sin(pi / 3 * x)) * 2 / 3
    east += (150 * np.sin(pi / 12 * x) + 300 * np.sin(pi / 30 * x)) * 2 / 3
    phi = np.radians(lat)
    w2 = 1 - _ECCENTRICITY2 * np.sin(phi) ** 2
    meridian_m = _AXIS_M * (1 - _ECCENTRICITY2) / (w2 * np.sqrt(w2))
    parallel_m = _AXIS_M / np.sqrt(w2) * np.cos(phi)
    return lon + np.degrees(east / parallel_m), lat + np.degrees(north / meridian_m)


def _bd09(lon: Floats, lat: Floats) -> Pair:
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * _BD_PI)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * _BD_PI)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def _known(system: str) -> str:
    """The name in SYSTEMS, or 'EPSG:n'; WGS 84 and CGCS2000 in degrees are 'EPSG:4326'."""
    name = system.strip().lower()
    if name in ("gcj02", "bd09"):
        return name
    if name in ("wgs84", "cgcs2000", "epsg:4326", "epsg:4490"):
        return "EPSG:4326"
    if re.fullmatch(r"epsg:\d{4,6}", name):
        try:
            CRS.from_user_input(name)
        except CRSError:
            pass
        else:
            return name.upper()
    raise ValueError(f"unknown coordinate system: {system!r}")


@lru_cache(maxsize=32)
def _transformer(source: str, target: str) -> Transformer:
    found = Transformer.from_crs(source, target, always_xy=True)
    # pyproj makes a transformer anew in every thread, and the web starts many: that takes 0.1 ms
    # from the operation itself, 90 ms from two names. With several operations PROJ chooses by place.
    if found.definition.startswith("proj="):
        return Transformer.from_pipeline(found.definition)
    return found


def _project(x: npt.ArrayLike, y: npt.ArrayLike, source: str, target: str) -> Pair:
    x, y = _floats(x, y)
    if source == target:
        return x.copy(), y.copy()
    to_x, to_y = (np.asarray(axis) for axis in _transformer(source, target).transform(x, y))
    held = np.isfinite(to_x) & np.isfinite(to_y)
    return np.where(held, to_x, np.nan), np.where(held, to_y, np.nan)


def _kinds(x: Floats, y: Floats) -> dict[_Kind, int]:
    """How many pairs fit each kind; the kinds exclude one another."""
    swapped = _within(x, 3, 54) & _within(y, 73, 136)
    plain = _within(x, -180, 180) & _within(y, -90, 90) & ~swapped & ~((x == 0) & (y == 0))
    found: dict[_Kind, int] = {
        ("degrees", False, None): int(plain.sum()),
        ("swapped_degrees", True, None): int(swapped.sum()),
    }
    for east, north, is_swapped in ((x, y, False), (y, x, True)):
        grid = _within(north, 834_000, 10_000_000)
        found["projected", is_swapped, None] = int((grid & _within(east, 166_000, 834_000)).sum())
        zone = east // 1e6
        zoned = grid & _within(east - zone * 1e6, 166_000, 834_000)
        zoned &= _within(zone, 13, 23) | _within(zone, 25, 45)
        for number, count in zip(*np.unique(zone[zoned], return_counts=True), strict=True):
            found["projected_zone", is_swapped, int(number)] = int(count)
    return found


def _label(kind: str, swapped: bool, zone: int | None) -> str:
    label = kind if zone is None else f"{kind}_{zone}"
    return f"swapped_{label}" if swapped and kind != "swapped_degrees" else label


def _within(values: Floats, low: float, high: float) -> npt.NDArray[np.bool_]:
    return (values >= low) & (values <= high)
