"""The tasks of a town (任务): every report as a task, with its owner, its due time and its light.

What has been done to tasks is stored (`cwmap.tasks.steps`) and laid over what follows from the reports, so
that a million untouched reports need no rows. Numbers and lists for the page come from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cwmap.cube import Codes, Mask
from cwmap.filters import Filter
from cwmap.norms import split_words
from cwmap.tasks.routing import Route, Routing, load
from cwmap.tasks.steps import RUNNING, STATE_OF, STATES, STATUS_OF, answering
from cwmap.town import STATUSES, Town
from cwmap.worktime import Calendar, Moments

GREEN, YELLOW, RED, NO_LIGHT = 0, 1, 2, 3
LIGHTS = ("绿", "黄", "红", "")
"""Names by code: in time, in the last quarter of its limit, overdue, and no light once dealt with."""

_YELLOW_FROM = 0.75  # share of the limit's working time that has passed

Places = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Tasks:
    """Tasks as parallel arrays, one entry a report, in the order of `Town.reports`. Times in UTC.

    state: positions in `STATES`. route: positions in `routes`, which say owner and helpers. due:
    with what was granted. handled: when it was dealt with, NaT while it is not or where nobody
    said. light: positions in `LIGHTS`. overdue_h: working hours after the due time until it was
    dealt with, or until now; 0 if in time, NaN if dealt with at an unknown time.
    """

    ids: npt.NDArray[np.object_]
    state: Codes
    route: Codes
    routes: tuple[Route, ...]
    due: Moments
    handled: Moments
    light: Codes
    overdue_h: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def owners(self) -> tuple[str, ...]:
        """Units that have the lead of a task, in order."""
        return tuple(sorted({route.lead for route in self.routes}))

    @cached_property
    def owner(self) -> Codes:
        """Of each task: position of its owner in `owners`."""
        position = {name: at for at, name in enumerate(self.owners)}
        of_route = np.array([position[route.lead] for route in self.routes], np.int32)
        owner: Codes = of_route[self.route]
        return owner

    @cached_property
    def _arrow(self) -> pa.Array:
        return pa.array(self.ids, pa.string())

    def positions(self, task_ids: Iterable[str]) -> Places:
        """Where these tasks are, without those that do not exist: unique, in order."""
        return _found(self._arrow, task_ids)[0]

    def of_unit(self, unit: str) -> Mask:
        """Which tasks a unit leads or helps with."""
        mine = np.array([unit in (r.lead, *r.helpers) for r in self.routes], bool)
        mask: Mask = mine[self.route]
        return mask


def tasks(town: Town, rules: Routing | None = None) -> Tasks:
    """All tasks of a town, kept with it. rules: of its workspace (`routing.load`), else the shipped."""
    routing = rules or load(None, town.categories)
    return town.kept(("tasks", routing), lambda: _tasks(town, routing))


def _tasks(town: Town, routing: Routing) -> Tasks:
    reports, stored = town.reports, town.registers["tasks"]
    usual = [STATE_OF[status] for status in (*STATUSES, "open")]  # −1, no status, is the last
    state = np.array([STATES.index(s) for s in usual], np.int32)[reports.status]
    route, routes = _routes(town, routing)
    if len(stored):
        at, rows = _found(pa.array(reports.ids, pa.string()), stored["task_id"])
        stored = stored.iloc[rows]
        _overlay(state, at, stored, reports.status)
        route, routes = _given(route, routes, at, stored)
    running = np.isin(state, [STATES.index(s) for s in RUNNING])
    dealt_with = np.isin(state, [STATES.index(s) for s in ("checking", "closed")])
    handled = np.where(dealt_with, reports.closed, np.datetime64("NaT"))
    settings = town.settings
    calendar = Calendar(settings.hours, settings.workdays, settings.timezone)
    light, overdue_h = _lights(town, calendar, running, dealt_with, handled)
    return Tasks(reports.ids, state, route, routes, reports.due, handled, light, overdue_h)


def _found(ids: pa.Array, wanted: Iterable[str]) -> tuple[Places, Places]:
    """Where the wanted ids are among a million, and the position of each in `wanted`."""
    # The few are hashed and the many looked up: ten times faster than the other way round.
    found = pc.index_in(ids, value_set=pa.array(list(wanted), pa.string()))
    at: Places = np.flatnonzero(pc.is_valid(found).to_numpy(zero_copy_only=False))
    return at, found.drop_null().to_numpy().astype(np.intp)


def _overlay(state: Codes, at: Places, stored: pd.DataFrame, status: Codes) -> None:
    """Write stored states where the report's status agrees; a newer import has moved the others on."""
    known = stored["state"].isin(STATES).to_numpy()
    codes = pd.Index(STATES).get_indexer(stored["state"])
    meant = np.array([STATUSES.index(STATUS_OF[s]) for s in STATES])
    use = known & (meant[codes] == status[at])
    state[at[use]] = codes[use]


