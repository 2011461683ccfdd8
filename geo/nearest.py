"""The nearest polygon within a distance of each point; distances are shapely's own.

A polygon that does not hold a point is as far away as its boundary. Boundaries are cut into pieces
of a few edges, and a grid keeps for each cell the few pieces that can be nearest to some point of
the cell: a cell's points are at most r, half its diagonal, from its centre, so a piece at distance
d from the centre is between d - r and d + r from any of them. Hence a piece can be left out if
d - r exceeds max_m, or if d exceeds the smallest d by more than 2 r.

Coordinates are metres in a projected system.
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
from geo.locate import PolygonIndex

MAX_CELLS = 1_000_000
EDGES_PER_PIECE = 8
CELLS_AT_A_TIME = 2**16


@dataclass(frozen=True, eq=False)
class NearestIndex:
    """Finds the nearest of many polygons for each of many points, up to a distance."""

    inside: PolygonIndex  # of the same polygons
    max_m: float
    pieces: Geometries  # boundaries, cut into LineStrings
    piece_polygon: Integers  # position of the polygon of each piece
    grid: Grid
    start: Integers  # (grid.size + 1,): cell c has candidates start[c] … start[c + 1] - 1
    candidate: Integers  # pieces

    @classmethod
    def build(
        cls, polygons: GeometryList, max_m: float = 30.0, cell_m: float = 5.0
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
        pieces, piece_polygon = _boundary_pieces(shapes)
        # Slack for rounding, far above it: of a point's cell, and of coordinates.
        radius = grid.cell_m / 2**0.5 * (1 + 1e-6)
        radius += 1e-12 * float(np.abs(shapely.bounds(pieces)).max(initial=0.0))

        tree = shapely.STRtree(pieces)
        candidates: list[npt.NDArray[np.int32]] = [np.empty(0, np.int32)]
        count = np.zeros(grid.size, dtype=np.int32)
        for begin in range(0, grid.size, CELLS_AT_A_TIME):
            block = np.arange(begin, min(begin + CELLS_AT_A_TIME, grid.size))
            centres = shapely.points(*grid.centre(block))
            cell, piece = tree.query(centres, predicate="dwithin", distance=max_m + radius)
            distance = shapely.distance(centres[cell], pieces[piece])
            smallest = np.full(len(block), np.inf)
            np.minimum.at(smallest, cell, distance)
            kept = distance <= smallest[cell] + 2 * radius
            cell, piece = cell[kept], piece[kept]
            candidates.append(piece[np.argsort(cell)].astype(np.int32))
            count[block] = np.bincount(cell, minlength=len(block))
        start = np.concatenate([[0], np.cumsum(count)]).astype(np.int32)
        inside = PolygonIndex.build(shapes, cell_m)
        return cls(inside, max_m, pieces, piece_polygon, grid, start, np.concatenate(candidates))

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
            point, polygon, distance = self._near(xs[chunk], ys[chunk])
            smallest = np.full(len(xs[chunk]), np.inf)
            np.minimum.at(smallest, point, distance)
            nearest = distance == smallest[point]
            lowest = np.full(len(smallest), len(self.inside.polygons), dtype=np.int32)
            np.minimum.at(lowest, point[nearest], polygon[nearest])
            found = np.flatnonzero(smallest <= self.max_m)
            answer[begin + found], answer_m[begin + found] = lowest[found], smallest[found]
        return answer, answer_m

    def _near(
        self, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
    ) -> tuple[Integers, Integers, npt.NDArray[np.float64]]:
        """(point, polygon, distance) of all that may be nearest, polygons that hold it included."""
        holding = self.inside.pairs(x, y)
        cell = self.grid.cell(*self.grid.units(x, y))
        count = self.start[cell + 1] - self.start[cell]
        near = np.flatnonzero(count)
        owner, entry = expand(self.start[cell[near]], count[near])
        piece = self.candidate[entry]
        points = shapely.points(x[near], y[near])
        distance = shapely.distance(points[owner], self.pieces[piece])
        return (
            np.concatenate([holding[0], near[owner]]),
            np.concatenate([holding[1], self.piece_polygon[piece]]),
            np.concatenate([np.zeros(len(holding[0])), distance]),
        )


def _boundary_pieces(polygons: Geometries) -> tuple[Geometries, Integers]:
    """The boundaries as LineStrings of at most EDGES_PER_PIECE edges, and the polygon of each."""
    parts, owner = shapely.get_parts(polygons, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    size = shapely.get_num_coordinates(rings)
    first = np.cumsum(size) - size
    ring, offset = expand(np.zeros_like(size), -(-(size - 1) // EDGES_PER_PIECE))
    offset *= EDGES_PER_PIECE
    length = np.minimum(EDGES_PER_PIECE + 1, size[ring] - offset)
    piece, vertex = expand(first[ring] + offset, length)
    pieces = shapely.linestrings(shapely.get_coordinates(rings)[vertex], indices=piece)
    return np.asarray(pieces, dtype=object), owner[part[ring]].astype(np.int32)
