"""How far it is on foot (步行距离): places snapped to a walking network, and the cost between them.

A place (a home, an entrance of a facility) is snapped to the nearest point *on* an edge. To walk
from one place to another is to walk straight to the network (the leg), along it, and straight to
the other place. Every part is exact: also between two places on one edge.

Costs are in the network's unit: metres, or minutes after `Network.with_slope`. What cannot be
reached costs inf: an empty network, another component, no place within the snap limit. A facility
with several entrances is several places: see `Pairs.of_facilities`.
`straight_line` is for towns without a network, and is never used in its stead unasked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse
import shapely
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from geo.grid import NONE, Floats, Geometries, Integers, checked_points, expand
from geo.network import Network

CHUNK_CELLS = 4_000_000  # of a cost table at a time
ROUNDING = 1e-9  # share of a limit by which sums of lengths may pass it


@dataclass(frozen=True, eq=False)
class Places:
    """Points and where they were snapped to."""

    x: Floats  # (n,) the points themselves
    y: Floats
    edge: Integers  # (n,) NONE: not snapped
    along: Floats  # (n,) place on the edge as the share of its length from its start; NaN: none
    leg_m: Floats  # (n,) straight distance to that place; inf: none
    cut_off: npt.NDArray[np.bool_]  # not snapped though an edge is near: a barrier lies between

    @property
    def snapped(self) -> npt.NDArray[np.bool_]:
        """(n,) whether each point found its place on the network."""
        return np.asarray(self.edge != NONE)

    def __len__(self) -> int:
        return len(self.edge)

    def __getitem__(self, chosen: Integers | slice) -> Places:
        return Places(*(value[chosen] for value in vars(self).values()))


@dataclass(frozen=True, eq=False)
class Nearest:
    """The nearest facility of each place."""

    cost: Floats  # (n,) in the network's unit; inf: none within the limit
    facility: Integers  # (n,) its position; NONE


@dataclass(frozen=True, eq=False)
class Pairs:
    """All (origin, destination) within a limit, by origin, then destination."""

    origin: Integers  # (k,)
    destination: Integers  # (k,)
    cost: Floats  # (k,)
    shape: tuple[int, int]  # numbers of origins and destinations

    def dense(self) -> Floats:
        """(origins, destinations) table of costs; inf: beyond the limit."""
        table = np.full(self.shape, np.inf)
        table[self.origin, self.destination] = self.cost
        return table

    def of_facilities(self, facility: npt.ArrayLike, number: int) -> Pairs:
        """The same where destinations are entrances: of each facility, the one of least cost.

        facility: (destinations,) to which of the `number` facilities each entrance belongs.
        """
        owner = np.asarray(facility, dtype=np.intp)
        if owner.shape != self.shape[1:] or not ((owner >= 0) & (owner < number)).all():
            raise ValueError("facility must be one position below number for each destination")
        to = owner[self.destination]
        order = np.lexsort((self.cost, to, self.origin))
        origin, to, cost = self.origin[order], to[order], self.cost[order]
        first = np.ones(len(cost), dtype=bool)
        first[1:] = (origin[1:] != origin[:-1]) | (to[1:] != to[:-1])
        return Pairs(origin[first], to[first], cost[first], (self.shape[0], number))


def snap(network: Network, x: npt.ArrayLike, y: npt.ArrayLike, limit_m: float) -> Places:
    """Snap points to the nearest place on an edge within limit_m that no barrier cuts them off from.

    Among equally near edges the one of the lowest number: the network's numbering depends on
    coordinates only. NaN coordinates are snapped to nothing.
    """
    xs, ys = checked_points(x, y)
    if not 0 < limit_m < np.inf:
        raise ValueError(f"limit_m must be positive, not {limit_m}")
    finite = np.isfinite(xs) & np.isfinite(ys)
    points = np.full(len(xs), None, dtype=object)
    points[finite] = shapely.points(xs[finite], ys[finite])
    edge = np.full(len(xs), NONE, dtype=np.intp)
    # All equally near edges come back, sorted here so that the lowest one is written last.
    point, near = network.tree.query_nearest(points, max_distance=limit_m, all_matches=True)
    order = np.lexsort((-near, point))
    edge[point[order]] = near[order]
    found = np.flatnonzero(edge != NONE)
    barred, _ = _legs(network, points[found], edge[found])
    blocked = found[barred]
    edge[blocked] = _nearest_unbarred(network, points[blocked], limit_m)
    cut_off = np.zeros(len(xs), dtype=bool)
    cut_off[blocked] = edge[blocked] == NONE
    return _places(network, xs, ys, edge, cut_off)


def _legs(
    network: Network, points: Geometries, edge: Integers
) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Whether a barrier bars the straight way from each point to its edge, and how long that is."""
    legs = shapely.shortest_line(points, network.segments[edge])
    leg_m = shapely.length(legs)
    return network.enters_barrier(legs) & (leg_m > 0), leg_m  # on a bridge one is not in the river


