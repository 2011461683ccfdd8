"""A file into the workspace: read, check, place, store; one transaction, the same result twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from cwmap import checking, placing, replacement
from cwmap.checks import register
from cwmap.errors import CwmapError
from cwmap.norms import Categories
from cwmap.reading import Rows, read
from cwmap.store import Change, Derived, Merged, Workspace
from cwmap.tables import PLACES, TABLES, Table, headers, table
from cwmap.tasks import returns
from cwmap.workbook import write_sheet
from geo.coordinates import transform_geometries

Step = Callable[[str, float], None]
Read = Callable[[str, Sequence[str]], pd.DataFrame]
Lengths = npt.NDArray[np.float64]

_READ, _CHECKED, _STORED = 0.05, 0.4, 0.95  # shares of the way, for the bar


@dataclass(frozen=True)
class Question:
    """How a file is to be understood, where it does not say so itself."""

    mapping: Mapping[str, str] | None = None
    coords: str = "auto"
    encoding: str | None = None
    sheet: str | None = None
    layer: str | None = None
    lane_width_m: float | None = None
    add_categories: bool = False


@dataclass(frozen=True)
class Understood:
    """A file as it was read and checked, not yet stored.

    extras: of a sheet of tasks. leaving: the stored rows that it takes out if it replaces the table
    (`replacing`), by key; None if it does not.
    """

    table: Table
    rows: Rows
    checked: checking.Checked
    extras: returns.Extras = returns.NOTHING
    leaving: pd.Series | None = None


@dataclass(frozen=True)
class Imported:
    """What an import did. `revision` stays where it was if nothing changed."""

    table: str
    read: int
    added: int
    updated: int
    unchanged: int
    removed: int
    rejected: int
    problems: list[checking.Problem]
    revision: int
    notes: list[str]

    def as_dict(self) -> dict[str, object]:
        """The JSON object of the command line."""
        return self.__dict__ | {"problems": [p.as_dict() for p in self.problems]}


def _quiet(_text: str, _share: float) -> None:
    pass


def context(workspace: Workspace) -> checking.Context:
    """What checking needs to know of the town."""
    settings = workspace.settings()
    lanes = workspace.read("lanes", ["geometry"])
    return checking.Context(
        categories=Categories.load().with_local(workspace.read("categories")),
        timezone=settings.timezone,
        crs=settings.crs,
        lanes=lanes["geometry"].to_numpy(object),
        now=datetime.now(UTC),
    )


def understand(
    workspace: Workspace, name: str, source: Path | tuple[str, bytes], question: Question,
    step: Step = _quiet,
) -> Understood:  # fmt: skip
    """Read and check a file without storing anything."""
    target = table(name)
    step("读取文件", _READ)
    known = headers(target) | (register.ROLES if target.name == "duties" else {})
    rows = read(
        source, known=known, encoding=question.encoding,
        sheet=question.sheet, layer=question.layer,
    )  # fmt: skip
    step(f"检查 {len(rows.table):,} 行", _CHECKED / 2)
    as_table = register.unfolded(rows, question.mapping) if target.name == "duties" else rows
    checked = checking.check(
        as_table, target, context=context(workspace),
        mapping=question.mapping if as_table is rows else None,
        coords=question.coords, lane_width_m=question.lane_width_m, add_categories=question.add_categories,
    )  # fmt: skip
    understood = Understood(target, replace(rows, notes=as_table.notes), checked)
    if target.name == "tasks":
        found = returns.extras(source, rows)
        checked = returns.checked_against(workspace, checked, found)
        return replace(understood, checked=checked, extras=found)
    return understood


def replacing(workspace: Workspace, understood: Understood) -> Understood:
    """The same file, to stand in the place of all rows of its table (整表替换).

    Raises CwmapError for a table, or a file, with which that must not be done.
    """
    target, checked = understood.table, understood.checked
    replacement.check(target)
    if checked.rejected:  # the rows that would be taken out may be the very ones
        raise CwmapError(
            f"文件里有 {len(checked.rejected):,} 行没有收录，不能整表替换；先改好这些行，或不用整表替换。"
        )
    if checked.rows.empty:
        raise CwmapError(f"文件里没有可用的行，不能用来替换“{target.label}”；请检查文件。")
    return replace(understood, leaving=replacement.leaving(workspace.read, target, checked.rows))


def store(workspace: Workspace, understood: Understood, file: str, step: Step = _quiet) -> Imported:
    """Store what was understood, in one transaction, and place the reports that it concerns."""
    checked, target = understood.checked, understood.table
    step("写入工作区", _CHECKED)
    with workspace.changing() as change:
        grown = _add_categories(change, checked.new_categories)
        if target.name == "tasks":  # steps, which leave their events, rather than rows
            checked, merged = returns.merge(workspace.folder, change, checked, understood.extras)
            understood = replace(understood, checked=checked)
        else:
            gone = _confirmed(change, understood)
            merged = merge(change, target.name, frame(checked), checked.defaulted, step, gone=gone)
        revision = change.revision - 1
        if merged.changes or grown:
            revision = change.finish("import", target.name, file, merged, len(checked.rejected))
    step("完成", 1.0)
    return outcome(understood, merged, revision)


def _confirmed(change: Change, understood: Understood) -> list[str]:
    """Keys of the rows that a replacement takes out: those that were named before, or none."""
    if understood.leaving is None:
        return []
    keys = list(understood.leaving.index)
    now = replacement.leaving(change.read, understood.table, understood.checked.rows)
    if list(now.index) != keys:
        raise CwmapError(
            "检查这个文件之后，另一个导入改动了这张表，要移除的行已经不同；请把文件重新检查一次再导入。"
        )
    return keys


def outcome(understood: Understood, merged: Merged, revision: int) -> Imported:
    """The report of an import, so that read = added + updated + unchanged + rejected.

    Of rows with the same id the last one counts; those before it change nothing.
    """
    checked = understood.checked
    overtaken = checked.replaced_repeats
    notes = [*understood.rows.notes, checked.coords_reason]
    notes += [f"有 {overtaken:,} 行与后面的行编号相同而内容不同，以后一行为准"] if overtaken else []
    leaving = pd.Series(dtype=object) if understood.leaving is None else understood.leaving
    notes += [f"整表替换，{replacement.named(leaving)}"] if len(leaving) else []
    return Imported(
        table=understood.table.name,
        read=checked.read,
        added=merged.added,
        updated=merged.updated,
        unchanged=merged.unchanged + checked.unchanged_repeats + overtaken,
        removed=len(leaving),
        rejected=len(checked.rejected),
        problems=checked.problems,
        revision=revision,
        notes=[note for note in notes if note],
    )


def preview(workspace: Workspace, understood: Understood) -> Imported:
    """What `store` would do, without doing it."""
    checked, target = understood.checked, understood.table
    if target.name == "tasks":
        merged = returns.preview(workspace, checked, understood.extras)
        return outcome(understood, merged, workspace.revision())
    rows = measured(frame(checked), target, workspace.settings().crs, workspace.read)
    merged = workspace.compare(target.name, rows, checked.defaulted)
    return outcome(understood, merged, workspace.revision())


def frame(checked: checking.Checked) -> pd.DataFrame:
    """The accepted rows as the store takes them."""
    if checked.geometry is None:
        return checked.rows
    places = pd.Series(checked.geometry, checked.rows.index, dtype=object)
    return checked.rows.assign(geometry=places)


def merge(
    change: Change, name: str, rows: pd.DataFrame, defaulted: Sequence[str] = (),
    step: Step = _quiet, *, gone: Sequence[str] = (),
) -> Merged:  # fmt: skip
    """Merge rows of one table, take out those `gone`, and keep what follows from them true."""
    placed = _placing(change)
    merged = change.merge(
        name,
        measured(rows, TABLES[name], change.settings.crs, change.read),
        defaulted,
        derived=placed if name == "reports" else None,
        progress=lambda share: step("写入工作区", _CHECKED + (_STORED - _CHECKED) * share),
    )
    if gone:
        merged += change.remove(name, gone)
    if name in PLACES and merged.changes:
        step("重新归属所有问题", _STORED)
        change.derive("reports", placed)
    return merged


def _placing(change: Change) -> Derived:
    """Where reports belong, by the boundaries as the change has them when it is first asked."""

    @cache
    def places() -> placing.Places:
        frames = {name: change.read(name, placing.PLACE_COLUMNS[name]) for name in PLACES}
        return placing.Places(frames, change.settings.crs, change.settings.nearest_m)

    return Derived(placing.NEEDS, lambda reports: places().place(reports))


def _add_categories(change: Change, new: pd.DataFrame) -> bool:
    """Register a file's own categories; whether any was new."""
    if new.empty:
        return False
    known = change.read("categories", ["category", "name"]).set_index("category")["name"]
    taken = new["category"].isin(known.index) & (new["name"] != new["category"].map(known))
    if taken.any():  # by an import since the file was checked: its code means something else now
        raise CwmapError(
            "检查这个文件之后，另一个导入刚登记了新的类别；请把文件重新检查一次再导入。"
        )
    return change.merge("categories", new).added > 0


