"""Styles for QGIS: QML, as a file beside a layer or in the table `layer_styles` of a GeoPackage.

Written as QGIS 3.16 does (`prop` elements), which all later versions read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree as ET

from cwmap.symbology import Class, Symbology
from cwmap.tables import Column

Geometry = Literal["point", "line", "polygon"]

GEOMETRIES: tuple[Geometry, ...] = ("point", "line", "polygon")
_SYMBOL = {"point": "marker", "line": "line", "polygon": "fill"}
_KIND = {"point": "点", "line": "线", "polygon": "面"}
_MM_PER_PX = 25.4 / 96
_FONT = "Microsoft YaHei"


def qml(
    look: Symbology, geometry: Geometry, columns: Sequence[Column], fields: Mapping[str, str]
) -> str:
    """The style of a layer of points, lines or polygons, with Chinese names for fields and values.

    fields: column name → name of its field in the file (shapefiles shorten them).
    """
    root = ET.Element("qgis", version="3.16.0", styleCategories="Symbology|Fields|Forms")
    configuration, aliases = ET.SubElement(root, "fieldConfiguration"), ET.Element("aliases")
    for at, column in enumerate(columns):
        name = fields[column.name]
        ET.SubElement(aliases, "alias", field=name, name=column.header, index=str(at))
        if column.labels:
            field = ET.SubElement(configuration, "field", name=name)
            _value_map(field, column.labels)
    root.append(aliases)
    root.append(_renderer(look, geometry, fields))
    # QGIS gives a style to layers of this kind only, so a mixed layer needs one for each kind.
    ET.SubElement(root, "layerGeometryType").text = str(GEOMETRIES.index(geometry))
    head = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
    return head + ET.tostring(root, encoding="unicode")


def store_styles(path: Path, table: str, label: str, styles: Mapping[Geometry, str]) -> None:
    """Put styles into a GeoPackage; QGIS opens `table` with the first one."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,"
            " f_table_catalog TEXT(256), f_table_schema TEXT(256), f_table_name TEXT(256),"
            " f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,"
            " useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),"
            " update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')))"
        )
        connection.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, srs_id)"
            " VALUES ('layer_styles', 'attributes', 'layer_styles', 'QGIS 样式', 0)"
        )
        column = connection.execute(
            "SELECT column_name FROM gpkg_geometry_columns WHERE table_name = ?", (table,)
        ).fetchone()[0]
        # QGIS looks for an empty catalogue and schema, not for none.
        connection.executemany(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name,"
            " f_geometry_column, styleName, styleQML, styleSLD, useAsDefault, description, owner)"
            " VALUES ('', '', ?, ?, ?, ?, '', ?, ?, '')",
            [
                (table, column, f"{label}（{_KIND[kind]}）", style, int(at == 0), "与地图页面相同的颜色")
                for at, (kind, style) in enumerate(styles.items())
            ],
        )


def _renderer(look: Symbology, geometry: Geometry, fields: Mapping[str, str]) -> ET.Element:
    kind = {"ranges": "graduatedSymbol", "values": "categorizedSymbol", "one": "singleSymbol"}
    root = ET.Element("renderer-v2", type=kind[look.kind], forceraster="0", symbollevels="0")
    if look.kind != "one":
        root.set("attr", fields.get(look.attribute, look.attribute))
    if look.kind == "ranges":
        root.set("graduatedMethod", "GraduatedColor")
    entries = ET.SubElement(root, "ranges" if look.kind == "ranges" else "categories")
    symbols = ET.SubElement(root, "symbols")
    for at, entry in enumerate(look.classes):
        if look.kind == "ranges":
            limits = {"lower": repr(entry.lower), "upper": repr(entry.upper)}
            ET.SubElement(entries, "range", limits, symbol=str(at), label=entry.label, render="true")
        elif look.kind == "values":
            ET.SubElement(
                entries, "category", type="string", value=entry.value, symbol=str(at),
                label=entry.label, render="true",
            )  # fmt: skip
        symbols.append(_symbol(entry, geometry, str(at)))
    return root


def _symbol(entry: Class, geometry: Geometry, name: str) -> ET.Element:
    symbol = ET.Element("symbol", type=_SYMBOL[geometry], name=name, alpha="1", clip_to_extent="1")
    fill, edge = _rgba(entry.colour, entry.opacity), _rgba(entry.edge)
    if geometry == "point":
        size = 24 if entry.icon else 12 if entry.edge == "#ffffff" else 6
        _layer(
            symbol, "SimpleMarker", name="square" if entry.mark == "square" else "circle",
            color=fill, outline_color=edge, outline_width=_mm(1.5), size=_mm(size),
        )  # fmt: skip
        if entry.icon:
            _layer(symbol, "FontMarker", font=_FONT, chr=entry.icon, color=edge, size=_mm(14))
    elif geometry == "line":
        _layer(
            symbol, "SimpleLine", line_color=_rgba(entry.colour, 0.9), line_width=_mm(4),
            capstyle="round", joinstyle="round",
        )  # fmt: skip
    else:
        outline = entry.opacity == 0 and entry.edge == entry.colour
        report = entry.mark == "circle"
        _layer(
            symbol, "SimpleFill", color=_rgba(entry.colour, 0.25) if report else fill,
            style="no" if entry.opacity == 0 else "solid",
            outline_color=_rgba(entry.colour, 0.9) if report else edge,
            outline_style="dash" if entry.dashed else "solid",
            outline_width=_mm(4 if report else 2 if outline else 0.6), joinstyle="round",
        )  # fmt: skip
    return symbol


def _layer(symbol: ET.Element, kind: str, **properties: str) -> None:
    layer = ET.SubElement(symbol, "layer", {"class": kind}, enabled="1", locked="0")
    layer.set("pass", "0")
    for key, value in properties.items():
        ET.SubElement(layer, "prop", k=key, v=value)


def _value_map(field: ET.Element, labels: Mapping[str, str]) -> None:
    config = ET.SubElement(ET.SubElement(field, "editWidget", type="ValueMap"), "config")
    pairs = ET.SubElement(ET.SubElement(config, "Option", type="Map"), "Option", name="map", type="List")
    for value, label in labels.items():
        ET.SubElement(
            ET.SubElement(pairs, "Option", type="Map"), "Option", name=label, value=value, type="QString"
        )  # fmt: skip


def _rgba(colour: str, opacity: float = 1.0) -> str:
    return ",".join([*(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5)), str(round(255 * opacity))])


def _mm(pixels: float) -> str:
    return f"{pixels * _MM_PER_PX:.2f}"
