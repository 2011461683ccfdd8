"""A map of a page as a drawing (专题图) to be kept: the colours, classes and marks that are looked at.

Whatever `CWMap.paint` of static/map.js and marks.js draws of a state is drawn here in print, in the
light theme. Names, ground, scale bar, date and source are those of every sheet.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import numpy.typing as npt
import shapely

from cwmap.drawing import themes
from cwmap.drawing.frame import Bounds
from cwmap.drawing.ground import metric
from cwmap.drawing.legend import Entry
from cwmap.drawing.lettering import ACCENT
from cwmap.drawing.sheet import Dots, Fill, Heat, Line, Mark, Sheet
from cwmap.filters import Filter
from cwmap.town import Town
from cwmap.ui.scene import FACILITY_ICONS
from cwmap.ui.shown import Shown, State, heat_of
from geo.coordinates import from_wgs84

_CHOSEN_MM, _ROUTE_MM, _STRETCH_MM, _ZONE_MM = 0.9, 0.7, 0.9, 0.5
_DOT_MM, _REPORT_MM, _MARK_MM = 1.2, 1.3, 3.6
_SOFT, _GREY, _BIN = "#8b8f93", "#9aa0a3", "#1b7f4b"
_NEAR = 2.0**1.5
"""As in map.js: over a surface the single reports show from so much closer than the whole town on."""
_MOST_REPORTS = 20_000
_LARGE = ("market", "transfer_station")
"""Facilities that are drawn in a map of the whole town."""

Floats = npt.NDArray[np.float64]


def sheet(town: Town, shown: Shown, drawn: date, bounds: Bounds | None = None) -> Sheet:
    """The drawing. bounds: of the part that is shown, in metres; None: the whole town."""
    painted, key = shown.state, shown.key
    legend = tuple(Entry(light, words) for light, _, words in key.classes) if key else ()
    heat = _heat(town, painted)
    return Sheet(
        town, shown.title, shown.said, key.title if key else "", themes.source(town, shown.note), drawn,
        fills=(*_places(town, painted), *_zones(town, painted)), heat=heat,
        marks=tuple(_marks(town, painted, bounds)), lines=tuple(_lines(town, painted)),
        dots=tuple(_dots(town, painted, bounds)), bounds=bounds,
        legend=() if heat else legend,  # a density brings its own
    )  # fmt: skip


def _places(town: Town, painted: State) -> Iterator[Fill]:
    """Cells and lanes by their classes."""
    for layer in ("cells", "lanes"):
        values = painted[layer]
        if not values or not values["classes"]:
            continue
        colours = values.get("colours", painted["colours"])["light"]
        codes = np.array([ord(c) - 48 if c != "-" else -1 for c in values["classes"]])
        shapes = metric(town, layer)
        for code, colour in enumerate(colours):
            mine = shapes[codes == code]
            if layer == "lanes":
                yield Fill(colour, mine, edge_mm=themes.LANE_EDGE_MM)
            else:
                yield Fill(colour, mine, opacity=values["opacity"], line="#ffffff")


def _heat(town: Town, painted: State) -> Heat | None:
    if not painted["heat"]:
        return None
    density, steps = heat_of(town, painted["heat"])
    return Heat(density, tuple(steps))


def _zones(town: Town, painted: State) -> Iterator[Fill]:
    for zone in painted.get("zones") or ():
        yield Fill(zone["colours"]["light"], _polygons(town, zone), opacity=0.1)


def _lines(town: Town, painted: State) -> Iterator[Line]:
    """Outlines, stretches and ways, the upper ones later."""
    if "communities" in painted["show"]:
        yield Line(_SOFT, metric(town, "communities"), 0.25, dash=True)
    for zone in painted.get("zones") or ():
        yield Line(
            zone["colours"]["light"], _polygons(town, zone), _ZONE_MM, dash=bool(zone["dash"])
        )
    stretches = painted.get("stretches")
    if stretches and stretches["items"]:
        ways = [shapely.LineString(_metres(town, item[0])) for item in stretches["items"]]
        yield Line(stretches["colours"]["light"], np.array(ways, object), _STRETCH_MM)
    route = painted.get("route") or ()
    if len(route) > 1:
        way = np.array([shapely.LineString(_metres(town, route))], object)
        yield Line(ACCENT, way, _ROUTE_MM, dash=True)
    chosen = painted["chosen"]
    if chosen and chosen["layer"] in town.layers:
        at = town.layers[chosen["layer"]].index.isin(chosen["ids"])
        yield Line(ACCENT, metric(town, chosen["layer"])[at], _CHOSEN_MM)


def _marks(town: Town, painted: State, bounds: Bounds | None) -> Iterator[Mark]:
    if "facilities" in painted["show"]:
        yield from _facilities(town, bounds)
    for group in painted.get("marks") or ():
        for (x, y), item in _placed(town, group):
            colour = group["colours"]["light"][item[2]] if item[2] >= 0 else _GREY
            text = str(item[6]) if len(item) > 6 else ""
            yield Mark(x, y, text, colour, fixed=not text.isdecimal(), size_mm=_MARK_MM)
    pins = painted.get("pins") or ()
    for (x, y), pin in zip(_metres(town, [pin["at"] for pin in pins]), pins, strict=True):
        yield Mark(x, y, pin["number"], ACCENT)


def _facilities(town: Town, bounds: Bounds | None) -> Iterator[Mark]:
    layer = town.layers["facilities"]
    wanted = layer["kind"].isin(_LARGE) if bounds is None else layer["kind"] != "bin"
    for shape, kind in zip(
        metric(town, "facilities")[wanted.to_numpy()], layer["kind"][wanted], strict=True
    ):
        if shape is not None and not shape.is_empty:
            at = shape.representative_point()
            icon = FACILITY_ICONS.get(kind, "设")
            yield Mark(at.x, at.y, icon, _BIN, fixed=True, size_mm=_MARK_MM)


def _dots(town: Town, painted: State, bounds: Bounds | None) -> Iterator[Dots]:
    if "facilities" in painted["show"] and bounds is not None:
        bins = metric(town, "facilities")[(town.layers["facilities"]["kind"] == "bin").to_numpy()]
        yield Dots(_BIN, shapely.get_coordinates(shapely.centroid(bins)), _DOT_MM)
    for group in painted.get("dots") or ():
        found = list(_placed(town, group))
        for code, colour in enumerate(group["colours"]["light"]):
            mine = [xy for xy, item in found if item[2] == code]
            yield Dots(colour, np.array(mine).reshape(-1, 2), _DOT_MM)
    if painted["reports"] and (not painted["surface"] or _near(town, bounds)):
        yield from _reports(town, painted["reports"]["query"])


def _near(town: Town, bounds: Bounds | None) -> bool:
    if bounds is None:
        return False
    west, _, east, _ = town.heat_grid.bounds
    return bool((east - west) / (bounds[2] - bounds[0]) >= _NEAR)


def _reports(town: Town, query: str) -> Iterator[Dots]:
    """The newest reports of a filter by the colour of their kind."""
    view = town.view(Filter.from_query(dict(parse_qsl(query))))
    at = town.selected(view)[-_MOST_REPORTS:]
    at = at[np.isfinite(town.reports.x[at])]
    groups = [town.categories.group_of(code) for code in town.reports.codes]
    kinds = town.reports.category[at]
    for group in town.categories.groups:
        codes = [k for k, g in enumerate(groups) if g.key == group.key]
        mine = at[np.isin(kinds, codes)]
        if len(mine):
            xy = np.column_stack([town.reports.x[mine], town.reports.y[mine]])
            yield Dots(group.colour, xy, _REPORT_MM, group.name)


def _placed(town: Town, group: dict[str, Any]) -> Iterator[tuple[list[float], list[Any]]]:
    """Items of marks or dots, each behind its place in metres."""
    items = group["items"]
    return zip(_metres(town, [item[:2] for item in items]).tolist(), items, strict=True)


def _polygons(town: Town, zone: dict[str, Any]) -> npt.NDArray[np.object_]:
    found = [
        shapely.Polygon(_metres(town, rings[0]), [_metres(town, ring) for ring in rings[1:]])
        for rings in zone["polygons"]
    ]
    return np.array(found, object)


def _metres(town: Town, places: Any) -> Floats:
    """(n, 2) latitude and longitude → (n, 2) metres of the town's projection."""
    lat, lon = np.asarray(places, float).reshape(-1, 2).T
    return np.column_stack(from_wgs84(lon, lat, town.settings.crs))
