"""A layer as an ESRI Shapefile: what the format cannot hold is told, not lost unseen.

One shapefile holds one kind of shape. A layer of several kinds becomes points (each feature once, a
line or an area by a point in it), and beside it `…_line` and `…_area` with the shapes themselves.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely

from cwmap.errors import CwmapError
from cwmap.tables import Column
from cwmap.workbook import write_sheet
from cwmap.writers.geofiles import text_times, write_layer
from cwmap.writers.outgoing import Outgoing
from cwmap.writers.qgis_style import GEOMETRIES, Geometry, qml

ENCODINGS = {"utf-8": "UTF-8", "utf8": "UTF-8", "gbk": "GBK", "gb2312": "GBK", "cp936": "GBK"}
_NAME, _TEXT = 10, 254  # bytes of a field's name and of a text
_MISSING = "〓"  # stands for what GBK cannot write
_ENDING: dict[Geometry, str] = {"point": "", "line": "_line", "polygon": "_area"}


def write_shapefile(out: Outgoing, path: Path, encoding: str = "UTF-8") -> list[str]:
    """A .shp with its companions, or a .zip of them. Returns what the format could not hold.

    Beside it lie 字段说明.csv (short field names and what they mean) and 说明.csv (the metadata).
    Texts are cut at 254 bytes; times are text.
    """
    if path.suffix != ".zip":
        return _write(out, path, encoding, f"{path.stem}_")
    folder = path.with_name(f"{path.name}.folder")
    folder.mkdir()
    stem = path.name[:-4].removesuffix(".shp") or out.layer
    notes = _write(out, folder / f"{stem}.shp", encoding, "")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        # The layer itself first: it is the one that most programs open.
        for part in sorted(folder.iterdir(), key=lambda p: (p.stem != stem, p.name)):
            archive.write(part, part.name)
    return notes


def _write(out: Outgoing, path: Path, encoding: str, prefix: str) -> list[str]:
    names = short_names([column.name for column in out.columns])
    frame, notes = _fitting(text_times(out.frame), encoding)
    kinds = out.kinds
    parts: dict[Geometry, gpd.GeoDataFrame] = {kinds[0]: frame}
    if len(kinds) > 1:
        inner = shapely.point_on_surface(frame.geometry.to_numpy(object))
        parts = {"point": frame.set_geometry(gpd.GeoSeries(inner, frame.index, crs=frame.crs))}
        dimension = shapely.get_dimensions(frame.geometry.to_numpy(object))
        parts |= {k: frame[dimension == GEOMETRIES.index(k)] for k in kinds if k != "point"}
        notes.append("线和面以其中一点表示，完整图形在 _line、_area 两个图层里")
    for kind, part in parts.items():
        target = path if len(parts) == 1 else path.with_name(f"{path.stem}{_ENDING[kind]}.shp")
        write_layer(
            part.rename(columns=names), [kind], target, "ESRI Shapefile", target.stem,
            encoding=encoding, layer_options={"2GB_LIMIT": "YES"},
        )  # fmt: skip
        target.with_suffix(".qml").write_text(qml(out.look, [kind], out.columns, names), "utf-8")
    told = replace(out, facts=out.facts | {"notes": [*out.facts["notes"], *notes]})
    fields = [(names[c.name], c.name, c.header, _values(c)) for c in out.columns]
    for title, labels, rows in (
        ("字段说明", ["字段", "全名", "中文名", "取值"], fields), ("说明", ["项目", "内容"], told.about),
    ):  # fmt: skip
        sheet = pd.DataFrame(rows, columns=labels, dtype="str")
        write_sheet(path.with_name(f"{prefix}{title}.csv"), sheet, headers={}, text_columns=labels)
    return notes


def _values(column: Column) -> str:
    return "；".join(f"{value} {label}" for value, label in column.labels.items())


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Column name → its first ten letters, as GIS programs cut them, with a number where taken."""
    short: dict[str, str] = {}
    for name in names:
        candidate, number = name[:_NAME], 1
        while candidate in short.values():
            candidate = f"{name[: _NAME - 2]}_{number}"
            number += 1
        short[name] = candidate
    return short


def _fitting(frame: gpd.GeoDataFrame, encoding: str) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Texts that the table can hold, and how many were changed for it."""
    foreign, cut, fitted = 0, 0, {}
    for name in frame.select_dtypes("str").columns:
        text = frame[name]
        if encoding == "GBK":
            written = text.map(_in_gbk, na_action="ignore")
            foreign += int((written != text)[text.notna()].sum())
            text = written
        fitted[name] = text.map(lambda t: _cut(t, encoding), na_action="ignore")
        cut += int((fitted[name] != text)[text.notna()].sum())
    notes = (
        [f"{foreign} 处文字含有 GBK 没有的字，以“{_MISSING}”代替；完整文字请导出 UTF-8"]
        if foreign
        else []
    )
    if cut:
        notes.append(f"{cut} 处文字超过 {_TEXT} 字节，已截短；完整文字请导出 .gpkg")
    return frame.assign(**fitted), notes


def _in_gbk(text: str) -> str:
    try:
        text.encode("gbk")
    except UnicodeEncodeError:
        return "".join(c if c.encode("gbk", "ignore") else _MISSING for c in text)
    return text


def _cut(text: str, encoding: str) -> str:
    raw = text.encode(encoding)
    return text if len(raw) <= _TEXT else raw[:_TEXT].decode(encoding, "ignore")


def encoding_of(word: str | None) -> str:
    """The encoding that a word means; `CwmapError` for another than UTF-8 and GBK."""
    name = ENCODINGS.get((word or "UTF-8").strip().lower())
    if name is None:
        raise CwmapError(f"shp 不能用编码“{word}”；请用 UTF-8（默认）或 GBK。")
    return name
