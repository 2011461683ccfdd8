"""Visits (检查): the rows of the inspections that belong together, and the points they cost.

Every point leads back to the inspections and reports that it comes from.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cwmap.assessment.scoring import FULL, LEVELS, Item, Rules
from cwmap.naming import plain
from cwmap.placing import communities_of
from cwmap.reports import STATUSES
from cwmap.tables import UNIT_KIND
from cwmap.town import Town
from cwmap.units import find, units

OTHER = "其他"
"""The part of points that an inspector stated without an item of the rules."""
_REJECTED = STATUSES.index("rejected")


@dataclass(frozen=True)
class Visits:
    """All visits of a town under some rules.

    frame: one row a visit, in order of time, index 0, 1, …: unit (`layer/id`, None where unknown),
    name, kind, sheet, group, community_id, inspected_at and day (local time, without zone), level, weight,
    score (0 to 100; NaN where no category applies), red (a red line broken), findings.
    findings: one row a visit and item, or a row with stated points: visit, code, item, part, bonus,
    findings, asked (points by the rules, before caps), item_cap, part_cap, stated (points as an
    inspector wrote them), points (what counts; below 0 for a bonus), capped, red_line,
    inspections and reports (tuples of ids).
    cost: points that each visit costs before bonuses and the floor of 0, same index as frame.
    problems: what could not be taken as written: inspection_id, problem, day.
    """

    frame: pd.DataFrame
    findings: pd.DataFrame
    cost: pd.Series
    problems: pd.DataFrame


def visits(town: Town, rules: Rules) -> Visits:
    """The visits of a town; read once for each version of the rules."""
    return town.kept(("visits", rules.version), lambda: _visits(town, rules))


def located(town: Town) -> pd.DataFrame:
    """Units as `cwmap.units.units` without geometry, each with the community that it lies in."""
    return town.kept("located units", lambda: _located(town))


def places(town: Town, rules: Rules) -> pd.DataFrame:
    """Units as `located`, with the sheet that they are assessed by and the group they compare in."""
    return town.kept(("assessed units", rules.version), lambda: _places(town, rules))


def between(seen: Visits, first: date, last: date) -> pd.DataFrame:
    """The visits of the days from first to last."""
    day = seen.frame["day"]
    a, b = day.searchsorted([pd.Timestamp(first), pd.Timestamp(last) + pd.Timedelta(days=1)])
    return seen.frame.iloc[a:b]


def findings_of(seen: Visits, chosen: pd.DataFrame) -> pd.DataFrame:
    """The findings of some visits, with the visit's columns unit, name, kind, community_id, day."""
    mine = seen.findings[seen.findings["visit"].isin(chosen.index)]
    about = chosen[["unit", "name", "kind", "community_id", "day"]]
    return mine.join(about.rename(columns={"name": "unit_name"}), on="visit")


def with_points(findings: pd.DataFrame, factor: npt.ArrayLike = 1.0) -> pd.DataFrame:
    """Findings with their points: each item up to its cap, then each part up to its own.

    findings: ordered by visit and, within it, as the rules list the items. factor: by which what is
    asked is multiplied first, one number or (n,). Stated points stand beside the caps.
    """
    asked = findings["asked"] * np.asarray(factor, float)
    item = np.minimum(asked, findings["item_cap"])
    run = item.groupby([findings["visit"], findings["part"]]).cumsum()
    most = findings["part_cap"]
    counted = (np.minimum(run, most) - np.minimum(run - item, most)).round(6)
    sign = np.where(findings["bonus"], -1.0, 1.0)
    points = sign * counted + findings["stated"]
    return findings.assign(points=points, capped=counted < asked - 1e-6)


def scores(findings: pd.DataFrame, count: int) -> npt.NDArray[np.float64]:
    """Score of the visits 0 … count − 1, (count,): from 0 to 100, and not above a red line."""
    at = findings["visit"].to_numpy()
    lost = np.bincount(at, findings["points"].to_numpy(float), minlength=count)
    score = np.clip(FULL - lost, 0, FULL)
    limit = np.full(count, FULL)
    np.minimum.at(limit, at, findings["red_line"].fillna(FULL).to_numpy(float))
    return np.asarray(np.minimum(score, limit).round(2))


