"""The demo town's brief of its last thirty days, made once, and its files."""

from __future__ import annotations

from datetime import date

import pytest

from cwmap.brief import FORMATS, Brief, Written, brief, written
from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.town import Town

DAY = date(2026, 11, 24)


@pytest.fixture(scope="session")
def usual(demo_town: Town, demo_workspace: Workspace) -> Brief:
    return brief(demo_town, demo_workspace, Filter(), dated=DAY)


@pytest.fixture(scope="session")
def usual_files(usual: Brief) -> dict[str, Written]:
    return {ending: written(usual, ending) for ending in FORMATS}