def measured(rows: pd.DataFrame, target: Table, crs: str, stored: Read) -> pd.DataFrame:
    """Rows with their area and, for lanes, a length where none is given, in metres to the centimetre.

    `stored`: reads a table. A lane keeps a length that somebody stated, other than its old shape's.
    """
    if "geometry" not in rows or "area_m2" not in target:
        return rows
    shapes = transform_geometries(rows["geometry"].to_numpy(object), "EPSG:4326", crs)
    rows = rows.assign(area_m2=shapely.area(shapes).round(2))
    if "length_m" in target:
        given = rows.get("length_m", pd.Series(np.nan, rows.index)).astype(float)
        if given.isna().any():
            old = stored(target.name, [target.key, "length_m", "geometry"]).set_index(target.key)
            old_shapes = transform_geometries(old["geometry"].to_numpy(object), "EPSG:4326", crs)
            measure = lane_length_m(old_shapes)
            own = old["length_m"].where(~np.isclose(old["length_m"], measure, rtol=0, atol=0.02))
            given = given.fillna(rows[target.key].map(own).astype(float))
        rows = rows.assign(length_m=given.fillna(pd.Series(lane_length_m(shapes), rows.index)))
    return rows


def lane_length_m(shapes: npt.NDArray[np.object_]) -> Lengths:
    """Length of lanes from their polygons, in metres: (n,).

    A strip of length L and width W has area L·W and half its perimeter is L + W, so L is the
    larger root of t² − (P/2)·t + A = 0; a polygon that is no strip (a square yard) has no real
    root, and half of its half perimeter stands in.
    """
    half = shapely.length(shapes) / 2
    root = np.sqrt(np.maximum(half * half / 4 - shapely.area(shapes), 0))
    length: Lengths = (half / 2 + root).round(2)
    return length


def write_rejects(understood: Understood, path: Path | BinaryIO) -> None:
    """The rows that were not accepted, as the same sheet with one more column: what to mend."""
    sheet = checking.rejects(understood.rows, understood.checked)
    about = [("说明", "改正后把本表原样再次导入即可；“问题说明”一列会被忽略")]
    write_sheet(path, sheet, headers={}, text_columns=set(sheet.columns), about=about)
