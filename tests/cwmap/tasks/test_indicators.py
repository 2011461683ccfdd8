"""Indicators against the definitions of docs/tasks.md, counted one task at a time."""

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cwmap import backup
from cwmap.demo import DemoTown
from cwmap.demo.tasks import tasks_frame
from cwmap.store import Merged, Workspace
from cwmap.tasks import steps
from cwmap.tasks.indicators import LABELS, Rate, indicators
from cwmap.tasks.steps import STATES
from cwmap.tasks.tasks import tasks
from cwmap.town import Town, open_town

DAY = np.timedelta64(1, "D")


@pytest.fixture(scope="module")
def busy(
    demo_rows: DemoTown, demo_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Town, pd.DataFrame]:
    """The demo town with its tasks, and their events."""
    folder = tmp_path_factory.mktemp("busy")
    backup.backup(demo_workspace, folder / "demo.zip")
    backup.restore(folder / "demo.zip", folder / "town")
    workspace = Workspace.open(folder / "town")
    rows, events = tasks_frame(demo_rows.tables["reports"], np.random.default_rng(2))
    with workspace.changing() as change:
        change.merge("tasks", rows)
        change.record(events)
        change.finish("demo", "tasks", "", Merged(len(rows), 0, 0), 0)
    return open_town(workspace), steps.events(workspace)


def slow(town: Town, events: pd.DataFrame, start: date, end: date) -> dict[str, Any]:
    """Unit → indicator → numerator and denominator; None is the whole town."""
    first = np.datetime64(start, "us") - np.timedelta64(8, "h")
    until = min(np.datetime64(end, "us") + DAY - np.timedelta64(8, "h"), town.reports.until)
    known = events[events["at"] < until]
    by = dict(iter(known.groupby("task_id")))
    every = tasks(town)
    found: dict[str | None, dict[str, tuple[set[str], set[str]]]] = {}

    def count(units: Any, key: str, task_id: str, *, above: bool, below: bool) -> None:
        for unit in (None, units):
            over, under = found.setdefault(unit, {k: (set(), set()) for k in LABELS})[key]
            if below:
                under.add(task_id)
                if above:
                    over.add(task_id)

    for at, task_id in enumerate(every.ids):
        state, owner = STATES[every.state[at]], every.owners[every.owner[at]]
        reported, due, handled = town.reports.reported[at], every.due[at], every.handled[at]
        mine = by.get(task_id, known.iloc[:0])
        new_here = first <= reported < until
        count(owner, "void", task_id, above=state == "void", below=bool(new_here))
        if state == "void" or reported >= until:
            continue
        if state in ("checking", "closed") and np.isnat(handled):
            continue
        closing = np.datetime64("NaT")
        if state == "closed":
            steps_done = mine.loc[mine["action"] == "close", "at"]
            closing = steps_done.max().to_datetime64() if len(steps_done) else handled
        in_period, closed = first <= handled < until, first <= closing < until
        overdue = bool(due < until) and not bool(handled < until)
        to_handle = bool(in_period or overdue)
        to_close = bool(closed) or (bool(due < until) and not bool(closing < until))
        count(owner, "handled", task_id, above=bool(in_period), below=to_handle)
        count(
            owner,
            "handled_in_time",
            task_id,
            above=bool(in_period and handled <= due),
            below=to_handle,
        )
        count(owner, "overdue", task_id, above=overdue, below=to_handle)
        count(owner, "closed", task_id, above=bool(closed), below=to_close)
        count(
            owner, "closed_in_time", task_id, above=bool(closed and closing <= due), below=to_close
        )
        count(owner, "rework", task_id, above=(mine["action"] == "rework").any(), below=to_close)
        count(owner, "extended", task_id, above=(mine["action"] == "extend").any(), below=to_handle)
        back = mine[(mine["action"] == "return") & (mine["at"] >= first)]
        count(owner, "returned", task_id, above=False, below=to_handle)
        for unit in {None, *back["owner"]}:
            over, under = found.setdefault(unit, {k: (set(), set()) for k in LABELS})["returned"]
            if len(back):
                over.add(task_id)
                under.add(task_id)
    return {
        unit: {k: (len(n), len(of)) for k, (n, of) in rates.items()}
        for unit, rates in found.items()
        if unit is None or any(of for _, of in rates.values())
    }


@settings(deadline=None, max_examples=3, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 199), st.integers(0, 60))
def test_as_defined(busy: tuple[Town, pd.DataFrame], begin: int, days: int) -> None:
    town, events = busy
    start = town.first_day + pd.Timedelta(days=begin).to_pytimedelta()
    end = start + pd.Timedelta(days=days).to_pytimedelta()
    made = indicators(town, events, start, end)
    wanted = slow(town, events, start, end)
    assert {k: (r.numerator, r.denominator) for k, r in made.overall.items()} == wanted.pop(None)
    assert {
        unit: {k: (r.numerator, r.denominator) for k, r in rates.items()}
        for unit, rates in made.units.items()
    } == wanted
    for rates in (made.overall, *made.units.values()):
        assert list(rates) == list(LABELS)
        for rate in rates.values():
            assert 0 <= rate.numerator <= rate.denominator
            assert (rate.share is None) == (rate.denominator == 0)
        whole = rates["handled"]
        assert whole.numerator + rates["overdue"].numerator == whole.denominator


def test_every_kind_occurs(busy: tuple[Town, pd.DataFrame]) -> None:
    town, events = busy
    made = indicators(town, events, town.first_day, town.as_of)
    assert all(rate.numerator > 0 for rate in made.overall.values()), made.overall
    frame = made.frame()
    assert frame["unit"].iloc[0] == "全镇"
    assert len(frame) == 1 + len(made.units)
    assert frame.loc[0, "rework_n"] == made.overall["rework"].numerator
    assert frame.loc[0, "rework"] == pytest.approx(made.overall["rework"].share)


def test_nothing_is_no_rate_of_zero(town_of_tasks: Workspace, do: Callable[..., int]) -> None:
    town = open_town(town_of_tasks)
    made = indicators(town, steps.events(town_of_tasks), date(2020, 1, 1), date(2020, 1, 31))
    assert set(made.overall.values()) == {Rate(0, 0)}
    assert made.units == {}
    assert np.isnan(made.frame().loc[0, "handled"])
