"""Why, where and when something is reported in the demo town: everyday need and planted causes.

The planted causes are the ground truth that analyses can be asked to find.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from cwmap.demo.ground import Array
from cwmap.demo.plan import Plan, source
from cwmap.norms import Categories

LAST_DAY = pd.Timestamp("2026-10-31")
SETTINGS = {"main": 0, "secondary": 1, "branch": 2}
OLD_TOWN = "城关"

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Calendar:
    """The days of the demo, first to last."""

    days: pd.DatetimeIndex
    mood: Array

    def weights(self, row: dict[str, Any], facts: dict[str, Any]) -> Array:
        """Relative number of reports by day for a category or cause with its season and rhythm."""
        season = np.array(facts["seasons"][row["season"]])[self.days.month.to_numpy() - 1]
        rhythm = np.array(facts["weekdays"][row["weekday"]])[self.days.day_of_week.to_numpy()]
        return np.asarray(season * rhythm * self.mood)

    def window(self, row: dict[str, Any]) -> Array:
        """How strongly a cause acts on each day: its dates, its return every year, its fading."""
        acts = np.ones(len(self.days))
        if "since" in row:
            acts *= self.days >= pd.Timestamp(row["since"])
        if "from" in row:
            date = self.days.strftime("%m-%d").to_numpy()
            acts *= (date >= row["from"]) & (date <= row["to"])
        if "fades_days" in row:
            acts *= 0.5 ** (np.arange(len(self.days)) / row["fades_days"])
        return acts


def calendar(days: int, rng: np.random.Generator) -> Calendar:
    """Days up to `LAST_DAY`, with the campaign's course, holidays and the day's chance."""
    dates = pd.date_range(end=LAST_DAY, periods=days, freq="D")
    age = np.arange(days)
    course = np.interp(age, [0, 110, 240, 540], [0.75, 1.15, 1.05, 0.86])
    festival = (dates >= "2026-02-14") & (dates <= "2026-02-23")
    golden_week = (dates.month == 10) & (dates.day <= 7)
    mood = course * np.where(festival, 0.35, 1) * np.where(golden_week, 0.7, 1)
    return Calendar(dates, mood * rng.lognormal(0, 0.16, days))


@dataclass(frozen=True)
class Draws:
    """One entry a report: positions of lane, category (in `codes`) and day; cause or -1."""

    codes: list[str]
    lane: Integers
    category: Integers
    day: Integers
    cause: Integers


def draws(
    plan: Plan, facts: dict[str, Any], when: Calendar, count: int, rng: np.random.Generator
) -> Draws:
    """Draw `count` reports: first what the causes bring, the rest from everyday need."""
    rows = facts["category"]
    codes = [row["code"] for row in rows]
    parts: list[tuple[Integers, Integers, Integers, int]] = []
    for k, cause in enumerate(facts["cause"]):
        weight = when.weights(cause, facts) * when.window(cause)
        # A short demo may miss a cause's season: then it brings nothing.
        number = round(cause["share"] * count) if weight.sum() > 0 else 0
        lanes = cause_lanes(plan, cause)
        size = np.sqrt([plan.lanes[j].axis.length for j in lanes])
        share = np.array(list(cause["codes"].values()), float)
        kinds = np.array([codes.index(code) for code in cause["codes"]])
        parts.append((
            np.array(lanes)[_draw(size, number, rng)], kinds[_draw(share, number, rng)],
            _draw(weight, number, rng), k,
        ))  # fmt: skip
    rest = count - sum(len(lane) for lane, *_ in parts)
    need = _need(plan, facts, rng)
    shares = np.array([row["share"] for row in rows], float)
    for c, number in enumerate(rng.multinomial(rest, shares / shares.sum())):
        parts.append((
            _draw(need[c], int(number), rng), np.full(number, c),
            _draw(when.weights(rows[c], facts), int(number), rng), -1,
        ))  # fmt: skip
    lane, category, day = (np.concatenate([part[i] for part in parts]) for i in range(3))
    cause_of = np.concatenate([np.full(len(part[0]), part[3]) for part in parts])
    return Draws(codes, lane, category, day, cause_of)


def _draw(weight: Any, number: int, rng: np.random.Generator) -> Integers:
    total = np.cumsum(np.asarray(weight, float))
    if not number:
        return np.zeros(0, np.int64)
    return np.asarray(np.searchsorted(total, rng.random(number) * total[-1], side="right"))


def _need(plan: Plan, facts: dict[str, Any], rng: np.random.Generator) -> Array:
    """Relative number of reports by category and lane, shape (categories, lanes)."""
    setting = np.array([_setting(e.kind, e.quarter) for e in plan.lanes])
    length = np.array([e.axis.length for e in plan.lanes])
    lane = length**0.85 * rng.lognormal(0, 0.45, len(length))
    rates = np.array([facts["settings"][row["where"]] for row in facts["category"]])
    need: Array = rates[:, setting] * lane * rng.lognormal(0, 0.25, (len(rates), len(length)))
    return need


def _setting(kind: str, quarter: str) -> int:
    if kind != "lane":
        return SETTINGS[kind]
    if quarter == OLD_TOWN:
        return 3
    return 5 if quarter in ("滨河", "峪口", "东江", "吉石坝", "江南") else 4


def cause_lanes(plan: Plan, cause: dict[str, Any]) -> list[int]:
    """Positions of the lanes where a cause acts."""
    middle = [e.axis.interpolate(0.5, normalized=True) for e in plan.lanes]
    area_ids = plan.areas["id"].tolist()
    names = plan.communities["name"].tolist()

    def inside(k: int, areas: list[str]) -> bool:
        return any(plan.mesh.areas[area_ids.index(a)].contains(middle[k]) for a in areas)

    found = [
        k
        for k, e in enumerate(plan.lanes)
        if ("areas" not in cause or inside(k, cause["areas"]))
        and ("areas_not" not in cause or not inside(k, cause["areas_not"]))
        and ("kinds" not in cause or e.kind in cause["kinds"])
        and ("quarters" not in cause or e.quarter in cause["quarters"])
        and ("names" not in cause or any(e.name.startswith(n) for n in cause["names"]))
        and ("communities" not in cause or names[plan.lane_owner[k]] in cause["communities"])
    ]
    if "number" in cause:  # the same ones, spread over the town, whatever the seed
        found = sorted(found, key=lambda k: (k * 7919) % 1009)[: cause["number"]]
    return sorted(found)


def truth(
    plan: Plan, facts: dict[str, Any], when: Calendar, drawn: Draws, points: Array
) -> list[dict[str, Any]]:
    """What was planted, JSON-able: cause, categories, lanes, cells, dates, reports a day.

    `points`: where each draw was reported, metres from the centre, NaN where not said.
    """
    group = Categories.load().codes
    tree = shapely.STRtree(plan.mesh.cells)
    planted = []
    for k, cause in enumerate(facts["cause"]):
        mine = drawn.cause == k
        if not mine.any():
            continue
        days = np.flatnonzero(when.window(cause) > 0)
        lanes = cause_lanes(plan, cause)
        codes = list(cause["codes"])
        areas = cause.get("areas", [])
        at = points[mine & ~np.isnan(points[:, 0])][:50_000]
        cell = np.bincount(
            tree.query(shapely.points(at), "within")[1], minlength=len(plan.mesh.cells)
        )
        densest = np.argsort(-cell, kind="stable")
        enough = int(np.searchsorted(np.cumsum(cell[densest]), 0.8 * cell.sum())) + 1
        planted.append({
            "key": cause["key"],
            "cause": cause["cause"],
            "category_group": group[codes[0]].group,
            "categories": codes,
            "lane_ids": plan.lane_ids[lanes].tolist(),
            "cell_ids": sorted(plan.mesh.codes[densest[:enough]].tolist()),
            "area_id": areas[0] if len(areas) == 1 else None,
            "area_ids": areas,
            "from": str(when.days[days[0]].date()),
            "to": str(when.days[days[-1]].date()),
            "windows": _windows(when.days[days]),
            "trend": cause["trend"],
            "reports": int(mine.sum()),
            "rate": round(float(mine.sum() / len(days)), 4),
        })  # fmt: skip
    return planted


def _windows(days: pd.DatetimeIndex) -> list[list[str]]:
    """First and last day of each unbroken run of days."""
    breaks = np.flatnonzero(np.diff(days.to_numpy()) > np.timedelta64(1, "D"))
    first, last = np.r_[0, breaks + 1], np.r_[breaks, len(days) - 1]
    return [[str(days[a].date()), str(days[b].date())] for a, b in zip(first, last, strict=True)]


def facts() -> dict[str, Any]:
    """What is reported, how often, where, when and in which words."""
    return source("reports")
