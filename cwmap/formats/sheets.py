"""Workbooks (.xlsx, .xlsm, .xls, .et) → the grid of one sheet, read by python-calamine."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import PurePosixPath

import pandas as pd
import python_calamine as calamine
from defusedxml import ElementTree

from cwmap.errors import UnreadableFile
from cwmap.formats import archives, headers, ole
from cwmap.formats.cells import MAX_WIDTH, SURE_DIGITS, CellTexts, clean, column_letters
from cwmap.formats.headers import Grid

# calamine keeps every cell between the first and the last one, 32 bytes each, filled or not.
MAX_CELLS = 20_000_000
_ROWS = 1_048_576  # of an .xlsx sheet
_BLOCK_ROWS = 20_000
_MAX_INDEX_BYTES = 10 * 1024**2
_ASIDE = re.compile(
    r"说明|须知|示例|样例|字典|选项|下拉|枚举|目录|封面|readme|help|^_", re.IGNORECASE
)
_DAMAGED = "文件已损坏或没有下载完整，请在 WPS 或 Excel 中打开，另存为 .xlsx 后再导入"

# Any element that places a cell or a row, however it is written.
_PLACED = re.compile(rb"<(?:[\w.-]+:)?(?:c|row)\s[^<]*?\br\s*=\s*[\"']\s*([A-Za-z]*)(\d+)")
# Cells and rows that hold nothing but a format.
_EMPTY = re.compile(rb"<(?:[\w.-]+:)?c\b[^<>]*(?:/>|>(?:<v\s*/>|<v></v>)?</(?:[\w.-]+:)?c>)")
_EMPTY_ROW = re.compile(rb"<(?:[\w.-]+:)?row\b[^<>]*(?:/>|>\s*</(?:[\w.-]+:)?row>)")
_ERROR = re.compile(rb"<(?:[\w.-]+:)?c\b(?=[^<>]*\bt=\"e\")[^<>]*\br=\"([A-Z]+\d+)\"")
_UNSOLVED = re.compile(rb"</f>\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>")


@dataclass
class _Scan:
    """What is to be known of a sheet's XML before it is read."""

    rows: int = 0
    columns: int = 0
    filled: int = 0
    is_padded: bool = False
    errors: list[str] = field(default_factory=list)
    unsolved: int = 0

    def look(self, piece: bytes) -> None:
        """Take in a piece that ends before a tag."""
        before = self.rows, self.columns
        if not self.is_padded:
            self._measure(piece)
        if self.is_padded or self.is_too_large:
            # Sheets are often formatted down to their last row: formats alone take no room.
            self.is_padded = True
            self.rows, self.columns = before
            self._measure(_EMPTY_ROW.sub(b"", _EMPTY.sub(b"", piece)))
        self.filled += (piece.count(b"v>") + piece.count(b"is>")) // 2
        if b'"e"' in piece:
            self.errors += [ref.decode() for ref in _ERROR.findall(piece)]
        if b"</f>" in piece:
            self.unsolved += len(_UNSOLVED.findall(piece))

    @property
    def is_too_large(self) -> bool:
        """Whether reading the sheet would take more memory than it should."""
        cells = max(self.rows * self.columns, self.filled)
        return cells > MAX_CELLS or self.rows > _ROWS or self.columns > MAX_WIDTH

    def _measure(self, piece: bytes) -> None:
        places = _PLACED.findall(piece)
        rows, columns = {row for _, row in places}, {letters for letters, _ in places}
        self.rows = max([self.rows, *map(int, rows)])
        self.columns = max([self.columns, *map(_number, columns)])


def _number(letters: bytes) -> int:
    """1 for A, 27 for AA; 0 for none."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


@dataclass(frozen=True)
class Sheet:
    """One sheet of a workbook, and how it was chosen."""

    grid: Grid
    name: str
    names: tuple[str, ...]
    notes: tuple[str, ...]


def read_xlsx(content: bytes, known: Collection[str], wanted: str | None) -> Sheet:
    """A sheet of an .xlsx or .xlsm. Macros are not run. `wanted`: its name."""
    archive = archives.open_zip(content)
    scans = _scan(archive)
    notes = ["文件含宏，只读取数据，宏没有运行"] if any(
        member.filename.endswith("vbaProject.bin") for member in archive.infolist()
    ) else []  # fmt: skip
    sheet = _read(content, known, wanted)
    parts = _parts(archive)
    scan = scans.get(parts.get(sheet.name, ""), _Scan())
    notes += _error_notes(scan.errors)
    if scan.unsolved:
        notes.append(
            f"有 {scan.unsolved} 个公式没有算出的结果，按空白处理；请在 WPS 或 Excel 中打开并保存后再导入"
        )
    return Sheet(sheet.grid, sheet.name, sheet.names, (*notes, *sheet.notes))


def read_xls(content: bytes, known: Collection[str], wanted: str | None) -> Sheet:
    """A sheet of an .xls, or of an .et that WPS wrote the same way."""
    errors = ole.error_cells(content)
    sheet = _read(content, known, wanted)
    order = sheet.names.index(sheet.name)
    notes = _error_notes(errors[order] if order < len(errors) else [])
    return Sheet(sheet.grid, sheet.name, sheet.names, (*notes, *sheet.notes))


def _error_notes(cells: Sequence[str]) -> list[str]:
    if not cells:
        return []
    shown = "、".join(cells[:5]) + (" 等" if len(cells) > 5 else "")
    return [f"{shown} {len(cells)} 个单元格是错误值（如 #N/A），按空白处理"]


def _scan(archive: zipfile.ZipFile) -> dict[str, _Scan]:
    """Every part of an .xlsx but its pictures, unpacked in pieces and looked through."""
    scans = {}
    for member in archive.infolist():
        if member.is_dir() or member.filename.startswith(("xl/media/", "xl/embeddings/")):
            continue
        scan = scans[member.filename] = _Scan()
        for piece in _whole_tags(archives.chunks(archive, member)):
            if piece.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise UnreadableFile(
                    "表格内部不是 UTF-8 编码，请在 WPS 或 Excel 中另存为 .xlsx 后再导入"
                )
            scan.look(piece)
            if scan.is_too_large:
                raise UnreadableFile(
                    f"工作表用到了第 {scan.rows:,} 行、第 {column_letters(scan.columns - 1)} 列，"
                    "超出了能读取的大小，请删去表格右侧和下方多余的行列后再导入"
                )
    return scans


def _whole_tags(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, cut before a tag, that of a row if there is one."""
    rest = b""
    for piece in pieces:
        piece = rest + piece
        cut = max(piece.rfind(b"<row"), 0) or max(piece.rfind(b"<"), 0)
        if cut:
            yield piece[:cut]
        rest = piece[cut:]
    yield rest


