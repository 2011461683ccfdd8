"""Service areas hold exactly the places on the network from which the walk is within the limit."""

import numpy as np
import pytest
import shapely
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from geo.network import Network
from geo.service import service_areas, service_lines, together
from geo.walking import nearest, pairs, snap


def town(rng):
    """Crossing lanes, some of them bridges over others, some in a part of their own."""
    lines = [shapely.LineString(rng.uniform(0, 400, (3, 2))) for _ in range(7)]
    network = Network.build(lines, crossings=True, bridges=rng.random(7) < 0.3)
    if rng.random() < 0.5:
        network = network.with_slope(rng.uniform(0, 60, len(network.x)))
    return network


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32))
@example(seed=6358)  # a union of areas along the same ways lost a part of one
def test_areas_hold_exactly_what_is_within_reach(seed):
    rng = np.random.default_rng(seed)
    network = town(rng)
    facilities = snap(network, *rng.uniform(0, 400, (2, 4)), limit_m=30)
    assume(facilities.snapped.any())
    limit = float(rng.uniform(0, 400) * network.per_m)
    edge, share = rng.integers(0, len(network.start), 300), rng.random(300)
    spot = shapely.line_interpolate_point(network.segments[edge], share, normalized=True)
    places = snap(network, shapely.get_x(spot), shapely.get_y(spot), limit_m=1)
    cost = pairs(network, places, facilities).dense()
    clear = np.abs(cost - limit) > 1e-6 * limit  # of rounding at the very end

    lines = service_lines(network, facilities, limit)
    on = shapely.distance(spot[:, None], lines[None]) < 1e-7
    np.testing.assert_array_equal(on[clear], (cost <= limit)[clear])
    for line in lines:  # no part twice
        assert shapely.length(line) == pytest.approx(shapely.length(shapely.union_all([line])))

    buffer_m = 5.0
    areas = service_areas(network, facilities, limit, buffer_m)
    assert shapely.is_valid(areas).all()
    held = shapely.covers(areas[None], spot[:, None])
    assert held[clear & (cost <= limit)].all()
    # What else they hold is beside a reachable lane, no further off than the buffer.
    assert (shapely.distance(spot[:, None], lines[None])[held] <= buffer_m + 1e-6).all()
    whole = together(areas)
    answer = nearest(network, places, facilities, limit * (1 - 1e-6))
    assert shapely.covers(whole, spot[np.isfinite(answer.cost)]).all()


def test_areas_follow_the_network_and_stop_at_the_exact_place():
    street = shapely.LineString([(0, 0), (1000, 0)])
    side = shapely.LineString([(100, 0), (100, 500)])
    network = Network.build([street, side], crossings=True)
    market = snap(network, [40], [20], limit_m=30)
    lines = service_lines(network, market, 100)
    # 20 m to the street, then 80 m: to both sides, and 20 m up the side street.
    expected = shapely.MultiLineString(
        [[(0, 0), (120, 0)], [(100, 0), (100, 20)], [(40, 0), (40, 20)]]
    )
    assert shapely.length(lines[0]) == pytest.approx(160)
    assert lines[0].hausdorff_distance(expected) < 1e-9
    area = service_areas(network, market, 100, buffer_m=10)[0]
    assert area.covers(shapely.Point(129, 0))
    assert not area.intersects(shapely.Point(131, 0))
    assert not area.intersects(shapely.Point(60, 40))  # as the crow flies only 28 m away
    assert service_areas(network, market, 19, buffer_m=10)[0].is_empty  # its leg is 20 m
    assert service_lines(network, market, 20)[0].length == pytest.approx(20)


def test_areas_stay_on_this_side_of_a_barrier():
    here = shapely.LineString([(0, 0), (200, 0)])
    there = shapely.LineString([(0, 30), (200, 30)])
    river = shapely.box(-100, 12, 300, 18)
    network = Network.build([here, there], barriers=[river])
    market = snap(network, [100], [0], limit_m=30)
    area = service_areas(network, market, 50, buffer_m=25)[0]
    assert area.bounds[3] == 12
    bridge = shapely.LineString([(100, 0), (100, 30)])
    joined = Network.build(
        [here, there, bridge], crossings=True, barriers=[river], bridges=[False, False, True]
    )
    area = service_areas(joined, snap(joined, [100], [0], limit_m=30), 50, buffer_m=25)[0]
    assert area.bounds[3] == pytest.approx(55)
    assert shapely.area(shapely.intersection(area, river)) == pytest.approx(0)


def test_nothing_is_reached_from_nowhere():
    network = Network.build([shapely.LineString([(0, 0), (9, 0)])])
    for places in (snap(network, [99.0], [99.0], 1), snap(Network.build([]), [0.0], [0.0], 1)):
        assert service_areas(network, places, 500)[0].is_empty
        assert service_lines(network, places, 500)[0].is_empty
    none = snap(network, [], [], 1)
    assert len(service_areas(network, none, 500)) == 0
    with pytest.raises(ValueError, match="limit"):
        service_lines(network, none, np.inf)
    with pytest.raises(ValueError, match="buffer_m"):
        service_areas(network, none, 500, buffer_m=0)
