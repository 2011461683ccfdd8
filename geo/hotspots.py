"""Where counts are higher than chance explains, how sure that is, and whether it changes.

Arrays are aligned with the units (grid cells, lanes): (n,). Neighbours are a sparse (n, n) matrix
of bools without a diagonal. Distances are metres in a projected system.

A warning that belongs on every map made from this: counts of reports are skewed, and then the
analytic z of Gi* finds too few cold spots (`permutation_p` does not).
"""

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse
import scipy.stats
import shapely

Floats: TypeAlias = npt.NDArray[np.float64]
Adjacency: TypeAlias = scipy.sparse.csr_array

MIN_UNITS = 30
"""Fewer units than this say nothing: the normal approximation of Gi* does not hold."""

CLASSES = ("hot99", "hot95", "hot90", "none", "cold90", "cold95", "cold99")
"""What `classify` answers, from hot to cold."""

_CHUNK = 4_000_000


def neighbours_touching(polygons: npt.ArrayLike, tolerance_m: float = 0.5) -> Adjacency:
    """Queen contiguity: polygons (n,) that touch at a side or a corner, or overlap.

    Gaps up to the tolerance count as touching, because drawn boundaries seldom meet exactly. None
    and empty polygons have no neighbours. ValueError: negative tolerance.
    """
    return neighbours_within(polygons, tolerance_m)


def neighbours_within(geometries: npt.ArrayLike, distance_m: float) -> Adjacency:
    """Geometries (n,) whose nearest points lie within a distance, both ends included.

    For a distance band between centres, pass the centres. ValueError: negative distance.
    """
    if not distance_m >= 0:
        raise ValueError(f"distance must not be negative: {distance_m}")
    shapes = np.asarray(geometries, dtype=object)
    tree = shapely.STRtree(shapes)
    unit, other = tree.query(shapes, predicate="dwithin", distance=distance_m)
    unit, other = unit[unit != other], other[unit != other]
    pairs = (np.ones(len(unit), np.bool_), (unit, other))
    adjacency = scipy.sparse.csr_array(pairs, shape=(len(shapes), len(shapes)))
    adjacency.sort_indices()
    return adjacency


def getis_ord(values: npt.ArrayLike, adjacency: Adjacency) -> Floats:
    """Getis and Ord's local Gi* as a z score, (n,): binary weights, the unit itself included.

    z = (sum of the neighbourhood - mean W) / (s sqrt((n W - W^2) / (n - 1))), with W units in the
    neighbourhood and s the standard deviation with divisor n (Ord and Getis 1995, Geographical
    Analysis 27(4); so do spdep, and esda with transform 'B'). A unit whose neighbourhood is
    everything has nothing to differ from: z = 0. ValueError: fewer than MIN_UNITS units, all values
    equal, a value missing, or neighbours that do not fit.
    """
    y = _checked(values, adjacency)
    n = len(y)
    # From the mean, so that large values do not cancel; the mean then is 0 and drops out.
    deviation = y - y.mean()
    total = adjacency.astype(np.float64) @ deviation + deviation
    size = np.diff(adjacency.indptr) + 1.0
    spread = deviation.std() * np.sqrt((n * size - size**2) / (n - 1))
    return np.asarray(np.divide(total, spread, out=np.zeros(n), where=size < n))


def two_sided_p(z: npt.ArrayLike) -> Floats:
    """Chance of a z score at least as far from 0, on either side, (n,)."""
    return np.asarray(2 * scipy.stats.norm.sf(np.abs(z)))


