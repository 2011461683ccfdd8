"""Layers as files of a GIS: GeoPackage, GeoJSON, FlatGeobuf, GeoParquet."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import shapely

from cwmap.writers.layers import LAYERS
from cwmap.writers.outgoing import Outgoing, as_texts
from cwmap.writers.qgis_style import GEOMETRIES, Geometry, qml, store_style

ABOUT = "说明"
_TYPES: dict[Geometry, str] = {"point": "Point", "line": "LineString", "polygon": "Polygon"}
# Decimals of coordinates in text: a millimetre.
_DECIMALS = {"degrees": 8, "metres": 3}


def write_gpkg(out: Outgoing, path: Path) -> None:
    """A GeoPackage 1.3 that QGIS opens in the page's colours, with its metadata in a table 说明."""
    _gpkg_layer(out, path, new=True)
    about = pd.DataFrame(out.about, columns=["项目", "内容"], dtype="str")
    _gpkg_about(about, path)


def write_whole_gpkg(outs: Iterable[Outgoing], path: Path) -> list[str]:
    """One GeoPackage of many layers, each as `write_gpkg` writes it; 说明 says of which it tells.

    Layers without a feature are left out; returns their Chinese names. If all are, there is no file.
    """
    about: list[tuple[str, str, str]] = []
    empty: list[str] = []
    for out in outs:
        if out.frame.empty:
            empty.append(LAYERS[out.layer])
            continue
        _gpkg_layer(out, path, new=not about)
        about += [(out.layer, label, text) for label, text in out.about]
    if about:
        about += [("", "没有内容、未写入的图层", "、".join(empty))] if empty else []
        _gpkg_about(pd.DataFrame(about, columns=["图层名", "项目", "内容"], dtype="str"), path)
    return empty


def _gpkg_layer(out: Outgoing, path: Path, *, new: bool) -> None:
    """A layer into a GeoPackage, with the style that QGIS opens it in. new: the file is made for it."""
    write_layer(
        text_times(out.frame), out.kinds, path, "GPKG", out.layer,
        **({"dataset_options": {"VERSION": "1.3"}} if new else {}),
        layer_metadata=as_texts(out.facts),
        layer_options={"IDENTIFIER": out.title, "DESCRIPTION": out.sentence},
    )  # fmt: skip
    fields = {column.name: column.name for column in out.columns}
    store_style(path, out.layer, qml(out.look, out.kinds, out.columns, fields), out.title)


def _gpkg_about(about: pd.DataFrame, path: Path) -> None:
    pyogrio.write_dataframe(about, path, driver="GPKG", layer=ABOUT)


def write_geojson(out: Outgoing, path: Path) -> None:
    """GeoJSON with a member `metadata`: RFC 7946 in WGS 84, else with the older member `crs`.

    It knows no degrees but those of WGS 84, so that only the metadata tells GCJ-02 from them.
    """
    frame = out.frame if out.frame.crs else out.frame.set_crs("EPSG:4326")
    decimals = _DECIMALS["degrees" if frame.crs.is_geographic else "metres"]
    write_layer(
        frame, out.kinds, path, "GeoJSON", out.layer,
        layer_options={
            "RFC7946": "YES" if frame.crs.to_epsg() == 4326 else "NO",
            "COORDINATE_PRECISION": str(decimals), "DESCRIPTION": out.title,
            "NATIVE_MEDIA_TYPE": "application/vnd.geo+json",
            "NATIVE_DATA": json.dumps({"metadata": out.facts}, ensure_ascii=False),
        },
    )  # fmt: skip


def write_fgb(out: Outgoing, path: Path) -> None:
    """FlatGeobuf; its spatial index leaves no room for features without a place."""
    complete = len(out.frame) > 0 and not out.frame.geometry.isna().any()
    write_layer(
        out.frame, out.kinds, path, "FlatGeobuf", out.layer,
        layer_options={
            "SPATIAL_INDEX": "YES" if complete else "NO", "TITLE": out.title,
            "DESCRIPTION": json.dumps(out.facts, ensure_ascii=False),
        },
    )  # fmt: skip


def write_parquet(out: Outgoing, path: Path) -> None:
    """GeoParquet 1.1; the metadata is the key `cwmap` of the schema."""
    out.frame.to_parquet(path, index=False, compression="zstd", schema_version="1.1.0")
    table = pq.read_table(path)
    facts = json.dumps(out.facts, ensure_ascii=False).encode()
    pq.write_table(
        table.replace_schema_metadata({**table.schema.metadata, b"cwmap": facts}), path,
        compression="zstd",
    )  # fmt: skip


def write_layer(
    frame: gpd.GeoDataFrame, kinds: Sequence[Geometry], path: Path, driver: str, layer: str,
    **options: Any,
) -> None:  # fmt: skip
    """Write features by GDAL as one layer, of one geometry type if its shapes are of one kind."""
    shapes, kind = frame.geometry.to_numpy(object), "Unknown"
    if len(kinds) == 1:
        shapes, kind = _uniform(shapes, kinds[0])
    uniform = frame.set_geometry(gpd.GeoSeries(shapes, frame.index, crs=frame.crs))
    with warnings.catch_warnings():
        # GCJ-02 and BD-09 have no code: a file without a system is what is meant.
        warnings.filterwarnings("ignore", "'crs' was not provided")
        pyogrio.write_dataframe(
            uniform, path, driver=driver, layer=layer, geometry_type=kind, use_arrow=True, **options
        )


def text_times(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Times as ISO 8601 text with their offset, for formats that keep times in UTC or not at all."""
    times = frame.select_dtypes("datetimetz").columns
    return frame.assign(**{name: _iso(frame[name]) for name in times})


def _iso(moments: pd.Series) -> pd.Series:
    return moments.map(lambda moment: moment.isoformat(), na_action="ignore").astype("str")


def _uniform(
    shapes: npt.NDArray[np.object_], kind: Geometry
) -> tuple[npt.NDArray[np.object_], str]:
    """Shapes of one kind as one type: all single, or all multi."""
    single = shapely.get_type_id(shapes) == shapely.GeometryType[_TYPES[kind].upper()]
    if (single | shapely.is_missing(shapes)).all():
        return shapes, _TYPES[kind]
    make = {
        "point": shapely.multipoints,
        "line": shapely.multilinestrings,
        "polygon": shapely.multipolygons,
    }[kind]
    gathered = shapes.copy()
    for at in np.flatnonzero(~shapely.is_missing(shapes)):
        parts = shapely.get_parts(shapes[at])
        gathered[at] = make(parts[shapely.get_dimensions(parts) == GEOMETRIES.index(kind)])
    return gathered, f"Multi{_TYPES[kind]}"
