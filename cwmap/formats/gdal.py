"""Shapefile and GeoPackage → a layer, by GDAL.

GDAL decides by content what a file is and follows what it finds there. So it is given nothing but
copies in a folder of their own, under names of our own, whose first bytes were looked at before.
"""

from __future__ import annotations

import codecs
import re
import sqlite3
import struct
import tempfile
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyogrio
import shapely

from cwmap.errors import UnreadableFile
from cwmap.formats.cells import MAX_COLUMNS, MAX_ROWS
from cwmap.formats.encodings import ENCODINGS, codec, shows_chinese, spoken
from cwmap.formats.features import Layer, Shapes, broken_note, flat, known_crs, table, too_large
from cwmap.tables import normalise

Attribute = tuple[str, list[Any]]

SHP, SQLITE = b"\x00\x00\x27\x0a", b"SQLite format 3\0"
_LAST_SIMPLE_TYPE = 7  # GeometryCollection; larger ids are curves and surfaces
_MULTIPATCH = 31
_WESTERN = ("latin-1", "cp1252")
_CUT_SHORT = "没有下载或复制完整，请重新取得"


def read_shp(content: bytes, siblings: Mapping[str, bytes], encoding: str | None) -> Layer:
    """A shapefile. `siblings`: .dbf, .shx, .prj, .cpg as far as they are there."""
    _check_shp(content)
    dbf = siblings.get(".dbf")
    if dbf is None:
        raise UnreadableFile(
            "缺少同名的 .dbf（属性表），请把 .shp、.dbf、.shx、.prj 放在同一文件夹或打成一个 .zip"
        )
    count, deleted = _check_dbf(dbf)
    index = siblings.get(".shx", b"")
    notes = [f"属性表中标记为已删除的 {deleted} 条记录未读入"] if deleted else []
    if len(index) != 100 + 8 * count:
        if _records(content) != count:
            raise UnreadableFile(
                f".shp 的图形与 .dbf 的 {count:,} 条记录对不上，请在 GIS 软件中重新导出这一图层"
            )
        notes.append("缺少可用的 .shx，已按 .shp 重建")
        index = b""
    parts = {".shp": content, ".dbf": dbf, ".shx": index}
    with _copied(parts) as path, _restoring_index(not index):
        # Latin-1 keeps every byte; the real encoding is found out below.
        meta, features = _read(path, encoding="ISO-8859-1")
    if len(features) != count - deleted:
        raise UnreadableFile("图层已损坏，请在 GIS 软件中打开检查，重新导出后再导入")
    used, decoded, more_notes = _decoded(
        _quietly(_attributes, meta, features), siblings.get(".cpg"), encoding
    )
    prj = siblings.get(".prj", b"").decode(errors="replace").strip("\ufeff\0 \r\n")
    layer = _layer(meta | {"crs": prj}, decoded, features)
    return Layer(
        layer.table, layer.geometry, layer.crs, None, (),
        (*notes, *more_notes, *layer.notes), used,
    )  # fmt: skip


def read_gpkg(content: bytes, wal: bytes, known: Collection[str], wanted: str | None) -> Layer:
    """A layer of a GeoPackage. `wal`: what another program has not yet written into the file."""
    with _copied({".gpkg": content, ".gpkg-wal": wal}) as path:
        _check_gpkg(path)
        names = [str(name) for name, _ in _quietly(pyogrio.list_layers, path)]
        if not names:
            raise UnreadableFile("GeoPackage 里没有图层，请确认文件没有选错")
        if wanted is not None and wanted not in names:
            raise UnreadableFile(f"没有名为“{wanted}”的图层，请从这些里选：{'、'.join(names)}")
        infos = {n: _quietly(pyogrio.read_info, path, layer=n) for n in names}
        name = wanted or max(names, key=lambda n: _promise(infos[n], known))
        info = infos[name]
        if info["driver"] != "GPKG":
            raise UnreadableFile("内容不是 GeoPackage，请在 GIS 软件中重新导出")
        if info["features"] > MAX_ROWS or len(info["fields"]) > MAX_COLUMNS:
            raise too_large()
        meta, features = _read(path, layer=name)
    layer = _layer(meta, _quietly(_attributes, meta, features), features)
    notes = list(layer.notes)
    if wanted is None and len(names) > 1:
        others = "、".join(n for n in names if n != name)
        notes.insert(0, f"读取了图层“{name}”，没有读取：{others}")
    return Layer(layer.table, layer.geometry, layer.crs, name, tuple(names), tuple(notes))


