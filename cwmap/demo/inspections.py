"""Inspections of the demo town: a year of visits, as inspectors write them down.

A panel of markets, channels, 三无 compounds and the worst lanes is seen every week, the rest in
turn. Some lanes are always bad; after Friday's clean-up everything looks better.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cwmap.assessment import scoring
from cwmap.assessment.scoring import Item, Rules
from cwmap.demo.causes import LAST_DAY
from cwmap.demo.ground import to_world
from cwmap.demo.people import utc
from cwmap.demo.plan import Plan

YEAR, VISITS, PANEL = 365, 2_000, 24
INSPECTORS = ("王某某", "李某某", "张某某", "赵某某", "马某某", "罗某某")
# How often something is found, by kind of unit.
FOUND = {
    "market": 3.0, "compound": 1.2, "compound_unmanaged": 2.2, "compound_none": 3.2, "street": 1.8,
    "lane": 2.2, "restaurant": 1.3, "toilet": 1.0, "site": 1.6, "channel": 1.8,
}  # fmt: skip
AFTER_FRIDAY, SHOWN = 0.5, 0.3
UNKNOWN_WORDS = ("噪音扰民", "商户投诉多", "待核实")
BY_WEEKDAY = (1.0, 1.0, 1.0, 1.8, 1.2, 0.25, 0.15)


@dataclass(frozen=True)
class _Target:
    """Something to inspect. badness: findings that a visit may expect; habits: weight of each item."""

    text: str
    id: str
    kind: str
    shape: Any
    badness: float
    habits: NDArray[np.float64]


def inspections_frame(
    plan: Plan, tables: dict[str, gpd.GeoDataFrame], days: int, rng: np.random.Generator
) -> gpd.GeoDataFrame:
    """Table `inspections` in order of time. tables: lanes, facilities, units, reports of the demo."""
    rules = scoring.load()
    told = _reports(tables["reports"])
    targets = _targets(plan, tables, rules, rng)
    span = min(days, YEAR)
    rows: list[dict[str, Any]] = []
    schedule = _schedule(targets, span, rng)
    for number, (day, minute, at) in enumerate(schedule, start=1):
        rows += _visit(number, day, minute, targets[at], rules, told, rng)
    frame = pd.DataFrame(rows)
    serial = frame.groupby("date").cumcount() + 1
    frame["inspection_id"] = "J" + frame["date"] + serial.astype(str).str.zfill(3)
    frame["inspected_at"] = utc(frame["inspected_at"])
    shapes = frame.pop("geometry").to_numpy(object)
    return gpd.GeoDataFrame(frame.drop(columns="date"), geometry=to_world(shapes), crs="EPSG:4326")


def _targets(
    plan: Plan, tables: dict[str, gpd.GeoDataFrame], rules: Rules, rng: np.random.Generator
) -> list[_Target]:  # fmt: skip
    facilities, units = tables["facilities"], tables["units"]
    rows: list[tuple[str, str, str, Any, float]] = []
    told = tables["reports"]["lane_name"].value_counts()
    length = np.array([e.axis.length for e in plan.lanes])
    known = told.reindex([e.name for e in plan.lanes], fill_value=0).to_numpy(float) / length
    dirt = np.clip((known + 1e-4) / (known.mean() + 1e-4), 0.3, 4) ** 0.8
    for k, e in enumerate(plan.lanes):
        kind = "lane" if e.kind == "lane" else "street"
        rows.append((e.name, str(plan.lane_ids[k]), kind, e.axis, float(dirt[k])))
    served = facilities[facilities["kind"].isin(["market", "toilet"])]
    for name, i, kind, standard in zip(
        served["name"], served["facility_id"], served["kind"], served["standard"], strict=True
    ):
        rows.append((name, i, kind, None, 1.5 if standard == "no" else 0.8))
    for name, i, kind, shown in zip(
        units["name"], units["unit_id"], units["kind"], units["demonstration"], strict=True
    ):
        rows.append((name, i, kind, None, SHOWN if shown == "yes" else 1.0))
    targets = []
    for name, i, kind, shape, factor in rows:
        habits = rng.dirichlet(np.full(len(_ordinary(rules, kind)), 0.7))
        badness = FOUND[kind] * factor * rng.lognormal(0, 0.4)
        targets.append(_Target(name, i, kind, shape, float(badness), habits))
    return targets


def _ordinary(rules: Rules, kind: str) -> list[Item]:
    """Items without bonuses and red lines, which are rare."""
    return [i for i in rules.of_kind[kind].items if not i.bonus and i.red_line is None]


def _schedule(
    targets: list[_Target], span: int, rng: np.random.Generator
) -> list[tuple[pd.Timestamp, int, int]]:
    """Day, minute of the day and position of the target of each visit, in order of time."""
    days = pd.date_range(end=LAST_DAY, periods=span, freq="D")
    weight = np.array(BY_WEEKDAY)[days.day_of_week.to_numpy()]
    festival = (days >= "2026-02-14") & (days <= "2026-02-23")
    weight = np.where(festival, 0.1, weight)
    wanted = max(1, round(VISITS * span / YEAR))
    worst = sorted(range(len(targets)), key=lambda k: -targets[k].badness)
    always = [k for k in worst if targets[k].kind in ("market", "channel", "compound_none")][:12]
    panel = (always + [k for k in worst if k not in always])[:PANEL]
    visits: list[tuple[int, int]] = []
    for week in range(0, span, 7):
        chance = weight[week : week + 7] / weight[week : week + 7].sum()
        visits += [(week + int(rng.choice(len(chance), p=chance)), k) for k in panel]
    rest = [k for k in range(len(targets)) if k not in panel]
    turn: list[int] = []
    while len(turn) < wanted - len(visits):
        turn += rng.permutation(rest).tolist()
    free = max(0, wanted - len(visits))
    when = np.sort(rng.choice(span, free, p=weight / weight.sum()))
    visits += list(zip(when.tolist(), turn[:free], strict=True))
    visits = sorted(visits)[:wanted] if len(visits) > wanted else visits
    minutes = rng.integers(8 * 12 + 6, 18 * 12, len(visits)) * 5
    timed = [(days[d], int(m), k) for (d, k), m in zip(visits, minutes, strict=True)]
    return sorted(timed, key=lambda v: (v[0], v[1], v[2]))


def _level(day: pd.Timestamp, rng: np.random.Generator) -> str:
    if day.day_of_week == 3:  # Thursday, before the meeting of the week
        return "monthly" if day.month != (day + pd.Timedelta(days=7)).month else "weekly"
    return str(rng.choice(["daily", "review", "mock"], p=[0.84, 0.12, 0.04]))


def _reports(reports: gpd.GeoDataFrame) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """Lane name and local day → ids and categories of what was reported."""
    local = (reports["reported_at"] + pd.Timedelta(hours=8)).dt.strftime("%Y%m%d")
    told = defaultdict(list)
    columns = (reports["lane_name"], local, reports["report_id"], reports["category"])
    for lane, day, report, category in zip(*columns, strict=True):
        if isinstance(lane, str):
            told[lane, day].append((report, category))
    return told


def _visit(
    number: int, day: pd.Timestamp, minute: int, target: _Target, rules: Rules,
    told: dict[tuple[str, str], list[tuple[str, str]]], rng: np.random.Generator,
) -> list[dict[str, Any]]:  # fmt: skip
    """The rows of one visit: one a finding, or a single one where nothing was found."""
    clean = day.day_of_week == 5 or (day.day_of_week == 4 and minute >= 15 * 60)
    mean = target.badness * (AFTER_FRIDAY if clean else 1.0) * rng.lognormal(0, 0.25)
    items = _ordinary(rules, target.kind)
    count = min(int(rng.poisson(mean)), len(items), int((target.habits > 0).sum()))
    chosen = rng.choice(len(items), count, replace=False, p=target.habits)
    found = [(items[int(k)], 1 + int(rng.poisson(0.5 + 0.15 * target.badness))) for k in chosen]
    sheet = rules.of_kind[target.kind]
    red = [i for i in sheet.items if i.red_line is not None]
    if red and rng.random() < 0.004 * target.badness:
        found.append((red[int(rng.integers(len(red)))], 1))
    extra = [i for i in sheet.items if i.bonus]
    if extra and rng.random() < 0.03:
        found.append((extra[0], 1))
    date = day.strftime("%Y%m%d")
    about = {
        "date": date,
        "visit": f"D{date}-{number:04d}" if rng.random() < 0.9 else None,
        "unit": target.id if rng.random() < 0.15 else target.text,
        "kind": target.kind if rng.random() < 0.7 else None,
        "inspected_at": day + pd.Timedelta(minutes=minute),
        "level": _level(day, rng),
        "inspector": str(rng.choice(INSPECTORS)),
    }
    today = {category: report for report, category in told.get((target.text, date), [])}
    rows = [about | _finding(target, item, n, today, rng) for item, n in found]
    if not rows:
        rows = [about | _row(target, rng, item=None, findings=0, note="未发现问题")]
    return rows


def _finding(
    target: _Target, item: Item, count: int, today: dict[str, str], rng: np.random.Generator
) -> dict[str, Any]:
    """A finding, its item written by code, name or alias; a few words are no item at all."""
    chance = rng.random()
    word = item.name
    if chance < 0.1:
        word = item.code
    elif chance < 0.35 and item.aliases:
        word = str(rng.choice(item.aliases))
    elif chance > 0.995:
        word = str(rng.choice(UNKNOWN_WORDS))
    points = None
    if rng.random() < 0.01:
        points = -item.each if item.bonus else item.each * count + 1
    report = next((today[c] for c in item.reports if c in today), None)
    return _row(
        target, rng, item=word, findings=count, points=points, report_id=report,
        note=f"{item.name}{count}处",
    )  # fmt: skip


def _row(target: _Target, rng: np.random.Generator, **given: Any) -> dict[str, Any]:
    """The columns of a row that the visit does not state; half of those on lanes have a place."""
    place = None
    if target.shape is not None and rng.random() < 0.5:
        place = target.shape.interpolate(rng.uniform(0.05, 0.95), normalized=True)
    empty = {"item": None, "findings": 1, "points": None, "report_id": None, "photo": None}
    return empty | given | {"geometry": place}
