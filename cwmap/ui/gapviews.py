"""缺口: what each of its views puts on the map, beside it and into the legend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from cwmap import figures
from cwmap.colours import STANDING_COLOURS
from cwmap.gaps import catchments, gaps, gapspots
from cwmap.gaps.facilities import Norm, Norms
from cwmap.gaps.gaps import Gaps
from cwmap.gaps.homes import UNITS
from cwmap.town import Town
from cwmap.ui import frame, gaplist, gapmap, gapsites, gapwords, state

_SPOTS = {
    "light": {"both": "#b2182b", "gap": "#e9b949", "hot": "#7b4fa3", "empty": "#9aa7b0"},
    "dark": {"both": "#ff6b57", "gap": "#e9c46a", "hot": "#bb8fce", "empty": "#5d6b75"},
}
_SUPPLY = {"bad": "没有", "fair": "低于标准", "good": "达到标准"}


@dataclass(frozen=True)
class View:
    """painted: for `CWMap.paint`; the rest draws. picked: takes what was clicked on the map."""

    painted: dict[str, Any]
    panel: Callable[[], None]
    legend: Callable[[], None]
    picked: Callable[[str, str], None]


def view(town: Town, norms: Norms, judged: Gaps, name: str) -> View:
    """The view of this name."""
    norm = gapwords.norm(norms)
    if name == "sites" and norm:
        return _sites(town, norms, judged, norm)
    if name == "spots":
        return _spots(town, norms, judged, norm)
    if name == "supply":
        return _supply(town, norms, judged, norm)
    panel = {
        "sites": lambda: gapsites.stretches(town, norms, judged), "norms": lambda: _norms(norms),
    }.get(name, lambda: gaplist.panel(town, norms, judged))  # fmt: skip
    return View(
        gapmap.painted(town, norms, judged.facility, norm, gapwords.chosen(judged)), panel,
        lambda: gaplist.legend(town, judged, _classes(town, norms, judged, norm)), _pick(town),
    )  # fmt: skip


def _classes(town: Town, norms: Norms, judged: Gaps, norm: Norm | None) -> pd.Series:
    frame = gaps.served(town, norms, judged.facility, norm, "cells")
    return pd.Series(gaps.verdicts(frame, norms.majority), frame.index)


def _pick(town: Town) -> Callable[[str, str], None]:
    """A click on the map takes the area there in hand."""

    def picked(layer: str, place_id: str) -> None:
        if layer in town.layers and place_id in town.layers[layer].index:
            gapwords.choose_spot(town, gaps.judged_at(town, layer, place_id, gapwords.layer(town)))

    return picked


def _sites(town: Town, norms: Norms, judged: Gaps, norm: Norm) -> View:
    best = gapsites.proposal(town, norms, judged, norm)
    own = gapsites.moved(town, norms, judged, norm, best)
    plan = own or best.placed
    take = _pick(town)

    def picked(layer: str, told: str) -> None:
        if layer == "pin":
            gapsites.move(norms, judged, norm, plan, told)
        else:
            take(layer, told)

    painted = gapmap.painted(town, norms, judged.facility, norm, gapwords.chosen(judged))
    return View(
        painted | {"pins": gapmap.pins(plan)},
        lambda: gapsites.panel(town, norms, judged, norm, best, own),
        lambda: gaplist.legend(town, judged, _classes(town, norms, judged, norm)), picked,
    )  # fmt: skip


def _spots(town: Town, norms: Norms, judged: Gaps, norm: Norm | None) -> View:
    key = norm.key if norm else None
    found = gapspots.overlay(town, norms, judged.facility.kind, state.question(), key)
    cells, unit = found.cells, UNITS[found.unit]
    said = [
        gapmap.EMPTY if np.isnan(share) else f"{total:,.0f} {unit}，达标服务 {share:.0%}"
        for total, share in zip(cells["total"], cells["share"], strict=True)
    ]
    order = tuple(gapspots.WHERE)
    painted = gapmap.cells(
        town, cells["where"], _SPOTS, order, cells["reports"], said, gapwords.chosen(judged)
    )
    counts = cells["where"].value_counts()
    rows = [(w, label, int(counts.get(w, 0))) for w, label in gapspots.WHERE.items()]

    def panel() -> None:
        st.html(f'<h3 class="cw-h">{escape(judged.facility.name)}：补设施能解决哪些问题</h3>')
        if found.refused:
            st.html(f'<p class="cw-empty">{escape(found.refused)}。</p>')
            return
        items = "".join(f"<li>{escape(line)}</li>" for line in found.said.values())
        st.html(
            f'<div class="cw-card"><ul>{items}</ul></div><p class="cw-fine">{escape(found.caption)}</p>'
        )

    tail = f"热点：{judged.facility.demand_name or '—'}，95% 等水平，置换检验"
    return View(
        painted,
        panel,
        lambda: gaplist.boxes("缺口与热点", "按网格", rows, _SPOTS, tail),
        _pick(town),
    )


def _supply(town: Town, norms: Norms, judged: Gaps, norm: Norm | None) -> View:
    key = norm.key if norm else None
    kind = judged.facility.kind
    by_cell = catchments.catchments(town, norms, kind, "cells", key)
    access = by_cell.frame["access" if norm else "per_1000"]
    low = by_cell.norm.low if by_cell.norm else None
    classes = np.select(
        [access.isna(), access <= 0, access < (low or 0)], ["", "bad", "fair"], "good"
    )
    said = [gapmap.EMPTY if np.isnan(a) else f"每千人 {a:,.1f}（{by_cell.what}）" for a in access]
    counts = gaps.demand(town, judged.facility, state.question(), "cells")["demand"]
    painted = gapmap.cells(
        town, pd.Series(classes, access.index), STANDING_COLOURS, tuple(_SUPPLY), counts, said,
        gapwords.chosen(judged),
    )  # fmt: skip
    names = _SUPPLY if low else {"bad": "没有", "good": "有"}
    rows = [(c, label, int((classes == c).sum())) for c, label in names.items()]
    tail = by_cell.norm.said if by_cell.norm else "没有查到这类设施的人均标准，只列数"
    return View(
        painted | gapmap.around(town, norms, judged.facility, norm),
        lambda: _supply_panel(town, norms, judged, key),
        lambda: gaplist.boxes(f"每千人{by_cell.what}", "按网格", rows, STANDING_COLOURS, tail),
        _pick(town),
    )  # fmt: skip


def _supply_panel(town: Town, norms: Norms, judged: Gaps, key: str | None) -> None:
    found = catchments.catchments(town, norms, judged.facility.kind, judged.layer, key)
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


def _norms(norms: Norms) -> None:
    """All norms of the kind with their sources, and where to change them."""
    facility = gapwords.facility(norms)
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
