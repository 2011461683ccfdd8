"""Hot spots in words (热点清单): touching hot units as one place, with what is known of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.stats

from cwmap import figures
from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.tables import ROLE
from cwmap.town import Town
from cwmap.trends.hotspots import (
    UNIT_WORDS,
    USUAL,
    Hotspots,
    Method,
    hotspots,
    merged,
    neighbours,
    patrol_sources,
)
from geo.hotspots import mann_kendall

TREND_WEEKS, LEAST_WEEKS = 26, 8
"""Weeks that a trend looks back at most, and that it needs."""
CHANCE = 0.05
_MAIN_LANES, _MAIN_SHARE, _CATEGORIES = 3, 0.15, 3
_STUMP = 15  # days
_DUTIES = ["lane", "role", "person", "until"]
_FIRST_ROLES = ("grid_officer", "cleaner", "secretary", "leader", "unit")

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Spot:
    """Touching units that are hot by shuffling (`Hotspots.confirmed`), of a town and a period.

    expected: what the units would have at the town's average. confidence: 99, 95 or 90, of its
    surest unit. since: first day of the month from which on every month (but for single ones) had
    more than the town's average of that month, beyond the chance of a Poisson count (5 %); None if
    the last month had not. Less than 15 days of a month count with the month beside them. trend: -1
    falls, 1 rises, 0 neither, None too short to tell; Mann–Kendall of the last weeks, p ≤ 5 %.
    categories, sources: names with counts, most first. people: role and name of those in charge of
    its main lanes. around: reports in the units that touch it, and how many these are. bias: whether
    patrols and others both find it, in words.
    """

    rank: int
    name: str
    unit_ids: tuple[str, ...]
    lane_ids: tuple[str, ...]
    reports: int
    expected: float
    confidence: int
    categories: tuple[tuple[str, int], ...]
    sources: tuple[tuple[str, int], ...]
    since: date | None
    since_words: str
    trend: int | None
    trend_words: str
    around: tuple[int, int]
    people: tuple[tuple[str, str], ...]
    bias: str
    sentence: str

    @property
    def ratio(self) -> float:
        """Reports against the town's average."""
        return self.reports / self.expected


@dataclass(frozen=True)
class Spots:
    """Hot spots, the one with most reports beyond the average first; cold ones in one sentence."""

    items: tuple[Spot, ...]
    summary: str
    cold: str
    found: Hotspots


@dataclass(frozen=True)
class _Scan:
    """Reports of the filter up to the end of the period: of which spot each is, −1 of none.

    number: positions in the town's reports, rising; from `first` on they are in the period. months:
    its first day, for each month of `month`. The last axis of the counts is month, or week.
    """

    number: npt.NDArray[np.intp]
    spot: npt.NDArray[np.intp]
    first: int
    month: list[date]
    by_month: Ints
    all_by_month: Ints
    by_week: Ints


def kept_spots(town: Town, workspace: Workspace, question: Filter, method: Method = USUAL) -> Spots:
    """The hot spots of a filter with those in charge of their lanes; kept with the town."""

    def make() -> Spots:
        return spots(town, question, method, workspace.read("duties", _DUTIES))

    return town.kept(("spots", question, method), make)


def spots(
    town: Town, question: Filter, method: Method = USUAL, duties: pd.DataFrame | None = None
) -> Spots:  # fmt: skip
    """The hot spots of a filter. `duties`: rows of the table, columns lane, role, person, until."""
    found = hotspots(town, question, method)
    if found.refused:
        return Spots((), f"没有热点清单：{found.refused}。", "", found)
    adjacency = neighbours(town, method)
    member = merged(_of_side(found, "hot"), adjacency)
    count = int(member.max(initial=-1)) + 1
    scan = _scan(town, found, member, count)
    people = _people(town, duties, _end(town, found.question))
    made = [
        _spot(town, found, adjacency, member == k, scan, k, people) for k in range(count)
    ]  # fmt: skip
    made.sort(key=lambda s: (-(s["reports"] - s["expected"]), s["unit_ids"]))
    named: dict[str, int] = {}
    for entry in made:  # no two of one name
        named[entry["name"]] = number = named.get(entry["name"], 0) + 1
        entry["name"] += f"（{number}）" if number > 1 else ""
    items = tuple(
        Spot(rank=rank, sentence=_sentence(town, found, s), **s) for rank, s in enumerate(made, 1)
    )
    return Spots(items, _summary(town, found, items), _cold(found, adjacency), found)


