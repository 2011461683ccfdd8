"""The town's geometry as one script that the browser keeps: sent once, never with a filter."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any
from weakref import WeakKeyDictionary

import geopandas as gpd
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from cwmap.tables import FACILITY_KIND, PLACES, TABLES
from cwmap.town import Town

Json = Any

FACILITY_ICONS = {
    "market": "市", "toilet": "厕", "sorting_station": "分", "bin": "箱", "transfer_station": "转",
    "other": "设",
}  # fmt: skip
_MICRO = 1e6
_METRES_PER_DEGREE = 111_320


_MADE: WeakKeyDictionary[Town, tuple[str, bytes]] = WeakKeyDictionary()


def scene_script(town: Town) -> tuple[str, bytes]:
    """(content hash, script that sets `CW_SCENE`); the same boundaries give the same hash."""
    if town not in _MADE:
        scene = {name: _places(town.layers[name], name) for name in PLACES}
        scene |= {
            "bounds": town.bounds,
            "facilities": _facilities(town.layers["facilities"]),
            "backdrop": _backdrop(town.layers["backdrop"]),
            "backdropNames": _names(town.layers["backdrop"]),
        }
        body = json.dumps(scene, ensure_ascii=False, separators=(",", ":"))
        # "</" never ends a script early: a name from a spreadsheet stays text.
        safe = body.replace("</", "<\\u002f")
        script = f"window.CW_SCENE={safe};".encode()
        _MADE[town] = hashlib.sha256(script).hexdigest()[:20], script
    return _MADE[town]


def _places(layer: gpd.GeoDataFrame, name: str) -> Json:
    label = TABLES[name].label
    names = [n if isinstance(n, str) and n else f"{label} {i}" for i, n in layer["name"].items()]
    return {
        "ids": list(layer.index),
        "names": names,
        "shapes": [_polygons(s) for s in layer.geometry],
        "labels": [_label(s) for s in layer.geometry],
    }


def _backdrop(layer: gpd.GeoDataFrame) -> Json:
    """One multi-part path for each kind: thousands of buildings are drawn in one stroke."""
    found: Json = []
    for kind in layer["kind"].dropna().unique():
        shapes = layer.geometry[layer["kind"] == kind]
        parts = shapely.get_parts(shapes.to_numpy())
        areas = [_rings(p) for p in parts if p.geom_type == "Polygon"]
        lines = [_ring(p.coords) for p in parts if p.geom_type == "LineString"]
        if areas:
            found.append([kind, "area", areas])
        if lines:
            found.append([kind, "line", lines])
    return found


def _names(layer: gpd.GeoDataFrame) -> Json:
    wanted = layer[layer["name"].notna() & layer["kind"].isin(["water", "hill", "green"])]
    first = wanted[~wanted["name"].duplicated()]
    return [[n, *_label(s)[:3]] for n, s in zip(first["name"], first.geometry, strict=True)]


def _facilities(layer: gpd.GeoDataFrame) -> Json:
    found = []
    for row in layer[layer.geometry.notna()].itertuples():
        at = row.geometry.representative_point()
        found.append(
            {
                "id": row.Index, "name": row.name, "kind": row.kind, "bad": row.standard == "no",
                "label": FACILITY_KIND.shown(row.kind), "icon": FACILITY_ICONS.get(row.kind, "设"),
                "standard": TABLES["facilities"]["standard"].shown(row.standard or ""),
                "at": [round(at.y, 6), round(at.x, 6)],
            }
        )  # fmt: skip
    return found


def _polygons(shape: BaseGeometry | None) -> Json:
    if shape is None:
        return []
    return [_rings(p) for p in shapely.get_parts(shape) if p.geom_type == "Polygon"]


def _rings(polygon: BaseGeometry) -> Json:
    return [_ring(ring.coords) for ring in (polygon.exterior, *polygon.interiors)]


def _ring(coords: Any) -> list[int]:
    """[lat0, lon0, dlat, dlon, …] in millionths of a degree (about 0.1 m)."""
    points = np.round(np.asarray(coords)[:, 1::-1] * _MICRO).astype(np.int64)
    steps: list[int] = np.diff(points, axis=0, prepend=np.zeros((1, 2), np.int64)).ravel().tolist()
    return steps


def _label(shape: BaseGeometry | None) -> list[float]:
    """[lat, lon, angle in radians on the screen, length in metres] to write a name along a shape."""
    if shape is None or shape.is_empty:
        return [0.0, 0.0, 0.0, 0.0]
    at = shape.representative_point()
    squeeze = math.cos(math.radians(at.y))
    flat = shapely.transform(shape, lambda c: c * [squeeze, 1.0])
    box = shapely.get_coordinates(shapely.minimum_rotated_rectangle(flat))
    if len(box) < 4:
        return [round(at.y, 6), round(at.x, 6), 0.0, 0.0]
    a, b = box[1] - box[0], box[2] - box[1]
    side, other = (a, b) if np.hypot(*a) >= np.hypot(*b) else (b, a)
    length, width = np.hypot(*side), np.hypot(*other)
    angle = -math.atan2(side[1], side[0])  # the screen's y grows downwards
    angle = (angle + math.pi / 2) % math.pi - math.pi / 2  # never upside down
    if length < 3 * width:
        angle = 0.0
    return [round(at.y, 6), round(at.x, 6), round(angle, 3), round(length * _METRES_PER_DEGREE)]
