"""The container of .xls, .et and of encrypted .xlsx files (OLE, MS-CFB), looked through first.

python-calamine takes such a file at its word: a chain of sectors that runs in a circle, or a size
that is not there, makes it ask for more memory than there is, and the whole process ends.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from cwmap.errors import UnreadableFile

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_DAMAGED = "文件已损坏或没有下载完整，请在 WPS 中打开，另存为 .xlsx 后再导入"
_PASSWORD = "文件有密码，请在 WPS 或 Excel 中取消密码后再导入"
_LAST_SECTOR = 0xFFFFFFFA  # larger numbers are marks: end of chain, free
_SMALL_STREAM = 4096  # shorter streams lie in sectors of 64 bytes
_ROWS, _COLUMNS = 65_536, 256  # of an .xls sheet

# Records of a workbook (MS-XLS 2.3).
_END, _FILE_PASS, _BOUND_SHEET, _STRINGS, _DIMENSIONS = 0x0A, 0x2F, 0x85, 0xFC, 0x200
_FORMULA, _BOOL_OR_ERROR, _MUL_RK = 0x06, 0x205, 0xBD
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
        return [_sheet(book, start) for start in _sheets(book)]
    except (struct.error, IndexError) as error:
        raise UnreadableFile(_DAMAGED) from error


def _streams(content: bytes) -> dict[str, bytes]:
    """Streams of the container by name; only those of a workbook have their content."""
    (shift,) = struct.unpack_from("<H", content, 30)
    directories, fats, first_directory = struct.unpack_from("<3I", content, 40)
    first_mini, minis, first_more, more = struct.unpack_from("<4I", content, 60)
    size = 1 << shift
    if shift not in (9, 12) or max(directories, fats, minis, more) * size > len(content):
        raise UnreadableFile(_DAMAGED)
    sectors = _Sectors(content[size:], size, content[76:512], first_more)
    directory = sectors.stream(first_directory)
    mini: _Sectors | None = None
    streams: dict[str, bytes] = {}
    for at in range(0, len(directory) - 127, 128):
        name = directory[at : at + 64].decode("utf-16-le", "replace").split("\0")[0]
        first, length = struct.unpack_from("<IQ" if shift == 12 else "<II", directory, at + 116)
        if at == 0:  # the root holds the short streams
            if length > len(content):
                raise UnreadableFile(_DAMAGED)
            short = sectors.stream(first) if length else b""
            mini_fat = sectors.stream(first_mini) if minis else b""
            mini = _Sectors(short, 64, b"", fat=np.frombuffer(mini_fat, "<u4"))
        elif name in ("Workbook", "Book"):
            assert mini is not None
            if length > len(content):
                raise UnreadableFile(_DAMAGED)
            place = mini if length < _SMALL_STREAM else sectors
            streams.setdefault(name, place.stream(first)[:length])
        else:
            streams.setdefault(name, b"")
    return streams


class _Sectors:
    """Equal pieces of a file, strung together by a table that names the next piece of each."""

    def __init__(
        self,
        body: bytes,
        size: int,
        table: bytes,
        more: int = 0xFFFFFFFF,
        fat: npt.NDArray[np.uint32] | None = None,
    ) -> None:
        self._body, self._size = body, size
        self._count = -(-len(body) // size)
        if fat is None:
            fat = np.frombuffer(b"".join(self._table(table, more)), "<u4")
        self._next = fat.tolist()

    def stream(self, first: int) -> bytes:
        """All pieces from `first` on; UnreadableFile if they run in a circle or out of the file."""
        pieces = []
        while first < _LAST_SECTOR:
            pieces.append(self._piece(first))
            if len(pieces) > self._count:
                raise UnreadableFile(_DAMAGED)
            first = self._next[first]
        return b"".join(pieces)

    def _table(self, table: bytes, more: int) -> Iterator[bytes]:
        """The pieces that hold the table: 109 are listed in the header, the others in a chain."""
        seen = 0
        while True:
            for piece in struct.unpack(f"<{len(table) // 4}I", table):
                if piece < _LAST_SECTOR:
                    yield self._piece(piece)
            if more >= _LAST_SECTOR:
                return
            seen += 1
            if seen > self._count:
                raise UnreadableFile(_DAMAGED)
            *_, more = struct.unpack(f"<{self._size // 4}I", self._piece(more))
            raise NotImplementedError

    def _piece(self, number: int) -> bytes:
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


def _sheets(book: bytes) -> list[int]:
    """Where each sheet starts."""
    starts = []
    for kind, data in _records(book, 0):
        if kind == _FILE_PASS:
            raise UnreadableFile(_PASSWORD)
        if kind == _BOUND_SHEET:
            starts.append(struct.unpack_from("<I", data)[0])
        if kind == _STRINGS and struct.unpack_from("<i", data, 4)[0] not in range(len(book)):
            raise UnreadableFile(_DAMAGED)
    if len(starts) != len(set(starts)):
        raise UnreadableFile(_DAMAGED)
    return starts


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
                errors.append(f"{letters(column)}{row + 1}")
    return errors


def letters(column: int) -> str:
    """Excel's name of a column counted from 0: A … Z, AA …"""
    name = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        name = chr(65 + letter) + name
    return name
