"""The assessment (考核): 日督导通报, 周评比 with red and black list, 月奖惩; each point traceable.

What a score is: docs/assessment.md. A unit that nobody visited has no score, never 100.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from cwmap.assessment import fairness
from cwmap.assessment.rewards import Results, Rewards, best, grant, worst
from cwmap.assessment.scoring import Rules
from cwmap.assessment.visits import between, findings_of, places, visits
from cwmap.town import Town

COLUMNS = (
    "period", "unit_id", "unit_kind", "name", "community_id", "group", "score", "rank", "change",
    "visits", "findings", "deductions", "reward", "shrunk", "low", "high", "rank_low", "rank_high",
    "better_than_next",
)  # fmt: skip
"""Of a ranking, index unit (`layer/id`), ordered by group, rank and unit.

score: weighted mean of the unit's visits; rank: among comparable units (group), ties share one;
change: places gained against the period before, NaN without a rank there; deductions: points that
the period's visits cost altogether, before bonuses; reward: points of the account (a month's); the
rest: `cwmap.assessment.fairness.sureness`.
"""


@dataclass(frozen=True)
class Period:
    """Days from first to last, both included."""

    first: date
    last: date

    @property
    def label(self) -> str:
        """As in a column: 2026-10, or 2026-10-05 至 2026-10-11."""
        whole = month_of(self.first)
        return f"{self.first:%Y-%m}" if self == whole else f"{self.first} 至 {self.last}"


@dataclass(frozen=True)
class Week:
    """A week's comparison (周评比). ranking: `COLUMNS`. red, black: parts of it, as the lists name them.

    unvisited: units that nobody visited: index unit; name, kind, group, community_id.
    """

    period: Period
    ranking: pd.DataFrame
    red: pd.DataFrame
    black: pd.DataFrame
    unvisited: pd.DataFrame


@dataclass(frozen=True)
class Month:
    """A month's rewards and penalties (月奖惩).

    rewards: `cwmap.assessment.rewards.COLUMNS`; communities: as `communities`; town: score of the whole town,
    NaN without visits. black_weeks: the weeks that end in the month.
    """

    period: Period
    ranking: pd.DataFrame
    rewards: pd.DataFrame
    unvisited: pd.DataFrame
    communities: pd.DataFrame
    town: float
    black_weeks: tuple[Period, ...]


def week_of(day: date) -> Period:
    """The week, Monday to Sunday, of a day."""
    monday = day - timedelta(days=day.weekday())
    return Period(monday, monday + timedelta(days=6))


def month_of(day: date) -> Period:
    """The month of a day."""
    first = day.replace(day=1)
    after = (first + timedelta(days=31)).replace(day=1)
    return Period(first, after - timedelta(days=1))


def quarter_of(day: date) -> Period:
    """The quarter of a day."""
    start = day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    return Period(start, month_of(start + timedelta(days=65)).last)


def before(period: Period) -> Period:
    """The period before: the month before a month, else as many days."""
    eve = period.first - timedelta(days=1)
    if period == month_of(period.first):
        return month_of(eve)
    return Period(eve - (period.last - period.first), eve)


def ranking(town: Town, rules: Rules, period: Period) -> pd.DataFrame:
    """Units that were visited in a period, ranked among comparable ones: `COLUMNS`, reward 0."""
    return town.kept(("ranking", rules.version, period), lambda: _ranking(town, rules, period))


def _ranking(town: Town, rules: Rules, period: Period) -> pd.DataFrame:
    seen = visits(town, rules)
    chosen = between(seen, period.first, period.last)
    frame = ranked(town, rules, chosen)
    old = ranked(town, rules, _visits(town, rules, before(period)))["rank"]
    sure = fairness.sureness(frame, fairness.scatter(seen, period.last))
    at = frame.index.get_indexer(chosen["unit"])
    mine, at = chosen[at >= 0], at[at >= 0]
    cost = np.bincount(at, seen.cost.to_numpy()[mine.index], minlength=len(frame))
    found = np.bincount(at, mine["findings"], minlength=len(frame)).astype(int)
    columns = {name: frame[name].to_numpy() for name in frame} | {
        "period": period.label, "unit_id": frame.index.to_numpy(), "unit_kind": frame["kind"].to_numpy(),
        "change": old.reindex(frame.index).to_numpy(float) - frame["rank"].to_numpy(),
        "findings": found, "deductions": cost.round(2), "reward": 0.0,
    } | {name: sure[name].to_numpy() for name in sure}  # fmt: skip
    order = np.lexsort((frame.index, frame["rank"], frame["group"]))
    whole = pd.DataFrame({name: columns[name] for name in COLUMNS}, index=frame.index)
    return whole.iloc[order]


def _visits(town: Town, rules: Rules, period: Period) -> pd.DataFrame:
    return between(visits(town, rules), period.first, period.last)


def ranked(town: Town, rules: Rules, chosen: pd.DataFrame) -> pd.DataFrame:
    """Units of some visits with their mean score, and the rank of it in their group.

    Index unit, sorted: score, visits, effective (as `fairness.means`), rank, name, kind, group,
    community_id.
    """
    frame = fairness.means(chosen)
    known = places(town, rules)
    at = known.index.get_indexer(frame.index)
    about = {c: known[c].to_numpy()[at] for c in ("name", "kind", "group", "community_id")}
    score = frame["score"].to_numpy().round(2)
    return pd.DataFrame(
        {
            "score": score, "visits": frame["visits"].to_numpy(),
            "effective": frame["effective"].to_numpy(),
            "rank": fairness.rank_within(about["group"], score), **about,
        },
        index=frame.index,
    )  # fmt: skip


def trace(town: Town, rules: Rules, period: Period, unit: str) -> pd.DataFrame:
    """What a unit's score of a period is made of: `cwmap.assessment.visits.findings_of` its visits."""
    chosen = _visits(town, rules, period)
    return findings_of(visits(town, rules), chosen[chosen["unit"] == unit])


