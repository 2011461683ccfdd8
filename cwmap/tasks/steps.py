"""What is done to a task (办理), by whom, and what becomes of it: the table of steps and its keeper.

Every report is a task. Nothing is stored of one that nobody has touched: where it stands then
follows from its report's status (`state_of`). A step writes the task's row, its report's status and
one event, in one transaction; events are never changed or taken away.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import sqlalchemy as sa

from cwmap.errors import CwmapError
from cwmap.norms import Categories, split_words
from cwmap.storage import geopackage
from cwmap.storage.settings import settings_of
from cwmap.store import Change, Merged, Workspace, column, read_table
from cwmap.tables import REPORTS, STATE, TABLES, TASKS
from cwmap.tasks.routing import Route, Routing, load
from cwmap.worktime import Calendar

Role = Literal["office", "unit", "leader", "viewer"]
"""创卫办 does everything, a unit its own tasks, leaders and viewers nothing."""
Rules = tuple[Routing, Categories]

STATES = tuple(STATE.choices)
STATUS_OF = {
    "reported": "open", "accepted": "open", "returned": "open", "dispatched": "assigned",
    "handling": "assigned", "rework": "assigned", "checking": "fixed", "closed": "verified",
    "void": "rejected",
}  # fmt: skip
"""State of a task → status of its report, so that every figure agrees with the tasks."""
STATE_OF = {
    "open": "reported", "assigned": "dispatched", "fixed": "checking", "verified": "closed",
    "rejected": "void",
}  # fmt: skip
"""Status of a report → state of its task where nothing newer is stored."""

WITH_UNIT = ("dispatched", "handling", "rework")
"""States in which it is the unit's turn."""
RUNNING = ("reported", "accepted", "returned", *WITH_UNIT)
"""States in which the time limit runs."""


@dataclass(frozen=True)
class Action:
    """One kind of step: from which states, to which (None: it stays), for whom, and with what.

    needs: `note` (a reason), `due_at`, or `proof` (a note or a photo, asked of units).
    """

    key: str
    label: str
    before: tuple[str, ...]
    after: str | None
    roles: tuple[Role, ...]
    needs: tuple[str, ...] = ()


ACTIONS = {
    action.key: action
    for action in (
        Action("accept", "受理", ("reported",), "accepted", ("office",)),
        Action("assign", "派遣", RUNNING, "dispatched", ("office",)),
        Action("start", "接办", ("dispatched", "rework"), "handling", ("office", "unit")),
        Action("fix", "处置完成", WITH_UNIT, "checking", ("office", "unit"), ("proof",)),
        Action("return", "退回", WITH_UNIT, "returned", ("office", "unit"), ("note",)),
        Action("ask", "申请延期", WITH_UNIT, None, ("unit",), ("note", "due_at")),
        Action("extend", "延期", RUNNING, None, ("office",), ("note", "due_at")),
        Action("remark", "记录", (*RUNNING, "checking"), None, ("office", "unit"), ("note",)),
        Action("close", "核查通过", ("checking",), "closed", ("office",)),
        Action("rework", "返工", ("checking", "closed"), "rework", ("office",), ("note",)),
        Action("void", "作废", (*RUNNING, "checking"), "void", ("office",), ("note",)),
        Action("reopen", "恢复", ("void",), "reported", ("office",), ("note",)),
    )
}
"""The table of steps (办理规则)."""

EVENT = ("id", "task_id", "revision", "at", "who", "action", "old", "new", "owner", "due_at", "note",
         "photo")  # fmt: skip


@dataclass(frozen=True)
class Actor:
    """Who does it. unit: the name of the unit that a `unit` acts for."""

    who: str
    role: Role
    unit: str = ""


@dataclass(frozen=True)
class Step:
    """One thing done to one task. Times naive UTC; `base_revision`: what its doer had seen."""

    task_id: str
    action: str
    note: str = ""
    due_at: Any = None
    owner: str = ""
    photo: str = ""
    handled_at: Any = None
    handler: str = ""
    base_revision: int | None = None


