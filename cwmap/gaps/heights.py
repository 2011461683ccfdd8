"""Heights of the ground from a file (高程): points or contour lines that GDAL reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyogrio
import pyogrio.errors
import shapely
from scipy.interpolate import LinearNDInterpolator

from cwmap.errors import CwmapError
from cwmap.tables import normalise
from geo.coordinates import transform_geometries

COLUMNS = ("高程", "海拔", "标高", "elevation", "elev", "height", "z", "h", "contour")
"""What a column of heights in metres may be called, the likelier first."""
_HIGHEST_M = 9_000.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Heights:
    """Known heights: x, y in the town's metres, z in metres, each (n,)."""

    x: Floats
    y: Floats
    z: Floats

    def at(self, x: Floats, y: Floats) -> Floats:
        """(n,) heights between the known ones, linear in triangles; NaN outside of them."""
        found: Floats = LinearNDInterpolator(np.column_stack([self.x, self.y]), self.z)(x, y)
        return found


def read_heights(path: Path, crs: str) -> Heights:
    """The heights of a file: of a column named as in `COLUMNS`, else of the shapes' own third coordinate.

    CwmapError where it cannot be read, has no heights, or fewer than three places.
    """
    try:
        frame = pyogrio.read_dataframe(path, use_arrow=False)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, OSError) as error:
        raise CwmapError(
            f"读不了高程文件“{path.name}”；请检查它是否完整，并用点或等高线的 .gpkg、.shp、.geojson。"
        ) from error
    if getattr(frame, "crs", None) is None:
        raise CwmapError(f"高程文件“{path.name}”没有写明坐标系；请在 GIS 软件里设好再放进来。")
    shapes = np.asarray(frame.geometry.to_numpy(object), object)
    called = {normalise(str(name)): str(name) for name in frame.columns}
    column = next((called[name] for name in COLUMNS if name in called), None)
    points, owner = shapely.get_coordinates(shapes, include_z=True, return_index=True)
    if column:
        z = pd.to_numeric(frame[column], errors="coerce").to_numpy(float)[owner]
    else:
        z = points[:, 2]
    metric = transform_geometries(shapes, frame.crs.to_string(), crs)
    xy = shapely.get_coordinates(metric)
    known = np.isfinite(z) & (np.abs(z) < _HIGHEST_M)
    places, first = np.unique(xy[known].round(2), axis=0, return_index=True)
    if len(places) < 3:
        raise CwmapError(
            f"高程文件“{path.name}”里没有足够的高程；请用有“高程”一列（米）的点或等高线。"
        )
    return Heights(places[:, 0], places[:, 1], z[known][first])
