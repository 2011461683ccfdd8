"""Where to put the next facilities (选址): the sites that serve most who go without.

Candidates: the facilities of kind `other`, if the office recorded any (土地已落实的备选点); else the
backdrop's greens and places along the lanes, thinned to an even spread. What stands but is below
standard is a candidate too: to be upgraded. Solved by `geo.siting`, which proves how good it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely

from cwmap import figures
from cwmap.gaps.facilities import Facility, Norm, Norms
from cwmap.gaps.gaps import facility_of
from cwmap.gaps.homes import UNITS, Unit, located, pieces
from cwmap.gaps.reach import reach, stock, summed
from cwmap.gaps.walks import Bools, Floats, metric, walks
from cwmap.town import Town
from geo.coordinates import from_wgs84, to_wgs84
from geo.siting import maximal_covering, set_covering
from geo.walking import ROUNDING

SOURCES = {
    "given": "备选点", "upgrade": "改造达标", "green": "绿地", "lane": "路边", "pin": "手动放置",
}  # fmt: skip
"""What a site is now."""
_FINEST = 6  # candidates stand no nearer than a sixth of the norm's radius


@dataclass(frozen=True, eq=False)
class Placed:
    """New facilities and what they change, in the unit of the homes.

    frame: order, name, source, lon, lat, adds (to what stands and those before it), share_after,
    problem ("" for none: it cannot be walked to). covers: (homes,) newly within the norm.
    """

    frame: pd.DataFrame
    covers: Bools
    before: float
    after: float
    total: float
    unit: Unit

    @property
    def share(self) -> float:
        """Served ÷ all with the new ones; NaN for nobody."""
        return self.after / self.total if self.total else np.nan


@dataclass(frozen=True, eq=False)
class Proposal:
    """The best sites found. gap: a better plan may serve so much more, as a share; 0: there is none.

    candidates: how many there were. least: so few would serve all whom a candidate can serve,
    `unreachable` of the unit not among them; least_proven: whether fewer cannot.
    """

    placed: Placed
    candidates: int
    gap: float
    proven: bool
    least: int
    least_proven: bool
    unreachable: float

    @property
    def said(self) -> str:
        """How good it is, in one line."""
        best = (
            "已证明没有更好的方案"
            if self.proven
            else f"没有算到头：更好的方案最多再多 {self.gap:.1%}"
        )
        few = "至少" if self.least_proven else "不超过"
        left = (
            f"，{self.unreachable:,.0f} {UNITS[self.placed.unit]}各备选点都够不到"
            if self.unreachable else ""
        )  # fmt: skip
        return (
            f"从 {self.candidates} 个备选点里选，{best}；要覆盖备选点能覆盖的全部，"
            f"{few}需要 {self.least} 处{left}"
        )


def proposal(
    town: Town, norms: Norms, kind: str, *, sites: int | None = None, norm_key: str | None = None,
    area_id: str | None = None, layer: str = "areas",
) -> Proposal:  # fmt: skip
    """The best `sites` new sites of a kind, in one place of a layer if given; kept.

    The kind must have a norm of walking distance.
    """
    facility = facility_of(norms, kind)
    norm = facility.radius(norm_key)
    assert norm, "a kind without a radius has no sites: see cwmap.spacing"
    number = sites or norms.sites
    key = ("proposal", norms.version, norms.walk, kind, norm.key, number, area_id, layer)
    return town.kept(key, lambda: _proposal(town, norms, facility, norm, number, area_id, layer))


def place(
    town: Town, norms: Norms, facility: Facility, norm: Norm, pins: list[tuple[float, float]]
) -> Placed:
    """What facilities at these places (longitude, latitude) would change; kept."""

    def make() -> Placed:
        lon, lat = np.array(pins, float).reshape(-1, 2).T
        x, y = from_wgs84(lon, lat, town.settings.crs)
        at = pd.DataFrame({"x": x, "y": y, "source": "pin"})
        return _placed(town, norms, facility, norm, at)

    key = ("placed", norms.version, norms.walk, facility.kind, norm.key, tuple(pins))
    return town.kept(key, make)


def shares_after(
    town: Town, norms: Norms, facility: Facility, norm: Norm, layer: str, plan: Placed | None
) -> pd.Series:
    """The share of each place of a layer that is served, with a plan; NaN where nobody lives."""
    found = reach(town, norms, facility)
    at, index = found.homes.at[layer], town.layers[layer].index
    served = found.served(norm.limit) | (plan.covers if plan else False)
    total = summed(at, found.homes.weight, len(index))
    good = summed(at, found.homes.weight * served, len(index))
    return pd.Series(np.where(total > 0, good / np.where(total > 0, total, 1), np.nan), index)


def candidates(
    town: Town, norms: Norms, facility: Facility, norm: Norm, area_id: str | None = None,
    layer: str = "areas",
) -> pd.DataFrame:  # fmt: skip
    """Where a new one may stand, in one place of a layer if given: x, y (metres), source of `SOURCES`."""
    key = ("possible", norms.walk, facility.kind)
    spots = town.kept(key, lambda: _possible(town, norms, facility))
    if area_id is not None:
        here = located(town, spots["x"].to_numpy(float), spots["y"].to_numpy(float))[layer]
        spots = spots[here == town.layers[layer].index.get_loc(area_id)]
    if (spots["source"] == "given").any():
        return spots.reset_index(drop=True)
    return _thinned(spots, norm.limit / _FINEST, norms.candidates)


def _proposal(
    town: Town, norms: Norms, facility: Facility, norm: Norm, number: int, area_id: str | None,
    layer: str,
) -> Proposal:  # fmt: skip
    found = reach(town, norms, facility)
    spots = candidates(town, norms, facility, norm, area_id, layer)
    covers = _covers(town, norms, facility, norm, spots)
    # Who cannot be reached by anyone is nobody's to serve; who is served is not to be served again.
    open_now = ~found.served(norm.limit) & (found.homes.weight > 0)
    weight = np.where(open_now, found.homes.weight, 0.0)
    best = maximal_covering(covers, weight, sites=number)
    fewest = set_covering(covers[open_now], weight[open_now])
    unreachable = float(weight[open_now][fewest.uncoverable].sum()) if area_id is None else 0.0
    chosen = spots.iloc[best.sites]
    return Proposal(
        _placed(town, norms, facility, norm, chosen), len(spots), best.gap, best.proven,
        len(fewest.sites), fewest.proven, unreachable,
    )  # fmt: skip


def _covers(town: Town, norms: Norms, facility: Facility, norm: Norm, spots: pd.DataFrame) -> Bools:
    """(homes, spots) whether a home would be within the norm of each."""
    ways, found = walks(town, norms), reach(town, norms, facility)
    there = ways.places(spots["x"].to_numpy(float), spots["y"].to_numpy(float))
    cost = ways.table_m(found.homes.places, there, norm.limit)
    return np.asarray(cost <= norm.limit * (1 + ROUNDING))


def _placed(
    town: Town, norms: Norms, facility: Facility, norm: Norm, spots: pd.DataFrame
) -> Placed:
    found, ways = reach(town, norms, facility), walks(town, norms)
    covers = _covers(town, norms, facility, norm, spots)
    served, weight = found.served(norm.limit), found.homes.weight
    total, before = float(weight.sum()), float(weight[served].sum())
    adds, left = [], ~served
    for column in covers.T:
        adds.append(float(weight[left & column].sum()))
        left = left & ~column
    x, y = spots["x"].to_numpy(float), spots["y"].to_numpy(float)
    lon, lat = to_wgs84(x, y, town.settings.crs)
    usable = ways.reached(ways.places(x, y))
    after = before + np.cumsum(adds, dtype=float)
    frame = pd.DataFrame(
        {
            "order": np.arange(1, len(spots) + 1), "name": _beside(town, x, y),
            "source": spots["source"].to_numpy(object), "lon": lon, "lat": lat,
            "adds": np.array(adds, float), "share_after": after / total if total else np.nan,
            "problem": np.where(usable, "", "走不到：在河里、山里，或离路网太远"),
        }
    )  # fmt: skip
    end = float(after[-1]) if len(after) else before
    return Placed(frame, ~served & covers.any(axis=1), before, end, total, found.homes.unit)


def _beside(town: Town, x: Floats, y: Floats) -> list[str]:
    """What people would call each place: the lane that it is nearest to."""
    lanes = metric(town, "lanes")
    points = shapely.points(x, y)
    found = ["" for _ in x]
    for at, lane in shapely.STRtree(lanes).query_nearest(points, all_matches=False).T:
        lane_id = str(town.layers["lanes"].index[lane])
        inside = shapely.distance(lanes[lane], points[at]) <= 0
        found[at] = figures.place_name(town, "lanes", lane_id) + ("" if inside else "旁")
    return found


def _possible(town: Town, norms: Norms, facility: Facility) -> pd.DataFrame:
    """All candidates that can be walked to, the more promising kinds first."""
    ways, layers = walks(town, norms), town.layers
    below = stock(town, norms, facility.kind).frame
    below = below[~below["standard"] & (below["problem"] == "")]
    parts = [_spots(below["x"], below["y"], "upgrade")]
    given = metric(town, "facilities")[(layers["facilities"]["kind"] == "other").to_numpy(bool)]
    given = shapely.point_on_surface(given[~shapely.is_missing(given)])
    if len(given):
        parts.append(_spots(shapely.get_x(given), shapely.get_y(given), "given"))
    else:
        green = metric(town, "backdrop")[(layers["backdrop"]["kind"] == "green").to_numpy(bool)]
        inner = shapely.point_on_surface(green[shapely.area(green) > 0])
        parts.append(_spots(shapely.get_x(inner), shapely.get_y(inner), "green"))
        middle, _ = pieces(ways)
        parts.append(_spots(shapely.get_x(middle), shapely.get_y(middle), "lane"))
    spots = pd.concat(parts, ignore_index=True)
    places = ways.places(spots["x"].to_numpy(float), spots["y"].to_numpy(float))
    return spots[ways.reached(places)].reset_index(drop=True)


def _spots(x: Floats | pd.Series, y: Floats | pd.Series, source: str) -> pd.DataFrame:
    return pd.DataFrame({"x": np.asarray(x, float), "y": np.asarray(y, float), "source": source})


def _thinned(spots: pd.DataFrame, spacing_m: float, most: int) -> pd.DataFrame:
    """One spot in each square of a grid, the first; squares as large as it takes for `most`."""
    while True:
        square = np.floor(spots[["x", "y"]].to_numpy(float) / spacing_m).astype(np.int64)
        _, first = np.unique(square, axis=0, return_index=True)
        if len(first) <= most:
            return spots.iloc[np.sort(first)].reset_index(drop=True)
        spacing_m *= 1.1