def _nearest_unbarred(network: Network, points: Geometries, limit_m: float) -> Integers:
    point, edge = network.tree.query(points, predicate="dwithin", distance=limit_m)
    barred, leg_m = _legs(network, points[point], edge)
    point, edge, leg_m = point[~barred], edge[~barred], leg_m[~barred]
    order = np.lexsort((-edge, -leg_m, point))  # the best one of each point is written last
    best = np.full(len(points), NONE, dtype=np.intp)
    best[point[order]] = edge[order]
    return best


def _places(
    network: Network, x: Floats, y: Floats, edge: Integers, cut_off: npt.NDArray[np.bool_]
) -> Places:
    on = np.flatnonzero(edge != NONE)
    start, end = network.start[edge[on]], network.end[edge[on]]
    ax, ay = network.x[start], network.y[start]
    dx, dy = network.x[end] - ax, network.y[end] - ay
    share = np.clip(((x[on] - ax) * dx + (y[on] - ay) * dy) / (dx * dx + dy * dy), 0, 1)
    along, leg_m = np.full(len(x), np.nan), np.full(len(x), np.inf)
    along[on] = share
    leg_m[on] = np.hypot(x[on] - (ax + share * dx), y[on] - (ay + share * dy))
    return Places(x, y, edge, along, leg_m, cut_off)


def component_of(network: Network, places: Places) -> Integers:
    """(n,) connected part of the network that each place is on, as `Network.component`; NONE."""
    part = np.full(len(places), NONE, dtype=np.intp)
    on = places.snapped
    part[on] = network.component[network.start[places.edge[on]]]
    return part


def nearest(
    network: Network, origins: Places, facilities: Places, limit: float = np.inf
) -> Nearest:
    """The facility that each origin reaches at least cost, walking from the origin to it.

    Where two cost the same, one of them: always the same one for the same input.
    """
    reach = _reach(limit)
    nodes = nearest_of_nodes(network, facilities, limit)
    ends, way = _to_ends(network, origins, leaving=True)
    cost, facility = np.full(len(origins), np.inf), np.full(len(origins), NONE, dtype=np.intp)
    if len(nodes.cost):
        totals = way + nodes.cost[ends]
        better = np.argmin(totals, axis=1)
        every = np.arange(len(origins))
        cost, facility = totals[every, better], nodes.facility[ends[every, better]]
    origin, other, direct = _on_one_edge(network, origins, facilities)
    order = np.lexsort((-other, -direct, origin))  # the best one of each origin is written last
    origin, other, direct = origin[order], other[order], direct[order]
    straight, of = np.full(len(origins), np.inf), np.full(len(origins), NONE, dtype=np.intp)
    straight[origin], of[origin] = direct, other
    cost, facility = np.minimum(cost, straight), np.where(straight < cost, of, facility)
    far = ~(cost <= reach)
    return Nearest(np.where(far, np.inf, cost), np.where(far, NONE, facility))


def nearest_of_nodes(network: Network, facilities: Places, limit: float = np.inf) -> Nearest:
    """The same for every node of the network: (nodes,) cost and facility."""
    n = len(network.x)
    reach = _reach(limit)
    if not len(facilities):
        return Nearest(np.full(n, np.inf), np.full(n, NONE, dtype=np.intp))
    graph = _with_sources(network, facilities, leaving=False)
    sources = np.arange(n, n + len(facilities))
    cost, _, source = dijkstra(
        graph, indices=sources, min_only=True, limit=reach, return_predecessors=True
    )
    cost = cost[:n]
    return Nearest(cost, np.where(np.isinf(cost), NONE, source[:n] - n))


def pairs(network: Network, origins: Places, destinations: Places, limit: float = np.inf) -> Pairs:
    """Every origin and destination within the limit and the cost of walking there."""
    shape = (len(origins), len(destinations))
    reach = _reach(limit)
    # One search for each place of the smaller side.
    from_destinations = shape[1] <= shape[0]
    sources, targets = (destinations, origins) if from_destinations else (origins, destinations)
    row, column, cost = [np.empty(0, np.intp)], [np.empty(0, np.intp)], [np.empty(0)]
    for begin, table in _tables(network, sources, targets, from_destinations, reach):
        r, c = np.nonzero(table <= reach)
        row.append(r + begin)
        column.append(c)
        cost.append(table[r, c])
    source, target, costs = np.concatenate(row), np.concatenate(column), np.concatenate(cost)
    origin, destination = (target, source) if from_destinations else (source, target)
    order = np.lexsort((destination, origin))
    return Pairs(origin[order], destination[order], costs[order], shape)


def _tables(
    network: Network, sources: Places, targets: Places, to_sources: bool, reach: float
) -> Iterator[tuple[int, Floats]]:
    """(first source, (some sources, targets) costs); to_sources: of walking to the sources."""
    ends, way = _to_ends(network, targets, leaving=to_sources)
    for begin, costs in node_costs(network, sources, to_sources, reach, at_least=len(targets)):
        table = np.minimum(costs[:, ends[:, 0]] + way[:, 0], costs[:, ends[:, 1]] + way[:, 1])
        some = sources[begin : begin + len(costs)]
        if to_sources:
            target, source, direct = _on_one_edge(network, targets, some)
        else:
            source, target, direct = _on_one_edge(network, some, targets)
        table[source, target] = np.minimum(table[source, target], direct)
        yield begin, table


