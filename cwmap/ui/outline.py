"""A town in few strokes (简图): water, lanes and areas as one small picture beneath a heat image."""

from __future__ import annotations

from urllib.parse import quote

import numpy as np
import numpy.typing as npt
import shapely

from cwmap.town import Town
from geo.coordinates import transform_geometries

COLOURS = {
    "light": {"ground": "#f4f3ee", "water": "#c3d9e6", "lanes": "#dcd8cc", "areas": "#0f6e6e"},
    "dark": {"ground": "#14191c", "water": "#16303d", "lanes": "#333d43", "areas": "#5cc8bd"},
}
_MOST = 150_000
"""Characters; of a town with more lanes than that only the areas are drawn."""


def outline_url(town: Town, theme: str) -> str:
    """An SVG as a data address; it lies exactly under the town's heat image (same frame, same metres)."""
    return town.kept(("outline", theme), lambda: _outline_url(town, theme))


def _outline_url(town: Town, theme: str) -> str:
    colour, grid, backdrop = COLOURS[theme], town.heat_grid, town.layers["backdrop"]
    water = _path(town, backdrop.geometry[backdrop["kind"] == "water"].to_numpy(object))
    lanes = _path(town, town.layers["lanes"].geometry.to_numpy(object))
    areas = _path(town, town.layers["areas"].geometry.to_numpy(object))
    if len(water) + len(lanes) > _MOST:
        water = lanes = ""
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {grid.columns} {grid.rows}">'
        f'<rect width="100%" height="100%" fill="{colour["ground"]}"/>'
        f'<path d="{water}" fill="{colour["water"]}"/><path d="{lanes}" fill="{colour["lanes"]}"/>'
        f'<path d="{areas}" fill="none" stroke="{colour["areas"]}" stroke-width="1"/></svg>'
    )
    return "data:image/svg+xml," + quote(svg, safe="/:=,. ")


def _path(town: Town, degrees: npt.NDArray[np.object_]) -> str:
    """The rings of polygons as SVG path data, in pixels of the heat raster."""
    a, _, west, _, e, north = town.heat_grid.transform
    metric = transform_geometries(degrees, "EPSG:4326", town.settings.crs)
    pixels = shapely.transform(metric, lambda xy: (xy - [west, north]) / [a, e])
    parts = shapely.get_parts(shapely.simplify(pixels[~shapely.is_missing(pixels)], 0.5))
    rings = shapely.get_rings(parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON])
    return "".join(
        "M" + " ".join(f"{x:.1f},{y:.1f}" for x, y in shapely.get_coordinates(ring)[:-1]) + "Z"
        for ring in rings
    )
