"""Rows of text → typed rows and a list of problems: every row is accepted or rejected with a reason.

Nothing is guessed: what could mean two things is rejected or asked (`cwmap.errors.NeedsAnswer`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from cwmap.checks import columns, identity
from cwmap.checks.findings import Findings, Problem
from cwmap.checks.shapes import shapes
from cwmap.checks.values import clean
from cwmap.errors import CwmapError, UnknownName
from cwmap.norms import Categories
from cwmap.reading import Rows
from cwmap.tables import COORDINATES, EXAMPLE, Table, example, normalise

__all__ = ["EXPLANATION", "Checked", "Context", "Problem", "check", "match", "rejects"]

EXPLANATION = "问题说明"
"""Header of the column that a sheet of rejected rows has more than the file."""

_LONGEST_CELL = 32_000  # characters; a spreadsheet holds 32,767


@dataclass(frozen=True)
class Context:
    """What a check needs to know of the town.

    crs: the workspace's metric system. lanes: shapely polygons in EPSG:4326, maybe none.
    """

    categories: Categories
    timezone: str
    crs: str
    lanes: npt.NDArray[np.object_]
    now: datetime


@dataclass(frozen=True)
class Checked:
    """A file as it was understood.

    rows: accepted rows, typed, unique keys; index = row number in the file; the columns that the
        file has, the key, and `defaulted`. Text str or None, numbers float, times datetime64[us] UTC.
    geometry: EPSG:4326 by row of `rows`; None where the file brings no place at all.
    read: rows of the file, without a template's example row; `rejected` holds row numbers.
    matched: header → column. ignored: headers that were not used.
    coords, coords_reason: the coordinate system and why; empty without places.
    defaulted: columns that the file has not, filled with what new rows start with.
    new_categories: rows for the table `categories` that the accepted rows need.
    """

    rows: pd.DataFrame
    geometry: npt.NDArray[np.object_] | None
    problems: list[Problem]
    read: int
    rejected: list[int]
    unchanged_repeats: int
    replaced_repeats: int
    matched: dict[str, str]
    ignored: list[str]
    coords: str
    coords_reason: str
    lane_width_m: float | None
    defaulted: tuple[str, ...]
    new_categories: pd.DataFrame


def match(
    headers: Sequence[str], table: Table, mapping: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Header of the file → column of the table.

    mapping: header → name, label or alias of the column (or the other way round), empty for a
    header to leave out; it wins. Then a column's own name or label, then its aliases in their order;
    of equal headers the first. UnknownName: a header or column in `mapping` that does not exist.
    """
    known: dict[str, tuple[str, int]] = {}
    for column in table.filled:
        for word in (column.name, column.label, column.header):
            known[normalise(word)] = (column.name, 0)
    for column in table.filled:
        for rank, word in enumerate(column.aliases, start=1):
            known.setdefault(normalise(word), (column.name, rank))

    told: dict[str, str] = {}
    for pair in (mapping or {}).items():
        for header, word in (pair, pair[::-1]):
            own, name = _header(header, headers), known.get(normalise(word), ("", 0))[0]
            if own is not None and (name or not word.strip()):
                told[own] = name
                break
        else:
            raise UnknownName(_no_such(pair, table, headers))
    taken = [name for name in told.values() if name]
    for name in taken:
        if taken.count(name) > 1:
            raise CwmapError(f"有两列都指定为“{table[name].label}”；请只指定一列。")

    found = {name: (-1, header) for header, name in told.items() if name}
    for header in headers:
        name, rank = known.get(normalise(header), ("", 0))
        if header not in told and name and (name not in found or rank < found[name][0]):
            found[name] = (rank, header)
    chosen = {header: name for name, (_, header) in found.items()}
    return {header: chosen[header] for header in headers if header in chosen}


