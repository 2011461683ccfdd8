"""Signs of a map that would cover each other, moved apart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

_NUDGES = 60
_FARTHEST = 2.0

Floats = npt.NDArray[np.float64]


def apart(points: Floats, least: float) -> Floats:
    """Places (n, 2), moved until no two are nearer than `least`; each stays within twice of it.

    Where there are too many for that, some still cover each other: a sign far from what it stands
    for would be worse.
    """
    moved = points.copy()
    for _ in range(_NUDGES):
        if not _nudged(moved, least):
            break
    way = moved - points
    far = np.hypot(way[:, 0], way[:, 1]) / (_FARTHEST * least)
    found: Floats = points + way / np.maximum(far, 1.0)[:, None]
    return found


def _nudged(points: Floats, least: float) -> bool:
    """Each pair that is too near moved apart in place, one after the other; False: there is none."""
    if len(points) < 2:
        return False
    # Pairs from farther around too: a nudge may bring them into reach of each other.
    near = sorted(cKDTree(points).query_pairs(2 * least))
    found = False
    for a, b in near:
        way = points[b] - points[a]
        distance = float(np.hypot(*way))
        if distance < least:
            unit = way / distance if distance > 0 else np.array([1.0, 0.0])
            points[a] -= unit * (least - distance) / 2
            points[b] += unit * (least - distance) / 2
            found = True
    return found
