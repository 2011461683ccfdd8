"""Straight pieces of lines: split where they cross, linked where they stop short, cut at barriers.

The workshop of `geo.network`: each step takes Pieces and gives new ones.
Coordinates are metres in a projected system.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse
import shapely
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from geo.grid import Floats, Geometries, Integers

LINK = -1  # instead of a line's position: a link that was put in


@dataclass(frozen=True, eq=False)
class Pieces:
    """Straight pieces from a to b, each of one line."""

    a: Floats  # (k, 2)
    b: Floats  # (k, 2)
    line: Integers  # (k,) position of the line, or LINK
    bridge: npt.NDArray[np.bool_]  # (k,)
    a_tip: npt.NDArray[np.bool_]  # (k,) whether a is an end of its line
    b_tip: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, lines: Geometries, bridge: npt.NDArray[np.bool_]) -> Pieces:
        """The pieces of (n,) lines."""
        parts, line = shapely.get_parts(lines, return_index=True)
        xy, part = shapely.get_coordinates(parts, return_index=True)
        same = part[1:] == part[:-1]
        first, last = np.ones(len(xy), dtype=bool), np.ones(len(xy), dtype=bool)
        first[1:], last[:-1] = ~same, ~same
        at = np.flatnonzero(same)
        owner = line[part[at]]
        return cls(xy[at], xy[at + 1], owner, bridge[owner], first[at], last[at + 1])

    @property
    def segments(self) -> Geometries:
        """(k,) LineStrings."""
        return np.asarray(shapely.linestrings(np.stack([self.a, self.b], axis=1)), dtype=object)

    def nodes(self, merge_m: float) -> tuple[Floats, Integers]:
        """Places where pieces end, (n, 2), and the node of each a and b, (k, 2).

        Ends that are within merge_m of each other, or joined by a chain of such, are one node: at
        the place of lowest x, then y. Nodes ascend by x, then y.
        """
        # As complex numbers, which numpy sorts by x, then y.
        ends = np.concatenate([self.a, self.b]).view(np.complex128).ravel()
        places, node = np.unique(ends, return_inverse=True)
        xy: Floats = places.view(np.float64).reshape(-1, 2)
        near = cKDTree(xy).query_pairs(merge_m, output_type="ndarray") if len(xy) else np.empty(0)
        if len(near):
            ones = np.ones(len(near), dtype=bool)
            close = scipy.sparse.coo_array((ones, near.T), shape=(len(xy), len(xy)))
            group = connected_components(close, directed=False)[1]
            _, first, group = np.unique(group, return_index=True, return_inverse=True)
            rank = np.argsort(np.argsort(first))
            xy, node = xy[np.sort(first)], rank[group[node]]
        return xy, node.reshape(2, -1).T.copy()

    def split(self, piece: Integers, xy: Floats) -> Pieces:
        """Divide pieces at places (m, 2) that lie on them."""
        k = np.arange(len(self.a))
        along = self.b[piece] - self.a[piece]
        with np.errstate(invalid="ignore", divide="ignore"):
            share = ((xy - self.a[piece]) * along).sum(axis=1) / (along**2).sum(axis=1)
        inner = (share > 0) & (share < 1)
        owner = np.concatenate([k, piece[inner], k])
        at = np.concatenate([np.zeros(len(k)), share[inner], np.ones(len(k))])
        order = np.lexsort((at, owner))
        owner = owner[order]
        place = np.concatenate([self.a, xy[inner], self.b])[order]
        a_tip = np.concatenate([self.a_tip, np.zeros(inner.sum(), bool), k < 0])[order]
        b_tip = np.concatenate([k < 0, np.zeros(inner.sum(), bool), self.b_tip])[order]
        i = np.flatnonzero(owner[1:] == owner[:-1])
        of = owner[i]
        return Pieces(
            place[i], place[i + 1], self.line[of], self.bridge[of], a_tip[i], b_tip[i + 1]
        )

    def split_at_crossings(self, merge_m: float) -> Pieces:
        """Divide pieces wherever they meet others; a bridge meets others at its ends only."""
        segments = self.segments
        i, j = shapely.STRtree(segments).query(segments, predicate="intersects")
        i, j = i[i < j], j[i < j]
        # Where pieces lie on each other, both are divided at the ends of what they share.
        xy, pair = shapely.get_coordinates(
            shapely.intersection(segments[i], segments[j]), return_index=True
        )
        i, j = i[pair], j[pair]
        joins = (~self.bridge[i] & ~self.bridge[j]) | self._at_tip(i, xy, merge_m)
        joins |= self._at_tip(j, xy, merge_m)
        return self.split(np.concatenate([i[joins], j[joins]]), np.tile(xy[joins], (2, 1)))

    def _at_tip(self, piece: Integers, xy: Floats, merge_m: float) -> npt.NDArray[np.bool_]:
        """Whether each place is an end of the line of a bridge's piece."""
        at_a = self.a_tip[piece] & (np.hypot(*(xy - self.a[piece]).T) < merge_m)
        at_b = self.b_tip[piece] & (np.hypot(*(xy - self.b[piece]).T) < merge_m)
        return np.asarray(self.bridge[piece] & (at_a | at_b))

    def linked(self, join_m: float, merge_m: float) -> Pieces:
        """Link each dead end to the nearest place of another line within join_m."""
        place, node = self.nodes(merge_m)
        dead = np.flatnonzero(np.bincount(node.ravel(), minlength=len(place)) == 1)
        line_of_node = np.empty(len(place), dtype=np.intp)
        line_of_node[node] = self.line[:, None]
        segments, ends = self.segments, shapely.points(place[dead])
        which, piece = shapely.STRtree(segments).query(ends, predicate="dwithin", distance=join_m)
        leg = shapely.shortest_line(ends[which], segments[piece])
        target = shapely.get_coordinates(leg).reshape(-1, 2, 2)[:, 1]
        fit = self.line[piece] != line_of_node[dead[which]]
        fit &= ~self.bridge[piece] | self._at_tip(piece, target, merge_m)
        which, piece, leg, target = which[fit], piece[fit], leg[fit], target[fit]
        # The nearest one; among equals that of lowest x, then y, whatever the lines' order.
        order = np.lexsort((target[:, 1], target[:, 0], shapely.length(leg), which))
        _, first = np.unique(which[order], return_index=True)
        best = order[first]
        divided = self.split(piece[best], target[best])
        none = np.zeros(len(best), dtype=bool)
        links = Pieces(
            place[dead[which[best]]], target[best], np.full(len(best), LINK), none, none, none
        )
        return divided.plus(links)

    def cut(self, barriers: Geometries) -> Pieces:
        """Take away what lies inside barrier polygons, except of bridges."""
        if not len(barriers) or not len(self.a):
            return self
        segments = self.segments
        _, piece = shapely.STRtree(segments).query(barriers, predicate="intersects")
        piece = np.unique(piece)
        piece = piece[~self.bridge[piece]]
        barred = shapely.union_all(barriers)
        piece = piece[~shapely.touches(segments[piece], barred)]  # along the bank one may walk
        rest, owner = shapely.get_parts(
            shapely.difference(segments[piece], barred), return_index=True
        )
        solid = ~shapely.is_empty(rest)
        ends = shapely.get_coordinates(rest[solid]).reshape(-1, 2, 2)
        of, none = piece[owner[solid]], np.zeros(solid.sum(), dtype=bool)
        parts = Pieces(ends[:, 0], ends[:, 1], self.line[of], none, none, none)
        keep = np.ones(len(self.a), dtype=bool)
        keep[piece] = False
        return self.where(keep).plus(parts)

    def where(self, keep: npt.NDArray[np.bool_]) -> Pieces:
        """The pieces that are marked."""
        return Pieces(*(value[keep] for value in vars(self).values()))

    def plus(self, more: Pieces) -> Pieces:
        """These pieces and more."""
        both = zip(vars(self).values(), vars(more).values(), strict=True)
        return Pieces(*(np.concatenate(pair) for pair in both))
