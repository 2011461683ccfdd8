"""What became of the demo's tasks is what could have become of them."""

import numpy as np
import pandas as pd
import pytest

from cwmap.demo import DemoTown
from cwmap.demo.tasks import tasks_frame
from cwmap.tasks.steps import ACTIONS, STATUS_OF


@pytest.fixture(scope="module")
def made(demo_rows: DemoTown) -> tuple[pd.DataFrame, pd.DataFrame]:
    return tasks_frame(demo_rows.tables["reports"], np.random.default_rng(5))


def test_rows_fit_their_reports(
    demo_rows: DemoTown, made: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    rows, events = made
    reports = demo_rows.tables["reports"].set_index("report_id").loc[rows["task_id"]]
    assert rows["task_id"].is_unique
    assert set(events["task_id"]) == set(rows["task_id"])
    assert (rows["state"].map(STATUS_OF).to_numpy() == reports["status"].to_numpy()).all()
    last = events.groupby("task_id").last().loc[rows["task_id"]]
    assert (last["new"].to_numpy() == rows["state"].to_numpy()).all()
    assert (last["owner"].to_numpy() == rows["owner"].to_numpy()).all()
    handled = rows["handled_at"].notna().to_numpy()
    assert (
        rows["handled_at"].to_numpy()[handled] == reports["closed_at"].to_numpy()[handled]
    ).all()


def test_every_step_was_allowed(
    demo_rows: DemoTown, made: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    _, events = made
    reported = demo_rows.tables["reports"].set_index("report_id")["reported_at"]
    assert (events["at"].to_numpy() >= reported.loc[events["task_id"]].to_numpy()).all()
    assert events["at"].is_monotonic_increasing
    for _, mine in events.groupby("task_id"):
        assert mine["old"].tolist() == ["reported", *mine["new"].tolist()[:-1]]
        for event in mine.to_dict("records"):
            action = ACTIONS[event["action"]]
            assert event["old"] in action.before
            assert event["new"] == (action.after or event["old"])
            assert event["note"] or "note" not in action.needs
            assert ("due_at" in action.needs) == pd.notna(event["due_at"])
    assert {"rework", "return", "extend", "ask", "accept", "close"} <= set(events["action"])


def test_the_same_by_the_same_seed(
    demo_rows: DemoTown, made: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    again = tasks_frame(demo_rows.tables["reports"], np.random.default_rng(5))
    for one, other in zip(made, again, strict=True):
        pd.testing.assert_frame_equal(one, other)
