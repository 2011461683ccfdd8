"""会议: what the map of a step shows and what its colours mean, for static/meeting.js."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import geopandas as gpd
import pandas as pd

from cwmap.assessment import assessment
from cwmap.duties import duties
from cwmap.gaps import asking
from cwmap.meeting import telling
from cwmap.meeting.desk import Desk
from cwmap.meeting.telling import Told
from cwmap.ui import frame, legend
from cwmap.ui import map as town_map
from cwmap.ui.assessment import scoremap
from cwmap.ui.duties import dutymap
from cwmap.ui.gaps import gapmap
from cwmap.ui.hotspots import hotviews
from cwmap.ui.hotspots.choices import Choices
from cwmap.ui.look import Look
from cwmap.ui.shown import Key, Shown, State, heat_of
from cwmap.ui.tasks import tasklist

Legend = dict[str, Any]
"""title, and boxes: colour of the light theme, of the dark one, and what it means."""


def shown(desk: Desk, told: Told) -> tuple[State, Legend | None]:
    """The map of a step for `CWMap.paint`, and its legend.

    Nothing in it is asked of the server later: while a meeting is on, new data must not jump.
    """
    found = page_of(desk, told)
    painted = town_map.unserved(desk.town, found.state, frame.theme()) | {"fly": None}
    painted |= {"series": None, "chosen": _chosen(told, painted)}
    return painted, _legend(found.key)


def page_of(desk: Desk, told: Told) -> Shown:
    """The map of the page that a step tells of, as it is looked at there."""
    return _MAPS[told.page](desk, told, Look.from_query(told.look))


def _legend(key: Key | None) -> Legend | None:
    return {"title": key.title, "boxes": [list(c) for c in key.classes]} if key else None


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


def _chosen(told: Told, painted: State) -> Any:
    layer, ids = told.places
    return {"layer": layer, "ids": list(ids)} if ids else painted["chosen"]


# The pages ---------------------------------------------------------------------------------------


def _town(desk: Desk, told: Told, look: Look) -> Shown:
    found = legend.shown(desk.town, told.question, look)
    if not found.state["heat"]:
        return found
    _, steps = heat_of(desk.town, found.state["heat"])
    return replace(found, key=legend.key(look, steps))


def _hotspots(desk: Desk, told: Told, look: Look) -> Shown:
    return hotviews.shown(desk.town, told.question, Choices.from_query(told.look), look)


def _scores(desk: Desk, told: Told, look: Look) -> Shown:
    period = telling.scored_period(desk, told.look)
    ranking = assessment.ranking(desk.town, desk.scoring, period)
    return scoremap.shown(desk.town, ranking, "得分", period.label, look)


def _tasks(desk: Desk, told: Told, look: Look) -> Shown:
    return tasklist.shown(desk.town, told.look.get("unit") or None, told.question, look)


def _duties(desk: Desk, told: Told, look: Look) -> Shown:
    mode = told.look.get("by", "")
    mode = mode if mode in duties.MODES else next(iter(duties.MODES))
    day = told.question.end or desk.town.as_of
    return dutymap.shown(desk.town, mode, day, told.question, look)


def _gaps(desk: Desk, told: Told, look: Look) -> Shown:
    asked = asking.asked(desk.town, desk.norms, told.question, told.look)
    return gapmap.shown(desk.town, asked, told.look.get("view", ""), look)


_MAPS: Mapping[str, Callable[[Desk, Told, Look], Shown]] = {
    "map": _town, "hotspots": _hotspots, "assessment": _scores, "tasks": _tasks, "duties": _duties,
    "gaps": _gaps,
}  # fmt: skip
