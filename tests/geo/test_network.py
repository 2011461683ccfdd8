"""How lines become a network: what joins, what does not, and what a barrier leaves."""

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial import KDTree

from geo.network import Network
from tests.geo.streets import WUDU, lattice


def scribble(rng, number, size=100.0):
    """Lines that cross each other and themselves anyhow."""
    corners = [WUDU + rng.uniform(0, size, (rng.integers(2, 6), 2)) for _ in range(number)]
    return [shapely.LineString(xy) for xy in corners]


def parts(network):
    return len(np.unique(network.component))


def nodes(network):
    return set(zip(network.x.tolist(), network.y.tolist(), strict=True))


def same(one, other):
    for name in ("x", "y", "start", "end", "forward", "backward"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=0, atol=1e-6)


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32), number=st.integers(1, 8))
def test_crossings_are_those_of_shapely(seed, number):
    lines = scribble(np.random.default_rng(seed), number)
    network = Network.build(lines, crossings=True)
    noded = shapely.union_all(np.array(lines, dtype=object))
    places = np.unique(shapely.get_coordinates(noded), axis=0)
    assume(not KDTree(places).query_pairs(0.02))  # such are one node here
    pieces = sum(len(line.coords) - 1 for line in shapely.get_parts(noded))
    assert len(network.start) == pieces
    assert network.length_m.sum() == pytest.approx(shapely.length(noded))
    np.testing.assert_allclose(np.column_stack([network.x, network.y]), places, atol=1e-6)
    assert (network.start < network.end).all()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32), crossings=st.booleans(), join=st.sampled_from([0.0, 20.0]),
    barred=st.booleans(),
)  # fmt: skip
def test_order_and_direction_of_lines_change_nothing(seed, crossings, join, barred):
    rng = np.random.default_rng(seed)
    lines = lattice(rng, 0.8) + scribble(rng, 3)
    barriers = [shapely.LineString(WUDU + rng.uniform(0, 400, (3, 2)))] if barred else []
    order = rng.permutation(len(lines))
    turned = [lines[i].reverse() if rng.random() < 0.5 else lines[i] for i in order]
    options = {"crossings": crossings, "join_m": join, "barriers": barriers}
    one, other = Network.build(lines, **options), Network.build(turned, **options)
    same(one, other)
    known = np.append(order, -1)  # the last is for links, which are of line -1
    plain = one.length_m > 0.05  # where three lines cross within a hair, two share the way
    np.testing.assert_array_equal(one.line[plain], known[other.line][plain])


def test_only_shared_vertices_join_unless_asked():
    road = shapely.LineString([(0, 0), (100, 0)])
    over = shapely.LineString([(50, -50), (50, 50)])
    beside = shapely.LineString([(100, 0), (100, 50)])  # shares a vertex with the road
    plain = Network.build([road, over, beside])
    assert (len(plain.x), len(plain.start), parts(plain)) == (5, 3, 2)
    assert plain.component[plain.x == 50].tolist() == [1, 1]  # the largest part is 0
    crossed = Network.build([road, over, beside], crossings=True)
    assert (len(crossed.x), len(crossed.start), parts(crossed)) == (6, 5, 1)
    assert sorted(crossed.line.tolist()) == [0, 0, 1, 1, 2]


def test_a_bridge_joins_at_its_ends_only():
    quay = shapely.LineString([(0, 10), (100, 10)])
    street = shapely.LineString([(0, 0), (100, 0)])
    bridge = shapely.LineString([(50, 0), (50, 40)])  # from the street, over the quay
    network = Network.build([quay, street, bridge], crossings=True, bridges=[False, False, True])
    assert (50, 0) in nodes(network)
    assert (50, 10) not in nodes(network)
    assert parts(network) == 2


def test_lines_on_each_other_are_one():
    lines = [[(0, 0), (100, 0)], [(50, 0), (150, 0)], [(150, 0), (50, 0)], [(100, 0), (0, 0)]]
    network = Network.build([shapely.LineString(xy) for xy in lines], crossings=True)
    assert network.length_m.tolist() == [50, 50, 50]
    assert network.line.tolist() == [0, 0, 1]  # the lowest of those that lie there


def test_ends_that_stop_short_are_linked():
    street = shapely.LineString([(0, 0), (100, 0)])
    short = shapely.LineString([(30, 1.5), (30, 50), (31, 60)])
    far = shapely.LineString([(60, 4), (60, 50)])
    network = Network.build([street, short, far], join_m=2)
    assert (30, 0) in nodes(network)
    assert parts(network) == 2
    link = np.flatnonzero(network.line == -1)
    assert network.length_m[link].tolist() == [1.5]
    assert parts(Network.build([street, short, far], join_m=4)) == 1
    touching = shapely.LineString([(40, 0), (40, 9)])  # ends on the street, without a vertex there
    assert parts(Network.build([street, touching])) == 2
    assert parts(Network.build([street, touching], join_m=0.5)) == 1