@dataclass(frozen=True)
class Standing:
    """Where a task stands in the store now. Times naive UTC, NaT for none.

    changed: revision of the last change of the task or of its report's progress, 0 for none.
    """

    task_id: str
    state: str
    owner: str
    helpers: tuple[str, ...]
    status: str
    category: str
    reported_at: Any
    due_at: Any
    closed_at: Any
    row: dict[str, Any]
    changed: int


def state_of(stored: str | None, status: str) -> str:
    """State of a task: as stored, unless its report's status has moved on since (a newer import)."""
    return stored if stored and STATUS_OF.get(stored) == status else STATE_OF[status]


def allowed(state: str, role: Role) -> list[Action]:
    """What a role may do to a task in this state, in the order of the table."""
    return [a for a in ACTIONS.values() if state in a.before and role in a.roles]


def act(
    workspace: Workspace, task_ids: Sequence[str], action: str, who: str, *, role: Role,
    unit: str = "", note: str = "", due_at: Any = None, owner: str = "", photo: str = "",
    handled_at: Any = None, base_revision: int | None = None,
) -> int:  # fmt: skip
    """Do one thing to tasks: all of them or, with a CwmapError that says why, none.

    due_at, handled_at: naive UTC; a fix without its time is of now. owner: of `assign`, else the
    tasks keep theirs. photo: names of stored photos. base_revision: what the person had seen; a task
    that changed since is refused. Returns the revision.
    """
    steps = [
        Step(
            task_id=task_id, action=action, note=note.strip(), due_at=due_at, owner=owner.strip(),
            photo=photo, handled_at=handled_at, handler=who if action == "fix" else "",
            base_revision=base_revision,
        )
        for task_id in dict.fromkeys(task_ids)
    ]  # fmt: skip
    with workspace.changing() as change:
        rules = rules_of(workspace.folder, change.connection)
        refused, merged = apply(change, steps, Actor(who.strip(), role, unit), rules)
        if refused:
            at, why = next(iter(refused.items()))
            more = f"（共 {len(refused)} 件办不了，都没有改动）" if len(steps) > 1 else ""
            raise CwmapError(f"任务 {steps[at].task_id}：{why}{more}")
        return change.finish("task", "tasks", "", merged, 0)


def rules_of(folder: Path, connection: sa.Connection) -> Rules:
    """The rules of dispatch and the categories of a workspace as a connection sees them."""
    categories = Categories.load().with_local(read_table(connection, TABLES["categories"]))
    return load(folder, categories), categories


def apply(
    change: Change, steps: Sequence[Step], actor: Actor, rules: Rules
) -> tuple[dict[int, str], Merged]:
    """Do steps on different tasks, those that are allowed; position of each other one → why not."""
    if not actor.who:
        raise CwmapError("没有写明经办人；请填写姓名后再办理。")
    now = pd.Timestamp.now("UTC").tz_localize(None).floor("ms").as_unit("us")
    known = standings(change.connection, [step.task_id for step in steps], rules)
    refused: dict[int, str] = {}
    done: list[tuple[Step, Standing, Standing]] = []
    for at, step in enumerate(steps):
        here = known.get(step.task_id)
        why = "没有这件任务；请核对编号" if here is None else refusal(here, step, actor, now)
        if here is None or why:
            refused[at] = f"{why}。"
        else:
            done.append((step, here, _after(here, step, now)))
    return refused, _write(change, done, actor, now)


def refusal(here: Standing, step: Step, actor: Actor, now: pd.Timestamp) -> str:
    """Why a step is not allowed, without the full stop; empty where it is."""
    action = ACTIONS[step.action]
    if step.base_revision is not None and here.changed > step.base_revision:
        return f"您打开之后它已被别人改动，现在是“{STATE.shown(here.state)}”；请刷新后再办"
    if actor.role not in action.roles:
        return f"您的身份不能“{action.label}”；请联系创卫办"
    if actor.role == "unit" and actor.unit not in (here.owner, *here.helpers):
        return f"它由“{here.owner}”办理，不是“{actor.unit}”的任务；请核对"
    if here.state not in action.before:
        before = "、".join(STATE.shown(s) for s in action.before)
        return f"现在是“{STATE.shown(here.state)}”，不能“{action.label}”；要先处于：{before}"
    if "note" in action.needs and not step.note:
        return f"“{action.label}”要写明原因；请补上情况说明"
    if "proof" in action.needs and actor.role == "unit" and not (step.note or step.photo):
        return "处置完成要写处置情况或附照片；请补上"
    if "due_at" in action.needs and (pd.isna(step.due_at) or pd.Timestamp(step.due_at) <= now):
        return "新的期限要晚于现在；请改正"
    if step.action == "fix" and not pd.isna(step.handled_at):
        handled = pd.Timestamp(step.handled_at)
        if handled > now:
            return "处置时间在将来；请改正"
        if handled < pd.Timestamp(here.reported_at):
            return "处置时间早于上报时间；请改正"
    return ""


