"""Gi* beside esda: the closed form on 3,000 and 100,000 cells, and 999 permutations; in one run.

    python benchmarks/hotspots.py [side of the large grid, in cells] [--no-permutations]

esda is asked for transform 'B': the analytic z of its default 'R' is another one. Its permutations
are timed warm, after a run on a small grid, because with numba it compiles for half a minute first
(and without numba, as in the development environment, it is slower than what is said here).
"""

import importlib.util
import sys
import time
import warnings
from statistics import median
from typing import Any

import numpy as np
import scipy.sparse
import shapely
from esda.getisord import G_Local
from libpysal.weights import WSP

from geo.hotspots import getis_ord, neighbours_touching, permutation_p


def lattice(rows: int, columns: int) -> Any:
    column, row = np.meshgrid(np.arange(columns) * 100.0, np.arange(rows) * 100.0)
    return shapely.box(column, row, column + 100, row + 100).ravel()


def counts(n: int) -> Any:
    random = np.random.default_rng(n)
    return random.poisson(3 * random.gamma(1, 1, n)).astype(float)


def esda_weights(adjacency: Any) -> Any:
    return WSP(scipy.sparse.csr_matrix(adjacency.astype(float))).to_W(silence_warnings=True)


def taken(call: Any) -> tuple[float, Any]:
    start = time.perf_counter()
    answer = call()
    return time.perf_counter() - start, answer


def main() -> None:
    warnings.simplefilter("ignore")
    side = int(sys.argv[1]) if sys.argv[1:2] and sys.argv[1].isdigit() else 316
    numba = importlib.util.find_spec("numba") is not None
    print(f"esda {'with' if numba else 'WITHOUT'} numba")
    for shape in ((50, 60), (side, side)):
        n = shape[0] * shape[1]
        seconds, adjacency = taken(lambda shape=shape: neighbours_touching(lattice(*shape)))
        print(f"{n:,} cells; neighbours found in {seconds:.2f} s")
        y, weights = counts(n), esda_weights(adjacency)
        ours, theirs = [], []
        for _ in range(5):
            seconds, z = taken(lambda y=y, a=adjacency: getis_ord(y, a))
            ours.append(seconds)
            seconds, esda = taken(
                lambda y=y, w=weights: G_Local(y, w, transform="B", permutations=0, star=True)
            )
            theirs.append(seconds)
        print(
            f"  analytic: {median(ours) * 1e3:.2f} ms, esda {median(theirs) * 1e3:.0f} ms:"
            f" {median(theirs) / median(ours):.0f} times; max |dz| {np.abs(z - esda.Zs).max():.1e}"
        )
    if "--no-permutations" in sys.argv:
        return
    small = esda_weights(neighbours_touching(lattice(10, 10)))
    seconds, _ = taken(
        lambda: G_Local(counts(100), small, transform="B", permutations=9, star=True, n_jobs=1)
    )
    print(f"999 permutations on {n:,} cells; esda's first call took {seconds:.1f} s")
    # esda counts ties on one side only: without ties both are asked the same.
    y = y + np.random.default_rng(0).random(n)
    ours_s = median(taken(lambda: permutation_p(y, adjacency, 999, seed=1))[0] for _ in range(5))
    p = permutation_p(y, adjacency, 999, seed=1)
    other_seed = permutation_p(y, adjacency, 999, seed=2)
    many = permutation_p(y, adjacency, 99_999, seed=3)

    def simulate() -> Any:
        return G_Local(y, weights, transform="B", permutations=999, star=True, n_jobs=1, seed=1)

    theirs_s, esda = taken(simulate)
    # esda folds one side; so does half of ours.
    print(f"  {ours_s:.3f} s, esda {theirs_s:.1f} s: {theirs_s / ours_s:.0f} times")
    print(
        f"  mean |dp|, one side: to esda {np.abs(p / 2 - esda.p_sim).mean():.4f};"
        f" own seeds {np.abs(p - other_seed).mean() / 2:.4f};"
        f" to 99,999 draws: own {np.abs(p - many).mean() / 2:.4f},"
        f" esda {np.abs(esda.p_sim - many / 2).mean():.4f}"
    )


if __name__ == "__main__":
    main()