def unvisited(town: Town, rules: Rules, period: Period) -> pd.DataFrame:
    """Units without a visit in a period: index unit; name, kind, group, community_id."""
    known = places(town, rules)
    chosen = _visits(town, rules, period)
    left = np.ones(len(known), bool)
    at = known.index.get_indexer(chosen["unit"])
    left[at[at >= 0]] = False
    index = known.index[left]
    columns = ("name", "kind", "group", "community_id")
    return pd.DataFrame({c: known[c].to_numpy()[left] for c in columns}, index=index)


def week(town: Town, rules: Rules, day: date) -> Week:
    """The comparison of the week that holds a day."""
    period = week_of(day)
    frame = ranking(town, rules, period)
    r = rules.red
    red = best(frame, r.places, r.score, r.visits, rules.group)
    return Week(period, frame, red, _black(rules, frame), unvisited(town, rules, period))


def _black(rules: Rules, frame: pd.DataFrame) -> pd.DataFrame:
    b = rules.black
    return worst(frame, b.places, b.score, b.visits, rules.group)


def month(town: Town, rules: Rules, rewards: Rewards, day: date) -> Month:
    """The month that holds a day; in its last month, the quarter's rewards too."""
    key = ("month", rules.version, rewards.version, month_of(day))
    return town.kept(key, lambda: _month(town, rules, rewards, day))


def _month(town: Town, rules: Rules, rewards: Rewards, day: date) -> Month:
    period, quarter = month_of(day), quarter_of(day)
    frame = ranking(town, rules, period)
    weeks = _weeks(period)
    black = [
        list(_black(rules, ranked(town, rules, _visits(town, rules, week))).index) for week in weeks
    ]
    whole = _results(town, rules, quarter) if quarter.last == period.last else None
    given = grant(rewards, _results(town, rules, period, black), whole)
    total = given.groupby("unit")["points"].sum().reindex(frame.index)
    return Month(
        period, frame.assign(reward=total.fillna(0.0).astype(float)), given,
        unvisited(town, rules, period), communities(town, rules, period),
        town_score(rules, frame), weeks,
    )  # fmt: skip


def _results(
    town: Town, rules: Rules, period: Period, black: Sequence[Sequence[str]] = ()
) -> Results:
    chosen = _visits(town, rules, period)
    return Results(ranked(town, rules, chosen), chosen, black)


def _weeks(period: Period) -> tuple[Period, ...]:
    """Weeks that end in a period."""
    sunday = week_of(period.first).last
    weeks = []
    while sunday <= period.last:
        weeks.append(week_of(sunday))
        sunday += timedelta(days=7)
    return tuple(weeks)


def communities(town: Town, rules: Rules, period: Period) -> pd.DataFrame:
    """Communities by the scores of their units: index community_id, ordered.

    Columns name, score (as `town_score`, of its own units; NaN where none was visited), rank, units,
    visited, findings.
    """
    frame, known = ranking(town, rules, period), places(town, rules)
    layer = town.layers["communities"]
    home = frame["community_id"]

    def counted(homes: pd.Series, weight: pd.Series | None = None) -> npt.NDArray[np.int64]:
        at = layer.index.get_indexer(homes)
        number = weight.to_numpy()[at >= 0] if weight is not None else None
        return np.bincount(at[at >= 0], number, minlength=len(layer)).astype(np.int64)

    score = _scores(rules, frame, home).reindex(layer.index)
    rank = score.rank(method="min", ascending=False)
    return pd.DataFrame(
        {
            "name": layer["name"], "score": score, "rank": rank,
            "units": counted(known["community_id"]), "visited": counted(home),
            "findings": counted(home, frame["findings"]),
        }
    )  # fmt: skip


def town_score(rules: Rules, frame: pd.DataFrame) -> float:
    """Mean of the categories' mean scores, by the weights of those that were visited at all."""
    one = _scores(rules, frame, pd.Series("", frame.index, dtype=object))
    return float(one.iloc[0]) if len(one) else float("nan")


def _scores(rules: Rules, frame: pd.DataFrame, key: pd.Series) -> pd.Series:
    """`town_score` of the units of each value of a key."""
    at, keys = pd.factorize(key.to_numpy(object), sort=True)
    position = {kind: n for n, s in enumerate(rules.sheets) for kind in s.kinds}
    sheet = np.array([position[kind] for kind in frame["unit_kind"]], int)
    size = (len(keys), len(rules.sheets))
    cell, here = at * size[1] + sheet, at >= 0
    number, total = (
        np.bincount(cell[here], values, minlength=size[0] * size[1]).reshape(size)
        for values in (None, frame["score"].to_numpy()[here])
    )
    weight = (number > 0) * np.array([s.weight for s in rules.sheets])
    whole = weight.sum(axis=1)
    mean = (weight * total / np.maximum(number, 1)).sum(axis=1)
    # Categories that weigh nothing give no score.
    score = np.divide(mean, whole, out=np.full(len(keys), np.nan), where=whole > 0)
    return pd.Series(score.round(2), pd.Index(keys, dtype=object))
