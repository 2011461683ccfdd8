"""Spreadsheets out, .xlsx and .csv: the one way in which cwmap writes a table for people.

Text stays text: long codes keep their digits and nothing that a cell holds becomes a formula. In a
CSV, where a cell has no type, text that begins with = + - @ tab or return gets an apostrophe in
front (and text that begins with such an apostrophe another one); `cwmap.checks.values.clean` takes it off.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import pandas as pd
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from cwmap.errors import CwmapError

Target: TypeAlias = Path | BinaryIO
About: TypeAlias = Sequence[tuple[str, str]]

MAX_ROWS = 1_048_575
"""Rows that a sheet holds under its header."""

ACCENT, PALE, GREY = "#1F5C57", "#E4EFEE", "#8A8A8A"

_MAX_CELL = 32_767  # characters
_EXACT_DIGITS = 15  # of a number in a spreadsheet
_FIRST_DAY = pd.Timestamp(1900, 3, 1)  # before, the serial numbers of spreadsheets are off by one
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_WIDTHS = (8, 50)
_MEASURED_ROWS = 300


def write_sheet(
    target: Target,
    frame: pd.DataFrame,
    *,
    headers: Mapping[str, str],
    text_columns: Collection[str],
    about: About = (),
) -> None:
    """Write a table: to a path by its ending (.xlsx or .csv), or as .xlsx into an open file.

    headers: column → header shown; a column without one keeps its name. text_columns: written as
    text whatever they hold; other columns by type, times as dates (their wall clock). about: label
    and text of each line of the second sheet 说明 (a CSV has none).
    CwmapError: too many rows or too long a text for a sheet, another ending, a file in use.
    """
    shown = [headers.get(str(name), str(name)) for name in frame.columns]
    if isinstance(target, Path) and target.suffix.lower() == ".csv":
        with _replacing(target) as path, path.open("w", encoding="utf-8-sig", newline="") as file:
            out = csv.writer(file, lineterminator="\r\n")
            out.writerow([guarded(header) for header in shown])
            out.writerows(
                zip(*(_csv_cells(frame, i, text_columns) for i in _places(frame)), strict=True)
            )
        return
    if len(frame) > MAX_ROWS:
        raise CwmapError(
            f"共有 {len(frame):,} 行，一张表格最多放 {MAX_ROWS:,} 行；请缩小筛选范围，或导出为 .csv。"
        )
    columns = [
        _cells(frame.iloc[:, i], str(frame.columns[i]) in text_columns) for i in _places(frame)
    ]
    with book(target, constant_memory=True) as workbook:
        sheet = workbook.add_worksheet("数据")
        style = Styles(workbook)
        writers = []
        for at, (header, cells) in enumerate(zip(shown, columns, strict=True)):
            sheet.set_column(at, at, _width([header, *map(_text, cells[:_MEASURED_ROWS])]))
            writers.append(_writer(sheet, style, at, header, cells))
        sheet.freeze_panes(1, 0)
        for at, header in enumerate(shown):
            sheet.write_string(0, at, legal(header), style.header)
        for row, values in enumerate(zip(*columns, strict=True), start=1):
            for write, value in zip(writers, values, strict=True):
                if value is not None:
                    write(row, value)
        if shown:
            sheet.autofilter(0, 0, len(frame), len(shown) - 1)
        if about:
            write_about(workbook.add_worksheet("说明"), style, about)


class Styles:
    """The few cell formats of every sheet."""

    def __init__(self, workbook: xlsxwriter.Workbook) -> None:
        add = workbook.add_format
        self.header: Format = add(
            {
                "bold": True,
                "bg_color": PALE,
                "bottom": 1,
                "bottom_color": ACCENT,
                "valign": "vcenter",
            }
        )
        self.text: Format = add({"num_format": "@", "valign": "top"})
        self.wrapped: Format = add({"num_format": "@", "valign": "top", "text_wrap": True})
        self.label: Format = add({"bold": True, "valign": "top"})
        self.example: Format = add({"num_format": "@", "italic": True, "font_color": GREY})
        self.day: Format = add({"num_format": "yyyy-mm-dd"})
        self.minute: Format = add({"num_format": "yyyy-mm-dd hh:mm"})
        self.second: Format = add({"num_format": "yyyy-mm-dd hh:mm:ss"})


@contextmanager
def book(target: Target, *, constant_memory: bool = False) -> Iterator[xlsxwriter.Workbook]:
    """An .xlsx to be written in which text stays text; the file appears only when it is whole."""
    options = {
        "constant_memory": constant_memory, "strings_to_formulas": False, "strings_to_urls": False,
        "strings_to_numbers": False,
    }  # fmt: skip
    if not isinstance(target, Path):
        with xlsxwriter.Workbook(target, options) as workbook:
            yield workbook
        return
    if target.suffix.lower() != ".xlsx":
        raise CwmapError(f"表格只能写成 .xlsx 或 .csv，不能写成“{target.name}”；请改用这两种结尾。")
    with _replacing(target) as path:
        buffer = io.BytesIO()
        with xlsxwriter.Workbook(buffer, options) as workbook:
            yield workbook
        path.write_bytes(buffer.getbuffer())


def write_about(sheet: Worksheet, style: Styles, about: About) -> None:
    """Lines of label and text, for what a reader must know of the table beside it."""
    sheet.set_column(0, 0, 18)
    sheet.set_column(1, 1, 80)
    for row, (label, text) in enumerate(about):
        sheet.write_string(row, 0, legal(str(label)), style.label)
        sheet.write_string(row, 1, legal(str(text)), style.wrapped)


def legal(text: str) -> str:
    """Text without the characters that a spreadsheet cannot hold."""
    return _ILLEGAL.sub("", text)


def guarded(text: str) -> str:
    """Text for a CSV that a spreadsheet will not take for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def _places(frame: pd.DataFrame) -> range:
    return range(frame.shape[1])


