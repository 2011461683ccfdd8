"""Units of responsibility (责任单元): lanes, and the compounds, markets and places beside them.

A unit is called `layer/id`, as in `lanes/X001`: ids are unique within a layer only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from cwmap.naming import plain
from cwmap.norms import split_words
from cwmap.tables import UNIT_KIND
from cwmap.town import Town
from geo.coordinates import to_wgs84, transform_geometries

LAYERS = ("lanes", "units", "facilities")
"""In the order in which a name is looked up."""
KINDS = tuple(UNIT_KIND.choices)
_OF_FACILITY = {"market": "market", "toilet": "toilet"}


def units(town: Town) -> gpd.GeoDataFrame:
    """Every unit: index `layer/id`; columns layer, id, name, kind, community_id, length_m, geometry.

    EPSG:4326, in the order of `LAYERS` and of ids. kind: one of `KINDS`; a lane of kind `lane` is a
    巷道, any other street a 街面. length_m: of lanes, else NaN.
    """
    return town.kept("units", lambda: _units(town))


def _units(town: Town) -> gpd.GeoDataFrame:
    lanes, others, facilities = (town.layers[name] for name in LAYERS)
    served = facilities[facilities["kind"].isin(list(_OF_FACILITY))]
    street = np.where(lanes["kind"].isin(["main", "secondary", "branch"]), "street", "lane")
    nothing = pd.Series(None, served.index, dtype=object)
    parts = [
        _part("lanes", lanes, street, lanes["community_id"], lanes["length_m"]),
        _part("units", others, others["kind"], others["community_id"]),
        _part("facilities", served, served["kind"].map(_OF_FACILITY), nothing),
    ]
    return gpd.GeoDataFrame(pd.concat(parts), geometry="geometry", crs="EPSG:4326")


def _part(
    layer: str, frame: gpd.GeoDataFrame, kind: Iterable[str], community_id: pd.Series,
    length_m: Iterable[float] | float = np.nan,
) -> pd.DataFrame:  # fmt: skip
    ids = frame.index.to_numpy(object)
    named = frame["name"].where(frame["name"].notna(), ids)
    return pd.DataFrame(
        {
            "layer": layer, "id": ids, "name": named.to_numpy(object),
            "kind": np.asarray(kind, object), "community_id": community_id.to_numpy(object),
            "length_m": np.asarray(length_m, float), "geometry": frame.geometry.to_numpy(object),
        },
        index=pd.Index([f"{layer}/{i}" for i in ids], dtype=object, name="unit"),
    )  # fmt: skip


def centres(town: Town) -> pd.DataFrame:
    """A point inside each unit: columns x, y (the town's metres) and lon, lat; same index.

    NaN without a shape.
    """
    return town.kept("unit centres", lambda: _centres(town))


def _centres(town: Town) -> pd.DataFrame:
    inside = shapely.point_on_surface(shapes_m(town))
    x, y = shapely.get_x(inside), shapely.get_y(inside)
    lon, lat = to_wgs84(x, y, town.settings.crs)
    return pd.DataFrame({"x": x, "y": y, "lon": lon, "lat": lat}, units(town).index)


def shapes_m(town: Town) -> npt.NDArray[np.object_]:
    """The units' shapes in the town's metres, in the order of `units`; None without one."""

    def make() -> npt.NDArray[np.object_]:
        degrees = units(town).geometry.to_numpy(object)
        return transform_geometries(degrees, "EPSG:4326", town.settings.crs)

    return town.kept("unit shapes", make)


def find(town: Town, texts: pd.Series) -> pd.Series:
    """The unit that each text means, None where none or several; same index.

    An id, else a name, else another name of a lane; each unique, lanes before other units before
    facilities. Width, case and blanks do not matter.
    """
    known = town.kept("unit names", lambda: _names(town))
    return pd.Series([known.get(plain(text)) for text in texts], texts.index, dtype=object)


def _names(town: Town) -> dict[str, str]:
    frame = units(town)
    known: dict[str, str] = {}
    aliases = town.layers["lanes"]["aliases"].dropna()
    other = [
        (f"lanes/{lane}", word) for lane, text in aliases.items() for word in split_words(text)
    ]
    for layer in LAYERS:
        mine = frame[frame["layer"] == layer]
        rounds = [list(zip(mine.index, mine["id"], strict=True))]
        rounds.append(list(zip(mine.index, mine["name"], strict=True)))
        rounds += [other] if layer == "lanes" else []
        for pairs in rounds:
            words = [(key, plain(word)) for key, word in pairs]
            times = Counter(word for _, word in words)
            for key, word in words:
                if times[word] == 1:  # two of one name: the register must say which
                    known.setdefault(word, key)
    return known
