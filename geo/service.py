"""Service areas (服务范围) that follow the network: what lies within a walk of each facility.

The reachable parts of edges, cut at the exact cost, widened by a buffer to either side. A service
area is for looking at: it holds places up to buffer_m beside a reachable lane, and reaches up to
buffer_m past its ends. Count people by `geo.walking.nearest`, which knows their own legs.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import shapely

from geo.grid import Floats, Geometries, Integers
from geo.network import Network
from geo.walking import ROUNDING, Places, node_costs

BUFFER_M = 25.0
_GRID_M = 1e-4


def service_lines(network: Network, facilities: Places, limit: float) -> Geometries:
    """(n,) MultiLineStrings: from where one reaches each facility within the limit.

    limit: in the network's unit, the facility's own leg included. Empty: not snapped, or its leg
    alone is longer than the limit.
    """
    if not 0 <= limit < np.inf:
        raise ValueError(f"limit must be finite and not negative, not {limit}")
    lines = np.empty(len(facilities), dtype=object)
    reach = limit * (1 + ROUNDING)
    for begin, costs in node_costs(network, facilities, to_places=True, reach=reach):
        for row, cost in enumerate(costs):
            place = facilities[begin + row : begin + row + 1]
            lines[begin + row] = _reachable(network, place, cost[: len(network.x)], limit)
    return lines


def service_areas(
    network: Network, facilities: Places, limit: float, buffer_m: float = BUFFER_M
) -> Geometries:
    """(n,) Polygons or MultiPolygons: the service lines, widened by buffer_m to either side.

    Nothing inside a barrier, nor beyond one where no reachable line lies. All facilities
    together: `together` of these.
    """
    if not 0 < buffer_m < np.inf:
        raise ValueError(f"buffer_m must be positive, not {buffer_m}")
    lines = service_lines(network, facilities, limit)
    # Widened one by one and then united: GEOS is twenty times as fast as with all at once.
    parts, owner = shapely.get_parts(shapely.line_merge(lines), return_index=True)
    strips = shapely.buffer(parts, buffer_m)
    bounds = np.searchsorted(owner, np.arange(len(lines) + 1))
    areas = np.empty(len(lines), dtype=object)
    areas[:] = [together(strips[a:b]) for a, b in pairwise(bounds)]
    area, barrier = network.barrier_tree.query(areas, predicate="intersects")
    for at in np.unique(area):
        areas[at] = _this_side(areas[at], lines[at], network.barriers[barrier[area == at]])
    return areas


def together(areas: Geometries) -> shapely.Geometry:
    """The union of areas along the same ways, exact to a tenth of a millimetre.

    Their edges run all but into each other, and there GEOS 3.14 loses whole parts where it is left
    to choose its own precision.
    """
    return shapely.union_all(areas, grid_size=_GRID_M)


def _this_side(
    area: shapely.Geometry, lines: shapely.Geometry, barriers: Geometries
) -> shapely.Geometry:
    parts = shapely.get_parts(shapely.difference(area, shapely.union_all(barriers)))
    return together(parts[shapely.intersects(parts, lines)])


def _reachable(
    network: Network, facility: Places, cost: Floats, limit: float
) -> shapely.MultiLineString:
    """The parts of edges from which the cost of walking to one facility is within the limit."""
    if not facility.snapped[0]:
        return shapely.MultiLineString()
    edge, begin, end = _by_ends(network, limit - cost)
    spare = limit - facility.leg_m[0] * network.per_m
    leg = []
    if spare >= 0:
        # On its own edge one also walks straight to it: a part that may overlap the others.
        own, along = int(facility.edge[0]), float(facility.along[0])
        own_begin = max(0.0, along - spare / network.forward[own])
        own_end = min(1.0, along + spare / network.backward[own])
        there = edge == own
        merged = _merged(np.append(begin[there], own_begin), np.append(end[there], own_end))
        edge = np.concatenate([edge[~there], np.full(len(merged[0]), own)])
        begin = np.concatenate([begin[~there], merged[0]])
        end = np.concatenate([end[~there], merged[1]])
        leg = _leg(network, facility)
    some = end > begin
    return shapely.MultiLineString([*_cut(network, edge[some], begin[some], end[some]), *leg])


def _by_ends(network: Network, left: Floats) -> tuple[Integers, Floats, Floats]:
    """Ranges of edges (shares from, to) from which one gets to either end with enough left there.

    left: (nodes,) what may be spent before each node; -inf where it is not reached.
    """
    edge = np.flatnonzero((left[network.start] > 0) | (left[network.end] > 0))
    # From the share t of an edge it costs t * backward to its start, (1 - t) * forward to its end.
    by_start = np.clip(left[network.start[edge]] / network.backward[edge], 0, 1)
    by_end = 1 - np.clip(left[network.end[edge]] / network.forward[edge], 0, 1)
    whole = by_start >= by_end
    apart = edge[~whole]
    return (
        np.concatenate([edge, apart]),
        np.concatenate([np.zeros(len(edge)), by_end[~whole]]),
        np.concatenate([np.where(whole, 1.0, by_start), np.ones(len(apart))]),
    )


def _leg(network: Network, facility: Places) -> list[shapely.LineString]:
    """The way from one facility to its place on the network; empty if it lies on it."""
    if facility.leg_m[0] == 0:
        return []
    segment = network.segments[facility.edge[0]]
    at = shapely.line_interpolate_point(segment, facility.along[0], normalized=True)
    return [shapely.LineString([(facility.x[0], facility.y[0]), at])]


def _merged(begin: Floats, end: Floats) -> tuple[Floats, Floats]:
    """The union of ranges, as ranges that are apart."""
    order = np.argsort(begin)
    begin, end = begin[order], np.maximum.accumulate(end[order])
    first = np.flatnonzero(np.append(True, begin[1:] > end[:-1]))
    return begin[first], np.maximum.reduceat(end, first)


def _cut(network: Network, edge: Integers, begin: Floats, end: Floats) -> Geometries:
    """The parts of edges between two shares of their length."""
    ax, ay = network.x[network.start[edge]], network.y[network.start[edge]]
    dx, dy = network.x[network.end[edge]] - ax, network.y[network.end[edge]] - ay
    share = np.stack([begin, end], axis=1)
    xy = np.stack([ax[:, None] + share * dx[:, None], ay[:, None] + share * dy[:, None]], axis=2)
    return np.asarray(shapely.linestrings(xy), dtype=object)