def _promise(info: Mapping[str, Any], known: Collection[str]) -> tuple[int, bool]:
    """How many known fields a layer has, and whether it has shapes."""
    return len({normalise(f) for f in info["fields"]} & set(known)), bool(info["geometry_type"])


def _check_shp(content: bytes) -> None:
    if len(content) < 100 or 2 * struct.unpack_from(">i", content, 24)[0] > len(content):
        raise UnreadableFile(f".shp {_CUT_SHORT}")
    if struct.unpack_from("<i", content, 32)[0] == _MULTIPATCH:
        raise UnreadableFile(".shp 是三维多面体（MultiPatch），请在 GIS 软件中转为面图层后再导入")


def _records(content: bytes) -> int:
    """How many shapes a .shp holds, by the lengths that stand before each."""
    at, number = 100, 0
    while at + 8 <= len(content):
        words = struct.unpack_from(">i", content, at + 4)[0]
        if words <= 0:
            break
        at += 8 + 2 * words
        number += at <= len(content)
    return number


def _check_dbf(content: bytes) -> tuple[int, int]:
    """Number of records of a .dbf, and of those that are marked as deleted."""
    if len(content) < 33:
        raise UnreadableFile(f".dbf {_CUT_SHORT}")
    count, start, size = struct.unpack_from("<IHH", content, 4)
    if count > MAX_ROWS or (start - 33) // 32 > MAX_COLUMNS:
        raise too_large()
    if start + count * size > len(content) or not size:
        raise UnreadableFile(f".dbf {_CUT_SHORT}")
    return count, content[start : start + count * size : size].count(b"*")


def _check_gpkg(path: Path) -> None:
    """No views that GDAL would run, no tables that are programs, no missing pages."""
    content = path.read_bytes()[:100]
    page, pages = struct.unpack_from(">H", content, 16)[0], struct.unpack_from(">I", content, 28)[0]
    page = 65_536 if page == 1 else page
    counted = content[24:28] == content[92:96]  # else an old program left the number of pages stale
    if (
        counted
        and page * pages > path.stat().st_size
        and not path.with_suffix(".gpkg-wal").exists()
    ):
        raise UnreadableFile(f"GeoPackage {_CUT_SHORT}")
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            objects = database.execute(
                "SELECT type, lower(name), sql FROM sqlite_master"
            ).fetchall()
            tables = {name for kind, name, _ in objects if kind == "table"}
            if "gpkg_contents" not in tables:
                raise UnreadableFile(
                    "内容不是 GeoPackage，请在 GIS 软件中导出为 GeoPackage 后再导入"
                )
            layers = {
                str(n).lower() for (n,) in database.execute("SELECT table_name FROM gpkg_contents")
            }
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise UnreadableFile("GeoPackage 已损坏，请在 GIS 软件中重新导出") from error
    for kind, name, sql in objects:
        is_program = re.match(
            r"\s*CREATE\s+VIRTUAL\s+TABLE(?!.*\bUSING\s+rtree\b)", sql or "", re.I | re.S
        )
        if is_program or (kind == "view" and (name in layers or name.startswith("gpkg_"))):
            raise UnreadableFile(f"“{name}”是视图或虚拟表，请在 GIS 软件中导出为普通图层后再导入")


@contextmanager
def _copied(parts: Mapping[str, bytes]) -> Iterator[Path]:
    """The first part's path in a folder that is gone afterwards; empty parts are left out."""
    with tempfile.TemporaryDirectory(prefix="cwmap-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "layer"
        for suffix, content in parts.items():
            if content:
                path.with_suffix(suffix).write_bytes(content)
        yield path.with_suffix(next(iter(parts)))


@contextmanager
def _restoring_index(wanted: bool) -> Iterator[None]:
    """GDAL writes a missing .shx, next to our copy."""
    pyogrio.set_gdal_config_options({"SHAPE_RESTORE_SHX": True if wanted else None})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"SHAPE_RESTORE_SHX": None})