def _of_side(found: Hotspots, side: str) -> npt.NDArray[np.bool_]:
    return np.asarray(found.units["confirmed"].str.startswith(side), bool)


def _end(town: Town, question: Filter) -> date:
    return min(question.end or town.as_of, town.as_of)


def _scan(town: Town, found: Hotspots, member: npt.NDArray[np.intp], count: int) -> _Scan:
    question, reports = found.question, town.reports
    to_end = Filter(
        end=_end(town, question), category=question.category, status=question.status, source=question.source
    )  # fmt: skip
    number = town.selected(town.view(to_end))
    unit = reports.place[found.method.units][number]
    number, unit = number[unit >= 0], unit[unit >= 0]
    spot, day = member[unit], reports.day[number].astype(np.int64)
    start = (question.start - town.first_day).days if question.start else 0
    last = (_end(town, question) - town.first_day).days
    months, month_of_day = _months(town.first_day, last + 1)
    month = month_of_day[day]
    weeks = min((last + 1) // 7, TREND_WEEKS)
    ago = (last - day) // 7
    recent = (spot >= 0) & (ago < weeks)
    return _Scan(
        number, spot, int(np.searchsorted(day, start)), months,
        _table(spot[spot >= 0], month[spot >= 0], count, len(months)),
        np.bincount(month, minlength=len(months)),
        _table(spot[recent], weeks - 1 - ago[recent], count, weeks),
    )  # fmt: skip


def _months(first: date, days: int) -> tuple[list[date], Ints]:
    """First days of the months, and the month of each day; a stump of one counts with the next."""
    periods = pd.date_range(first, periods=days).to_period("M")
    known, month = np.unique(periods, return_inverse=True)
    months = [m.start_time.date() for m in known]
    size = np.bincount(month)
    if len(months) > 1 and size[-1] < _STUMP:
        months.pop()
        month = np.minimum(month, len(months) - 1)
    if len(months) > 1 and size[0] < _STUMP:
        del months[1]  # under the name of the first, where the records begin
        month = np.maximum(month - 1, 0)
    return months, month.astype(np.int64)


def _table(row: Any, column: Any, rows: int, columns: int) -> Ints:
    flat = np.bincount(row * columns + column, minlength=rows * columns)
    return np.asarray(flat.reshape(rows, columns))


def _spot(
    town: Town, found: Hotspots, adjacency: Any, inside: npt.NDArray[np.bool_], scan: _Scan, k: int,
    people: dict[str, list[tuple[str, str]]],
) -> dict[str, Any]:  # fmt: skip
    units, reports = found.units[inside], town.reports
    mine = scan.number[scan.first :][scan.spot[scan.first :] == k]
    main = _main_lanes(town, mine)
    around = (adjacency[inside].sum(axis=0) > 0) & ~inside
    total, expected = int(found.units["reports"].sum()), float(units["expected"].sum())
    since, since_words = _since(
        scan.by_month[k], scan.all_by_month * (expected / total), scan.month
    )
    trend, trend_words = _trend(scan.by_week[k])
    sources = _most(reports.source[mine], pd.Index(town.sources))
    return {
        "name": spot_name(town, mine, found.method.units, units.index[0]),
        "unit_ids": tuple(units.index), "lane_ids": tuple(main), "reports": len(mine),
        "expected": expected,
        "confidence": max(int(c.removeprefix("hot")) for c in units["confirmed"]),
        "categories": tuple(
            (town.categories.name(c), n)
            for c, n in _most(reports.category[mine], pd.Index(town.codes))
        ),
        "sources": tuple(sources), "since": since, "since_words": since_words, "trend": trend,
        "trend_words": trend_words,
        "around": (int(found.units["reports"][around].sum()), int(around.sum())),
        "people": tuple(dict.fromkeys(p for lane in main for p in people.get(lane, []))),
        "bias": _bias(town, found, dict(sources), expected / total),
    }  # fmt: skip


def _most(codes: npt.NDArray[np.int32], words: pd.Index) -> list[tuple[str, int]]:
    counts = np.bincount(codes[codes >= 0], minlength=len(words))
    return [
        (str(words[i]), int(counts[i])) for i in np.argsort(-counts, kind="stable") if counts[i]
    ]


def _main_lanes(town: Town, mine: npt.NDArray[np.intp]) -> list[str]:
    """Lanes with a good part of these reports, else the two with most."""
    lanes = _most(town.reports.place["lanes"][mine], town.layers["lanes"].index)
    main = [i for i, n in lanes[:_MAIN_LANES] if n >= _MAIN_SHARE * len(mine)]
    return main or [i for i, _ in lanes[:2]]


def spot_name(town: Town, mine: npt.NDArray[np.intp], layer: str, first: str) -> str:
    """What to call the place of some reports (their positions); `first`: a unit of `layer` there.

    The area with half of the reports, else the community with most; then the main lanes.
    """
    areas = _most(town.reports.place["areas"][mine], town.layers["areas"].index)
    villages = _most(town.reports.place["communities"][mine], town.layers["communities"].index)
    parts = []
    if areas and 2 * areas[0][1] >= len(mine):
        parts.append(figures.place_name(town, "areas", areas[0][0]))
    elif villages:
        parts.append(figures.place_name(town, "communities", villages[0][0]))
    lanes = dict.fromkeys(
        figures.place_name(town, "lanes", lane) for lane in _main_lanes(town, mine)[:2]
    )
    parts.append("、".join(lanes) or figures.place_name(town, layer, first))
    return "·".join(parts) + "一带"


def _since(counts: Ints, expected: Floats, months: list[date]) -> tuple[date | None, str]:
    above = scipy.stats.poisson.sf(counts - 1, expected) <= CHANCE
    if not above[-1]:
        return None, "最近一个月没有明显多于全镇平均"
    # Back over single months between, to the first of two that were not above.
    low = np.flatnonzero(~above[:-1] & ~np.r_[True, above[:-2]]) if len(above) > 1 else np.array([])
    begin = int(low[-1]) + 1 if len(low) else 0
    begin += int(np.argmax(above[begin:]))
    if begin == 0:
        return months[0], f"自有记录（{months[0]:%Y-%m}）以来持续"
    return months[begin], f"自 {months[begin]:%Y-%m} 起持续"


def _trend(weeks: Ints) -> tuple[int | None, str]:
    if len(weeks) < LEAST_WEEKS:
        return None, f"记录不足 {LEAST_WEEKS} 周，无法判断升降"
    found = mann_kendall(weeks[None])
    way = int(np.sign(found.s[0])) if found.p[0] <= CHANCE else 0
    half = len(weeks) // 2
    words = {-1: "在下降", 0: "没有明显升降", 1: "在上升"}[way]
    return way, (
        f"近 {len(weeks)} 周{words}（前 {half} 周每周 {weeks[:half].mean():.1f} 件，"
        f"后 {len(weeks) - half} 周每周 {weeks[half:].mean():.1f} 件）"
    )


def _bias(town: Town, found: Hotspots, sources: dict[str, int], share: float) -> str:
    """Whether both patrols and everybody else report more here than elsewhere."""
    patrols = patrol_sources(town)
    view = town.view(found.question)
    everywhere = dict(
        zip(town.sources, town.cube.by_sort(view.rows, "source", len(town.sources)), strict=True)
    )
    above, parts = [], []
    for word, mine in (
        ("巡查类", patrols),
        ("其他来源", [s for s in town.sources if s not in patrols]),
    ):
        count = sum(sources.get(s, 0) for s in mine)
        expected = share * sum(int(everywhere[s]) for s in mine)
        if expected:
            parts.append(f"{word} {count} 件（按全镇平均应为 {_number(expected)} 件）")
            above.append((word, bool(scipy.stats.poisson.sf(count - 1, expected) <= CHANCE)))
    facts = "，".join(parts)
    if len(above) < 2:
        return f"{facts}；只有一类来源，无法排除上报多少的影响" if above else "没有来源记录"
    if all(yes for _, yes in above):
        return f"{facts}；两类来源都偏多，不像只是有人多报"
    more = "、".join(word for word, yes in above if yes)
    return f"{facts}；{f'只有{more}偏多，可能与上报习惯有关' if more else '分开看都不明显'}"


def _people(town: Town, duties: pd.DataFrame | None, day: date) -> dict[str, list[tuple[str, str]]]:
    """Those in charge by lane id. A lane is given by id, or by a name that only one lane has."""
    found: dict[str, list[tuple[str, str]]] = {}
    if duties is None or duties.empty:
        return found
    names = town.layers["lanes"]["name"]
    single = names[~names.duplicated(keep=False)]
    ids = {str(name): str(lane) for lane, name in single.items()} | {
        str(i): str(i) for i in names.index
    }
    rows = duties[duties["person"].notna() & duties["lane"].isin(list(ids))]
    if "until" in rows:
        rows = rows[~(rows["until"] < pd.Timestamp(day))]
    order = {role: i for i, role in enumerate(_FIRST_ROLES)}
    rows = rows.assign(order=rows["role"].map(order).fillna(len(order))).sort_values(
        ["order", "person"], kind="stable"
    )
    for lane, role, person in zip(rows["lane"], rows["role"], rows["person"], strict=True):
        found.setdefault(ids[str(lane)], []).append((ROLE.shown(str(role)), str(person)))
    return found


def _sentence(town: Town, found: Hotspots, s: dict[str, Any]) -> str:
    corrected = "已作多重检验校正" if found.method.fdr else "未作多重检验校正"
    main = "、".join(f"{name} {n} 件" for name, n in s["categories"][:_CATEGORIES])
    who = "、".join(f"{role} {person}" for role, person in _first(s["people"]))
    count = (
        f"{s['name']}：{_period(town, found.question)}共 {s['reports']:,} 件，按全镇平均应为 "
        f"{_number(s['expected'])} 件（{s['reports'] / s['expected']:.1f} 倍，{s['confidence']}% 置信，{corrected}）"
    )
    return f"{count}；主要是{main}；{s['since_words']}；{who or '责任台账里没有对应的责任人'}"


def _first(people: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The role nearest to the street, and at most two of its people."""
    people = list(people)
    return [p for p in people if p[0] == people[0][0]][:2]


def _period(town: Town, question: Filter) -> str:
    end = _end(town, question)
    start = max(question.start or town.first_day, town.first_day)
    if question.start and end == town.as_of:
        return f"近 {(end - start).days + 1} 天"
    return f"{start} 至 {end}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _summary(town: Town, found: Hotspots, items: tuple[Spot, ...]) -> str:
    each, unit = UNIT_WORDS[found.method.units]
    period = _period(town, found.question)
    if not items:
        return f"{period}没有经得起检验的热点：问题的分布与偶然没有明显差别。"
    inside, total = sum(s.reports for s in items), int(found.units["reports"].sum())
    size = sum(len(s.unit_ids) for s in items)
    return (
        f"{period}有 {len(items)} 处热点，占 {size} {each}{unit}（全镇 {len(found.units):,} {each}），"
        f"集中了 {total:,} 件中的 {inside:,} 件，按全镇平均应为 {_number(sum(s.expected for s in items))} 件。"
    )


def _cold(found: Hotspots, adjacency: Any) -> str:
    each, unit = UNIT_WORDS[found.method.units]
    member = merged(_of_side(found, "cold"), adjacency)
    units = found.units[member >= 0]
    if units.empty:
        return "没有经得起检验的冷点。"
    return (
        f"冷点 {int(member.max()) + 1} 处，共 {len(units)} {each}{unit}，{units['reports'].sum():,} 件，"
        f"按全镇平均应为 {_number(float(units['expected'].sum()))} 件；问题少可能是真少，也可能是少有人去查。"
    )
