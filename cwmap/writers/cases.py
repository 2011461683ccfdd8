"""Rows of the layers that have one row a report: the reports and their tasks.

Any choice of rows can be asked for, so that a page of a million reports costs what a page costs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from cwmap.errors import CwmapError
from cwmap.store import Workspace, column, read_table, revision_of
from cwmap.tables import REPORTS, TASKS, Column
from cwmap.tasks import routing
from cwmap.tasks.tasks import LIGHTS, Tasks, rows_of, tasks
from cwmap.town import LATE, OPEN, Town

Positions = npt.NDArray[np.intp]

LIGHT_NAMES = dict(
    zip(
        ("green", "yellow", "red", "done"), (*(f"{n}灯" for n in LIGHTS[:3]), "已处置"), strict=True
    )
)
"""Words for `cwmap.tasks.tasks.LIGHTS`, in its order; what has been dealt with has no light."""
_ASKED = 20_000  # ids that one query asks for; more are picked from the whole table

_CATEGORY = (Column("category", "类别代码", "id"), Column("category_name", "问题类别"))
COLUMNS: dict[str, tuple[Column, ...]] = {
    "reports": (
        REPORTS["report_id"], *_CATEGORY,
        Column("group", "问题分组", "choice"), REPORTS["reported_at"], REPORTS["status"],
        REPORTS["due_at"],
        Column("overdue", "超期未办", "choice", labels={"yes": "是", "no": "否"}),
        REPORTS["closed_at"], REPORTS["lane_id"], REPORTS["lane_name"], REPORTS["cell_id"],
        REPORTS["community_id"], REPORTS["area_id"], REPORTS["placed_by"], REPORTS["distance_m"],
        REPORTS["description"], REPORTS["address"], REPORTS["source"], REPORTS["department"],
    ),
    "tasks": (
        TASKS["task_id"], REPORTS["report_id"], REPORTS["lane_id"], TASKS["owner"], TASKS["due_at"],
        TASKS["state"], Column("overdue_h", "超期", "number", unit="工作时"),
        Column("light", "亮灯", "choice", labels=LIGHT_NAMES), TASKS["helpers"], *_CATEGORY,
        REPORTS["reported_at"], TASKS["handled_at"],
    ),
}  # fmt: skip
"""Layer → its columns. Of a task, overdue_h is that of `cwmap.tasks.tasks.Tasks`."""


class Outdated(CwmapError):
    """The workspace has moved on since the town was opened; a newer town can answer."""


def case_rows(town: Town, workspace: Workspace, layer: str, chosen: Positions) -> pd.DataFrame:
    """Rows of `reports` or `tasks` at these positions in `town.reports`, in this order.

    `COLUMNS` and the report's own geometry (EPSG:4326, None without a place); local times. `Outdated`
    if the store holds another revision.
    """
    make = _reports if layer == "reports" else _tasks
    return make(town, workspace, chosen)


def tasks_of(town: Town, workspace: Workspace) -> Tasks:
    """The town's tasks by the rules of its workspace."""
    return tasks(town, routing.load(workspace.folder, town.categories))


def _reports(town: Town, workspace: Workspace, chosen: Positions) -> pd.DataFrame:
    wanted = [c.name for c in REPORTS.stored if c in COLUMNS["reports"]]
    rows = _stored(town, workspace, chosen, [*wanted, "category", "geometry"])
    late = np.isin(town.reports.status[chosen], OPEN) & (town.reports.lateness[chosen] == LATE)
    lane = rows["lane_id"].map(town.layers["lanes"]["name"]).fillna(rows["lane_name"])
    return rows.assign(
        **_local(town, rows, ("reported_at", "due_at", "closed_at")), lane_name=lane,
        overdue=np.where(late, "yes", "no"),
        category_name=rows["category"].map(town.categories.name),
        group=rows["category"].map(lambda code: town.categories.group_of(code).key),
    )  # fmt: skip


def _tasks(town: Town, workspace: Workspace, chosen: Positions) -> pd.DataFrame:
    rows = rows_of(town, tasks_of(town, workspace), chosen)
    shapes = _stored(town, workspace, chosen, ["report_id", "geometry"])["geometry"]
    return rows.assign(
        **_local(town, rows, ("reported_at", "due_at", "handled_at")), report_id=rows["task_id"],
        helpers=rows["helpers"].where(rows["helpers"] != "", None),
        category_name=rows["category"].map(town.categories.name),
        light=np.array(list(LIGHT_NAMES), object)[rows["light"].to_numpy(int)],
        geometry=shapes.to_numpy(object),
    )  # fmt: skip


def _stored(
    town: Town, workspace: Workspace, chosen: Positions, names: Sequence[str]
) -> pd.DataFrame:
    ids = town.reports.ids[chosen]
    where = column("report_id", "reports").in_(ids.tolist()) if len(ids) <= _ASKED else None
    with workspace.reading() as connection:
        if revision_of(connection) != town.revision:
            raise Outdated("数据刚刚有更新；请稍候几秒，再导出一次。")
        rows = read_table(connection, REPORTS, names, where)
    return rows.set_index("report_id", drop=False).loc[ids]


def _local(town: Town, rows: pd.DataFrame, names: Sequence[str]) -> dict[str, pd.Series]:
    """Times, stored in UTC, with the town's offset."""
    zone = town.settings.timezone
    return {name: rows[name].dt.tz_localize("UTC").dt.tz_convert(zone) for name in names}
