"""A layer into a file: the one way out of a workspace, for the command line and the page."""

from __future__ import annotations

import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio.errors
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError

from cwmap import figures
from cwmap.colours import RAMPS, even_breaks
from cwmap.errors import CwmapError
from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.town import Town
from cwmap.workbook import write_sheet
from cwmap.writers.geofiles import write_fgb, write_geojson, write_gpkg, write_parquet
from cwmap.writers.geotiff import write_geotiff
from cwmap.writers.kml import write_kml
from cwmap.writers.layers import LAYERS, layer_columns, layer_frame, layer_name, layer_notes
from cwmap.writers.outgoing import Outgoing, as_texts, facts_of
from cwmap.writers.qgis_style import raster_qml
from cwmap.writers.shapefile import encoding_of, write_shapefile
from cwmap.writers.symbology import symbology
from geo.coordinates import from_wgs84, transform_geometries

__all__ = ["FORMATS", "LAYERS", "Exported", "export", "layer_frame"]

FORMATS = {
    ".gpkg": "GeoPackage", ".shp": "Shapefile", ".zip": "压缩的 Shapefile", ".geojson": "GeoJSON",
    ".kml": "KML", ".fgb": "FlatGeobuf", ".parquet": "GeoParquet", ".xlsx": "Excel 表格",
    ".csv": "CSV 表格", ".tif": "GeoTIFF 栅格，仅热力",
}  # fmt: skip
"""Endings of a file's name → what is written."""

WIDEST_M = 20_000
_OFFSETS = {"gcj02": "GCJ-02", "bd09": "BD-09"}
_NAMED = {"wgs84": "EPSG:4326", "cgcs2000": "EPSG:4490", "gcj-02": "gcj02", "bd-09": "bd09"}
_LOCAL_DATUMS = ("Beijing 1954", "New Beijing", "Xian 1980")
_FAILURES = (
    OSError, sqlite3.Error, pa.ArrowException, pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError, pyogrio.errors.GeometryError,
)  # fmt: skip


@dataclass(frozen=True)
class Exported:
    """What an export did. `notes`: what a reader of the file must know, also said in it."""

    layer: str
    features: int
    file: str
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """The JSON object of the command line."""
        return {"layer": self.layer, "features": self.features, "file": self.file}


@dataclass(frozen=True)
class System:
    """The coordinate system of a file. `name` as `geo.coordinates` takes it; no `crs`: an offset."""

    name: str
    crs: CRS | None

    @property
    def label(self) -> str:
        """As it is written in the metadata."""
        return _OFFSETS.get(self.name, self.name)


def _quiet(_text: str, _share: float) -> None:
    pass


def export(
    town: Town, workspace: Workspace, layer: str, path: Path, question: Filter, *,
    crs: str = "EPSG:4326", bandwidth_m: float | None = None, encoding: str | None = None,
    step: Callable[[str, float], None] = _quiet,
) -> Exported:  # fmt: skip
    """Write a layer, by the ending of `path`; the old file stays until the new one is whole.

    crs: 'EPSG:n', 'gcj02' or 'bd09'. A raster comes in the workspace's own system, KML and the
    columns lon, lat in longitude and latitude. encoding: of a shapefile, UTF-8 (default) or GBK.
    `CwmapError`, with nothing changed, for whatever is not possible, and says what is.
    """
    layer, ending = layer_name(layer), path.suffix.lower()
    path = path.with_suffix(ending)
    _check(layer, ending, path, encoding, bandwidth_m)
    system = _system(crs)
    town.view(question)  # what does not exist is told, even where a layer does not depend on it
    step("读取数据", 0.1)
    bandwidth_m = (bandwidth_m or figures.bandwidths_m(town)[2]) if layer == "heat" else None
    if ending == ".tif":
        return _raster(town, path, question, system, bandwidth_m or 0.0, step)
    if ending == ".kml" and system.name not in ("EPSG:4326", "EPSG:4490", *_OFFSETS):
        raise CwmapError(f"KML 只能用经纬度，不能用 {crs}；请去掉坐标系选项，或换一种格式。")
    frame = layer_frame(town, workspace, layer, question, bandwidth_m)
    notes = (*_doubts(system, town), *layer_notes(town, layer, question, workspace))
    out = Outgoing(
        layer, _moved(frame, system, crs), layer_columns(town, layer),
        symbology(layer, frame, town.categories.groups),
        facts_of(town, layer, question, len(frame), system.label, notes, bandwidth_m),
    )  # fmt: skip
    step("写入文件", 0.5)
    with replacing(path) as part:
        more = _write(out, part, ending, system, encoding)
    step("完成", 1.0)
    return Exported(layer, len(frame), str(path), (*notes, *more))


