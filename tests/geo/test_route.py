"""A short route: never longer than nearest neighbour's, near the best, nothing left to turn around."""

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.route import legs, short_route

POINTS = st.lists(st.tuples(st.integers(0, 999), st.integers(0, 999)), max_size=6)


def way(points: np.ndarray, order: Any) -> float:
    return float(legs(points[list(order), 0], points[list(order), 1], (0.0, 0.0)).sum())


@given(POINTS)
@settings(deadline=None, max_examples=60)
def test_a_route_visits_all_and_is_no_longer_than_nearest_neighbour(rows: list[Any]) -> None:
    points = np.array(rows, float).reshape(-1, 2)
    order = short_route(points[:, 0], points[:, 1], (0, 0))
    assert sorted(order.tolist()) == list(range(len(points)))
    left, here, nearest = set(range(len(points))), np.zeros(2), 0.0
    while left:
        k = min(left, key=lambda k: (np.hypot(*(points[k] - here)), k))
        nearest += float(np.hypot(*(points[k] - here)))
        left.remove(k)
        here = points[k]
    best = min(way(points, p) for p in permutations(range(len(points))))
    assert best - 1e-6 <= way(points, order) <= nearest + 1e-6
    # No stretch turned around would shorten it.
    for i in range(len(points)):
        for j in range(i + 1, len(points)):
            turned = [*order[:i], *order[i : j + 1][::-1], *order[j + 1 :]]
            assert way(points, turned) >= way(points, order) - 1e-6


def test_a_route_is_near_the_best_on_random_points() -> None:
    rng = np.random.default_rng(3)
    ratio = []
    for _ in range(15):
        points = rng.random((6, 2)) * 1000
        order = short_route(points[:, 0], points[:, 1], (0, 0))
        best = min(way(points, p) for p in permutations(range(6)))
        ratio.append(way(points, order) / best)
    assert np.mean(ratio) < 1.05


def test_nonsense_is_refused() -> None:
    for x, y in (([1.0], [1.0, 2.0]), ([np.nan], [1.0])):
        with pytest.raises(ValueError, match="points"):
            short_route(x, y, (0.0, 0.0))
