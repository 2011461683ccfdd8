"""A layer into a file: the one way out of a workspace, for the command line and the page."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyogrio.errors

from cwmap import figures
from cwmap.colours import RAMPS, even_breaks
from cwmap.errors import CwmapError
from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.town import Town
from cwmap.writers.geofiles import (
    write_fgb,
    write_geojson,
    write_gpkg,
    write_parquet,
    write_whole_gpkg,
)
from cwmap.writers.geotiff import class_names, write_class_geotiff, write_geotiff
from cwmap.writers.kml import write_kml
from cwmap.writers.layers import (
    LAYERS,
    kept_frame,
    layer_columns,
    layer_frame,
    layer_name,
    layer_notes,
)
from cwmap.writers.outgoing import Outgoing, as_texts, facts_of
from cwmap.writers.qgis_style import classes_qml, raster_qml
from cwmap.writers.shapefile import encoding_of, write_shapefile
from cwmap.writers.sheets import write_table
from cwmap.writers.symbology import symbology
from cwmap.writers.system import System, doubts, moved, system_of

__all__ = ["EVERYTHING", "FORMATS", "LAYERS", "Exported", "export", "layer_frame"]

EVERYTHING, EVERYTHING_LABEL = "all", "全部"
"""Word for all layers in one GeoPackage."""

FORMATS = {
    ".gpkg": "GeoPackage", ".shp": "Shapefile", ".zip": "压缩的 Shapefile", ".geojson": "GeoJSON",
    ".kml": "KML", ".fgb": "FlatGeobuf", ".parquet": "GeoParquet", ".xlsx": "Excel 表格",
    ".csv": "CSV 表格", ".tif": "GeoTIFF 栅格，仅热力",
}  # fmt: skip
"""Endings of a file's name → what is written."""

CLASSED = "分级"
"""Of a raster: the end of the name of the one in classes, with a colour table."""
WIDEST_M = 20_000
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


def _quiet(_text: str, _share: float) -> None:
    pass


def export(
    town: Town, workspace: Workspace, layer: str, path: Path, question: Filter, *,
    crs: str = "EPSG:4326", bandwidth_m: float | None = None, encoding: str | None = None,
    step: Callable[[str, float], None] = _quiet,
) -> Exported:  # fmt: skip
    """Write a layer, by the ending of `path`; the old file stays until the new one is whole.

    layer: its name, or `EVERYTHING` for a GeoPackage of all that hold something.
    crs: 'EPSG:n', 'gcj02' or 'bd09'. A raster comes in the workspace's own system, KML and the
    columns lon, lat in longitude and latitude. encoding: of a shapefile, UTF-8 (default) or GBK.
    `CwmapError`, with nothing changed, for whatever is not possible, and says what is.
    """
    ending = path.suffix.lower()
    path = path.with_suffix(ending)
    whole = layer.strip().lower() in (EVERYTHING, EVERYTHING_LABEL)
    layer = EVERYTHING if whole else layer_name(layer)
    _check(layer, ending, path, encoding, bandwidth_m)
    system = system_of(crs)
    town.view(question)  # what does not exist is told, even where a layer does not depend on it
    step("读取数据", 0.1)
    if whole:
        return _whole(town, workspace, path, question, system, bandwidth_m, step)
    if ending == ".tif":
        return _raster(town, path, question, system, bandwidth_m, step)
    if ending == ".kml" and not (system.lonlat or system.shifted):
        raise CwmapError(f"KML 只能用经纬度，不能用 {crs}；请去掉坐标系选项，或换一种格式。")
    out = _outgoing(town, workspace, layer, question, system, bandwidth_m)
    step("写入文件", 0.5)
    with replacing(path) as part:
        more = _write(out, part, ending, system, encoding)
    step("完成", 1.0)
    return Exported(layer, len(out.frame), str(path), (*out.facts["notes"], *more))


def heat_width_m(town: Town, bandwidth_m: float | None) -> float:
    """The bandwidth that was asked for, else the one that the map begins with."""
    return bandwidth_m or figures.bandwidths_m(town)[2]


def _outgoing(
    town: Town, workspace: Workspace, layer: str, question: Filter, system: System,
    bandwidth_m: float | None,
) -> Outgoing:  # fmt: skip
    """A layer in the system of the file, with all that is to be said of it."""
    bandwidth_m = heat_width_m(town, bandwidth_m) if layer == "heat" else None
    frame = kept_frame(town, workspace, layer, question, bandwidth_m)
    notes = (*doubts(system, town), *layer_notes(town, layer, question, workspace))
    return Outgoing(
        layer, moved(frame, system), layer_columns(town, layer),
        symbology(layer, frame, town.categories.groups),
        facts_of(town, layer, question, len(frame), system.label, notes, bandwidth_m),
    )  # fmt: skip


