"""The demo town into a workspace: the same rows as an import, in one transaction."""

from __future__ import annotations

import json
from pathlib import Path

from cwmap import importing
from cwmap.demo import make, write_files
from cwmap.errors import WorkspaceError
from cwmap.store import FILE, Merged, Settings, Workspace

FILES = "示例文件"
ORDER = (
    "lanes", "cells", "communities", "areas", "facilities", "population", "backdrop", "duties", "reports",
)  # fmt: skip


def fill(
    folder: Path, *, reports: int, seed: int, days: int, step: importing.Step
) -> dict[str, int]:
    """Make the demo town in `folder`, with the files that a town would have beside it.

    Returns the rows of each table. `WorkspaceError` if the workspace already holds data.
    """
    step("生成示例镇", 0.1)
    town = make(reports=reports, seed=seed, days=days)
    settings = Settings(name=town.name, crs=town.crs, synthetic=True)
    if (folder / FILE).exists():
        workspace = Workspace.open(folder)
        if workspace.revision():
            raise WorkspaceError(f"“{folder}”里已有数据；示例镇请放到一个新文件夹，如 -w 示例。")
        crs = workspace.settings().crs
        if crs != town.crs:
            raise WorkspaceError(
                f"“{folder}”的坐标系是 {crs}，示例镇需要 {town.crs}；请换一个新文件夹。"
            )
    else:
        workspace = Workspace.create(folder, settings)
    step("写入工作区", 0.5)
    added = 0
    with workspace.changing() as change:
        change.set(name=town.name, synthetic=True)
        for name in ORDER:
            added += importing.merge(change, name, town.tables[name]).added
        change.finish("demo", "reports", f"seed={seed}", Merged(added, 0, 0), 0)
    step("写出示例文件", 0.9)
    write_files(town, folder / FILES)
    truth = json.dumps(town.truth, ensure_ascii=False, indent=1, default=str)
    (folder / FILES / "truth.json").write_text(truth, encoding="utf-8")
    step("完成", 1.0)
    return workspace.counts()