def _quietly(function: Any, *args: Any, **options: Any) -> Any:
    """Call pyogrio; its English warnings and errors do not reach the user."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args, **options)
    except Exception as error:  # of a damaged layer pyogrio raises much that is no error of its own
        raise UnreadableFile("图层已损坏，请在 GIS 软件中打开检查，重新导出后再导入") from error


def _read(path: Path, **options: Any) -> tuple[dict[str, Any], pa.Table]:
    meta, features = _quietly(pyogrio.raw.read_arrow, path, **options)
    if len(meta["fields"]) > MAX_COLUMNS or len(features) > MAX_ROWS:
        raise too_large()
    return meta, features


def _attributes(meta: Mapping[str, Any], features: pa.Table) -> list[Attribute]:
    """Fields with their values; fields of bytes (pictures) are no text and left out."""
    return [
        (str(name), features.column(at).to_pylist())
        for at, name in enumerate(meta["fields"])
        if not pa.types.is_binary(features.column(at).type)
    ]


def _layer(meta: Mapping[str, Any], attributes: list[Attribute], features: pa.Table) -> Layer:
    """Attributes, shapes and coordinate system of what GDAL has read."""
    texts, notes = table(
        [name for name, _ in attributes], [values for _, values in attributes], len(features)
    )
    geometry, broken = _shapes(meta, features)
    crs = known_crs(meta["crs"]) if meta["crs"] and geometry is not None else None
    if meta["crs"] and geometry is not None and crs is None:
        notes.append("文件写明的坐标系无法识别，需要指定坐标系")
    return Layer(texts, geometry, crs, notes=(*notes, *broken_note(broken)))


def _shapes(meta: Mapping[str, Any], features: pa.Table) -> tuple[Shapes | None, list[int]]:
    """Shapes of all features, None for a table without; and the numbers of the broken ones."""
    name = meta["geometry_name"] or "wkb_geometry"
    if name not in features.column_names:
        return None, []
    binary = features.column(name).to_numpy(zero_copy_only=False)
    shapes = shapely.from_wkb(binary, on_invalid="ignore")
    if (shapely.get_type_id(shapes) > _LAST_SIMPLE_TYPE).any():
        raise UnreadableFile("图层含有曲线，请在 GIS 软件中转为折线或普通面后再导入")
    pairs = enumerate(zip(binary, shapes, strict=True), start=1)
    return flat(shapes), [n for n, (raw, shape) in pairs if raw is not None and shape is None]


def _decoded(
    attributes: list[Attribute], cpg: bytes | None, asked: str | None
) -> tuple[str, list[Attribute], list[str]]:
    """The encoding of a .dbf, its fields read in it, and notes. Given: the bytes as Latin-1."""
    raw = {name.encode("latin-1") for name, _ in attributes}
    for _, values in attributes:
        raw |= {v.encode("latin-1") for v in values if isinstance(v, str) and not v.isascii()}
    said = (cpg or b"").decode("ascii", "ignore").strip().lower().replace("_", "-")
    named = ENCODINGS.get(said) if said not in ("unicode", "utf-16") else None
    if asked:
        candidates = [codec(asked)]
    else:
        # Programs put a .cpg there that knew no better; what is Chinese in UTF-8, is UTF-8.
        candidates = ["utf-8", "gb18030"]
        if named and not shows_chinese("".join(_field(value, "utf-8") or "" for value in raw)):
            candidates.insert(2 if named in _WESTERN else 0, named)
    used = next((c for c in candidates if all(_field(value, c) is not None for value in raw)), None)
    if used is None:
        raise UnreadableFile(
            "属性表（.dbf）的文字编码无法识别，请指定编码（如 gb18030、utf-8、big5）"
        )
    notes = []
    if used != "utf-8":
        notes.append(f"属性表按 {spoken(used)} 编码读取")
    if named and named != used and not asked and not all(map(bytes.isascii, raw)):
        notes.append(f".cpg 写的编码 {said.upper()} 与内容不符，没有采用")
    cache = {v.decode("latin-1"): _field(v, used) for v in raw}
    return used, [
        (cache[name] or "", [cache.get(v, v) if isinstance(v, str) else v for v in values])
        for name, values in attributes
    ], notes  # fmt: skip


def _field(value: bytes, encoding: str) -> str | None:
    """Text of a field; None if it is in another encoding. A character cut at its end is dropped."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(value)
    except UnicodeDecodeError:
        return None
