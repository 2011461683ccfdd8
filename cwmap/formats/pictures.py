"""Pictures in a sheet of an .xlsx: those that lie over cells, and those that WPS puts into cells.

Excel anchors a picture at the cell of its upper left corner. WPS (嵌入单元格) writes
=DISPIMG("ID_…",1) into the cell and keeps the picture in xl/cellimages.xml.
"""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import PurePosixPath

import openpyxl
import pandas as pd
from defusedxml import ElementTree

from cwmap.errors import UnreadableFile

IN_CELL = re.compile(r'=?(?:_xlfn\.)?DISPIMG\("(?P<id>[^"]+)",\s*1\)')
"""Text of a cell that holds a picture of WPS."""

_MOST = 2_000  # pictures of one workbook
_LARGEST = 30 * 1024**2  # bytes of one picture
_CELL_IMAGES, _LINKS = "xl/cellimages.xml", "xl/_rels/cellimages.xml.rels"


def pictures(content: bytes, sheet: str, table: pd.DataFrame) -> list[tuple[int, bytes]]:
    """Row number and content of each picture of a sheet.

    table: the sheet's text, its index the row numbers. UnreadableFile: too many, or damaged.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        media = [i for i in archive.infolist() if i.filename.startswith("xl/media/")]
        if not media:
            return []
        if len(media) > _MOST:
            raise UnreadableFile(
                f"表格里有 {len(media):,} 张图片，超过 {_MOST:,} 张；请分成几个文件。"
            )
        if any(one.file_size > _LARGEST for one in media):
            raise UnreadableFile("表格里有超过 30 MB 的图片；请压缩图片后再导入。")
        try:
            return [*_over_cells(content, sheet), *_in_cells(archive, table)]
        except Exception as error:  # strangers' drawings fail in ways that nobody has listed
            raise UnreadableFile(
                "表格里的图片读不出来；请把照片另存为文件，在“处置后照片”一列填文件名。"
            ) from error


def _over_cells(content: bytes, sheet: str) -> list[tuple[int, bytes]]:
    drawn = getattr(openpyxl.load_workbook(io.BytesIO(content))[sheet], "_images", [])
    return [(image.anchor._from.row + 1, image._data()) for image in drawn]


def _in_cells(archive: zipfile.ZipFile, table: pd.DataFrame) -> list[tuple[int, bytes]]:
    if not {_CELL_IMAGES, _LINKS} <= set(archive.namelist()):
        return []
    targets = {
        link.get("Id"): str(PurePosixPath("xl") / link.get("Target", "").removeprefix("/xl/"))
        for link in ElementTree.fromstring(archive.read(_LINKS)).iterfind("{*}Relationship")
    }
    named = {}
    for picture in ElementTree.fromstring(archive.read(_CELL_IMAGES)).iterfind(".//{*}pic"):
        name, blip = picture.find(".//{*}cNvPr"), picture.find(".//{*}blip")
        link = next((v for k, v in blip.items() if k.endswith("}embed")), None)
        named[name.get("name")] = targets[link]
    return [
        (int(row), archive.read(named[found["id"]]))
        for header in table
        for row, text in table[header].dropna().items()
        for found in IN_CELL.finditer(str(text))
        if found["id"] in named
    ]
