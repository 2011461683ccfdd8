"""The container of .xls, .et and of encrypted .xlsx files (OLE, MS-CFB), looked through first.

python-calamine takes such a file at its word: a chain of sectors that runs in a circle, or a size
that is not there, makes it ask for more memory than there is, and the whole process ends.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from cwmap.errors import UnreadableFile
from cwmap.formats.cells import column_letters

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_DAMAGED = "文件已损坏或没有下载完整，请在 WPS 中打开，另存为 .xlsx 后再导入"
_PASSWORD = "文件有密码，请在 WPS 或 Excel 中取消密码后再导入"
_LAST_SECTOR = 0xFFFFFFFA  # larger numbers are marks: end of chain, free
_SMALL_STREAM, _SHORT_SECTOR = 4096, 64  # shorter streams lie in shorter sectors
_ROWS, _COLUMNS = 65_536, 256  # of an .xls sheet

# Records of a workbook (MS-XLS 2.3).
_END, _FILE_PASS, _BOUND_SHEET, _DIMENSIONS = 0x0A, 0x2F, 0x85, 0x200
_FORMULA, _BOOL_OR_ERROR, _MUL_RK = 0x06, 0x205, 0xBD
_WORKSHEET = 0  # the kind of sheet, in its record
_CELLS = {_FORMULA, _BOOL_OR_ERROR, _MUL_RK, 0x203, 0x204, 0x207, 0x27E, 0xFD}


def error_cells(content: bytes) -> list[list[str]]:
    """Cells with an error value (#N/A, #REF! …) of each sheet of an .xls, in the sheets' order.

    UnreadableFile: no workbook, one with a password, or one that must not be given to a reader.
    """
    try:
        streams = _streams(content)
        if "EncryptedPackage" in streams:
            raise UnreadableFile(_PASSWORD)
        book = streams.get("Workbook") or streams.get("Book")
        if book is None:
            other = "Word 文档" if "WordDocument" in streams else "Excel 表格以外的文件"
            raise UnreadableFile(f"这是{other}，请在 WPS 中把表格另存为 .xlsx 后再导入")
        cells = [(kind, _sheet(book, start)) for start, kind in _sheets(book)]
        return [found for kind, found in cells if kind == _WORKSHEET]
    except (struct.error, IndexError) as error:
        raise UnreadableFile(_DAMAGED) from error


def _streams(content: bytes) -> dict[str, bytes]:
    """Streams of the container by name; only those of a workbook have their content."""
    (shift,) = struct.unpack_from("<H", content, 30)
    if shift not in (9, 12):
        raise UnreadableFile(_DAMAGED)
    size = 1 << shift
    (first_directory,) = struct.unpack_from("<I", content, 48)
    first_mini, minis, first_more = struct.unpack_from("<3I", content, 60)
    sectors, short = _Sectors(content[size:], size), _Sectors(b"", _SHORT_SECTOR)
    sectors.link(sectors.table(list(struct.unpack_from("<109I", content, 76)), first_more))
    directory = sectors.stream(first_directory)
    if len(directory) % 128:
        raise UnreadableFile(_DAMAGED)
    streams: dict[str, bytes] = {}
    for at in range(0, len(directory), 128):
        name = directory[at : at + 64].decode("utf-16-le", "replace").split("\0")[0]
        first, length = struct.unpack_from("<IQ" if shift == 12 else "<II", directory, at + 116)
        wanted = at == 0 or name in ("Workbook", "Book")
        if wanted and length > len(content):
            raise UnreadableFile(_DAMAGED)
        if at == 0:  # the root holds the short streams
            short = _Sectors(sectors.stream(first) if length else b"", _SHORT_SECTOR)
            short.link(sectors.stream(first_mini) if minis else b"")
        elif wanted and name not in streams:
            place = short if length < _SMALL_STREAM else sectors
            streams[name] = place.stream(first)[:length]
        else:
            streams.setdefault(name, b"")
    return streams


class _Sectors:
    """Equal pieces of a file, strung together by a table that names the next piece of each."""

    def __init__(self, body: bytes, size: int) -> None:
        self._body, self._size = body, size
        self._count = -(-len(body) // size)
        self._next: list[int] = []

    def link(self, table: bytes) -> None:
        """Take the table, as bytes."""
        self._next = np.frombuffer(table[: len(table) // 4 * 4], "<u4").tolist()

    def stream(self, first: int) -> bytes:
        """All pieces from `first` on; UnreadableFile if they run in a circle or out of the file."""
        pieces: list[bytes] = []
        while first < _LAST_SECTOR:
            pieces.append(self.piece(first))
            if len(pieces) > self._count:
                raise UnreadableFile(_DAMAGED)
            first = self._next[first]
        return b"".join(pieces)

    def table(self, listed: list[int], more: int) -> bytes:
        """The table of a whole file: its first 109 pieces are listed, the others in a chain."""
        chained = 0
        while more < _LAST_SECTOR:
            *numbers, more = struct.unpack(f"<{self._size // 4}I", self.piece(more))
            listed = listed + numbers
            chained += 1
            if chained > self._count:
                raise UnreadableFile(_DAMAGED)
        listed = [number for number in listed if number < _LAST_SECTOR]
        if len(listed) > self._count:
            raise UnreadableFile(_DAMAGED)
        return b"".join(map(self.piece, listed))

    def piece(self, number: int) -> bytes:
        """One piece by its number."""
        if number >= self._count:
            raise UnreadableFile(_DAMAGED)
        return self._body[number * self._size : (number + 1) * self._size]


def _records(book: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """Records from `start` to the end of this part of the workbook: kind and content."""
    while start + 4 <= len(book):
        kind, length = struct.unpack_from("<HH", book, start)
        if kind == _END:
            return
        yield kind, book[start + 4 : start + 4 + length]
        start += 4 + length


def _sheets(book: bytes) -> list[tuple[int, int]]:
    """Where each sheet starts, and its kind (a worksheet, a chart …)."""
    sheets: list[tuple[int, int]] = []
    for kind, data in _records(book, 0):
        if kind == _FILE_PASS:
            raise UnreadableFile(_PASSWORD)
        if kind == _BOUND_SHEET:
            sheets.append((struct.unpack_from("<I", data)[0], data[5]))
    starts = {start for start, _ in sheets}
    if len(starts) != len(sheets) or max(starts, default=0) > len(book):
        raise UnreadableFile(_DAMAGED)
    return sheets


def _sheet(book: bytes, start: int) -> list[str]:
    """Cells with an error value; UnreadableFile for a cell or a size beyond what a sheet may have."""
    errors = []
    for kind, data in _records(book, start):
        if kind == _DIMENSIONS:
            form = "<IIHH" if len(data) >= 14 else "<HHHH"
            top, bottom, left, right = struct.unpack_from(form, data)
            if top > max(bottom, 1) or bottom > _ROWS or left > max(right, 1) or right > _COLUMNS:
                raise UnreadableFile(_DAMAGED)
        elif kind in _CELLS:
            row, column = struct.unpack_from("<HH", data)
            last = struct.unpack_from("<H", data, len(data) - 2)[0] if kind == _MUL_RK else column
            if max(column, last) >= _COLUMNS:
                raise UnreadableFile(_DAMAGED)
            is_error = (kind == _BOOL_OR_ERROR and data[7] == 1) or (
                kind == _FORMULA and data[6] == 2 and data[12:14] == b"\xff\xff"
            )
            if is_error:
                errors.append(f"{column_letters(column)}{row + 1}")
    return errors
