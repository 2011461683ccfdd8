"""The map: one Folium map that is never made again, and the few kilobytes that a filter changes.

The base map's script depends on the town's boundaries alone. A filter only adds a feature group
whose one element hands a state to `CWMap.paint` (static/map.js), which recolours what is there.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import folium
import numpy as np
import pandas as pd
import streamlit as st
from branca.element import MacroElement
from jinja2 import Template
from streamlit_folium import st_folium

from cwmap import figures
from cwmap.colours import (
    RAMPS,
    SPOT_COLOURS,
    TREND_COLOURS,
    breaks,
    classes,
    heat_png,
)
from cwmap.filters import Filter
from cwmap.town import Town
from cwmap.trends.emerging import LABELS as TRENDS
from cwmap.trends.emerging import Emerging
from cwmap.trends.hotspots import LABELS, Hotspots
from cwmap.trends.together import WHERE, Together
from cwmap.ui import keeping, state
from cwmap.ui.assets import asset_url, localize
from cwmap.ui.look import Look
from cwmap.ui.scene import scene_script
from cwmap.ui.shown import Shown, State, heat_of
from cwmap.writers.symbology import RATES

HEIGHT_PX = 720
UNITS = {"lanes": "件/百米", "cells": "件/公顷", "heat": "件/公顷"}
_CELL_OPACITY = 0.72


class Call(MacroElement):
    """One call of a function of static/map.js with one argument."""

    _template = Template(
        "{% macro script(this, kwargs) %}CWMap.{{ this.function }}"
        "({{ this.argument }});{% endmacro %}"
    )

    def __init__(self, function: str, argument: object) -> None:
        super().__init__()
        self._name = "Call"
        self.function = function
        text = json.dumps(argument, ensure_ascii=False, separators=(",", ":"))
        self.argument = text.replace("</", "<\\u002f")  # a name never ends the script early


class _Start(MacroElement):
    """Starts static/map.js on the map that it is added to; `scene` is its script, if not served."""

    _template = Template(
        "{% macro script(this, kwargs) %}{{ this.scene }}"
        "CWMap.start({{ this._parent.get_name() }});{% endmacro %}"
    )

    def __init__(self, scene: str = "") -> None:
        super().__init__()
        self._name = "Start"
        self.scene = scene


def base_map(town: Town, *, served: bool = True) -> folium.Map:
    """The map as it is before any filter; the same script as long as the boundaries stay.

    A new object each time: streamlit-folium adds to the one that it is given. `served`: the
    geometry comes from this server, to be kept by the browser; else it is inside.
    """
    west, south, east, north = town.bounds
    m = folium.Map(
        location=[round((south + north) / 2, 5), round((west + east) / 2, 5)], zoom_start=14,
        tiles=None, maxZoom=20, zoom_control=False, prefer_canvas=True, zoomSnap=0.25, zoomDelta=0.75,
    )  # fmt: skip
    digest, script = scene_script(town)
    m.add_child(_Start("" if served else script.decode()))
    scene = [f"../../cwmap/scene-{digest}.js"] if served else []
    localize(m, always=[asset_url("map.css"), *scene, asset_url("marks.js"), asset_url("map.js")])
    return m


def paint_state(town: Town, question: Filter, look: Look) -> State:
    """What a filter changes on the map, for `CWMap.paint`: a few kilobytes for any number of reports."""
    query = {**question.to_query(), "rev": str(town.revision)}
    painted: State = {
        "show": [*look.show],
        "surface": look.surface != "none",
        "colours": RAMPS,
        "heat": None,
        "cells": None,
        "lanes": {"classes": ""},  # drawn by the base map; here only to be pointed at
        "reports": {"query": urlencode(query)} if "reports" in look.show else None,
        "chosen": None,
    }
    if look.picked and look.picked[0] != "reports":
        painted["chosen"] = {"layer": look.picked[0], "ids": [look.picked[1]]}
    if look.surface == "cells":
        painted["cells"] = place_values(figures.cells(town, question), "cells")
        painted["lanes"] = None  # the cells are to be pointed at
    else:
        values = place_values(figures.lanes(town, question), "lanes")
        painted["lanes"] = values if look.surface == "lanes" else {**values, "classes": ""}
    if look.surface == "heat":
        query |= {"bandwidth": str(look.bandwidth_m or figures.bandwidths_m(town)[2])}
        painted["heat"] = {"query": urlencode(query), "bounds": heat_bounds(town)}
    return painted


def hotspot_state(found: Hotspots, look: Look, chosen: Sequence[str]) -> State:
    """The map of hot and cold units, for `CWMap.paint`; `chosen`: ids of the spot in hand."""
    units = found.units
    values = _classed(units["confirmed"], units["reports"], SPOT_COLOURS, LABELS)
    values |= {"rates": units["expected"].round(1).tolist(), "unit": "件（按全镇平均应有）"}
    return classed_state(found.method.units, values, look, chosen)


def pair_state(
    found: Together, colours: Mapping[str, Mapping[str, str]], look: Look, chosen: Sequence[str]
) -> State:
    """The map of two kinds together; `colours`: theme → class of `cwmap.trends.together.WHERE` → colour."""
    units = found.units
    total = units["first"] + units["second"]
    labels = {**WHERE, "first": f"只有{found.names[0]}集中", "second": f"只有{found.names[1]}集中"}
    values = _classed(units["where"], total, colours, labels)
    values["parts"] = [
        [name, units[column].tolist()]
        for name, column in zip(found.names, ("first", "second"), strict=True)
    ]
    return classed_state(found.found[0].method.units, values, look, chosen)


def bare_state(look: Look, chosen: Sequence[str] = ()) -> State:
    """The map without anything judged; `chosen`: lanes to be outlined."""
    return classed_state("lanes", {"classes": ""}, look, chosen)


def trend_state(town: Town, found: Emerging, layer: str, question: Filter, look: Look) -> State:
    """The map of change: units by their class, and the heat of each period on one scale to play."""
    values = _classed(found.units["trend"], found.cube.counts.sum(axis=1), TREND_COLOURS, TRENDS)
    painted = classed_state(layer, values, look, ())
    frames = periods(found, question)
    if not frames:
        return painted
    width = look.bandwidth_m or figures.bandwidths_m(town)[2]
    words = {
        "bandwidth": str(width), "top": f"{highest(town, frames, width):.6g}",
        "rev": str(town.revision),
    }  # fmt: skip
    return painted | {
        "series": {
            "bounds": heat_bounds(town),
            "frames": [
                {"label": label, "query": urlencode({**f.to_query(), **words})}
                for label, f in frames
            ],
        }
    }


def highest(town: Town, frames: list[tuple[str, Filter]], bandwidth_m: int) -> float:
    """The largest density of all periods, in reports per hectare; 0 without any."""
    key = ("highest", tuple(question for _, question in frames), bandwidth_m)
    return town.kept(
        key, lambda: max((float(figures.heat(town, f, bandwidth_m).max()) for _, f in frames), default=0.0)
    )  # fmt: skip


def periods(found: Emerging, question: Filter) -> list[tuple[str, Filter]]:
    """Each period of a space-time cube: its name and the filter that means it."""
    days = timedelta(days=found.cube.days - 1)
    return [
        (
            f"{start:%Y-%m-%d} 至 {start + days:%m-%d}",
            replace(question, start=start, end=start + days),
        )
        for start in found.cube.starts
    ]


def _classed(
    classes_of: Iterable[str], counts: Iterable[int], ramps: Mapping[str, Mapping[str, str]],
    labels: Mapping[str, str],
) -> dict[str, Any]:  # fmt: skip
    """Units of named classes, as `CWMap.paint` takes them."""
    order = list(ramps["light"])
    codes = [order.index(c) if c in order else -1 for c in classes_of]
    return {
        "classes": "".join("-" if k < 0 else str(k) for k in codes),
        "colours": {theme: list(ramp.values()) for theme, ramp in ramps.items()},
        "counts": [int(n) for n in counts],
        "rates": [None] * len(codes),
        "unit": "",
        "words": [*(labels[c] for c in order), labels["none"]],
        "said": [k if k >= 0 else len(order) for k in codes],
        "opacity": 0.85,
        "edge": True,
    }


def classed_state(layer: str, values: dict[str, Any], look: Look, chosen: Sequence[str]) -> State:
    """The map of one layer by given classes, without the reports; `chosen`: ids to be outlined."""
    painted: State = {"cells": None, "lanes": None, layer: values}
    return {
        "show": [w for w in look.show if w != "reports"], "surface": True, "colours": RAMPS,
        "heat": None, **painted, "reports": None,
        "chosen": {"layer": layer, "ids": list(chosen)} if chosen else None,
    }  # fmt: skip


def place_values(table: pd.DataFrame, layer: str) -> dict[str, Any]:
    """Classes, counts and rates of a layer's places, as `CWMap.paint` takes them."""
    rates = table[RATES[layer]].to_numpy(float)
    steps = breaks(float(np.nanmax(rates, initial=0.0)))
    rounded = [
        None if np.isnan(r) else round(r, 1) if r < 100 else round(r) for r in rates.tolist()
    ]
    return {
        "classes": classes(rates, steps),
        "steps": steps,
        "counts": table["reports"].tolist(),
        "rates": rounded,
        "unit": UNITS[layer],
        "opacity": 0.95 if layer == "lanes" else _CELL_OPACITY,
        "edge": layer == "cells",
    }


