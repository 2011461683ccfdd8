"""What a .zip, .kmz or .gz holds, unpacked only as far as it is safe: no bombs, no paths out."""

from __future__ import annotations

import copy
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath

from cwmap.errors import UnreadableFile

MAX_FILE_BYTES = 300 * 1024**2
MAX_UNPACKED_BYTES = 1024**3
MAX_RATIO = 300  # unpacked to packed, of archives that are large unpacked; spreadsheets have 5–60
MAX_MEMBERS = 10_000
_LARGE = 50 * 1024**2
_CHUNK = 1 << 22

_PACKED = (".zip", ".gz", ".rar", ".7z", ".tar", ".tgz", ".bz2", ".xz")
_MAIN = (".xlsx", ".xlsm", ".xls", ".et", ".csv", ".tsv", ".shp", ".gpkg", ".geojson", ".json",
         ".kml", ".kmz")  # fmt: skip
_SPARE = (".txt",)  # a table if there is no other, else a readme
_SIBLINGS = (".dbf", ".shx", ".prj", ".cpg")
_DAMAGED = "文件已损坏或没有下载完整，请重新取得这个文件"


def open_zip(content: bytes) -> zipfile.ZipFile:
    """A zip whose table of contents is harmless; UnreadableFile says what is wrong with it."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise UnreadableFile(_DAMAGED) from error
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise UnreadableFile(f"压缩包里有 {len(members):,} 个文件，请只保留要导入的那一个")
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_UNPACKED_BYTES or unpacked > max(_LARGE, MAX_RATIO * len(content)):
        raise UnreadableFile("解压后的内容过大，疑似压缩炸弹，请解压检查后只导入需要的数据")
    for member in members:
        path = PurePosixPath(name(member).replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", str(path)):
            raise UnreadableFile("压缩包里有指向包外的路径，请重新压缩后再导入")
        if member.flag_bits & 1:
            raise UnreadableFile("压缩包有密码，请解压后再导入")
    return archive


def name(member: zipfile.ZipInfo) -> str:
    """A member's name; Chinese Windows writes it in GBK and does not say so."""
    if member.flag_bits & 0x800:
        return member.filename
    try:
        raw = member.filename.encode("cp437")
    except UnicodeEncodeError:
        return member.filename
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return member.filename


def chunks(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """A member's bytes in pieces, never more than the table of contents says there are."""
    # zipfile stops at the size that the archive states. Other readers do not: the stream behind it
    # must end there too, so it is asked for one byte more.
    asked = copy.copy(member)
    asked.file_size = member.file_size + 1
    left = member.file_size
    try:
        with archive.open(asked) as stream:
            while piece := stream.read(min(_CHUNK, left + 1)):
                left -= len(piece)
                if left < 0:
                    raise UnreadableFile(_DAMAGED)
                yield piece
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
        raise UnreadableFile(_DAMAGED) from error
    except (NotImplementedError, RuntimeError) as error:
        raise UnreadableFile("压缩包的压缩方式不支持，请解压后再导入") from error
    if left:
        raise UnreadableFile(_DAMAGED)


def content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """All bytes of a member that is a file to import itself."""
    if member.file_size > MAX_FILE_BYTES:
        raise UnreadableFile(f"解压后超过 {MAX_FILE_BYTES // 1024**2} MB，请分成几个文件导入")
    return b"".join(chunks(archive, member))


def single(archive: zipfile.ZipFile) -> tuple[str, bytes, dict[str, bytes]]:
    """The one file in a zip that can be imported: its name, content and, of a .shp, its siblings."""
    members = [m for m in archive.infolist() if not m.is_dir() and not _is_clutter(name(m))]
    if nested := [name(m) for m in members if _suffix(m) in _PACKED]:
        raise UnreadableFile(f"压缩包里还有压缩包“{nested[0]}”，请先解压再导入")
    found = [m for m in members if _suffix(m) in _MAIN] or [
        m for m in members if _suffix(m) in _SPARE
    ]
    if len(found) != 1:
        names = "、".join(f"“{name(m)}”" for m in found[:5])
        reason = f"压缩包里有 {len(found)} 个可导入的文件（{names}）" if found else (
            "压缩包里没有可导入的文件"
        )  # fmt: skip
        raise UnreadableFile(f"{reason}，请只放一个表格或图层（.shp 连同 .shx、.dbf、.prj）")
    chosen = PurePosixPath(name(found[0]))
    siblings = {}
    if _suffix(found[0]) == ".shp":
        stem = str(chosen.with_suffix("")).casefold()
        for member in members:
            path = PurePosixPath(name(member))
            if _suffix(member) in _SIBLINGS and str(path.with_suffix("")).casefold() == stem:
                siblings[_suffix(member)] = content(archive, member)
    return chosen.name, content(archive, found[0]), siblings


def first_kml(archive: zipfile.ZipFile) -> bytes:
    """The document of a .kmz: its first .kml, as Google Earth takes it."""
    members = [member for member in archive.infolist() if _suffix(member) == ".kml"]
    if not members:
        raise UnreadableFile("KMZ 里没有 KML，请在 GIS 软件中重新导出")
    return content(archive, members[0])


def gunzip(packed: bytes) -> bytes:
    """The content of a .gz; UnreadableFile if it is damaged or far larger than it should be."""
    plain, room = [], MAX_FILE_BYTES
    while packed:
        unpacker = zlib.decompressobj(wbits=31)
        try:
            plain.append(unpacker.decompress(packed, room + 1))
        except zlib.error as error:
            raise UnreadableFile(_DAMAGED) from error
        room -= len(plain[-1])
        if room < 0:
            raise UnreadableFile(f"解压后超过 {MAX_FILE_BYTES // 1024**2} MB，请分成几个文件导入")
        if not unpacker.eof:
            raise UnreadableFile(_DAMAGED)
        packed = unpacker.unused_data.lstrip(b"\0")  # a .gz may have several parts, and padding
    return b"".join(plain)


def _suffix(member: zipfile.ZipInfo) -> str:
    return PurePosixPath(name(member)).suffix.lower()


def _is_clutter(path: str) -> bool:
    """What nobody means to import: system files, lock files of Office, notes beside an export."""
    parts = PurePosixPath(path).parts
    system = "__MACOSX" in parts or parts[-1].startswith((".", "~$")) or parts[-1] == "Thumbs.db"
    return system or parts[-1].endswith(("_说明.csv", "_字段说明.csv"))  # what our own exports add
