"""Rows of text → typed rows and a list of problems: every row is accepted or rejected with a reason.

Nothing is guessed: what could mean two things is rejected or asked (`cwmap.errors.NeedsAnswer`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from cwmap import identity
from cwmap.errors import CwmapError, UnknownName
from cwmap.findings import Findings, Problem
from cwmap.moments import times
from cwmap.norms import OTHER_CATEGORY, OTHER_GROUP, Categories
from cwmap.shapes import shapes
from cwmap.tables import COORDINATES, EXAMPLE, Column, Table, example, normalise
from cwmap.values import Unreadable, choices, clean, header_factor, meant, numbers, words

if TYPE_CHECKING:
    from cwmap.reading import Rows

__all__ = ["EXPLANATION", "Checked", "Context", "Problem", "check", "match", "rejects"]

EXPLANATION = "问题说明"
"""Header of the column that a sheet of rejected rows has more than the file."""

_EARLIEST = datetime(1990, 1, 1)
_LATEST_AHEAD = timedelta(days=1)
_LOCAL_FROM = 500  # codes of categories that an import adds: L500 …
_LONGEST_CELL = 32_000  # characters; a spreadsheet holds 32,767
_LOST_DIGITS = r"[0-9](?:\.[0-9]+)?[eE]\+[0-9]{1,2}"


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
    for left, right in (mapping or {}).items():
        header, word = _header(left, headers), right
        if header is None and _header(right, headers) is not None:
            header, word = _header(right, headers), left
        if header is None:
            raise UnknownName(f"文件里没有“{left}”这一列；文件的表头有：{'、'.join(headers)}。")
        if word.strip() and normalise(word) not in known:
            columns = "、".join(f"{c.label}（{c.name}）" for c in table.filled)
            raise UnknownName(f"{table.label}表没有“{word}”这一列；可用的列有：{columns}。")
        told[header] = known[normalise(word)][0] if word.strip() else ""
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
            f"如果表头叫法不同，请用 --map \"文件里的表头={missing[0]}\" 指明。"
        )
    rows, shown = _without_example(rows, table, matched)
    file = _File(rows, table, matched, context)
    new_categories = file.categories(add_categories) if table.name == "reports" else None
    for header, name in matched.items():
        if name not in COORDINATES and not (name == "category" and table.name == "reports"):
            file.typed[name] = file.column(table[name], header)
    defaulted = file.status() if table.name == "reports" else ()
    if table.name == "categories":
        file.local_categories()

    who = file.called()
    place = shapes(
        rows, matched, table, who, file.findings,
        ground=context, coords=coords, lane_width_m=lane_width_m,
    )  # fmt: skip
    order = [c.name for c in table.columns if c.name in file.typed]
    frame = pd.DataFrame({name: file.typed[name] for name in order}, index=rows.table.index)
    written = None if place is None else place.written
    frame[table.key] = identity.identified(frame, table, written)
    again = identity.repeats(
        frame[table.key], frame, table, written, file.findings, file.header(table.key)
    )
    accepted = frame.loc[again.kept, [table.key, *(n for n in order if n != table.key)]]
    rejected = rows.table.index[file.findings.failed]
    reasons = (place.decision.reason, *place.decision.notes) if place else ()
    return Checked(
        rows=accepted,
        geometry=None if place is None else place.geometry[again.kept],
        problems=[*shown, *file.findings.problems],
        read=len(rows.table),
        rejected=[int(row) for row in rejected],
        unchanged_repeats=again.unchanged,
        replaced_repeats=again.replaced,
        matched=matched,
        ignored=[header for header in headers if header not in matched],
        coords=place.decision.system if place else "",
        coords_reason="；".join(reason for reason in reasons if reason),
        lane_width_m=lane_width_m,
        defaulted=defaulted,
        new_categories=_needed(new_categories, accepted),
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
        sheet["wkt"] = text.mask(too_long, "图形过大，请在原文件中修改").astype(object)
    said: dict[int, list[str]] = {}
    for problem in checked.problems:
        remedy = f"；{problem.remedy}" if problem.remedy else ""
        said.setdefault(problem.row, []).append(f"{problem.column}：{problem.reason}{remedy}")
    sheet[EXPLANATION] = ["\n".join(said.get(int(row), [])) for row in sheet.index]
    return sheet


class _File:
    """A file under check: its cleaned text and, column by column, its typed values."""

    def __init__(
        self, rows: Rows, table: Table, matched: Mapping[str, str], context: Context
    ) -> None:
        self.table, self.context, self.index = table, context, rows.table.index
        self.headers = {name: header for header, name in matched.items()}
        self.findings = Findings(self.index)
        self.text = {name: clean(rows.table[header]) for header, name in matched.items()}
        self.typed: dict[str, pd.Series] = {}

    def header(self, name: str) -> str:
        return self.headers.get(name, self.table[name].label)

    def called(self) -> pd.Series:
        """What a message calls each row: its id, else its name, else its number."""
        number = pd.Series([f"第 {row} 行" for row in self.index], self.index, dtype=object)
        for name in ("name", self.table.key):
            if name in self.text:
                number = self.text[name].astype(object).where(self.text[name].notna(), number)
        return number

    def column(self, column: Column, header: str) -> pd.Series:
        text, find = self.text[column.name], self.findings
        if column.kind in ("text", "photo", "id"):
            if column.kind == "id":
                lost = text.str.fullmatch(_LOST_DIGITS).eq(True).to_numpy()
                find.add(
                    lost, header, text, "编号已被表格软件改成科学计数，末尾数字丢失",
                    "请把该列设为文本格式，从原系统重新导出",
                )  # fmt: skip
            values: Any = text.astype(object).where(text.notna(), None)
            reasons: Mapping[int, str] = {}
        else:
            text = meant(text)
            parsed = self._parsed(column, header, text)
            values, reasons = pd.Series(parsed.values, self.index), parsed.reasons
            find.add(reasons, header, text, remedy=_remedy(column))
            find.add(parsed.notes, header, text, remedy="请核对", level="warning")
            self._in_range(column, header, text, values)
        if column.required:
            empty = values.isna().to_numpy()
            empty[list(reasons)] = False
            find.add(empty, header, None, f"缺少{column.label}", "这一列必须填写")
        return values

    def _parsed(self, column: Column, header: str, text: pd.Series) -> Any:
        if column.kind == "time":
            return times(text, self.context.timezone)
        if column.kind in ("number", "integer"):
            try:
                factor = header_factor(header, column.unit)
            except Unreadable as error:
                raise CwmapError(f"{error}；请换算后改写表头再导入。") from error
            return numbers(text, column.unit, factor if factor else Decimal(1))
        known = choices(column.choices, column.labels)
        return words(text, lambda word: known.get(normalise(word)), "看不懂这个词")

    def _in_range(self, column: Column, header: str, text: pd.Series, values: pd.Series) -> None:
        find = self.findings
        if column.kind == "time":
            early = (values < _EARLIEST).to_numpy()
            find.add(early, header, text, "早于 1990 年", "请核对年份")
            now = self.context.now
            now = now.astimezone(UTC).replace(tzinfo=None) if now.tzinfo else now
            if column.happened:
                late = (values > now + _LATEST_AHEAD).to_numpy()
                find.add(late, header, text, "晚于现在", "请核对日期；还没有发生的不能导入")
            return
        if column.kind in ("number", "integer"):
            low = -np.inf if column.minimum is None else column.minimum
            high = np.inf if column.maximum is None else column.maximum
            outside = ((values < low) | (values > high)).to_numpy()
            find.add(
                outside, header, text, f"应在 {low:g} 到 {high:g}{column.unit} 之间", "请核对数字和单位"
            )
        if column.kind == "integer":
            broken = values.notna() & (values != values.round())
            find.add(broken.to_numpy(), header, text, "应为整数", "请改为整数")

    def categories(self, add: bool) -> pd.DataFrame:
        """Type the category column; the rows of new local categories, whether needed or not."""
        header, known = self.header("category"), self.context.categories
        text = meant(self.text["category"])
        parsed = words(text, known.find, "未知类别")
        values = pd.Series(parsed.values, self.index, dtype=object)
        unknown = text.iloc[list(parsed.reasons)]
        new: dict[str, tuple[str, str]] = {}
        if add:
            new = _new_codes(unknown.unique(), known)
            values = values.mask(unknown_mask := _mask(parsed.reasons, len(text)), text.map(
                lambda word: new[normalise(word)][0], na_action="ignore"
            ).where(unknown_mask))  # fmt: skip
        return pd.DataFrame()
