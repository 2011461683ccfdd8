"""A file in the place of a whole table (整表替换): which tables, which rows go, and their sheets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import shapely

from cwmap.errors import CwmapError
from cwmap.storage.geopackage import among
from cwmap.store import Workspace, column
from cwmap.tables import PLACES, TABLES, Table
from cwmap.workbook import write_sheet

REPLACEABLE = (*PLACES, "facilities", "population", "duties", "units")
"""Places and registers; never what was reported, inspected or done."""

_NAMED = 20  # rows that are named one by one

Read = Callable[[str, Sequence[str]], pd.DataFrame]


def check(target: Table) -> None:
    """`CwmapError` for a table that must not be replaced."""
    if target.name not in REPLACEABLE:
        allowed = "、".join(TABLES[name].label for name in REPLACEABLE)
        raise CwmapError(
            f"“{target.label}”不能整表替换，只能新增和更新；可以整表替换的有：{allowed}。"
        )


def leaving(stored: Read, target: Table, rows: pd.DataFrame) -> pd.Series:
    """What to call the stored rows that are not among these, by key; `stored` reads a table."""
    telling = [name for name in target.identity or ("name",) if name in target]
    old = stored(target.name, [target.key, *telling])
    old = old[~old[target.key].isin(rows[target.key])].set_index(target.key)
    words = [
        " ".join([str(key), *(target[n].shown(v) for n, v in zip(telling, row, strict=True) if v)])
        for key, row in zip(old.index, old.to_numpy(object), strict=True)
    ]
    return pd.Series(words, old.index, dtype=object)


def named(gone: pd.Series) -> str:
    """Rows that are taken out, in words: their number and the first of them."""
    rest = "等" if len(gone) > _NAMED else ""
    return f"移除 {len(gone):,} 条：{'、'.join(gone.iloc[:_NAMED])}{rest}"


def write_stored(workspace: Workspace, target: Table, keys: Sequence[str], path: Path) -> None:
    """Rows as the store has them, as a sheet that can be imported again."""
    rows = workspace.read(target.name, where=among(column(target.key, target.name), keys))
    _write(workspace, target, rows, path)


def write_removed(workspace: Workspace, target: Table, path: Path) -> None:
    """All rows that replacements have taken out of a table, as a sheet that can be imported again."""
    rows = workspace.removed(target.name)
    times = pd.to_datetime(rows.pop("at"), format="ISO8601", utc=True).dt.tz_localize(None)
    rows.insert(1, "移除时间", _local(times, workspace))
    _write(workspace, target, rows.rename(columns={"revision": "移除时的版本"}), path)


def _write(workspace: Workspace, target: Table, rows: pd.DataFrame, path: Path) -> None:
    hidden = [c.name for c in target.stored if c.private]
    times = {c.name: _local(rows[c.name], workspace) for c in target.stored if c.kind == "time"}
    shown = rows.assign(**times).drop(columns=["geometry", *hidden], errors="ignore")
    if target.shape:
        shown["wkt"] = shapely.to_wkt(rows["geometry"].to_numpy(object), rounding_precision=9)
    about = [("说明", "需要恢复其中的行时，只留下这些行，再按原来的表导入")]
    about += [("没有写出", "、".join(target[n].label for n in hidden))] if hidden else []
    write_sheet(
        path, shown, headers={c.name: c.header for c in target.columns},
        text_columns=[c.name for c in target.columns if c.kind == "id"], about=about,
    )  # fmt: skip


def _local(times: pd.Series, workspace: Workspace) -> pd.Series:
    """Naive UTC → the wall clock of the town, as an import reads it."""
    zone = workspace.settings().timezone
    return times.dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