def _places(town: Town, rules: Rules) -> pd.DataFrame:
    frame = located(town)
    group = [
        rules.length_class(k, m) for k, m in zip(frame["kind"], frame["length_m"], strict=True)
    ]
    sheet = [rules.of_kind[kind].key for kind in frame["kind"]]
    return frame.assign(sheet=sheet, group=group)


def _located(town: Town) -> pd.DataFrame:
    frame = units(town)
    missing = (frame["community_id"].isna() & frame.geometry.notna()).to_numpy()
    homes = frame["community_id"].to_numpy(object).copy()
    if missing.any():
        communities = town.layers["communities"].reset_index()
        homes[missing] = communities_of(frame[missing], communities, town.settings.crs)
    return pd.DataFrame(frame.drop(columns="geometry")).assign(community_id=homes)


class _Problems:
    def __init__(self) -> None:
        self.rows: list[tuple[str, str]] = []

    def add(self, ids: Iterable[str], text: str) -> None:
        self.rows += [(i, text) for i in ids]


def _visits(town: Town, rules: Rules) -> Visits:
    problems = _Problems()
    rows = _rows(town, rules, problems)
    frame = _frame(rows, places(town, rules), rules)
    found = _itemised(town, rules, rows, problems)
    patrol = _patrol(town, rules, frame, rows)
    findings = with_points(_findings(rules, found, patrol))
    score = scores(findings, len(frame))
    score[frame["sheet"].isna()] = np.nan
    red = np.zeros(len(frame), bool)
    red[findings.loc[findings["red_line"].notna(), "visit"]] = True
    total = np.bincount(findings["visit"], findings["findings"], minlength=len(frame))
    lost = findings["points"].clip(lower=0).to_numpy(float)
    cost = pd.Series(np.bincount(findings["visit"], lost, minlength=len(frame)), frame.index)
    listed = pd.DataFrame(problems.rows, columns=["inspection_id", "problem"]).astype(object)
    listed["day"] = rows.set_index("inspection_id")["day"].reindex(listed["inspection_id"]).array
    return Visits(
        frame.assign(score=score, red=red, findings=total.astype(int)), findings, cost,
        listed.sort_values(["inspection_id", "problem"], ignore_index=True),
    )  # fmt: skip


def _rows(town: Town, rules: Rules, problems: _Problems) -> pd.DataFrame:
    """The inspections with their unit, kind, local time and visit, in order of time."""
    table = town.registers["inspections"]
    names = (
        "inspection_id", "visit", "unit", "kind", "level", "item", "findings", "points", "report_id",
    )  # fmt: skip
    rows = pd.DataFrame({name: table[name].to_numpy(object) for name in names})
    utc = pd.Series(pd.to_datetime(table["inspected_at"]).to_numpy())
    local = utc.dt.tz_localize(UTC).dt.tz_convert(town.settings.timezone).dt.tz_localize(None)
    found = find(town, rows["unit"]).to_numpy(object)
    kinds = places(town, rules)["kind"]
    stated = rows["kind"].where(rows["kind"].notna(), None)
    own = pd.Series(found, dtype=object).map(kinds.to_dict()).to_numpy(object)
    known = pd.notna(found)
    rows = rows.assign(
        text=rows["unit"], unit=found, at=local, day=local.dt.floor("D"),
        kind=np.where(known, own, stated.to_numpy(object)),
    )  # fmt: skip
    for text, mine in rows[~known].groupby("text"):
        problems.add(
            mine["inspection_id"],
            f"检查对象“{text}”不在巷道、责任单元和设施里，或有重名；得分不进排名，请改用编号或全名",
        )
    none = rows["kind"].isna()
    problems.add(rows.loc[none, "inspection_id"], "不知道按哪一类考核，没有评分；请填写检查类别")
    differs = known & stated.notna().to_numpy() & (stated.to_numpy(object) != own)
    for at in np.flatnonzero(differs):
        problems.add(
            [rows["inspection_id"][at]],
            f"检查类别写的是{UNIT_KIND.shown(stated[at])}，“{rows['text'][at]}”是"
            f"{UNIT_KIND.shown(own[at])}；按后者考核",
        )
    return _numbered(rows)


