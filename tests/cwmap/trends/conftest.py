"""Towns made from the demo town by moving its reports."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cwmap.cube import Cube
from cwmap.town import Town


@pytest.fixture(scope="session")
def altered() -> Callable[..., Town]:
    """A town with other reports: columns by name, places as in `place`; in any order of days."""

    def make(town: Town, keep: Any = None, layers: Any = None, **columns: Any) -> Town:
        reports = town.reports
        place = {n: columns.pop(n, codes) for n, codes in reports.place.items()}
        arrays = {
            n: columns.pop(n, getattr(reports, n))
            for n in ("day", "hour", "category", "status", "lateness", "source", "placed", "x", "y",
                      "ids", "hours_to_fix")
        }  # fmt: skip
        order = np.argsort(arrays["day"], kind="stable")
        order = order if keep is None else order[keep[order]]
        reports = replace(
            reports, place={n: c[order].astype(np.int32) for n, c in place.items()}, shapes={},
            **{n: v[order] for n, v in arrays.items()}, **columns,
        )  # fmt: skip
        sorts = {n: getattr(reports, n) for n in ("category", "status", "lateness", "source")}
        return replace(
            town, reports=reports, cube=Cube(reports.day, reports.place, sorts),
            layers=town.layers | (layers or {}), _kept=OrderedDict(),
        )  # fmt: skip

    return make


@pytest.fixture(scope="session")
def scattered(altered: Callable[..., Town]) -> Callable[[Town, int], Town]:
    """The town with its cells' counts dealt out anew: as skewed as before, but nowhere clustered."""

    def make(town: Town, seed: int) -> Town:
        random = np.random.default_rng(seed)
        codes = town.reports.place["cells"]
        other = random.permutation(len(town.layers["cells"])).astype(np.int32)
        return altered(town, cells=np.where(codes >= 0, other[codes], -1))

    return make
