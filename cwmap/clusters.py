"""The reports of the part of the map that is in view, as points and clusters of a bounded number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from cwmap.filters import Filter
from cwmap.town import CLOSED, LATE, OPEN, STATUSES, Town
from geo.coordinates import from_wgs84, to_wgs84

CLUSTER_PX = 100
MOST_POINTS = 300
FINEST_ZOOM = 19
_EQUATOR_M_PER_PX = 156_543.034
"""Web Mercator at zoom 0 (OGC 17-083r4)."""


@dataclass(frozen=True)
class Window:
    """A part of the map: degrees and zoom level."""

    west: float
    south: float
    east: float
    north: float
    zoom: int

    @property
    def metres_per_px(self) -> float:
        """Ground size of a pixel in its middle."""
        middle = np.radians((self.south + self.north) / 2)
        return float(_EQUATOR_M_PER_PX * np.cos(middle) / 2**self.zoom)


def in_window(town: Town, question: Filter, window: Window) -> dict[str, Any]:
    """Reports in a window, JSON-able: total, points, clusters, shapes.

    points: [lon, lat, report_id, colour, overdue, closed]; clusters: [lon, lat, number, colour of
    the most frequent group]; shapes: stretches and areas with their own geometry.
    """
    reports = town.reports
    chosen = town.selected(town.view(question))
    x, y = from_wgs84(
        np.array([window.west, window.east, window.west, window.east]),
        np.array([window.south, window.south, window.north, window.north]), town.settings.crs,
    )  # fmt: skip
    px, py = reports.x[chosen], reports.y[chosen]
    inside = (px >= x.min()) & (px <= x.max()) & (py >= y.min()) & (py <= y.max())
    chosen, px, py = chosen[inside], px[inside], py[inside]
    colours = np.array([town.categories.group_of(c).colour for c in town.codes], object)
    wide = np.isin(chosen, list(reports.shapes))
    shapes = [
        {
            "id": str(reports.ids[i]), "colour": colours[reports.category[i]],
            "geometry": shapely.geometry.mapping(reports.shapes[int(i)]),
        }
        for i in chosen[wide][:MOST_POINTS]
    ]  # fmt: skip
    total = len(chosen)
    chosen, px, py = chosen[~wide], px[~wide], py[~wide]
    if len(chosen) <= MOST_POINTS and window.zoom >= FINEST_ZOOM - 3:
        single, clusters = np.ones(len(chosen), bool), list[list[Any]]()
    else:
        single, clusters = _cluster(
            town, chosen, px, py, CLUSTER_PX * window.metres_per_px, colours
        )
    lon, lat = to_wgs84(px[single], py[single], town.settings.crs)
    late, closed = reports.lateness == LATE, np.isin(reports.status, CLOSED)
    is_open = np.isin(reports.status, OPEN)
    points = [
        [round(float(a), 6), round(float(b), 6), str(reports.ids[i]), colours[reports.category[i]],
         int(late[i] and is_open[i]), int(closed[i] or STATUSES[reports.status[i]] == "rejected")]
        for a, b, i in zip(lon, lat, chosen[single], strict=True)
    ]  # fmt: skip
    return {"total": total, "points": points, "clusters": clusters, "shapes": shapes}


def _cluster(
    town: Town, chosen: npt.NDArray[np.intp], x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64], size_m: float, colours: npt.NDArray[np.object_],
) -> tuple[npt.NDArray[np.bool_], list[list[Any]]]:  # fmt: skip
    """Reports on a square grid: (which stand alone, the clusters). The grid does not move with the view."""
    column, row = np.floor(x / size_m), np.floor(y / size_m)
    key = (column - column.min(initial=0)) * 1e6 + row - row.min(initial=0)
    _, cell, number = np.unique(key, return_inverse=True, return_counts=True)
    mean_x = np.bincount(cell, weights=x) / number
    mean_y = np.bincount(cell, weights=y) / number
    kinds = len(colours)
    table = np.bincount(cell * kinds + town.reports.category[chosen], minlength=len(number) * kinds)
    main = table.reshape(-1, kinds).argmax(axis=1) if kinds else np.zeros(0, int)
    many = number > 1
    lon, lat = to_wgs84(mean_x[many], mean_y[many], town.settings.crs)
    clusters = [
        [round(float(a), 6), round(float(b), 6), int(n), str(colours[k])]
        for a, b, n, k in zip(lon, lat, number[many], main[many], strict=True)
    ]
    return ~many[cell], clusters
