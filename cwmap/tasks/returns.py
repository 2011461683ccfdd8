"""Task sheets that come back from the units (回收清单): what they ask for, judged and merged.

A unit's workbook (`cwmap.tasks.unitbook`) carries in each row's hidden 版本 column what had gone out. So a
row that nobody filled in changes nothing even if the task has moved on, and one that was filled in
is refused where the task has been changed by others since. A sheet without that column is the
office's own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from cwmap import photos
from cwmap.checking import Checked, Problem
from cwmap.errors import CwmapError
from cwmap.formats.pictures import IN_CELL, pictures
from cwmap.reading import Rows
from cwmap.storage import geopackage
from cwmap.store import Change, Merged, Workspace
from cwmap.tables import STATE, TASKS
from cwmap.tasks import steps
from cwmap.tasks.steps import WITH_UNIT, Actor, Rules, Standing, Step

VERSION = "版本"
"""Header of the hidden column: what a row was when it went out (`stamp`)."""

OFFICE = "创卫办（表格导入）"
_DIGITS = 12
_STAMP = re.compile(
    rf"(?P<revision>\d+)\|(?P<unit>.+)\|(?P<key>[0-9a-f]{{{_DIGITS}}})\|(?P<row>[0-9a-f]{{{_DIGITS}}})"
)


@dataclass(frozen=True)
class Cells:
    """What a person may fill in of a row. handled_at: naive UTC to the minute, NaT for none."""

    state: str
    note: str = ""
    handled_at: Any = pd.NaT
    handler: str = ""
    photo: str = ""


@dataclass(frozen=True)
class Extras:
    """What a sheet holds beside its columns, by row number: stamps, pictures and unreadable ones."""

    stamps: Mapping[int, str] = field(default_factory=dict)
    pictures: Mapping[int, tuple[photos.Photo, ...]] = field(default_factory=dict)
    unreadable: Mapping[int, str] = field(default_factory=dict)


NOTHING = Extras()


@dataclass(frozen=True)
class Judged:
    """Rows of a sheet: those that ask for a step, by actor; problems; the rest change nothing."""

    steps: dict[Actor, dict[int, Step]]
    problems: dict[int, Problem]


def stamp(revision: int, unit: str, task_id: str, cells: Cells) -> str:
    """What the hidden column says of a row that goes out to a unit."""
    return "|".join([str(revision), unit, *_digests(revision, unit, task_id, cells)])


def _digests(revision: int, unit: str, task_id: str, cells: Cells) -> tuple[str, str]:
    handled = (
        "" if pd.isna(cells.handled_at) else f"{pd.Timestamp(cells.handled_at):%Y-%m-%d %H:%M}"
    )
    row = [str(revision), unit, task_id]
    filled = [cells.state, cells.note, handled, cells.handler, cells.photo]
    whole, key = ("\x1f".join(words).encode() for words in ([*row, *filled], row))
    return hashlib.sha256(key).hexdigest()[:_DIGITS], hashlib.sha256(whole).hexdigest()[:_DIGITS]


def extras(source: Path | tuple[str, bytes], rows: Rows) -> Extras:
    """The stamps of a sheet, and the pictures that lie in its rows."""
    stamps: dict[int, str] = {}
    if VERSION in rows.table:
        column = rows.table[VERSION].fillna("")  # an emptied cell is no stamp, and is refused
        stamps = {int(row): str(text) for row, text in column.items()}
    if rows.kind != "xlsx" or rows.layer is None:
        return Extras(stamps)
    content = source.read_bytes() if isinstance(source, Path) else source[1]
    found: dict[int, tuple[photos.Photo, ...]] = {}
    unreadable: dict[int, str] = {}
    for row, picture in pictures(content, rows.layer, rows.table):
        try:
            ready = photos.prepare(picture, f"第 {row} 行的照片")
        except CwmapError as error:
            unreadable[row] = str(error)
        else:
            found[row] = (*found.get(row, ()), ready)
    return Extras(stamps, found, unreadable)


def checked_against(workspace: Workspace, checked: Checked, found: Extras) -> Checked:
    """The same without the rows that cannot be merged; their problems are among its own."""
    with workspace.reading() as connection:
        rules = steps.rules_of(workspace.folder, connection)
        judged = _judge(connection, checked, found, rules)
    return _without(checked, judged.problems)


def preview(workspace: Workspace, checked: Checked, found: Extras) -> Merged:
    """What `merge` would do."""
    with workspace.reading() as connection:
        rules = steps.rules_of(workspace.folder, connection)
        judged = _judge(connection, checked, found, rules)
        wanted = [step.task_id for mine in judged.steps.values() for step in mine.values()]
        known = steps.standings(connection, wanted, rules).values()
    again = sum(one.row["state"] is not None for one in known)
    return Merged(len(wanted) - again, again, len(checked.rows) - len(wanted))


def merge(folder: Path, change: Change, checked: Checked, found: Extras) -> tuple[Checked, Merged]:
    """Do what the rows ask for; those that have become impossible since are rejected like the rest."""
    rules = steps.rules_of(folder, change.connection)
    judged = _judge(change.connection, checked, found, rules)
    done = Merged(0, 0, 0)
    wanted = 0
    for actor, mine in judged.steps.items():
        for row in mine:
            for photo in found.pictures.get(row, ()):
                photos.keep(folder, photo)  # before the row that names it
        refused, merged = steps.apply(change, list(mine.values()), actor, rules)
        if refused:
            raise AssertionError(refused)  # the same transaction has just judged them
        done, wanted = done + merged, wanted + len(mine)
    left = _without(checked, judged.problems)
    # A remark leaves the row as it was, and is a change nevertheless.
    return left, Merged(done.added, wanted - done.added, len(left.rows) - wanted)


def _without(checked: Checked, problems: Mapping[int, Problem]) -> Checked:
    return replace(
        checked,
        rows=checked.rows.drop(index=list(problems)),
        problems=sorted([*checked.problems, *problems.values()], key=lambda p: p.row),
        rejected=sorted([*checked.rejected, *problems]),
    )


def _judge(connection: sa.Connection, checked: Checked, found: Extras, rules: Rules) -> Judged:
    rows = checked.rows
    known = steps.standings(connection, rows["task_id"], rules)
    past = _past(connection, rows["task_id"])
    now = pd.Timestamp.now("UTC").tz_localize(None)
    headers = {name: header for header, name in checked.matched.items()}
    judged = Judged({}, {})
    for number, row in zip(rows.index, rows.to_dict("records"), strict=True):
        at = int(number)
        judge = _Row(row, known.get(row["task_id"]), past.get(row["task_id"], []), at, found)
        try:
            step = judge.step()
            why = steps.refusal(judge.here, step, judge.actor, now) if step and judge.here else ""
            if why:
                raise _Refused("state", why)
        except _Refused as error:
            shown = headers.get(error.column, TASKS[error.column].label)
            reason, _, remedy = error.why.partition("；")
            value = "" if row.get(error.column) is None else str(row.get(error.column))
            value = STATE.shown(value) if error.column == "state" else value
            judged.problems[at] = Problem(at, shown, value, reason, remedy, "error")
            continue
        if step:
            judged.steps.setdefault(judge.actor, {})[at] = step
    return judged


class _Refused(Exception):
    """A row that cannot be merged: the column to look at, reason；remedy."""

    def __init__(self, column: str, why: str) -> None:
        super().__init__(why)
        self.column, self.why = column, why


class _Row:
    """One row of a sheet beside its task."""

    def __init__(
        self, row: Mapping[str, Any], here: Standing | None, past: list[Any], number: int,
        found: Extras,
    ) -> None:  # fmt: skip
        self.row, self.past, self.here = row, past, here
        written = found.stamps.get(number)
        self.stamp = None if written is None else _STAMP.fullmatch(written)
        self.stamped = written is not None
        self.unreadable = found.unreadable.get(number, "")
        named = IN_CELL.sub("", self._text("photo"))
        names = [named, *(p.name for p in found.pictures.get(number, ()))]
        handled = row.get("handled_at")
        self.cells = Cells(
            state=self._text("state"), note=self._text("note"), handler=self._text("handler"),
            handled_at=pd.NaT if handled is None else pd.Timestamp(handled).floor("min"),
            photo="、".join(dict.fromkeys(name for name in names if name)),
        )  # fmt: skip
        self.unit = self.stamp["unit"] if self.stamp else ""
        self.actor = (
            Actor(self.unit, "unit", self.unit) if self.stamped else Actor(OFFICE, "office")
        )

    def _text(self, name: str) -> str:
        value = self.row.get(name)
        return value.strip() if isinstance(value, str) else ""

    def step(self) -> Step | None:
        """What the row asks for, None for nothing; `_Refused` where that is not clear."""
        base = self._base()
        here, cells = self.here, self.cells
        if base is not None and self._digests(base)[1] == (self.stamp and self.stamp["row"]):
            return None  # as it went out
        if here is None:
            raise _Refused("task_id", "没有这个编号的任务；请改回原来的编号")
        if self.unreadable:
            raise _Refused("photo", self.unreadable.rstrip("。"))
        if self._done_before(base or 0):
            return None
        step = Step(
            task_id=here.task_id, action="remark", note=cells.note, photo=cells.photo,
            handled_at=cells.handled_at, handler=cells.handler, base_revision=base,
        )  # fmt: skip
        if base is not None and here.changed > base:
            return step  # whatever it asks for, `refusal` says that it comes too late
        if base is None and (decided := self._decided(here, step)):
            return decided
        if cells.state and cells.state != here.state:
            return replace(step, action=self._action(here, cells.state))
        if base is None and self._as_stored(here):
            return None
        if here.state in WITH_UNIT and not (pd.isna(cells.handled_at) and not cells.photo):
            raise _Refused("state", "填了处置时间或照片，状态却没有改；处置好的请改为“处置完成”")
        if cells.handler and not cells.note:
            raise _Refused("handler", "只填了处置人；请同时填任务状态或处置情况")
        return step if cells.note else None

    def _base(self) -> int | None:
        """The revision with which the row went out; None for the office's own sheet."""
        if not self.stamped:
            return None
        if self.stamp is None:
            raise _Refused("task_id", "隐藏的“版本”列被改动；请重新导出清单填写")
        revision = int(self.stamp["revision"])
        if self._digests(revision)[0] != self.stamp["key"]:
            raise _Refused("task_id", "任务编号被改动；请改回原来的编号，或重新导出清单填写")
        return revision

    def _digests(self, revision: int) -> tuple[str, str]:
        return _digests(revision, self.unit, str(self.row["task_id"]), self.cells)

    def _done_before(self, base: int) -> bool:
        """Whether the very same has been merged since: the same file a second time."""
        wanted = (self.cells.state, self.cells.note, self.cells.photo)
        return any(
            event.revision > base and (event.new, event.note or "", event.photo or "") == wanted
            for event in self.past
        )

    def _decided(self, here: Standing, step: Step) -> Step | None:
        """Another owner or due time in the office's own sheet, which leaves the rest as it is."""
        owner, due_at = self._text("owner"), self.row.get("due_at")
        found = None
        if owner and owner != here.owner:
            found = replace(step, action="assign", owner=owner)
        if not pd.isna(due_at) and not _same_minute(due_at, here.due_at):
            if found:
                raise _Refused("due_at", "同时改了主办单位和期限；请分两次导入")
            found = replace(step, action="extend", due_at=due_at)
        if found and self.cells.state not in ("", here.state, steps.ACTIONS[found.action].after):
            raise _Refused("state", "同时改了状态和主办单位或期限；请分两次导入")
        return found

    def _action(self, here: Standing, state: str) -> str:
        """The step that leads to a state."""
        ways = {a.after: a.key for a in steps.allowed(here.state, self.actor.role) if a.after}
        if state not in ways:
            could = "、".join(STATE.shown(s) for s in ways if s != here.state) or "（没有）"
            raise _Refused(
                "state",
                f"不能由“{STATE.shown(here.state)}”改为“{STATE.shown(state)}”；可以改为：{could}",
            )
        return ways[state]

    def _as_stored(self, here: Standing) -> bool:
        """Whether the office's row says of the task what is known already."""
        stored = here.row
        given = ((n, getattr(self.cells, n)) for n in ("note", "handler", "photo"))
        return all(not text or text == (stored[name] or "") for name, text in given) and (
            pd.isna(self.cells.handled_at) or _same_minute(self.cells.handled_at, here.closed_at)
        )


def _same_minute(one: Any, other: Any) -> bool:
    if pd.isna(one) or pd.isna(other):
        return bool(pd.isna(one) and pd.isna(other))
    return bool(pd.Timestamp(one).floor("min") == pd.Timestamp(other).floor("min"))


def _past(connection: sa.Connection, ids: pd.Series) -> dict[str, list[Any]]:
    table = geopackage.EVENTS
    query = sa.select(table.c.task_id, table.c.revision, table.c.new, table.c.note, table.c.photo)
    query = query.where(geopackage.among(table.c.task_id, ids))
    past: dict[str, list[Any]] = {}
    for event in connection.execute(query):
        past.setdefault(event.task_id, []).append(event)
    return past
