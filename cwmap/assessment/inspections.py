"""Inspections entered by hand (检查填报): one visit, its findings, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import pandas as pd

from cwmap.errors import CwmapError
from cwmap.store import Workspace
from cwmap.tables import INSPECTIONS


@dataclass(frozen=True)
class Found:
    """What a visit found: an item of the rules, and in how many places."""

    item: str
    number: int


def enter(
    workspace: Workspace, *, unit: str, kind: str, level: str, inspector: str, at: pd.Timestamp,
    note: str = "", photo: str = "", found: Sequence[Found] = (),
) -> str:  # fmt: skip
    """Keep a visit; one row a finding, one row where nothing was found. Returns its batch number.

    at: on the town's clock. CwmapError: no inspector, or a time that has not come.
    """
    if not inspector.strip():
        raise CwmapError("没有写检查人；请填写姓名后再保存。")
    moment = at.tz_localize(workspace.settings().timezone).tz_convert("UTC").tz_localize(None)
    if moment > pd.Timestamp.now("UTC").tz_localize(None):
        raise CwmapError("检查时间在将来；请改正。")
    visit = f"D{at:%m%d}-{uuid4().hex[:6]}"
    rows = pd.DataFrame(
        [
            {"item": one.item, "findings": float(one.number)}
            for one in (*found, *([] if found else [Found("", 0)]))
        ]
    )
    rows["item"] = rows["item"].astype(object).where(rows["item"] != "", None)
    rows = rows.assign(
        inspection_id=[f"J{at:%Y%m%d}-{visit[-6:]}-{n}" for n in range(1, len(rows) + 1)],
        visit=visit, unit=unit, kind=kind, level=level, inspector=inspector.strip(),
        note=note.strip() or None, photo=photo or None,
        inspected_at=pd.Series([moment] * len(rows)).astype("M8[us]"),
    )  # fmt: skip
    order = [c.name for c in INSPECTIONS.stored if c.name in rows]
    with workspace.changing() as change:
        merged = change.merge("inspections", rows[order])
        change.finish("enter", "inspections", "", merged, 0)
    return visit
