"""A walking network (步行路网): straight edges between nodes, as plain arrays.

`Network.build` makes it from lines. Every straight piece of a line is an edge of its own: an
edge's length, slope and parts are then plain arithmetic, and elevation counts at every vertex.

What joins: two lines join where they share a vertex, as OpenStreetMap means it; a bridge is not
joined to the road that it passes over. For hand-drawn centre lines ask for `crossings`
(every crossing joins) and `join_m` (an end that stops short of another line is linked to it).

What separates: an edge that is no bridge is cut where it enters a barrier (river, railway, steep
hill). The parts outside remain.

Nodes and edges are numbered by their coordinates, so the order and direction of the lines that
were given changes nothing. Coordinates are metres in a projected system.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse
import shapely
from scipy.sparse.csgraph import connected_components

from geo.grid import (
    LINES,
    POLYGONS,
    Floats,
    Geometries,
    GeometryList,
    checked_geometries,
)
from geo.pieces import Pieces

MERGE_M = 0.01  # vertices that are nearer than this are one node
MAX_SLOPE = 1.0  # steeper ones come from coarse heights at the ends of short edges
BARRIER_LINE_M = 0.1  # a barrier that is a line reaches this far to either side

Unit = Literal["m", "min"]


@dataclass(frozen=True, eq=False)
class Network:
    """Nodes, edges and what it costs to walk each edge in either direction.

    cost: metres, or minutes after `with_slope`; the cost is spread evenly over an edge.
    """

    x: Floats  # (nodes,)
    y: Floats
    start: npt.NDArray[np.int32]  # (edges,) node; always lower than the end's number
    end: npt.NDArray[np.int32]
    line: npt.NDArray[np.int32]  # (edges,) position of the line it is part of; -1: a link
    forward: Floats  # (edges,) cost from start to end
    backward: Floats  # (edges,) cost from end to start
    barriers: Geometries  # polygons that neither an edge nor the way to an edge may enter
    unit: Unit = "m"
    per_m: float = 1.0  # cost of a metre beside the network

    @classmethod
    def build(
        cls,
        lines: GeometryList,
        *,
        crossings: bool = False,
        join_m: float = 0.0,
        bridges: npt.ArrayLike | None = None,
        barriers: GeometryList = (),
        longest_m: float | None = None,
    ) -> Network:
        """A network of (n,) LineStrings or MultiLineStrings (None and empty ones add nothing).

        crossings: join lines wherever they meet, not only at shared vertices. A bridge joins
        at its two ends only.
        join_m: link each dead end to the nearest place of another line within this distance.
        bridges: (n,) bool, the lines that barriers do not cut (bridges, tunnels, stairs).
        barriers: polygons, whose inside is barred, and lines.
        longest_m: longer edges are divided, for elevation to count in between.
        Raises ValueError naming the positions of invalid geometries: repair them first.
        """
        shapes = checked_geometries(lines, LINES)
        is_bridge = np.zeros(len(shapes), dtype=bool) if bridges is None else np.asarray(bridges)
        if is_bridge.shape != shapes.shape or is_bridge.dtype != bool:
            raise ValueError("bridges must be one bool for each line")
        if not 0 <= join_m < np.inf:
            raise ValueError(f"join_m must not be negative, not {join_m}")
        if longest_m is not None:
            if not 0 < longest_m < np.inf:
                raise ValueError(f"longest_m must be positive, not {longest_m}")
            shapes = shapely.segmentize(shapes, longest_m)
        barred = _barrier_polygons(barriers)
        pieces = Pieces.of(shapes, is_bridge)
        if crossings:
            pieces = pieces.split_at_crossings(MERGE_M)
        if join_m > 0:
            pieces = pieces.linked(join_m, MERGE_M)
        return cls._of(pieces.cut(barred), barred)

    @classmethod
    def _of(cls, pieces: Pieces, barriers: Geometries) -> Network:
        xy, ends = pieces.nodes(MERGE_M)
        ends.sort(axis=1)
        keep = ends[:, 0] != ends[:, 1]
        # Of pieces that lie on each other, the lowest line stays.
        order = np.lexsort((pieces.line[keep], ends[keep, 1], ends[keep, 0]))
        ends, line = ends[keep][order], pieces.line[keep][order]
        first = np.ones(len(ends), dtype=bool)
        first[1:] = (ends[1:] != ends[:-1]).any(axis=1)
        ends, line = ends[first].astype(np.int32), line[first].astype(np.int32)
        length = np.hypot(*(xy[ends[:, 1]] - xy[ends[:, 0]]).T)
        x, y = xy.T.copy()
        return cls(x, y, ends[:, 0].copy(), ends[:, 1].copy(), line, length, length, barriers)

    def with_slope(self, elevation_m: npt.ArrayLike) -> Network:
        """The same network with costs in minutes, by Tobler's hiking function.

        elevation_m: (nodes,) height of each node; NaN where unknown: its edges count as level.
        Slopes beyond MAX_SLOPE count as that.
        Speed in km/h is 6 exp(-3.5 |slope + 0.05|) over the horizontal length, up and down each
        its own (Tobler 1993, Three presentations on geographical analysis and modeling).
        """
        height = np.asarray(elevation_m, dtype=np.float64)
        if height.shape != self.x.shape:
            raise ValueError(f"elevation_m must be of shape {self.x.shape}, not {height.shape}")
        slope = np.nan_to_num((height[self.end] - height[self.start]) / self.length_m)
        slope = np.clip(slope, -MAX_SLOPE, MAX_SLOPE)
        forward, backward = (self.length_m / _tobler_m_per_min(s) for s in (slope, -slope))
        per_m = 1 / float(_tobler_m_per_min(np.zeros(1))[0])
        return replace(self, forward=forward, backward=backward, unit="min", per_m=per_m)

    def level(self) -> Network:
        """The same network with costs in metres of level walking that take as long."""
        forward, backward = self.forward / self.per_m, self.backward / self.per_m
        return replace(self, forward=forward, backward=backward, unit="m", per_m=1.0)

    @cached_property
    def length_m(self) -> Floats:
        """(edges,) horizontal length."""
        dx, dy = self.x[self.end] - self.x[self.start], self.y[self.end] - self.y[self.start]
        return np.asarray(np.hypot(dx, dy))

    @cached_property
    def segments(self) -> Geometries:
        """(edges,) LineStrings from start to end."""
        xy = np.column_stack([self.x, self.y])
        return np.asarray(shapely.linestrings(np.stack([xy[self.start], xy[self.end]], axis=1)))

    @cached_property
    def tree(self) -> shapely.STRtree:
        """Finds edges by place."""
        return shapely.STRtree(self.segments)

    @cached_property
    def barrier_tree(self) -> shapely.STRtree:
        """Finds barriers by place."""
        return shapely.STRtree(self.barriers)

    @cached_property
    def outward(self) -> scipy.sparse.csr_array:
        """(nodes, nodes) matrix: the cost from the row's node to the column's."""
        return self._matrix(self.forward, self.backward)

    @cached_property
    def inward(self) -> scipy.sparse.csr_array:
        """(nodes, nodes) matrix: the cost to the row's node from the column's."""
        return self._matrix(self.backward, self.forward)

    def _matrix(self, there: Floats, back: Floats) -> scipy.sparse.csr_array:
        n = len(self.x)
        row, column = np.r_[self.start, self.end], np.r_[self.end, self.start]
        cost = np.r_[there, back]
        return scipy.sparse.csr_array((cost, (row, column)), shape=(n, n), dtype=np.float64)

    @cached_property
    def component(self) -> npt.NDArray[np.int32]:
        """(nodes,) connected part that each node belongs to; 0 has most nodes, then 1, …"""
        number, label = connected_components(self.outward, directed=False)
        size = np.bincount(label, minlength=number)
        rank = np.empty(number, dtype=np.int32)
        rank[np.argsort(-size, kind="stable")] = np.arange(number)
        return np.asarray(rank[label])

    def enters_barrier(self, shapes: Geometries) -> npt.NDArray[np.bool_]:
        """Whether each line or point enters a barrier (to run along its edge is not to enter)."""
        found = np.zeros(len(shapes), dtype=bool)
        shape, barrier = self.barrier_tree.query(shapes, predicate="intersects")
        inside = ~shapely.touches(shapes[shape], self.barriers[barrier])
        found[shape[inside]] = True
        return found


def _tobler_m_per_min(slope: Floats) -> Floats:
    return np.asarray(6000 / 60 * np.exp(-3.5 * np.abs(slope + 0.05)))


def _barrier_polygons(barriers: GeometryList) -> Geometries:
    """Barriers as polygons, lines widened a little; empty ones left out."""
    given = checked_geometries(barriers, LINES + POLYGONS)
    solid = given[~shapely.is_empty(given)]
    is_line = np.isin(shapely.get_type_id(solid), LINES)
    return np.asarray(np.where(is_line, shapely.buffer(solid, BARRIER_LINE_M), solid))
