"""Kernel density: time at 10^4 and 10^6 points, error, and time beside the exact sum; in one run.

    python benchmarks/heat.py [points]

The machine's noise falls on both sides of a ratio, because they are measured in turn.
"""

import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from sklearn.neighbors import KernelDensity

from geo.heat import HeatGrid

TOWN = (0.0, 0.0, 6000.0, 4000.0)
ROUNDS = 9


def town(n: int) -> tuple[Any, Any]:
    """Seven points of ten in 200 clusters, the others anywhere, some outside."""
    random = np.random.default_rng(n)
    x, y = random.uniform(-200, 6200, n), random.uniform(-200, 4200, n)
    home = random.integers(0, 200, 7 * n // 10)
    x[: len(home)] = x[home] + random.normal(0, 60, len(home))
    y[: len(home)] = y[home] + random.normal(0, 60, len(home))
    return x, y


def in_turn(*calls: Callable[[], object]) -> list[float]:
    """Median milliseconds of each, after one call to warm up."""
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS + 1):
        for times, call in zip(taken, calls, strict=True):
            start = time.perf_counter()
            call()
            times.append((time.perf_counter() - start) * 1e3)
    return [median(times[1:]) for times in taken]


def exact(x: Any, y: Any, at_x: Any, at_y: Any, bandwidth_m: float, kernel: str) -> Any:
    density = np.empty(len(at_x))
    for i in range(len(at_x)):
        u2 = ((x - at_x[i]) ** 2 + (y - at_y[i]) ** 2) / bandwidth_m**2
        if kernel == "quartic":
            density[i] = 3 / np.pi * (np.maximum(1 - u2, 0) ** 2).sum()
        else:
            density[i] = np.exp(-u2 / 2).sum() / (2 * np.pi)
    return density / bandwidth_m**2 * 1e4


def centres(grid: HeatGrid) -> tuple[Any, Any]:
    a, _, c, _, e, f = grid.transform
    column, row = np.meshgrid(np.arange(grid.columns) + 0.5, np.arange(grid.rows) + 0.5)
    return a * column + c, e * row + f


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    few, many = (HeatGrid.build(*town(size), TOWN) for size in (10_000, n))
    x, y = town(n)
    half = [np.random.default_rng(1).random(size) < 0.5 for size in (10_000, n)]
    random = np.random.default_rng(2)
    at_x, at_y = centres(many)
    print(f"{many.columns} x {many.rows} pixels of {many.pixel_m:.1f} m; median of {ROUNDS}, ms")
    print(
        f"{'kernel':9}{'m':>5} | {'all: 10^4':>9} {f'{n:.0e}':>7} {'ratio':>6}"
        f" | {'half: 10^4':>10} {f'{n:.0e}':>7} {'ratio':>6} | max error"
    )
    for kernel in ("quartic", "gaussian"):
        for bandwidth_m in (40, 60, 100, 150, 300, 500):
            times = in_turn(
                lambda b=bandwidth_m, k=kernel: few.density(None, b, k),
                lambda b=bandwidth_m, k=kernel: many.density(None, b, k),
                lambda b=bandwidth_m, k=kernel: few.density(half[0], b, k),
                lambda b=bandwidth_m, k=kernel: many.density(half[1], b, k),
            )
            density = many.density(None, bandwidth_m, kernel)
            # The peaks, the border and a few anywhere: the exact sum is slow.
            pixels = np.concatenate(
                [
                    np.argsort(density, axis=None)[-20:],
                    random.integers(0, density.size, 30),
                    random.integers(0, many.rows, 10) * many.columns,
                    random.integers(0, many.columns, 10),
                ]
            )
            truth = exact(x, y, at_x.ravel()[pixels], at_y.ravel()[pixels], bandwidth_m, kernel)
            error = np.abs(density.ravel()[pixels] - truth).max() / truth.max()
            print(
                f"{kernel:9}{bandwidth_m:5} | {times[0]:9.1f} {times[1]:7.1f}"
                f" {times[1] / times[0]:6.2f} | {times[2]:10.1f} {times[3]:7.1f}"
                f" {times[3] / times[2]:6.2f} | {error:.1e}"
            )

    x, y = town(2_000)
    start = time.perf_counter()
    grid = HeatGrid.build(x, y, TOWN)
    density = grid.density(None, 100, "gaussian")
    first = time.perf_counter() - start
    start = time.perf_counter()
    grid.density(None, 100, "gaussian")
    again = time.perf_counter() - start
    start = time.perf_counter()
    tree = KernelDensity(bandwidth=100, kernel="gaussian", rtol=1e-4).fit(np.c_[x, y])
    logs = tree.score_samples(np.c_[at_x.ravel(), at_y.ravel()])
    sklearn = time.perf_counter() - start
    start = time.perf_counter()
    truth = exact(x, y, at_x.ravel(), at_y.ravel(), 100, "gaussian")
    summed = time.perf_counter() - start
    peak = truth.max()
    print(
        f"2,000 points, gaussian 100 m, every pixel: {first * 1e3:.0f} ms with the binning,"
        f" {again * 1e3:.0f} ms again; error {np.abs(density.ravel() - truth).max() / peak:.1e}"
    )
    print(f"  exact sum: {summed / first:.0f} times that ({summed / again:.0f} again)")
    print(
        f"  scikit-learn's KernelDensity: {sklearn / first:.0f} times ({sklearn / again:.0f}"
        f" again); error {np.abs(np.exp(logs) * 2_000 * 1e4 - truth).max() / peak:.1e}"
    )


if __name__ == "__main__":
    main()
