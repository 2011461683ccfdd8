"""The shipped rules, and the small demo town with inspections of a test's own."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from cwmap.assessment import rewards as reward_rules
from cwmap.assessment import scoring
from cwmap.assessment.rewards import Rewards
from cwmap.assessment.scoring import Rules
from cwmap.tables import INSPECTIONS
from cwmap.town import Town

Inspected = Callable[..., Town]


@pytest.fixture(scope="session")
def rules() -> Rules:
    return scoring.load()


@pytest.fixture(scope="session")
def rewards() -> Rewards:
    return reward_rules.load()


@pytest.fixture(scope="session")
def inspected(demo_town: Town) -> Inspected:
    """Rows of inspections (local times) → the demo town with these instead of its own."""

    def make(rows: list[dict[str, Any]]) -> Town:
        columns = [c.name for c in INSPECTIONS.columns if c.name not in ("lon", "lat", "wkt")]
        frame = pd.DataFrame(rows, columns=columns)
        frame["inspection_id"] = [
            i if isinstance(i, str) else f"J{n:05d}" for n, i in enumerate(frame["inspection_id"])
        ]
        moments = pd.to_datetime(frame["inspected_at"]) - pd.Timedelta(hours=8)
        frame["inspected_at"] = moments.astype("datetime64[us]")
        for name in ("findings", "points"):
            frame[name] = frame[name].astype(float)
        registers = demo_town.registers | {"inspections": frame}
        return replace(demo_town, registers=registers, _kept=OrderedDict())

    return make