def _whole(
    town: Town, workspace: Workspace, path: Path, question: Filter, system: System,
    bandwidth_m: float | None, step: Callable[[str, float], None],
) -> Exported:  # fmt: skip
    """All layers into one GeoPackage, one after another: no two of them need be in memory at once."""
    counts: dict[str, int] = {}

    def outs() -> Iterator[Outgoing]:
        for at, (layer, label) in enumerate(LAYERS.items()):
            step(f"写入{label}", 0.1 + 0.9 * at / len(LAYERS))
            out = _outgoing(town, workspace, layer, question, system, bandwidth_m)
            counts[layer] = len(out.frame)
            yield out

    with replacing(path) as part:
        empty = write_whole_gpkg(outs(), part)
        if len(empty) == len(LAYERS):
            raise CwmapError("所有图层都没有内容，没有写文件；请先导入数据，或放宽筛选条件。")
    step("完成", 1.0)
    written = "、".join(f"{LAYERS[layer]} {n:,}" for layer, n in counts.items() if n)
    notes = [*doubts(system, town), f"写入 {len(LAYERS) - len(empty)} 个图层：{written}"]
    notes += [f"没有内容、未写入的图层：{'、'.join(empty)}"] if empty else []
    return Exported(EVERYTHING, sum(counts.values()), str(path), tuple(notes))


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
        write_table(out, path, system)
    return []


def _raster(
    town: Town, path: Path, question: Filter, system: System, bandwidth_m: float | None,
    step: Callable[[str, float], None],
) -> Exported:  # fmt: skip
    own = system_of(town.settings.crs)
    # What was asked for cannot be told from what nobody asked for.
    if system.name not in ("EPSG:4326", own.name):
        raise CwmapError(
            f"热力栅格用本工作区的坐标系 {own.name} 给出，不能用 {system.label}；"
            "请去掉坐标系选项，或改写成 .gpkg 等矢量格式。"
        )
    bandwidth_m = heat_width_m(town, bandwidth_m)
    density = figures.heat(town, question, bandwidth_m)
    notes = layer_notes(town, "heat", question)
    facts = as_texts(facts_of(town, "heat", question, 1, own.name, notes, bandwidth_m))
    steps, colours = even_breaks(float(density.max())), RAMPS["light"]
    where = (town.heat_grid.transform, int(own.name.removeprefix("EPSG:")), facts)
    step("写入文件", 0.5)
    with replacing(path) as part:
        write_geotiff(part, density, *where)
        part.with_suffix(".qml").write_text(raster_qml(steps, colours), encoding="utf-8")
        in_classes = part.with_name(f"{part.stem}_{CLASSED}.tif")
        write_class_geotiff(in_classes, density, *where, steps, colours)
        look = classes_qml(class_names(steps), colours)
        in_classes.with_suffix(".qml").write_text(look, encoding="utf-8")
    step("完成", 1.0)
    beside = f"旁边的 {path.stem}_{CLASSED}.tif 是页面上的分级，带颜色表，任何软件打开都有颜色"
    return Exported("heat", 1, str(path), (*notes, beside))


def _check(
    layer: str, ending: str, path: Path, encoding: str | None, bandwidth_m: float | None
) -> None:
    if ending not in FORMATS:
        known = "、".join(f"{end}（{name}）" for end, name in FORMATS.items())
        raise CwmapError(f"不能写成“{path.name}”；文件名请用这些结尾：{known}。")
    if layer == EVERYTHING and ending != ".gpkg":
        raise CwmapError(f"全部图层只能写成一个 .gpkg，不能写成“{path.name}”；请改文件名的结尾。")
    if ending == ".tif" and layer != "heat":
        raise CwmapError(f"只有热力（heat）能写成 .tif；{LAYERS[layer]}请用 .gpkg、.zip 等结尾。")
    if encoding and ending not in (".shp", ".zip"):
        raise CwmapError(f"只有 shp 能选编码，{ending} 总是 UTF-8；请去掉编码选项。")
    encoding_of(encoding)
    if bandwidth_m is not None and not 0 < bandwidth_m <= WIDEST_M:
        raise CwmapError(
            f"热力的带宽不能是 {bandwidth_m:g} 米；请用大于 0、不超过 {WIDEST_M} 米的数。"
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
