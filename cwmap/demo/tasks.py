"""What became of the demo town's tasks: steps of the kinds that an office really has.

Most tasks leave no row: they stand where their report stands. Some were returned, reworked, given
more time, or have just been taken up; of these there is the row and every event.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# Shares of the tasks that their unit has had; and of those that nobody has sent out yet.
REWORKED, RETURNED, EXTENDED, PLAIN, STARTED = 0.05, 0.03, 0.04, 0.08, 0.45
ACCEPTED = 0.5
MOST = 20_000
"""Reports that have any steps in a large demo: the latest, about a year of a town."""
OFFICE = ("王某某", "马某某")
PEOPLE = ("李某某", "张某某", "赵某某", "杨某某", "何某某")
_REASONS = {
    "return": ("不属于本单位职责", "该路段已移交，请改派", "需产权单位处理"),
    "ask": ("等材料，雨后施工", "需协调产权单位", "工程车安排在后两天"),
    "rework": ("现场仍有残留", "没有恢复平整", "只清理了一半"),
    "fix": ("已清理完毕", "已修复", "已现场整改"),
}
_HELPER = "区城市管理局"
_MORE_S = 3 * 86400

Row = dict[str, Any]


def tasks_frame(
    reports: pd.DataFrame, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Table `tasks` and the events (`Change.record`) of the demo's last `MOST` reports.

    reports: columns report_id, status, department, reported_at, closed_at (naive UTC). The state of
    each row fits its report's status, the last event of each task leads to it, and no event lies
    before its report or after the last moment that the reports tell of. Deterministic by `rng`.
    """
    latest = reports.sort_values("reported_at", kind="stable").tail(MOST)
    reported, closed = (_seconds(latest[c]) for c in ("reported_at", "closed_at"))
    end = int(max(reported.max(), closed.max()))
    words = (latest[c].to_numpy(object) for c in ("report_id", "status", "department"))
    rows: list[Row] = []
    events: list[Row] = []
    chance = rng.random((len(latest), 4))
    for luck, *told in zip(chance, *words, reported.tolist(), closed.tolist(), strict=True):
        report = _Report(*told)
        mine = _steps(report.status, luck)
        if mine and (report.closed == _NEVER or report.closed > report.reported):
            done = _told(report, mine, end, rng)
            events += done
            rows.append(_row(report, done))
    done_frame = _frame(events, _EVENT).sort_values("at", kind="stable", ignore_index=True)
    return _frame(rows, _ROW), done_frame


class _Report(NamedTuple):
    """One report; its moments in seconds since 1970, `_NEVER` for none."""

    report_id: str
    status: str
    department: str
    reported: int
    closed: int


_NEVER = -1


def _seconds(times: pd.Series) -> NDArray[np.int64]:
    seconds = times.to_numpy("M8[s]")
    return np.where(np.isnat(seconds), _NEVER, seconds.astype(np.int64))


def _frame(rows: list[Row], names: list[str]) -> pd.DataFrame:
    """Rows as columns: times from seconds, missing words None."""
    frame = pd.DataFrame(rows, columns=names, dtype=object)
    for name in ("at", "due_at", "handled_at"):
        if name in frame:
            seconds = np.array([_NEVER if v is None else v for v in frame[name]], np.int64)
            times = seconds.astype("M8[s]").astype("M8[us]")
            times[seconds == _NEVER] = np.datetime64("NaT")
            frame[name] = times
    return frame


_ROW = ["task_id", "state", "owner", "helpers", "due_at", "handled_at", "handler", "note", "photo"]
_EVENT = ["task_id", "at", "who", "action", "old", "new", "owner", "due_at", "note", "photo"]


def _steps(status: str, luck: NDArray[np.float64]) -> list[tuple[str, str]]:
    """Steps and the states that they lead to; empty for a task of which nothing is stored."""
    if status == "open":
        return [("accept", "accepted")] if luck[0] < ACCEPTED else []
    if status == "rejected":
        return []
    returned, extended, reworked = luck[0] < RETURNED, luck[1] < EXTENDED, luck[2] < REWORKED
    started = status == "assigned" and luck[3] < STARTED
    if not (returned or extended or reworked or started or luck[3] < PLAIN):
        return []
    steps = [("accept", "accepted"), ("assign", "dispatched")]
    if returned:
        steps += [("return", "returned"), ("assign", "dispatched")]
    if extended:
        steps += [("ask", "dispatched"), ("extend", "dispatched")]
    if reworked or status != "assigned":
        steps += [("start", "handling"), ("fix", "checking")]
    if reworked:
        steps += [("rework", "rework")]
        steps += [("fix", "checking")] if status != "assigned" else []
    elif started:
        steps += [("start", "handling")]
    if status == "verified":
        steps += [("close", "closed")]
    return steps


def _told(
    report: _Report, mine: list[tuple[str, str]], end: int, rng: np.random.Generator
) -> list[Row]:
    """Events of one task: its last fix when the report says, the others around it."""
    fixes = [at for at, (action, _) in enumerate(mine) if action == "fix"]
    fixed = report.closed if fixes and report.status != "assigned" else _NEVER
    before = fixes[-1] if fixed != _NEVER else len(mine)
    until = fixed if fixed != _NEVER else min(end, report.reported + 30 * 3600)
    shares = np.sort(rng.random(before)) * 0.9
    times = [report.reported + int(share * (until - report.reported)) for share in shares]
    if fixed != _NEVER:
        later = min(end, fixed + int(rng.integers(3600, 20 * 3600)))
        times += [fixed, *[later] * (len(mine) - before - 1)]
    owner = _HELPER if ("return", "returned") in mine else report.department
    worker, clerk = _one(PEOPLE, rng), _one(OFFICE, rng)
    told: list[Row] = []
    state = "reported"
    for (action, after), at in zip(mine, times, strict=True):
        if action == "assign" and state == "returned":
            owner = report.department
        words = _REASONS.get("ask" if action == "extend" else action)
        by_unit = action in ("start", "fix", "return", "ask")
        told.append(
            {
                "task_id": report.report_id, "at": at, "action": action,
                "who": f"{owner} {worker}" if by_unit else clerk, "old": state, "new": after,
                "owner": owner, "note": _one(words, rng) if words else None, "photo": None,
                "due_at": until + _MORE_S if action in ("ask", "extend") else None,
            }
        )  # fmt: skip
        state = after
    return told


def _one(words: Sequence[str], rng: np.random.Generator) -> str:
    return words[int(rng.integers(len(words)))]


def _row(report: _Report, told: list[Row]) -> Row:
    """The task as its events leave it."""
    fixes = [event for event in told if event["action"] == "fix"]
    granted = [event["due_at"] for event in told if event["action"] == "extend"]
    dealt_with = bool(fixes) and report.status in ("fixed", "verified")
    return {
        "task_id": report.report_id, "state": told[-1]["new"], "owner": report.department,
        "helpers": None, "due_at": granted[-1] if granted else None,
        "handled_at": report.closed if dealt_with else None,
        "handler": fixes[-1]["who"].split()[-1] if dealt_with else None,
        "note": fixes[-1]["note"] if fixes else None, "photo": None,
    }  # fmt: skip
