import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.heat import HeatGrid, contours, nice_levels

TOWN = (492_000.0, 3_694_000.0, 498_000.0, 3_698_000.0)
BOUND = 1e-3  # of the maximum


def scattered(n, seed, clusters=0, spread_m=25.0):
    """Points over the town and 400 m around it, half of them in clusters."""
    random = np.random.default_rng(seed)
    west, south, east, north = TOWN
    x, y = random.uniform(west - 400, east + 400, n), random.uniform(south - 400, north + 400, n)
    if clusters:
        home = random.integers(0, clusters, n // 2)
        x[: len(home)] = x[home] + random.normal(0, spread_m, len(home))
        y[: len(home)] = y[home] + random.normal(0, spread_m, len(home))
    return x, y


def summed(x, y, at_x, at_y, bandwidth_m, kernel):
    """The definition, at places (m,): one kernel a point, added up."""
    density = np.empty(len(at_x))
    for i in range(len(at_x)):
        u2 = ((x - at_x[i]) ** 2 + (y - at_y[i]) ** 2) / bandwidth_m**2
        if kernel == "quartic":
            density[i] = 3 / np.pi * (np.where(u2 < 1, 1 - u2, 0) ** 2).sum()
        else:
            density[i] = np.exp(-u2 / 2).sum() / (2 * np.pi)
    return density / bandwidth_m**2 * 1e4


def centres(grid):
    a, _, c, _, e, f = grid.transform
    return a * (np.arange(grid.columns) + 0.5) + c, e * (np.arange(grid.rows) + 0.5) + f


def worst_error(grid, density, x, y, bandwidth_m, kernel, pixels=400):
    """Largest error over pixels of the border, the peaks and in between, of the maximum."""
    random = np.random.default_rng(0)
    rows, columns = density.shape
    edge = random.integers(0, rows, pixels // 4), random.choice([0, columns - 1], pixels // 4)
    rim = random.choice([0, rows - 1], pixels // 4), random.integers(0, columns, pixels // 4)
    peaks = np.unravel_index(np.argsort(density, axis=None)[-pixels // 4 :], density.shape)
    anywhere = random.integers(0, rows, pixels // 4), random.integers(0, columns, pixels // 4)
    row, column = np.concatenate([edge, rim, peaks, anywhere], axis=1)
    at_x, at_y = centres(grid)
    exact = summed(x, y, at_x[column], at_y[row], bandwidth_m, kernel)
    return np.abs(density[row, column] - exact).max() / exact.max()


@pytest.mark.parametrize("kernel", ["quartic", "gaussian"])
@pytest.mark.parametrize("bandwidth_m", [40, 55, 80, 130, 176, 300, 500])
@pytest.mark.parametrize(("n", "clusters"), [(1_000, 0), (1_000, 30), (30_000, 200)])
def test_error_is_below_a_thousandth_of_the_maximum(kernel, bandwidth_m, n, clusters):
    x, y = scattered(n, bandwidth_m, clusters)
    grid = HeatGrid.build(x, y, TOWN)
    density = grid.density(None, bandwidth_m, kernel)
    assert density.shape == (grid.rows, grid.columns) == (342, 512)
    assert density.dtype == np.float32
    assert worst_error(grid, density, x, y, bandwidth_m, kernel) < BOUND


@pytest.mark.parametrize("kernel", ["quartic", "gaussian"])
def test_a_hundred_thousand_points(kernel):
    x, y = scattered(100_000, 5, clusters=50)
    grid = HeatGrid.build(x, y, TOWN)
    for bandwidth_m in (40, 100):
        density = grid.density(None, bandwidth_m, kernel)
        assert worst_error(grid, density, x, y, bandwidth_m, kernel, 80) < BOUND


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.floats(-700, 2100), st.floats(-700, 1500)), min_size=1, max_size=8),
    st.floats(2, 600),
    st.sampled_from(["quartic", "gaussian"]),
    st.integers(20, 120),
    st.integers(1, 1000),
)
def test_few_points_at_the_worst_places(points, bandwidth_m, kernel, width, copies):
    """Every pixel, any bandwidth: also points on one spot, on the edge, between two pixels."""
    x, y = np.repeat(np.array(points).T, copies, axis=1)
    grid = HeatGrid.build(x, y, (0, 0, 1400, 800), width=width)
    density = grid.density(None, bandwidth_m, kernel)
    at_x, at_y = (axis.ravel() for axis in np.meshgrid(*centres(grid)))
    x, y = np.array(points).T
    exact = summed(x, y, at_x, at_y, bandwidth_m, kernel).reshape(density.shape) * copies
    # The bound is on the surface: its maximum may lie between pixels, or outside the raster.
    peak = (3 / np.pi if kernel == "quartic" else 1 / (2 * np.pi)) / bandwidth_m**2 * 1e4 * copies
    assert np.abs(density - exact).max() <= BOUND * len(points) * peak
    assert (density >= 0).all()


@pytest.mark.parametrize("kernel", ["quartic", "gaussian"])
@pytest.mark.parametrize("bandwidth_m", [5, 60, 200])
def test_integral_is_the_number_of_points(kernel, bandwidth_m):
    random = np.random.default_rng(1)
    x, y = random.uniform(-100, 100, (2, 2_000))
    half = 300 + 5 * bandwidth_m
    grid = HeatGrid.build(x, y, (-half, -half, half, half))
    pixel_ha = grid.pixel_m**2 / 1e4
    total = float(grid.density(None, bandwidth_m, kernel).sum(dtype=float)) * pixel_ha
    assert total == pytest.approx(2_000, rel=2e-2 if bandwidth_m == 5 else 1e-4)


def test_north_is_up_and_pixels_are_square():
    grid = HeatGrid.build([1900.0], [950.0], (0, 0, 2000, 1001), width=100)
    assert (grid.rows, grid.columns, grid.pixel_m) == (51, 100, 20.0)
    assert grid.bounds == (0, -19.0, 2000, 1001)
    assert grid.transform == (20.0, 0.0, 0.0, 0.0, -20.0, 1001)
    row, column = np.unravel_index(grid.density(None, 100).argmax(), (51, 100))
    assert (row, column) in {(2, 94), (2, 95)}


@pytest.mark.parametrize("bandwidth_m", [3, 45, 250])  # the exact sum, and both degrees
def test_selections_are_the_points_themselves(bandwidth_m):
    x, y = scattered(5_000, 2)
    x[7] = np.nan
    grid = HeatGrid.build(x, y, TOWN)
    mask = np.random.default_rng(3).random(5_000) < 0.3
    alone = HeatGrid.build(x[mask], y[mask], TOWN).density(None, bandwidth_m)
    near = {"rtol": 0, "atol": 2e-5 * alone.max()}
    np.testing.assert_allclose(grid.density(mask, bandwidth_m), alone, **near)
    np.testing.assert_allclose(grid.density(np.flatnonzero(mask), bandwidth_m), alone, **near)
    twice = np.repeat(np.flatnonzero(mask)[::-1], 2)
    np.testing.assert_allclose(grid.density(twice, bandwidth_m), 2 * alone, **near)
    rest = grid.density(~mask, bandwidth_m)
    everything = grid.density(np.ones(5_000, bool), bandwidth_m)
    assert np.array_equal(everything, grid.density(None, bandwidth_m))
    # Nothing is below zero, so the sum holds only within the bound.
    np.testing.assert_allclose(alone + rest, everything, rtol=0, atol=BOUND * everything.max())


@pytest.mark.parametrize("bandwidth_m", [3, 45, 250])
def test_nothing_selected_is_no_density(bandwidth_m):
    x, y = scattered(50, 4)
    grid = HeatGrid.build(x, y, TOWN)
    assert not grid.density(np.zeros(50, bool), bandwidth_m).any()
    assert not grid.density(np.array([], int), bandwidth_m).any()
    far = HeatGrid.build(x + 90_000, y, TOWN)
    assert not far.density(None, bandwidth_m).any()
    assert not HeatGrid.build([], [], TOWN).density(None, bandwidth_m).any()
    assert not HeatGrid.build([np.nan], [np.nan], TOWN).density(None, bandwidth_m).any()


def test_wrong_questions_are_refused():
    grid = HeatGrid.build([1.0, 2.0], [1.0, 2.0], (0, 0, 10, 10), width=10)
    for bandwidth_m in (0, -5, np.nan, np.inf):
        with pytest.raises(ValueError, match="bandwidth"):
            grid.density(None, bandwidth_m)
    with pytest.raises(ValueError, match="unknown kernel"):
        grid.density(None, 5, "uniform")
    with pytest.raises(ValueError, match="mask"):
        grid.density(np.array([True]), 5)
    with pytest.raises(ValueError, match="index 2"):
        grid.density(np.array([0, 2]), 5)
    for bounds in ((0, 0, 0, 10), (0, 10, 10, 0), (0, 0, np.nan, 10)):
        with pytest.raises(ValueError, match="no extent"):
            HeatGrid.build([1.0], [1.0], bounds)
    with pytest.raises(ValueError, match="one length"):
        HeatGrid.build([1.0], [1.0, 2.0], (0, 0, 10, 10))


def test_bands_of_a_plane_have_their_exact_areas():
    columns = np.arange(40)
    bands = contours(np.tile(columns, (20, 1)), (10, 0, 1000, 0, -10, 5000), [5, 10, 30])
    assert [band[:2] for band in bands] == [(5.0, 10.0), (10.0, 30.0)]
    for low, high, area in bands:
        expected = shapely.box(1005 + 10 * low, 4800, 1005 + 10 * high, 5000)
        assert area.geom_type == "MultiPolygon"
        assert shapely.symmetric_difference(area, expected).area < 1e-6
    assert contours(np.zeros((5, 5)), (1, 0, 0, 0, -1, 5), [1, 2]) == []


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(2, 25), st.integers(2, 25))
def test_bands_hold_their_pixels_and_share_the_raster(seed, rows, columns):
    """Random heights, with plateaus and saddles, are the worst there is for contours."""
    density = np.random.default_rng(seed).integers(0, 6, (rows, columns)).astype(float)
    levels = [-1.0, 0.5, 1.5, 3.2, 9.0]
    bands = contours(density, (2, 0, 100, 0, -2, 300), levels)
    areas = [area for _, _, area in bands]
    assert all(area.is_valid for area in areas)
    assert sum(area.area for area in areas) == pytest.approx(4 * rows * columns, rel=1e-9)
    assert shapely.union_all(areas).area == pytest.approx(4 * rows * columns, rel=1e-9)
    row, column = np.indices(density.shape)
    places = shapely.points(100 + 2 * (column + 0.5), 300 - 2 * (row + 0.5))
    for low, high, area in bands:
        inside = shapely.covers(area, places)
        assert np.array_equal(inside, (density > low) & (density < high))


def test_rings_of_a_hill_have_holes():
    grid = HeatGrid.build([0.0], [0.0], (-200, -200, 200, 200), width=200)
    density = grid.density(None, 150)
    # The radius at which a quartic has sunk to half and a tenth of its peak.
    peak = 3 / np.pi / 150**2 * 1e4
    (_, _, ring), (_, _, top) = contours(density, grid.transform, [peak / 10, peak / 2, peak])
    (polygon,) = ring.geoms
    assert len(polygon.interiors) == 1
    radius2 = 150**2 * (1 - np.sqrt([0.1, 0.5]))
    assert ring.area == pytest.approx(np.pi * (radius2[0] - radius2[1]), rel=2e-3)
    assert top.area == pytest.approx(np.pi * radius2[1], rel=2e-3)


@pytest.mark.parametrize("levels", [[], [1], [1, 1], [2, 1]])
def test_levels_must_rise(levels):
    with pytest.raises(ValueError, match="levels"):
        contours(np.zeros((3, 3)), (1, 0, 0, 0, -1, 3), levels)


def test_levels_are_round_and_stay_put():
    assert nice_levels(23, 5) == [1, 2, 5, 10, 20, 50]
    assert nice_levels(49, 5) == nice_levels(23, 5)
    assert nice_levels(50, 3) == [5, 10, 20, 50]
    assert nice_levels(1, 1) == [0.5, 1]
    assert nice_levels(0.0031, 4) == [0.0002, 0.0005, 0.001, 0.002, 0.005]
    assert nice_levels(0) == []
    for maximum, steps in ((-1, 5), (np.nan, 5), (np.inf, 5), (10, 0)):
        with pytest.raises(ValueError, match="no levels"):
            nice_levels(maximum, steps)


@given(st.floats(1e-9, 1e12), st.integers(1, 12))
def test_levels_reach_the_maximum(maximum, steps):
    levels = nice_levels(maximum, steps)
    assert len(levels) == steps + 1
    assert (np.diff(levels) > 0).all()
    assert levels[-2] < maximum <= levels[-1]
