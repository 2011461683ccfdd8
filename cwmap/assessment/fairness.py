"""How fair and how sure an order of units is: what chance alone may have moved.

Units are compared with units of their kind and length. Formulas, sources and limits:
docs/assessment.md.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.special

from cwmap.assessment.scoring import FULL, Rules
from cwmap.assessment.visits import Visits, between, places, scores, visits, with_points
from cwmap.town import Town

SHARE = 0.90
"""Of the intervals and of the range of ranks."""
DRAWS, SEED = 1_000, 0
_Z = float(scipy.special.ndtri(0.5 + SHARE / 2))

Floats = npt.NDArray[np.float64]


def means(chosen: pd.DataFrame, score: npt.ArrayLike | None = None) -> pd.DataFrame:
    """Units with the mean score of their visits: index unit, sorted; score, visits, effective.

    chosen: visits, columns unit, score, weight; those of no known unit are left out. score: other
    scores of the same visits. effective: visits that count the same as equal ones would,
    (sum of weights)² / sum of squared weights.
    """
    given = chosen["score"].to_numpy(float) if score is None else np.asarray(score, float)
    keep = chosen["unit"].notna().to_numpy() & np.isfinite(given)
    at, names = pd.factorize(chosen["unit"].to_numpy(object)[keep], sort=True)
    weight = chosen["weight"].to_numpy(float)[keep]
    total = np.bincount(at, weight)
    return pd.DataFrame(
        {
            "score": np.round(np.bincount(at, weight * given[keep]) / total, 4),
            "visits": np.bincount(at), "effective": total**2 / np.bincount(at, weight**2),
        },
        index=pd.Index(names, dtype=object, name="unit"),
    )  # fmt: skip


def rank_within(group: npt.ArrayLike, score: npt.ArrayLike) -> npt.NDArray[np.intp]:
    """Rank of each score in its group, (n,): 1 for the highest; equal scores share the better rank."""
    value = np.asarray(score, float)
    code, _ = pd.factorize(np.asarray(group))
    order = np.lexsort((-value, code))
    fresh = np.r_[True, code[order][1:] != code[order][:-1]][: len(order)]
    new = fresh | np.r_[True, value[order][1:] != value[order][:-1]][: len(order)]
    here = np.arange(len(order))
    start = np.maximum.accumulate(np.where(fresh, here, 0))
    rank = np.empty(len(order), np.intp)
    rank[order] = np.maximum.accumulate(np.where(new, here, 0)) - start + 1
    return rank


def scatter(seen: Visits, last: date) -> pd.DataFrame:
    """By kind, from all visits up to a day: variance within a unit, and between units.

    One-way random effects, moments of the analysis of variance (Searle, Casella and McCulloch 1992,
    Variance Components, chapter 3). A kind whose visits tell nothing of the variance within has that
    of all kinds together; NaN where no unit at all was visited twice.
    """
    until = seen.frame.iloc[: seen.frame["day"].searchsorted(pd.Timestamp(last), side="right")]
    until = until[until["unit"].notna().to_numpy() & until["score"].notna().to_numpy()]
    score = until["score"].to_numpy(float)
    unit, _ = pd.factorize(until["unit"].to_numpy(object))
    kind, kinds = pd.factorize(until["kind"].to_numpy(object), sort=True)
    number = np.bincount(unit).astype(float)
    mean = np.bincount(unit, score) / number
    squares = np.bincount(kind, (score - mean[unit]) ** 2)
    of_unit = np.zeros(len(number), int)
    of_unit[unit] = kind
    units, visits = np.bincount(of_unit), np.bincount(kind).astype(float)
    free = visits - units
    pooled = squares.sum() / free.sum() if free.sum() else np.nan
    within = np.where(free > 0, squares / np.maximum(free, 1), pooled)
    centre = np.bincount(of_unit, number * mean) / visits
    gap = np.bincount(of_unit, number * (mean - centre[of_unit]) ** 2) - (units - 1) * within
    spare = visits - np.bincount(of_unit, number**2) / visits
    apart = np.where(spare > 0, np.maximum(gap / np.maximum(spare, 1e-9), 0), 0)
    return pd.DataFrame({"within": within, "between": apart}, index=pd.Index(kinds, dtype=object))


def sureness(units: pd.DataFrame, spread: pd.DataFrame) -> pd.DataFrame:
    """How sure each unit's score and rank are; same index.

    units: columns score, effective, kind, group, rank. spread: as `scatter` gives.

    Returns columns shrunk (the score drawn towards its group's mean, the more the fewer visits),
    low, high (bounds of its middle 90 %, within 0 and 100), rank_low, rank_high (90 % range of its
    rank in the group) and better_than_next (chance that it is truly better than the next in rank,
    NaN for the last). Normal model with known variances (Morris 1983, JASA 78(381)); ranks after
    Goldstein and Spiegelhalter 1996 (JRSS A 159(3)), from draws with a fixed seed. NaN where the
    variance within units is unknown.
    """
    order = np.argsort(units.index.to_numpy(object), kind="stable")
    ordered = units.iloc[order]
    group, _ = pd.factorize(ordered["group"].to_numpy(object))
    mean, variance = posterior(ordered, spread)
    sd = np.sqrt(variance)
    told = np.full((3, len(units)), np.nan)
    rank = ordered["rank"].to_numpy(float)
    for mine in (np.flatnonzero(group == g) for g in range(group.max(initial=-1) + 1)):
        if np.isfinite(sd[mine]).all():
            told[:2, mine] = _ranks(mean[mine], sd[mine])
            line = mine[np.argsort(rank[mine], kind="stable")]
            gap = np.maximum(np.sqrt(variance[line[:-1]] + variance[line[1:]]), 1e-9)
            told[2, line[:-1]] = scipy.special.ndtr((mean[line[:-1]] - mean[line[1:]]) / gap)
    frame = pd.DataFrame(
        {
            "shrunk": mean, "low": np.clip(mean - _Z * sd, 0, FULL),
            "high": np.clip(mean + _Z * sd, 0, FULL), "rank_low": told[0], "rank_high": told[1],
            "better_than_next": told[2],
        },
        index=ordered.index,
    )  # fmt: skip
    return frame.iloc[np.argsort(order)]


def posterior(units: pd.DataFrame, spread: pd.DataFrame) -> tuple[Floats, Floats]:
    """Mean (the shrunk score) and variance of each unit's true score, each (n,); see `sureness`."""
    group, _ = pd.factorize(units["group"].to_numpy(object))
    known = spread.index.get_indexer(units["kind"])  # a unit that is ranked was visited by then
    within, apart = (spread[c].to_numpy(float)[known] for c in ("within", "between"))
    score, noise = units["score"].to_numpy(float), within / units["effective"].to_numpy(float)
    # Where all visits agree, nothing is left to chance; the floor keeps the quotients defined.
    weight = 1 / np.maximum(apart + noise, 1e-9)
    total = np.bincount(group, weight)[group]
    centre = np.bincount(group, weight * score)[group] / total
    pull = np.clip(noise * weight, 0, 1)
    return (1 - pull) * score + pull * centre, (1 - pull) * noise + pull**2 / total


def _ranks(mean: Floats, sd: Floats) -> tuple[Floats, Floats]:
    """Best and worst rank within the middle 90 % of the draws, each (n,)."""
    drawn = mean + sd * np.random.default_rng(SEED).standard_normal((DRAWS, len(mean)))
    rank = np.empty(drawn.shape, np.int32)
    np.put_along_axis(rank, (-drawn).argsort(axis=1), np.arange(1, len(mean) + 1)[None], axis=1)
    rank.sort(axis=0)
    edge = int((1 - SHARE) / 2 * DRAWS)
    return rank[edge].astype(float), rank[DRAWS - 1 - edge].astype(float)


def by_length(town: Town, rules: Rules, first: date, last: date) -> pd.DataFrame:
    """Lanes and streets as if each finding had been weighed by the length (按百米折算).

    What a visit asks of each item is multiplied by the typical length of the kind (its median) over
    the unit's own, and the caps follow as always: a street ten times as long may have ten times
    the findings for the same points. Red lines and stated points stay.

    Returns index unit, ordered: name, kind, length_m, visits, findings_per_100m (of a visit), score,
    rank (of all units of the kind), score_by_length, rank_by_length, moved (places gained).
    """
    seen = visits(town, rules)
    known = places(town, rules)
    chosen = between(seen, first, last)
    length = known["length_m"].reindex(chosen["unit"]).to_numpy(float)
    chosen = chosen[np.isfinite(length) & (length > 0)]
    length_m = known["length_m"]
    typical = length_m.groupby(known["kind"]).median()
    factor = (
        typical.reindex(chosen["kind"]).to_numpy() / length_m.reindex(chosen["unit"]).to_numpy()
    )
    position = pd.Series(np.arange(len(chosen)), chosen.index)
    mine = seen.findings[seen.findings["visit"].isin(chosen.index)]
    mine = mine.assign(visit=position.reindex(mine["visit"]).to_numpy(int))
    weighed = scores(with_points(mine, factor[mine["visit"].to_numpy()]), len(chosen))
    plain = means(chosen)
    units = known.loc[plain.index]
    hundreds = units["length_m"] / 100
    found = chosen.groupby("unit")["findings"].mean()
    frame = pd.DataFrame(
        {
            "name": units["name"], "kind": units["kind"], "length_m": units["length_m"],
            "visits": plain["visits"], "findings_per_100m": found / hundreds,
            "score": plain["score"], "score_by_length": means(chosen, weighed)["score"],
        }
    )  # fmt: skip
    rank = rank_within(frame["kind"], frame["score"])
    fair = rank_within(frame["kind"], frame["score_by_length"])
    return frame.assign(rank=rank, rank_by_length=fair, moved=rank - fair)
