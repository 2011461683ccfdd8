"""Which rows of a sheet are its header, which its data, which only a title or a signature."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cwmap.errors import UnreadableFile
from cwmap.formats.cells import MAX_COLUMNS, column_letters, unique
from cwmap.tables import normalise

HEAD_ROWS = 30  # rows in which a header is looked for
HEADER_HEIGHT = 3  # rows that one header may have
TAIL_ROWS = 30  # rows at the end in which signatures and totals are looked for

Cell = str | None
# First and last row and column, counted from 0.
Merge = tuple[int, int, int, int]

_LONGEST = 60  # characters that the name of a column may have
_WORD = re.compile(r"[^\d.,:/年月日时分秒%°′″\s+-]")  # in a text that is no number, date or time
_TOTAL = re.compile(r"[合总小共累]计|total")
_LABEL = re.compile(
    r"""(?: 备\s*注 | 注 | 附\s*注 | 说\s*明 | 填\s*表\s*说\s*明
          | (?:填|制|造)\s*[表报]\s*(?:人|单位|部门|日期|时间)? | 填\s*写\s*人 | 统\s*计\s*(?:人|员)
          | (?:审|复)\s*[核批]\s*人? | 经\s*办\s*人 | 负\s*责\s*人 | 单位负责人 | 分管领导 | 主管领导
          | (?:联系)?电话 | 日\s*期 | 时\s*间 | 单位\s*[(（]?盖章[)）]? | 盖\s*章 | 签\s*[字名章] )
        \s* (?: [(（][^)）]*[)）] )? \s* (?P<colon>[:：])? (?P<value>.*)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Grid:
    """The cells of one sheet. `cells`: str columns 0, 1, …, its index the row numbers in the file.

    `merges` count rows by position in `cells`. `letters`: columns are named as in Excel (A, B, …).
    """

    cells: pd.DataFrame
    merges: tuple[Merge, ...] = ()
    letters: bool = True


@dataclass(frozen=True)
class Header:
    """Rows `start` to `end` (exclusive, by position), the label of each column, known ones."""

    start: int
    end: int
    labels: tuple[Cell, ...]
    known: int


@lru_cache(maxsize=10_000)
def _key(name: str) -> str:
    """A header as it is compared; nothing for a text that is too long to be one."""
    return normalise(name) if len(name) <= _LONGEST else ""


def head(cells: pd.DataFrame) -> list[list[Cell]]:
    """The first rows as lists, None for an empty cell."""
    values = cells.iloc[:HEAD_ROWS].astype(object)
    rows: list[list[Cell]] = values.where(values.notna(), None).to_numpy(object).tolist()
    return rows


def find(
    rows: Sequence[Sequence[Cell]], merges: Collection[Merge], known: Collection[str]
) -> Header:
    """The header among the first rows: the one with most known names, else the first that looks so.

    known: normalised header names. Of equally good rows the lowest header and then the first wins.
    """
    width = max((sum(cell is not None for cell in row) for row in rows), default=0)
    best = Header(0, 0, (), 0)
    for height in range(1, HEADER_HEIGHT + 1):
        for start in range(len(rows) - height + 1):
            header = _header(rows, start, start + height, known)
            if header.known > best.known:
                best = header
    if best.known < min(2, width):
        filled = [i for i, row in enumerate(rows) if any(cell is not None for cell in row)]
        first = next((i for i in filled if _looks_like_header(rows[i], width)), filled[0])
        best = _header(rows, first, first + 1, known)
    return _grown(best, rows, merges, known)


def _looks_like_header(row: Sequence[Cell], width: int) -> bool:
    texts = [cell for cell in row if cell is not None]
    words = {text for text in texts if _WORD.search(text)}
    return 2 * len(texts) > width and 10 * len(words) >= 8 * len(texts)