def _numbered(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with the number of their visit: of one batch, unit and day, else of one unit and moment."""
    who = rows["unit"].where(rows["unit"].notna(), "?" + rows["text"].map(plain))
    batch = rows["visit"].where(rows["visit"].notna(), "").astype(object)
    when = rows["day"].where(batch != "", rows["at"])
    keyed = rows.assign(who=who, batch=batch, when=when)
    keyed["begin"] = keyed.groupby(["batch", "who", "when"])["at"].transform("min")
    keyed = keyed.sort_values(["begin", "who", "batch", "inspection_id"], ignore_index=True)
    keyed["visit"] = keyed.groupby(["batch", "who", "when"], sort=False).ngroup()
    return keyed.drop(columns=["who", "batch", "when"])


def _frame(rows: pd.DataFrame, known: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """One row a visit, without what it found."""
    level = rows["level"].where(rows["level"].notna(), LEVELS[0])
    weight = level.map(rules.levels).astype(float)
    # Two levels in one visit: the weightier one.
    best = rows.assign(level=level, weight=weight, place=level.map(LEVELS.index))
    best = best.sort_values(["visit", "weight", "place"], ascending=[True, False, False])
    frame = best.drop_duplicates("visit").set_index("visit")
    frame.index.name = None
    about = known.reindex(frame["unit"])
    sheets = {kind: sheet.key for kind, sheet in rules.of_kind.items()}
    there = frame["unit"].notna().to_numpy()
    return pd.DataFrame(
        {
            "unit": frame["unit"],
            "name": np.where(there, about["name"].to_numpy(object), frame["text"].to_numpy(object)),
            "kind": frame["kind"],
            "sheet": frame["kind"].map(sheets),
            "group": about["group"].to_numpy(object),
            "community_id": about["community_id"].to_numpy(object),
            "inspected_at": frame["begin"], "day": frame["begin"].dt.floor("D"),
            "level": frame["level"], "weight": frame["weight"],
        },
        index=frame.index,
    )  # fmt: skip


def _itemised(town: Town, rules: Rules, rows: pd.DataFrame, problems: _Problems) -> pd.DataFrame:
    """Rows that found something: visit, code ("" for none), number, points, ids."""
    rows = rows[rows["kind"].notna()]
    written = rows["item"].map(lambda text: text.strip() if isinstance(text, str) else "")
    meant = {
        key: rules.find(*key, town.categories) for key in set(zip(rows["kind"], written, strict=True))
        if key[1]
    }  # fmt: skip
    items = [meant.get(key) for key in zip(rows["kind"], written, strict=True)]
    points = pd.to_numeric(rows["points"]).to_numpy(float)
    number = pd.to_numeric(rows["findings"]).fillna((written != "").astype(float)).to_numpy(float)
    has = np.array([item is not None for item in items], bool)
    stated = np.isfinite(points)
    _say(rows, written, has, stated, number, problems)
    bonus = np.array([bool(item and item.bonus) for item in items], bool)
    problems.add(
        rows.loc[bonus & (np.nan_to_num(points) > 0), "inspection_id"],
        "加分项目填了正的分值，按扣分计；加分请填负数或留空",
    )
    counts = (has & (number > 0) & ~stated) | (stated & (points != 0))
    found = pd.DataFrame(
        {
            "visit": rows["visit"], "code": [item.code if item else "" for item in items],
            "number": number, "stated": points, "inspection_id": rows["inspection_id"],
            "report_id": rows["report_id"],
        }
    )  # fmt: skip
    return found[counts]


def _say(
    rows: pd.DataFrame, written: pd.Series, has: npt.NDArray[np.bool_],
    stated: npt.NDArray[np.bool_], number: npt.NDArray[np.float64], problems: _Problems,
) -> None:  # fmt: skip
    """List the rows whose item is unknown or missing."""
    ids = rows["inspection_id"]
    unknown = (written != "").to_numpy() & ~has
    for at in np.flatnonzero(unknown):
        what = f"按所填的 {rows['points'].iloc[at]:g} 分计" if stated[at] else "没有扣分"
        kind = UNIT_KIND.shown(rows["kind"].iloc[at])
        problems.add(
            [ids.iloc[at]],
            f"“{written.iloc[at]}”不是{kind}考核细则里的项目，{what}；请改用编号或名称，或在细则里加为别名",
        )
    empty = (written == "").to_numpy()
    problems.add(ids[empty & stated], "没有写扣分项目，按所填的分值计")
    problems.add(
        ids[empty & ~stated & (number > 0)], "写了处数但没有扣分项目，没有扣分；请补上项目"
    )


def _patrol(
    town: Town, rules: Rules, frame: pd.DataFrame, rows: pd.DataFrame
) -> list[tuple[int, str, str]]:
    """Visit, item and id of each patrol report that is a finding of a visit.

    On the day of the visit, on its lane, of a source and category that the rules name, not rejected,
    and not entered as an inspection's own finding anywhere. Of two visits of a day, the first has it.
    """
    told = town.reports
    sources = [i for i, s in enumerate(told.sources) if s in rules.patrol]
    lanes = town.layers["lanes"].index
    chosen = np.isin(told.source, sources) & (told.status != _REJECTED)
    chosen &= told.place["lanes"] >= 0
    entered = set(rows["report_id"].dropna())
    on_lanes = frame[frame["unit"].str.startswith("lanes/", na=False)]
    days = (on_lanes["day"] - pd.Timestamp(told.first_day)).dt.days
    first: dict[tuple[str, int], int] = {}
    for visit, unit, day in zip(on_lanes.index, on_lanes["unit"], days, strict=True):
        first.setdefault((unit, day), visit)
    taken = []
    for at in np.flatnonzero(chosen & np.isin(told.day, list(set(days)))):
        visit = first.get((f"lanes/{lanes[told.place['lanes'][at]]}", int(told.day[at])))
        if visit is None or told.ids[at] in entered:
            continue
        items = rules.of_kind[frame["kind"][visit]].of_report
        item = items.get(told.codes[told.category[at]])
        if item is not None:
            taken.append((visit, item.code, str(told.ids[at])))
    return taken


def _findings(
    rules: Rules, found: pd.DataFrame, patrol: list[tuple[int, str, str]]
) -> pd.DataFrame:
    """What was found, one row a visit and item; stated points in rows of their own.

    A patrol's report and an inspector's row of the same item and day, which no id joins, may be the
    same rubbish: the larger number counts, not the sum.
    """
    gathered: dict[tuple[int, str], _Gathered] = defaultdict(_Gathered)
    lines: list[dict[str, Any]] = []
    for visit, code, number, stated, inspection, report in found.itertuples(index=False):
        reports = (report,) if isinstance(report, str) else ()
        if np.isfinite(stated):
            line = _line(rules, visit, code, max(number, 0), (inspection,), reports)
            lines.append(line | {"asked": 0.0, "stated": float(stated)})
        else:
            gathered[visit, code].add(number, inspection, reports)
    for visit, code, report in patrol:
        gathered[visit, code].patrol.append(report)
    for (visit, code), one in gathered.items():
        ids = tuple(sorted(set(one.reports) | set(one.patrol)))
        line = _line(rules, visit, code, one.number, tuple(one.inspections), ids)
        lines.append(line | {"asked": one.number * rules.items[code].each, "stated": 0.0})
    order = {code: n for n, code in enumerate(rules.items)}
    lines.sort(key=lambda row: (row["visit"], order.get(row["code"], -1), row["inspections"]))
    return pd.DataFrame(lines, columns=list(_TYPES)).astype(_TYPES)


_TYPES = {
    "visit": int, "code": object, "item": object, "part": object, "bonus": bool, "findings": float,
    "item_cap": float, "part_cap": float, "red_line": float, "inspections": object,
    "reports": object, "asked": float, "stated": float,
}  # fmt: skip


class _Gathered:
    """What one visit found of one item."""

    def __init__(self) -> None:
        self.joined = self.alone = 0.0
        self.inspections: list[str] = []
        self.reports: list[str] = []
        self.patrol: list[str] = []

    def add(self, number: float, inspection: str, reports: tuple[str, ...]) -> None:
        if reports:
            self.joined += number
        else:
            self.alone += number
        self.inspections.append(inspection)
        self.reports += reports

    @property
    def number(self) -> float:
        return self.joined + max(self.alone, len(self.patrol))


def _line(
    rules: Rules, visit: int, code: str, number: float, inspections: tuple[str, ...],
    reports: tuple[str, ...],
) -> dict[str, Any]:  # fmt: skip
    item: Item | None = rules.items.get(code)
    return {
        "visit": visit, "code": code, "item": item.name if item else OTHER,
        "part": item.part if item else OTHER, "bonus": bool(item and item.bonus),
        "findings": number, "item_cap": item.cap if item else FULL,
        "part_cap": item.part_cap if item else FULL,
        "red_line": item.red_line if item and item.red_line is not None else np.nan,
        "inspections": inspections, "reports": reports,
    }  # fmt: skip