def _parts(archive: zipfile.ZipFile) -> dict[str, str]:
    """Name of each sheet → the part of the archive that holds it."""
    try:
        book, links = (
            ElementTree.fromstring(archive.read(part))
            for part in ("xl/workbook.xml", "xl/_rels/workbook.xml.rels")
            if archive.getinfo(part).file_size < _MAX_INDEX_BYTES
        )
    except (KeyError, ValueError, ElementTree.ParseError):
        return {}
    targets = {link.get("Id"): link.get("Target", "") for link in links}
    parts = {}
    for sheet in book.iterfind(".//{*}sheet"):
        link = next((value for key, value in sheet.items() if key.endswith("}id")), None)
        parts[sheet.get("name", "")] = str(PurePosixPath("/xl") / targets.get(link, ""))[1:]
    return parts


def _read(content: bytes, known: Collection[str], wanted: str | None) -> Sheet:
    try:
        with calamine.CalamineWorkbook.from_filelike(io.BytesIO(content)) as book:
            return _choose(book, known, wanted)
    except calamine.PasswordError as error:
        raise UnreadableFile("文件有密码，请在 WPS 或 Excel 中取消密码后再导入") from error
    except calamine.CalamineError as error:
        raise UnreadableFile(_DAMAGED) from error
    except BaseException as error:
        # A panic inside calamine comes as an exception that is no Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise UnreadableFile(_DAMAGED) from error


def _choose(book: calamine.CalamineWorkbook, known: Collection[str], wanted: str | None) -> Sheet:
    """The sheet of this name; else the first with most known headers, of those that people see."""
    sheets = [s for s in book.sheets_metadata if s.typ == calamine.SheetTypeEnum.WorkSheet]
    names = tuple(sheet.name for sheet in sheets)
    shown = [s.name for s in sheets if s.visible == calamine.SheetVisibleEnum.Visible]
    candidates = [name for name in shown if not _ASIDE.search(name)] or shown or list(names)
    if wanted is not None:
        candidates = [name for name in names if name.strip() == wanted.strip()]
        if not candidates:
            raise UnreadableFile(f"没有名为“{wanted}”的工作表，请从这些里选：{'、'.join(names)}")
    best, most, others = None, -1, []
    for name in candidates:
        sheet = book.get_sheet_by_name(name)
        found = _promise(sheet, known) if len(candidates) > 1 else 0
        others += [name] if sheet.height else []
        if sheet.height and found > most:
            best, most = sheet, found
    if best is None:
        raise UnreadableFile("表格里没有内容，请确认文件没有选错")
    grid, notes = _grid(best)
    if wanted is None:
        others += [f"{n}（隐藏）" for n in names if n not in shown and not _ASIDE.search(n)]
        others = [name for name in others if name != best.name]
        notes += [f"读取了工作表“{best.name}”，没有读取：{'、'.join(others)}"] if others else []
    return Sheet(grid, best.name, names, tuple(notes))


def _promise(sheet: calamine.CalamineSheet, known: Collection[str]) -> int:
    """How many known headers a sheet has."""
    first = sheet.to_python(skip_empty_area=False, nrows=headers.HEAD_ROWS)
    rows = [[str(cell).strip() or None for cell in row] for row in first]
    return headers.find(rows, (), known).known


def _grid(sheet: calamine.CalamineSheet) -> tuple[Grid, list[str]]:
    """All cells of a sheet as text, its rows numbered from 1 as the user sees them."""
    texts = CellTexts()
    left = sheet.start[1] if sheet.start else 0  # iter_rows gives all rows, but not all columns
    rows, blocks, read = sheet.iter_rows(), [], 0
    while block := list(islice(rows, _BLOCK_ROWS)):
        numbers = range(read + 1, read + len(block) + 1)
        cells = {column: pd.Series(None, numbers, dtype="str") for column in range(left)}
        for column, values in enumerate(zip(*block, strict=True), start=left):
            cells[column] = pd.Series(texts.column(values, column), numbers, dtype="str")
        blocks.append(pd.DataFrame(cells).apply(clean))
        read += len(block)
    merges = tuple((*first, *last) for first, last in sheet.merged_cell_ranges or ())
    return Grid(pd.concat(blocks), merges), _long_notes(texts)


def _long_notes(texts: CellTexts) -> list[str]:
    return [
        f"{column_letters(column)} 列有 {count} 个单元格把超过 {SURE_DIGITS} 位的编号存成了数字，"
        f"第 {SURE_DIGITS} 位以后的数字已经丢失；请在原表把这一列设为文本后重新填写"
        for column, count in sorted(texts.long_columns.items())
    ]
