"""Which polygon holds each point: exactly what shapely says, at the speed of a table look-up.

How it works, in four steps:

1. A square grid is laid over the polygons. Each polygon edge marks the cells that it touches:
   the polygon's *boundary cells* (`_boundary_cells`).
2. Between two boundary cells of a row no edge of the polygon passes, so the cells between them
   are all inside or all outside: one exact test of one cell centre decides (`_inside_runs`).
3. Each cell gets the number of a list of the polygons that may hold a point of it
   (`PolygonIndex.build`). Nearly all cells share one of the simplest lists: list 0 is empty, list
   p + 1 says that polygon p holds all of the cell. A list tells for each of its polygons what
   decides: nothing more (WHOLE); the side of the only edge of the polygon that passes through the
   cell; or shapely (ASK), where several edges do.
4. A point is looked up: its cell, the cell's list, and what decides (`PolygonIndex._holders`).
   A point that is within TOLERANCE of the edge's line is left to shapely, too.

Why it is exact: cells are judged together with a margin of TOLERANCE around them, far more than
the rounding error of finding a point's cell or its distance from a line.

Coordinates are metres in a projected system; the boundary belongs to a polygon ("covers").
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

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

WHOLE = -1  # instead of an edge: the polygon holds the whole cell
ASK = -2  # instead of an edge: only shapely can tell

MAX_CELLS = 16_000_000
MAX_BOUNDARY_CELLS = 4_000_000
TOLERANCE = 1e-6  # in cells; rounding errors stay below 1e-7 even for MAX_CELLS in one row
VERSION = 1  # of the saved file
STORED = ("number", "start", "polygon", "edge")  # tables of the saved file
SAME_SHARE = 1e-9  # shares of a shape that differ by less are equal but for rounding


@dataclass(frozen=True, eq=False)
class PolygonIndex:
    """Finds the polygons that hold each of many points; see the top of the module."""

    polygons: Geometries  # (n,), prepared
    sides: Floats  # (m, 3): a, b, c of each edge; a u + b v - c > 0 inside (u, v in grid units)
    rank: Integers  # (n,): 0 is preferred where polygons overlap
    grid: Grid
    number: Integers  # (grid.size,): the list of each cell
    start: Integers  # (lists + 1,): list k is entries start[k] … start[k + 1] - 1 of the next two
    polygon: Integers  # ascending within a list
    edge: Integers  # row of sides, WHOLE or ASK

    @classmethod
    def build(cls, polygons: GeometryList, cell_m: float = 1.5) -> PolygonIndex:
        """Index (n,) Polygons or MultiPolygons (None and empty ones hold nothing).

        cell_m: wished cell size in metres, enlarged where it would need more than MAX_CELLS
        cells or MAX_BOUNDARY_CELLS. Smaller cells: faster answers, slower build.
        Raises ValueError naming the positions of invalid geometries: repair them first.
        """
        shapes = checked_geometries(polygons)
        # Overlapping polygons and crowded boundaries must not make endless lists either.
        area, length = shapely.area(shapes).sum(), shapely.length(shapes).sum()
        least_m = float(max((area / MAX_CELLS) ** 0.5, length / MAX_BOUNDARY_CELLS))
        grid = Grid.around(shapes, cell_m, MAX_CELLS, least_cell_m=least_m)
        shapely.prepare(shapes)
        polygon, cell, edge = _boundary_cells(grid, shapes)
        run_polygon, run_start, run_stop = _inside_runs(grid, shapes, polygon, cell)

        # Add 1 (and the list's number) where a run begins and take it away behind its end:
        # running sums then tell how many polygons hold a cell (and, if it is one, which list).
        holders = np.zeros(grid.size, dtype=np.int32)
        number = np.zeros(grid.size, dtype=np.int32)
        for sums, step in ((holders, np.int32(1)), (number, (run_polygon + 1).astype(np.int32))):
            np.add.at(sums, run_start, step)
            np.subtract.at(sums, run_stop, step)
            np.cumsum(sums, out=sums)

        # Boundary cells and cells inside several polygons get lists of their own.
        special = holders > 1
        special[cell] = True
        specials = np.flatnonzero(special)
        del holders, special
        number[specials] = np.arange(len(specials)) + len(shapes) + 1
        first = np.searchsorted(specials, run_start)
        run, inside = expand(first, np.searchsorted(specials, run_stop) - first)
        every = np.arange(len(shapes))
        lists = np.concatenate([every + 1, number[cell], number[specials[inside]]])
        polygon = np.concatenate([every, polygon, run_polygon[run]])
        edge = np.concatenate([np.full(len(every), WHOLE), edge, np.full(len(run), WHOLE)])
        order = np.argsort(lists * len(shapes) + polygon)
        size = np.bincount(lists, minlength=len(shapes) + 1 + len(specials))
        start = np.concatenate([[0], np.cumsum(size)])
        tables = (number, start, polygon[order], edge[order])
        return cls._of(shapes, grid, *(table.astype(np.int32) for table in tables))

    @classmethod
    def _of(cls, polygons: Geometries, grid: Grid, *tables: Integers) -> PolygonIndex:
        rank = np.empty(len(polygons), dtype=np.int32)
        rank[np.argsort(shapely.area(polygons), kind="stable")] = np.arange(len(polygons))
        # shapely prepares a polygon at its first test, which must not happen in two threads at
        # once (it releases the interpreter's lock): have one test each here.
        shapely.prepare(polygons)
        minx, miny, maxx, maxy = shapely.bounds(polygons).T
        shapely.intersects_xy(polygons, (minx + maxx) / 2, (miny + maxy) / 2)
        return cls(polygons, _sides(grid, polygons), rank, grid, *tables)

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
            np.minimum.at(best, point, self.rank.take(polygon))
            answer[begin : begin + CHUNK] = by_rank.take(best)
        return answer

    def pairs(
        self, x: npt.ArrayLike, y: npt.ArrayLike
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """All (point, polygon) positions where the polygon holds the point, two (k,) int32 arrays.

        Sorted by point, then polygon: the pairs of shapely.STRtree(polygons).query(points, "intersects").
        """
        xs, ys = checked_points(x, y)
        points: list[npt.NDArray[np.int32]] = [np.empty(0, np.int32)]
        polygons: list[npt.NDArray[np.int32]] = [np.empty(0, np.int32)]
        for begin, point, polygon in self._chunks(xs, ys):
            order = np.argsort(point, kind="stable")  # merges two sorted parts
            points.append((point.take(order) + begin).astype(np.int32))
            polygons.append(polygon.take(order).astype(np.int32))
        return np.concatenate(points), np.concatenate(polygons)

    def _chunks(self, x: Floats, y: Floats) -> Iterator[tuple[int, Integers, Integers]]:
        """(begin, points counted from begin, polygons that hold them) for each CHUNK."""
        for begin in range(0, len(x), CHUNK):
            yield begin, *self._holders(x[begin : begin + CHUNK], y[begin : begin + CHUNK])

    def _holders(self, x: Floats, y: Floats) -> tuple[Integers, Integers]:
        """All (point, polygon) where the polygon holds the point.

        First the points of cells that one polygon holds; then those of other lists. Either part is
        sorted. `take` throughout: on these tables it is several times as fast as square brackets.
        """
        u, v = self.grid.units(x, y)
        number = self.number.take(self.grid.cell(u, v))
        n = len(self.polygons)
        sure = np.flatnonzero((number > 0) & (number <= n))
        listed = np.flatnonzero(number > n)
        number_listed = number.take(listed).astype(np.intp)
        start = self.start.take(number_listed)
        owner, entry = expand(start, self.start.take(number_listed + 1) - start)
        point, polygon, edge = listed.take(owner), self.polygon.take(entry), self.edge.take(entry)

        holds = edge == WHOLE
        on_edge = np.flatnonzero(edge >= 0)
        at = point.take(on_edge)
        a, b, c = self.sides.take(edge.take(on_edge), axis=0).T
        side = a * u.take(at) + b * v.take(at) - c
        holds[on_edge] = side > TOLERANCE

        ask = np.concatenate([np.flatnonzero(edge == ASK), on_edge[np.abs(side) <= TOLERANCE]])
        at = point.take(ask)
        asked = self.polygons.take(polygon.take(ask))
        holds[ask] = shapely.intersects_xy(asked, x.take(at), y.take(at))
        found = np.flatnonzero(holds)
        return (
            np.concatenate([sure, point.take(found)]),
            np.concatenate([number.take(sure) - 1, polygon.take(found)]),
        )

    @property
    def nbytes(self) -> int:
        """Bytes of the index's tables (the polygons themselves come on top)."""
        tables = (self.sides, self.rank, self.number, self.start, self.polygon, self.edge)
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
                with np.load(file, allow_pickle=False) as archive:
                    stored = dict(archive)  # reading a table compares its checksum
                if stored["version"] != VERSION:
                    raise ValueError(f"version {stored['version']}, not {VERSION}")
                pieces = np.split(stored["wkb"], stored["wkb_end"])[:-1]
                wkb = np.array([piece.tobytes() for piece in pieces], dtype=object)
                x0, y0, cell_m, columns, rows = stored["grid"].tolist()
                grid = Grid(x0, y0, cell_m, int(columns), int(rows))
                polygons = np.asarray(shapely.from_wkb(wkb), dtype=object)
                tables = (stored[name] for name in STORED)
                return cls._of(polygons, grid, *tables)
            except Exception as error:  # a damaged file fails in many ways
                raise ValueError(f"{path} is not a usable polygon index: {error!r}") from error