def _routes(town: Town, routing: Routing) -> tuple[Codes, tuple[Route, ...]]:
    """Who answers for each report: the department that it names, else its category's rule."""
    reports = town.reports
    found: dict[Route, int] = {}
    width = len(reports.departments) + 1
    table = np.zeros((len(reports.codes), width), np.int32)
    for row, code in enumerate(reports.codes):
        rule = routing.route(code, town.categories)
        for at, department in enumerate((*reports.departments, None)):
            way = answering(department, rule)
            table[row, at] = found.setdefault(way, len(found))
    # Department −1, none, is the last of a row.
    route: Codes = table[reports.category, reports.department]
    return route, tuple(found)


def _given(
    route: Codes, routes: Sequence[Route], at: Places, stored: pd.DataFrame
) -> tuple[Codes, tuple[Route, ...]]:
    """The same with the units that tasks were given to."""
    found = {way: number for number, way in enumerate(routes)}
    columns = (stored["owner"], stored["helpers"])
    for position, owner, helpers in zip(at, *columns, strict=True):
        usual = routes[route[position]]
        given = usual.helpers if helpers is None else split_words(helpers)
        way = Route(owner or usual.lead, given)
        route[position] = found.setdefault(way, len(found))
    return route, tuple(found)


def _lights(
    town: Town, calendar: Calendar, running: Mask, dealt_with: Mask, handled: Moments
) -> tuple[Codes, npt.NDArray[np.float64]]:
    reports = town.reports
    due, until = reports.due, np.asarray(reports.until, "M8[us]")
    light = np.where(running, GREEN, NO_LIGHT).astype(np.int32)
    red = running & (due < until)
    light[red] = RED
    waiting = np.flatnonzero(running & ~red)
    now = np.full(len(waiting), until)
    whole = calendar.elapsed_h(reports.reported[waiting], due[waiting])
    passed = calendar.elapsed_h(reports.reported[waiting], now)
    light[waiting[passed >= _YELLOW_FROM * whole]] = YELLOW
    overdue_h = np.zeros(len(due))
    overdue_h[red] = calendar.elapsed_h(due[red], np.full(int(red.sum()), until))
    late = dealt_with & (handled > due)
    overdue_h[late] = calendar.elapsed_h(due[late], handled[late])
    overdue_h[dealt_with & np.isnat(handled)] = np.nan
    return light, overdue_h


# What a page asks -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Counts:
    """Numbers of tasks: by state, by light (without those that have none), and by owner.

    owners: columns owner, tasks, running, yellow, red, checking; the most red first.
    """

    total: int
    states: dict[str, int]
    lights: dict[str, int]
    owners: pd.DataFrame


