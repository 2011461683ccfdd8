"""A small picture of where a layer's features lie, in the colours in which QGIS will show them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from html import escape
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
import shapely

from cwmap.colours import RAMPS, heat_png
from cwmap.town import Town
from cwmap.ui.outline import outline_url
from cwmap.writers.geotiff import class_names
from cwmap.writers.preview import Preview
from cwmap.writers.symbology import Class, Symbology
from geo.coordinates import transform_geometries

_MOST = 60_000
"""Corners; shapes with more in all are drawn by a point in each."""
_POINT_PX = 0.45  # of the size of a mark on the map
_LEAST_PX, _LINE_PX = 4.0, 3.0

Shapes = npt.NDArray[np.object_]


def picture(town: Town, found: Preview) -> str:
    """HTML: the town in few strokes, above it the features of the preview, and their classes below."""
    grid, look = town.heat_grid, found.look
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {grid.columns} {grid.rows}">'
        f"{''.join(_classes(town, found))}</svg>"
    )
    features = "data:image/svg+xml," + quote(svg, safe="/:=,. ")
    drawn = set(look.index[look.seen(found.sample)])
    occur = [c for at, c in enumerate(look.classes) if c.label and at in drawn]
    key = [(c.label, _ground(c), c.colour if c.mark else c.edge) for c in occur]
    return _over_town(town, features, "要素的位置") + _key(key) + _part(look)


def _part(look: Symbology) -> str:
    """Which part of features that lie on each other is drawn."""
    words = list(look.parts[1].values()) if look.parts else []
    if len(words) < 2:
        return ""
    told = f"图上只画{words[0]}；{'、'.join(words[1:])}也在文件里，在 QGIS 的图例里勾选。"
    return f'<p class="cw-hint">{escape(told)}</p>'


def heat_picture(town: Town, density: npt.NDArray[np.float32], steps: list[float]) -> str:
    """HTML: the town, above it a density in the colours of its raster, and their ranges below."""
    image = base64.b64encode(heat_png(density, steps, "light")).decode()
    names, ramp = class_names(steps), RAMPS["light"]
    key = [(name, colour, colour) for name, colour in zip(names, ramp, strict=True)]
    return _over_town(town, f"data:image/png;base64,{image}", "问题的密度") + _key(key)


def _over_town(town: Town, url: str, alt: str) -> str:
    """An image with the frame of the heat raster; light in both themes, as the file's colours are."""
    shape, ground = f"{town.heat_grid.columns}/{town.heat_grid.rows}", outline_url(town, "light")
    return (
        f'<div class="cw-where" style="aspect-ratio:{shape}">'
        f'<img src="{escape(ground)}" alt=""><img src="{escape(url)}" alt="{alt}"></div>'
    )


def _key(entries: list[tuple[str, str, str]]) -> str:
    """Labels with their colour and the colour of its edge."""
    items = "".join(
        f'<li><i style="background:{ground};border-color:{edge}"></i>{escape(label)}</li>'
        for label, ground, edge in entries
    )
    return f'<ul class="cw-key">{items}</ul>' if items else ""


def _ground(entry: Class) -> str:
    return f"color-mix(in srgb, {entry.colour} {entry.opacity:.0%}, var(--ground))"


def _classes(town: Town, found: Preview) -> Iterator[str]:
    """Each class as one path of areas, one of lines and one of points."""
    shapes = _in_pixels(town, found.sample.geometry.to_numpy(object))
    seen = found.look.seen(found.sample)
    for at, entry in enumerate(found.look.classes):
        mine = shapely.get_parts(shapes[seen & (found.look.index == at)])
        dimension = shapely.get_dimensions(mine)
        areas, lines, points = (mine[dimension == d] for d in (2, 1, 0))
        pale = bool(entry.mark) and not entry.fills
        edge, width = (entry.colour, _LINE_PX) if pale else (entry.edge, max(entry.edge_px, 0.4))
        yield _path(
            "".join(f"{_line(ring)}Z" for ring in shapely.get_rings(areas)),
            f'fill="{entry.colour}" fill-opacity="{0.25 if pale else entry.opacity}" fill-rule="evenodd"'
            f' stroke="{edge}" stroke-width="{width}"',
        )
        yield _path(
            "".join(_line(line) for line in lines),
            f'fill="none" stroke="{entry.colour}" stroke-width="{_LINE_PX}"',
        )
        size = max(_LEAST_PX, entry.size_px * _POINT_PX)
        dots = "".join(f"M{x:.1f},{y:.1f}h0" for x, y in shapely.get_coordinates(points))
        for colour, wide in ((entry.edge, size + 1.4), (entry.colour, size)):
            yield _path(dots, f'fill="none" stroke="{colour}" stroke-width="{wide:.1f}"')


def _path(d: str, style: str) -> str:
    """Widths are pixels of the screen, whatever the scale of the picture."""
    if not d:
        return ""
    return f'<path d="{d}" {style} stroke-linecap="round" vector-effect="non-scaling-stroke"/>'


def _line(line: object) -> str:
    return "M" + " ".join(f"{x:.1f},{y:.1f}" for x, y in shapely.get_coordinates(line))


def _in_pixels(town: Town, degrees: Shapes) -> Shapes:
    """Shapes in pixels of the heat raster, without what is too small to be seen."""
    a, _, west, _, e, north = town.heat_grid.transform
    metric = transform_geometries(degrees, "EPSG:4326", town.settings.crs)
    pixels = shapely.transform(metric, lambda xy: (xy - [west, north]) / [a, e])
    slim = shapely.simplify(pixels, 0.3)
    if int(shapely.get_num_coordinates(slim).sum()) > _MOST:
        slim = shapely.point_on_surface(slim)
    shapes: Shapes = slim
    return shapes
