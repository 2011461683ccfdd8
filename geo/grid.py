"""A grid of square cells over polygons, and the checks and small tools its users share.

`geo.locate` and `geo.nearest` answer for a point by looking up the cell that it lies in.
Coordinates are metres in a projected system.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer[Any]]
Geometries = npt.NDArray[np.object_]
GeometryList = npt.ArrayLike | Sequence[BaseGeometry | None]

NONE = -1  # in answers: no polygon
CHUNK = 2**18  # points at a time: temporary arrays stay in the processor's cache

LINES = (
    shapely.GeometryType.LINESTRING,
    shapely.GeometryType.LINEARRING,
    shapely.GeometryType.MULTILINESTRING,
)
POLYGONS = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


def checked_geometries(
    geometries: GeometryList, types: tuple[shapely.GeometryType, ...] = POLYGONS
) -> Geometries:
    """Geometries as a 1-d object array of valid 2-d ones; None becomes an empty polygon.

    Raises ValueError, naming positions, for invalid geometries and for other types.
    """
    given = np.asarray(geometries, dtype=object)
    if given.ndim != 1:
        raise ValueError(f"geometries must be one-dimensional, not of shape {given.shape}")
    filled = np.where(shapely.is_missing(given), shapely.Polygon(), given)
    alien = ~shapely.is_empty(filled) & ~np.isin(shapely.get_type_id(filled), types)
    if alien.any():
        names = ", ".join(kind.name for kind in types)
        raise ValueError(f"not one of {names} at positions {_positions(alien)}")
    invalid = ~shapely.is_valid(filled)
    if invalid.any():
        raise ValueError(f"invalid geometries at positions {_positions(invalid)}: repair them")
    return np.asarray(shapely.force_2d(filled), dtype=object)


def _positions(mask: npt.NDArray[np.bool_]) -> str:
    found = np.flatnonzero(mask)
    return ", ".join(map(str, found[:10])) + (f" and {len(found) - 10} more" * (len(found) > 10))


def checked_points(x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Floats, Floats]:
    """x and y as 1-d float arrays of the same length, else ValueError."""
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if xs.ndim != 1 or xs.shape != ys.shape:
        raise ValueError(f"x and y must be 1-d and of one length, not {xs.shape} and {ys.shape}")
    return xs, ys


def expand(start: Integers, count: Integers) -> tuple[Integers, Integers]:
    """Every number of the ranges start[i] … start[i] + count[i] - 1, as (i, number)."""
    owner = np.repeat(np.arange(len(count)), count)
    before = np.cumsum(count) - count
    return owner, np.arange(len(owner)) + (start - before).take(owner)


@dataclass(frozen=True)
class Grid:
    """Square cells numbered row by row; the outermost ring of cells is never used."""

    x0: float
    y0: float
    cell_m: float
    columns: int
    rows: int

    @classmethod
    def around(
        cls,
        polygons: Geometries,
        cell_m: float,
        max_cells: int,
        least_cell_m: float = 0.0,
        margin_m: float = 0.0,
    ) -> Grid:
        """A grid over the polygons and margin_m around them.

        Its cells are of cell_m, or larger: of least_cell_m at least, and large enough that there
        are no more than max_cells of them.
        """
        if not 0 < cell_m < np.inf:
            raise ValueError(f"cell_m must be positive, not {cell_m}")
        cell_m = max(cell_m, least_cell_m)
        solid = polygons[~shapely.is_empty(polygons)]
        minx, miny, maxx, maxy = shapely.total_bounds(solid).tolist() if len(solid) else [0.0] * 4
        width, height = maxx - minx + 2 * margin_m, maxy - miny + 2 * margin_m
        while (width // cell_m + 4) * (height // cell_m + 4) > max_cells:
            cell_m *= 1.1
        # A ring of one cell that stays empty, and half a cell more so that a tolerance cannot
        # reach it: points beyond the grid, and NaN, are looked up in the ring.
        x0, y0 = minx - margin_m - 1.5 * cell_m, miny - margin_m - 1.5 * cell_m
        return cls(x0, y0, cell_m, int(width // cell_m) + 4, int(height // cell_m) + 4)

    @property
    def size(self) -> int:
        """Number of cells."""
        return self.columns * self.rows

    def units(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Coordinates in cells from the grid's corner."""
        with np.errstate(over="ignore"):  # such a point is far outside all the same
            return (x - self.x0) / self.cell_m, (y - self.y0) / self.cell_m

    def cell(self, u: Floats, v: Floats) -> Integers:
        """The cell at grid units u, v; one of the unused ring for points outside and NaN."""
        column = np.fmin(np.fmax(u, 0), self.columns - 1).astype(np.intp)  # fmax(NaN, 0) is 0
        row = np.fmin(np.fmax(v, 0), self.rows - 1).astype(np.intp)
        return row * self.columns + column

    def centre(self, cell: Integers) -> tuple[Floats, Floats]:
        """Coordinates of the middle of each cell."""
        row, column = np.divmod(cell, self.columns)
        return self.x0 + (column + 0.5) * self.cell_m, self.y0 + (row + 0.5) * self.cell_m
