"""A layer as KML in the page's colours, with all its columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from cwmap.writers.geofiles import text_times
from cwmap.writers.outgoing import Outgoing
from cwmap.writers.symbology import Class

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2">\n<Document>\n'
_NAMES = ("name", "category_name", "cell_id")  # the column that names a feature
_TYPES = {"number": "double", "integer": "int"}


def write_kml(out: Outgoing, path: Path) -> None:
    """Longitude and latitude as they are in the frame; features without a place are kept."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(_HEAD)
        file.writelines(_about(out))
        file.writelines(_style(f"c{at}", entry) for at, entry in enumerate(out.look.classes))
        # In a folder, so that a layer is there even where nothing is in it.
        file.write(f"<Folder>{_leaf('name', out.layer)}\n")
        file.writelines(_placemarks(out))
        file.write("</Folder>\n</Document>\n</kml>\n")


def _about(out: Outgoing) -> Iterator[str]:
    """Name, metadata and columns."""
    lines = "\n".join(f"{label}：{text}" for label, text in out.about)
    yield f"{_leaf('name', out.title)}\n{_leaf('description', lines)}\n"
    yield f'<Schema name="{out.layer}" id="columns">\n'
    for column in (c for c in out.columns if c.name != "name"):
        kind = _TYPES.get(column.kind, "string")
        label = _leaf("displayName", column.header)
        yield f'<SimpleField type="{kind}" name="{column.name}">{label}</SimpleField>\n'
    yield "</Schema>\n"


def _style(name: str, entry: Class) -> str:
    outlined = entry.mark and not entry.fills
    edge, width = (entry.colour, 4.0) if outlined else (entry.edge, max(1.0, entry.edge_px))
    opacity = 0.25 if outlined else entry.opacity
    icon = f"<IconStyle>{_leaf('color', _abgr(entry.colour))}</IconStyle>" if entry.mark else ""
    return (
        f'<Style id="{name}">{icon}'
        f"<LineStyle>{_leaf('color', _abgr(edge))}{_leaf('width', f'{width:g}')}</LineStyle>"
        f"<PolyStyle>{_leaf('color', _abgr(entry.colour, opacity))}"
        f"{_leaf('fill', str(int(opacity > 0)))}</PolyStyle></Style>\n"
    )


def _placemarks(out: Outgoing) -> Iterator[str]:
    frame, names = text_times(out.frame), [column.name for column in out.columns]
    called = next((name for name in _NAMES if name in names), "")
    rows = frame[names].itertuples(index=False, name=None)
    for values, shape, at in zip(rows, frame.geometry, out.look.index, strict=True):
        row = {n: str(v) for n, v in zip(names, values, strict=True) if not pd.isna(v)}
        name = row.get(called) or (out.look.classes[at].label if at >= 0 else "")
        style = f"<styleUrl>#c{at}</styleUrl>" if at >= 0 else ""
        row.pop("name", None)  # said already
        data = "".join(f'<SimpleData name="{n}">{escape(v)}</SimpleData>' for n, v in row.items())
        drawn = "" if shape is None or shape.is_empty else _geometry(shape)
        yield (
            f"<Placemark>{_leaf('name', name)}{style}<ExtendedData>"
            f'<SchemaData schemaUrl="#columns">{data}</SchemaData></ExtendedData>{drawn}</Placemark>\n'
        )


def _geometry(shape: BaseGeometry) -> str:
    if shape.geom_type in ("Point", "LineString", "LinearRing"):
        places = shapely.get_coordinates(shape).tolist()
        coordinates = " ".join(f"{x:.8f},{y:.8f}" for x, y in places)
        return f"<{shape.geom_type}>{_leaf('coordinates', coordinates)}</{shape.geom_type}>"
    if shape.geom_type == "Polygon":
        holes = "".join(
            f"<innerBoundaryIs>{_geometry(ring)}</innerBoundaryIs>" for ring in shape.interiors
        )
        outer = f"<outerBoundaryIs>{_geometry(shape.exterior)}</outerBoundaryIs>"
        return f"<Polygon>{outer}{holes}</Polygon>"
    parts = [_geometry(part) for part in shapely.get_parts(shape)]
    return parts[0] if len(parts) == 1 else f"<MultiGeometry>{''.join(parts)}</MultiGeometry>"


def _leaf(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>"


def _abgr(colour: str, opacity: float = 1.0) -> str:
    return f"{round(255 * opacity):02x}{colour[5:7]}{colour[3:5]}{colour[1:3]}".lower()
