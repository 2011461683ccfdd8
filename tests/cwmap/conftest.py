"""A small demo town, stored once for all tests that only look at it."""

from pathlib import Path

import pytest

from cwmap import importing, sample
from cwmap.demo import DemoTown, make
from cwmap.store import Merged, Settings, Workspace
from cwmap.town import Town, open_town


@pytest.fixture(scope="session")
def demo_rows() -> DemoTown:
    return make(reports=2_000, seed=3, days=200)


@pytest.fixture(scope="session")
def demo_workspace(demo_rows: DemoTown, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder: Path = tmp_path_factory.mktemp("demo") / "workspace"
    settings = Settings(name=demo_rows.name, crs=demo_rows.crs, synthetic=True)
    workspace = Workspace.create(folder, settings)
    with workspace.changing() as change:
        for name in sample.ORDER:
            importing.merge(change, name, demo_rows.tables[name])
        change.finish("demo", "reports", "", Merged(0, 0, 0), 0)
    return workspace


@pytest.fixture(scope="session")
def demo_town(demo_workspace: Workspace) -> Town:
    return open_town(demo_workspace)
