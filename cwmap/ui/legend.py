"""What the colours mean, how they were made, and the switch between the map's surfaces."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cwmap import figures
from cwmap.captions import filter_caption
from cwmap.colours import RAMPS, even_breaks
from cwmap.filters import Filter
from cwmap.town import Town
from cwmap.ui import state
from cwmap.ui.look import OVERLAYS, SURFACES, Look
from cwmap.ui.map import UNITS, paint_state, place_values
from cwmap.ui.shown import Key, Shown

TITLES = {"heat": "问题密度", "lanes": "巷道问题率", "cells": "网格问题率"}


def shown(town: Town, question: Filter, look: Look) -> Shown:
    """The map of a surface, with what its colours mean."""
    painted, said = paint_state(town, question, look), filter_caption(town, question)
    if look.surface == "none":
        return Shown("问题点位" if "reports" in look.show else "底图", painted, None, said)
    # A density is not waited for here: whoever says its classes knows it anyway.
    steps = [] if look.surface == "heat" else painted[look.surface]["steps"]
    return Shown(TITLES[look.surface], painted, key(look, steps), said, _note(town, look))


def key(look: Look, steps: list[float]) -> Key:
    """What the colours of a surface mean."""
    words = [f"不到 {steps[0]:g}", *(f"{step:g}" for step in steps)] if steps else []
    return Key.of(f"{TITLES[look.surface]}（{UNITS[look.surface]}）", RAMPS, words)


def draw(town: Town) -> None:
    """The panel at the bottom left: surface, overlays, legend and every choice made for the viewer."""
    look = state.look()
    st.session_state["w-surface"] = look.surface
    st.segmented_control(
        "图面", list(SURFACES), format_func=SURFACES.__getitem__, key="w-surface", required=True,
        label_visibility="collapsed",
        on_change=lambda: state.show(surface=st.session_state["w-surface"]),
    )  # fmt: skip
    st.session_state["w-show"] = list(look.show)
    st.pills(
        "叠加", list(OVERLAYS), format_func=OVERLAYS.__getitem__, key="w-show", selection_mode="multi",
        label_visibility="collapsed",
        on_change=lambda: state.show(show=tuple(st.session_state["w-show"])),
    )  # fmt: skip
    st.html(swatches(town, state.question(), look))
    if look.surface == "heat":
        options = figures.bandwidths_m(town)
        width = look.bandwidth_m or options[2]
        st.session_state["w-bandwidth"] = width
        st.select_slider(
            "带宽", sorted({*options, width}), key="w-bandwidth", format_func=lambda m: f"{m} 米",
            label_visibility="collapsed",
            on_change=lambda: state.show(bandwidth_m=st.session_state["w-bandwidth"]),
        )  # fmt: skip


def swatches(town: Town, question: Filter, look: Look) -> str:
    """The legend of a surface as HTML: its unit, its classes, and how it was made."""
    if look.surface == "none":
        return ""
    steps, counted = _counted(town, question, look)
    start, end = question.start or town.first_day, question.end or town.as_of
    note = f"{_note(town, look)}；{start} 至 {end} 计入 {counted:,} 件"
    title = f"<b>{TITLES[look.surface]}</b>"
    if not steps:
        return f'<div class="cw-legend">{title}<p>所选条件下没有可定位的问题</p></div>'
    return (
        f'<div class="cw-legend">{title}<small>{UNITS[look.surface]}</small>'
        f"{ramp(steps)}<p>{note}</p></div>"
    )


def _note(town: Town, look: Look) -> str:
    """How the numbers of a surface are made."""
    if look.surface == "heat":
        width = look.bandwidth_m or figures.bandwidths_m(town)[2]
        return f"核密度：四次核，带宽 {width} 米，栅格 {town.heat_grid.pixel_m:.0f} 米"
    return "每百米巷道的问题数" if look.surface == "lanes" else "每公顷网格的问题数"


def _counted(town: Town, question: Filter, look: Look) -> tuple[list[float], int]:
    """Steps of the colours of a surface, and how many reports it counts."""
    if look.surface == "heat":
        density = figures.heat(town, question, look.bandwidth_m)
        placed = np.isfinite(town.reports.x[town.selected(town.view(question))])
        return even_breaks(float(np.max(density, initial=0.0))), int(placed.sum())
    table = (figures.lanes if look.surface == "lanes" else figures.cells)(town, question)
    return place_values(table, look.surface)["steps"], int(table["reports"].sum())


def ramp(steps: list[float]) -> str:
    """The classes between these breaks as HTML."""
    boxes = "".join(
        f'<span><i class="cw-ramp-{k}" style="--light:{RAMPS["light"][k]}"></i><em>{label}</em></span>'
        for k, label in enumerate(["", *(f"{s:g}" for s in steps)])
    )
    return f'<div class="cw-swatches">{boxes}</div>'
