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

from cwmap.tables import Column
from cwmap.writers.symbology import Class, Symbology

Geometry = Literal["point", "line", "polygon"]

GEOMETRIES: tuple[Geometry, ...] = ("point", "line", "polygon")
_SYMBOL = {"point": "marker", "line": "line", "polygon": "fill"}
_SUFFIX = {"point": "", "line": "（路段）", "polygon": "（范围）"}
_RENDERER = {"ranges": "graduatedSymbol", "values": "categorizedSymbol", "one": "singleSymbol"}
_HEAD = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
_MM_PER_PX = 25.4 / 96
_FONT = "Microsoft YaHei"


def qml(
    look: Symbology, geometries: Sequence[Geometry], columns: Sequence[Column],
    fields: Mapping[str, str],
) -> str:  # fmt: skip
    """The style of a layer as QGIS keeps it in a file: see `style`."""
    root = ET.Element("qgis", version="3.16.0", styleCategories="Symbology|Fields|Forms")
    root.extend(style(look, geometries, columns, fields))
    return _HEAD + ET.tostring(root, encoding="unicode")


def style(
    look: Symbology, geometries: Sequence[Geometry], columns: Sequence[Column],
    fields: Mapping[str, str],
) -> ET.Element:  # fmt: skip
    """The style of a layer, with Chinese names for its fields and their values: what stands in its root.

    geometries: the kinds of shapes that the layer holds. QGIS makes a layer of each kind out of a
    mixed one and gives all of them this style; so its rules ask for the kind.
    fields: column name → name of its field in the file (shapefiles shorten them).
    """
    root = ET.Element("style")
    forms, aliases = ET.SubElement(root, "fieldConfiguration"), ET.SubElement(root, "aliases")
    for at, column in enumerate(columns):
        name = fields[column.name]
        ET.SubElement(aliases, "alias", field=name, name=column.header, index=str(at))
        if column.labels:
            _value_map(ET.SubElement(forms, "field", name=name), column.labels)
    if look.parts:
        root.append(_parted(look, geometries[0], *look.parts))
    elif len(geometries) == 1:
        root.append(_renderer(look, geometries[0], fields))
        ET.SubElement(root, "layerGeometryType").text = str(GEOMETRIES.index(geometries[0]))
    else:
        root.append(_rules(look, geometries))
    return root


def raster_qml(steps: Sequence[float], colours: Sequence[str]) -> str:
    """The style of a raster of one band: colours that change evenly between steps, 0 is clear.

    steps: class breaks, lowest first; colours: one more than steps. Floats cannot have a colour table in
    the file itself; see `cwmap.writers.geotiff.write_class_geotiff`.
    """
    edges = [0.0, *steps, steps[-1] + steps[0]] if steps else [0.0, 1.0]
    shades = [colours[0], *colours][: len(edges)]
    root = ET.Element("qgis", version="3.16.0", styleCategories="Symbology")
    pipe = ET.SubElement(root, "pipe")
    renderer = ET.SubElement(
        pipe, "rasterrenderer", type="singlebandpseudocolor", band="1", opacity="1", alphaBand="-1",
        classificationMin="0", classificationMax=f"{edges[-1]:g}",
    )  # fmt: skip
    shader = ET.SubElement(
        ET.SubElement(renderer, "rastershader"), "colorrampshader", colorRampType="INTERPOLATED",
        classificationMode="1", clip="0",
    )  # fmt: skip
    for at, (edge, shade) in enumerate(zip(edges, shades, strict=True)):
        ET.SubElement(
            shader, "item", value=f"{edge:g}", color=shade, alpha="255" if at else "0",
            label=f"{edge:g} 件/公顷",
        )  # fmt: skip
    return _HEAD + ET.tostring(root, encoding="unicode")


def classes_qml(names: Sequence[str], colours: Sequence[str]) -> str:
    """The style of a raster of classes 1, 2, …: without it QGIS lists all 256 bytes."""
    root = ET.Element("qgis", version="3.16.0", styleCategories="Symbology")
    renderer = ET.SubElement(
        ET.SubElement(root, "pipe"), "rasterrenderer", type="paletted", band="1", opacity="1",
        alphaBand="-1",
    )  # fmt: skip
    palette = ET.SubElement(renderer, "colorPalette")
    for code, (name, colour) in enumerate(zip(names, colours, strict=False), 1):
        ET.SubElement(
            palette, "paletteEntry", value=str(code), color=colour, alpha="255", label=name
        )
    return _HEAD + ET.tostring(root, encoding="unicode")


