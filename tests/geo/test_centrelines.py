"""Centre lines of strips: where they run, that they meet, and how far walking is along them."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.centrelines import centre_lines
from geo.network import Network
from geo.walking import pairs, snap


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**32), width=st.sampled_from([1.5, 4.0, 12.0]))
def test_walking_along_centre_lines_is_nearly_as_far_as_along_the_lanes(seed, width):
    rng = np.random.default_rng(seed)
    place = np.stack(np.meshgrid(np.arange(4), np.arange(4)), axis=2) * 100.0
    place += rng.uniform(-20, 20, place.shape)
    steps = [*place[:, :-1].reshape(-1, 2), *place[:-1].reshape(-1, 2)]
    ends = [*place[:, 1:].reshape(-1, 2), *place[1:].reshape(-1, 2)]
    lanes = np.array([shapely.LineString(e) for e in zip(steps, ends, strict=True)], dtype=object)
    lanes = lanes[rng.random(len(lanes)) < 0.9]
    middle = centre_lines(shapely.buffer(lanes, width / 2, cap_style="flat"))
    truth = shapely.union_all(lanes)
    assert shapely.distance(shapely.points(shapely.get_coordinates(middle)), truth).max() < width
    spot = shapely.line_interpolate_point(lanes, 0.5, normalized=True)
    x, y = shapely.get_x(spot), shapely.get_y(spot)
    tables = []
    for lines in (lanes, middle):
        network = Network.build(lines)
        places = snap(network, x, y, limit_m=width)
        assert places.snapped.all()
        tables.append(pairs(network, places, places).dense())
    exact, found = tables
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(exact))
    there = np.isfinite(exact) & (exact > 0)
    # Half a width at each end of the way, and less at each of the crossings it passes.
    assert (np.abs(found[there] - exact[there]) <= width * (1 + exact[there] / 100)).all()


def test_a_strip_alone_and_strips_that_nearly_touch():
    line = centre_lines([shapely.box(0, 0, 200, 6)])
    assert len(line) == 1
    assert line[0].hausdorff_distance(shapely.LineString([(3, 3), (197, 3)])) < 0.2
    gap = [shapely.box(0, 0, 100, 6), shapely.box(100.5, 0, 200, 6)]
    assert len(centre_lines(gap)) == 1
    assert len(centre_lines(gap, close_m=0)) == 2


def test_a_ring_and_nothing():
    ring = shapely.Point(0, 0).buffer(50).difference(shapely.Point(0, 0).buffer(46))
    around = shapely.union_all(centre_lines([ring]))
    assert around.length == pytest.approx(2 * np.pi * 48, rel=0.02)
    for strips in ([], [None], [shapely.Polygon()]):
        assert len(centre_lines(strips)) == 0
    assert len(centre_lines([shapely.box(0, 0, 1e-3, 1e-3)], close_m=0)) <= 1
    with pytest.raises(ValueError, match="close_m"):
        centre_lines([ring], close_m=-1)
    with pytest.raises(ValueError, match="invalid"):
        centre_lines([shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])])
