"""A part of the town on paper: metres of the town's projection to millimetres of a drawing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from cwmap.placing import repaired

Shapes = npt.NDArray[np.object_]
Bounds = tuple[float, float, float, float]

_FINEST_MM = 0.06
"""Corners nearer than this to the line without them are left out."""
_SPECK_MM2 = 0.12
"""Smaller parts are not drawn."""


@dataclass(frozen=True)
class Frame:
    """A box of the drawing (left, top, width, height in mm), and what lies in it.

    west, north: of the box's upper left corner, in metres; scale: metres a millimetre.
    """

    left: float
    top: float
    width: float
    height: float
    west: float
    north: float
    scale: float

    @classmethod
    def around(cls, bounds: Bounds, left: float, top: float, width: float, height: float) -> Frame:
        """The box that shows these bounds (metres) as large as it can, in its middle, with a margin."""
        west, south, east, north = bounds
        scale = 1.02 * max((east - west) / width, (north - south) / height, 1e-3)
        middle = (west + east) / 2, (south + north) / 2
        return cls(
            left, top, width, height,
            middle[0] - scale * width / 2, middle[1] + scale * height / 2, scale,
        )  # fmt: skip

    @property
    def bounds(self) -> Bounds:
        """West, south, east, north of the box in metres."""
        return (
            self.west, self.north - self.scale * self.height,
            self.west + self.scale * self.width, self.north,
        )  # fmt: skip

    def wider(self, mm: float) -> Frame:
        """The same map with so much more of it on each side."""
        return Frame(
            self.left - mm, self.top - mm, self.width + 2 * mm, self.height + 2 * mm,
            self.west - mm * self.scale, self.north + mm * self.scale, self.scale,
        )  # fmt: skip

    def place(self, metres: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """(n, 2) metres → (n, 2) millimetres of the drawing."""
        corner = np.array([self.west, self.north])
        box = np.array([self.left, self.top])
        placed: npt.NDArray[np.float64] = (metres - corner) / [self.scale, -self.scale] + box
        return placed

    def path(self, metric: Shapes, speck_mm2: float = _SPECK_MM2) -> str:
        """Polygons (metres) as SVG path data: clipped to the box and no finer than print shows."""
        if not len(metric):
            return ""
        inside = metric[shapely.intersects(metric, shapely.box(*self.bounds))]
        clipped = shapely.clip_by_rect(repaired(inside), *self.bounds)
        parts = shapely.get_parts(shapely.simplify(clipped, _FINEST_MM * self.scale))
        parts = parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON]
        parts = parts[shapely.area(parts) >= speck_mm2 * self.scale**2]
        return "".join(self._ring(ring) for ring in shapely.get_rings(parts))

    def lines(self, metric: Shapes) -> str:
        """Lines, and outlines of polygons (metres), as SVG path data; clipped and no finer either."""
        if not len(metric):
            return ""
        # Outlines before clipping: the edge of the box is not the outline of anything.
        flat = shapely.get_parts(shapely.get_parts(metric))
        areal = shapely.get_dimensions(flat) == 2
        flat = np.concatenate([shapely.boundary(flat[areal]), flat[~areal]])
        inside = flat[shapely.intersects(flat, shapely.box(*self.bounds))]
        clipped = shapely.get_parts(shapely.clip_by_rect(inside, *self.bounds))
        joined = shapely.get_parts(shapely.line_merge(clipped))
        joined = joined[shapely.get_type_id(joined) == shapely.GeometryType.LINESTRING]
        return "".join(map(self._open, shapely.simplify(joined, _FINEST_MM * self.scale)))

    def points(self, metres: npt.NDArray[np.float64]) -> str:
        """The points (n, 2) within the box as SVG path data: lines without length.

        Those that are the same to a tenth of a millimetre are one.
        """
        placed = self.place(metres.reshape(-1, 2))
        shown = np.unique(placed[self.holds(placed)].round(1), axis=0)
        return "".join(f"M{x:g},{y:g}h0" for x, y in shown.tolist())

    def holds(self, placed: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Whether places (n, 2) of the drawing are in the box."""
        past = placed - [self.left, self.top]
        held: npt.NDArray[np.bool_] = np.all(
            (past >= 0) & (past <= [self.width, self.height]), axis=1
        )
        return held

    def _open(self, line: shapely.LineString) -> str:
        corners = self.place(shapely.get_coordinates(line))
        return "M" + " ".join(f"{x:.2f},{y:.2f}" for x, y in corners)

    def _ring(self, ring: shapely.LinearRing) -> str:
        corners = self.place(shapely.get_coordinates(ring)[:-1])
        return "M" + " ".join(f"{x:.2f},{y:.2f}" for x, y in corners) + "Z"

    def round_length_m(self, most_mm: float) -> float:
        """The longest length of the series 1–2–5 that takes up at most so many mm."""
        room = most_mm * self.scale
        power = 10.0 ** math.floor(math.log10(room))
        return max(step * power for step in (1, 2, 5) if step * power <= room)
