"""Distances on foot against networkx, which is given every place as a node of its own."""

import os
from pathlib import Path

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

import geo.walking
from geo.network import Network
from geo.walking import component_of, nearest, nearest_of_nodes, pairs, snap, straight_line
from tests.geo.streets import WUDU, lattice

SHARED = Path(os.environ.get("CWMAP_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))


def tobler_min(a, b, height):
    """Minutes from a to b, two places of known height."""
    length = np.hypot(a[0] - b[0], a[1] - b[1])
    slope = (height[b] - height[a]) / length if length else 0.0
    return length / (100 * np.exp(-3.5 * abs(slope + 0.05)))


def oracle(lines, x, y, limit_m, height_of=None):
    """A networkx graph of the lines, cut at the places nearest to the points, and their legs.

    Point k is node k; it is missing where no line is within limit_m.
    height_of: function of (x, y) that is straight along every segment; costs are minutes then.
    """
    parts = shapely.get_parts(np.array(lines, dtype=object))
    ends = [pair for part in parts for pair in zip(part.coords[:-1], part.coords[1:], strict=True)]
    ends = [(a[:2], b[:2]) for a, b in ends if a != b]
    segments = np.array([shapely.LineString(pair) for pair in ends], dtype=object)
    points = shapely.points(x, y)
    segment = shapely.STRtree(segments).nearest(points)
    along = shapely.line_locate_point(segments[segment], points, normalized=True)
    place = shapely.line_interpolate_point(segments[segment], along, normalized=True)
    leg = shapely.distance(points, segments[segment])
    on = [[] for _ in ends]
    for k in np.flatnonzero(leg <= limit_m):
        on[segment[k]].append((along[k], k))
    graph = nx.DiGraph()

    def join(a, b, cost):
        for one, other, amount in ((a, b, cost[0]), (b, a, cost[1])):
            known = graph.get_edge_data(one, other, {"weight": np.inf})["weight"]
            graph.add_edge(one, other, weight=min(known, amount))

    for (a, b), stops in zip(ends, on, strict=True):
        length = np.hypot(a[0] - b[0], a[1] - b[1])
        cost = length, length
        if height_of is not None:
            height = {a: height_of(*a), b: height_of(*b)}
            cost = tobler_min(a, b, height), tobler_min(b, a, height)
        before, at = a, 0.0
        for share, k in [*sorted(stops), (1.0, None)]:
            stop = b if k is None else ("on", k)
            join(before, stop, ((share - at) * cost[0], (share - at) * cost[1]))
            before, at = stop, share
            if k is not None:
                beside = leg[k] * (1 if height_of is None else 1 / (100 * np.exp(-3.5 * 0.05)))
                join(stop, int(k), (beside, beside))
    return graph, np.column_stack([shapely.get_x(place), shapely.get_y(place)])


def table_of(graph, number):
    """(number, number) costs by networkx."""
    table = np.full((number, number), np.inf)
    for k in range(number):
        if k in graph:
            reached = nx.single_source_dijkstra_path_length(graph, k)
            there = [j for j in range(number) if j in reached]
            table[k, there] = [reached[j] for j in there]
    return table


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), hilly=st.booleans(), chunk=st.sampled_from([1, 4_000_000]))
def test_costs_are_those_of_networkx(seed, hilly, chunk):
    rng = np.random.default_rng(seed)
    lines = lattice(rng, 0.6)
    # Some points on vertices and on lines, several on one line, some too far away.
    free = WUDU + rng.uniform(-100, 500, (15, 2))
    some = lines[int(rng.integers(len(lines)))]
    on = shapely.get_coordinates(
        shapely.line_interpolate_point(some, [0, 0.2, 0.7], normalized=True)
    )
    x, y = np.concatenate([free, on]).T
    wave = rng.uniform(-0.3, 0.3, 2)
    height_of = (lambda x, y: (wave * (np.array([x, y]) - WUDU)).sum()) if hilly else None
    network = Network.build(lines)
    if hilly:
        network = network.with_slope(
            [height_of(*xy) for xy in zip(network.x, network.y, strict=True)]
        )
    places = snap(network, x, y, limit_m=60)
    graph, place = oracle(lines, x, y, 60, height_of)
    np.testing.assert_array_equal(places.snapped, [k in graph for k in range(len(x))])
    at = shapely.line_interpolate_point(
        network.segments[places.edge[places.snapped]], places.along[places.snapped], normalized=True
    )
    np.testing.assert_allclose(shapely.get_coordinates(at), place[places.snapped], atol=1e-6)

    expected = table_of(graph, len(x))
    np.fill_diagonal(expected, 2 * places.leg_m * network.per_m)  # to the lane and back
    geo.walking.CHUNK_CELLS, kept = chunk, geo.walking.CHUNK_CELLS
    try:
        table = pairs(network, places, places).dense()
        some = pairs(network, places[:7], places[7:])  # searched from the origins
    finally:
        geo.walking.CHUNK_CELLS = kept
    np.testing.assert_allclose(table, expected, atol=1e-6)
    np.testing.assert_allclose(some.dense(), expected[:7, 7:], atol=1e-6)

    limit = float(rng.uniform(0, 3 if hilly else 300))
    facilities = places[10:]
    answer = nearest(network, places, facilities, limit)
    best = expected[:, 10:].min(axis=1)
    np.testing.assert_allclose(answer.cost, np.where(best <= limit, best, np.inf), atol=1e-6)
    found = answer.facility >= 0
    np.testing.assert_array_equal(found, best <= limit)
    chosen = expected[np.flatnonzero(found), 10 + answer.facility[found]]
    np.testing.assert_allclose(chosen, best[found], atol=1e-6)
    within = pairs(network, places, facilities, limit)
    np.testing.assert_array_equal(within.dense() < np.inf, expected[:, 10:] <= limit)
    assert (np.diff(within.origin * 100 + within.destination) > 0).all()
    halls = rng.integers(0, 3, len(facilities))  # entrances of three facilities
    of_halls = within.of_facilities(halls, 3).dense()
    for hall in range(3):
        least = within.dense()[:, halls == hall].min(axis=1, initial=np.inf)
        np.testing.assert_array_equal(of_halls[:, hall], least)

    nodes = nearest_of_nodes(network, facilities, limit)
    back = graph.reverse()
    sources = [k for k in range(10, len(x)) if k in graph]
    reached = nx.multi_source_dijkstra_path_length(back, sources, limit) if sources else {}
    for cost, *xy in zip(nodes.cost, network.x, network.y, strict=True):
        assert cost == pytest.approx(reached.get(tuple(xy), np.inf), abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_order_of_lines_and_points_changes_no_distance(seed):
    rng = np.random.default_rng(seed)
    lines = lattice(rng, 0.6)
    x, y = (WUDU + rng.integers(0, 9, (12, 2)) * 50.0).T  # with equals among them
    first = Network.build(lines)
    one = pairs(first, snap(first, x, y, 80), snap(first, x, y, 80), 400).dense()
    turned = [lines[i].reverse() for i in rng.permutation(len(lines))]
    second, order = Network.build(turned), rng.permutation(len(x))
    places = snap(second, x[order], y[order], 80)
    other = pairs(second, places, places, 400).dense()
    np.testing.assert_allclose(other, one[np.ix_(order, order)], atol=1e-9)


def test_by_hand():
    street = shapely.LineString([(0, 0), (100, 0)])
    apart = shapely.LineString([(0, 500), (100, 500)])
    network = Network.build([street, apart])
    homes = snap(network, [10, 25, -5, 50, 50, np.nan], [0, 4, 0, 490, 250, 0], limit_m=20)
    assert homes.snapped.tolist() == [True, True, True, True, False, False]
    assert homes.leg_m.tolist() == [0, 4, 5, 10, np.inf, np.inf]
    market = snap(network, [50, 75], [3, 0], limit_m=20)
    answer = nearest(network, homes, market)
    assert answer.cost.round(9).tolist() == [43, 32, 58, np.inf, np.inf, np.inf]
    assert answer.facility.tolist() == [0, 0, 0, -1, -1, -1]
    at_limit = nearest(network, homes, market, limit=43)
    assert at_limit.cost.round(9).tolist() == [43, 32, np.inf, np.inf, np.inf, np.inf]
    assert not homes.cut_off.any()
    assert component_of(network, homes).tolist() == [0, 0, 0, 1, -1, -1]


def test_nobody_is_snapped_across_the_river():
    here = shapely.LineString([(0, 0), (100, 0)])
    there = shapely.LineString([(0, 40), (100, 40)])
    river = shapely.box(-1000, 30, 1000, 38)
    network = Network.build([here, there], barriers=[river])
    # Nearer to the far bank; in the river; with no road at all on this side within the limit.
    places = snap(network, [50, 50, 50], [28, 34, 28], limit_m=30)
    assert places.leg_m.tolist() == [28, np.inf, 28]
    assert places.cut_off.tolist() == [False, True, False]
    bridge = shapely.LineString([(50, 0), (50, 40)])
    joined = Network.build(
        [here, there, bridge], barriers=[river], bridges=[False, False, True], crossings=True
    )
    assert snap(joined, [50], [34], limit_m=30).leg_m.tolist() == [0]  # on the bridge
    near = snap(network, [50, 50], [28, -28], limit_m=20)
    assert near.snapped.tolist() == [False, False]
    assert near.cut_off.tolist() == [True, False]


def test_nothing_to_walk_on_and_nowhere_to_go():
    empty = Network.build([])
    homes = snap(empty, [1.0, 2.0], [1.0, 2.0], limit_m=1000)
    line = Network.build([shapely.LineString([(0, 0), (9, 0)])])
    on, off = snap(line, [1.0], [0.0], limit_m=1), snap(line, [1.0], [5.0], limit_m=1)
    none = on[:0]
    for network, origins, facilities in (
        (empty, homes, homes), (line, on, off), (line, off, on), (line, on, none), (line, none, on),
    ):  # fmt: skip
        answer = nearest(network, origins, facilities)
        assert np.isinf(answer.cost).all()
        assert (answer.facility == -1).all()
        assert len(answer.cost) == len(origins)
        assert not len(pairs(network, origins, facilities, 99).cost)
        assert pairs(network, origins, facilities).dense().shape == (len(origins), len(facilities))
    assert nearest(line, on, on).cost.tolist() == [0]
    assert np.isinf(nearest_of_nodes(line, none).cost).all()


def test_straight_line_is_the_distance_times_the_detour():
    rng = np.random.default_rng(1)
    x, y, fx, fy = rng.uniform(0, 1000, (4, 30))
    x[0], fy[1] = np.nan, np.inf
    answer = straight_line(x, y, fx, fy, detour=1.3, limit_m=200)
    distance = 1.3 * np.hypot(x[:, None] - fx, y[:, None] - fy)
    distance[~(distance <= 200)] = np.inf
    np.testing.assert_allclose(answer.cost, distance.min(axis=1))
    expected = np.where(np.isinf(answer.cost), -1, distance.argmin(axis=1))
    np.testing.assert_array_equal(answer.facility, expected)
    assert straight_line([0.0], [0.0], [], [], detour=1).cost.tolist() == [np.inf]
    with pytest.raises(ValueError, match="detour"):
        straight_line(x, y, fx, fy, detour=0.9)


def test_what_is_wrong_is_said():
    network = Network.build([shapely.LineString([(0, 0), (9, 0)])])
    for limit in (-1.0, np.nan):
        with pytest.raises(ValueError, match="limit_m"):
            snap(network, [0.0], [0.0], limit)
        with pytest.raises(ValueError, match="limit"):
            nearest(network, *[snap(network, [0.0], [0.0], 1)] * 2, limit)
    with pytest.raises(ValueError, match="one length"):
        snap(network, [0.0], [], 1)


def read(file, layer=None):
    if not (SHARED / file).exists():
        pytest.skip(f"{file} is not in {SHARED}")
    return gpd.read_file(SHARED / file, layer=layer)


@pytest.mark.parametrize(
    ("file", "crs"),
    [("small_net/helsinki_centre.osm.pbf", 3879), ("porto_alegre/poa_osm.pbf", 31982)],
)
def test_a_thousand_pairs_in_a_real_town(file, crs):
    ways = read(file, "lines")
    ways = ways[ways["highway"].notna()].to_crs(crs)
    network = Network.build(ways.geometry)
    rng = np.random.default_rng(6)
    west, south, east, north = ways.total_bounds
    x, y = rng.uniform(west, east, 1000), rng.uniform(south, north, 1000)
    places = snap(network, x, y, limit_m=150)
    graph, _ = oracle(ways.geometry.to_numpy(), x, y, 150)
    np.testing.assert_array_equal(places.snapped, [k in graph for k in range(len(x))])
    chosen = rng.choice(np.flatnonzero(places.snapped), 110, replace=False)
    origins, targets = chosen[:10], chosen[10:]
    table = pairs(network, places[origins], places[targets]).dense()
    expected = np.full(table.shape, np.inf)
    for row, k in enumerate(origins):
        reached = nx.single_source_dijkstra_path_length(graph, int(k))
        expected[row] = [reached.get(int(j), np.inf) for j in targets]
    assert np.isfinite(expected).mean() > 0.8
    np.testing.assert_allclose(table, expected, rtol=0, atol=1e-6)
    answer = nearest(network, places[origins], places[targets], 800)
    best = expected.min(axis=1)
    np.testing.assert_allclose(answer.cost, np.where(best <= 800, best, np.inf), atol=1e-6)


def test_snow_finds_the_pump_of_broad_street():
    deaths = read("small_net/snow_maps_SohoPeople.gpkg").to_crs(27700)
    pumps = read("small_net/snow_maps_SohoWater.gpkg").to_crs(27700)
    streets = read("small_net/snow_maps_Soho_Network.gpkg").to_crs(27700)
    # The streets were drawn by hand: many stop a hair before the next.
    assert Network.build(streets.geometry, crossings=True).component.max() > 10
    network = Network.build(streets.geometry, crossings=True, join_m=5)
    assert np.bincount(network.component)[0] > 0.9 * len(network.x)
    homes = snap(network, deaths.geometry.x, deaths.geometry.y, limit_m=50)
    wells = snap(network, pumps.geometry.x, pumps.geometry.y, limit_m=50)
    assert homes.snapped.all()
    answer = nearest(network, homes, wells)
    x, y = np.concatenate([[homes.x, homes.y], [wells.x, wells.y]], axis=1)
    graph, _ = oracle(network.segments, x, y, 50)
    sources = {len(deaths) + k for k in range(len(pumps))} & set(graph)
    reached = nx.multi_source_dijkstra_path_length(graph, sources)
    expected = [reached.get(k, np.inf) for k in range(len(deaths))]
    np.testing.assert_allclose(answer.cost, expected, atol=1e-6)
    victims = np.bincount(answer.facility, deaths["Count"], minlength=len(pumps))
    assert (
        victims.argmax() == pumps.geometry.distance(deaths.geometry.union_all().centroid).argmin()
    )
    assert victims.max() > victims.sum() / 2
