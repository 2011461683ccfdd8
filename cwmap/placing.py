"""Which lane, cell, community and area a report belongs to.

In this order (design, section 3): inside the lane's polygon; else the lane that its text names;
else the nearest lane within the workspace's distance; else unplaced. Overlaps: the smallest
polygon wins, then the lowest id. A stretch or an area counts once, where most of it lies.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from cwmap.tables import PLACES, TABLES
from geo.coordinates import transform_geometries
from geo.locate import PolygonIndex, largest_share
from geo.nearest import NearestIndex

COLUMNS = ("lane_id", "cell_id", "community_id", "area_id", "placed_by", "distance_m")

Shapes = npt.NDArray[np.object_]


class Layer:
    """One layer of polygons in the workspace's metric CRS, ordered by id, with its cell index."""

    def __init__(self, ids: npt.NDArray[np.object_], shapes: Shapes, cache: Path | None) -> None:
        self.ids, self.shapes = ids, shapes
        self.index = _kept_index(shapes, cache)

    def at(self, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
        """Position of the polygon that holds each point; −1 for none."""
        return self.index.first(x, y)


def place(
    reports: pd.DataFrame, places: dict[str, pd.DataFrame], crs: str, nearest_m: float,
    cache: Path | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Where each report belongs: the same index, columns `COLUMNS`.

    Parameters
    ----------
    reports : columns geometry (EPSG:4326 or None), lane_name, address, community
    places : table name → rows with its key, name, geometry (EPSG:4326); lanes also aliases and
        community_id
    crs : the workspace's metric CRS
    nearest_m : how far a point may lie from its lane, in metres
    cache : folder in which indexes are kept, by the content of their polygons
    """
    shapes = transform_geometries(reports["geometry"].to_numpy(object), "EPSG:4326", crs)
    kinds = shapely.get_type_id(shapes)
    points = kinds == shapely.GeometryType.POINT
    spread = ~points & (kinds >= 0)
    x, y = np.full(len(reports), np.nan), np.full(len(reports), np.nan)
    x[points], y[points] = shapely.get_x(shapes[points]), shapely.get_y(shapes[points])

    found: dict[str, npt.NDArray[np.int32]] = {}
    layers: dict[str, Layer] = {}
    for name in PLACES:
        key = TABLES[name].key
        rows = places[name].sort_values(key)
        metric = transform_geometries(rows["geometry"].to_numpy(object), "EPSG:4326", crs)
        layer = layers[name] = Layer(rows[key].to_numpy(object), repaired(metric), cache)
        found[name] = layer.at(x, y)
        if spread.any():
            found[name][spread] = largest_share(shapes[spread], layer.shapes)

    lanes = found["lanes"]
    by = np.where(lanes >= 0, "within", "unplaced").astype(object)
    distance = np.where(lanes >= 0, 0.0, np.nan)
    _by_name(reports, places["lanes"].sort_values("lane_id"), places["communities"], lanes, by)
    _by_distance(layers["lanes"].shapes, x, y, shapes, spread, nearest_m, lanes, by, distance)
    _from_lane(layers, found, kinds < 0)
    placed = {f"{name[:-1] if name != 'communities' else 'community'}_id": _ids(layers[name], at)
              for name, at in found.items()}  # fmt: skip
    frame = pd.DataFrame(placed, index=reports.index)
    return frame.assign(placed_by=by, distance_m=distance)[list(COLUMNS)]


def repaired(shapes: Shapes) -> Shapes:
    """Polygons that projecting made invalid, valid again; the others as they are."""
    broken = ~shapely.is_valid(shapes) & ~shapely.is_missing(shapes)
    if not broken.any():
        return shapes
    shapes = shapes.copy()
    shapes[broken] = [_polygonal(s) for s in shapely.make_valid(shapes[broken])]
    return shapes


def _polygonal(shape: BaseGeometry) -> BaseGeometry:
    parts = shapely.get_parts(shape)
    flat = shapely.get_dimensions(parts) == 2
    return shapely.union_all(parts[flat])


def _by_name(
    reports: pd.DataFrame, lanes: pd.DataFrame, communities: pd.DataFrame,
    found: npt.NDArray[np.int32], by: npt.NDArray[np.object_],
) -> None:  # fmt: skip
    """Lanes that the text names, where the point is in none. Writes into `found` and `by`."""
    homeless = np.flatnonzero(found < 0)
    if not len(homeless) or lanes.empty:
        return
    names = LaneNames(lanes, communities)
    texts = reports.iloc[homeless][["lane_name", "address", "community"]].astype(object)
    for at, (lane, address, community) in zip(homeless, texts.itertuples(index=False), strict=True):
        position = names.find(lane, address, community)
        if position is not None:
            found[at], by[at] = position, "name"


class LaneNames:
    """Lanes by what people call them: names and aliases, told apart by community."""

    def __init__(self, lanes: pd.DataFrame, communities: pd.DataFrame) -> None:
        known = communities.set_index("community_id")["name"].to_dict()
        self.positions: dict[str, list[int]] = defaultdict(list)
        self.community: list[set[str]] = []
        columns = lanes[["name", "aliases", "community_id"]].astype(object)
        for at, (name, aliases, community) in enumerate(columns.itertuples(index=False)):
            words = [name, *_split(aliases)]
            for word in dict.fromkeys(w for w in (_plain(w) for w in words) if w):
                self.positions[word].append(at)
            self.community.append({_community(community), _community(known.get(community))} - {""})
        # Longest first, so that 中山街东段 is not read as 中山街.
        self.words = sorted(self.positions, key=lambda w: (-len(w), w))

    def find(self, lane: object, address: object, community: object) -> int | None:
        """The one lane that this text means, or None. An exact name decides before an address."""
        named = _plain(lane)
        if named:
            return self._only(named, community)
        text = _plain(address)
        for word in self.words:
            if len(word) > 1 and word in text:
                return self._only(word, community)
        return None

    def _only(self, word: str, community: object) -> int | None:
        positions = self.positions.get(word, [])
        home = _community(community)
        if home and len(positions) > 1:
            positions = [p for p in positions if home in self.community[p]]
        return positions[0] if len(positions) == 1 else None


def _plain(text: object) -> str:
    return "".join(text.split()) if isinstance(text, str) else ""


def _split(text: object) -> list[str]:
    if not isinstance(text, str):
        return []
    for mark in ",，;；/|":
        text = text.replace(mark, "、")
    return text.split("、")


def _community(text: object) -> str:
    plain = _plain(text)
    for ending in ("社区居委会", "居委会", "社区"):
        if plain.endswith(ending) and plain != ending:
            return plain[: -len(ending)]
    return plain


def _by_distance(
    lanes: Shapes, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], shapes: Shapes,
    spread: npt.NDArray[np.bool_], nearest_m: float, found: npt.NDArray[np.int32],
    by: npt.NDArray[np.object_], distance: npt.NDArray[np.float64],
) -> None:  # fmt: skip
    """The nearest lane for what is still homeless. Writes into `found`, `by` and `distance`."""
    if not len(lanes):
        return
    named = by == "name"
    distance[named] = shapely.distance(shapes[named], lanes[found[named]])
    homeless = np.flatnonzero((found < 0) & np.isfinite(x))
    position, metres = NearestIndex.build(lanes, max_m=nearest_m).query(x[homeless], y[homeless])
    near = position >= 0
    found[homeless[near]], distance[homeless[near]] = position[near], metres[near]
    by[homeless[near]] = "nearest"
    wide = np.flatnonzero((found < 0) & spread)
    if len(wide):
        tree = shapely.STRtree(lanes)
        (shape, lane), metres = tree.query_nearest(
            shapes[wide], max_distance=nearest_m, return_distance=True
        )
        order = np.lexsort((lane, shape))
        at, first = np.unique(shape[order], return_index=True)
        pick = order[first]
        found[wide[at]], distance[wide[at]] = lane[pick], metres[pick]
        by[wide[at]] = "nearest"


def _from_lane(
    layers: dict[str, Layer], found: dict[str, npt.NDArray[np.int32]], bare: npt.NDArray[np.bool_]
) -> None:
    """A report known by its lane's name alone takes the other layers from that lane's middle."""
    lanes = layers["lanes"]
    if not len(lanes.shapes):
        return
    middle = shapely.point_on_surface(lanes.shapes)
    x, y = shapely.get_x(middle), shapely.get_y(middle)
    for name in ("cells", "communities", "areas"):
        home = layers[name].at(x, y)
        lost = bare & (found["lanes"] >= 0)
        found[name][lost] = home[found["lanes"][lost]]


def _ids(layer: Layer, at: npt.NDArray[np.int32]) -> npt.NDArray[np.object_]:
    padded = np.append(layer.ids, None)  # −1 reads the last entry
    ids: npt.NDArray[np.object_] = padded[at]
    return ids


def _kept_index(shapes: Shapes, cache: Path | None) -> PolygonIndex:
    if cache is None or not len(shapes):
        return PolygonIndex.build(shapes)
    digest = hashlib.sha256()
    for blob in shapely.to_wkb(shapes):
        digest.update(blob or b"-")
    path = cache / f"index-{digest.hexdigest()[:24]}.npz"
    try:
        return PolygonIndex.load(path)
    except (OSError, ValueError):
        index = PolygonIndex.build(shapes)
        cache.mkdir(parents=True, exist_ok=True)
        index.save(path)
        return index