def node_costs(
    network: Network, places: Places, to_places: bool, reach: float, at_least: int = 0
) -> Iterator[tuple[int, Floats]]:
    """(first place, (some places, at least nodes) costs between each node and each place).

    to_places: of walking to the places; else from them. at_least: width of the tables that the
    caller makes of each block, for blocks not to grow too large.
    """
    n = len(network.x)
    size = max(1, CHUNK_CELLS // max(n, at_least, 1))
    for begin in range(0, len(places), size):
        some = places[begin : begin + size]
        graph = _with_sources(network, some, leaving=not to_places)
        yield begin, dijkstra(graph, indices=np.arange(n, n + len(some)), limit=reach)


def _reach(limit: float) -> float:
    """The largest cost within the limit: never inf, which is the cost of what is out of reach."""
    if not limit >= 0:
        raise ValueError(f"limit must not be negative, not {limit}")
    return min(limit * (1 + ROUNDING), float(np.finfo(np.float64).max))


def _to_ends(
    network: Network, places: Places, leaving: bool
) -> tuple[npt.NDArray[np.int32], Floats]:
    """The nodes at both ends of each place's edge and the cost between place and node, (n, 2).

    leaving: from the place to the node; else to the place. The leg is included.
    """
    node, cost = np.zeros((len(places), 2), dtype=np.int32), np.full((len(places), 2), np.inf)
    on = np.flatnonzero(places.snapped)
    edge, along = places.edge[on], places.along[on]
    up, down = network.forward[edge], network.backward[edge]
    to_start, to_end = (down, up) if leaving else (up, down)
    leg = places.leg_m[on] * network.per_m
    node[on] = np.column_stack([network.start[edge], network.end[edge]])
    cost[on] = np.column_stack([leg + along * to_start, leg + (1 - along) * to_end])
    return node, cost


def _with_sources(network: Network, places: Places, leaving: bool) -> scipy.sparse.csr_array:
    """The network's matrix with a further row for each place, from it to its edge's ends.

    Rows are appended to the arrays, which is far quicker than building the matrix anew.
    """
    matrix = network.outward if leaving else network.inward
    node, cost = _to_ends(network, places, leaving)
    snapped = places.snapped
    size = len(network.x) + len(places)
    return scipy.sparse.csr_array(
        (
            np.concatenate([matrix.data, cost[snapped].ravel()]),
            np.concatenate([matrix.indices, node[snapped].ravel()]),
            np.concatenate(
                [matrix.indptr, matrix.indptr[-1] + 2 * np.cumsum(snapped, dtype=np.int32)]
            ),
        ),
        shape=(size, size),
    )


def _on_one_edge(
    network: Network, origins: Places, destinations: Places
) -> tuple[Integers, Integers, Floats]:
    """All (origin, destination) on one edge and the cost of walking straight along it."""
    order = np.argsort(destinations.edge, kind="stable")
    edges = destinations.edge[order]
    snapped = np.flatnonzero(origins.snapped)
    first = np.searchsorted(edges, origins.edge[snapped])
    count = np.searchsorted(edges, origins.edge[snapped], side="right") - first
    which, at = expand(first, count)
    origin, destination = snapped[which], order[at]
    edge = origins.edge[origin]
    step = destinations.along[destination] - origins.along[origin]
    along = np.where(step > 0, step * network.forward[edge], -step * network.backward[edge])
    leg = origins.leg_m[origin] + destinations.leg_m[destination]
    return origin, destination, along + leg * network.per_m


def straight_line(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    facility_x: npt.ArrayLike,
    facility_y: npt.ArrayLike,
    *,
    detour: float,
    limit_m: float = np.inf,
) -> Nearest:
    """The nearest facility as the crow flies, times a detour factor (绕行系数): an estimate.

    Only for places without a network; say so wherever the answer is shown. The factor has no
    default because it is an assumption: 1.2 to 1.4 is usual in street grids. limit_m is of the
    lengthened distance. NaN coordinates are far from everything.
    """
    if not 1 <= detour < np.inf:
        raise ValueError(f"detour must be 1 or more, not {detour}")
    xs, ys = checked_points(x, y)
    fx, fy = checked_points(facility_x, facility_y)
    cost, facility = np.full(len(xs), np.inf), np.full(len(xs), NONE, dtype=np.intp)
    asked = np.flatnonzero(np.isfinite(xs) & np.isfinite(ys))
    there = np.flatnonzero(np.isfinite(fx) & np.isfinite(fy))
    if len(there):
        tree = cKDTree(np.column_stack([fx[there], fy[there]]))
        distance, at = tree.query(np.column_stack([xs[asked], ys[asked]]))
        cost[asked], facility[asked] = distance * detour, there[at]
    far = ~(cost <= _reach(limit_m))
    return Nearest(np.where(far, np.inf, cost), np.where(far, NONE, facility))
