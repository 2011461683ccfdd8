"""Indicators of the practice of GB/T 30428.4 (处置率, 按期处置率, 返工率 …), each with its counts.

The definitions, with every denominator, are in docs/tasks.md; the wording of the standard itself
could not be checked. Void tasks (作废) count nowhere but in their own rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from cwmap.cube import Mask
from cwmap.tasks.routing import Routing
from cwmap.tasks.steps import STATES
from cwmap.tasks.tasks import Tasks, tasks
from cwmap.town import Town
from cwmap.worktime import Moments

LABELS = {
    "handled": "处置率", "handled_in_time": "按期处置率", "closed": "结案率", "closed_in_time": "按期结案率",
    "overdue": "超期待处置率", "rework": "返工率", "extended": "延期率", "returned": "退回率", "void": "作废率",
}  # fmt: skip
"""Key → what it is called, in the order in which they are shown."""

_NEVER = np.datetime64("NaT", "us")


@dataclass(frozen=True)
class Rate:
    """A share that is never without its counts."""

    numerator: int
    denominator: int

    @property
    def share(self) -> float | None:
        """None where there is nothing to divide by: then there is no rate, not one of zero."""
        return self.numerator / self.denominator if self.denominator else None


@dataclass(frozen=True)
class Indicators:
    """Of a period: `overall` and each unit that had anything to do in it, by key of `LABELS`."""

    start: date
    end: date
    overall: dict[str, Rate]
    units: dict[str, dict[str, Rate]]

    def frame(self) -> pd.DataFrame:
        """A row a unit and the whole town first: unit, then <key>_n, <key>_of and <key> (NaN: none)."""
        rows = []
        for unit, rates in {"全镇": self.overall, **self.units}.items():
            row: dict[str, object] = {"unit": unit}
            for key, rate in rates.items():
                share = np.nan if rate.share is None else rate.share
                row |= {f"{key}_n": rate.numerator, f"{key}_of": rate.denominator, key: share}
            rows.append(row)
        return pd.DataFrame(rows)


def indicators(
    town: Town, events: pd.DataFrame, start: date, end: date, rules: Routing | None = None
) -> Indicators:
    """Indicators of the local days from `start` to `end`, both included.

    events: of all tasks (`cwmap.tasks.steps.events`). As things stand at the end of the period, or at the
    moment up to which the town's data tell (`Reports.until`) if that is first.
    """
    all_tasks = tasks(town, rules)
    zone = ZoneInfo(town.settings.timezone)
    first, after = (_utc(day, zone) for day in (start, end + timedelta(days=1)))
    until = min(after, town.reports.until)
    facts = _facts(town, all_tasks, events, first, until)
    owner, names = all_tasks.owner, all_tasks.owners
    units: dict[str, dict[str, Rate]] = {}
    sums = {
        key: tuple(np.bincount(owner[mask], minlength=len(names)) for mask in pair)
        for key, pair in facts.items()
    }
    within = events[((events["at"] >= first) & (events["at"] < until)).to_numpy(bool)]
    returns = _returns(all_tasks, within, facts["handled"][1])
    nothing = {key: Rate(0, 0) for key in LABELS}
    for at, name in enumerate(names):
        rates = {key: Rate(int(n[at]), int(of[at])) for key, (n, of) in sums.items()}
        units[name] = rates | {"returned": returns.pop(name, Rate(0, 0))}
    units |= {name: nothing | {"returned": rate} for name, rate in returns.items()}
    units = {
        unit: rates for unit, rates in units.items() if any(r.denominator for r in rates.values())
    }
    overall = {key: Rate(int(n.sum()), int(of.sum())) for key, (n, of) in facts.items()}
    ordered = {unit: {key: rates[key] for key in LABELS} for unit, rates in units.items()}
    return Indicators(start, end, overall, ordered)


def _facts(
    town: Town, all_tasks: Tasks, events: pd.DataFrame, first: np.datetime64, until: np.datetime64
) -> dict[str, tuple[Mask, Mask]]:
    """Of each indicator: which tasks count above and which below the line, the first among these."""
    reports, due, handled = town.reports, all_tasks.due, all_tasks.handled
    void = all_tasks.state == STATES.index("void")
    known = events[(events["at"] < until).to_numpy(bool)]
    closing = _closing(all_tasks, known)
    # Dealt with, but nobody knows when: it cannot be told to be of this period or in time.
    timeless = np.isin(all_tasks.state, [STATES.index(s) for s in ("checking", "closed")])
    timeless &= np.isnat(handled)
    usable = ~void & ~timeless & (reports.reported < until)
    in_period = usable & (handled >= first) & (handled < until)
    overdue = usable & (due < until) & ~(handled < until)
    to_handle = in_period | overdue
    closed_now = usable & (closing >= first) & (closing < until)
    to_close = closed_now | (usable & (due < until) & ~(closing < until))
    returned = usable & _with(all_tasks, known[known["at"] >= first], "return")
    reported = (reports.reported >= first) & (reports.reported < until)
    return {
        "handled": (in_period, to_handle),
        "handled_in_time": (in_period & (handled <= due), to_handle),
        "closed": (closed_now, to_close),
        "closed_in_time": (closed_now & (closing <= due), to_close),
        "overdue": (overdue, to_handle),
        "rework": (to_close & _with(all_tasks, known, "rework"), to_close),
        "extended": (to_handle & _with(all_tasks, known, "extend"), to_handle),
        "returned": (returned, to_handle | returned),
        "void": (reported & void, reported),
    }


def _closing(all_tasks: Tasks, events: pd.DataFrame) -> Moments:
    """When each closed task was closed: as done here, else when its report says it was dealt with."""
    closed = all_tasks.state == STATES.index("closed")
    closing: Moments = np.where(closed, all_tasks.handled, _NEVER)
    last = events[events["action"] == "close"].groupby("task_id")["at"].max()
    at = all_tasks.positions(last.index)
    at = at[closed[at]]
    closing[at] = last.loc[all_tasks.ids[at]].to_numpy()
    return closing


def _with(all_tasks: Tasks, events: pd.DataFrame, action: str) -> Mask:
    """Which tasks have an event of this kind."""
    mask = np.zeros(len(all_tasks), bool)
    mask[all_tasks.positions(events.loc[events["action"] == action, "task_id"])] = True
    return mask


def _returns(all_tasks: Tasks, events: pd.DataFrame, to_handle: Mask) -> dict[str, Rate]:
    """退回率 by the unit that returned the task, which need not have it any more.

    events: of the period.
    """
    owner, names = all_tasks.owner, all_tasks.owners
    own = np.bincount(owner[to_handle], minlength=len(names))
    rates = {name: Rate(0, int(own[at])) for at, name in enumerate(names)}
    for name, mine in events[events["action"] == "return"].groupby("owner")["task_id"]:
        sent_back = all_tasks.positions(mine)
        at = names.index(name) if name in names else -1
        gone = int((~to_handle[sent_back] | (owner[sent_back] != at)).sum())
        before = rates[name].denominator if name in rates else 0
        rates[name] = Rate(len(sent_back), before + gone)
    return rates


def _utc(day: date, zone: ZoneInfo) -> np.datetime64:
    local = datetime.combine(day, datetime.min.time(), zone)
    return np.datetime64(local.astimezone(UTC).replace(tzinfo=None), "us")
