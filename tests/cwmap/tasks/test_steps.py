"""Steps: the table of who may do what, and that the store keeps every one of them or none."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cwmap.errors import CwmapError
from cwmap.figures import summary
from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.tables import STATUS
from cwmap.tasks import steps
from cwmap.tasks.steps import ACTIONS, STATE_OF, STATES, STATUS_OF, Actor, Standing, Step
from cwmap.tasks.tasks import tasks
from cwmap.town import open_town

NOW = pd.Timestamp("2026-04-01 02:00")
LATER = NOW + pd.Timedelta(days=3)
SOON = pd.Timestamp("2099-01-01")
BINS, ROADS = "环卫所", "住建局"


# The table --------------------------------------------------------------------------------------


def test_states_and_statuses_agree() -> None:
    assert STATUS_OF.keys() == set(STATES)
    assert STATE_OF.keys() == STATUS.choices.keys()
    assert all(STATUS_OF[STATE_OF[status]] == status for status in STATE_OF)
    for action in ACTIONS.values():
        assert set(action.before) <= set(STATES)
        assert action.after in (*STATES, None)


def test_every_state_can_be_reached_and_none_is_a_trap() -> None:
    def reachable(start: str) -> set[str]:
        seen, left = {start}, [start]
        while left:
            state = left.pop()
            for action in steps.allowed(state, "office"):
                if action.after and action.after not in seen:
                    seen.add(action.after)
                    left.append(action.after)
        return seen

    assert reachable("reported") == set(STATES)
    assert all("closed" in reachable(state) for state in STATES)


def standing(state: str) -> Standing:
    return Standing(
        "W1", state, ROADS, (BINS,), STATUS_OF[state], "06013", NOW - pd.Timedelta(days=1), LATER,
        pd.NaT, {}, 7,
    )  # fmt: skip


@given(
    st.sampled_from(STATES), st.sampled_from(list(ACTIONS)),
    st.sampled_from(["office", "unit", "leader", "viewer"]), st.sampled_from([ROADS, BINS, "别的单位"]),
    st.sampled_from([None, 6, 7, 8]),
)  # fmt: skip
@settings(deadline=None, max_examples=300)
def test_who_may_do_what(state, action, role, unit, seen) -> None:
    """The rules of docs/tasks.md, told once more without the table."""
    step = Step("W1", action, note="因", due_at=LATER, base_revision=seen)
    why = steps.refusal(standing(state), step, Actor("甲", role, unit), NOW)
    with_unit = state in ("dispatched", "handling", "rework")
    before_unit = state in ("reported", "accepted", "returned")
    may = {
        "accept": state == "reported", "assign": with_unit or before_unit,
        "start": state in ("dispatched", "rework"), "fix": with_unit, "return": with_unit,
        "ask": with_unit, "extend": with_unit or before_unit,
        "remark": with_unit or before_unit or state == "checking", "close": state == "checking",
        "rework": state in ("checking", "closed"),
        "void": with_unit or before_unit or state == "checking", "reopen": state == "void",
    }[action]  # fmt: skip
    if role in ("leader", "viewer"):
        may = False
    if role == "unit":
        may &= action in ("start", "fix", "return", "ask", "remark") and unit != "别的单位"
    if role == "office":
        may &= action != "ask"
    may &= seen != 6
    assert (why == "") == may, why


@pytest.mark.parametrize(
    ("action", "how", "said"),
    [
        ("return", {"note": ""}, "原因"),
        ("extend", {"due_at": NOW}, "晚于现在"),
        ("extend", {"due_at": None}, "晚于现在"),
        ("fix", {"handled_at": NOW + pd.Timedelta(minutes=1)}, "将来"),
        ("fix", {"handled_at": NOW - pd.Timedelta(days=2)}, "早于上报"),
        ("fix", {"note": ""}, "照片"),
    ],
)
def test_what_a_step_needs(action: str, how: dict[str, object], said: str) -> None:
    step = Step("W1", action, **({"note": "因", "due_at": LATER} | how))  # type: ignore[arg-type]
    role = "unit" if action != "extend" else "office"
    assert said in steps.refusal(standing("handling"), step, Actor("甲", role, ROADS), NOW)  # type: ignore[arg-type]


# The store --------------------------------------------------------------------------------------


def test_a_task_to_its_end(town_of_tasks: Workspace, do: Callable[..., int]) -> None:
    do("W000", "accept")
    do("W000", "assign")
    do("W000", "start", role="unit", unit=ROADS, who="李某某")
    do("W000", "ask", role="unit", unit=ROADS, due_at=SOON)
    do("W000", "extend", due_at=SOON)
    do("W000", "fix", role="unit", unit=ROADS, photo="a.jpg", note="已填平")
    do("W000", "rework", note="没有压实")
    do("W000", "fix", note="已压实")
    do("W000", "close")
    done = steps.history(town_of_tasks, "W000")
    assert done["action"].tolist() == [
        "report", "accept", "assign", "start", "ask", "extend", "fix", "rework", "fix", "close",
    ]  # fmt: skip
    assert done["new"].tolist()[-3:] == ["rework", "checking", "closed"]
    assert done["at"].is_monotonic_increasing
    assert done["derived"].tolist() == [True] + [False] * 9
    row = town_of_tasks.read("tasks").iloc[0]
    assert (row["state"], row["note"], row["photo"], row["due_at"]) == (
        "closed",
        "已压实",
        "a.jpg",
        SOON,
    )
    report = town_of_tasks.read("reports").set_index("report_id").loc["W000"]
    assert report["status"] == "verified"
    assert report["closed_at"] == row["handled_at"]
    assert len(town_of_tasks.read("tasks")) == 1  # untouched tasks are not stored


def test_figures_and_tasks_agree(town_of_tasks: Workspace, do: Callable[..., int]) -> None:
    before = open_town(town_of_tasks)
    assert summary(before, Filter()).open == 40
    late = summary(before, Filter()).overdue
    assert late == int((tasks(before).light == 2).sum()) > 20
    do("W004", "fix")
    do("W005", "extend", due_at=SOON)
    do("W006", "void")
    after = open_town(town_of_tasks)
    assert summary(after, Filter()).open == 38
    assert summary(after, Filter()).overdue == late - 3 == int((tasks(after).light == 2).sum())


def test_a_granted_time_survives_the_next_import(
    town_of_tasks: Workspace, do: Callable[..., int]
) -> None:
    do("W005", "extend", due_at=SOON)
    stated = pd.DataFrame({"report_id": ["W005"], "due_at": [NOW]})
    with town_of_tasks.changing() as change:
        change.merge("reports", stated)
    town = open_town(town_of_tasks)
    assert town.reports.due[town.reports.ids == "W005"] == SOON


def test_a_newer_import_wins(town_of_tasks: Workspace, do: Callable[..., int]) -> None:
    do("W004", "start")
    with town_of_tasks.changing() as change:
        rows = pd.DataFrame({"report_id": ["W004"], "status": ["verified"]})
        done = change.merge("reports", rows)
        change.finish("import", "reports", "r.csv", done, 0)
    town = open_town(town_of_tasks)
    assert STATES[tasks(town).state[4]] == "closed"
    assert steps.history(town_of_tasks, "W004")["action"].tolist() == ["report", "start", "import"]
    with pytest.raises(CwmapError, match="结案"):
        do("W004", "fix")


def test_all_or_nothing(town_of_tasks: Workspace, do: Callable[..., int]) -> None:
    do("W007", "void")
    before = town_of_tasks.revision()
    with pytest.raises(CwmapError, match=r"W007.*作废.*共 1 件"):
        steps.act(town_of_tasks, ["W006", "W007"], "fix", "甲", role="office")
    with pytest.raises(CwmapError, match="没有这件任务"):
        steps.act(town_of_tasks, ["W006", "nix"], "fix", "甲", role="office")
    with pytest.raises(CwmapError, match="经办人"):
        steps.act(town_of_tasks, ["W006"], "fix", " ", role="office")
    assert town_of_tasks.revision() == before
    assert len(steps.events(town_of_tasks)) == 1
    assert len(town_of_tasks.read("tasks")) == 1


def test_who_has_not_seen_the_last_change_is_told(
    town_of_tasks: Workspace, do: Callable[..., int]
) -> None:
    seen = town_of_tasks.revision()
    do("W008", "start", base_revision=seen)
    with pytest.raises(CwmapError, match="别人改动"):
        do("W008", "fix", base_revision=seen)
    do("W009", "start", base_revision=seen)  # another task's change is none of this one's
    with town_of_tasks.changing() as change:  # nor is another column of the report
        done = change.merge("reports", pd.DataFrame({"report_id": ["W010"], "address": ["别处"]}))
        change.finish("import", "reports", "", done, 0)
    do("W010", "start", base_revision=seen)


def test_another_owner(town_of_tasks: Workspace, do: Callable[..., int]) -> None:
    do("W004", "return", role="unit", unit=ROADS, note="属供电公司")
    do("W004", "assign", owner="供电公司")
    with pytest.raises(CwmapError, match="由“供电公司”办理"):
        do("W004", "fix", role="unit", unit=ROADS)
    do("W004", "fix", role="unit", unit="供电公司")
    town = open_town(town_of_tasks)
    assert tasks(town).owners[tasks(town).owner[4]] == "供电公司"


WORK = """
import sys
from pathlib import Path
from cwmap.tasks import steps
from cwmap.store import Workspace
workspace = Workspace.open(Path(sys.argv[1]))
ids = [f"W{n:03d}" for n in range(4, 40)]
following = {"dispatched": "start", "handling": "fix", "checking": "close", "closed": "rework", "rework": "fix"}
while True:
    states = workspace.read("tasks")["state"]
    action = following[states[0] if len(states) else "dispatched"]
    steps.act(workspace, ids, action, "甲", role="office", note=action)
    print(action, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_in_the_middle(town_of_tasks: Workspace) -> None:
    folder = town_of_tasks.folder
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", WORK, str(folder)], stdout=subprocess.PIPE
        )
        assert process.stdout
        for _step in range(2):
            assert process.stdout.readline()
        time.sleep(random.uniform(0, 0.1))  # anywhere within the next step
        process.send_signal(signal.SIGKILL)
        process.wait()
        opened = Workspace.open(folder)
        events = steps.events(opened)
        assert (events.groupby("revision").size() == 36).all()  # whole steps only
        last = events.groupby("task_id").last()
        stored = opened.read("tasks").set_index("task_id")
        reports = opened.read("reports").set_index("report_id")
        assert (stored["state"] == last["new"].reindex(stored.index)).all()
        assert (reports["status"].reindex(stored.index) == stored["state"].map(STATUS_OF)).all()
        assert opened.revision() == (events["revision"].max() if len(events) else 1)
        for _, mine in events.groupby("task_id"):  # nothing is missing between
            assert (mine["old"].to_numpy()[1:] == mine["new"].to_numpy()[:-1]).all()
        opened.close()
    assert len(events) >= 6 * 36
