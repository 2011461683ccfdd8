"""How far everyone walks to a kind of facility (服务范围), and who is within the norm of one.

Facilities of standard and those below it are told apart: who has only the latter within the norm is
half served. One whose standing is not recorded counts as of standard, which is said.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely

from cwmap.gaps.facilities import Facility, Norm, Norms
from cwmap.gaps.homes import Homes, homes
from cwmap.gaps.walks import Bools, Floats, Shapes, Walks, metric, walks
from cwmap.town import Town
from geo import service
from geo.walking import ROUNDING, Places

_DOOR_M = 20.0  # a facility that is a polygon can be entered here and there along its edge


@dataclass(frozen=True, eq=False)
class Stock:
    """The facilities of one kind. frame: by facility_id; name, standard (bool), problem ("" for none).

    entrances, owner: (k,) places to enter and the position of the facility that each belongs to.
    notes: what is not known of them.
    """

    frame: pd.DataFrame
    entrances: Places
    owner: np.ndarray
    notes: tuple[str, ...]

    def of_standard(self) -> Places:
        """The entrances of the facilities that are of standard."""
        return self.entrances[np.flatnonzero(self.frame["standard"].to_numpy(bool)[self.owner])]

    @property
    def problems(self) -> pd.DataFrame:
        """Facilities that cannot be walked to, and why."""
        return self.frame[self.frame["problem"] != ""]


@dataclass(frozen=True, eq=False)
class Reach:
    """(homes,) metres of walking to the nearest facility of standard, and to the nearest of any."""

    homes: Homes
    stock: Stock
    of_standard_m: Floats
    of_any_m: Floats

    def served(self, limit_m: float) -> Bools:
        """(homes,) within the limit of a facility of standard."""
        return np.asarray(self.of_standard_m <= limit_m * (1 + ROUNDING))

    def half_served(self, limit_m: float) -> Bools:
        """(homes,) within the limit of a facility below standard only."""
        return np.asarray((self.of_any_m <= limit_m * (1 + ROUNDING)) & ~self.served(limit_m))


def stock(town: Town, norms: Norms, kind: str) -> Stock:
    """The town's facilities of a kind, on its network."""
    return town.kept(("stock", norms.walk, kind), lambda: _stock(town, walks(town, norms), kind))


def reach(town: Town, norms: Norms, facility: Facility) -> Reach:
    """How far everyone is from a kind of facility; made once."""

    def make() -> Reach:
        ways, there = walks(town, norms), stock(town, norms, facility.kind)
        here = homes(town, norms)
        good = ways.nearest_m(here.places, there.of_standard())
        return Reach(here, there, good, ways.nearest_m(here.places, there.entrances))

    return town.kept(("reach", norms.walk, facility.kind), make)


def served(town: Town, norms: Norms, facility: Facility, norm: Norm, layer: str) -> pd.DataFrame:
    """Who is served, by place of a layer ("town": of all in one row); index: its ids.

    Columns total, of_standard, below_standard, beyond: of the unit of `homes`, the last three sum to
    the first; share: of_standard ÷ total, NaN where nobody lives; nearest_m: see there.
    """
    found = reach(town, norms, facility)
    good, half = found.served(norm.limit), found.half_served(norm.limit)
    weight = found.homes.weight
    at, index = _places(town, found.homes, layer)
    parts = {
        name: summed(at, weight * mask, len(index))
        for name, mask in (
            ("total", True), ("of_standard", good), ("below_standard", half), ("beyond", ~good & ~half)
        )
    }  # fmt: skip
    frame = pd.DataFrame(parts, index)
    return frame.assign(share=shares(frame), nearest_m=nearest_m(town, norms, facility, layer))


def nearest_m(town: Town, norms: Norms, facility: Facility, layer: str) -> pd.Series:
    """How far it is from each place of a layer ("town": from all) to a facility of standard.

    Half of the people have less. inf: they can reach none; NaN: nobody lives there.
    """
    found = reach(town, norms, facility)
    at, index = _places(town, found.homes, layer)
    return pd.Series(_medians(at, found.of_standard_m, found.homes.weight, len(index)), index)