def _grown(
    header: Header,
    rows: Sequence[Sequence[Cell]],
    merges: Collection[Merge],
    known: Collection[str],
) -> Header:
    """The header with the rows that merged cells tie to it, and the one that tells repeats apart."""
    start, end = header.start, header.end
    lowest = min(len(rows), start + HEADER_HEIGHT)
    tall = [m for m in merges if m[2] > m[0] and m[2] < lowest and m[0] > end - 1 - HEADER_HEIGHT]
    for first, _, last, _ in tall:
        if first < end <= last and first >= start:
            end = last + 1
        if first < start <= last:
            start = first
    if end == header.end < len(rows) and _holds_children(rows[end], header.labels):
        end += 1
    repeated = [n for n in Counter(c for c in header.labels if c).values() if n > 1]
    titled = start > 0 and any(":" in text or "：" in text for text in rows[start - 1] if text)
    if start == header.start and start > 0 and repeated and not titled:
        above = _header(rows, start - 1, end, known)
        if len(set(above.labels)) > len(set(header.labels)):
            start -= 1
    return _header(rows, start, end, known)


def _holds_children(row: Sequence[Cell], labels: Sequence[Cell]) -> bool:
    """Whether a row has text under the parents of a header, and nothing under its other cells.

    A parent is followed by the empty rest of what was a merged cell.
    """
    spread = [label is None or after is None for label, after in pairwise([*labels, ""])]
    below = [column for column, text in enumerate(row) if text is not None]
    return all(spread[c] and _WORD.search(row[c] or "") for c in below) and any(
        labels[c] is None for c in below
    )


def _header(rows: Sequence[Sequence[Cell]], start: int, end: int, known: Collection[str]) -> Header:
    """Rows joined to labels: the lowest text of a column; with its parent's where it repeats."""
    labels: list[Cell] = [None] * len(rows[0]) if rows else []
    parents: list[Cell] = [None] * len(labels)
    for row in rows[start:end]:
        reach: Cell = None
        for column, text in enumerate(row):
            above = labels[column]
            # A parent stands in the first of its columns only, the rest of its merged cell is empty.
            reach = (above or reach) if text else None
            if text:
                labels[column], parents[column] = text, reach
    counts = Counter(label for label in labels if label)
    for column, (label, parent) in enumerate(zip(labels, parents, strict=True)):
        if label and parent and (counts[label] > 1 or _key(label) not in known):
            joined = parent + label
            if _key(joined) in known:
                labels[column] = joined
            elif counts[label] > 1:
                labels[column] = f"{parent}·{label}"
    names = tuple(label and "".join(map(str.strip, label.split("\n"))) for label in labels)
    found = {_key(name) for name in names if name} & set(known)
    return Header(start, end, names, len(found))


def table(grid: Grid, known: Collection[str]) -> tuple[pd.DataFrame, list[str]]:
    """The data under the header, with unique labels; and what was decided, as Chinese sentences."""
    grid = _without_lead(grid)
    rows = head(grid.cells)
    header = find(rows, grid.merges, known)
    numbers = grid.cells.index
    notes = _header_notes(header, rows, numbers, known)

    body = grid.cells.iloc[header.end :]
    body = body[body.notna().any(axis=1)]
    tail, tail_note = _tail(body)
    if tail_note:
        notes.append(tail_note)
    body = body.iloc[: len(body) - tail]
    if len(header.labels) and sum(label is not None for label in header.labels) > MAX_COLUMNS:
        raise UnreadableFile(f"表头超过 {MAX_COLUMNS} 列，请删去不需要的列")

    labels = [*header.labels, *[None] * (body.shape[1] - len(header.labels))]
    kept = [column for column, label in enumerate(labels) if label]
    notes += _unlabelled_notes(
        body, [c for c in range(len(labels)) if c not in set(kept)], grid.letters
    )
    body, filled = _filled(body, kept, grid, header.end)
    if filled:
        notes.append(f"数据区有 {filled} 处合并单元格，已按左上角的值填满")
    body.columns = pd.Index(unique([labels[column] or "" for column in kept]), dtype="str")
    return body, notes


def _without_lead(grid: Grid) -> Grid:
    """The grid from its first row that holds anything."""
    filled = np.flatnonzero(grid.cells.notna().any(axis=1).to_numpy())
    lead = int(filled[0]) if len(filled) else len(grid.cells)
    if lead == len(grid.cells):
        raise UnreadableFile("表格里没有内容，请确认文件没有选错")
    merges = tuple(
        (top - lead, left, bottom - lead, right) for top, left, bottom, right in grid.merges
    )
    return replace(grid, cells=grid.cells.iloc[lead:], merges=merges)


