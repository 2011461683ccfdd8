"""The nearest polygon within a distance.

`NearestIndex` works on the grid of `geo.locate`: for each cell it keeps the few polygons that can
be nearest to some point of the cell. No point of a cell is farther than r, half the diagonal, from
the cell's centre, so a polygon at distance d from the centre is between d - r and d + r from any
point of the cell. Hence only those with d - r <= max_m that also come within 2 r of the smallest d
are kept. Their distances to the point itself are then shapely's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from geo.grid import (
    CHUNK,
    NONE,
    Geometries,
    GeometryList,
    Grid,
    Integers,
    checked_geometries,
    checked_points,
    expand,
)

MAX_CELLS = 1_000_000
CELLS_AT_A_TIME = 2**16


@dataclass(frozen=True, eq=False)
class NearestIndex:
    """Finds the nearest of many polygons for each of many points, up to a distance."""

    polygons: Geometries  # (n,)
    max_m: float
    grid: Grid
    start: Integers  # (grid.size + 1,): cell c has candidates start[c] … start[c + 1] - 1
    candidate: Integers  # polygons, ascending within a cell

    @classmethod
    def build(
        cls,
        polygons: GeometryList,
        max_m: float = 30.0,
        cell_m: float = 5.0,
    ) -> NearestIndex:
        """Index (n,) Polygons or MultiPolygons (None and empty ones are never near).

        max_m: distance in metres up to which a polygon counts as near, that distance included.
        cell_m: wished cell size in metres, enlarged to keep the grid within MAX_CELLS cells.
        Raises ValueError naming the positions of invalid geometries: repair them first.
        """
        if not 0 <= max_m < np.inf:
            raise ValueError(f"max_m must be a distance, not {max_m}")
        shapes = checked_geometries(polygons)
        grid = Grid.around(shapes, cell_m, MAX_CELLS, margin_m=max_m)
        # Slack for rounding, far above it: a cell's corners, and distances between coordinates.
        radius = np.hypot(grid.cell_m, grid.cell_m) / 2 * (1 + 1e-6)
        radius += 1e-12 * (
            abs(grid.x0) + abs(grid.y0) + grid.columns * grid.cell_m + grid.rows * grid.cell_m
        )

        tree = shapely.STRtree(shapes)
        cells, candidates = [np.empty(0, np.intp)], [np.empty(0, np.int32)]
        for begin in range(0, grid.size, CELLS_AT_A_TIME):
            block = np.arange(begin, min(begin + CELLS_AT_A_TIME, grid.size))
            centres = shapely.points(*grid.centre(block))
            cell, polygon = tree.query(centres, predicate="dwithin", distance=max_m + radius)
            distance = shapely.distance(centres[cell], shapes[polygon])
            smallest = np.full(len(block), np.inf)
            np.minimum.at(smallest, cell, distance)
            kept = distance <= smallest[cell] + 2 * radius
            cell, polygon = cell[kept], polygon[kept]
            order = np.lexsort((polygon, cell))
            cells.append(block[cell[order]])
            candidates.append(polygon[order].astype(np.int32))
        start = np.zeros(grid.size + 1, dtype=np.int32)
        np.cumsum(np.bincount(np.concatenate(cells), minlength=grid.size), out=start[1:])
        return cls(shapes, float(max_m), grid, start, np.concatenate(candidates))

    def query(
        self, x: npt.ArrayLike, y: npt.ArrayLike
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
        """(position of the nearest polygon, distance in metres) of each point.

        -1 and NaN where none lies within max_m, and for NaN and infinite coordinates; distance 0
        inside a polygon. Of several at the same distance the lowest position.
        """
        xs, ys = checked_points(x, y)
        answer = np.full(len(xs), NONE, dtype=np.int32)
        answer_m = np.full(len(xs), np.nan)
        for begin in range(0, len(xs), CHUNK):
            chunk = slice(begin, begin + CHUNK)
            cell = self.grid.cell(xs[chunk], ys[chunk])
            count = self.start[cell + 1] - self.start[cell]
            near = np.flatnonzero(count)
            owner, entry = expand(self.start[cell[near]], count[near])
            points = shapely.points(xs[chunk][near], ys[chunk][near])
            polygon = self.candidate[entry]
            distance = shapely.distance(points[owner], self.polygons[polygon])
            smallest = np.full(len(near), np.inf)
            np.minimum.at(smallest, owner, distance)
            best = np.flatnonzero((distance == smallest[owner]) & (distance <= self.max_m))
            best = best[np.diff(owner[best], prepend=-1) > 0]  # the first of equally near ones
            found = begin + near[owner[best]]
            answer[found], answer_m[found] = polygon[best], distance[best]
        return answer, answer_m