def unserved(town: Town, painted: State, theme: str) -> State:
    """The same map without anything that would be asked of the server later: its heat is inside.

    The single reports, which the map asks for by its window, are left out.
    """
    heat = painted["heat"]
    if heat:
        image = base64.b64encode(heat_png(*heat_of(town, heat), theme)).decode()
        heat = heat | {"data": f"data:image/png;base64,{image}"}
    return painted | {"heat": heat, "reports": None}


def heat_bounds(town: Town) -> list[list[float]]:
    """South-west and north-east corner of the heat image, in degrees."""
    west, south, east, north = figures.heat_extent(town)
    return [[south, west], [north, east]]


def draw(town: Town, shown: Shown, on_pick: Callable[[str, str], None]) -> None:
    """Put the map on the page, and go where it was last told to go.

    `on_pick(layer, id)` is called before the rerun that a click causes.
    """

    def picked() -> None:
        answer = (st.session_state.get("map") or {}).get("picked")
        if not answer:
            return
        layer, told = str(answer["layer"]), str(answer["id"])
        if layer == keeping.PICTURE:
            keeping.ask(told)
        else:
            on_pick(layer, told)

    paint = folium.FeatureGroup(name="paint")
    paint.add_child(Call("paint", shown.state | {"fly": state.flight(town)}))
    st_folium(
        base_map(town), key="map", height=HEIGHT_PX, use_container_width=True,
        feature_group_to_add=paint, returned_objects=[], on_change=picked,
    )  # fmt: skip
    keeping.offer(town, shown)
