"""Live layers for QGIS in one file (图层定义, .qlr): dropped onto its map they come with colours and names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from cwmap.tables import Column
from cwmap.writers.qgis_style import Geometry, style
from cwmap.writers.symbology import Symbology

SHOWN = ("lanes",)
"""Ticked at first: all layers at once would hide each other."""
_HEAD = "<!DOCTYPE qgis-layer-definition>\n"


@dataclass(frozen=True)
class Live:
    """A layer of the service. kinds: of its shapes; what is not there yet has those it would have."""

    name: str
    title: str
    columns: tuple[Column, ...]
    look: Symbology
    kinds: Sequence[Geometry]


def definition(layers: Sequence[Live], title: str, address: str) -> str:
    """The file. title: of the group; address: of the OGC API – Features service."""
    root = ET.Element("qlr")
    tree = ET.SubElement(root, "layer-tree-group", name="", checked="Qt::Checked", expanded="1")
    group = ET.SubElement(
        tree, "layer-tree-group", name=title, checked="Qt::Checked", expanded="1"
    )  # fmt: skip
    maps = ET.SubElement(root, "maplayers")
    for layer in layers:
        source = f"url='{address}' typename='{layer.name}'"
        ET.SubElement(
            group, "layer-tree-layer", id=f"cwmap_{layer.name}", name=layer.title, source=source,
            providerKey="OAPIF", expanded="0",
            checked="Qt::Checked" if layer.name in SHOWN else "Qt::Unchecked",
        )  # fmt: skip
        maps.append(_map_layer(layer, source))
    return _HEAD + ET.tostring(root, encoding="unicode")


def _map_layer(layer: Live, source: str) -> ET.Element:
    """As QGIS writes it into a project."""
    root = ET.Element("maplayer", type="vector", styleCategories="AllStyleCategories")
    system = ET.Element("srs")
    ET.SubElement(ET.SubElement(system, "spatialrefsys"), "authid").text = "EPSG:4326"
    root.append(system)
    for tag, text in (
        ("id", f"cwmap_{layer.name}"), ("datasource", source), ("layername", layer.title),
        ("provider", "OAPIF"),
    ):  # fmt: skip
        ET.SubElement(root, tag).text = text
    fields = {column.name: column.name for column in layer.columns}
    root.extend(style(layer.look, layer.kinds, layer.columns, fields))
    return root
