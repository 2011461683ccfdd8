"""热点: where reports crowd beyond chance, in words, with every choice that was made."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from typing import Any

import streamlit as st

from cwmap import server
from cwmap.colours import SPOT_COLOURS
from cwmap.hotspots import Method
from cwmap.spots import Spot, Spots, spots
from cwmap.town import Town
from cwmap.ui import frame, state

NEIGHBOURHOODS = {"touching": "相接的网格", "150": "150 米以内", "300": "300 米以内"}
MOST = 12


def method() -> Method:
    """How hot spots are found, by the address at first, then as the viewer chose."""
    if "method" not in st.session_state:
        query = st.query_params
        near = query.get("near", "touching")
        st.session_state["method"] = Method(
            neighbourhood=float(near) if near in ("150", "300") else "touching",
            fdr=query.get("fdr") != "0", patrol_only=query.get("patrol") == "1",
        )  # fmt: skip
    chosen: Method = st.session_state["method"]
    return chosen


def words(chosen: Method) -> dict[str, str]:
    """The method as words of the address; what is usual is left out."""
    query = {}
    if chosen.neighbourhood != "touching":
        query["near"] = f"{chosen.neighbourhood:g}"
    if not chosen.fdr:
        query["fdr"] = "0"
    if chosen.patrol_only:
        query["patrol"] = "1"
    return query


def answer(town: Town) -> Spots:
    """The hot spots of the filter in force; asked once for a filter and a method."""
    key = ("spots", state.question(), method())
    return town.kept(key, lambda: spots(town, state.question(), method(), _duties()))


def _duties() -> Any:
    return server.open_keeper().workspace.read("duties", ["lane", "role", "person", "until"])


def chosen(found: Spots) -> Spot | None:
    """The spot that the viewer looks at."""
    name = st.session_state.get("spot")
    return next((s for s in found.items if s.name == name), None)


def chosen_ids(found: Spots) -> tuple[str, ...]:
    """The units of the spot in hand."""
    now = chosen(found)
    return now.unit_ids if now else ()


def _choose(spot: Spot | None, units: str) -> None:
    st.session_state["spot"] = spot.name if spot else None
    if spot:
        state.go(units, spot.unit_ids)


def picked(found: Spots, layer: str, place_id: str) -> None:
    """A click on the map: the spot to which the unit belongs."""
    if layer == found.found.method.units:
        spot = next((s for s in found.items if place_id in s.unit_ids), None)
        st.session_state["spot"] = spot.name if spot else None


def options() -> None:
    """The choices of the method, at the head of the filter."""
    st.html('<h3 class="cw-h">怎样判定</h3>')
    now = method()
    st.session_state["w-patrol"] = now.patrol_only
    st.toggle(
        "只看巡查发现", key="w-patrol", help="排除群众上报、热线等来源：哪里举报多，不一定哪里问题多",
        on_change=lambda: _set(patrol_only=st.session_state["w-patrol"]),
    )  # fmt: skip
    st.session_state["w-fdr"] = now.fdr
    st.toggle(
        "多重检验校正（FDR）", key="w-fdr", help="网格很多时，总有一些单凭偶然显得显著；校正后才称为热点",
        on_change=lambda: _set(fdr=st.session_state["w-fdr"]),
    )  # fmt: skip
    near = now.neighbourhood
    st.session_state["w-near"] = near if near == "touching" else f"{near:g}"
    st.segmented_control(
        "邻域", list(NEIGHBOURHOODS), key="w-near", required=True, label_visibility="collapsed",
        format_func=NEIGHBOURHOODS.__getitem__,
        on_change=lambda: _set(
            neighbourhood="touching"
            if st.session_state["w-near"] == "touching"
            else float(st.session_state["w-near"])
        ),
    )  # fmt: skip


def _set(**changes: Any) -> None:
    st.session_state["method"] = replace(method(), **changes)


def listing(found: Spots) -> None:
    """The ranked list; each entry a click from the map, the one in hand opened."""
    st.html('<h3 class="cw-h">热点清单<small>件 / 均值倍数</small></h3>')
    st.html(f'<p class="cw-hint">{escape(found.summary)}</p>')
    now = chosen(found)
    most = max((s.reports for s in found.items), default=1)
    bars = []
    with st.container(key="cw-worst", gap=None):
        for spot in found.items[:MOST]:
            key = f"spot-{spot.rank}"
            bars.append(f".st-key-{key} button{{--share:{100 * spot.reports / most:.1f}%}}")
            place = spot.name.partition("·")[0]
            st.button(
                f"{spot.rank} {frame.plain(place)} *{spot.reports:,} 件* **{spot.ratio:.1f}**",
                key=key, width="stretch",
                type="primary" if spot == now else "tertiary", on_click=_choose,
                args=(None if spot == now else spot, found.found.method.units),
            )  # fmt: skip
            _said(spot, spot == now)
        st.html(f"<style>{''.join(bars)}</style>")
    if found.cold:
        st.html(f'<p class="cw-hint">{escape(found.cold)}</p>')


def _said(spot: Spot, whole: bool) -> None:
    """A spot in one sentence; the one in hand with all that is known of it."""
    more = ""
    if whole:
        people = [(role, name) for role, name in spot.people]
        facts = [
            ("起始", spot.since_words), ("走势", spot.trend_words),
            ("来源", "、".join(f"{name} {number:,} 件" for name, number in spot.sources)), *people,
        ]  # fmt: skip
        lines = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts if v)
        more = f"<dl>{lines}</dl><p>{escape(spot.bias)}</p>"
    kind = "cw-spot now" if whole else "cw-spot"
    st.html(f'<div class="cw-card {kind}"><p class="said">{escape(spot.sentence)}</p>{more}</div>')


def legend(found: Spots, *, shown: bool = True) -> None:
    """Classes, method and notes of the map of now."""
    if not shown:
        note = "底色为网格的变化类型；播放条放的是各时段的问题密度，色标不变"
        st.html(f'<div class="cw-legend"><b>变化</b><p>{note}</p></div>')
        return
    boxes = "".join(
        f'<span><i class="cw-{c}" style="--light:{SPOT_COLOURS["light"][c]}"></i><em>{_short(c)}</em></span>'
        for c in SPOT_COLOURS["light"]
    )
    notes = "".join(f"<p>{escape(n)}</p>" for n in found.found.notes)
    st.html(
        f'<div class="cw-legend cw-seven"><b>冷热点</b><small>可信程度</small>'
        f'<div class="cw-swatches">{boxes}</div>'
        f"<details><summary>怎样算出来的</summary><p>{escape(found.found.caption)}</p>{notes}</details></div>"
    )


def _short(name: str) -> str:
    return f"{'热' if name.startswith('hot') else '冷'} {name[-2:]}%"
