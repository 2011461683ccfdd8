"""How many people live in a cell, a community or an area (常住人口), from the table of population."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from cwmap.placing import repaired
from cwmap.town import Town
from geo.coordinates import transform_geometries
from geo.locate import PolygonIndex

_SLIVER = 0.01
"""Boundaries of two sources never meet exactly: a smaller share of a polygon lies there by accident."""

Floats = npt.NDArray[np.float64]
Shapes = npt.NDArray[np.object_]


def residents(town: Town, layer: str) -> pd.Series:
    """Residents of each place of a layer, indexed as it; NaN where they are not known.

    A row of the population that is a point counts in the place that holds it; a polygon in each
    place by the share of its area there. A place that no row reaches is unknown, not empty.
    """
    return town.kept(("residents", layer), lambda: _residents(town, layer))


def _residents(town: Town, layer: str) -> pd.Series:
    index = town.layers[layer].index
    number = town.layers["population"]["residents"].to_numpy(float)
    place, row, share = _shares(_metric(town, layer), _metric(town, "population"))
    reached = np.bincount(place, minlength=len(index)) > 0
    total = np.bincount(place, number[row] * share, len(index))
    return pd.Series(np.where(reached, total, np.nan), index)


def _metric(town: Town, layer: str) -> Shapes:
    degrees = town.layers[layer].geometry.to_numpy(object)
    return repaired(transform_geometries(degrees, "EPSG:4326", town.settings.crs))


def _shares(
    places: Shapes, homes: Shapes
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Floats]:
    """Pairs of place and row that belong together, and the share of the row that lies there."""
    flat = shapely.area(homes) > 0
    spots = np.flatnonzero(~flat & ~shapely.is_missing(homes))
    middle = shapely.centroid(homes[spots])
    place = PolygonIndex.build(places).first(shapely.get_x(middle), shapely.get_y(middle))
    held = place >= 0
    blocks = np.flatnonzero(flat)
    block, over = shapely.STRtree(places).query(homes[blocks], predicate="intersects")
    whole = shapely.area(homes[blocks[block]])
    part = shapely.area(shapely.intersection(homes[blocks[block]], places[over])) / whole
    real = part >= _SLIVER
    return (
        np.concatenate([place[held].astype(np.intp), over[real]]),
        np.concatenate([spots[held], blocks[block[real]]]),
        np.concatenate([np.ones(int(held.sum())), part[real]]),
    )
