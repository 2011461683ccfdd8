"""Ways to walk from a file: an OpenStreetMap extract (.pbf) or any file of lines that GDAL reads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyogrio
import pyogrio.errors
import shapely

from cwmap.errors import CwmapError
from geo.coordinates import transform_geometries
from geo.grid import LINES

_CLOSED = (
    "motorway",
    "motorway_link",
    "construction",
    "proposed",
    "raceway",
    "abandoned",
    "bus_guideway",
)
"""Values of OSM's key `highway` where nobody walks, or not yet."""
_FORBIDDEN = re.compile(r'"(?:foot"=>"(?:no|private)|access"=>"(?:no|private))"')
_ALLOWED = re.compile(r'"foot"=>"(?:yes|designated|permissive)"')
_ABOVE = re.compile(r'"(?:bridge|tunnel)"=>"(?!no")')


@dataclass(frozen=True, eq=False)
class Paths:
    """Lines in metres. bridge: those that no barrier cuts. shared: they join at shared vertices only."""

    lines: npt.NDArray[np.object_]
    bridge: npt.NDArray[np.bool_]
    shared: bool


def read_paths(path: Path, crs: str) -> Paths:
    """The walkable ways of a file in the town's metres; CwmapError where it cannot be read.

    Of an OSM extract: its layer `lines` with the key `highway`, without motorways and ways that are
    closed to walkers (access, foot); bridges and tunnels by their keys. Of another file: all lines;
    its columns `bridge` and `highway` count if it has them.
    """
    osm = path.suffix.lower() == ".pbf"
    try:
        frame = pyogrio.read_dataframe(path, layer="lines" if osm else None, use_arrow=False)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, OSError) as error:
        raise CwmapError(
            f"读不了路网文件“{path.name}”；请检查它是否完整，并用 OSM 的 .pbf 或 .gpkg、.geojson 的线。"
        ) from error
    if frame.crs is None:
        raise CwmapError(f"路网文件“{path.name}”没有写明坐标系；请在 GIS 软件里设好再放进来。")
    shapes = np.asarray(frame.geometry.to_numpy(object), object)
    keep = np.isin(shapely.get_type_id(shapes), LINES) & ~shapely.is_empty(shapes)
    keep &= _open(frame, required=osm)
    if not keep.any():
        raise CwmapError(f"路网文件“{path.name}”里没有可以步行的线；请换一个文件。")
    metric = transform_geometries(shapes[keep], frame.crs.to_string(), crs)
    return Paths(metric, _bridge(frame)[keep], shared=osm)


def _open(frame: gpd.GeoDataFrame, *, required: bool) -> npt.NDArray[np.bool_]:
    """Whether one may walk on each line."""
    if "highway" not in frame:
        return np.full(len(frame), not required)
    kind, tags = frame["highway"], _tags(frame)
    closed = kind.isin(_CLOSED) | (tags.str.contains(_FORBIDDEN) & ~tags.str.contains(_ALLOWED))
    return np.asarray((kind.notna() if required else True) & ~closed, bool)


def _bridge(frame: gpd.GeoDataFrame) -> npt.NDArray[np.bool_]:
    own = frame["bridge"].fillna("no").astype(str).str.lower() if "bridge" in frame else None
    marked = ~own.isin(["no", "false", "0", ""]) if own is not None else False
    return np.asarray(_tags(frame).str.contains(_ABOVE) | marked, bool)


def _tags(frame: gpd.GeoDataFrame) -> pd.Series:
    """OSM's other keys as GDAL writes them: "foot"=>"yes","bridge"=>"yes"."""
    if "other_tags" in frame:
        return frame["other_tags"].fillna("")
    return pd.Series("", frame.index, dtype="str")
