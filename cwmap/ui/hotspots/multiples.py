"""热点 · 对照: the same map for several kinds of problems, all on one scale."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from html import escape
from urllib.parse import urlencode

import streamlit as st

from cwmap import figures
from cwmap.captions import filter_caption
from cwmap.colours import even_breaks
from cwmap.drawing import themes
from cwmap.drawing.panels import Panels
from cwmap.drawing.sheet import Heat, Sheet
from cwmap.filters import Filter
from cwmap.town import Town
from cwmap.trends.together import kind_name
from cwmap.ui import frame, keeping, legend, state
from cwmap.ui.hotspots import choices
from cwmap.ui.outline import COLOURS, outline_url

USUAL, MOST = 4, 6
"""Panels: where the viewer chose fewer than two kinds, and at most."""


@dataclass(frozen=True)
class Panel:
    """One kind of problems: its word in the filter, reports, largest density in reports per hectare."""

    word: str
    name: str
    question: Filter
    reports: int
    peak: float


def panels(town: Town, question: Filter, bandwidth_m: float | None) -> list[Panel]:
    """The kinds that the filter names, most reports first; with fewer than two the commonest join them."""
    counts = figures.group_counts(town, question)
    common = [key for key in sorted(counts, key=lambda k: -counts[k]) if counts[key]]
    words = list(question.category)
    if len(words) < 2:
        words += [key for key in common if key not in words][: USUAL - len(words)]
    found = []
    for word in words:
        own = replace(question, category=(word,))
        number = town.view(own).rows.total
        peak = float(figures.heat(town, own, bandwidth_m).max(initial=0.0))
        found.append(Panel(word, kind_name(town, word), own, number, peak))
    return sorted(found, key=lambda panel: -panel.reports)[:MOST]


def draw(town: Town, shown: list[Panel]) -> None:
    """The panels; a click on one asks for that kind alone."""
    if not shown:
        return
    theme = frame.theme()
    width = state.look().bandwidth_m or figures.bandwidths_m(town)[2]
    words = {
        "bandwidth": str(width), "top": f"{max(p.peak for p in shown):.6g}",
        "rev": str(town.revision), "theme": theme,
    }  # fmt: skip
    columns = 2 if len(shown) <= USUAL else 3
    st.html(
        f"<style>.st-key-cw-multiples{{--columns:{columns};--rows:{-(-len(shown) // columns)};"
        f'--ground:{COLOURS[theme]["ground"]}}}.cw-multiple{{background:var(--ground) url("{outline_url(town, theme)}")'
        " center / contain no-repeat}</style>"
    )
    with st.container(key="cw-multiples", gap=None):
        for at, panel in enumerate(shown):
            address = f"cwmap/heat.png?{urlencode({**panel.question.to_query(), **words})}"
            with st.container(key=f"multiple-{at}", gap=None):
                st.button(
                    f"{frame.plain(panel.name)} **{panel.reports:,} 件** *最密 {panel.peak:.1f} 件/公顷*",
                    key=f"w-multiple-{at}", width="stretch", type="tertiary", on_click=_only,
                    args=(panel.word,),
                )  # fmt: skip
                st.html(
                    f'<div class="cw-multiple"><img src="{escape(address)}" alt="{escape(panel.name)}的密度"></div>'
                )


def _only(word: str) -> None:
    state.ask(category=(word,))
    choices.choose(view="now")


def told(town: Town, shown: list[Panel]) -> None:
    """What the panels say, in words, and how to choose others."""
    st.html('<h3 class="cw-h">各类问题在哪里最密<small>件</small></h3>')
    chosen = len(state.question().category)
    if not shown:
        st.html('<p class="cw-empty">所选条件下没有问题。放宽时间或状态再看。</p>')
        return
    if chosen > MOST:
        hint = f"选了 {chosen} 类，只画问题最多的 {MOST} 类。"
    elif len(shown) == 1:
        hint = "所选条件下只有这一类问题。"
    elif chosen > 1:
        hint = "在左侧“问题类别”里增减，可选 2 到 6 类。"
    else:
        hint = f"默认是问题最多的 {len(shown)} 类；在左侧“问题类别”里选 2 到 6 类，就比这几类。"
    st.html(f'<p class="cw-hint">{hint}点一幅图只看那一类。</p>')
    keeping.below(town, "multiples", lambda: _page(town, shown))
    most = max(shown[0].reports, 1)
    rows = "".join(
        f"<li><b>{escape(panel.name)}</b><span>{panel.reports:,}</span>"
        f'<i style="width:{100 * panel.reports / most:.0f}%"></i><p>{_where(town, panel)}</p></li>'
        for panel in shown
    )
    st.html(f'<ul class="cw-kinds">{rows}</ul>')


def _page(town: Town, shown: list[Panel]) -> Panels:
    """All panels on one page, on the scale that they have on the screen."""
    width = state.look().bandwidth_m or figures.bandwidths_m(town)[2]
    steps = tuple(even_breaks(max(panel.peak for panel in shown)))
    sheets = tuple(
        Sheet(
            town, f"{panel.name} {panel.reports:,} 件", "", "", "", date.today(),
            heat=Heat(figures.heat(town, panel.question, width), steps),
        )
        for panel in shown
    )  # fmt: skip
    caption = filter_caption(town, replace(choices.asked(town), category=()))
    source = themes.source(town, f"核密度，四次核，带宽 {width} 米，各图同一色标")
    return Panels(town, "各类问题在哪里最密", caption, "件/公顷", source, date.today(), sheets)


def _where(town: Town, panel: Panel) -> str:
    """The areas (else communities) that hold most of a kind, and how many reports each."""
    layer = "areas" if len(town.layers["areas"]) else "communities"
    counts = figures.place_counts(town, town.view(panel.question), layer)["reports"]
    first = counts[counts > 0].sort_values(ascending=False, kind="stable").head(2)
    return "、".join(
        f"{escape(figures.place_name(town, layer, str(place)))} {number:,} 件"
        for place, number in first.items()
    )


def scale(town: Town, shown: list[Panel]) -> None:
    """The one legend of all panels."""
    steps = even_breaks(max((panel.peak for panel in shown), default=0.0))
    if not steps:
        st.html('<div class="cw-legend"><b>问题密度</b><p>所选条件下没有可定位的问题</p></div>')
        return
    width = state.look().bandwidth_m or figures.bandwidths_m(town)[2]
    kernel = f"核密度：四次核，带宽 {width} 米，栅格 {town.heat_grid.pixel_m:.0f} 米"
    caption = filter_caption(town, replace(choices.asked(town), category=()))
    st.html(
        '<div class="cw-legend"><b>问题密度</b><small>件/公顷，各图同一色标</small>'
        f"{legend.ramp(steps)}<p>{kernel}；{escape(caption)}</p></div>"
    )
