"""热点: where reports crowd beyond chance, in words, with every choice that was made."""

from __future__ import annotations

from html import escape

import streamlit as st

from cwmap import server
from cwmap.captions import filter_caption
from cwmap.colours import SPOT_COLOURS
from cwmap.filters import Filter
from cwmap.town import Town
from cwmap.trends.hotspots import Hotspots, Method
from cwmap.trends.spots import Spot, Spots, kept_spots
from cwmap.ui import frame, state
from cwmap.ui.hotspots.choices import NEIGHBOURHOODS, UNITS, choices, choose, decide
from cwmap.ui.look import Look
from cwmap.ui.map import hotspot_state
from cwmap.ui.shown import Key, Shown

MOST = 12


def answer(town: Town, question: Filter, method: Method) -> Spots:
    """The hot spots of a filter, as this server's workspace has them."""
    return kept_spots(town, server.open_keeper().workspace, question, method)


def chosen(found: Spots) -> Spot | None:
    """The spot that the viewer looks at."""
    return next((s for s in found.items if choices().spot in s.unit_ids), None)


def _choose(spot: Spot | None, units: str) -> None:
    choose(spot=spot.unit_ids[0] if spot else None)
    if spot:
        state.go(units, spot.unit_ids)


def picked(found: Spots, layer: str, place_id: str) -> None:
    """A click on the map: the spot to which the unit belongs."""
    if layer == found.found.method.units:
        inside = any(place_id in s.unit_ids for s in found.items)
        choose(spot=place_id if inside else None)


def options() -> None:
    """The choices of the method, at the head of the filter."""
    st.html('<h3 class="cw-h">怎样判定</h3>')
    now = choices().method
    st.session_state["w-patrol"] = now.patrol_only
    st.toggle(
        "只看巡查发现", key="w-patrol", help="排除群众上报、热线等来源：哪里举报多，不一定哪里问题多",
        on_change=lambda: decide(patrol_only=st.session_state["w-patrol"]),
    )  # fmt: skip
    if choices().view == "compare":
        return  # densities are not judged
    st.session_state["w-fdr"] = now.fdr
    st.toggle(
        "多重检验校正（FDR）", key="w-fdr", help="网格很多时，总有一些单凭偶然显得显著；校正后才称为热点",
        on_change=lambda: decide(fdr=st.session_state["w-fdr"]),
    )  # fmt: skip
    st.session_state["w-units"] = now.units
    st.segmented_control(
        "单元", list(UNITS), key="w-units", required=True, label_visibility="collapsed",
        format_func=UNITS.__getitem__,
        help="网格：问题集中在哪里；巷道：哪条巷道按长度折算更差",
        on_change=lambda: decide(units=st.session_state["w-units"]),
    )  # fmt: skip
    near = now.neighbourhood
    st.session_state["w-near"] = near if near == "touching" else f"{near:g}"
    st.segmented_control(
        "邻域", list(NEIGHBOURHOODS), key="w-near", required=True, label_visibility="collapsed",
        format_func=lambda word: f"邻域{NEIGHBOURHOODS[word]}" if word == "touching" else NEIGHBOURHOODS[word],
        on_change=_near,
    )  # fmt: skip


def _near() -> None:
    word = st.session_state["w-near"]
    decide(neighbourhood=word if word == "touching" else float(word))


def listing(found: Spots) -> None:
    """The ranked list; each entry a click from the map, the one in hand opened."""
    st.html('<h3 class="cw-h">热点清单<small>件 / 均值倍数</small></h3>')
    kind = "cw-empty" if found.found.refused else "cw-hint"
    st.html(f'<p class="{kind}">{escape(found.summary)}</p>')
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
    if len(found.items) > MOST:
        st.html(f'<p class="cw-hint">另有 {len(found.items) - MOST} 处较小的热点，见地图。</p>')
    for text in (found.cold, *(() if found.found.refused else found.found.notes)):
        if text:
            st.html(f'<p class="cw-hint">{escape(text)}</p>')


def _said(spot: Spot, whole: bool) -> None:
    """A spot in one sentence; the one in hand with all that is known of it."""
    more = ""
    if whole:
        count, units = spot.around
        facts = [
            ("起始", spot.since_words), ("走势", spot.trend_words),
            ("周围", f"相邻的 {units} 处另有 {count:,} 件"), *spot.people,
        ]  # fmt: skip
        lines = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts if v)
        more = f"<dl>{lines}</dl><h4>谁报的</h4>{_sources(spot)}<p>{escape(spot.bias)}</p>"
    kind = "cw-spot now" if whole else "cw-spot"
    st.html(f'<div class="cw-card {kind}"><p class="said">{escape(spot.sentence)}</p>{more}</div>')


def _sources(spot: Spot) -> str:
    """Reports by source, as bars."""
    most = max((number for _, number in spot.sources), default=1)
    return "".join(
        f'<div class="cw-bar-row"><span>{escape(name)}</span>'
        f'<i class="cw-share" style="width:{48 * number / most:.0f}%"></i><b>{number:,}</b></div>'
        for name, number in spot.sources
    )


def shown(town: Town, found: Spots, look: Look, spot: str | None) -> Shown:
    """The map of hot and cold units; `spot`: a unit of the one in hand."""
    of = found.found
    chosen = next((s.unit_ids for s in found.items if spot in s.unit_ids), ())
    words = [f"{c[-2:]}%" for c in SPOT_COLOURS["light"]]
    note = "，".join(("Getis–Ord Gi*", of.choices["检验"], of.choices["校正"]))
    return Shown(
        "热点", hotspot_state(of, look, chosen), Key.of("问题明显偏多（红）、偏少（蓝）的把握", SPOT_COLOURS, words),
        filter_caption(town, of.question), note,
    )  # fmt: skip


def legend(found: Hotspots) -> None:
    """Classes, choices and notes of the map of now."""
    boxes = "".join(
        f'<span><i class="cw-{c}" style="--light:{SPOT_COLOURS["light"][c]}"></i><em>{_short(c)}</em></span>'
        for c in SPOT_COLOURS["light"]
    )
    st.html(
        f'<div class="cw-legend cw-seven"><b>冷热点</b><small>可信程度</small>'
        f'<div class="cw-swatches">{boxes}</div>{printed(found.choices)}'
        f"{explained(found.caption, found.notes)}</div>"
    )


def printed(choice: dict[str, str]) -> str:
    """What was chosen, label by label, as HTML."""
    lines = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in choice.items())
    return f'<dl class="cw-choices">{lines}</dl>'


def explained(caption: str, notes: tuple[str, ...]) -> str:
    """How it was computed, to be opened."""
    texts = "".join(f"<p>{escape(text)}</p>" for text in (caption, *notes))
    return f"<details><summary>怎样算出来的</summary>{texts}</details>"


def _short(name: str) -> str:
    return f"{'热' if name.startswith('hot') else '冷'} {name[-2:]}%"
