"""会议: what the map of a step shows and what its colours mean, for static/meeting.js."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import streamlit as st

from cwmap import figures
from cwmap.assessment import assessment
from cwmap.colours import (
    RAMPS,
    SCORE_COLOURS,
    SCORE_STEPS,
    SPOT_COLOURS,
    STANDING_COLOURS,
    even_breaks,
    heat_png,
)
from cwmap.duties import duties
from cwmap.meeting import telling
from cwmap.meeting.desk import Desk
from cwmap.meeting.telling import Told
from cwmap.tables import TABLES
from cwmap.trends.spots import spots
from cwmap.ui import dutymap, legend, scoremap, state, tasklist
from cwmap.ui import map as town_map
from cwmap.ui.choices import Choices, theme
from cwmap.ui.look import Look
from cwmap.ui.scene import FACILITY_ICONS

State = dict[str, Any]
Legend = dict[str, Any]
"""title, and boxes: colour of the light theme, of the dark one, and what it means."""


def shown(desk: Desk, told: Told) -> tuple[State, Legend | None]:
    """The map of a step for `CWMap.paint`, and its legend.

    Nothing in it is asked of the server later: while a meeting is on, new data must not jump. So
    the single reports, which the map asks for by its window, are left out.
    """
    painted, key = _PAINTERS[told.page](desk, told)
    painted |= {"reports": None, "fly": None, "chosen": _chosen(told, painted)}
    if told.facilities:
        painted["marks"] = [_marks(desk, told)]
    return painted, key


def bare() -> State:
    """The map where a step cannot be shown."""
    return town_map.bare_state(Look())


def bounds(desk: Desk, told: Told) -> list[list[float]] | None:
    """South-west and north-east of the places and facilities of a step; None where it has none."""
    wanted = [told.places, ("facilities", told.facilities)]
    shapes = [_shapes(desk, layer, ids) for layer, ids in wanted if ids]
    found = pd.concat(shapes) if shapes else None
    if found is None or found.empty:
        return None
    west, south, east, north = found.total_bounds
    return [[south, west], [north, east]]


def _shapes(desk: Desk, layer: str, ids: Sequence[str]) -> gpd.GeoSeries:
    shapes = desk.town.layers[layer].geometry
    return shapes[shapes.index.isin(ids) & shapes.notna()]


def _marks(desk: Desk, told: Told) -> dict[str, Any]:
    """Facilities as marks, with their names."""
    colour = STANDING_COLOURS["light"]["good"]
    items = []
    for place, shape in _shapes(desk, "facilities", told.facilities).items():
        at = shape.representative_point()
        kind = desk.town.layers["facilities"]["kind"][place]
        name = figures.place_name(desk.town, "facilities", str(place))
        said = TABLES["facilities"]["kind"].shown(kind)
        items.append([at.y, at.x, 0, name, said, place, FACILITY_ICONS.get(kind, "设")])
    return {"layer": "facilities", "colours": {"light": [colour], "dark": [colour]}, "items": items}


def _chosen(told: Told, painted: State) -> Any:
    layer, ids = told.places
    return {"layer": layer, "ids": list(ids)} if ids else painted["chosen"]


def _town(desk: Desk, told: Told) -> tuple[State, Legend | None]:
    town, look = desk.town, Look.from_query(told.look)
    painted = town_map.paint_state(town, told.question, look)
    if look.surface == "none":
        return painted, None
    if look.surface == "heat":
        density = figures.heat(
            town, told.question, look.bandwidth_m or figures.bandwidths_m(town)[2]
        )
        steps = even_breaks(float(np.max(density, initial=0.0)))
        image = base64.b64encode(heat_png(density, steps, theme())).decode()
        painted["heat"]["data"] = f"data:image/png;base64,{image}"
    else:
        steps = painted[look.surface]["steps"]
    labels = [f"不到 {steps[0]:g}", *(f"{step:g}" for step in steps)] if steps else []
    title = f"{legend.TITLES[look.surface]}（{town_map.UNITS[look.surface]}）"
    return painted, _boxes(title, RAMPS, labels)


def _spots(desk: Desk, told: Told) -> tuple[State, Legend | None]:
    choice = Choices.from_query(told.look)
    usual = choice == Choices()
    found = desk.spots(told.question) if usual else spots(desk.town, told.question, choice.method)
    chosen = next((s.unit_ids for s in found.items if choice.spot in s.unit_ids), ())
    look = replace(Look.from_query(told.look), picked=None)
    painted = town_map.hotspot_state(found.found, look, chosen)
    labels = [f"{c[-2:]}%" for c in SPOT_COLOURS["light"]]
    return painted, _boxes("问题明显偏多（红）、偏少（蓝）的把握", _lists(SPOT_COLOURS), labels)


def _scores(desk: Desk, told: Told) -> tuple[State, Legend | None]:
    period = telling.scored_period(desk, told.look)
    ranking = assessment.ranking(desk.town, desk.scoring, period)
    with _looking(told):
        painted = scoremap.painted(desk.town, ranking)
    labels = [f"不到 {SCORE_STEPS[0]}", *(f"{s} 起" for s in SCORE_STEPS)]
    return painted, _boxes("得分（不着色的没有检查）", _lists(SCORE_COLOURS), labels)


def _tasks(desk: Desk, told: Told) -> tuple[State, Legend | None]:
    with _looking(told):
        painted = tasklist.painted(desk.town, told.look.get("unit") or None)
    return painted, _standing("巷道的任务", ("都在期限内", "有快到期的", "有超期的"))


def _duties(desk: Desk, told: Told) -> tuple[State, Legend | None]:
    mode = told.look.get("by", "")
    mode = mode if mode in duties.MODES else next(iter(duties.MODES))
    day = told.question.end or desk.town.as_of
    with _looking(told):
        painted = dutymap.painted(desk.town, mode, day)
    if mode != "complete":
        return painted, {"title": f"责任：{duties.MODES[mode]}（一色一家）", "boxes": []}
    return painted, _standing("责任登记", tuple(duties.WORDS.values()))


_PAINTERS: Mapping[str, Callable[[Desk, Told], tuple[State, Legend | None]]] = {
    "map": _town, "hotspots": _spots, "assessment": _scores, "tasks": _tasks, "duties": _duties,
}  # fmt: skip


@contextmanager
def _looking(told: Told) -> Iterator[None]:
    """What another page paints, it paints of the question and the look in force: here, a step's."""
    words = ("question", "look", "flight")
    kept = {word: st.session_state[word] for word in words if word in st.session_state}
    look = Look.from_query(told.look)
    picked = look.picked if look.picked and look.picked[0] == "lanes" else None
    st.session_state.update(question=told.question, look=replace(look, picked=picked), flight={})
    try:
        assert state.question() == told.question
        yield
    finally:
        for word in words:
            st.session_state.pop(word, None)
        st.session_state.update(kept)


def _standing(title: str, labels: Sequence[str]) -> Legend:
    return _boxes(title, _lists(STANDING_COLOURS), labels)


def _lists(colours: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    return {theme: list(named.values()) for theme, named in colours.items()}


def _boxes(title: str, ramps: Mapping[str, Sequence[str]], labels: Sequence[str]) -> Legend:
    """Where nothing is coloured (no labels), the title alone."""
    boxes = list(zip(ramps["light"], ramps["dark"], labels, strict=True)) if labels else []
    return {"title": title, "boxes": boxes}
