"""The coordinate system of a file: what may be asked for, and what is to be said of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError

from cwmap.errors import CwmapError
from cwmap.town import Town
from geo.coordinates import transform_geometries

_OFFSETS = {"gcj02": "GCJ-02", "bd09": "BD-09"}
_DEGREES = ("EPSG:4326", "EPSG:4490")
_NAMED = {"wgs84": "EPSG:4326", "cgcs2000": "EPSG:4490", "gcj-02": "gcj02", "bd-09": "bd09"}
_LOCAL_DATUMS = ("Beijing 1954", "New Beijing", "Xian 1980")


@dataclass(frozen=True)
class System:
    """The coordinate system of a file. `name` as `geo.coordinates` takes it; no `crs`: an offset."""

    name: str
    crs: CRS | None

    @property
    def label(self) -> str:
        """As it is written in the metadata."""
        return _OFFSETS.get(self.name, self.name)

    @property
    def shifted(self) -> bool:
        """Whether it is one of the systems of web maps, for display only."""
        return self.name in _OFFSETS

    @property
    def lonlat(self) -> bool:
        """Whether lon, lat of the columns are its coordinates already."""
        return self.name in _DEGREES


def system_of(crs: str) -> System:
    """The system that a word means: 'EPSG:n', n, 'gcj02', 'bd09'; `CwmapError` for anything else."""
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
            f"不认识平面坐标系“{crs}”；请用 EPSG 编号（如 EPSG:4326、EPSG:4490、EPSG:4544）或 gcj02、bd09。"
        )
    return System(word.upper(), known)


def doubts(system: System, town: Town) -> tuple[str, ...]:
    """What is to be said of a town's positions in a system."""
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


def moved(frame: gpd.GeoDataFrame, system: System) -> gpd.GeoDataFrame:
    """A frame (EPSG:4326) in the system of the file; `CwmapError` where it does not reach."""
    shapes = transform_geometries(frame.geometry.to_numpy(object), "EPSG:4326", system.name)
    if not np.isfinite(shapely.get_coordinates(shapes)).all():
        raise CwmapError(
            f"本镇的位置无法换算到坐标系“{system.label}”；请换一个适用于本地的坐标系。"
        )
    return gpd.GeoDataFrame(
        pd.DataFrame(frame.drop(columns="geometry")), geometry=shapes, crs=system.crs
    )
