"""热点: what each of its views puts on the map, beside it and into the legend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from html import escape

import streamlit as st

from cwmap.errors import CwmapError
from cwmap.filters import Filter
from cwmap.town import Town
from cwmap.trends import hotspots
from cwmap.trends.emerging import emerging
from cwmap.ui import legend, state
from cwmap.ui import map as town_map
from cwmap.ui.hotspots import multiples, overtime, pairing, spotlist
from cwmap.ui.hotspots.choices import Choices, asked, choices
from cwmap.ui.look import Look
from cwmap.ui.shown import Shown
from cwmap.ui.view import View


def shown(town: Town, question: Filter, now: Choices, look: Look) -> Shown:
    """The map of a view, for whoever shows it elsewhere. CwmapError where it cannot be had."""
    if now.view == "change":
        found = emerging(town, question, now.method)
        return overtime.shown(
            town, found, hotspots.asked(town, question, now.method), now.method.units, look
        )
    if now.view == "compare":
        return _density(town, hotspots.asked(town, question, now.method), look)
    if now.view == "pair":
        pair = pairing.answer(town, question, now)
        if pair is None:
            raise CwmapError("所选条件下不到两类问题；请放宽时间或状态。")
        return pairing.shown(town, pair, look, now.spot)
    return spotlist.shown(town, spotlist.answer(town, question, now.method), look, now.spot)


def _density(town: Town, question: Filter, look: Look) -> Shown:
    return legend.shown(town, question, replace(look, surface="heat", picked=None))


def view(town: Town) -> View:
    """The view that was chosen; where it cannot be had, a bare map and the sentence that says why."""
    try:
        return _VIEWS[choices().view](town)
    except CwmapError as error:
        said = f'<p class="cw-empty">{escape(str(error))}</p>'
        return View(_bare(), lambda: st.html(said))


def _shown(town: Town) -> Shown:
    return shown(town, state.question(), choices(), state.look())


def _bare() -> Shown:
    return Shown("热点", town_map.bare_state(state.look()), None)


def _now(town: Town) -> View:
    found = spotlist.answer(town, state.question(), choices().method)
    return View(
        _shown(town), lambda: spotlist.listing(found), lambda: spotlist.legend(found.found),
        lambda layer, place: spotlist.picked(found, layer, place),
    )  # fmt: skip


def _change(town: Town) -> View:
    found = emerging(town, state.question(), choices().method)
    return View(_shown(town), lambda: overtime.classes(found), lambda: overtime.legend(town, found))


def _rhythm(town: Town) -> View:
    return replace(_now(town), panel=lambda: overtime.week(town))


def _compare(town: Town) -> View:
    panels = multiples.panels(town, asked(town), state.look().bandwidth_m)
    return View(
        _shown(town), lambda: multiples.told(town, panels), lambda: multiples.scale(town, panels),
        over=lambda: multiples.draw(town, panels),
    )  # fmt: skip


def _pair(town: Town) -> View:
    """Its panel stands even where its answer cannot be had: the two kinds are chosen there."""
    problem, found = "", None
    try:
        found = pairing.answer(town, state.question(), choices())
    except CwmapError as error:
        problem = str(error)
    if found is None:
        return View(_bare(), lambda: pairing.panel(town, None, problem))
    return View(
        _shown(town), lambda: pairing.panel(town, found), lambda: pairing.legend(found),
        lambda _layer, place: pairing.picked(found, place),
    )  # fmt: skip


_VIEWS: dict[str, Callable[[Town], View]] = {
    "now": _now, "change": _change, "rhythm": _rhythm, "compare": _compare, "pair": _pair,
}  # fmt: skip
