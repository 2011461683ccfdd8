"""会议: what the map of a step shows and what its colours mean, for static/meeting.js."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import streamlit as st

from cwmap import assessment, duties, figures
from cwmap.colours import (
    RAMPS,
    SCORE_COLOURS,
    SCORE_STEPS,
    SPOT_COLOURS,
    STANDING_COLOURS,
    even_breaks,
    heat_png,
)
from cwmap.spots import spots
from cwmap.telling import Desk, Told
from cwmap.ui import dutymap, legend, scoremap, state, tasklist
from cwmap.ui import map as town_map
from cwmap.ui.choices import Choices, theme
from cwmap.ui.look import Look

State = dict[str, Any]
Legend = dict[str, Any]
"""title, and boxes: colour of the light theme, of the dark one, and what it means."""


def shown(desk: Desk, told: Told) -> tuple[State, Legend | None]:
    """The map of a step for `CWMap.paint`, and its legend.

    Nothing in it is asked of the server later: while a meeting is on, new data must not jump. So
    the single reports, which the map asks for by its window, are left out.
    """
    painted, key = _PAINTERS[told.page](desk, told)
    return painted | {"reports": None, "fly": None, "chosen": _chosen(told, painted)}, key


def bare() -> State:
    """The map where a step cannot be shown."""
    return town_map.bare_state(Look())


def bounds(desk: Desk, told: Told) -> list[list[float]] | None:
    """South-west and north-east of the places of a step; None where it has none."""
    layer, ids = told.places
    shapes = desk.town.layers[layer].geometry if layer else None
    if shapes is None or not shapes.index.isin(ids).any():
        return None
    west, south, east, north = shapes[shapes.index.isin(ids)].total_bounds
    return [[south, west], [north, east]]


def _chosen(told: Told, painted: State) -> Any:
    layer, ids = told.places
    return {"layer": layer, "ids": list(ids)} if ids else painted["chosen"]


def _town(desk: Desk, told: Told) -> tuple[State, Legend | None]:
    town, look = desk.town, Look.from_query(told.look)
    painted = town_map.paint_state(town, told.question, look)
    if look.surface == "none":
        return painted, None
    if look.surface == "heat":
        density = figures.heat(town, told.question, look.bandwidth_m or figures.bandwidths_m(town)[2])
        steps = even_breaks(float(np.max(density, initial=0.0)))
        image = base64.b64encode(heat_png(density, steps, theme())).decode()
        painted["heat"]["data"] = f"data:image/png;base64,{image}"
    else:
        steps = painted[look.surface]["steps"]
    labels = ["", *(f"{step:g}" for step in steps)] if steps else []
    title = f"{legend.TITLES[look.surface]}（{town_map.UNITS[look.surface]}）"
    return painted, _boxes(title, RAMPS["light"], RAMPS["dark"], labels)


def _spots(desk: Desk, told: Told) -> tuple[State, Legend | None]:
    choice = Choices.from_query(told.look)
    usual = choice == Choices()
    found = desk.spots(told.question) if usual else spots(desk.town, told.question, choice.method)
    chosen = next((s.unit_ids for s in found.items if choice.spot in s.unit_ids), ())
    look = replace(Look.from_query(told.look), picked=None)
    painted = town_map.hotspot_state(found.found, look, chosen)
    labels = [f"{'热' if c.startswith('hot') else '冷'} {c[-2:]}%" for c in SPOT_COLOURS["light"]]
    ramps = (list(SPOT_COLOURS[t].values()) for t in ("light", "dark"))
    return painted, _boxes("比全镇平均明显偏多（热）、偏少（冷）", *ramps, labels)


def _scores(desk: Desk, told: Told) -> tuple[State, Legend | None]:
    period = {
        "day": lambda day: assessment.Period(day, day), "month": assessment.month_of
    }.get(told.look.get("view", ""), assessment.week_of)  # fmt: skip
    ranking = assessment.ranking(desk.town, desk.scoring, period(_day(desk, told)))
    with _looking(told):
        painted = scoremap.painted(desk.town, ranking)
    labels = [f"不到 {SCORE_STEPS[0]}", *(f"{s} 起" for s in SCORE_STEPS)]
    ramps = (list(SCORE_COLOURS[t].values()) for t in ("light", "dark"))
    return painted, _boxes("得分（不着色的没有检查）", *ramps, labels)


def _day(desk: Desk, told: Told) -> date:
    try:
        return min(date.fromisoformat(told.look.get("on", "")), desk.inspected)
    except ValueError:
        return desk.inspected


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
    return _boxes(title, *(list(STANDING_COLOURS[t].values()) for t in ("light", "dark")), labels)


def _boxes(
    title: str, light: Sequence[str], dark: Sequence[str], labels: Sequence[str]
) -> Legend:
    """Where nothing is coloured (no labels), the title alone."""
    boxes = list(zip(light, dark, labels, strict=True)) if labels else []
    return {"title": title, "boxes": boxes}