def _after(here: Standing, step: Step, now: pd.Timestamp) -> Standing:
    """Where a task stands after a step."""
    state = ACTIONS[step.action].after or here.state
    row = dict(here.row) | {"state": state, "owner": here.owner, "helpers": "、".join(here.helpers)}
    closed_at = here.closed_at
    if step.action == "assign" and step.owner:
        helpers = here.helpers if step.owner == here.owner else ()
        row |= {"owner": step.owner, "helpers": "、".join(helpers)}
    elif step.action == "extend":
        row["due_at"] = step.due_at
    elif step.action == "fix":
        closed_at = now if pd.isna(step.handled_at) else step.handled_at
        row |= {"handled_at": closed_at, "handler": step.handler or None}
        row |= {"note": step.note or row["note"], "photo": step.photo or row["photo"]}
    elif step.action in ("rework", "reopen"):
        closed_at = row["handled_at"] = pd.NaT
    elif step.action == "close" and pd.isna(closed_at):
        closed_at = now
    return replace(
        here, state=state, owner=row["owner"], due_at=row["due_at"], closed_at=closed_at,
        status=STATUS_OF[state], row=row,
    )  # fmt: skip


def _write(
    change: Change, done: Sequence[tuple[Step, Standing, Standing]], actor: Actor, now: pd.Timestamp
) -> Merged:
    if not done:
        return Merged(0, 0, 0)
    rows = pd.DataFrame([after.row for _, _, after in done], columns=[c.name for c in TASKS.stored])
    merged = change.merge("tasks", _typed(rows))
    reports = pd.DataFrame(
        {
            "report_id": [after.task_id for _, _, after in done],
            "status": [after.status for _, _, after in done],
            "closed_at": pd.to_datetime(pd.Series([after.closed_at for _, _, after in done])),
        }
    )
    change.merge("reports", reports)
    events = [
        {
            "task_id": step.task_id, "at": now, "who": _by(actor, step), "action": step.action,
            "old": before.state, "new": after.state, "owner": after.owner,
            "due_at": step.due_at if "due_at" in ACTIONS[step.action].needs else pd.NaT,
            "note": step.note or None, "photo": step.photo or None,
        }
        for step, before, after in done
    ]  # fmt: skip
    change.record(_typed(pd.DataFrame(events)))
    return merged


def _by(actor: Actor, step: Step) -> str:
    return actor.who if step.handler in ("", actor.who) else f"{actor.who} {step.handler}"


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    times = [c for c in ("at", "due_at", "handled_at") if c in rows]
    return rows.assign(**{c: pd.to_datetime(rows[c]).astype("M8[us]") for c in times})