def store_style(path: Path, table: str, style: str, label: str) -> None:
    """Put a style into a GeoPackage as the one with which QGIS opens `table`."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,"
            " f_table_catalog TEXT(256), f_table_schema TEXT(256), f_table_name TEXT(256),"
            " f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,"
            " useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),"
            " update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')))"
        )
        connection.execute(
            "INSERT OR IGNORE INTO gpkg_contents (table_name, data_type, identifier, description, srs_id)"
            " VALUES ('layer_styles', 'attributes', 'layer_styles', 'QGIS 样式', 0)"
        )
        column = connection.execute(
            "SELECT column_name FROM gpkg_geometry_columns WHERE table_name = ?", (table,)
        ).fetchone()[0]
        # QGIS looks for an empty catalogue and schema, not for none.
        connection.execute(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name,"
            " f_geometry_column, styleName, styleQML, styleSLD, useAsDefault, description, owner)"
            " VALUES ('', '', ?, ?, ?, ?, '', 1, ?, '')",
            (table, column, label[:30], style, "与地图页面相同的颜色"),
        )


def _renderer(look: Symbology, geometry: Geometry, fields: Mapping[str, str]) -> ET.Element:
    root = ET.Element("renderer-v2", type=_RENDERER[look.kind], forceraster="0", symbollevels="0")
    if look.kind != "one":
        root.set("attr", fields.get(look.attribute, look.attribute))
    if look.kind == "ranges":
        root.set("graduatedMethod", "GraduatedColor")
    entries = ET.SubElement(root, "ranges" if look.kind == "ranges" else "categories")
    symbols = ET.SubElement(root, "symbols")
    for at, entry in enumerate(look.classes):
        about = {"symbol": str(at), "label": entry.label, "render": "true"}
        if look.kind == "ranges":
            ET.SubElement(entries, "range", about, lower=repr(entry.lower), upper=repr(entry.upper))
        elif look.kind == "values":
            ET.SubElement(entries, "category", about, type="string", value=entry.value)
        symbols.append(_symbol(entry, geometry, str(at)))
    return root


def _rules(look: Symbology, geometries: Sequence[Geometry]) -> ET.Element:
    root = ET.Element("renderer-v2", type="RuleRenderer", forceraster="0", symbollevels="0")
    rules, symbols = ET.SubElement(root, "rules", key="{root}"), ET.SubElement(root, "symbols")
    for geometry in geometries:
        for entry in look.classes:
            name = str(len(symbols))
            ET.SubElement(
                rules, "rule", symbol=name, key=f"{{{name}}}", label=entry.label + _SUFFIX[geometry],
                filter=f"geometry_type($geometry)='{geometry.title()}'"
                f" AND ({look.attribute})='{entry.value}'",
            )  # fmt: skip
            symbols.append(_symbol(entry, geometry, name))
    return root


def _parted(
    look: Symbology, geometry: Geometry, column: str, words: Mapping[str, str]
) -> ET.Element:
    """Rules that can be ticked a part at a time; the first part is ticked."""
    root = ET.Element("renderer-v2", type="RuleRenderer", forceraster="0", symbollevels="0")
    rules, symbols = ET.SubElement(root, "rules", key="{root}"), ET.SubElement(root, "symbols")
    for at, (word, label) in enumerate(words.items()):
        about = {"key": f"{{{word}}}", "label": label, "filter": f"\"{column}\"='{word}'"}
        part = ET.SubElement(rules, "rule", about | ({"checkstate": "0"} if at else {}))
        for entry in look.classes:
            name = str(len(symbols))
            ET.SubElement(
                part, "rule", symbol=name, key=f"{{{name}}}", label=entry.label,
                filter=f"({look.attribute})='{entry.value}'",
            )  # fmt: skip
            symbols.append(_symbol(entry, geometry, name))
    return root


def _symbol(entry: Class, geometry: Geometry, name: str) -> ET.Element:
    symbol = ET.Element("symbol", type=_SYMBOL[geometry], name=name, alpha="1", clip_to_extent="1")
    fill, edge = _rgba(entry.colour, entry.opacity), _rgba(entry.edge)
    if geometry == "point":
        _layer(
            symbol, "SimpleMarker", name=entry.mark, color=fill, outline_color=edge,
            outline_width=_mm(1.5), size=_mm(entry.size_px),
        )  # fmt: skip
        if entry.icon:
            _layer(symbol, "FontMarker", font=_FONT, chr=entry.icon, color=edge, size=_mm(14))
    elif geometry == "line":
        _layer(
            symbol, "SimpleLine", line_color=_rgba(entry.colour), line_width=_mm(4),
            capstyle="round", joinstyle="round",
        )  # fmt: skip
    elif entry.mark and not entry.fills:  # what is drawn as a point elsewhere
        _layer(
            symbol, "SimpleFill", color=_rgba(entry.colour, 0.25), outline_color=_rgba(entry.colour),
            outline_width=_mm(4), joinstyle="round",
        )  # fmt: skip
    else:
        _layer(
            symbol, "SimpleFill", color=fill, style="solid" if entry.opacity else "no",
            outline_color=edge, outline_style="dash" if entry.dashed else "solid",
            outline_width=_mm(entry.edge_px), joinstyle="round",
        )  # fmt: skip
    return symbol


def _layer(symbol: ET.Element, kind: str, **properties: str) -> None:
    layer = ET.SubElement(symbol, "layer", {"class": kind, "pass": "0"}, enabled="1", locked="0")
    for key, value in properties.items():
        ET.SubElement(layer, "prop", k=key, v=value)


def _value_map(field: ET.Element, labels: Mapping[str, str]) -> None:
    config = ET.SubElement(ET.SubElement(field, "editWidget", type="ValueMap"), "config")
    pairs = ET.SubElement(
        ET.SubElement(config, "Option", type="Map"), "Option", name="map", type="List"
    )
    for value, label in labels.items():
        pair = ET.SubElement(pairs, "Option", type="Map")
        ET.SubElement(pair, "Option", name=label, value=value, type="QString")


def _rgba(colour: str, opacity: float = 1.0) -> str:
    return ",".join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5)) + f",{round(255 * opacity)}"


def _mm(pixels: float) -> str:
    return f"{pixels * _MM_PER_PX:.2f}"
