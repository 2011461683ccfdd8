"""GeoJSON → a layer, feature by feature.

Not by GDAL: it fetches what a `crs` member of type url or link points to, and takes a file of this
name for whatever else its content looks like (a virtual layer that opens other files).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import shapely

from cwmap.errors import UnreadableFile
from cwmap.formats.features import Attributes, Layer, broken_note, flat, named_crs

_SPACE = re.compile(r"[ \t\n\r]*")
_SHAPES = {"Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon",
           "GeometryCollection"}  # fmt: skip
_BATCH = 1000
_DECODER = json.JSONDecoder()


def read(text: str) -> Layer:
    """A FeatureCollection, a Feature or a geometry. EPSG:4326 unless the file says otherwise."""
    members: dict[str, Any] = {}
    attributes, broken = Attributes(), list[int]()
    shapes: list[Any] = []
    try:
        batch: list[tuple[int, str]] = []
        for feature, source in _features(text, members):
            attributes.add(_properties(feature))
            shapes.append(None)
            if feature.get("geometry") is not None:
                batch.append((attributes.count, source))
            if len(batch) == _BATCH:
                broken += _shape(batch, shapes)
                batch = []
        broken += _shape(batch, shapes)
    except json.JSONDecodeError as error:
        raise UnreadableFile(
            f"第 {error.lineno} 行不符合 JSON 格式（可能没有下载完整），请重新导出 GeoJSON"
        ) from error
    except (ValueError, RecursionError) as error:
        raise UnreadableFile("内容不符合 JSON 格式，请重新导出 GeoJSON") from error
    if members.get("type") not in ("FeatureCollection", "Feature", *_SHAPES):
        raise UnreadableFile("这个 JSON 文件不是 GeoJSON，请在 GIS 软件中导出为 GeoJSON 后再导入")
    table, notes = attributes.table()
    crs, crs_notes = _crs(members.get("crs"))
    return Layer(table, flat(shapes), crs, notes=(*notes, *crs_notes, *broken_note(broken)))


def _features(text: str, members: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Each feature and its JSON; the other members of the document go into `members`."""
    at = _expect(text, 0, "{")
    while text[at : at + 1] != "}":
        key, at = _DECODER.raw_decode(text, at)
        at = _expect(text, _space(text, at), ":")
        if key == "features" and text[at : at + 1] == "[":
            at = _space(text, at + 1)
            while text[at : at + 1] != "]":
                feature, end = _DECODER.raw_decode(text, at)
                if not isinstance(feature, dict):
                    raise ValueError("a feature that is no object")
                yield feature, text[at:end]
                at = _next(text, end, "]")
            at += 1
        else:
            members[str(key)], at = _DECODER.raw_decode(text, at)
        at = _next(text, at, "}")
    if _space(text, at + 1) != len(text):
        raise json.JSONDecodeError("more than one document", text, at + 1)
    if members.get("type") == "Feature":
        yield members, text
    elif members.get("type") in _SHAPES:
        yield {"geometry": members}, text


def _space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _expect(text: str, at: int, sign: str) -> int:
    """Position behind a sign and the space around it."""
    at = _space(text, at)
    if text[at : at + 1] != sign:
        raise json.JSONDecodeError(f"expected {sign}", text, at)
    return _space(text, at + 1)


def _next(text: str, at: int, end: str) -> int:
    """Position of the next item behind a comma, or of the end."""
    at = _space(text, at)
    if text[at : at + 1] == end:
        return at
    return _expect(text, at, ",")


def _properties(feature: dict[str, Any]) -> dict[str, object]:
    properties = feature.get("properties") or {}
    if not isinstance(properties, dict):
        raise ValueError("properties that are no object")
    if feature.get("id") is not None and "id" not in properties:
        properties = {"id": feature["id"], **properties}
    return {
        key: json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
        for key, value in properties.items()
    }


def _shape(batch: list[tuple[int, str]], shapes: list[Any]) -> list[int]:
    """Put the shapes of features, given by number and JSON, into their places; the broken ones."""
    with np.errstate(over="ignore"):
        made = shapely.from_geojson([source for _, source in batch], on_invalid="ignore")
    for (number, _), shape in zip(batch, made, strict=True):
        shapes[number - 1] = shape
    return [n for (n, _), shape in zip(batch, made, strict=True) if shape is None]


def _crs(member: Any) -> tuple[str | None, list[str]]:
    """The system that a `crs` member (GeoJSON of 2008) names; without one it is WGS 84."""
    if member is None:
        return "EPSG:4326", []
    properties = member.get("properties") if isinstance(member, dict) else None
    properties = properties if isinstance(properties, dict) else {}
    name = str(properties.get("name") or f"EPSG:{properties.get('code', '')}")
    crs = named_crs(name)
    return crs, [] if crs else ["文件写明的坐标系无法识别，需要指定坐标系"]
