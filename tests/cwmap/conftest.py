"""A small demo town, stored once for all tests that only look at it; an empty one for the others."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from cwmap import importing, sample
from cwmap.demo import DemoTown, make
from cwmap.store import Merged, Settings, Workspace
from cwmap.town import Town, open_town
from geo.coordinates import transform_geometries

CORNER_M = (492_000.0, 3_694_000.0)


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
        change.record(demo_rows.events)
        change.finish("demo", "reports", "", Merged(0, 0, 0), 0)
    return workspace


@pytest.fixture(scope="session")
def demo_town(demo_workspace: Workspace) -> Town:
    return open_town(demo_workspace)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "workspace", Settings())


@pytest.fixture(scope="session")
def degrees() -> Callable[..., list[Any]]:
    """Shapes in metres from a corner of the town (or None) → in longitude and latitude."""

    def moved(*shapes: Any) -> list[Any]:
        there = shapely.transform(np.array(shapes, object), lambda xy: xy + CORNER_M)
        return list(transform_geometries(there, "EPSG:4544", "EPSG:4326"))

    return moved
