"""热点: what each of its views puts on the map, beside it and into the legend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import streamlit as st

from cwmap.errors import CwmapError
from cwmap.town import Town
from cwmap.ui import map as town_map
from cwmap.ui import multiples, overtime, pairing, spotlist, state
from cwmap.ui.choices import asked, choices


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class View:
    """painted: for `CWMap.paint`; picked: a click on (layer, id); the rest draws."""

    painted: dict[str, Any]
    panel: Callable[[], object]
    legend: Callable[[], None]
    picked: Callable[[str, str], None] = lambda _layer, _place: None
    over: Callable[[], None] = _nothing


def view(town: Town) -> View:
    """The view that was chosen; where it cannot be had, a bare map and the sentence that says why."""
    try:
        return _VIEWS[choices().view](town)
    except CwmapError as error:
        said = f'<p class="cw-empty">{escape(str(error))}</p>'
        return View(town_map.bare_state(state.look()), lambda: st.html(said), _nothing)


def _now(town: Town) -> View:
    found = spotlist.answer(town)
    ids = spotlist.chosen_ids(found)
    return View(
        town_map.hotspot_state(found.found, state.look(), ids, state.flight(town)),
        lambda: spotlist.listing(found), lambda: spotlist.legend(found.found),
        lambda layer, place: spotlist.picked(found, layer, place),
    )  # fmt: skip


def _change(town: Town) -> View:
    found = overtime.changes(town)
    layer = choices().method.units
    painted = town_map.trend_state(
        town, found, layer, asked(town), state.look(), state.flight(town)
    )  # fmt: skip
    return View(painted, lambda: overtime.classes(found), lambda: overtime.legend(town, found))


def _rhythm(town: Town) -> View:
    return replace(_now(town), panel=lambda: overtime.week(town))


def _compare(town: Town) -> View:
    look = replace(state.look(), surface="heat", picked=None)
    shown = multiples.panels(town, asked(town), look.bandwidth_m)
    return View(
        town_map.paint_state(town, asked(town), look, state.flight(town)),
        lambda: multiples.told(town, shown), lambda: multiples.scale(town, shown),
        over=lambda: multiples.draw(town, shown),
    )  # fmt: skip


def _pair(town: Town) -> View:
    """Its panel stands even where its answer cannot be had: the two kinds are chosen there."""
    problem, found = "", None
    try:
        found = pairing.answer(town)
    except CwmapError as error:
        problem = str(error)
    if found is None:
        painted = town_map.bare_state(state.look())
        return View(painted, lambda: pairing.panel(town, None, problem), _nothing)
    ids = pairing.chosen_ids(found)
    return View(
        town_map.pair_state(found, pairing.COLOURS, state.look(), ids, state.flight(town)),
        lambda: pairing.panel(town, found), lambda: pairing.legend(found),
        lambda _layer, place: pairing.picked(found, place),
    )  # fmt: skip


_VIEWS: dict[str, Callable[[Town], View]] = {
    "now": _now, "change": _change, "rhythm": _rhythm, "compare": _compare, "pair": _pair,
}  # fmt: skip