def permutation_p(
    values: npt.ArrayLike,
    adjacency: Adjacency,
    permutations: int = 9_999,
    seed: int = 0,
    *,
    conditional: bool = True,
) -> Floats:
    """Two-sided p of Gi* by permutation, (n,): no assumption about the distribution.

    Under the null hypothesis the unit keeps its value and its k neighbours hold k of the other
    values, drawn without replacement; if not conditional, the unit and its neighbours hold k + 1 of
    all values, which is the null hypothesis that the mean and variance of Gi* belong to. p =
    2 (r + 1) / (permutations + 1), at most 1, with r the smaller number of draws whose sum is at
    least, or at most, the observed one. The same seed gives the same answer. ValueError: as
    getis_ord, or no permutations.

    All units share the draws: each draw is the head of one random order of all units, and a unit
    that meets itself among its k takes the next one instead, which is the same as leaving it out of
    the order. So a sorted list of sums for each k answers for all units, but for those that met
    themselves, which are put right one by one. The chance in the draws is shared too: with few
    permutations a whole map leans one way. They are cheap (9,999 on 100,000 units: below 0.3 s).
    """
    y = _checked(values, adjacency)
    if permutations < 1:
        raise ValueError(f"no permutations: {permutations}")
    k: npt.NDArray[np.int32] = np.diff(adjacency.indptr)
    deviation = y - y.mean()
    observed = adjacency.astype(np.float64) @ deviation
    # Sums in another order differ in the last digits; equal sums must count as equal.
    slack = 1e-9 * np.abs(deviation).max() * max(1, k.max())
    if not conditional:
        observed, k = observed + deviation, k + 1
    heads = _heads(permutations, len(y), int(k.max()) + conditional, seed)
    # sums[r, k]: the first k of draw r.
    sums = np.cumsum(np.pad(deviation[heads], ((0, 0), (1, 0))), axis=1)
    least, most = np.empty(len(y), np.int64), np.empty(len(y), np.int64)
    for size in np.unique(k):
        units = np.flatnonzero(k == size)
        ordered = np.sort(sums[:, size])
        least[units] = permutations - np.searchsorted(ordered, observed[units] - slack, "left")
        most[units] = np.searchsorted(ordered, observed[units] + slack, "right")

    if conditional:
        # Who met itself: among the first k of a draw.
        row, place = np.nonzero(np.arange(heads.shape[1]) < k[heads])
        unit = heads[row, place]
        wrong = sums[row, k[unit]] - observed[unit]
        right = sums[row, k[unit] + 1] - deviation[unit] - observed[unit]
        np.add.at(least, unit, (right >= -slack).astype(int) - (wrong >= -slack))
        np.add.at(most, unit, (right <= slack).astype(int) - (wrong <= slack))
    return np.minimum(1.0, 2 * (np.minimum(least, most) + 1) / (permutations + 1))


def _heads(draws: int, n: int, size: int, seed: int) -> npt.NDArray[np.int64]:
    """(draws, size): each row the head of a random order of n units, without repetition."""
    random = np.random.default_rng(seed)
    if size**2 > 4 * n:  # nearly all rows would repeat
        rows = (random.choice(n, size, replace=False) for _ in range(draws))
        return np.fromiter(rows, np.dtype((np.int64, size)), draws)
    heads = random.integers(n, size=(draws, size))
    repeat = np.arange(draws)
    while len(repeat):
        ordered = np.sort(heads[repeat], axis=1)
        repeat = repeat[(ordered[:, 1:] == ordered[:, :-1]).any(axis=1)]
        heads[repeat] = random.integers(n, size=(len(repeat), size))
    return heads


def benjamini_hochberg(p: npt.ArrayLike) -> Floats:
    """Smallest false discovery rate at which each p would be called significant, (n,).

    Benjamini and Hochberg 1995. ValueError: a p outside 0-1, or missing.
    """
    return np.asarray(scipy.stats.false_discovery_control(p, method="bh"))


