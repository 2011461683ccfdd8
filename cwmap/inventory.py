"""What is in a workspace, how its reports were placed, and how good the data are."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from cwmap.store import Workspace, column, revision_of
from cwmap.tables import REPORTS


def inventory(workspace: Workspace) -> dict[str, Any]:
    """The JSON object of `cwmap status`: tables, placed, quality, revision and settings."""
    settings = workspace.settings()
    tables = workspace.counts()
    by, when = column("placed_by", "reports"), column("reported_at", "reports")
    with workspace.reading() as connection:
        placed = dict(connection.execute(sa.select(by, sa.func.count()).group_by(by)).tuples().all())
        missing = {
            name: connection.execute(
                sa.select(sa.func.count()).where(column(name, "reports").is_(None))
            ).scalar_one()
            for name in ("geometry", "cell_id", "community_id")
        }
        first, last = connection.execute(sa.select(sa.func.min(when), sa.func.max(when))).one()
        revision = revision_of(connection)
    found = {method: int(placed.get(method, 0)) for method in REPORTS["placed_by"].choices}
    total = tables["reports"]
    return {
        "name": settings.name, "crs": settings.crs, "synthetic": settings.synthetic,
        "tables": tables, "placed": found, "revision": revision,
        "quality": {
            "placed_share": round(1 - found["unplaced"] / total, 4) if total else None,
            "without_coordinates": missing["geometry"], "outside_cells": missing["cell_id"],
            "outside_communities": missing["community_id"], "first_report": first, "last_report": last,
        },
    }  # fmt: skip
