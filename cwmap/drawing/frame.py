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

    def _ring(self, ring: shapely.LinearRing) -> str:
        corners = self.place(shapely.get_coordinates(ring)[:-1])
        return "M" + " ".join(f"{x:.2f},{y:.2f}" for x, y in corners) + "Z"

    def round_length_m(self, most_mm: float) -> float:
        """The longest length of the series 1–2–5 that takes up at most so many mm."""
        room = most_mm * self.scale
        power = 10.0 ** math.floor(math.log10(room))
        return max(step * power for step in (1, 2, 5) if step * power <= room)
