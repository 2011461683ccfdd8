"""A file into the workspace: read, check, place, store; one transaction, the same result twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

from cwmap import checking, placing
from cwmap.norms import Categories
from cwmap.reading import Rows, read
from cwmap.store import Change, Merged, Settings, Workspace
from cwmap.tables import PLACES, TABLES, Table, headers, table
from cwmap.workbook import write_sheet
from geo.coordinates import transform_geometries

Step = Callable[[str, float], None]

_PLACING = ("geometry", "lane_name", "address", "community")


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
    """A file as it was read and checked, not yet stored."""

    table: Table
    rows: Rows
    checked: checking.Checked


@dataclass(frozen=True)
class Imported:
    """What an import did. `revision` stays where it was if nothing changed."""

    table: str
    read: int
    added: int
    updated: int
    unchanged: int
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
    step("读取文件", 0.05)
    rows = read(
        source, known=headers(target), encoding=question.encoding,
        sheet=question.sheet, layer=question.layer,
    )  # fmt: skip
    step(f"检查 {len(rows.table):,} 行", 0.25)
    checked = checking.check(
        rows, target, context=context(workspace), mapping=question.mapping,
        coords=question.coords, lane_width_m=question.lane_width_m,
        add_categories=question.add_categories,
    )  # fmt: skip
    return Understood(target, rows, checked)


def store(workspace: Workspace, understood: Understood, file: str, step: Step = _quiet) -> Imported:
    """Store what was understood, in one transaction, and place the reports that it concerns."""
    checked, target = understood.checked, understood.table
    step("写入工作区", 0.5)
    settings, cache = workspace.settings(), workspace.folder / "cache"
    with workspace.changing() as change:
        local = checked.new_categories
        grown = len(local) > 0 and change.merge("categories", local).added > 0
        merged = merge(
            change, settings, target.name, frame(checked), cache, step, checked.defaulted
        )
        revision = change.revision - 1
        if merged.added or merged.updated or grown:
            revision = change.finish("import", target.name, file, merged, len(checked.rejected))
    step("完成", 1.0)
    return outcome(understood, merged, revision)


def outcome(understood: Understood, merged: Merged, revision: int) -> Imported:
    """The report of an import, so that read = added + updated + unchanged + rejected."""
    checked = understood.checked
    notes = [*understood.rows.notes, checked.coords_reason]
    return Imported(
        table=understood.table.name,
        read=checked.read,
        added=merged.added,
        updated=merged.updated + checked.replaced_repeats,
        unchanged=merged.unchanged + checked.unchanged_repeats,
        rejected=len(checked.rejected),
        problems=checked.problems,
        revision=revision,
        notes=[note for note in notes if note],
    )


def preview(workspace: Workspace, understood: Understood) -> Imported:
    """What `store` would do, without doing it."""
    name, crs = understood.table.name, workspace.settings().crs
    with workspace.changing(rehearse=True) as change:
        rows = measured(understood.table, frame(understood.checked), crs)
        merged = change.merge(name, rows, understood.checked.defaulted)
        return outcome(understood, merged, change.revision - 1)


def frame(checked: checking.Checked) -> pd.DataFrame:
    """The accepted rows as the store takes them."""
    if checked.geometry is None:
        return checked.rows
    places = pd.Series(checked.geometry, checked.rows.index, dtype=object)
    return checked.rows.assign(geometry=places)


def merge(
    change: Change, settings: Settings, name: str, rows: pd.DataFrame, cache: Path,
    step: Step = _quiet, defaulted: Sequence[str] = (),
) -> Merged:  # fmt: skip
    """Merge rows of one table and keep everything that follows from them true."""
    merged = change.merge(name, measured(TABLES[name], rows, settings.crs), defaulted)
    if not (merged.added or merged.updated):
        return merged
    if name in PLACES:
        step("重新归属所有问题", 0.7)
        _place(change, settings, None, cache)
    elif name == "reports":
        step("归属到巷道、网格、社区", 0.7)
        _place(change, settings, rows["report_id"], cache)
    return merged


def measured(target: Table, rows: pd.DataFrame, crs: str) -> pd.DataFrame:
    """Rows with their area, and the length of lanes that came without one, in metres."""
    if "geometry" not in rows or "area_m2" not in target:
        return rows
    shapes = transform_geometries(rows["geometry"].to_numpy(object), "EPSG:4326", crs)
    rows = rows.assign(area_m2=shapely.area(shapes))
    if "length_m" in target:
        own = rows["length_m"] if "length_m" in rows else pd.Series(np.nan, rows.index)
        rows = rows.assign(length_m=own.fillna(pd.Series(lane_length_m(shapes), rows.index)))
    return rows


def lane_length_m(shapes: np.ndarray) -> np.ndarray:
    """Length of lanes from their polygons, in metres: (n,).

    A strip of length L and width W has area L·W and half its perimeter is L + W, so L is the
    larger root of t² − (P/2)·t + A = 0; a polygon that is no strip (a square yard) has no real
    root, and half of its half perimeter stands in.
    """
    half = shapely.length(shapes) / 2
    root = np.sqrt(np.maximum(half * half / 4 - shapely.area(shapes), 0))
    length: np.ndarray = half / 2 + root
    return length


def _place(change: Change, settings: Settings, ids: pd.Series | None, cache: Path) -> None:
    reports = change.read("reports", ["report_id", *_PLACING])
    if ids is not None:
        reports = reports[reports["report_id"].isin(ids)]
    if reports.empty:
        return
    columns = {
        "lanes": ["lane_id", "name", "aliases", "community_id", "geometry"],
        "communities": ["community_id", "name", "geometry"],
        "cells": ["cell_id", "geometry"], "areas": ["area_id", "geometry"],
    }  # fmt: skip
    places = {name: change.read(name, wanted) for name, wanted in columns.items()}
    placed = placing.place(reports, places, settings.crs, settings.nearest_m, cache)
    change.place(placed.set_index(reports["report_id"].to_numpy(object)))


def write_rejects(understood: Understood, path: Path) -> None:
    """The rows that were not accepted, as the same sheet with one more column: what to mend."""
    sheet = checking.rejects(understood.rows, understood.checked)
    about = [("说明", "改正后把本表原样再次导入即可；“问题说明”一列会被忽略")]
    write_sheet(path, sheet, headers={c: c for c in sheet.columns}, text_columns=set(sheet.columns), about=about)
