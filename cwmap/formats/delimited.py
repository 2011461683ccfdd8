"""Delimited text (.csv, .tsv, .txt) → a grid whose rows carry their line numbers."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Collection

import numpy as np
import numpy.typing as npt
import pandas as pd

from cwmap.errors import UnreadableFile
from cwmap.formats import headers
from cwmap.formats.cells import MAX_ROWS, MAX_WIDTH, stripped
from cwmap.formats.headers import Grid

SEPARATORS = ",\t;，、|"
_PATTERN_LINES = 60  # lines in which the separator is looked for
_UNUSED = "\x1f"  # stands in for a separator of more than one byte
_HINT = re.compile(r'"?sep=(.)"?\n', re.IGNORECASE)
# Excel's way, and many systems', to keep the zeros of a code in CSV: ="00123"
_QUOTED_FORMULA = r'^="([^"]*)"$'
_CHECK = "请在 WPS 中打开检查，另存为 .xlsx 后再导入"
_ROUNDED = r"^\d(?:\.\d+)?[eE]\+\d+$"


def read(text: str, known: Collection[str]) -> tuple[Grid, list[str]]:
    """The records of a text with \\n line ends; notes. UnreadableFile for an unpaired quote."""
    csv.field_size_limit(1 << 30)  # a shape as WKT is a long field
    notes = []
    hint = _HINT.match(text)
    separator = hint[1] if hint else _separator(text, known)
    if separator != ",":
        notes.append(f"列之间以{_spoken(separator)}分隔")
    if len(separator.encode()) > 1:
        text = text.replace(_UNUSED, "").replace(separator, _UNUSED)
    parsed_by = separator if len(separator.encode()) == 1 else _UNUSED
    body = text[hint.end() :] if hint else text
    cells = _parse(body, parsed_by, 1 if hint else 0)
    if parsed_by is _UNUSED:
        cells = cells.apply(lambda column: column.str.replace(_UNUSED, separator, regex=False))
    if '="' in body:
        cells = cells.apply(lambda column: column.str.replace(_QUOTED_FORMULA, r"\1", regex=True))
    cells = cells.apply(stripped)
    return Grid(cells, letters=False), notes + _rounded_notes(cells, body)


def _separator(text: str, known: Collection[str]) -> str:
    """The separator that gives most known headers; then the most even rows; then the most columns."""
    lines = text[: 1 << 18].split("\n", _PATTERN_LINES)[:_PATTERN_LINES]

    def worth(separator: str) -> tuple[int, float, int]:
        try:
            rows = [row for row in csv.reader(lines, delimiter=separator) if any(row)]
        except csv.Error:
            return 0, 0.0, 0
        if not rows:
            return 0, 0.0, 0
        columns, times = Counter(map(len, rows)).most_common(1)[0]
        width = max(map(len, rows))
        cells = [[c.strip() or None for c in row] + [None] * (width - len(row)) for row in rows]
        found = headers.find(cells[: headers.HEAD_ROWS], (), known).known if width > 1 else 0
        return found, times / len(rows) if columns > 1 else 0.0, columns

    return max(SEPARATORS, key=worth)  # the first of equals


def _spoken(separator: str) -> str:
    return "制表符" if separator == "\t" else f"“{separator}”"


def _parse(text: str, separator: str, lines_before: int) -> pd.DataFrame:
    """All records as str columns 0, 1, …, missing where empty; the index is their line numbers."""
    content = text.rstrip("\n").encode()
    quoted = b'"' in content
    width, starts = (_quoted_shape if quoted else _plain_shape)(content, separator)
    if len(starts) > MAX_ROWS:
        raise UnreadableFile(f"超过 {MAX_ROWS:,} 行，请分成几个文件导入")
    if width > MAX_WIDTH:
        raise UnreadableFile(f"有一行多达 {width:,} 列，请确认文件是表格，并检查分隔符和引号")
    try:
        cells = pd.read_csv(
            io.BytesIO(content), sep=separator, header=None, names=range(width), index_col=False,
            dtype=str, keep_default_na=False, na_values=[""], skip_blank_lines=False,
        )  # fmt: skip
    except pd.errors.ParserError as error:
        record = re.search(r"string starting at row (\d+)", str(error))
        line = f"第 {starts[int(record[1])] + lines_before} 行的" if record else "有"
        raise UnreadableFile(f"{line}引号没有成对，{_CHECK}") from error
    if len(cells) != len(starts):
        raise UnreadableFile(f"有引号没有成对，分不清各行，{_CHECK}")
    cells.index = pd.Index(starts + lines_before)
    return cells


def _plain_shape(content: bytes, separator: str) -> tuple[int, npt.NDArray[np.int64]]:
    """Most fields that a line has, and the numbers of all lines; for a text without quotes."""
    data = np.frombuffer(content, np.uint8)
    ends = np.append(np.flatnonzero(data == ord("\n")), len(data))
    before = np.searchsorted(np.flatnonzero(data == ord(separator)), ends)
    return 1 + int(np.diff(before, prepend=0).max()), np.arange(1, len(ends) + 1)


def _quoted_shape(content: bytes, separator: str) -> tuple[int, npt.NDArray[np.int64]]:
    """Most fields that a record has, and the line on which each record starts."""
    lines = io.TextIOWrapper(io.BytesIO(content), "utf-8", newline="\n")
    reader = csv.reader(lines, delimiter=separator)
    width, ends = 1, [0]
    for record in reader:
        width = max(width, len(record))
        ends.append(reader.line_num)
    return width, np.array(ends[:-1]) + 1


def _rounded_notes(cells: pd.DataFrame, text: str) -> list[str]:
    if "E+" not in text and "e+" not in text:
        return []
    rounded = cells.apply(lambda column: column.str.match(_ROUNDED).eq(True).sum()).sum()
    if not rounded:
        return []
    note = f"有 {rounded} 个单元格是科学计数法（如 6.21E+14），编号的后几位已经丢失"
    return [f"{note}；请在原表把这一列设为文本，重新导出"]
