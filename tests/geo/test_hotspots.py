import os
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import scipy.stats
import shapely
from esda.getisord import G_Local
from esda.smoothing import Empirical_Bayes
from hypothesis import given, settings
from hypothesis import strategies as st
from libpysal.weights import WSP

from geo.hotspots import (
    CLASSES,
    benjamini_hochberg,
    classify,
    empirical_bayes_rate,
    getis_ord,
    mann_kendall,
    neighbours_touching,
    neighbours_within,
    permutation_p,
    two_sided_p,
)

SHARED_DATA = Path(os.environ.get("CWMAP_SHARED_DATA", "../shared/data"))


def shared(name):
    path = SHARED_DATA / name
    if not path.exists():
        pytest.skip(f"needs {name} of the shared data (CWMAP_SHARED_DATA)")
    return path


def lattice(side, step_m=100.0):
    column, row = np.meshgrid(np.arange(side) * step_m, np.arange(side) * step_m)
    return shapely.box(column, row, column + step_m, row + step_m).ravel()


def graph(n, degree, seed):
    """Random neighbours, each other's, among them units without any."""
    random = np.random.default_rng(seed)
    dense = random.random((n, n)) < degree / n
    dense[: n // 10] = False
    dense = np.triu(dense, 1)
    return scipy.sparse.csr_array(dense | dense.T)


def test_cells_touch_at_sides_and_corners():
    side = 6
    adjacency = neighbours_touching(lattice(side))
    row, column = np.divmod(np.arange(side**2), side)
    steps = np.maximum(
        np.abs(row[:, None] - row[None, :]), np.abs(column[:, None] - column[None, :])
    )
    assert adjacency.dtype == bool
    assert np.array_equal(adjacency.toarray(), steps == 1)


@pytest.mark.parametrize("tolerance_m", [0.0, 0.5, 3.0])
def test_gaps_up_to_the_tolerance_still_touch(tolerance_m):
    cells = lattice(5)
    exact = neighbours_touching(cells, 0)
    rough = shapely.buffer(cells, 0.2)  # overlaps
    assert (neighbours_touching(rough, tolerance_m) != exact).nnz == 0
    gaps = shapely.buffer(cells, -0.25, join_style="mitre")  # 0.5 m apart, 0.71 m at the corners
    assert (
        neighbours_touching(gaps, tolerance_m).nnz == {0.0: 0, 0.5: 80, 3.0: exact.nnz}[tolerance_m]
    )


def test_nothing_has_no_neighbours_and_order_does_not_matter():
    cells = lattice(4)
    holed = np.array([*cells, None, shapely.Polygon()])
    adjacency = neighbours_touching(holed)
    assert adjacency.shape == (18, 18)
    assert (adjacency[:16, :16] != neighbours_touching(cells)).nnz == 0
    assert adjacency[16:].nnz == 0
    order = np.random.default_rng(0).permutation(16)
    shuffled = neighbours_touching(cells[order])
    assert (shuffled != neighbours_touching(cells)[order][:, order]).nnz == 0
    assert neighbours_touching([]).shape == (0, 0)


@given(st.integers(0, 2**32 - 1), st.floats(0, 60))
@settings(deadline=None, max_examples=30)
def test_distance_bands_are_distances(seed, distance_m):
    points = np.random.default_rng(seed).integers(0, 100, (40, 2)).astype(float)
    distances = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    expected = (distances <= distance_m) & ~np.eye(40, dtype=bool)
    assert np.array_equal(neighbours_within(shapely.points(points), distance_m).toarray(), expected)


def test_distances_are_not_negative():
    for distance_m in (-1, np.nan):
        with pytest.raises(ValueError, match="negative"):
            neighbours_within(lattice(2), distance_m)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(30, 60), st.floats(0, 40), st.floats(-1e6, 1e6))
