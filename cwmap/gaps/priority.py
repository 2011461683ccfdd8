"""Which gap comes first (优先级): from the people who go without and from what the street says.

score = 100 × (w × unmet ÷ most unmet + (1 − w) × demand ÷ most demand), over the places compared; w
is the weight of people. Both are per hectare: one more facility reaches so much ground, and solves
what lies there. unmet: people, each times how far beyond the norm they walk, in norms, at most
`FARTHEST`; for whom a facility below standard is within the norm, only the share of that which
`Norms.below_standard` says. demand: reports. docs/gaps.md has the reasons.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cwmap.gaps.facilities import Facility, Norm, Norms, Weights
from cwmap.gaps.reach import reach, summed
from cwmap.town import Town

FARTHEST = 2.0  # norms beyond the norm: who walks farther, or reaches none, counts as that
_TRIED = 201  # weights of people that the sensitivity tries


@dataclass(frozen=True)
class Steadiness:
    """How far the order depends on the weights: shares of the weights tried, from low to high.

    first_stays: with the same place first; order_changes: with any other order.
    """

    low: float
    high: float
    first_stays: float
    order_changes: float


def unmet(
    town: Town, norms: Norms, facility: Facility, norm: Norm, layer: str
) -> pd.Series:  # fmt: skip
    """Unmet people (or metres of lane) of each place of a layer; divide by its hectares to score."""
    found = reach(town, norms, facility)
    far = np.clip(found.of_standard_m / norm.limit - 1, 0, FARTHEST)
    far = np.where(found.half_served(norm.limit), far * norms.below_standard, far)
    index = town.layers[layer].index
    return pd.Series(summed(found.homes.at[layer], found.homes.weight * far, len(index)), index)


def scores(unmet: pd.Series, demand: pd.Series, share: float) -> pd.Series:
    """Score of each place, 0–100. demand: NaN everywhere where nothing is known of it; then people alone."""
    if demand.isna().all() or not demand.max() > 0:
        return 100 * _relative(unmet)
    return 100 * (share * _relative(unmet) + (1 - share) * _relative(demand.fillna(0)))


def _relative(values: pd.Series) -> pd.Series:
    most = values.max()
    return values / most if most > 0 else values * 0.0


def steadiness(unmet: pd.Series, demand: pd.Series, weights: Weights) -> Steadiness | None:
    """How the order of these places holds when the weight of people is moved; None for fewer than two."""
    if len(unmet) < 2:
        return None
    low, high = max(0.0, weights.share - weights.swing), min(1.0, weights.share + weights.swing)
    usual = _order(scores(unmet, demand, weights.share))
    orders = [_order(scores(unmet, demand, w)) for w in np.linspace(low, high, _TRIED)]
    return Steadiness(
        low, high, float(np.mean([o[0] == usual[0] for o in orders])),
        float(np.mean([o != usual for o in orders])),
    )  # fmt: skip


def _order(score: pd.Series) -> list[object]:
    return list(score.sort_values(ascending=False, kind="stable").index)
