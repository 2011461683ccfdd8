"""Owners, lights and the page's questions, against counting one task at a time."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from cwmap.filters import Filter
from cwmap.norms import Categories
from cwmap.store import Merged, Settings, Workspace
from cwmap.tasks import routing
from cwmap.tasks.routing import Route, Routing
from cwmap.tasks.steps import RUNNING, STATES
from cwmap.tasks.tasks import GREEN, LIGHTS, NO_LIGHT, RED, YELLOW, counts, listed, tasks
from cwmap.town import Town, open_town
from cwmap.worktime import Calendar

HERE = pd.Timedelta(hours=8)


def opened(workspace: Workspace, last: str, **columns: object) -> Town:
    """A town of two reports: one of these columns, and a last void one that sets the moment."""
    frame = pd.DataFrame(
        {"report_id": ["A", "Z"], "category": "06010", "status": ["open", "rejected"]}
    )
    moment = pd.Timestamp(last) - HERE
    frame["reported_at"] = [pd.Timestamp("2026-03-02 09:00") - HERE, moment]
    for name, value in columns.items():
        frame[name] = [value, None]
    with workspace.changing() as change:
        done = change.merge("reports", frame)
        change.finish("import", "reports", "", done, 0)
    return open_town(workspace)


@pytest.mark.parametrize(
    ("last", "status", "light"),
    [
        # Monday 09:00, one working day: until Tuesday 09:00; the day ends at midnight.
        ("2026-03-02 10:00", "open", YELLOW),  # by midnight 6.5 of 7 hours have passed
        ("2026-03-03 08:00", "open", RED),
        ("2026-03-03 08:00", "assigned", RED),
        ("2026-03-03 08:00", "fixed", NO_LIGHT),
        ("2026-03-03 08:00", "verified", NO_LIGHT),
        ("2026-03-03 08:00", "rejected", NO_LIGHT),
    ],
)
def test_lights(workspace: Workspace, last: str, status: str, light: int) -> None:
    town = opened(workspace, last, status=status)
    assert tasks(town).light[0] == light


def test_yellow_begins_with_the_last_quarter(workspace: Workspace) -> None:
    """Four working days from Monday 09:00: three of them have passed on Thursday 09:00."""
    with workspace.changing() as change:
        limit = pd.DataFrame({"category": ["06010"], "name": ["暴露垃圾"], "limit_h": [28.0]})
        change.merge("categories", limit)
    wednesday = opened(workspace, "2026-03-04 18:00")
    assert tasks(wednesday).light[0] == GREEN  # 20.5 of 28 hours
    thursday = opened(workspace, "2026-03-05 18:00")
    assert tasks(thursday).light[0] == YELLOW
    friday = opened(workspace, "2026-03-06 18:00")
    assert tasks(friday).light[0] == RED
    assert tasks(friday).overdue_h[0] == pytest.approx(6.5)  # since 09:00


def test_hours_of_the_office_are_a_setting(tmp_path: object) -> None:
    always = Workspace.create(tmp_path / "w", Settings(hours="00:00-24:00", workdays="daily"))  # type: ignore[operator]
    town = opened(always, "2026-03-03 08:00")
    assert town.reports.due[0] == pd.Timestamp("2026-03-03 09:00") - HERE
    late = tasks(town)
    assert late.overdue_h[0] == pytest.approx(15)


def test_who_answers(workspace: Workspace) -> None:
    stated = opened(workspace, "2026-03-03 08:00", department="街道办")
    assert tasks(stated).routes[tasks(stated).route[0]] == Route("街道办")
    shipped = routing.load(None, Categories.load())
    with workspace.changing() as change:
        change.merge(
            "reports",
            pd.DataFrame({"report_id": ["A"], "category": ["06008"], "department": [None]}),
        )
        change.finish("import", "reports", "", Merged(0, 1, 0), 0)
    by_rule = open_town(workspace)
    assert tasks(by_rule).routes[tasks(by_rule).route[0]] == shipped.route(
        "06008", by_rule.categories
    )
    assert tasks(by_rule).of_unit("广电公司").tolist() == [True, False]
    own = Routing((), Route("创卫办"))
    assert tasks(by_rule, own).routes[tasks(by_rule, own).route[0]] == Route("创卫办")


def test_counts_and_list_are_those_of_the_tasks(demo_town: Town) -> None:
    every = tasks(demo_town)
    running = np.isin(every.state, [STATES.index(s) for s in RUNNING])
    assert ((every.light != NO_LIGHT) == running).all()
    assert ((every.light == RED) == (running & (every.due < demo_town.reports.until))).all()
    lane = demo_town.layers["lanes"].index[0]
    for question in (Filter(), Filter(category=("garbage",)), Filter(lane=(lane,))):
        at = demo_town.selected(demo_town.view(question))
        told = counts(demo_town, question)
        assert told.total == len(at) == sum(told.states.values()) == told.owners["tasks"].sum()
        for code, name in enumerate(LIGHTS[:NO_LIGHT]):
            assert told.lights[name] == (every.light[at] == code).sum()
        number, rows = listed(demo_town, question, number=None)
        assert number == len(rows) == len(at)
        assert set(rows["task_id"]) == set(every.ids[at])
        urgency = rows["light"].map({RED: 0, YELLOW: 1, GREEN: 2, NO_LIGHT: 3})
        assert urgency.is_monotonic_increasing
        for _, mine in rows.groupby("light"):
            assert mine["due_at"].is_monotonic_increasing
        page = listed(demo_town, question, first=3, number=4)[1]
        pd.testing.assert_frame_equal(page, rows.iloc[3:7].reset_index(drop=True))
    owner = counts(demo_town, Filter()).owners.iloc[0]
    number, mine = listed(demo_town, Filter(), unit=owner["owner"], light=RED, number=None)
    assert number == owner["red"]
    assert (mine["owner"] == owner["owner"]).all()
    number, mine = listed(demo_town, Filter(), states=["checking"])
    assert number == counts(demo_town, Filter()).states["checking"]
    assert set(mine["state"]) == {"checking"}


def test_overdue_hours(demo_town: Town) -> None:
    every, reports = tasks(demo_town), demo_town.reports
    calendar = Calendar()
    for at in np.random.default_rng(1).integers(0, len(every), 200):
        end = every.handled[at]
        if every.light[at] == RED:
            end = reports.until
        elif every.light[at] != NO_LIGHT or STATES[every.state[at]] == "void":
            end = every.due[at]
        wanted = calendar.elapsed_h(every.due[[at]], np.array([end], "M8[us]"))[0]
        assert every.overdue_h[at] == pytest.approx(max(wanted, 0), nan_ok=True)


def test_stored_units_go_before_the_rules(town_of_tasks: Workspace, do: Callable[..., int]) -> None:
    do("W004", "assign", owner="供电公司")
    town = open_town(town_of_tasks)
    number, rows = listed(town, Filter(), unit="供电公司")
    assert number == 1
    assert rows["task_id"].tolist() == ["W004"]
