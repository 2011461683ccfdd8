"""A small town of tasks that tests may change: 40 reports, two units, one lane with a 包抓单位."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from cwmap.store import Merged, Settings, Workspace
from cwmap.tasks import steps

REPORTED = pd.Timestamp("2026-03-02 02:00")  # a Monday, 10:00 in Shanghai
LATEST = pd.Timestamp("2026-03-20 02:00")
ROADS, BINS = "住建局", "环卫所"


@pytest.fixture(scope="session")
def _prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks") / "town"
    workspace = Workspace.create(folder, Settings())
    ids = [f"W{n:03d}" for n in range(40)]
    reports = pd.DataFrame(
        {
            "report_id": ids,
            "category": ["06013", "06010"] * 20,
            "reported_at": pd.date_range(REPORTED, LATEST, periods=40).astype("M8[us]"),
            "status": ["open"] * 4 + ["assigned"] * 36,
            "department": [None, BINS] * 20,
            "address": ["文明巷 12 号"] * 40,
            "description": ["=1+1", "坑洼，电话 13812345678"] * 20,
        }
    )
    with workspace.changing() as change:
        change.merge("reports", reports)
        change.finish("import", "reports", "r.csv", Merged(40, 0, 0), 0)
    workspace.close()
    return folder


@pytest.fixture
def town_of_tasks(_prepared: Path, tmp_path: Path) -> Workspace:
    """Tasks W000 … W039: even ones of 住建局 by the rules, odd ones of 环卫所; the first four open."""
    folder = tmp_path / "town"
    shutil.copytree(_prepared, folder)
    return Workspace.open(folder)


@pytest.fixture
def do(town_of_tasks: Workspace) -> Callable[..., int]:
    """One step on one task, as the office unless told otherwise."""

    def act(task_id: str, action: str, **how) -> int:
        how = {"role": "office", "note": "原因", "who": "张某某"} | how
        return steps.act(town_of_tasks, [task_id], action, how.pop("who"), **how)

    return act
