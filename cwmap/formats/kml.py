"""KML → a layer: placemarks of all folders, with their extended data.

Not by GDAL: its driver writes every Chinese name of a Data element as underscores, so that 编号
and 日期 become one column and one of the values is lost.
"""

from __future__ import annotations

import io
import re
from functools import lru_cache
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import numpy as np
import shapely
from defusedxml import DefusedXmlException, ElementTree

from cwmap.errors import UnreadableFile
from cwmap.formats.cells import unique
from cwmap.formats.features import Attributes, Layer, broken_note, flat

FOLDER = "文件夹"
_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
_CONTAINERS = ("Document", "Folder")
_TEXTS = ("name", "description", "address", "phoneNumber")
_TIMES = ("when", "begin", "end")
_GEOMETRIES = {"Point", "LineString", "LinearRing", "Polygon", "MultiGeometry",
               "Track", "MultiTrack"}  # fmt: skip
_KINDS = {"Point": shapely.MultiPoint, "LineString": shapely.MultiLineString,
          "Polygon": shapely.MultiPolygon}  # fmt: skip


def read(text: str, wanted: str | None) -> Layer:
    """All placemarks, or those of one folder. Longitude and latitude, EPSG:4326."""
    folders: list[str] = []
    features: list[tuple[str, dict[str, object], Any, bool]] = []
    notes = []
    try:
        for folder, element in _placemarks(text):
            if element is None:
                notes.append("文件里有网络链接（NetworkLink），链接的内容没有读取")
                continue
            folders += [folder] if folder not in folders else []
            shape, is_broken = _shape(element)
            features.append((folder, _values(element), shape, is_broken))
    except DefusedXmlException as error:
        raise UnreadableFile("KML 含有实体声明，不安全，请在 GIS 软件中重新导出") from error
    except ParseError as error:
        raise UnreadableFile(
            f"第 {error.position[0]} 行不符合 KML 格式（可能没有下载完整），请重新导出"
        ) from error
    if wanted is not None and wanted not in folders:
        raise UnreadableFile(f"没有名为“{wanted}”的文件夹，请从这些里选：{'、'.join(folders)}")
    attributes, shapes, broken = Attributes(), [], []
    for folder, values, shape, is_broken in features:
        if wanted is None or folder == wanted:
            attributes.add(({FOLDER: folder} if len(folders) > 1 else {}) | values)
            shapes.append(shape)
            broken += [attributes.count] if is_broken else []
    table, table_notes = attributes.table()
    notes = [*dict.fromkeys(notes), *table_notes, *broken_note(broken)]
    return Layer(table, flat(shapes), "EPSG:4326", wanted, tuple(folders), tuple(notes))


def _placemarks(text: str) -> Any:
    """The folder of each placemark and its element; None instead of it for a network link."""
    # The text is decoded already: what the declaration says of its encoding is no longer true.
    declared = _DECLARATION.match(text)
    content = io.BytesIO(text[declared.end() if declared else 0 :].encode())
    path: list[Element] = []
    for event, element in ElementTree.iterparse(content, ("start", "end"), forbid_dtd=True):
        if event == "start":
            if not path and _kind(element) != "kml":
                raise UnreadableFile("这个 XML 文件不是 KML，请在 GIS 软件中导出为 KML 后再导入")
            path.append(element)
            continue
        path.pop()
        if not path or _kind(path[-1]) not in ("kml", *_CONTAINERS) or _kind(element) == "name":
            continue
        if _kind(element) == "Placemark":
            yield next((f for f in map(_folder, reversed(path)) if f), ""), element
        elif _kind(element) == "NetworkLink":
            yield "", None
        path[-1].remove(element)  # so that a large file takes little room


def _kind(element: Element) -> str:
    return _local(str(element.tag))


@lru_cache(maxsize=1000)
def _local(tag: str) -> str:
    """A tag without its namespace."""
    return tag.rpartition("}")[2]


def _folder(element: Element) -> str:
    return (element.findtext("{*}name") or "").strip() if _kind(element) in _CONTAINERS else ""


def _values(placemark: Element) -> dict[str, object]:
    """Name, description, times and extended data of a placemark."""
    values: dict[str, object] = {}

    def put(label: str, value: str | None) -> None:
        if value and value.strip():
            values[unique([*values, label])[-1]] = value

    for tag in _TEXTS:
        put(tag, placemark.findtext(f"{{*}}{tag}"))
    for stamp in (*placemark.findall("{*}TimeStamp"), *placemark.findall("{*}TimeSpan")):
        for tag in _TIMES:
            put(tag, stamp.findtext(f"{{*}}{tag}"))
    for data in placemark.iterfind("{*}ExtendedData//*[@name]"):
        put(data.get("name", ""), data.findtext("{*}value") if len(data) else data.text)
    return values


def _shape(placemark: Element) -> tuple[Any, bool]:
    """The shape of a placemark, and whether it has one that cannot be read."""
    for element in placemark:
        if _kind(element) in _GEOMETRIES:
            try:
                return _made(element), False
            except (ValueError, IndexError, RecursionError, shapely.errors.GEOSException):
                return None, True
    return None, False


def _made(element: Element) -> Any:
    kind = _kind(element)
    if kind == "Point":
        return shapely.Point(_coordinates(element)[0])
    if kind in ("LineString", "LinearRing", "Track"):
        return shapely.LineString(_coordinates(element))
    if kind == "Polygon":
        outer, *_ = element.iterfind("{*}outerBoundaryIs/{*}LinearRing")
        inner = element.iterfind("{*}innerBoundaryIs/{*}LinearRing")
        return shapely.Polygon(_coordinates(outer), [_coordinates(ring) for ring in inner])
    parts = [_made(part) for part in element if _kind(part) in _GEOMETRIES]
    if not parts:
        raise ValueError("a collection of nothing")
    kinds = {part.geom_type for part in parts}
    if len(parts) == 1:
        return parts[0]
    return _KINDS.get(kinds.pop() if len(kinds) == 1 else "", shapely.GeometryCollection)(parts)


def _coordinates(element: Element) -> np.ndarray:
    """Longitude and latitude, (n, 2). People write a blank behind the comma, too."""
    text = element.findtext("{*}coordinates")
    if text is None:  # a track
        places = [(coord.text or "").split()[:2] for coord in element.iterfind("{*}coord")]
    else:
        text = " ".join(text.split()).replace(" ,", ",").replace(", ", ",")
        places = [place.split(",")[:2] for place in text.split()]
    numbers = np.array(places, float)
    if numbers.ndim != 2 or not np.isfinite(numbers).all():
        raise ValueError("coordinates that are no numbers")
    return numbers