def standings(
    connection: sa.Connection, task_ids: Iterable[str], rules: Rules
) -> dict[str, Standing]:
    """Where tasks stand, as a connection sees them; those without a report are left out."""
    ids, (routing, categories) = list(task_ids), rules
    reports = read_table(
        connection, REPORTS,
        ["report_id", "status", "category", "department", "reported_at", "due_at", "closed_at"],
        geopackage.among(column("report_id", "reports"), ids),
    )  # fmt: skip
    among = geopackage.among(column("task_id", "tasks"), ids)
    rows = {
        row["task_id"]: row for row in read_table(connection, TASKS, where=among).to_dict("records")
    }
    changed, settings = _changed(connection, ids), settings_of(connection)
    calendar = Calendar(settings.hours, settings.workdays, settings.timezone)
    limits = [categories.limit(code) for code in reports["category"]]
    limited = calendar.due(reports["reported_at"].to_numpy(), limits, np.arange(len(reports)))
    due = reports["due_at"].fillna(pd.Series(limited, reports.index))
    found = {}
    for report, by_limit in zip(reports.to_dict("records"), due, strict=True):
        task_id, status = str(report["report_id"]), report["status"] or "open"
        row = rows.get(task_id) or dict.fromkeys(c.name for c in TASKS.stored) | {
            "task_id": task_id
        }
        way = answering(report["department"], routing.route(report["category"], categories))
        helpers = row["helpers"]
        found[task_id] = Standing(
            task_id=task_id, state=state_of(row["state"], status), owner=row["owner"] or way.lead,
            helpers=way.helpers if helpers is None else split_words(helpers), status=status,
            category=report["category"], reported_at=report["reported_at"],
            due_at=by_limit if pd.isna(row["due_at"]) else row["due_at"],
            closed_at=report["closed_at"], row=row, changed=changed.get(task_id, 0),
        )  # fmt: skip
    return found


def answering(department: str | None, route: Route) -> Route:
    """Who answers for a report: the department that it names, else the rule."""
    return route if not department or department == route.lead else Route(department)


_PROGRESS = ("status", "closed_at", "due_at", "department")  # of a report: what a task follows


def _changed(connection: sa.Connection, ids: Sequence[str]) -> dict[str, int]:
    events, past = geopackage.EVENTS.c, geopackage.HISTORY.c
    queries = (
        sa.select(events.task_id, sa.func.max(events.revision))
        .where(geopackage.among(events.task_id, ids)).group_by(events.task_id),
        sa.select(past.report_id, sa.func.max(past.revision))
        .where(geopackage.among(past.report_id, ids), past.column.in_(_PROGRESS))
        .group_by(past.report_id),
    )  # fmt: skip
    last: dict[str, int] = {}
    for query in queries:
        for task_id, revision in connection.execute(query):
            last[task_id] = max(last.get(task_id, 0), revision or 0)
    return last


def events(workspace: Workspace, task_ids: Sequence[str] | None = None) -> pd.DataFrame:
    """What was done to these or all tasks, in order: columns `EVENT`; times naive UTC."""
    table = geopackage.EVENTS
    query = sa.select(*(table.c[name] for name in EVENT)).order_by(table.c.id)
    if task_ids is not None:
        query = query.where(geopackage.among(table.c.task_id, task_ids))
    with workspace.reading() as connection:
        rows = pd.DataFrame(connection.execute(query).all(), columns=list(EVENT), dtype=object)
    times = {
        c: pd.to_datetime(rows[c], format="ISO8601", utc=True).dt.tz_localize(None).astype("M8[us]")
        for c in ("at", "due_at")
    }
    return rows.assign(**times)


def history(workspace: Workspace, task_id: str) -> pd.DataFrame:
    """What became of one task, in order: at, who, action, old, new, owner, due_at, note, photo, derived.

    derived: not done here but seen: that it was reported, and its report's changes of status by
    imports, whose action is `import`. Empty for a task that does not exist.
    """
    done = events(workspace, [task_id]).assign(derived=False)
    report = workspace.read("reports", ["reported_at"], column("report_id", "reports") == task_id)
    past = workspace.history(task_id)
    past = past[(past["column"] == "status") & ~past["revision"].isin(done["revision"])]
    seen: list[tuple[Any, str, str | None, str | None]] = [
        (at, "report", None, "reported") for at in report["reported_at"]
    ]
    seen += [
        (pd.Timestamp(at).tz_localize(None), "import", STATE_OF.get(old), STATE_OF.get(new))
        for at, old, new in zip(past["at"], past["old"], past["new"], strict=True)
    ]
    derived = pd.DataFrame(seen, columns=["at", "action", "old", "new"]).assign(derived=True)
    both = pd.concat([derived.assign(at=derived["at"].astype("M8[us]")), done])
    names = ["at", "who", "action", "old", "new", "owner", "due_at", "note", "photo", "derived"]
    both = both.reindex(columns=names).sort_values("at", kind="stable", ignore_index=True)
    return (
        both.astype(object).where(both.notna(), None).assign(at=both["at"], due_at=both["due_at"])
    )
