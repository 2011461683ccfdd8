"""A short way through some points: nearest neighbour, then 2-opt."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def short_route(
    x: npt.ArrayLike, y: npt.ArrayLike, start: tuple[float, float]
) -> npt.NDArray[np.intp]:
    """Order in which to visit points (n,) in metres from `start`, without coming back.

    The nearest next point first, then 2-opt (Croes 1958, Operations Research 6(6)): stretches are
    turned around as long as that shortens the way. Straight distances; the way is no longer than
    nearest neighbour's, though not always the shortest. The same points give the same order.
    ValueError: x and y differ in shape or are not finite.
    """
    px, py = np.asarray(x, float), np.asarray(y, float)
    if px.shape != py.shape or px.ndim != 1 or not np.isfinite([*px, *py, *start]).all():
        raise ValueError("points must be finite numbers, as many x as y")
    points = np.column_stack([np.r_[start[0], px], np.r_[start[1], py]])
    apart = np.hypot(*(points[:, None] - points[None]).T)
    path = _nearest(apart)
    while True:
        gain, i, j = _best_turn(apart, path)
        if gain <= 1e-9:
            return path[1:] - 1
        path[i : j + 1] = path[i : j + 1][::-1].copy()


def legs(x: npt.ArrayLike, y: npt.ArrayLike, start: tuple[float, float]) -> Floats:
    """Length of the way to each point from the one before, the first from `start`: (n,)."""
    east = np.diff(np.r_[start[0], np.asarray(x, float)])
    north = np.diff(np.r_[start[1], np.asarray(y, float)])
    return np.asarray(np.hypot(east, north))


def _nearest(apart: Floats) -> npt.NDArray[np.intp]:
    path = [0]
    left = np.ones(len(apart), bool)
    left[0] = False
    while left.any():
        path.append(int(np.where(left, apart[path[-1]], np.inf).argmin()))
        left[path[-1]] = False
    return np.array(path, np.intp)


def _best_turn(apart: Floats, path: npt.NDArray[np.intp]) -> tuple[float, int, int]:
    """What turning around path[i..j] saves at best, and i and j."""
    n = len(path)
    if n < 3:
        return 0.0, 0, 0
    before, here = path[:-1], path[1:]  # i runs over 1 … n − 1
    after = np.append(path[2:], -1)  # of j; the last has none
    ends = after >= 0
    old = apart[before, here][:, None] + np.where(ends, apart[here, after], 0)[None]
    new = apart[before[:, None], here[None]] + np.where(ends, apart[here[:, None], after[None]], 0)
    gain = np.triu(old - new, 1)
    best = int(gain.argmax())
    i, j = divmod(best, n - 1)
    return float(gain[i, j]), i + 1, j + 1