def check(
    rows: Rows,
    table: Table,
    *,
    context: Context,
    mapping: Mapping[str, str] | None = None,
    coords: str = "auto",
    lane_width_m: float | None = None,
    add_categories: bool = False,
) -> Checked:
    """Check a file's rows for a table.

    coords: 'auto' or the coordinate system of the file. lane_width_m: how wide lanes are that come
    as lines. add_categories: take unknown categories as new local ones instead of rejecting.
    Raises NeedsAnswer, UnknownName, or CwmapError for what concerns the file as a whole.
    """
    headers = [str(header) for header in rows.table.columns]
    matched = match(headers, table, mapping)
    if rows.geometry is not None and not shapely.is_missing(rows.geometry).all():
        matched = {h: name for h, name in matched.items() if name not in COORDINATES}
    missing = [c.label for c in table.filled if c.required and c.name not in matched.values()]
    if missing:
        raise CwmapError(
            f"缺少必填列：{'、'.join(missing)}。文件的表头有：{'、'.join(headers) or '（无）'}。"
            f'如果表头叫法不同，请用 --map "文件里的表头={missing[0]}" 指明。'
        )
    rows, left_out = _without_example(rows, table, matched)
    index, findings = rows.table.index, Findings(rows.table.index)
    header_of = {name: header for header, name in matched.items()}
    text = {n: clean(rows.table[h]) for n, h in header_of.items() if n not in COORDINATES}
    now = context.now.astimezone(UTC).replace(tzinfo=None) if context.now.tzinfo else context.now
    typed, new_categories = columns.typed(
        table, header_of, text, findings,
        categories=context.categories, zone=context.timezone, now=now, add=add_categories,
    )  # fmt: skip
    defaulted: tuple[str, ...] = ()
    if table.name == "reports":
        defaulted = () if {"status", "closed_at"} & typed.keys() else ("status",)
        typed["status"] = columns.status(typed, index)
    place = shapes(
        rows, matched, table, _called(text, table, index),
        ground=context, coords=coords, lane_width_m=lane_width_m,
    )  # fmt: skip
    if place:
        findings.include(place.findings)
    order = [c.name for c in table.columns if c.name in typed and c.name != table.key]
    frame = pd.DataFrame({name: typed[name] for name in order}, index=index)
    written = place.written if place else None
    own = typed.get(table.key, pd.Series(None, index, dtype=object))
    frame.insert(0, table.key, identity.identified(own, frame, table, written))
    key_header = header_of.get(table.key, table[table.key].label)
    again = identity.repeats(frame, own.isna(), table, written, findings, key_header)
    accepted = frame.loc[again.kept]
    if "category" in order:
        needed = new_categories["category"].isin(accepted["category"])
        new_categories = new_categories.loc[needed].reset_index(drop=True)
    reasons = (place.decision.reason, *place.decision.notes) if place else ()
    return Checked(
        rows=accepted,
        geometry=place.geometry[again.kept] if place else None,
        problems=[*left_out, *findings.problems],
        read=len(index),
        rejected=[int(row) for row in index[findings.failed]],
        unchanged_repeats=again.unchanged,
        replaced_repeats=again.replaced,
        matched=matched,
        ignored=[header for header in headers if header not in matched],
        coords=place.decision.system if place else "",
        coords_reason="；".join(reason for reason in reasons if reason),
        lane_width_m=lane_width_m,
        defaulted=defaulted,
        new_categories=new_categories,
    )


def rejects(rows: Rows, checked: Checked) -> pd.DataFrame:
    """The rejected rows as they stand in the file, with what to mend in a last column.

    Shapes of a layer become WKT text, so that the mended sheet can be imported again.
    """
    chosen = rows.table.index.isin(checked.rejected)
    sheet = rows.table.loc[chosen].drop(columns=EXPLANATION, errors="ignore")
    if rows.geometry is not None:
        text = pd.Series(shapely.to_wkt(rows.geometry[chosen], rounding_precision=9), sheet.index)
        too_long = text.str.len().gt(_LONGEST_CELL)
        sheet["图形WKT"] = text.mask(too_long, "图形过大，请在原文件中修改").astype(object)
    said: dict[int, list[str]] = {}
    for problem in checked.problems:
        remedy = f"；{problem.remedy}" if problem.remedy else ""
        said.setdefault(problem.row, []).append(f"{problem.column}：{problem.reason}{remedy}")
    told = ["\n".join(said.get(int(row), [])) for row in sheet.index]
    sheet[EXPLANATION] = pd.Series(told, sheet.index, dtype=object)
    return sheet


def _header(word: str, headers: Sequence[str]) -> str | None:
    """The header that a word means: the same, else the first alike."""
    if word in headers:
        return word
    return next((h for h in headers if word.strip() and normalise(h) == normalise(word)), None)


def _no_such(pair: tuple[str, str], table: Table, headers: Sequence[str]) -> str:
    if all(_header(word, headers) is None for word in pair):
        return f"文件里没有“{pair[0]}”这一列；文件的表头有：{'、'.join(headers)}。"
    columns = "、".join(f"{c.label}（{c.name}）" for c in table.filled)
    return f"{table.label}表没有“{pair[1]}”这一列；可用的列有：{columns}。"


def _without_example(
    rows: Rows, table: Table, matched: Mapping[str, str]
) -> tuple[Rows, list[Problem]]:
    """The rows without a template's untouched example row, and the problem that says so."""
    wanted = example(table)
    same = np.ones(len(rows.table), bool)
    filled = 0
    for header, name in matched.items():
        cell = clean(rows.table[header]).fillna("")
        allowed = (EXAMPLE, "") if name == table.key else (wanted[name],)
        same &= cell.isin(allowed).to_numpy()
        filled += bool(wanted[name]) and name != table.key
    if filled < 2 or not same.any():
        return rows, []
    said = [
        Problem(int(row), table[table.key].label, EXAMPLE, "这是模板的示例行，没有导入",
                "不用处理", "warning")
        for row in rows.table.index[same]
    ]  # fmt: skip
    geometry = None if rows.geometry is None else rows.geometry[~same]
    return replace(rows, table=rows.table.loc[~same], geometry=geometry), said


def _called(text: Mapping[str, pd.Series], table: Table, index: pd.Index) -> Callable[[int], str]:
    """What a message calls the row at a position: its id, else its name, else its number."""
    words = [text[name].to_numpy(object) for name in (table.key, "name") if name in text]

    def called(at: int) -> str:
        own = (cells[at] for cells in words if isinstance(cells[at], str))
        return next(own, f"第 {index[at]} 行")

    return called