def classify(z: npt.ArrayLike, q: npt.ArrayLike) -> npt.NDArray[np.str_]:
    """One of CLASSES for each unit, (n,): the side from z, the certainty from q (or p)."""
    z, q = np.asarray(z), np.asarray(q)
    level = np.select([q <= 0.01, q <= 0.05, q <= 0.1], ["99", "95", "90"], "")
    side = np.where(z > 0, "hot", "cold")
    return np.where(level == "", "none", np.strings.add(side, level))


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates per unit of exposure, (n,), and the bounds between which 90 % of the belief lies."""

    rate: Floats
    low: Floats
    high: Floats


def empirical_bayes_rate(counts: npt.ArrayLike, exposure: npt.ArrayLike) -> Rates:
    """Rates of counts per exposure, shrunk to the common rate where the exposure says little.

    The gamma-Poisson model with the prior's moments after Marshall 1991 (Applied Statistics 40(2)):
    mean m = sum of counts / sum of exposure, variance A = sum of exposure (rate - m)^2 / sum of
    exposure - m / mean exposure. The rate is the mean of the posterior, Gamma(m^2 / A + count,
    m / A + exposure); the uncertainty of m and A themselves is left out. Where counts vary no more
    than chance (A <= 0), all have the common rate, with that one's own bounds (Jeffreys).
    A unit without exposure has the common rate. ValueError: a number missing or negative, a count
    without exposure, or no exposure at all.
    """
    count, base = np.asarray(counts, np.float64), np.asarray(exposure, np.float64)
    if count.shape != base.shape or count.ndim != 1:
        raise ValueError(f"counts and exposure differ: {count.shape} and {base.shape}")
    if not (np.isfinite(count) & np.isfinite(base) & (count >= 0) & (base >= 0)).all():
        raise ValueError("counts and exposure must be numbers, and not negative")
    if (count[base == 0] > 0).any() or not base.any():
        raise ValueError("counts without exposure")
    mean = count.sum() / base.sum()
    raw = np.divide(count, base, out=np.full(len(base), mean), where=base > 0)
    variance = (base * (raw - mean) ** 2).sum() / base.sum() - mean / base[base > 0].mean()
    if variance <= 0:
        shape, inverse_scale = np.full(len(base), count.sum() + 0.5), base.sum()
        rate = np.full(len(base), mean)
    else:
        shape, inverse_scale = mean**2 / variance + count, mean / variance + base
        rate = shape / inverse_scale
    low, high = scipy.stats.gamma.ppf([[0.05], [0.95]], shape, scale=1 / inverse_scale)
    # The mean of a very skewed posterior lies outside its middle 90 %.
    return Rates(rate, np.minimum(low, rate), np.maximum(high, rate))


class Trends(NamedTuple):
    """Mann-Kendall's S, its z and two-sided p, and Sen's slope per period, each (n,)."""

    s: npt.NDArray[np.int64]
    z: Floats
    p: Floats
    slope: Floats


def mann_kendall(series: npt.ArrayLike) -> Trends:
    """Whether series (n, periods) rise or fall: rank test with ties, and the median slope.

    Variance with ties and continuity correction after Gilbert 1987 (Statistical Methods for
    Environmental Pollution Monitoring, section 16.4); the normal approximation is fair from about
    ten periods. A constant series has z = 0 and p = 1. Periods are equally spaced and independent:
    counts of successive days are not. ValueError: fewer than 3 periods, or a value missing.
    """
    rows = np.asarray(series, np.float64)
    if rows.ndim != 2 or rows.shape[1] < 3:
        raise ValueError(f"series must be (n, 3 or more periods), not {rows.shape}")
    if not np.isfinite(rows).all():
        raise ValueError("a value is missing")
    periods = rows.shape[1]
    early, late = np.triu_indices(periods, 1)
    s = np.empty(len(rows), np.int64)
    ties, slope = np.empty(len(rows)), np.empty(len(rows))
    for chunk in np.array_split(np.arange(len(rows)), 1 + len(rows) * periods**2 // _CHUNK):
        part = rows[chunk]
        rise = part[:, late] - part[:, early]
        s[chunk] = np.sign(rise).sum(axis=1)
        slope[chunk] = np.median(rise / (late - early), axis=1)
        # Each member of a group of g equal values gives (g - 1) (2 g + 5): together g times that.
        group = (part[:, :, None] == part[:, None, :]).sum(axis=2)
        ties[chunk] = ((group - 1) * (2 * group + 5)).sum(axis=1)
    variance = (periods * (periods - 1) * (2 * periods + 5) - ties) / 18
    z = np.divide(s - np.sign(s), np.sqrt(variance), out=np.zeros(len(s)), where=variance > 0)
    return Trends(s, z, two_sided_p(z), slope)


def _checked(values: npt.ArrayLike, adjacency: Adjacency) -> Floats:
    y = np.asarray(values, np.float64)
    if y.ndim != 1 or adjacency.shape != (len(y), len(y)):
        raise ValueError(f"values {y.shape} and neighbours {adjacency.shape} differ")
    if adjacency.dtype != np.bool_ or adjacency.diagonal().any():
        raise ValueError("neighbours must be true or false, and a unit not its own")
    if len(y) < MIN_UNITS:
        raise ValueError(f"fewer than {MIN_UNITS} units: {len(y)}")
    if not np.isfinite(y).all():
        raise ValueError("a value is missing")
    if y.min() == y.max():
        raise ValueError("all values are equal")
    return y
