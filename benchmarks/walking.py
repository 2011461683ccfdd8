"""The nearest facility of every node of a network of 500,000 edges, beside networkx in one run.

    python benchmarks/walking.py [nodes along a side]

A bent grid of streets of about 60 m and 500 facilities anywhere on them. Ours tells the cost and
the facility; networkx is asked for the same (multi_source_dijkstra, whose paths begin at the
facility) and for the cost alone (multi_source_dijkstra_path_length). Costs are compared.
"""

import gc
import sys
import time
from statistics import median
from typing import Any

import networkx as nx
import numpy as np
import shapely

from geo.network import Network
from geo.service import service_areas
from geo.walking import Places, nearest, nearest_of_nodes, snap

FACILITIES = 500
LIMITS_M = (500.0, float("inf"))
STREET_M = 60.0


def streets(side: int) -> Any:
    random = np.random.default_rng(5)
    corner = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=2) * STREET_M
    corner = corner + random.uniform(-0.3, 0.3, corner.shape) * STREET_M
    across = np.stack([corner[:, :-1], corner[:, 1:]], axis=2).reshape(-1, 2, 2)
    along = np.stack([corner[:-1], corner[1:]], axis=2).reshape(-1, 2, 2)
    return shapely.linestrings(np.concatenate([across, along]))


def graph_of(network: Network, facilities: Places) -> Any:
    """The network for networkx, with facility k as node -1 - k."""
    graph = nx.Graph()
    edges = (network.start.tolist(), network.end.tolist(), network.length_m.tolist())
    graph.add_weighted_edges_from(zip(*edges, strict=True))
    for k, (edge, along, leg) in enumerate(
        zip(facilities.edge, facilities.along, facilities.leg_m, strict=True)
    ):
        length = network.length_m[edge]
        graph.add_edge(-1 - k, int(network.start[edge]), weight=leg + along * length)
        graph.add_edge(-1 - k, int(network.end[edge]), weight=leg + (1 - along) * length)
    return graph


def taken(call: Any) -> tuple[float, Any]:
    gc.collect()
    start = time.perf_counter()
    answer = call()
    return time.perf_counter() - start, answer


def main() -> None:
    side = int(sys.argv[1]) if sys.argv[1:] else 501
    lines = streets(side)
    seconds, network = taken(lambda: Network.build(lines))
    print(f"{len(network.x):,} nodes, {len(network.start):,} edges; built in {seconds:.2f} s")
    random = np.random.default_rng(8)
    seconds, facilities = taken(
        lambda: snap(network, *random.uniform(0, side * STREET_M, (2, FACILITIES)), 100)
    )
    facilities = facilities[np.flatnonzero(facilities.snapped)]
    print(f"{len(facilities)} facilities snapped in {seconds:.2f} s, the edges' index included")
    seconds, graph = taken(lambda: graph_of(network, facilities))
    print(f"networkx built in {seconds:.2f} s")
    sources = [-1 - k for k in range(len(facilities))]
    seconds, _ = taken(lambda: nearest_of_nodes(network, facilities, 500))
    print(f"the first answer, which makes the matrix: {1000 * seconds:.0f} ms")

    for limit in LIMITS_M:
        ours = [taken(lambda m=limit: nearest_of_nodes(network, facilities, m)) for _ in range(9)]
        theirs = [
            taken(lambda m=limit: nx.multi_source_dijkstra(graph, sources, cutoff=m))
            for _ in (1, 2)
        ]
        lengths = [
            taken(lambda m=limit: nx.multi_source_dijkstra_path_length(graph, sources, cutoff=m))
            for _ in (1, 2)
        ]
        reached, paths = theirs[0][1]
        answer = ours[0][1]
        expected = [reached.get(node, np.inf) for node in range(len(network.x))]
        np.testing.assert_allclose(answer.cost, expected, rtol=0, atol=1e-6)
        whose = [-1 - paths[node][0] if node in paths else -1 for node in range(len(network.x))]
        assert np.mean(answer.facility == whose) > 0.999  # equally near ones may differ
        ours_s, theirs_s, lengths_s = (
            median(s for s, _ in runs) for runs in (ours, theirs, lengths)
        )
        share = np.isfinite(answer.cost).mean()
        print(
            f"limit {limit:g} m ({share:.0%} of nodes): {1000 * ours_s:.0f} ms; "
            f"networkx {theirs_s:.2f} s ({theirs_s / ours_s:.0f}x), "
            f"without the facility {lengths_s:.2f} s ({lengths_s / ours_s:.0f}x); costs equal"
        )

    x, y = random.uniform(0, side * STREET_M, (2, 100_000))
    seconds, homes = taken(lambda: snap(network, x, y, 100))
    print(f"100,000 homes: snapped in {seconds:.2f} s", end="; ")
    seconds, _ = taken(lambda: nearest(network, homes, facilities, 500))
    print(f"nearest facility of each {1000 * seconds:.0f} ms")
    seconds, _ = taken(lambda: service_areas(network, facilities[:50], 500))
    print(f"service areas of 50 facilities, 500 m: {seconds:.2f} s")


if __name__ == "__main__":
    main()
