"""A layer as KML in the page's colours, with all its columns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from cwmap.geofiles import text_times
from cwmap.outgoing import Outgoing
from cwmap.symbology import Class

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"><Document>\n'
_NAMES = ("name", "category_name", "cell_id")  # the column that names a feature


def write_kml(out: Outgoing, path: Path) -> None:
    """Longitude and latitude as they are in the frame; features without a place are kept."""
    names = [column.name for column in out.columns]
    labels = {column.name: column.header for column in out.columns}
    called = next((name for name in _NAMES if name in names), None)
    frame = text_times(out.frame)
    rows = zip(
        frame[names].itertuples(index=False, name=None), frame.geometry, out.look.index, strict=True
    )
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(_HEAD)
        for element in _document(out):
            file.write(ET.tostring(element, encoding="unicode") + "\n")
        for values, shape, at in rows:
            row = {n: str(v) for n, v in zip(names, values, strict=True) if not pd.isna(v)}
            placemark = ET.Element("Placemark")
            entry = out.look.classes[at] if at >= 0 else None
            _leaf(placemark, "name", row.get(called or "") or (entry.label if entry else ""))
            if entry:
                _leaf(placemark, "styleUrl", f"#c{at}")
            placemark.append(_data(row, labels))
            if shape is not None and not shape.is_empty:
                placemark.append(_geometry(shape))
            file.write(ET.tostring(placemark, encoding="unicode") + "\n")
        file.write("</Document></kml>\n")


def _document(out: Outgoing) -> list[ET.Element]:
    """Name, metadata and styles."""
    name, description = ET.Element("name"), ET.Element("description")
    name.text = out.title
    description.text = "\n".join(f"{label}：{text}" for label, text in out.about)
    styles = [_style(f"c{at}", entry) for at, entry in enumerate(out.look.classes)]
    return [name, description, *styles]


def _style(name: str, entry: Class) -> ET.Element:
    style = ET.Element("Style", id=name)
    if entry.mark:
        _leaf(ET.SubElement(style, "IconStyle"), "color", _abgr(entry.colour))
    line = ET.SubElement(style, "LineStyle")
    _leaf(line, "color", _abgr(entry.colour if entry.mark else entry.edge))
    _leaf(line, "width", str(4 if entry.mark else max(1.0, entry.edge_px)))
    area = ET.SubElement(style, "PolyStyle")
    _leaf(area, "color", _abgr(entry.colour, 0.25 if entry.mark else entry.opacity))
    _leaf(area, "fill", str(int(bool(entry.mark) or entry.opacity > 0)))
    return style


def _data(row: Mapping[str, str], labels: Mapping[str, str]) -> ET.Element:
    data = ET.Element("ExtendedData")
    for name, value in row.items():
        entry = ET.SubElement(data, "Data", name=name)
        _leaf(entry, "displayName", labels[name])
        _leaf(entry, "value", value)
    return data


def _geometry(shape: BaseGeometry) -> ET.Element:
    if shape.geom_type == "Point":
        return _line("Point", shape)
    if shape.geom_type == "LineString":
        return _line("LineString", shape)
    if shape.geom_type == "Polygon":
        polygon = ET.Element("Polygon")
        ET.SubElement(polygon, "outerBoundaryIs").append(_line("LinearRing", shape.exterior))
        for ring in shape.interiors:
            ET.SubElement(polygon, "innerBoundaryIs").append(_line("LinearRing", ring))
        return polygon
    parts = [_geometry(part) for part in shapely.get_parts(shape)]
    if len(parts) == 1:
        return parts[0]
    together = ET.Element("MultiGeometry")
    together.extend(parts)
    return together


def _line(kind: str, shape: BaseGeometry) -> ET.Element:
    element = ET.Element(kind)
    places = shapely.get_coordinates(shape).tolist()
    _leaf(element, "coordinates", " ".join(f"{x:.8f},{y:.8f}" for x, y in places))
    return element


def _leaf(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = text


def _abgr(colour: str, opacity: float = 1.0) -> str:
    return f"{round(255 * opacity):02x}{colour[5:7]}{colour[3:5]}{colour[1:3]}".lower()
