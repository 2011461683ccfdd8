"""Gaps and hot spots, one laid over the other: what a new facility can and cannot solve.

Per unit cell: whether most of its people go without a facility of standard, and whether the reports
that speak for its want crowd there beyond chance (`cwmap.trends.hotspots`, by shuffling).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from cwmap.filters import Filter
from cwmap.gaps.facilities import Norms
from cwmap.gaps.gaps import demanded, facility_of, served, unit_of, verdicts
from cwmap.gaps.homes import UNITS, Unit
from cwmap.town import Town
from cwmap.trends.hotspots import hotspots

WHERE = {
    "both": "缺口且热点", "gap": "缺口非热点", "hot": "热点非缺口", "empty": "热点无住户",
}  # fmt: skip
"""What a cell is; "none" for neither."""
MEANING = {
    "both": "先在这里补设施，问题可望缓解",
    "gap": "补设施是为方便居民，问题数未必因此下降",
    "hot": "多数人已在服务范围内，再建解决不了，要靠管理",
    "empty": "没有已知的住处，不能按居民判断是不是缺口",
}


@dataclass(frozen=True, eq=False)
class Overlay:
    """cells: index cell_id; where (of `WHERE` or "none"), reports, total (in `unit`), share.

    refused: why nothing can be told, "" if something can.
    """

    cells: pd.DataFrame
    unit: Unit
    caption: str
    refused: str = ""

    @property
    def said(self) -> dict[str, str]:
        """For each of `WHERE`: how many cells, whom it concerns, and what that means."""
        lines = {}
        for word, label in WHERE.items():
            mine = self.cells[self.cells["where"] == word]
            lines[word] = (
                f"{label} {len(mine):,} 个网格，{mine['total'].sum():,.0f} {UNITS[self.unit]}，"
                f"问题 {mine['reports'].sum():,} 件：{MEANING[word]}"
            )
        return lines


def overlay(
    town: Town, norms: Norms, kind: str, question: Filter, norm_key: str | None = None
) -> Overlay:
    """Gaps of a kind over the hot spots of the reports that speak for its want."""
    facility = facility_of(norms, kind)
    norm = facility.radius(norm_key)
    unit = unit_of(town, norms, norm)
    frame = served(town, norms, facility, norm, "cells")
    frame = frame[["total", "share"]].assign(verdict=verdicts(frame, norms.majority))
    if not facility.demand:
        nothing = frame.assign(where="none", reports=0)
        return Overlay(
            nothing, unit, "", f"问题类别里没有能说明缺{facility.name}的，无法与热点对照"
        )
    found = hotspots(town, demanded(facility, replace(question, category=())))
    gap = frame["verdict"].isin(["gap", "below_standard"]).to_numpy(bool)
    hot = found.units["confirmed"].isin(["hot90", "hot95", "hot99"]).to_numpy(bool)
    empty = (frame["verdict"] == "unknown").to_numpy(bool)
    where = np.select(
        [gap & hot, gap, hot & ~empty, hot], ["both", "gap", "hot", "empty"], "none"
    )  # fmt: skip
    cells = frame.assign(where=where, reports=found.units["reports"])
    return Overlay(cells, unit, found.caption, found.refused)
