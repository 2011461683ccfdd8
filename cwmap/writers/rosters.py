"""Rows of the layers that say who answers for a place and how it was scored: duties and ranking."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from cwmap import units
from cwmap.assessment import assessment, rewards, scoring
from cwmap.assessment.assessment import Period
from cwmap.duties import duties
from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.tables import COMMUNITIES, DUTIES, REPORTS, UNIT_KIND, Column
from cwmap.town import Town

_UNIT = (
    Column("unit_id", "责任单元编号", "id"),
    Column("unit_kind", UNIT_KIND.label, "choice", labels=UNIT_KIND.labels),
    Column("name", "名称"),
)
COLUMNS: dict[str, tuple[Column, ...]] = {
    "duties": (
        DUTIES["duty_id"], REPORTS["lane_id"], DUTIES["role"], DUTIES["person"],
        DUTIES["organisation"], DUTIES["post"], DUTIES["duty"], DUTIES["hours"], DUTIES["standard"],
        Column("complete", "五定齐全", "choice", labels={"yes": "是", "no": "否"}),
        Column("standing", "到位情况", "choice", labels=duties.WORDS),
        DUTIES["since"], DUTIES["until"], *_UNIT,
    ),
    "ranking": (
        Column("period", "考核期"), *_UNIT, Column("score", "得分", "number"),
        Column("rank", "名次", "integer"), Column("reward", "奖惩", "number", unit="分"),
        Column("deductions", "扣分", "number"), Column("group", "比较组"),
        Column("visits", "检查次数", "integer"), Column("findings", "问题处数", "integer"),
        COMMUNITIES["community_id"],
    ),
}  # fmt: skip
"""Layer → its columns. unit_id: `layer/id`, see `cwmap.units`."""


def roster_rows(town: Town, workspace: Workspace, layer: str, question: Filter) -> pd.DataFrame:
    """Rows of `duties` or `ranking` at the end of the filter's period: `COLUMNS` and geometry.

    duties: the register's rows in force on that day, with the shape of the lane or other unit.
    ranking: units visited in `period_of` the filter, with theirs; reward is NaN in a week.
    """
    if layer == "duties":
        rows = _duties(town, last_day(town, question))
    else:
        rows = _ranking(town, workspace, period_of(town, question))
    shapes = units.units(town).geometry.reindex(rows["unit_id"])
    return rows.assign(geometry=shapes.to_numpy(object))


def last_day(town: Town, question: Filter) -> date:
    """The day of a register that a filter means."""
    return min(question.end or town.as_of, town.as_of)


def period_of(town: Town, question: Filter) -> Period:
    """The week of a filter that begins and ends in one week, else the month of its last day."""
    day = last_day(town, question)
    week = assessment.week_of(day)
    if question.start and week.first <= question.start:
        return week
    return assessment.month_of(day)


def roster_scope(town: Town, layer: str, question: Filter) -> str:
    """Of which day or period the rows are, in one line."""
    if layer == "ranking":
        period = period_of(town, question).label
        return f"考核期 {period}，由筛选的起止日决定，其他条件不影响；没有检查的单元不在其中"
    return f"{last_day(town, question)} 在岗的责任人；筛选里只看截止日，其他条件不影响"


def roster_notes(town: Town, layer: str, question: Filter) -> tuple[str, ...]:
    """What is not among the rows, beyond `roster_scope`."""
    if layer == "ranking":
        return ()
    without = (duties.lane_labels(town, "complete", last_day(town, question)) == "none").sum()
    unknown = len(duties.register(town).unknown)
    notes = [f"{without:,} 条巷道没有登记责任人，不在其中"] if without else []
    notes += [f"台账里有 {unknown:,} 行的地点不在图上，未写入"] if unknown else []
    return tuple(notes)


def _duties(town: Town, day: date) -> pd.DataFrame:
    rows = duties.register(town).on(day).rename(columns={"unit": "unit_id", "kind": "unit_kind"})
    standing = duties.labels(town, "complete", day)
    zone = town.settings.timezone
    return rows.assign(
        complete=np.where(rows["complete"], "yes", "no"),
        standing=rows["unit_id"].map(standing),
        since=rows["since"].dt.tz_localize(zone), until=rows["until"].dt.tz_localize(zone),
    ).reset_index(drop=True)  # fmt: skip


def _ranking(town: Town, workspace: Workspace, period: Period) -> pd.DataFrame:
    rules = scoring.load(workspace.folder, town.categories)
    if period == assessment.month_of(period.first):
        given = rewards.load(workspace.folder)
        frame = assessment.month(town, rules, given, period.last).ranking
    else:
        frame = assessment.ranking(town, rules, period).assign(reward=np.nan)
    return frame.reset_index(drop=True)
