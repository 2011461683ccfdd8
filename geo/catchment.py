"""Two-step floating catchment (两步移动搜索法): what share of a facility's supply falls to each place.

1. A facility's supply is divided by the (weighted) people within its catchment: its ratio.
2. A place's access is the (weighted) sum of the ratios of the facilities within its reach.

2SFCA (Luo & Wang 2003) weighs everyone within the limit alike; E2SFCA (Luo & Qi 2009) weighs by
zones. Access is in units of supply per person: floor area per person, bins per person. The sum of
people times access is the supply of all facilities that anyone reaches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from geo.grid import Floats
from geo.walking import ROUNDING, Pairs


@dataclass(frozen=True, eq=False)
class Access:
    """Answer of `two_step_floating_catchment`."""

    of_place: Floats  # (origins,) supply per person; 0: no facility within reach
    of_facility: Floats  # (destinations,) supply per (weighted) person; NaN: nobody within reach


def zone_weights(
    cost: npt.ArrayLike, upto: Sequence[float], weights: Sequence[float] | None = None
) -> Floats:
    """The weight of each cost: that of the first zone whose upper limit it does not pass, else 0.

    upto: ascending limits of the zones, in the unit of the costs. weights: one for each; without
    them all are 1, which is plain 2SFCA. Usual for three equal zones: 1, 0.68, 0.22 (Luo & Qi
    2009, as pysal's access has them).
    """
    limits = np.asarray(upto, dtype=np.float64)
    given = np.ones(len(limits)) if weights is None else np.asarray(weights, dtype=np.float64)
    if not len(limits) or limits.shape != given.shape:
        raise ValueError("there must be one weight for each zone, and a zone at least")
    if not (np.diff(limits) > 0).all() or not ((given >= 0) & (given < np.inf)).all():
        raise ValueError("zones must ascend and weights must be finite and not negative")
    return np.append(given, 0.0)[np.searchsorted(limits * (1 + ROUNDING), np.asarray(cost))]


def two_step_floating_catchment(
    pairs: Pairs,
    people: npt.ArrayLike,
    supply: npt.ArrayLike,
    upto: Sequence[float],
    weights: Sequence[float] | None = None,
) -> Access:
    """Access of (origins,) people to the (destinations,) supply of facilities.

    pairs: `geo.walking.pairs(network, people's places, facilities, limit)`, with a limit of the
    last zone at least. upto, weights: see `zone_weights`.
    """
    persons, supplies = _amounts(people, "people"), _amounts(supply, "supply")
    if (len(persons), len(supplies)) != pairs.shape:
        raise ValueError(f"people and supply must be {pairs.shape[0]} and {pairs.shape[1]} long")
    weight = zone_weights(pairs.cost, upto, weights)
    origin, facility = pairs.origin, pairs.destination
    demand = np.bincount(facility, persons[origin] * weight, minlength=len(supplies))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(demand > 0, supplies / demand, np.nan)
    # A facility that nobody reaches may lie near a place without people: it adds nothing there.
    share = np.nan_to_num(ratio)[facility] * weight
    access = np.bincount(origin, share, minlength=len(persons))
    return Access(np.asarray(access, dtype=np.float64), ratio)


def _amounts(values: npt.ArrayLike, name: str) -> Floats:
    given = np.asarray(values, dtype=np.float64)
    if given.ndim != 1 or not ((given >= 0) & (given < np.inf)).all():
        raise ValueError(f"{name} must be 1-d, finite and not negative")
    return given
