"""NearestIndex against shapely's distance to every polygon."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

import geo.nearest
from geo.nearest import MAX_CELLS, NearestIndex

WUDU = np.array([492_000.0, 3_694_000.0])  # where the town lies in its projected system


def lane(rng, size, corner):
    """A bent strip with round or pointed corners, some with a yard (a hole) in the middle."""
    steps = rng.normal(0, size / 10, (rng.integers(2, 5), 2))
    line = shapely.LineString(corner + rng.uniform(0, size, 2) + np.cumsum(steps, axis=0))
    strip = line.buffer(size * rng.uniform(0.001, 0.05), quad_segs=int(rng.integers(1, 9)))
    return strip.difference(strip.centroid.buffer(size / 60)) if rng.random() < 0.3 else strip


def nearest_of_all(polygons, x, y, max_m):
    """The oracle: distance to every polygon, the lowest position among the nearest."""
    distance = np.full((len(x), len(polygons) + 1), np.inf)
    for i, polygon in enumerate(polygons):
        found = shapely.distance(polygon, shapely.points(x, y))
        distance[:, i] = np.where(np.isnan(found), np.inf, found)
    distance[distance > max_m] = np.inf
    smallest = distance.min(axis=1)
    none = np.isinf(smallest)
    return np.where(none, -1, distance.argmin(axis=1)), np.where(none, np.nan, smallest)


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    size=st.sampled_from([1.0, 300.0, 4000.0]),
    corner=st.sampled_from([(0.0, 0.0), tuple(WUDU)]),
    number=st.integers(0, 12),
    reach=st.sampled_from([0.0, 0.02, 0.2, 3.0]),
    cell=st.sampled_from([0.05, 0.2, 10.0]),
)
def test_nearest_is_that_of_all_distances(seed, size, corner, number, reach, cell):
    rng = np.random.default_rng(seed)
    polygons = [lane(rng, size, np.array(corner)) for _ in range(number)]
    polygons += [None, shapely.Polygon(), *polygons[:1]]  # the last: always as near as the first
    index = NearestIndex.build(polygons, reach * size, cell * size)
    free = corner + rng.uniform(-0.5, 1.5, (300, 2)) * size
    vertices = shapely.get_coordinates(polygons)
    off = vertices + rng.choice([-1, 1], vertices.shape) * reach * size
    x, y = np.concatenate([free, vertices, np.nextafter(vertices, np.inf), off]).T
    found, found_m = index.query(x, y)
    expected, expected_m = nearest_of_all(polygons, x, y, reach * size)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found_m, expected_m)  # to the last digit


def test_distance_limit_ties_and_hostile_points_by_hand():
    west, east = shapely.box(0, 0, 10, 10), shapely.box(30, 0, 40, 10)
    yard = shapely.box(100, 0, 200, 100).difference(shapely.box(110, 10, 190, 90))
    index = NearestIndex.build([east, west, None, yard], max_m=10.0)
    asked = {
        (20, 5): (0, 10),  # as far from both; 10 m is still near
        (19, 5): (1, 9),
        (20, 10.1): (-1, np.nan),
        (5, 5): (1, 0),
        (10, 10): (1, 0),
        (13, 14): (1, 5),
        (112, 50): (3, 2),  # in the yard
        (150, 50): (-1, np.nan),
        (np.nan, 5): (-1, np.nan),
        (5, np.inf): (-1, np.nan),
        (1e300, -1e300): (-1, np.nan),
    }
    x, y = np.array(list(asked), dtype=float).T
    found, found_m = index.query(x, y)
    expected, expected_m = zip(*asked.values(), strict=True)
    assert found.tolist() == list(expected)
    np.testing.assert_array_equal(found_m, expected_m)


def test_the_far_corner_of_a_cell_may_be_nearer_to_another_polygon():
    polygons = [shapely.box(-200.1, -200.1, -200, -200), shapely.box(200, 200, 200.1, 200.1)]
    index = NearestIndex.build(polygons, max_m=500.0, cell_m=40.0)
    rng = np.random.default_rng(2)
    along = rng.uniform(-150, 150, 20_000)
    x, y = along + rng.normal(0, 1, len(along)), -along + rng.normal(0, 1, len(along))
    found, found_m = index.query(x, y)
    expected, expected_m = nearest_of_all(polygons, x, y, 500.0)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found_m, expected_m)


def test_county_with_many_vertices_stays_small_and_exact(monkeypatch):
    rng = np.random.default_rng(1)
    polygons = [
        shapely.Point(WUDU + rng.uniform(0, 100_000, 2)).buffer(5_000, quad_segs=700)
        for _ in range(5)
    ]
    index = NearestIndex.build(polygons)
    assert index.grid.size <= MAX_CELLS
    x, y = shapely.get_coordinates(polygons)[::9].T + rng.normal(0, 20, (2, 1))
    monkeypatch.setattr(geo.nearest, "CHUNK", 100)  # chunks join without a seam
    found, found_m = index.query(x, y)
    expected, expected_m = nearest_of_all(polygons, x, y, 30.0)
    assert (expected >= 0).mean() > 0.9
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found_m, expected_m)


def test_what_is_wrong_is_said():
    good = shapely.box(0, 0, 1, 1)
    bow = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    with pytest.raises(ValueError, match="invalid geometries at positions 1"):
        NearestIndex.build([good, bow])
    for max_m in (-1, np.nan, np.inf):
        with pytest.raises(ValueError, match="max_m"):
            NearestIndex.build([good], max_m)
    with pytest.raises(ValueError, match="cell_m"):
        NearestIndex.build([good], cell_m=0)
    with pytest.raises(ValueError, match="one length"):
        NearestIndex.build([good]).query([1.0], [])