def _write(
    out: Outgoing, path: Path, ending: str, system: System, encoding: str | None
) -> list[str]:
    """Write, and return what the format could not hold."""
    writers = {".gpkg": write_gpkg, ".geojson": write_geojson, ".fgb": write_fgb,
               ".parquet": write_parquet, ".kml": write_kml}  # fmt: skip
    if ending in writers:
        writers[ending](out, path)
    elif ending in (".shp", ".zip"):
        return write_shapefile(out, path, encoding_of(encoding))
    else:
        _write_table(out, path, system)
    return []


def _write_table(out: Outgoing, path: Path, system: System) -> None:
    """A sheet with Chinese headers and words; with x and y where another system is asked for."""
    table = pd.DataFrame(out.frame.drop(columns="geometry"))
    words = {
        c.name: table[c.name].map(c.shown, na_action="ignore") for c in out.columns if c.labels
    }
    headers = {c.name: c.header for c in out.columns}
    if system.name not in ("EPSG:4326", "EPSG:4490"):
        words["x"], words["y"] = from_wgs84(table["lon"], table["lat"], system.name)
        headers |= {"x": f"X（{system.label}）", "y": f"Y（{system.label}）"}
    text = {c.name for c in out.columns if c.kind not in ("number", "integer", "time")}
    write_sheet(path, table.assign(**words), headers=headers, text_columns=text, about=out.about)
    if path.suffix == ".csv":  # it has no second sheet
        about = pd.DataFrame(out.about, columns=["项目", "内容"], dtype="str")
        beside = path.with_name(f"{path.stem}_说明.csv")
        write_sheet(beside, about, headers={}, text_columns=about.columns)


def _raster(
    town: Town, path: Path, question: Filter, system: System, bandwidth_m: float,
    step: Callable[[str, float], None],
) -> Exported:  # fmt: skip
    own = _system(town.settings.crs)
    # What was asked for cannot be told from what nobody asked for.
    if system.name not in ("EPSG:4326", own.name):
        raise CwmapError(
            f"热力栅格用本工作区的坐标系 {own.name} 给出，不能用 {system.label}；"
            "请去掉坐标系选项，或改写成 .gpkg 等矢量格式。"
        )
    density = figures.heat(town, question, bandwidth_m)
    facts = facts_of(town, "heat", question, 1, own.name, (), bandwidth_m)
    step("写入文件", 0.5)
    with replacing(path) as part:
        epsg = int(own.name.removeprefix("EPSG:"))
        write_geotiff(part, density, town.heat_grid.transform, epsg, as_texts(facts))
        look = raster_qml(even_breaks(float(density.max())), RAMPS["light"])
        part.with_suffix(".qml").write_text(look, encoding="utf-8")
    step("完成", 1.0)
    return Exported("heat", 1, str(path))


def _check(
    layer: str, ending: str, path: Path, encoding: str | None, bandwidth_m: float | None
) -> None:
    if ending not in FORMATS:
        known = "、".join(f"{end}（{name}）" for end, name in FORMATS.items())
        raise CwmapError(f"不能写成“{path.name}”；文件名请用这些结尾：{known}。")
    if ending == ".tif" and layer != "heat":
        raise CwmapError(f"只有热力（heat）能写成 .tif；{LAYERS[layer]}请用 .gpkg、.zip 等结尾。")
    if encoding and ending not in (".shp", ".zip"):
        raise CwmapError(f"只有 shp 能选编码，{ending} 总是 UTF-8；请去掉编码选项。")
    encoding_of(encoding)
    if bandwidth_m is not None and not 0 < bandwidth_m <= WIDEST_M:
        raise CwmapError(
            f"热力的带宽不能是 {bandwidth_m:g} 米；请用大于 0、不超过 {WIDEST_M} 米的数。"
        )


