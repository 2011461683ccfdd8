"""What is in a workspace, how its reports were placed, and how good the data are."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from cwmap.storage.settings import settings_of
from cwmap.store import Workspace, column, counts_of, revision_of
from cwmap.tables import REPORTS

QUALITY = {
    "placed_share": "归属率", "without_coordinates": "没有坐标", "outside_cells": "在网格之外",
    "outside_communities": "在社区之外", "first_report": "最早上报（UTC）",
    "last_report": "最近上报（UTC）",
}  # fmt: skip
"""What the facts about the data's quality are called."""


def inventory(workspace: Workspace) -> dict[str, Any]:
    """The JSON object of `cwmap status`: tables, placed, quality, revision and settings."""
    by, when = column("placed_by", "reports"), column("reported_at", "reports")
    count = sa.func.count()
    known = [sa.func.count(column(c, "reports")) for c in ("geometry", "cell_id", "community_id")]
    with workspace.reading() as connection:
        settings, revision = settings_of(connection), revision_of(connection)
        tables = counts_of(connection)
        ways = connection.execute(sa.select(by, count).group_by(by)).all()
        *has, first, last = connection.execute(
            sa.select(*known, sa.func.min(when), sa.func.max(when))
        ).one()
    placed = dict.fromkeys(REPORTS["placed_by"].choices, 0) | {str(w): int(n) for w, n in ways}
    total = tables["reports"]
    without, outside_cells, outside_communities = (total - int(n) for n in has)
    return {
        "name": settings.name, "crs": settings.crs, "synthetic": settings.synthetic,
        "tables": tables, "placed": placed, "revision": revision,
        "quality": {
            "placed_share": round(1 - placed["unplaced"] / total, 4) if total else None,
            "without_coordinates": without, "outside_cells": outside_cells,
            "outside_communities": outside_communities, "first_report": first, "last_report": last,
        },
    }  # fmt: skip