def _header_notes(
    header: Header, rows: Sequence[Sequence[Cell]], numbers: pd.Index, known: Collection[str]
) -> list[str]:
    notes = []
    above = [i for i in range(header.start) if any(cell is not None for cell in rows[i])]
    if header.end - header.start > 1:
        notes.append(f"表头在第 {numbers[header.start]}–{numbers[header.end - 1]} 行，已合并为一行")
    elif above:
        notes.append(f"表头在第 {numbers[header.start]} 行")
    if above:
        notes.append(f"表头上方的 {len(above)} 行（标题等）未读入")
    if known and header.known < min(2, sum(label is not None for label in header.labels)):
        notes.append(f"没有找到认识的表头，把第 {numbers[header.start]} 行当作表头")
    return notes


def _tail(body: pd.DataFrame) -> tuple[int, str]:
    """How many of the last rows are totals or signatures, and the note that names them."""
    cut = len(body)
    left_out: list[tuple[int, str]] = []
    pending: list[tuple[int, str]] = []
    for position in range(len(body) - 1, max(len(body) - TAIL_ROWS, 0) - 1, -1):
        texts = [None if text != text else text for text in body.iloc[position]]
        said = [text for text in texts if text is not None]
        pending.append((body.index[position], " ".join(said)))
        if _is_footer(said):
            cut, left_out, pending = position, left_out + pending, []
        elif len(said) > 1 or len(texts) < 3:
            break  # a row of data; single cells may be the later lines of a remark
    if not left_out:
        return 0, ""
    shown = "；".join(f"第 {row} 行“{text[:30]}”" for row, text in reversed(left_out))
    return len(body) - cut, f"表尾的合计、备注、签名等行未读入：{shown}"


def _is_footer(said: Sequence[str]) -> bool:
    """A row that starts with a total, or holds nothing but labels (填表人：…) and their values."""
    if _TOTAL.fullmatch(_key(said[0])):
        return True
    found = [_LABEL.fullmatch(text) for text in said]
    labels = [label for label in found if label and (label["colon"] or not label["value"])]
    # 负责人 beside a name may be data: the role of a person. A colon, or two of them, is a signature.
    if len(said) > 1 and len(labels) < 2 and not any(label["colon"] for label in labels):
        return False
    is_bare = False
    for label in found:
        is_label = label in labels
        if not is_label and not is_bare:
            return False
        is_bare = is_label and label is not None and not label["value"]
    return True


def _unlabelled_notes(body: pd.DataFrame, columns: list[int], letters: bool) -> list[str]:
    notes = []
    for column in columns:
        lost = body.index[body.iloc[:, column].notna()]
        if len(lost):
            name = f"{column_letters(column)} 列" if letters else f"第 {column + 1} 列"
            rows = "、".join(map(str, lost[:5])) + (" 行等" if len(lost) > 5 else " 行")
            notes.append(f"{name}没有表头，其中 {len(lost)} 个单元格未读入（第 {rows}）")
    return notes


def _filled(
    body: pd.DataFrame, kept: list[int], grid: Grid, first: int
) -> tuple[pd.DataFrame, int]:
    """Columns `kept` of the body, with the value of each merged cell in all cells that it covers."""
    body = body.iloc[:, kept].copy()
    positions = grid.cells.index.get_indexer(body.index) if grid.merges else np.empty(0, int)
    place = {column: i for i, column in enumerate(kept)}
    columns: dict[int, npt.NDArray[Any]] = {}
    done = 0
    budget = grid.cells.size  # merged cells do not overlap: all together cover no more than this
    for top, left, bottom, right in grid.merges:
        if not first <= top < len(grid.cells) or left >= grid.cells.shape[1]:
            continue
        value = grid.cells.iat[top, left]
        begin, end = np.searchsorted(positions, [top, bottom + 1])
        covered = [place[c] for c in range(left, min(right + 1, grid.cells.shape[1])) if c in place]
        budget -= int(end - begin) * len(covered)
        if budget < 0:
            break
        if begin == end or value != value or not covered:
            continue
        for i in covered:
            if i not in columns:
                columns[i] = body.iloc[:, i].to_numpy(object).copy()
            columns[i][begin:end] = value
        done += 1
    for i, values in columns.items():
        body.isetitem(i, pd.Series(values, body.index, dtype="str"))
    return body, done