def _cells(column: pd.Series, as_text: bool) -> list[Any]:
    """Values as a cell takes them: str, float, datetime; None for nothing."""
    kind = column.dtype.kind if isinstance(column.dtype, np.dtype) else "O"
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column, kind = column.dt.tz_localize(None), "M"
    if kind == "M" and not as_text:
        return [None if pd.isna(value) else value.to_pydatetime(warn=False) for value in column]
    if kind in "fiu" and not as_text:
        return [_number(value) for value in column.tolist()]
    return [_value(value, as_text) for value in column.tolist()]


def _value(value: Any, as_text: bool) -> Any:
    if isinstance(value, str):
        return value or None
    if value is None or value is pd.NaT or value is pd.NA or value != value:
        return None
    if isinstance(value, bool | np.bool_):
        return "是" if value else "否"
    if as_text:
        return _text(value)
    if isinstance(value, int | float | np.integer | np.floating):
        return _number(value)
    return value if isinstance(value, datetime) else str(value)


def _number(value: Any) -> Any:
    if value != value:
        return None
    if abs(value) >= 10**_EXACT_DIGITS:  # infinity too
        return _text(value)
    return value


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float | np.floating) and np.isfinite(value) and value == int(value):
        return str(int(value))
    if isinstance(value, datetime):
        return value.strftime(
            "%Y-%m-%d %H:%M:%S" if value.time() != datetime.min.time() else "%Y-%m-%d"
        )
    return str(value)


def _csv_cells(frame: pd.DataFrame, at: int, text_columns: Collection[str]) -> list[str]:
    cells = _cells(frame.iloc[:, at], str(frame.columns[at]) in text_columns)
    return [guarded(legal(cell)) if isinstance(cell, str) else _text(cell) for cell in cells]


def _writer(
    sheet: Worksheet, style: Styles, at: int, header: str, cells: list[Any]
) -> Callable[[int, Any], None]:
    """How the cells of one column are written."""
    moments = [cell for cell in cells if isinstance(cell, datetime)]
    date = style.day
    if any(moment.time() != datetime.min.time() for moment in moments):
        date = style.second if any(moment.second for moment in moments) else style.minute

    def write(row: int, value: Any) -> None:
        if isinstance(value, datetime) and value >= _FIRST_DAY:
            sheet.write_datetime(row, at, value, date)
        elif isinstance(value, int | float):
            sheet.write_number(row, at, value)
        else:
            text = legal(_text(value))
            if len(text) > _MAX_CELL:
                raise CwmapError(
                    f"“{header}”列第 {row + 1} 行的文字超过 {_MAX_CELL:,} 个字，xlsx 放不下；请导出为 .csv。"
                )
            sheet.write_string(row, at, text, style.wrapped if "\n" in text else style.text)

    return write


def _width(texts: Sequence[str]) -> float:
    """Column width that shows these texts, Chinese characters counted twice."""
    widest = 0
    for text in texts:
        for line in text.split("\n"):
            wide = sum(unicodedata.east_asian_width(character) in "WF" for character in line)
            widest = max(widest, len(line) + wide)
    return float(np.clip(widest + 2, *_WIDTHS))


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """A path to write to that takes the place of `target` when all went well."""
    part = target.with_name(f".{target.name}.part")
    try:
        yield part
        part.replace(target)
    except OSError as error:
        raise CwmapError(
            f"写不了“{target}”；请确认文件夹存在、有写权限，并且文件没有在别的程序里打开。"
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