def counts(
    town: Town, question: Filter, rules: Routing | None = None, *, unit: str | None = None
) -> Counts:
    """How many tasks of a filter there are of each kind; unit: only those that it leads or helps with."""
    all_tasks = tasks(town, rules)
    chosen = _chosen(town, question, all_tasks, unit)
    state, light, owner = (a[chosen] for a in (all_tasks.state, all_tasks.light, all_tasks.owner))
    states = np.bincount(state, minlength=len(STATES))
    lights = np.bincount(light, minlength=len(LIGHTS))
    size = len(all_tasks.owners)
    by = {
        "tasks": np.ones(len(chosen), bool), "running": light != NO_LIGHT, "yellow": light == YELLOW,
        "red": light == RED, "checking": state == STATES.index("checking"),
    }  # fmt: skip
    owners = pd.DataFrame(
        {"owner": np.array(all_tasks.owners, object)}
        | {name: np.bincount(owner[mask], minlength=size) for name, mask in by.items()}
    )
    owners = owners[owners["tasks"] > 0]
    return Counts(
        total=len(chosen),
        states=dict(zip(STATES, states.tolist(), strict=True)),
        lights=dict(zip(LIGHTS[:NO_LIGHT], lights[:NO_LIGHT].tolist(), strict=True)),
        owners=owners.sort_values(
            ["red", "running", "owner"], ascending=[False, False, True], ignore_index=True
        ),
    )


def listed(
    town: Town, question: Filter, *, unit: str | None = None, states: Sequence[str] = (),
    light: int | None = None, first: int = 0, number: int | None = 200,
    rules: Routing | None = None,
) -> tuple[int, pd.DataFrame]:  # fmt: skip
    """How many tasks there are, and those from `first` on, the most urgent first.

    unit: that leads or helps. states, light: only these. Urgent: red, yellow, green, then those
    without a light; among them what is due first. Columns: task_id, category, lane_id, state,
    owner, helpers, reported_at, due_at, handled_at (naive UTC), light (position in `LIGHTS`),
    overdue_h, at (position in `Town.reports`).
    """
    all_tasks = tasks(town, rules)
    chosen = _chosen(town, question, all_tasks, unit)
    if states:
        chosen = chosen[np.isin(all_tasks.state[chosen], [STATES.index(s) for s in states])]
    if light is not None:
        chosen = chosen[all_tasks.light[chosen] == light]
    lights = all_tasks.light[chosen]
    urgency = np.where(lights == NO_LIGHT, NO_LIGHT, RED - lights)
    order = np.lexsort((chosen, all_tasks.due[chosen], urgency))
    page = chosen[order[first : None if number is None else first + number]]
    return len(chosen), rows_of(town, all_tasks, page)


def rows_of(town: Town, all_tasks: Tasks, page: Places) -> pd.DataFrame:
    """Tasks by their positions, in this order; columns as in `listed`."""
    reports = town.reports
    routes = [all_tasks.routes[at] for at in all_tasks.route[page]]
    lanes = np.array([*town.layers["lanes"].index, None], object)  # −1, no lane, is the last
    return pd.DataFrame(
        {
            "task_id": all_tasks.ids[page],
            "category": np.array(reports.codes, object)[reports.category[page]],
            "lane_id": lanes[reports.place["lanes"][page]],
            "state": np.array(STATES, object)[all_tasks.state[page]],
            "owner": np.array([route.lead for route in routes], object),
            "helpers": np.array(["、".join(route.helpers) for route in routes], object),
            "reported_at": reports.reported[page],
            "due_at": all_tasks.due[page],
            "handled_at": all_tasks.handled[page],
            "light": all_tasks.light[page],
            "overdue_h": all_tasks.overdue_h[page],
            "at": page,
        }
    )


def on_lanes(
    town: Town, question: Filter, unit: str | None = None, rules: Routing | None = None
) -> pd.DataFrame:
    """Tasks by light on each lane: columns red, yellow, green; index: the lanes' ids."""
    all_tasks = tasks(town, rules)
    chosen = _chosen(town, question, all_tasks, unit)
    place, lanes = town.reports.place["lanes"][chosen], town.layers["lanes"].index
    chosen, place = chosen[place >= 0], place[place >= 0]
    light = all_tasks.light[chosen]
    names = {"red": RED, "yellow": YELLOW, "green": GREEN}
    found = {n: np.bincount(place[light == k], minlength=len(lanes)) for n, k in names.items()}
    return pd.DataFrame(found, index=lanes)


def _chosen(town: Town, question: Filter, all_tasks: Tasks, unit: str | None) -> Places:
    """Positions of the tasks of a filter, and of a unit if one is given."""
    chosen = town.selected(town.view(question))
    return chosen if unit is None else chosen[all_tasks.of_unit(unit)[chosen]]
