"""The ground under the demo town: river coordinates, water, hills and the built-up area.

Drawing happens in metres east and north of the town's centre (`ORIGIN` in EPSG:4544); the plan
states most points as river coordinates [s, v], along and across the river.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from pyproj import Transformer
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.ndimage import gaussian_filter
from shapely import LineString, MultiPolygon, Polygon

from geo.heat import contours

Array = NDArray[np.float64]

CRS = "EPSG:4544"
ORIGIN = (492_557.0, 3_696_005.0)
HILL_STEP_M = 40.0
TIERS_M = (55, 130, 220, 320, 430, 550, 690, 850, 1030, 1230)


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

    def face(self, points: Sequence[Sequence[float]] | Array) -> Polygon:
        """Polygon in metres whose sides follow the river between river coordinates."""
        ring = np.asarray([*points, points[0]], float)
        sides = [
            np.linspace(a, b, 2 + int(np.hypot(*(b - a)) / 60))[:-1] for a, b in pairwise(ring)
        ]
        return Polygon(self.at(np.vstack(sides)))


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
    hills: list[tuple[str, MultiPolygon]]

    @property
    def water(self) -> Polygon:
        """River and tributary as one."""
        return shapely.union(self.river, self.brook)


def survey(plan: dict[str, Any]) -> Ground:
    """Everything that was there before the town."""
    valley = Valley(plan)
    width, height, corner = (plan["sheet"][k] for k in ("width", "height", "corner"))
    sheet = shapely.box(-width, -height, width, height)
    sheet = sheet.buffer(-corner).buffer(corner, quad_segs=12)
    river = shapely.intersection(_river(valley), sheet)
    brook_line = valley.line(plan["tributary"]["points"])
    brook = shapely.intersection(_brook(brook_line, plan["tributary"]["half"]), sheet)
    brook = max(polygons(brook.difference(river)), key=lambda p: p.area)
    west, east, south = feet = [valley.line(f["points"]) for f in plan["foot"]]
    ring = np.vstack([west.coords, east.coords, south.coords[::-1]])
    plain = shapely.intersection(Polygon(ring).buffer(0), sheet)
    west_end, east_end = plan["reach"]["ends"]
    band = valley.face(
        [[west_end, 3000], [west_end, -2000], [east_end, -2000], [east_end, 3000]]
    ).difference(valley.face(plan["reach"]["beyond"]))
    slope = plain.buffer(plan["reach"]["slope_m"], quad_segs=4).buffer(60).buffer(-60)
    town = polygons(slope.intersection(band).simplify(8))[0]
    return Ground(
        valley, sheet, river, brook, valley.line([[valley.reach[0], 0], [valley.reach[1], 0]]),
        brook_line, plain, town, _hills(feet, [f["name"] for f in plan["foot"]], plain, sheet),
    )  # fmt: skip


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
            [
                s0 + length / 2 * np.cos(turn),
                v0 + width / 2 * np.sin(turn) * (1 - 0.45 * np.cos(turn)),
            ]
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
    feet: list[LineString], names: list[str], plain: Polygon, sheet: Polygon
) -> list[tuple[str, MultiPolygon]]:
    """Tiers of each hill, lowest first: contours of slopes that spurs and gullies fold."""
    x0, y0, x1, y1 = sheet.buffer(HILL_STEP_M).bounds
    x, y = np.arange(x0, x1, HILL_STEP_M), np.arange(y1, y0, -HILL_STEP_M)
    points = shapely.points(*(axis.ravel() for axis in np.meshgrid(x, y)))
    lines = [line.simplify(8) for line in feet]
    rise = shapely.distance(plain.simplify(8), points)
    foot = np.argmin([shapely.distance(line, points) for line in lines], axis=0)
    along = (
        np.choose(foot, [shapely.line_locate_point(line, points) for line in lines]) + 900 * foot
    )
    # Gullies are sharp and spurs are round; both turn a little on their way up and fade.
    fold = np.abs(np.sin(along / 165 + rise / 900)) + 0.45 * np.abs(np.sin(along / 71 - rise / 500))
    height = rise * (1 + 0.9 * (fold - 0.92) * np.exp(-rise / 900))
    height += 26 * np.sin(rise / 210 + along / 330) * np.minimum(rise / 300, 1)
    field = gaussian_filter(height.reshape(len(y), len(x)), 1.1)
    place = (HILL_STEP_M, 0.0, x[0] - HILL_STEP_M / 2, 0.0, -HILL_STEP_M, y[0] + HILL_STEP_M / 2)
    tiers = []
    for part in polygons(sheet.difference(plain)):
        name = names[int(np.argmin([line.distance(part) for line in feet]))]
        tiers.append((name, MultiPolygon([part.simplify(1)])))
        for level in TIERS_M:
            above = contours(field, place, [level, 1e9])[0][2].intersection(part)
            found = [p for p in polygons(above.simplify(3)) if p.area > 5000]
            tiers.append((name, MultiPolygon(found)))
    return [(name, tier) for name, tier in tiers if not tier.is_empty]


def to_world(shapes: ArrayLike, decimals: int = 7) -> NDArray[np.object_]:
    """Geometries in metres from the centre → EPSG:4326, rounded so that files stay small.

    Rounding moves equal vertices equally, so that what touches still touches.
    """

    def move(points: Array) -> Array:
        lon, lat = transformer().transform(*(points + ORIGIN).T)
        return np.column_stack([lon, lat])

    exact = shapely.transform(np.asarray(shapes, object), move)
    moved = np.asarray(shapely.transform(exact, lambda points: np.round(points, decimals)), object)
    broken = ~shapely.is_valid(moved) & ~shapely.is_missing(moved)
    moved[broken] = shapely.set_precision(exact[broken], 10.0**-decimals)
    return moved


def opened(shape: Any, by_m: float) -> Any:
    """A shape without hairs and slits narrower than twice `by_m`; corners stay sharp."""
    closed = shape.buffer(by_m, join_style="mitre").buffer(-2 * by_m, join_style="mitre")
    return closed.buffer(by_m, join_style="mitre")


@cache
def transformer() -> Transformer:
    """Metres in `CRS` → longitude and latitude."""
    return Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
