"""The demo town into a workspace: the same rows as an import, in one transaction."""

from __future__ import annotations

from pathlib import Path

from cwmap import importing, photos
from cwmap.demo import make, write_files
from cwmap.demo.ground import CRS
from cwmap.demo.town import NAME
from cwmap.errors import WorkspaceError
from cwmap.store import FILE, Merged, Settings, Workspace
from cwmap.tables import TABLES

FILES = "示例文件"
ORDER = (
    "lanes", "cells", "communities", "areas", "facilities", "units", "population", "backdrop", "duties",
    "reports", "inspections", "tasks",
)  # fmt: skip


def fill(
    folder: Path, *, reports: int, seed: int, days: int, step: importing.Step
) -> dict[str, int]:
    """Make the demo town in `folder`, with the files that a town would have beside it.

    Returns the rows of each table. `WorkspaceError` if the workspace already holds data.
    """
    step("生成示例镇", 0.1)
    if not (folder / FILE).exists():
        Workspace.create(folder, Settings(name=NAME, crs=CRS, synthetic=True))
    workspace = Workspace.open(folder)
    _check_empty(workspace)
    town = make(reports=reports, seed=seed, days=days)
    for photo in town.photos:  # before the rows that name them
        photos.keep(folder, photo)
    with workspace.changing() as change:
        _check_empty(workspace)  # by now it may not be
        change.set(name=town.name, synthetic=True)
        done = Merged(0, 0, 0)
        for at, name in enumerate(ORDER):
            step(f"写入{TABLES[name].label}", 0.3 + 0.6 * at / len(ORDER))
            done += importing.merge(change, name, town.tables[name])
        change.record(town.events)
        change.finish("demo", "reports", f"seed={seed}", done, 0)
    step("写出示例文件", 0.9)
    write_files(town, folder / FILES)
    step("完成", 1.0)
    return workspace.counts()


def _check_empty(workspace: Workspace) -> None:
    if workspace.revision():
        raise WorkspaceError(
            f"“{workspace.folder}”里已有数据；示例镇请放到一个新文件夹，如 -w 示例。"
        )
    crs = workspace.settings().crs
    if crs != CRS:
        raise WorkspaceError(
            f"“{workspace.folder}”的坐标系是 {crs}，示例镇需要 {CRS}；请换一个新文件夹。"
        )