def test_gi_star_is_its_formula(seed, n, degree, offset):
    adjacency = graph(n, degree, seed)
    y = np.random.default_rng(seed).poisson(2, n) + offset
    y[0] += 1  # never all equal
    if y.min() == y.max():
        return
    z = getis_ord(y, adjacency)
    weights = adjacency.toarray() | np.eye(n, dtype=bool)
    s = np.sqrt(sum((value - y.mean()) ** 2 for value in y) / n)
    for i in range(n):
        w, w2 = sum(weights[i]), sum(weights[i])
        if w == n:
            assert z[i] == 0
            continue
        above = sum(y[j] for j in range(n) if weights[i, j]) - y.mean() * w
        assert z[i] == pytest.approx(above / (s * np.sqrt((n * w2 - w**2) / (n - 1))), abs=1e-7)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_gi_star_is_that_of_esda(seed):
    adjacency = neighbours_touching(lattice(15))
    y = np.random.default_rng(seed).gamma(0.5, 10, 225)
    weights = WSP(scipy.sparse.csr_matrix(adjacency.astype(float))).to_W(silence_warnings=True)
    esda = G_Local(y, weights, transform="B", permutations=0, star=True)
    z = getis_ord(y, adjacency)
    np.testing.assert_allclose(z, esda.Zs, rtol=0, atol=1e-9)
    np.testing.assert_allclose(two_sided_p(z), 2 * esda.p_norm, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("polygons", "oracle", "key"),
    [
        ("police_beats_277", "chicago_beats277_count", "beat_num"),
        ("community_areas_77_pop2000_2010", "chicago_ca77_count", "NID"),
        ("community_areas_77_pop2000_2010", "chicago_ca77_rate", "NID"),
    ],
)
def test_chicago_is_as_in_spdep(polygons, oracle, key):
    """R's spdep on real counts and shapes: neighbours, z, p and false discovery rate."""
    places = gpd.read_file(shared(f"chicago/{polygons}.geojson")).to_crs(26971)
    truth = pd.read_csv(shared(f"oracle/{oracle}_gistar_spdep.csv"), dtype={key: places[key].dtype})
    assert list(truth[key]) == list(places[key])
    adjacency = neighbours_touching(places.geometry)
    assert np.array_equal(np.diff(adjacency.indptr), truth["n_neigh"])
    z = getis_ord(truth["value"], adjacency)
    np.testing.assert_allclose(z, truth["gistar_B"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(two_sided_p(z), truth["p_two"], rtol=0, atol=1e-9)
    q = benjamini_hochberg(truth["p_two"])
    np.testing.assert_allclose(q, truth["p_fdr_BH"], rtol=0, atol=1e-9)


def test_the_grid_of_getis_and_ord_1996():
    truth = pd.read_csv(shared("oracle/getisord1996_gi_spdep.csv"))
    for distance_m in (30, 60, 90, 120, 150):
        adjacency = neighbours_within(shapely.points(truth["x"], truth["y"]), distance_m)
        z = getis_ord(truth["val"], adjacency)
        np.testing.assert_allclose(z, truth[f"Gstar{distance_m}"], rtol=0, atol=1e-9)
        if distance_m == 30:
            # Page 267 prints the value with the sample's standard deviation.
            assert z[119] * np.sqrt(255 / 256) == pytest.approx(1.447943, abs=5e-7)


def test_a_burst_in_a_quiet_town_is_hot():
    side = 20
    y = np.random.default_rng(0).poisson(2, (side, side))
    y[3:6, 10:13] += 12
    z = getis_ord(y.ravel(), neighbours_touching(lattice(side)))
    hot = classify(z, benjamini_hochberg(two_sided_p(z))).reshape(side, side)
    assert (hot[3:6, 10:13] == "hot99").all()
    assert (hot[10:] == "none").mean() > 0.98


@pytest.mark.parametrize(
    ("values", "adjacency", "message"),
    [
        (np.arange(29), graph(29, 4, 0), "fewer than 30"),
        (np.ones(40), graph(40, 4, 0), "equal"),
        (np.append(np.arange(39.0), np.nan), graph(40, 4, 0), "missing"),
        (np.arange(41), graph(40, 4, 0), "differ"),
        (np.arange(40), graph(40, 4, 0).astype(float), "true or false"),
        (np.arange(40), scipy.sparse.csr_array(np.eye(40, dtype=bool)), "not its own"),
    ],
)
def test_what_says_nothing_is_refused(values, adjacency, message):
    for statistic in (getis_ord, permutation_p):
        with pytest.raises(ValueError, match=message):
            statistic(values, adjacency)


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize(("n", "degree"), [(50, 4), (50, 35), (600, 4)])
def test_permutations_of_yes_and_no_are_hypergeometric(n, degree, conditional):
    """Of 0 and 1 the exact answer is known; with 35 neighbours of 50 most draws meet the unit."""
    draws = 40_000
    adjacency = graph(n, degree, 7)
    y = np.random.default_rng(7).random(n) < 0.4
    p = permutation_p(y, adjacency, draws, seed=1, conditional=conditional)
    k = np.diff(adjacency.indptr)
    sums = adjacency.astype(int) @ y.astype(int)
    if conditional:
        held = scipy.stats.hypergeom(n - 1, y.sum() - y, k)
    else:
        held, sums = scipy.stats.hypergeom(n, y.sum(), k + 1), sums + y
    exact = np.minimum(1, 2 * np.minimum(held.sf(sums - 1), held.cdf(sums)))
    np.testing.assert_allclose(p, exact, rtol=0, atol=6 / np.sqrt(draws))
    if conditional:
        assert (p[k == 0] == 1).all()


def test_permutations_hold_the_unit_and_draw_from_the_others():
    n = 30
    adjacency = graph(n, 18, 3)
    y = np.random.default_rng(3).gamma(0.3, 5, n)
    p = permutation_p(y, adjacency, 20_000, seed=2)
    random = np.random.default_rng(4)
    for i in range(n):
        k, others = adjacency[[i]].nnz, np.delete(y, i)
        sums = random.permuted(np.tile(others, (4_000, 1)), axis=1)[:, :k].sum(axis=1)
        seen = (adjacency[[i]].toarray() @ y).item()
        more, less = (sums >= seen - 1e-9).mean(), (sums <= seen + 1e-9).mean()
        assert p[i] == pytest.approx(min(1, 2 * min(more, less)), abs=0.06)


def test_permutations_repeat_and_have_a_least_p():
    adjacency = neighbours_touching(lattice(10))
    y = np.zeros(100)
    y[[44, 45, 54, 55]] = 50
    p = permutation_p(y, adjacency, 999, seed=5)
    assert np.array_equal(p, permutation_p(y, adjacency, 999, seed=5))
    assert not np.array_equal(p, permutation_p(y, adjacency, 999, seed=6))
    assert p.min() == 2 / 1000
    assert (p[[44, 45, 54, 55]] <= 6 / 1000).all()  # 3.6e-4, exactly, on one side
    with pytest.raises(ValueError, match="no permutations"):
        permutation_p(y, adjacency, 0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_false_discovery_rates_are_their_definition(p):
    q = benjamini_hochberg(p)
    ordered = sorted(p)
    for one, rate in zip(p, q, strict=True):
        bound = min(value * len(p) / rank for rank, value in enumerate(ordered, 1) if value >= one)
        assert rate == pytest.approx(min(bound, 1))
    with pytest.raises(ValueError, match="p"):
        benjamini_hochberg([*p, np.nan])


def test_classes():
    q = [0.001, 0.01, 0.05, 0.1, 0.11, 0.1, 0.05, 0.001, np.nan]
    z = [4, 3, 2, 1.8, 1, -1.8, -2, -4, 0]
    expected = ["hot99", "hot99", "hot95", "hot90", "none", "cold90", "cold95", "cold99", "none"]
    assert list(classify(z, q)) == expected
    assert set(expected) == set(CLASSES)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 50))
def test_shrunk_rates_are_those_of_esda(seed, n):
    random = np.random.default_rng(seed)
    exposure = random.uniform(20, 800, n)
    counts = random.poisson(exposure * random.gamma(random.choice([0.01, 2]), 0.05, n))
    counts[0] += 1
    rates = empirical_bayes_rate(counts, exposure)
    mean = counts.sum() / exposure.sum()
    variance = (exposure * (counts / exposure - mean) ** 2).sum() / exposure.sum()
    if variance > mean / exposure.mean():
        esda = Empirical_Bayes(counts, exposure).r.ravel()
    else:
        esda = np.full(n, mean)
    np.testing.assert_allclose(rates.rate, esda, rtol=1e-9)
    assert (rates.low <= rates.rate).all()
    assert (rates.rate <= rates.high).all()


def test_a_report_on_a_tiny_lane_does_not_lead():
    counts, exposure = [1, 60, 12, 11, 0], [0.2, 4.0, 4.0, 4.0, 0.0]
    rates = empirical_bayes_rate(counts, exposure)
    raw = np.array(counts[:4]) / exposure[:4]
    assert rates.rate.argmax() == 1
    assert np.abs(rates.rate[:4] - rates.rate[4]).argmin() == 0  # most shrunk
    assert rates.rate[4] == pytest.approx(84 / 12.2)  # nothing known: the common rate
    assert rates.high[0] - rates.low[0] > rates.high[2] - rates.low[2]
    assert raw[1] > rates.rate[1] > rates.rate[4]


def test_bounds_hold_nine_in_ten():
    random = np.random.default_rng(0)
    held = []
    for _ in range(30):
        exposure = random.uniform(0.5, 10, 200)
        truth = random.gamma(3, 1 / 3, 200)
        rates = empirical_bayes_rate(random.poisson(exposure * truth), exposure)
        held.append(((rates.low <= truth) & (truth <= rates.high)).mean())
    assert np.mean(held) == pytest.approx(0.9, abs=0.02)


def test_rates_without_difference_or_without_sense():
    rates = empirical_bayes_rate([5, 5, 5], [10, 10, 10])
    assert (rates.rate == 0.5).all()
    assert (rates.low < 0.5).all()
    assert (rates.high > 0.5).all()
    none = empirical_bayes_rate([0, 0], [1, 2])
    assert (none.rate == 0).all()
    assert (none.low == 0).all()
    assert (none.high > 0).all()
    for counts, exposure in (
        ([1], [0]),
        ([0], [0]),
        ([-1], [2]),
        ([1], [-2]),
        ([np.nan], [1]),
        ([1], [np.inf]),
        ([1, 2], [1]),
        ([], []),
    ):
        with pytest.raises(ValueError, match="exposure"):
            empirical_bayes_rate(counts, exposure)


@settings(deadline=None)
@given(
    st.integers(3, 20).flatmap(
        lambda t: st.lists(
            st.lists(st.integers(-5, 5), min_size=t, max_size=t), min_size=1, max_size=5
        )
    )
)
def test_trends_are_those_of_scipy(series):
    trends = mann_kendall(series)
    periods = np.arange(len(series[0]))
    for i, row in enumerate(series):
        slope = scipy.stats.theilslopes(row, periods).slope
        assert trends.slope[i] == pytest.approx(slope)
        if min(row) == max(row):
            assert (trends.s[i], trends.z[i], trends.p[i], trends.slope[i]) == (0, 0, 1, 0)
            continue
        s = sum(np.sign(row[b] - row[a]) for a in periods for b in range(a + 1, len(row)))
        assert trends.s[i] == s
        # Without the continuity correction SciPy's tau has the same p, ties included.
        p = scipy.stats.kendalltau(periods, row, method="asymptotic").pvalue
        if s:
            plain = trends.z[i] * s / (s - np.sign(s)) if abs(s) > 1 else None
            assert plain is None or two_sided_p(plain) == pytest.approx(p)
        assert trends.p[i] == two_sided_p(trends.z[i])
        assert trends.p[i] >= p - 1e-12


def test_trends_in_chunks_and_refusals():
    series = np.random.default_rng(0).poisson(3, (3_000, 60)) + np.linspace(0, 5, 60)
    trends = mann_kendall(series)
    some = mann_kendall(series[1_500:1_503])
    for all_of, few in zip(trends, some, strict=True):
        assert np.array_equal(all_of[1_500:1_503], few)
    assert (trends.p < 0.05).mean() > 0.9
    assert np.median(trends.slope) == pytest.approx(5 / 59, rel=0.1)
    assert len(mann_kendall(np.empty((0, 5))).p) == 0
    for wrong in ([1, 2, 3], [[1, 2]], [[1, 2, np.nan]]):
        with pytest.raises(ValueError, match=r"series|missing"):
            mann_kendall(wrong)