def _system(crs: str) -> System:
    word = crs.strip().lower()
    word = f"EPSG:{word}" if word.isdecimal() else _NAMED.get(word, word)
    if word in _OFFSETS:
        return System(word, None)
    try:
        known = CRS.from_user_input(word) if re.fullmatch(r"epsg:\d{4,6}", word, re.I) else None
    except CRSError:
        known = None
    if (
        known is None
        or not (known.is_projected or known.is_geographic)
        or len(known.axis_info) != 2
    ):
        raise CwmapError(
            f"不认识平面坐标系“{crs}”；请用 EPSG 编号（如 EPSG:4326、EPSG:4490、EPSG:4544）或 gcj02。"
        )
    return System(word.upper(), known)


def _doubts(system: System, town: Town) -> tuple[str, ...]:
    """What is to be said of positions in a system."""
    if system.crs is None:
        return (f"坐标为 {system.label}，仅供在网络地图上显示，不得用于测量",)
    notes = []
    geodetic, area = system.crs.geodetic_crs, system.crs.area_of_use
    if geodetic and geodetic.datum and geodetic.datum.name.startswith(_LOCAL_DATUMS):
        notes.append("北京 54、西安 80 的本地转换参数不公开，位置可能有几十米的偏差")
    west, south, east, north = town.bounds
    lon, lat = (west + east) / 2, (south + north) / 2
    if area and not (area.west <= lon <= area.east and area.south <= lat <= area.north):
        notes.append(f"本镇不在 {system.name} 的适用范围内，长度和面积会有明显变形")
    return tuple(notes)


def _moved(frame: gpd.GeoDataFrame, system: System, crs: str) -> gpd.GeoDataFrame:
    """The frame in the system of the file."""
    shapes = transform_geometries(frame.geometry.to_numpy(object), "EPSG:4326", system.name)
    if not np.isfinite(shapely.get_coordinates(shapes)).all():
        raise CwmapError(f"本镇的位置无法换算到坐标系“{crs}”；请换一个适用于本地的坐标系。")
    return gpd.GeoDataFrame(
        pd.DataFrame(frame.drop(columns="geometry")), geometry=shapes, crs=system.crs
    )


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to, with companions; all take their places when everything is there."""
    if not path.parent.is_dir() or path.is_dir():
        raise CwmapError(f"写不了“{path}”：文件夹不存在，或者这个名字本身是文件夹；请换一个位置。")
    if any(path.with_name(path.name + end).exists() for end in ("-wal", "-shm")):
        raise CwmapError(
            f"“{path.name}”正在别的程序（如 QGIS）里打开；请在那里关闭它，或换一个文件名。"
            f"若没有程序在用，请删除同名的 {path.name}-wal 和 {path.name}-shm。"
        )
    try:
        with tempfile.TemporaryDirectory(prefix=".cwmap-", dir=path.parent) as folder:
            yield Path(folder, path.name)
            made = [part for part in Path(folder).iterdir() if part.is_file()]
            # The file itself first: if another program holds it, nothing has changed yet.
            for part in sorted(made, key=lambda part: part.name != path.name):
                part.replace(path.parent / part.name)
            for end in (".sbn", ".sbx", ".qix") if path.suffix == ".shp" else ():
                path.with_suffix(end).unlink(missing_ok=True)  # indexes of the old shapes
    except _FAILURES as error:
        raise CwmapError(
            f"没有写成“{path}”，原有文件没有改动；请检查写权限和磁盘空间，"
            "以及它是否正在别的程序里打开，再试一次。"
        ) from error
