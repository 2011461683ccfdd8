"""The ground under the demo town: river coordinates, water, hills and the built-up area.

Drawing happens in metres east and north of the town's centre (`ORIGIN` in EPSG:4544); the plan
states most points as river coordinates [s, v], along and across the river.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline, PchipInterpolator
from shapely import LineString, MultiPolygon, Polygon

Array = NDArray[np.float64]

CRS = "EPSG:4544"
ORIGIN = (492_557.0, 3_696_005.0)
TIERS_M = (0, 70, 150, 245, 355, 485, 640, 820)


def smooth(points: ArrayLike, step_m: float = 30.0) -> Array:
    """Points on a curve through `points` that does not overshoot, about `step_m` apart."""
    given = np.asarray(points, float)
    along = np.r_[0.0, np.cumsum(np.hypot(*np.diff(given, axis=0).T))]
    at = np.union1d(along, np.linspace(0, along[-1], max(2, int(along[-1] / step_m) + 1)))
    if len(given) == 2:
        return np.column_stack([np.interp(at, along, given[:, k]) for k in (0, 1)])
    return np.asarray(PchipInterpolator(along, given)(at))


def polygons(shape: Any) -> list[Polygon]:
    """The polygons of any geometry, largest first."""
    parts = [p for p in shapely.get_parts(shape) if isinstance(p, Polygon) and p.area > 0]
    return sorted(parts, key=lambda p: -p.area)


class Valley:
    """River coordinates [s, v] ↔ metres, and what the river carved."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        centre = np.asarray(plan["river"]["centre"], float)
        x = np.linspace(centre[0, 0], centre[-1, 0], 4001)
        y = CubicSpline(centre[:, 0], centre[:, 1])(x)
        s = np.r_[0.0, np.cumsum(np.hypot(np.diff(x), np.diff(y)))]
        s -= np.interp(0.0, x, s)
        self._line = CubicSpline(s, np.column_stack([x, y]))
        self.reach = (float(s[0]), float(s[-1]))

    def at(self, points: ArrayLike) -> Array:
        """River coordinates, shape (n, 2) → metres east and north of the centre."""
        s, v = np.asarray(points, float).T
        along = self._line(s, 1)
        along /= np.hypot(*along.T)[:, None]
        across = np.column_stack([-along[:, 1], along[:, 0]])
        return np.asarray(self._line(s) + v[:, None] * across)

    def line(self, points: ArrayLike, step_m: float = 30.0) -> LineString:
        """Smooth line in metres through river coordinates."""
        return LineString(self.at(smooth(points, step_m)))

    def face(self, points: ArrayLike) -> Polygon:
        """Polygon in metres with straight sides between river coordinates."""
        return Polygon(self.at(points))


@dataclass(frozen=True)
class Ground:
    """Large shapes, metres east and north of the centre."""

    valley: Valley
    sheet: Polygon
    river: Polygon
    brook: Polygon
    middle: LineString
    brook_line: LineString
    plain: Polygon
    town: Polygon
    feet: list[LineString]
    hills: list[tuple[str, MultiPolygon]]

    @property
    def water(self) -> Polygon:
        """River and tributary as one."""
        return shapely.union(self.river, self.brook)


