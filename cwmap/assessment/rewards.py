"""Rewards and penalties (月奖惩): points of a unit's account, each with the visits it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from cwmap import rulefile
from cwmap.assessment.fairness import rank_within
from cwmap.assessment.scoring import FULL, KINDS
from cwmap.rulefile import Entry

FILE = "rewards.toml"
NAME = "奖惩规则"
COLUMNS = ("unit", "code", "name", "points", "reason", "visits")


@dataclass(frozen=True)
class Reward:
    """One rule. target: best, worst, red_line or black_weeks; see data/norms/rewards.toml.

    period: month, or quarter (of the quarter that a month ends). kinds: () for all.
    """

    code: str
    name: str
    points: float
    period: str
    target: str
    places: int
    score: float
    visits: int
    group: int
    weeks: int
    kinds: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class Rewards:
    """All rules in force; version: of the text they were read from."""

    name: str
    source: str
    version: str
    rules: tuple[Reward, ...]


@dataclass(frozen=True)
class Results:
    """What rewards are given for.

    ranking: index unit; score, visits, rank, group, kind. visits: visits of the period (index: their
    number; unit, red). black: unit of each week of the period on the black list, by week.
    """

    ranking: pd.DataFrame
    visits: pd.DataFrame
    black: Sequence[Sequence[str]] = ()


def load(workspace: Path | None = None) -> Rewards:
    """The rules of a workspace folder: its own, else the shipped ones. CwmapError as `check`."""
    return _rewards(*rulefile.read(NAME, FILE, workspace))


def text(workspace: Path | None = None) -> str:
    """The rules as they are written, for an editor."""
    return rulefile.read(NAME, FILE, workspace)[1]


def check(text: str) -> Rewards:
    """Rules from a text; CwmapError names the line and what to do."""
    return _rewards(NAME, text)


def save(workspace: Path, text: str) -> Rewards:
    """Check and store a workspace's own rules; the version before is kept in `rules/history`."""
    rewards = check(text)
    rulefile.write(FILE, workspace, text)
    return rewards


def grant(rewards: Rewards, month: Results, quarter: Results | None) -> pd.DataFrame:
    """What each unit is given: columns `COLUMNS`, in the order of the rules and of units.

    quarter: the results of the quarter, where the month ends one. visits: tuple of visit numbers.
    """
    rows: list[tuple[object, ...]] = []
    for rule in rewards.rules:
        results = month if rule.period == "month" else quarter
        if results is not None:
            rows += [
                (unit, rule.code, rule.name, rule.points, reason, _numbers(results, unit, rule))
                for unit, reason in _deserving(rule, results)
            ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def best(ranking: pd.DataFrame, places: int, score: float, visits: int, group: int) -> pd.DataFrame:
    """The first `places` of each group with at least this score and so many visits.

    A group of fewer than `group` units that were visited often enough names nobody. Units of equal
    score are named together.
    """
    value = ranking["score"].to_numpy(float)
    return ranking[_first(ranking, value, places, visits, group) & (value >= score)]


def worst(
    ranking: pd.DataFrame, places: int, score: float, visits: int, group: int
) -> pd.DataFrame:
    """The last `places` of each group with at most this score; else as `best`."""
    value = ranking["score"].to_numpy(float)
    return ranking[_first(ranking, -value, places, visits, group) & (value <= score)]


def _first(
    ranking: pd.DataFrame, value: npt.NDArray[np.float64], places: int, visits: int, group: int
) -> npt.NDArray[np.bool_]:
    """Whether a unit is among the highest values of a group that is large enough, (n,)."""
    code, _ = pd.factorize(ranking["group"].to_numpy(object))
    seen = ranking["visits"].to_numpy() >= visits
    seen &= (np.bincount(code, seen) >= group)[code]
    first = np.zeros(len(ranking), bool)
    first[seen] = rank_within(code[seen], value[seen]) <= places
    return first


def _deserving(rule: Reward, results: Results) -> list[tuple[str, str]]:
    """Units and the reason in words."""
    ranking = results.ranking
    if rule.kinds:
        ranking = ranking[ranking["kind"].isin(rule.kinds)]
    span = "本月" if rule.period == "month" else "本季"
    if rule.target in ("best", "worst"):
        find, word = (best, "前") if rule.target == "best" else (worst, "后")
        named = find(ranking, rule.places, rule.score, rule.visits, rule.group)
        return [
            (str(unit), f"{span}{score:.1f} 分，{group}{word} {rule.places} 名（检查 {visits} 次）")
            for unit, score, group, visits in zip(
                named.index, named["score"], named["group"], named["visits"], strict=True
            )
        ]
    if rule.target == "red_line":
        broken = results.visits[results.visits["red"]]["unit"].value_counts()
        return [
            (str(unit), f"{span}有 {broken[unit]} 次检查触碰红线")
            for unit in ranking.index
            if unit in broken.index
        ]
    times = pd.Series([u for week in results.black for u in week], dtype=object).value_counts()
    return [
        (str(unit), f"{span}有 {times[unit]} 周上黑榜")
        for unit in ranking.index
        if times.get(unit, 0) >= rule.weeks
    ]


def _numbers(results: Results, unit: str, rule: Reward) -> tuple[int, ...]:
    mine = results.visits["unit"].to_numpy(object) == unit
    if rule.target == "red_line":
        mine &= results.visits["red"].to_numpy()
    return tuple(int(n) for n in results.visits.index[mine])


def _rewards(name: str, text: str) -> Rewards:
    top = rulefile.parse(name, text)
    entries = top.entries("reward")
    rules = [_reward(entry) for entry in entries]
    seen: set[str] = set()
    for entry, rule in zip(entries, rules, strict=True):
        if rule.code in seen:
            entry.fail(f"编号 {rule.code} 重复；请改用别的编号。", "code")
        seen.add(rule.code)
    rewards = Rewards(top.text("name"), top.text("source"), rulefile.version(text), tuple(rules))
    top.done()
    return rewards


def _reward(entry: Entry) -> Reward:
    target = entry.choice("for", ("best", "worst", "red_line", "black_weeks"))
    points = entry.number("points", -1000, 1000)
    if points == 0:
        entry.fail("points 不能为 0；奖励填正数，处罚填负数。", "points")
    if (points > 0) != (target == "best"):
        entry.fail("best 是奖励（points 为正），其余是处罚（points 为负）；请改正。", "points")
    ranked = target in ("best", "worst")

    def only(key: str, default: float, high: float) -> int:
        return int(entry.number(key, 1, high, default, whole=True)) if ranked else int(default)

    rule = Reward(
        code=entry.text("code"), name=entry.text("name"), points=points,
        period=entry.choice("period", ("month", "quarter")), target=target,
        places=only("places", 1, 1000), visits=only("visits", 1, 1000), group=only("group", 3, 1000),
        score=entry.number("score", 0, FULL) if ranked else 0.0,
        weeks=int(entry.number("weeks", 1, 5, whole=True)) if target == "black_weeks" else 0,
        kinds=entry.words("kinds", KINDS), source=entry.text("source"),
    )  # fmt: skip
    if target == "black_weeks" and rule.period != "month":
        entry.fail("black_weeks 按月计；请把 period 改为 month。", "period")
    entry.done()
    return rule
