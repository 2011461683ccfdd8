"""Which polygon holds each point: exactly what shapely says, at the speed of a table look-up.

How it works, in four steps:

1. A square grid is laid over the polygons. Each polygon edge marks the cells that it touches:
   the polygon's *boundary cells* (`_boundary_cells`).
2. Between two boundary cells of a row no edge of the polygon passes, so the cells between them
   are all inside or all outside: one exact test of one cell centre decides (`_inside_runs`).
3. Each cell gets a code (`PolygonIndex.build`):
       NONE   no polygon comes near;
       p >= 0 the cell lies wholly inside polygon p and touches nothing else: the usual case,
              answered by a single look-up;
       <= -2  list number -2 - code: the few polygons that may hold a point of this cell, each
              with what it takes to decide (WHOLE, a single edge, or ASK).
4. A point of a listed cell lies in a polygon if the polygon holds the WHOLE cell, or if the
   point is left of the only edge in the cell (rings run with their inside on the left). If
   several edges pass through the cell, or the point lies on the edge but for rounding, shapely
   is asked (ASK).

Why it is exact: a cell is judged together with a margin of `TOLERANCE` cells around it, far more
than the rounding error of finding a point's cell; and the side of an edge is believed only where
it is larger than its own rounding error.

Coordinates are metres in a projected system; the boundary belongs to a polygon ("covers").
"""

from __future__ import annotations

import os
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from geo.grid import (
    CHUNK,
    LINES,
    NONE,
    POLYGONS,
    Floats,
    Geometries,
    GeometryList,
    Grid,
    Integers,
    checked_geometries,
    checked_points,
    expand,
)

WHOLE = -1  # in a list: the polygon holds the whole cell
ASK = -2  # in a list: only shapely can tell

MAX_CELLS = 16_000_000
MAX_BOUNDARY_CELLS = 4_000_000
TOLERANCE = 1e-6  # in cells; rounding in grid units stays below 1e-8 for MAX_CELLS in a row
# Rounding error of the cross product below, relative to the sum of its two terms: 3 units of
# 2**-53 plus a little (Shewchuk 1997, Adaptive Precision Floating-Point Arithmetic, "ccw").
CROSS_ERROR = 4e-16
VERSION = 1  # of the saved file
STORED = ("code", "start", "entry_polygon", "entry_edge")  # tables of the saved file
SAME_SHARE = 1e-9  # shares of a shape that differ by less are equal but for rounding


