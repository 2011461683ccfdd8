"""缺口: what each of its views puts on the map, beside it and into the legend."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import numpy as np
import streamlit as st

from cwmap import figures
from cwmap.gaps import catchments, gaps
from cwmap.gaps.asking import Asked
from cwmap.gaps.facilities import Facility
from cwmap.town import Town
from cwmap.ui import frame, state
from cwmap.ui.gaps import gaplist, gapmap, gapsites, gapwords
from cwmap.ui.view import View


def view(town: Town, now: Asked, name: str) -> View:
    """The view of this name."""
    shown = gapmap.shown(town, now, name, state.look())
    picked = _pick(town, now)
    if name == "sites" and now.norm:
        norm, plans = now.norm, gapsites.plans(town, now, now.norm)

        def moved(layer: str, told: str) -> None:
            if layer == "pin":
                gapsites.move(now, norm, plans.shown, told)
            else:
                picked(layer, told)

        return View(
            shown, lambda: gapsites.panel(town, now, norm, plans), lambda: gaplist.legend(shown), moved
        )  # fmt: skip
    panels: dict[str, Callable[[], None]] = {
        "sites": lambda: gapsites.stretches(town, now), "norms": lambda: _norms(now.facility),
        "spots": lambda: _spots_panel(town, now), "supply": lambda: _supply_panel(town, now),
    }  # fmt: skip
    panel = panels.get(name, lambda: gaplist.panel(town, now))
    return View(shown, panel, lambda: gaplist.legend(shown), picked)


def _pick(town: Town, now: Asked) -> Callable[[str, str], None]:
    """A click on the map takes the area there in hand."""

    def picked(layer: str, place_id: str) -> None:
        if layer in town.layers and place_id in town.layers[layer].index:
            judged = now.judged.layer
            gapwords.choose_spot(judged, gaps.judged_at(town, layer, place_id, judged))

    return picked


def _spots_panel(town: Town, now: Asked) -> None:
    found = gapmap.overlay(town, now)
    st.html(f'<h3 class="cw-h">{escape(now.facility.name)}：补设施能解决哪些问题</h3>')
    if found.refused:
        st.html(f'<p class="cw-empty">{escape(found.refused)}。</p>')
        return
    items = "".join(f"<li>{escape(line)}</li>" for line in found.said.values())
    st.html(
        f'<div class="cw-card"><ul>{items}</ul></div><p class="cw-fine">{escape(found.caption)}</p>'
    )


def _supply_panel(town: Town, now: Asked) -> None:
    judged, key = now.judged, now.norm.key if now.norm else None
    found = catchments.catchments(town, now.norms, now.facility.kind, judged.layer, key)
    rows = "".join(
        f"<tr><th>{escape(figures.place_name(town, judged.layer, str(i)))}</th>"
        f"<td>{row['facilities']:,.0f}</td><td>{_plain(row['per_1000'])}</td><td>{_plain(row['access'])}</td></tr>"
        for i, row in found.frame.iterrows()
    )
    st.html(
        f'<h3 class="cw-h">每千人{escape(found.what)}</h3>'
        '<table class="cw-plans"><tr><th></th><th>区内处数</th><th>只算区内</th><th>按可达范围</th></tr>'
        f"{rows}</table>"
    )
    said = [found.norm.said] if found.norm else ["没有查到这类设施的人均标准，只列数"]
    for note in (*said, *found.notes):
        st.html(f'<p class="cw-fine">{escape(note)}</p>')


def _plain(value: float) -> str:
    return "—" if np.isnan(value) else f"{value:,.1f}"


def _norms(facility: Facility) -> None:
    """All norms of the kind with their sources, and where to change them."""
    items = "".join(
        f"<li>{escape(n.said)}"
        + (f"<br>{escape(n.land)}" if n.land else "")
        + f"<br><small>出处：{escape(n.source)}</small></li>"
        for n in facility.norms
    )
    st.html(
        f'<h3 class="cw-h">{escape(facility.name)}的配置标准</h3>'
        f'<div class="cw-card"><ul class="cw-norms">{items}</ul></div>'
        '<p class="cw-hint">“未核对条文”的数请先核对再用于对外材料</p>'
    )
    st.page_link(
        frame.door("assessment"),
        label="修改标准 ›",
        query_params={"view": "rules", "book": "facilities"},
    )