def survey(plan: dict[str, Any]) -> Ground:
    """Everything that was there before the town."""
    valley = Valley(plan)
    sheet = shapely.box(*(np.r_[-1, -1, 1, 1] * np.tile(_sheet(plan), 2)))
    corner = plan["sheet"]["corner"]
    sheet = sheet.buffer(-corner).buffer(corner, quad_segs=12)
    river = shapely.intersection(_river(valley), sheet)
    brook_line = valley.line(plan["tributary"]["points"])
    brook = shapely.intersection(_brook(brook_line, plan["tributary"]["half"]), sheet)
    brook = max(polygons(brook.difference(river)), key=lambda p: p.area)
    west, east, south = feet = [valley.line(f["points"]) for f in plan["foot"]]
    ring = np.vstack([west.coords, east.coords, south.coords[::-1]])
    plain = shapely.intersection(Polygon(ring).buffer(0), sheet)
    s0, s1 = plan["reach"]["ends"]
    span = smooth([[s0, 0], [s1, 0]])[:, 0]
    band = np.vstack([np.column_stack([span, span * 0 + 3000]), np.column_stack([span, span * 0 - 2000])[::-1]])
    lid = valley.face([[-500, 3000], [-500, 1800], [650, 1800], [1300, 1775], [1700, 1775], [1700, 3000]])
    slope = plain.buffer(plan["reach"]["slope_m"], quad_segs=4).buffer(60).buffer(-60)
    town = polygons(slope.intersection(valley.face(band)).difference(lid).simplify(8))[0]
    return Ground(
        valley, sheet, river, brook, valley.line([[valley.reach[0], 0], [valley.reach[1], 0]]),
        brook_line, plain, town, feet, _hills(plan, feet, plain, sheet),
    )  # fmt: skip


def _sheet(plan: dict[str, Any]) -> Array:
    return np.array([plan["sheet"]["width"], plan["sheet"]["height"]], float)


def _river(valley: Valley) -> Polygon:
    at, half = np.asarray(valley.plan["river"]["half"], float).T
    s = np.arange(valley.reach[0], valley.reach[1], 30.0)
    wide = PchipInterpolator(at, half)(np.clip(s, at[0], at[-1]))
    # The two banks breathe apart, as banks do.
    north = wide + 3.5 * np.sin(s / 190) + 2 * np.sin(s / 71 + 1)
    south = wide + 3.5 * np.sin(s / 230 + 2) + 2 * np.sin(s / 83)
    banks = np.vstack([np.column_stack([s, north]), np.column_stack([s, -south])[::-1]])
    river = Polygon(valley.at(banks))
    turn = np.linspace(0, 2 * np.pi, 25)[:-1]
    for s0, v0, length, width in valley.plan["river"]["bars"]:
        # Gravel bars: blunt upstream, pointed downstream.
        bar = np.column_stack(
            [s0 + length / 2 * np.cos(turn), v0 + width / 2 * np.sin(turn) * (1 - 0.45 * np.cos(turn))]
        )
        river = river.difference(Polygon(valley.at(bar)))
    return river


def _brook(line: LineString, half_m: float) -> Polygon:
    along = np.arange(0, line.length, 40.0)
    discs = shapely.buffer(
        shapely.line_interpolate_point(line, along), half_m + 2.5 * np.sin(along / 90), quad_segs=6
    )
    return shapely.union_all(shapely.convex_hull(shapely.union(discs[:-1], discs[1:])))


def _hills(
    plan: dict[str, Any], feet: list[LineString], plain: Polygon, sheet: Polygon
) -> list[tuple[str, MultiPolygon]]:
    """Tiers of each hill, lowest first: like contours, with spurs and gullies that run through."""
    tiers = []
    for k, (foot, line) in enumerate(zip(plan["foot"], feet, strict=True)):
        along = np.arange(0, line.length, 45.0)
        at = shapely.line_interpolate_point(line, along)
        body = [p for p in polygons(sheet.difference(plain)) if p.distance(line) < 1]
        # Gullies are narrow and spurs broad, hence the folded waves.
        spur = (
            0.62 + 0.55 * np.abs(np.sin(along / 118 + k)) + 0.38 * np.abs(np.sin(along / 251 + 2 * k))
            - 0.22 * np.abs(np.sin(along / 47 + 3 * k))
        )  # fmt: skip
        for rise in TIERS_M:
            discs = shapely.buffer(at, 1 + rise / spur, quad_segs=5)
            cover = shapely.union_all(shapely.convex_hull(shapely.union(discs[:-1], discs[1:])))
            tier = shapely.union_all([b.difference(cover) if rise else b for b in body])
            tier = tier.buffer(-14).buffer(14, quad_segs=3).simplify(2.5) if rise else tier.simplify(1)
            tiers.append((foot["name"], MultiPolygon([p for p in polygons(tier) if p.area > 4000])))
    return [(name, t) for name, t in tiers if not t.is_empty]
