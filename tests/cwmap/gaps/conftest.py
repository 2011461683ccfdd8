"""Towns drawn by hand, in metres from a corner, for which every distance is known."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import shapely

from cwmap import importing
from cwmap.gaps import facilities
from cwmap.gaps.facilities import Norms
from cwmap.store import Merged, Settings, Workspace
from cwmap.town import Town, open_town

KEYS = {
    "lanes": "lane_id", "areas": "area_id", "cells": "cell_id", "communities": "community_id",
    "facilities": "facility_id", "population": "population_id", "backdrop": "backdrop_id",
    "reports": "report_id",
}  # fmt: skip


@pytest.fixture(scope="session")
def norms() -> Norms:
    return facilities.load()


@pytest.fixture
def drawn(tmp_path: Path, degrees: Callable[..., list[Any]]) -> Callable[..., Town]:
    """A town of these rows: table=[{column: value, "at": shape in metres}]; ids are made where missing."""
    made = 0

    def make(**tables: list[dict[str, Any]]) -> Town:
        nonlocal made
        made += 1
        workspace = Workspace.create(tmp_path / f"town{made}", Settings())
        with workspace.changing() as change:
            for name in (k for k in KEYS if k in tables):
                rows = [dict(row) for row in tables[name]]
                shapes = degrees(*(row.pop("at", None) for row in rows))
                frame = pd.DataFrame(rows)
                if KEYS[name] not in frame:
                    frame.insert(0, KEYS[name], [f"{name[0].upper()}{n}" for n in range(len(rows))])
                importing.merge(change, name, frame.assign(geometry=shapes))
            change.finish("import", "lanes", "hand", Merged(1, 0, 0), 0)
        return open_town(workspace)

    return make


@pytest.fixture(scope="session")
def street() -> Callable[..., shapely.Geometry]:
    """A street as a polygon along these corners."""

    def make(*corners: tuple[float, float], width: float = 10.0) -> shapely.Geometry:
        return shapely.buffer(
            shapely.LineString(corners), width / 2, cap_style="flat", join_style="mitre"
        )

    return make
