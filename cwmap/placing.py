"""Which lane, cell, community and area a report belongs to.

In this order (design, section 3): inside the lane's polygon; else the lane that its text names;
else the nearest lane within the workspace's distance; else unplaced. Overlaps: the smallest
polygon wins, then the lowest id. A stretch or an area counts once, where most of it lies.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from cwmap.naming import LaneNames, same_community
from cwmap.tables import PLACES, TABLES
from geo.coordinates import transform_geometries
from geo.locate import PolygonIndex, largest_share
from geo.nearest import NearestIndex

NEEDS = ("geometry", "lane_name", "address", "community")
"""Columns of a report that decide where it belongs."""
COLUMNS = ("lane_id", "cell_id", "community_id", "area_id", "placed_by", "distance_m")
PLACE_COLUMNS = {
    "lanes": ("lane_id", "name", "aliases", "community_id", "geometry"),
    "communities": ("community_id", "name", "geometry"),
    "cells": ("cell_id", "geometry"), "areas": ("area_id", "geometry"),
}  # fmt: skip
"""Columns of the places that decide."""

_DOT_M = 0.1

Shapes = npt.NDArray[np.object_]
Positions = npt.NDArray[np.int32]


class Layer:
    """One layer of polygons in metres, ordered by id; a polygon without a shape holds nothing."""

    def __init__(self, rows: pd.DataFrame, key: str, crs: str) -> None:
        self.ids = rows[key].to_numpy(object)
        metric = transform_geometries(rows["geometry"].to_numpy(object), "EPSG:4326", crs)
        self.shapes = repaired(metric)

    @cached_property
    def index(self) -> PolygonIndex:
        """Which polygon holds a point: the smallest, then the one of the lowest id."""
        return PolygonIndex.build(self.shapes)

    def named(self, at: Positions) -> Shapes:
        """Ids at these positions; None for −1."""
        ids: Shapes = np.array([*self.ids, None], object)[at]
        return ids


class Places:
    """A town's polygons and lane names, ready to say where reports belong.

    Parameters
    ----------
    frames : table name → rows with `PLACE_COLUMNS`; geometry shapely in EPSG:4326
    crs : the workspace's metric CRS
    nearest_m : how far a report may lie from its lane, in metres
    """

    def __init__(self, frames: Mapping[str, pd.DataFrame], crs: str, nearest_m: float) -> None:
        self.crs, self.nearest_m = crs, nearest_m
        frames = {name: frames[name].sort_values(TABLES[name].key) for name in PLACES}
        self.layers = {name: Layer(rows, TABLES[name].key, crs) for name, rows in frames.items()}
        homes = communities_of(frames["lanes"], frames["communities"], crs)
        self.names = LaneNames(frames["lanes"].assign(community_id=homes), frames["communities"])

    def place(self, reports: pd.DataFrame) -> pd.DataFrame:
        """Where each report belongs: the same index, columns `COLUMNS`.

        `reports`: columns `NEEDS`; geometry shapely in EPSG:4326 or None. `distance_m`: from the
        lane, 0 inside it, NaN without a geometry or a lane.
        """
        shapes = transform_geometries(reports["geometry"].to_numpy(object), "EPSG:4326", self.crs)
        kinds = shapely.get_type_id(shapes)
        points = kinds == shapely.GeometryType.POINT
        spread = ~points & (kinds >= 0)
        shapes[spread] = repaired(shapes[spread])
        x, y = np.full(len(reports), np.nan), np.full(len(reports), np.nan)
        x[points], y[points] = shapely.get_x(shapes[points]), shapely.get_y(shapes[points])

        found: dict[str, Positions] = {}
        for name, layer in self.layers.items():
            found[name] = layer.index.first(x, y)
            if spread.any():
                found[name][spread] = largest_share(shapes[spread], layer.shapes)
        lanes = found["lanes"]
        by = np.where(lanes >= 0, "within", "unplaced").astype(object)
        distance = np.where(lanes >= 0, 0.0, np.nan)
        self._by_name(reports, shapes, found, by, distance)
        self._by_distance(shapes, x, y, lanes, by, distance)
        self._from_lane(found, kinds < 0)
        ids = {TABLES[name].key: layer.named(found[name]) for name, layer in self.layers.items()}
        frame = pd.DataFrame(ids, index=reports.index, dtype=object)
        return frame.assign(placed_by=by, distance_m=distance)[list(COLUMNS)]

    def _by_name(
        self, reports: pd.DataFrame, shapes: Shapes, found: dict[str, Positions],
        by: Shapes, distance: npt.NDArray[np.float64],
    ) -> None:  # fmt: skip
        """Lanes that the text names, where the report is in none."""
        lanes = found["lanes"]
        homeless = np.flatnonzero(lanes < 0)
        texts = reports.iloc[homeless]
        around = self.layers["communities"].named(found["communities"][homeless])
        named = self.names.find(texts["lane_name"], texts["address"], texts["community"], around)
        at = homeless[named >= 0]
        lanes[at], by[at] = named[named >= 0], "name"
        distance[at] = shapely.distance(shapes[at], self.layers["lanes"].shapes[lanes[at]])

    def _by_distance(
        self, shapes: Shapes, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64],
        lanes: Positions, by: Shapes, distance: npt.NDArray[np.float64],
    ) -> None:  # fmt: skip
        """The nearest lane for what is still homeless; of equally near ones the lowest id."""
        homeless = np.flatnonzero((lanes < 0) & np.isfinite(x))
        if len(homeless):
            position, metres = self._nearest.query(x[homeless], y[homeless])
            near = position >= 0
            at = homeless[near]
            lanes[at], distance[at], by[at] = position[near], metres[near], "nearest"
        wide = np.flatnonzero((lanes < 0) & ~np.isfinite(x) & ~shapely.is_missing(shapes))
        if len(wide):
            (shape, lane), metres = shapely.STRtree(self.layers["lanes"].shapes).query_nearest(
                shapes[wide], max_distance=self.nearest_m, return_distance=True
            )
            order = np.lexsort((lane, shape))
            shape, first = np.unique(shape[order], return_index=True)
            at, pick = wide[shape], order[first]
            lanes[at], distance[at], by[at] = lane[pick], metres[pick], "nearest"

    @cached_property
    def _nearest(self) -> NearestIndex:
        return NearestIndex.build(self.layers["lanes"].shapes, max_m=self.nearest_m)

    def _from_lane(self, found: dict[str, Positions], bare: npt.NDArray[np.bool_]) -> None:
        """A report known by its lane's name alone takes the other layers from that lane's middle."""
        lost = bare & (found["lanes"] >= 0)
        if lost.any():
            for name in ("cells", "communities", "areas"):
                found[name][lost] = self._middles[name][found["lanes"][lost]]

    @cached_property
    def _middles(self) -> dict[str, Positions]:
        middle = shapely.point_on_surface(self.layers["lanes"].shapes)
        x, y = shapely.get_x(middle), shapely.get_y(middle)
        return {name: layer.index.first(x, y) for name, layer in self.layers.items()}


def communities_of(rows: pd.DataFrame, communities: pd.DataFrame, crs: str) -> Shapes:
    """The community of each lane, cell or unit: by the id or name that it states, else where most of it lies.

    Returns ids; the text as it stands where no community is called so; None where nothing is known.

    Parameters
    ----------
    rows : columns community_id (id, name or None) and geometry (EPSG:4326)
    communities : columns community_id, name, geometry
    """
    known = communities.sort_values("community_id")
    stated = rows["community_id"].to_numpy(object)
    ids = known["community_id"].to_numpy(object)
    by_word = dict(zip(ids, ids, strict=True))
    for word, community in zip(known["name"], ids, strict=True):
        by_word.setdefault(same_community(word), community)
    homes = np.array(
        [by_word.get(t) or by_word.get(same_community(t)) or t for t in stated], object
    )
    silent = np.array([not same_community(t) for t in stated], bool)
    if silent.any():
        shapes = rows["geometry"].to_numpy(object)[silent]
        mine, theirs = (
            repaired(transform_geometries(s, "EPSG:4326", crs))
            for s in (shapes, known["geometry"].to_numpy(object))
        )
        flat = shapely.get_dimensions(mine) > 0
        mine = np.where(flat, mine, shapely.buffer(mine, _DOT_M))  # a point as a small disc
        homes[silent] = np.array([*ids, None], object)[largest_share(mine, theirs)]
    return homes


def repaired(shapes: Shapes) -> Shapes:
    """Polygons that projecting made invalid, valid again; the others as they are."""
    broken = ~shapely.is_valid(shapes) & ~shapely.is_missing(shapes)
    if not broken.any():
        return shapes
    shapes = shapes.copy()
    shapes[broken] = [_polygonal(s) for s in shapely.make_valid(shapes[broken])]
    return shapes


def _polygonal(shape: BaseGeometry) -> BaseGeometry:
    parts = shapely.get_parts(shape)
    flat = shapely.get_dimensions(parts) == 2
    return shapely.union_all(parts[flat])