def _places(town: Town, here: Homes, layer: str) -> tuple[np.ndarray, pd.Index]:
    if layer == "town":
        return np.zeros(len(here.weight), np.intp), pd.Index(["town"])
    return here.at[layer], town.layers[layer].index


def summed(at: np.ndarray, weight: Floats, size: int) -> Floats:
    """The sum of weights by position; those at −1 are left out."""
    inside = at >= 0
    return np.asarray(np.bincount(at[inside], weight[inside], size), float)


def shares(frame: pd.DataFrame) -> pd.Series:
    """The share that is of standard; NaN where there is nothing."""
    return frame["of_standard"] / frame["total"].where(frame["total"] > 0)


def _medians(at: np.ndarray, cost: Floats, weight: Floats, size: int) -> Floats:
    """The weighted median cost by position: the least that half of the weight does not pass."""
    middle = np.full(size, np.nan)
    order = np.lexsort((cost, at))
    order = order[(at[order] >= 0) & (weight[order] > 0)]
    for here in np.split(order, np.flatnonzero(np.diff(at[order])) + 1) if len(order) else ():
        running = np.cumsum(weight[here])
        middle[at[here[0]]] = cost[here[np.searchsorted(running, running[-1] / 2)]]
    return middle


def service_areas(town: Town, norms: Norms, facility: Facility, norm: Norm) -> dict[bool, Shapes]:
    """Whether of standard → polygons in metres from which a facility is within the norm, united."""

    def make() -> dict[bool, Shapes]:
        there, ways = stock(town, norms, facility.kind), walks(town, norms)
        good = there.frame["standard"].to_numpy(bool)[there.owner]
        usable = ways.reached(there.entrances)
        areas = {}
        for standard in (True, False):
            chosen = np.flatnonzero(usable & (good == standard))
            whole = service.together(ways.areas(there.entrances[chosen], norm.limit))
            areas[standard] = np.asarray(shapely.get_parts(whole), object)
        return areas

    return town.kept(("service areas", norms.walk, facility.kind, norm.limit), make)


def _stock(town: Town, ways: Walks, kind: str) -> Stock:
    rows = town.layers["facilities"]
    mine = (rows["kind"] == kind).to_numpy(bool)
    shapes = metric(town, "facilities")[mine]
    rows = rows[mine]
    points, owner = _doors(shapes)
    places = ways.places(shapely.get_x(points), shapely.get_y(points))
    usable = np.zeros(len(rows), bool)
    usable[owner[ways.reached(places)]] = True
    frame = pd.DataFrame(
        {
            "name": [n if isinstance(n, str) and n else f"设施 {i}" for i, n in rows["name"].items()],
            "standard": (rows["standard"] != "no").to_numpy(bool),
            "problem": [
                "" if good else _why(ways, places, owner == at, shapely.is_missing(shape))
                for at, (good, shape) in enumerate(zip(usable, shapes, strict=True))
            ],
            "x": _first(owner, shapely.get_x(points), len(rows)),
            "y": _first(owner, shapely.get_y(points), len(rows)),
        },
        rows.index,
    )  # fmt: skip
    unknown = int(rows["standard"].isna().sum())
    notes = (f"{unknown} 处没有填写是否达标，按达标计",) if unknown else ()
    return Stock(frame, places, owner, notes)


def _first(owner: np.ndarray, value: Floats, size: int) -> Floats:
    first = np.full(size, np.nan)
    first[owner[::-1]] = value[::-1]
    return first


def _doors(shapes: Shapes) -> tuple[Shapes, np.ndarray]:
    """Where each facility can be entered: its points, or places along its edge or line."""
    edges = np.where(shapely.get_dimensions(shapes) == 2, shapely.boundary(shapes), shapes)
    long = shapely.get_dimensions(edges) == 1
    edges[long] = shapely.segmentize(edges[long], _DOOR_M)
    xy, owner = shapely.get_coordinates(edges, return_index=True)
    return np.asarray(shapely.points(xy), object), owner


def _why(ways: Walks, places: Places, mine: Bools, missing: bool) -> str:
    if missing:
        return "没有位置"
    if places.cut_off[mine].any():
        return "在河里或山里，或被河、山隔开，走不到路上"
    return f"离路网超过 {ways.rules.snap_m:g} 米"