def test_a_link_never_reaches_a_bridge_from_below_nor_over_a_river():
    bridge = shapely.LineString([(50, -50), (50, 50)])
    below = shapely.LineString([(0, 0), (49, 0)])
    river = shapely.LineString([(49.5, -9), (49.5, 9)])
    assert parts(Network.build([bridge, below], join_m=3)) == 1
    assert parts(Network.build([bridge, below], join_m=3, bridges=[True, False])) == 2
    assert parts(Network.build([bridge, below], join_m=3, barriers=[river])) == 2
    landing = shapely.LineString([(0, -52), (100, -52)])
    assert parts(Network.build([bridge, landing], join_m=3, bridges=[True, False])) == 1


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), width=st.sampled_from([0.0, 5.0, 60.0]))
def test_barriers_leave_what_lies_outside(seed, width):
    rng = np.random.default_rng(seed)
    lines = lattice(rng, 0.8)
    bridges = rng.random(len(lines)) < 0.2
    line = shapely.LineString(WUDU + rng.uniform(-50, 450, (3, 2)))
    river = line.buffer(width) if width else line
    network = Network.build(lines, barriers=[river], bridges=bridges)
    barred = river if width else line.buffer(0.1)
    expected = sum(
        line.length if bridge else line.difference(barred).length
        for line, bridge in zip(lines, bridges, strict=True)
    )
    assert network.length_m.sum() == pytest.approx(expected, abs=0.02 * len(lines))
    cut = ~bridges[network.line]
    inside = shapely.intersection(network.segments[cut], river)
    assert shapely.length(inside).sum() < 1e-6
    if not width:
        assert not shapely.intersects(network.segments[cut], river).any()


def test_one_may_walk_along_the_bank():
    bank = shapely.LineString([(0, 10), (100, 10)])
    network = Network.build([bank], barriers=[shapely.box(0, 0, 100, 10)])
    assert network.length_m.tolist() == [100]


def test_slope_follows_tobler():
    line = shapely.LineString([(0, 0), (300, 0), (300, 100)])
    level = Network.build([line], longest_m=100)
    assert level.length_m.tolist() == [100, 100, 100, 100]
    height = np.where(level.y > 0, 110.0, level.x * 0.2 + 50)  # up by 20 %, then level
    steep = level.with_slope(height)
    assert steep.unit == "min"
    up, down = 0.1 / (6 / 60 * np.exp(-3.5 * 0.25)), 0.1 / (6 / 60 * np.exp(-3.5 * 0.15))
    flat = 0.1 / (6 / 60 * np.exp(-3.5 * 0.05))
    np.testing.assert_allclose(steep.forward, [up, up, up, flat])
    np.testing.assert_allclose(steep.backward, [down, down, down, flat])
    assert steep.per_m == pytest.approx(flat / 100)
    assert level.forward.tolist() == [100] * 4  # the network itself stays
    cliff = level.with_slope(np.where(level.y > 0, 1e6, 0.0))
    assert cliff.forward[-1] == pytest.approx(0.1 / (6 / 60 * np.exp(-3.5 * 1.05)))
    unknown = level.with_slope(np.full(len(level.x), np.nan))
    np.testing.assert_allclose(unknown.forward, flat)


def test_empty_and_hostile_input():
    for lines in ([], [None], [shapely.LineString()], [None, shapely.MultiLineString()]):
        for options in (
            {},
            {"crossings": True, "join_m": 5.0, "barriers": [shapely.box(0, 0, 1, 1)]},
        ):
            network = Network.build(lines, **options)
            assert len(network.x) == len(network.start) == len(network.component) == 0
    line = shapely.LineString([(0, 0), (1, 0)])
    assert len(Network.build([line], barriers=[shapely.box(-1, -1, 2, 1)]).start) == 0
    many = shapely.MultiLineString([[(0, 0, 7), (1, 0, 7)], [(5, 0, 7), (6, 0, 7)]])
    assert Network.build([many]).line.tolist() == [0, 0]
    with pytest.raises(ValueError, match="positions 1"):
        Network.build([line, shapely.Point(0, 0)])
    with np.errstate(over="ignore"):
        endless = shapely.from_wkt("LINESTRING (0 0, 1e999 1)")
    with pytest.raises(ValueError, match="positions 0"):
        Network.build([endless])
    with pytest.raises(ValueError, match="bridges"):
        Network.build([line], bridges=[True, False])
    with pytest.raises(ValueError, match="join_m"):
        Network.build([line], join_m=-1)
    with pytest.raises(ValueError, match="longest_m"):
        Network.build([line], longest_m=0)
    with pytest.raises(ValueError, match="elevation_m"):
        Network.build([line]).with_slope([1.0])