@dataclass(frozen=True, eq=False)
class PolygonIndex:
    """Finds the polygons that hold each of many points; see the top of the module."""

    polygons: Geometries  # (n,), prepared
    edges: Floats  # (m, 4): from x, from y, to x, to y, the polygon's inside on the left
    rank: Integers  # (n,): 0 is preferred where polygons overlap
    grid: Grid
    code: Integers  # (grid.size,): NONE, polygon, or -2 - list
    start: Integers  # (lists + 1,): list k is entries start[k] … start[k + 1] - 1
    entry_polygon: Integers  # ascending within a list
    entry_edge: Integers  # row of edges, WHOLE or ASK

    @classmethod
    def build(cls, polygons: GeometryList, cell_m: float = 3.0) -> PolygonIndex:
        """Index (n,) Polygons or MultiPolygons (None and empty ones hold nothing).

        cell_m: wished cell size in metres, enlarged where it would need more than MAX_CELLS
        cells or MAX_BOUNDARY_CELLS. Smaller cells: faster answers, slower build.
        Raises ValueError naming the positions of invalid geometries: repair them first.
        """
        shapes = checked_geometries(polygons)
        owner, edges = _edges(shapes)
        # Overlapping polygons and crowded boundaries must not make endless lists either.
        area, length = shapely.area(shapes).sum(), shapely.length(shapes).sum()
        cell_m = max(cell_m, float(area / MAX_CELLS) ** 0.5, float(length / MAX_BOUNDARY_CELLS))
        grid = Grid.around(shapes, cell_m, MAX_CELLS)

        shapely.prepare(shapes)
        polygon, cell, edge = _boundary_cells(grid, owner, edges)
        run_polygon, run_start, run_stop = _inside_runs(grid, shapes, polygon, cell)

        # Add 1 (and the polygon's number) where a run begins and take it away behind its end:
        # running sums then tell how many polygons hold a cell (and, if it is one, which).
        holders = np.zeros(grid.size, dtype=np.int32)
        code = np.zeros(grid.size, dtype=np.int32)
        for sums, step in ((holders, np.int32(1)), (code, run_polygon.astype(np.int32))):
            np.add.at(sums, run_start, step)
            np.subtract.at(sums, run_stop, step)
            np.cumsum(sums, out=sums)
        code[holders != 1] = NONE

        # Cells that need a list: boundary cells, and cells inside several polygons.
        needs_list = holders > 1
        needs_list[cell] = True
        listed = np.flatnonzero(needs_list)
        del holders, needs_list
        code[listed] = -2 - np.arange(len(listed))
        first = np.searchsorted(listed, run_start)
        run, inside = expand(first, np.searchsorted(listed, run_stop) - first)
        entry_list = np.concatenate([np.searchsorted(listed, cell), inside])
        entry_polygon = np.concatenate([polygon, run_polygon[run]])
        entry_edge = np.concatenate([edge, np.full(len(run), WHOLE)])
        order = np.argsort(entry_list * len(shapes) + entry_polygon)
        start = np.zeros(len(listed) + 1, dtype=np.int32)
        np.cumsum(np.bincount(entry_list, minlength=len(listed)), out=start[1:])
        return cls._of(
            shapes,
            edges,
            grid,
            code,
            start,
            entry_polygon[order].astype(np.int32),
            entry_edge[order].astype(np.int32),
        )

    @classmethod
    def _of(cls, polygons: Geometries, edges: Floats, *tables: Any) -> PolygonIndex:
        order = np.argsort(shapely.area(polygons), kind="stable")
        rank = np.empty(len(polygons), dtype=np.int32)
        rank[order] = np.arange(len(polygons))
        # shapely prepares a polygon at its first test, which must not happen in two threads at
        # once (it releases the interpreter's lock): have one test each here.
        shapely.prepare(polygons)
        minx, miny, maxx, maxy = shapely.bounds(polygons).T
        shapely.intersects_xy(polygons, (minx + maxx) / 2, (miny + maxy) / 2)
        return cls(polygons, edges, rank, *tables)

    def first(self, x: npt.ArrayLike, y: npt.ArrayLike) -> npt.NDArray[np.int32]:
        """Position of the polygon that holds each point, -1 for none; (n,) int32.

        Where several do (overlaps, shared edges): the one of smallest area, then of lowest
        position. NaN and infinite coordinates are in none.
        """
        xs, ys = checked_points(x, y)
        by_rank = np.append(np.argsort(self.rank), NONE).astype(np.int32)
        answer = np.empty(len(xs), dtype=np.int32)
        for begin, point, polygon in self._chunks(xs, ys):
            best = np.full(min(CHUNK, len(xs) - begin), len(self.rank), dtype=np.int32)
            np.minimum.at(best, point, self.rank[polygon])
            answer[begin : begin + CHUNK] = by_rank[best]
        return answer

    def pairs(
        self, x: npt.ArrayLike, y: npt.ArrayLike
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """All (point, polygon) positions where the polygon holds the point, sorted.

        The pairs of shapely.STRtree(polygons).query(points, "intersects").
        """
        xs, ys = checked_points(x, y)
        points: list[npt.NDArray[np.int32]] = [np.empty(0, np.int32)]
        polygons: list[npt.NDArray[np.int32]] = [np.empty(0, np.int32)]
        for begin, point, polygon in self._chunks(xs, ys):
            order = np.argsort(point, kind="stable")  # a list's polygons are in order already
            points.append((point[order] + begin).astype(np.int32))
            polygons.append(polygon[order].astype(np.int32))
        return np.concatenate(points), np.concatenate(polygons)

    def _chunks(self, x: Floats, y: Floats) -> Iterator[tuple[int, Integers, Integers]]:
        """(begin, points counted from begin, polygons that hold them) for each CHUNK."""
        for begin in range(0, len(x), CHUNK):
            yield begin, *self._holders(x[begin : begin + CHUNK], y[begin : begin + CHUNK])

    def _holders(self, x: Floats, y: Floats) -> tuple[Integers, Integers]:
        """(point, polygon) pairs, first those found by look-up alone, then those of lists."""
        code = self.code[self.grid.cell(x, y)]
        sole = np.flatnonzero(code >= 0)
        listed = np.flatnonzero(code < NONE)
        number = -2 - code[listed]
        start = self.start[number]
        owner, entry = expand(start, self.start[number + 1] - start)
        point, polygon, edge = listed[owner], self.entry_polygon[entry], self.entry_edge[entry]

        holds = edge == WHOLE
        ask = edge == ASK
        tested = np.flatnonzero(edge >= 0)
        side = _side(self.edges[edge[tested]], x[point[tested]], y[point[tested]])
        holds[tested] = side > 0
        ask[tested] = side == 0
        asked = np.flatnonzero(ask)
        holds[asked] = shapely.intersects_xy(
            self.polygons[polygon[asked]], x[point[asked]], y[point[asked]]
        )
        return np.concatenate([sole, point[holds]]), np.concatenate([code[sole], polygon[holds]])

    @property
    def nbytes(self) -> int:
        """Bytes of the index's tables (the polygons themselves come on top)."""
        tables = (self.edges, self.rank, self.code, self.start, self.entry_polygon, self.entry_edge)
        return sum(table.nbytes for table in tables)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index, polygons included, to one .npz file: all of it or nothing."""
        target = Path(path)
        part = target.with_name(f"{target.name}.{uuid.uuid4().hex}.part")
        wkb = [shapely.to_wkb(polygon) for polygon in self.polygons]
        try:
            with part.open("xb") as file:
                np.savez(
                    file,
                    version=np.array(VERSION),
                    grid=np.array(astuple(self.grid)),
                    wkb=np.frombuffer(b"".join(wkb), dtype=np.uint8),
                    wkb_end=np.cumsum([len(one) for one in wkb], dtype=np.int64),
                    **{name: getattr(self, name) for name in STORED},
                )
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PolygonIndex:
        """Read what `save` wrote. ValueError if it is damaged or of another version."""
        with Path(path).open("rb") as file:
            try:
                if damaged := zipfile.ZipFile(file).testzip():
                    raise ValueError(f"{damaged} is damaged")
                file.seek(0)
                with np.load(file, allow_pickle=False) as archive:
                    stored = dict(archive)
                if stored["version"] != VERSION:
                    raise ValueError(f"version {stored['version']}, not {VERSION}")
                pieces = np.split(stored["wkb"], stored["wkb_end"])[:-1]
                wkb = np.array([piece.tobytes() for piece in pieces], dtype=object)
                x0, y0, cell_m, columns, rows = stored["grid"].tolist()
                grid = Grid(x0, y0, cell_m, int(columns), int(rows))
                polygons = np.asarray(shapely.from_wkb(wkb), dtype=object)
                tables = (stored[name] for name in STORED)
                return cls._of(polygons, _edges(polygons)[1], grid, *tables)
            except Exception as error:  # a damaged file fails in many ways
                raise ValueError(f"{path} is not a usable polygon index: {error!r}") from error


def _edges(polygons: Geometries) -> tuple[Integers, Floats]:
    """(polygon of each edge, edges (m, 4)); the polygon's inside lies on the left of each."""
    parts, owner = shapely.get_parts(shapely.orient_polygons(polygons), return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    proper = (ring[1:] == ring[:-1]) & (xy[1:] != xy[:-1]).any(axis=1)
    return owner[part[ring[1:][proper]]], np.hstack([xy[:-1][proper], xy[1:][proper]])


def _boundary_cells(
    grid: Grid, owner: Integers, edges: Floats
) -> tuple[Integers, Integers, Integers]:
    """Every pair of a polygon and a cell that its edges touch, as (polygon, cell, edge).

    Sorted by polygon, then cell. edge: the only one there, or ASK if there are several.
    """
    edge, cell = _touched_cells(grid, edges)
    pair = owner[edge] * grid.size + cell
    order = np.argsort(pair)
    pair = pair[order]
    first = np.flatnonzero(np.diff(pair, prepend=-1))
    single = np.diff(first, append=len(pair)) == 1
    polygon, cell = np.divmod(pair[first], grid.size)
    return polygon, cell, np.where(single, edge[order[first]], ASK)


def _touched_cells(grid: Grid, edges: Floats) -> tuple[Integers, Integers]:
    """Every (edge, cell) where the edge comes within TOLERANCE of the cell, each pair once."""
    (u0, v0), (u1, v1) = grid.units(*edges[:, :2].T), grid.units(*edges[:, 2:].T)
    bottom = np.floor(np.minimum(v0, v1) - TOLERANCE).astype(np.intp)
    top = np.floor(np.maximum(v0, v1) + TOLERANCE).astype(np.intp)
    edge, row = expand(bottom, top - bottom + 1)
    # The piece of the edge within the row runs from share `enter` to share `leave` of the edge.
    u, v, du, dv = u0[edge], v0[edge], (u1 - u0)[edge], (v1 - v0)[edge]
    level = dv == 0
    dv[level] = 1.0
    with np.errstate(over="ignore"):
        enter = np.where(level, 0.0, np.clip((row - TOLERANCE - v) / dv, 0.0, 1.0))
        leave = np.where(level, 1.0, np.clip((row + 1 + TOLERANCE - v) / dv, 0.0, 1.0))
    left, right = u + enter * du, u + leave * du
    first = np.floor(np.minimum(left, right) - TOLERANCE).astype(np.intp)
    last = np.floor(np.maximum(left, right) + TOLERANCE).astype(np.intp)
    piece, column = expand(first, last - first + 1)
    return edge[piece], row[piece] * grid.columns + column


def _inside_runs(
    grid: Grid, polygons: Geometries, polygon: Integers, cell: Integers
) -> tuple[Integers, Integers, Integers]:
    """Runs of cells wholly inside, as (polygon, first cell, cell behind the last).

    polygon, cell: the boundary cells, sorted by polygon, then cell.
    """
    row = cell // grid.columns
    gap = np.flatnonzero(
        (polygon[1:] == polygon[:-1]) & (row[1:] == row[:-1]) & (cell[1:] - cell[:-1] > 1)
    )
    holder, start, stop = polygon[gap], cell[gap] + 1, cell[gap + 1]
    inside = shapely.intersects_xy(polygons[holder], *grid.centre(start))
    return holder[inside], start[inside], stop[inside]


def _side(edges: Floats, x: Floats, y: Floats) -> npt.NDArray[np.float64]:
    """1 where the point is left of its edge, -1 right, 0 where rounding leaves it open."""
    from_x, from_y, to_x, to_y = edges.T
    one = (to_x - from_x) * (y - from_y)
    other = (to_y - from_y) * (x - from_x)
    cross = one - other
    return np.where(np.abs(cross) > CROSS_ERROR * (np.abs(one) + np.abs(other)), np.sign(cross), 0)


def largest_share(shapes: GeometryList, polygons: GeometryList) -> npt.NDArray[np.int32]:
    """Position of the polygon that holds most of each line's length or each area's area.

    shapes: (n,) lines and polygons in the polygons' projected system. Of equal shares (but for
    rounding, SAME_SHARE) the lowest position. -1 for None, for empty shapes and for those of
    which no polygon holds any length or area (a mere touch is none).
    Raises ValueError naming positions of invalid shapes or polygons, and of points among shapes.
    """
    parts = checked_geometries(shapes, LINES + POLYGONS)
    holders = checked_geometries(polygons)
    is_line = np.isin(shapely.get_type_id(parts), LINES)
    whole = np.where(is_line, shapely.length(parts), shapely.area(parts))
    part, holder = shapely.STRtree(holders).query(parts, predicate="intersects")
    common = shapely.intersection(parts[part], holders[holder])
    share = np.where(is_line[part], shapely.length(common), shapely.area(common)) / whole[part]
    largest = np.full(len(parts), 2 * SAME_SHARE)
    np.maximum.at(largest, part, share)
    first = np.full(len(parts), len(holders), dtype=np.int32)
    equal = share >= largest[part] - SAME_SHARE
    np.minimum.at(first, part[equal], holder[equal].astype(np.int32))
    return np.where(first < len(holders), first, np.int32(NONE))
