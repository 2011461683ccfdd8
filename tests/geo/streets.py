"""Streets drawn at random where the town lies, for networks."""

import numpy as np
import shapely

WUDU = np.array([492_000.0, 3_694_000.0])  # where the town lies in its projected system


def lattice(rng, kept, side=5, size=100.0):
    """Streets along a bent grid that share their vertices; `kept`: the share that is not missing."""
    place = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=2) * size
    place = WUDU + place + rng.uniform(-0.3, 0.3, place.shape) * size
    steps = [*place[:, :-1].reshape(-1, 2), *place[:-1].reshape(-1, 2)]
    ends = [*place[:, 1:].reshape(-1, 2), *place[1:].reshape(-1, 2)]
    pairs = zip(steps, ends, strict=True)
    return [shapely.LineString([a, b]) for a, b in pairs if rng.random() < kept]
