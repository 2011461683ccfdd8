"""Any file that a town has → rows of text, with the shapes that come with them.

One door for tables (.xlsx .xlsm .xls .et .csv .tsv .txt .csv.gz) and layers (.shp .gpkg .geojson
.kml .kmz), loose or zipped. What a file is decides its content; its name only settles doubts.
Nothing is guessed in silence: every decision is a note, and whatever cannot be read ends in
`UnreadableFile` with one Chinese sentence that says what to do.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

import numpy as np
import numpy.typing as npt
import pandas as pd

from cwmap.errors import UnreadableFile
from cwmap.formats import archives, delimited, encodings, gdal, geojson, headers, kml, ole, sheets
from cwmap.formats.features import Layer
from cwmap.tables import normalise

SUPPORTED = ".xlsx、.xls、.csv、.shp（或打包成 .zip）、.gpkg、.geojson、.kml"

# Beginnings of files that people pick by mistake, and what to do with them.
_MISTAKES = tuple(
    (re.compile(pattern, re.DOTALL), what, remedy)
    for pattern, what, remedy in (
        (rb"%PDF-", "PDF 文档", "请取得原来的表格或图层"),
        (
            rb"\x89PNG|\xff\xd8\xff|GIF8[79]a|BM.{4}\0{4}|II\*\0|MM\0\*",
            "图片",
            "请选择表格或图层文件",
        ),
        (rb"Rar!\x1a", "RAR 压缩包", "请解压后再导入，或改用 .zip"),
        (rb"7z\xbc\xaf", "7z 压缩包", "请解压后再导入，或改用 .zip"),
        (rb"AC10\d\d\0", "CAD 图纸（DWG）", "请在 GIS 软件中转为 .shp 或 .gpkg"),
        (rb"PAR1", "Parquet 文件", "请另存为 .csv 或 .gpkg"),
        (rb"MIME-Version:", "网页存档", "请在 WPS 中打开，另存为 .xlsx"),
    )
)
_OFFICE = {
    "xl/workbook.bin": "二进制表格（.xlsb）", "content.xml": "OpenDocument 文件（如 .ods）",
    "word/document.xml": "Word 文档", "ppt/presentation.xml": "演示文稿",
}  # fmt: skip
_SIBLINGS = (".dbf", ".shx", ".prj", ".cpg")
_SPREADSHEETS = (".xls", ".xlsx", ".xlsm", ".et")
_TEXT_TABLES = (".csv", ".tsv", ".txt", "")
_TOO_LARGE = f"文件超过 {archives.MAX_FILE_BYTES // 1024**2} MB，请分成几个文件导入"


@dataclass(frozen=True)
class Rows:
    """What a file holds, as text.

    table: str columns (a missing value is an empty cell) under the headers of the file, which are
    unique; its index is the row's number as the user sees it there (lines of a sheet or CSV from
    1, so that the first row under a header in line 3 is 4; features from 1).
    geometry: shapes of a layer, (n,), 2-D and as in the file; None for one that has none, and
    for tables.
    crs: 'EPSG:n' of the shapes where the file says so.
    kind: xlsx xls csv shp gpkg geojson kml.
    layer, layers: the sheet, layer or folder that was read, and all that there are.
    notes: what was decided, one Chinese sentence each.
    """

    table: pd.DataFrame
    geometry: npt.NDArray[np.object_] | None
    crs: str | None
    kind: str
    encoding: str | None
    layer: str | None
    layers: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Asked:
    known: frozenset[str]
    encoding: str | None
    sheet: str | None
    layer: str | None


@dataclass(frozen=True)
class _File:
    """A file in memory. `siblings`: suffix → content of the files that belong to it."""

    name: str
    content: bytes
    siblings: Mapping[str, bytes]
    unpacked: bool = False

    @property
    def suffix(self) -> str:
        return PurePath(self.name).suffix.lower()


def read(
    source: Path | tuple[str, bytes],
    *,
    known: Collection[str] = (),
    encoding: str | None = None,
    sheet: str | None = None,
    layer: str | None = None,
) -> Rows:
    """Read a file, given by its path or as (name, content).

    known: headers and aliases of the target table; they find the header row, and the sheet or
    layer among several. encoding, sheet, layer: the user's own choice.
    Raises UnreadableFile, whose message names the file.
    """
    asked = _Asked(frozenset(map(normalise, known)), encoding or None, sheet or None, layer or None)
    given = source.name if isinstance(source, Path) else PurePath(source[0].replace("\\", "/")).name
    name = "".join(filter(str.isprintable, given))
    try:
        file = _open(source) if isinstance(source, Path) else _File(name, source[1], {})
        return _rows(file, asked)
    except UnreadableFile as error:
        raise UnreadableFile(f"“{name}”无法读取：{error}。") from error
    except MemoryError as error:
        raise UnreadableFile(f"“{name}”无法读取：内存不足，请分成几个文件导入。") from error
    except Exception as error:
        # Strangers' bytes fail in ways that nobody has listed, deep in other people's parsers.
        raise UnreadableFile(f"“{name}”无法读取：文件已损坏，请重新取得或另存后再导入。") from error


def _open(path: Path) -> _File:
    try:
        if path.is_dir():
            raise UnreadableFile("这是文件夹，请选择其中的一个文件")
        if not path.exists():
            raise UnreadableFile("文件不存在，请检查路径")
        if not path.is_file():
            raise UnreadableFile("这不是普通文件，请选择表格或图层文件")
        content = _bytes(path)
        siblings = {}
        if content.startswith(gdal.SHP):
            for near in path.parent.iterdir():
                if (
                    near.suffix.lower() in _SIBLINGS
                    and near.stem.casefold() == path.stem.casefold()
                ):
                    siblings[near.suffix.lower()] = _bytes(near)
        elif content.startswith(gdal.SQLITE):
            wal = path.with_name(f"{path.name}-wal")
            siblings = {"-wal": _bytes(wal)} if wal.is_file() else {}
    except PermissionError as error:
        raise UnreadableFile("没有权限，或文件正被其他程序打开，请关闭后重试") from error
    except OSError as error:
        raise UnreadableFile("文件打不开，请检查磁盘或网络位置后重试") from error
    return _File(path.name, content, siblings)


def _bytes(path: Path) -> bytes:
    if path.stat().st_size > archives.MAX_FILE_BYTES:
        raise UnreadableFile(_TOO_LARGE)
    return path.read_bytes()


def _rows(file: _File, asked: _Asked) -> Rows:
    content = file.content
    if not content:
        raise UnreadableFile("文件是空的，请重新取得")
    if len(content) > archives.MAX_FILE_BYTES:
        raise UnreadableFile(_TOO_LARGE)
    if not content.strip(b"\0"):
        raise UnreadableFile("文件里全是空字节，没有下载完整，请重新取得")
    if content.startswith((b"PK\3\4", b"PK\5\6")):
        return _zip(file, asked)
    if content.startswith(b"\x1f\x8b"):
        return _gzip(file, asked)
    if content.startswith(ole.SIGNATURE):
        return _sheet("xls", sheets.read_xls(content, asked.known, asked.sheet), asked)
    if content.startswith(gdal.SHP):
        return _shp(file, asked)
    if content.startswith(gdal.SQLITE):
        wal = file.siblings.get("-wal", b"")
        return _layer("gpkg", gdal.read_gpkg(content, wal, asked.known, asked.layer))
    for pattern, what, remedy in _MISTAKES:
        if pattern.match(content):
            raise UnreadableFile(f"这是{what}，{remedy}")
    return _text(file, asked)


def _zip(file: _File, asked: _Asked) -> Rows:
    archive = archives.open_zip(file.content)
    names = archive.namelist()
    if "xl/workbook.xml" in names:
        return _sheet("xlsx", sheets.read_xlsx(file.content, asked.known, asked.sheet), asked)
    for part, what in _OFFICE.items():
        if part in names:
            raise UnreadableFile(f"这是{what}，请在 WPS 中把表格另存为 .xlsx 后再导入")
    if file.unpacked:
        raise UnreadableFile("压缩包里还有压缩包，请先解压再导入")
    if file.suffix in _SPREADSHEETS:
        raise UnreadableFile("内容不是 Excel 表格，请在 WPS 中打开检查，另存为 .xlsx 后再导入")
    if file.suffix == ".kmz":
        inner = _File("doc.kml", archives.first_kml(archive), {}, unpacked=True)
        return _rows(inner, asked)
    inner = _File(*archives.single(archive), unpacked=True)
    rows = _rows(inner, asked)
    return replace(rows, notes=(f"读取了压缩包里的“{inner.name}”", *rows.notes))


def _gzip(file: _File, asked: _Asked) -> Rows:
    if file.unpacked:
        raise UnreadableFile("压缩包里还有压缩包，请先解压再导入")
    name = re.sub(r"\.gz$", "", file.name, flags=re.IGNORECASE)
    return _rows(_File(name, archives.gunzip(file.content), {}, unpacked=True), asked)


def _shp(file: _File, asked: _Asked) -> Rows:
    if not file.siblings and not file.unpacked:
        raise UnreadableFile(
            "只有 .shp，缺少同名的 .dbf、.shx、.prj，请把它们放在一起或打成一个 .zip 再导入"
        )
    return _layer("shp", gdal.read_shp(file.content, file.siblings, asked.encoding))


def _text(file: _File, asked: _Asked) -> Rows:
    """Text of some kind: a table, GeoJSON, KML, or what only has the name of a table."""
    suffix = file.suffix
    if suffix in _SIBLINGS:
        raise UnreadableFile("这是图层的附属文件，请选择同名的 .shp，或把它们打成一个 .zip")
    try:
        decoded = encodings.decode(file.content, asked.encoding)
    except UnreadableFile as error:
        if suffix in (*_TEXT_TABLES, ".json", ".geojson", ".kml"):
            raise
        raise UnreadableFile(
            f"内容与扩展名 {suffix} 不符或已损坏，能读取的文件有 {SUPPORTED}"
        ) from error
    first = re.search(r"\S", decoded.text)
    if first is None:
        raise UnreadableFile("文件是空的，请重新取得")
    head = decoded.text[first.start() : first.start() + 5000].lower()
    if suffix in (".json", ".geojson") or (head[0] == "{" and suffix not in _TEXT_TABLES):
        return _layer("geojson", geojson.read(decoded.text), decoded)
    if "<kml" in head or suffix == ".kml":
        return _layer("kml", kml.read(decoded.text, asked.layer), decoded)
    if "schemas-microsoft-com:office:spreadsheet" in head:
        raise UnreadableFile("这是 XML 格式的旧表格，请在 WPS 中打开，另存为 .xlsx 后再导入")
    if head[0] == "<" and any(
        tag in head for tag in ("<html", "<table", "<!doctype html", "<meta")
    ):
        raise UnreadableFile("内容是网页，不是表格，请在 WPS 中打开，另存为 .xlsx 后再导入")
    is_table = suffix in _TEXT_TABLES or (suffix in _SPREADSHEETS and head[0] != "<")
    if not is_table:
        raise UnreadableFile(f"内容与扩展名 {suffix} 不符，能读取的文件有 {SUPPORTED}")
    grid, notes = delimited.read(decoded.text, asked.known)
    if suffix in _SPREADSHEETS:
        notes.insert(0, f"扩展名是 {suffix}，内容其实是文本表格，按 CSV 读取")
    table, table_notes = headers.table(grid, asked.known)
    all_notes = (*decoded.notes, *notes, *table_notes)
    return Rows(table, None, None, "csv", decoded.encoding, None, (), all_notes)


def _sheet(kind: str, sheet: sheets.Sheet, asked: _Asked) -> Rows:
    table, notes = headers.table(sheet.grid, asked.known)
    all_notes = (*sheet.notes, *notes)
    return Rows(table, None, None, kind, None, sheet.name, sheet.names, all_notes)


def _layer(kind: str, layer: Layer, text: encodings.Decoded | None = None) -> Rows:
    encoding, notes = (text.encoding, text.notes) if text else (layer.encoding, ())
    return Rows(
        layer.table, layer.geometry, layer.crs, kind, encoding, layer.name, layer.names,
        (*notes, *layer.notes),
    )  # fmt: skip