def _edges(polygons: Geometries) -> tuple[Integers, Floats]:
    """(polygon of each edge, edges (m, 4)); the polygon's inside lies on the left of each."""
    parts, owner = shapely.get_parts(shapely.orient_polygons(polygons), return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    proper = (ring[1:] == ring[:-1]) & (xy[1:] != xy[:-1]).any(axis=1)
    return owner[part[ring[1:][proper]]], np.hstack([xy[:-1][proper], xy[1:][proper]])


def _sides(grid: Grid, polygons: Geometries) -> Floats:
    """(m, 3): a, b, c of each edge; a u + b v - c is the distance to its left, in grid units."""
    edges = _edges(polygons)[1]
    dx, dy = (edges[:, 2:] - edges[:, :2]).T  # from coordinates: exact enough for short edges
    length = np.hypot(dx, dy)
    a, b = -dy / length, dx / length
    u, v = grid.units(edges[:, 0], edges[:, 1])
    return np.stack([a, b, a * u + b * v], axis=1)


def _boundary_cells(grid: Grid, polygons: Geometries) -> tuple[Integers, Integers, Integers]:
    """Every pair of a polygon and a cell that its edges touch, as (polygon, cell, edge).

    Sorted by polygon, then cell. edge: the only one there, or ASK if there are several.
    """
    owner, edges = _edges(polygons)
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
