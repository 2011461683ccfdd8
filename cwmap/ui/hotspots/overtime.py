"""热点 over time: how each cell changes, the rhythm of the week, and what the clean-ups did."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from html import escape

import plotly.graph_objects as go
import streamlit as st

from cwmap import figures
from cwmap.captions import filter_caption
from cwmap.colours import TREND_COLOURS, even_breaks
from cwmap.drawing import themes
from cwmap.drawing.chart import Matrix
from cwmap.errors import CwmapError
from cwmap.filters import Filter
from cwmap.town import Town
from cwmap.trends import effect
from cwmap.trends.emerging import LABELS, Emerging
from cwmap.trends.rhythm import WEEKDAYS, Rhythm, rhythm
from cwmap.ui import cards, keeping, state
from cwmap.ui.hotspots import spotlist
from cwmap.ui.hotspots.choices import UNITS, VIEWS, asked, choices, choose
from cwmap.ui.legend import ramp
from cwmap.ui.look import Look
from cwmap.ui.map import highest, periods, trend_state
from cwmap.ui.shown import Key, Shown

MEANINGS = {
    "new": "只有最近一期成为热点", "consecutive": "最近连续几期都是热点，以前不是",
    "intensifying": "九成以上时段是热点，而且越来越重", "persistent": "九成以上时段是热点，没有明显升降",
    "diminishing": "九成以上时段是热点，但在减轻", "oscillating": "现在是热点，以前曾是冷点",
    "sporadic": "时有时无的热点", "historical": "以前九成以上时段是热点，最近不是",
}  # fmt: skip
_CHART = {"displayModeBar": False}


def switch() -> None:
    """The switch between the views."""
    st.session_state["w-view"] = choices().view
    st.segmented_control(
        "看什么", list(VIEWS), format_func=VIEWS.__getitem__, key="w-view", required=True,
        label_visibility="collapsed",
        on_change=lambda: choose(view=st.session_state["w-view"], spot=None),
    )  # fmt: skip


def shown(town: Town, found: Emerging, question: Filter, units: str, look: Look) -> Shown:
    """The map of change; `question`: with patrols only where that was chosen, as the densities are."""
    words = [LABELS[c] for c in TREND_COLOURS["light"]]
    return Shown(
        "变化类型", trend_state(town, found, units, question, look),
        Key.of("变化类型", TREND_COLOURS, words), filter_caption(town, question),
        "时空热点：各期 Getis–Ord Gi*，Mann–Kendall 检验走势",
    )  # fmt: skip


def classes(found: Emerging) -> None:
    """Number of units in each class, with what it means."""
    st.html(f'<h3 class="cw-h">变化类型<small>{UNITS[choices().method.units]}数</small></h3>')
    if found.refused:
        st.html(f'<p class="cw-empty">{escape(found.refused)}。</p>')
        return
    rows = "".join(
        f'<li title="{MEANINGS[name]}"><i class="cw-{name}" style="--light:{TREND_COLOURS["light"][name]}"></i>'
        f"<b>{LABELS[name]}</b><span>{number:,}</span><p>{MEANINGS[name]}</p></li>"
        for name, number in found.counts.items()
        if name in MEANINGS
    )
    st.html(f'<ul class="cw-classes cw-swatches">{rows}</ul>')


def legend(town: Town, found: Emerging) -> None:
    """What the map of change shows, and every choice."""
    density = ""
    if not found.refused:
        width = state.look().bandwidth_m or figures.bandwidths_m(town)[2]
        steps = even_breaks(highest(town, periods(found, asked(town)), width))
        density = f"<p>播放时为各期的问题密度（件/公顷，各期同一色标；四次核，带宽 {width} 米）</p>{ramp(steps)}"
    st.html(
        f'<div class="cw-legend"><b>变化</b><small>底色为变化类型</small>{density}'
        f"{spotlist.printed(found.choices)}{spotlist.explained(found.caption, found.notes)}</div>"
    )


def week(town: Town) -> None:
    """Weekday by hour, and what follows the clean-ups."""
    question = asked(town)
    found = rhythm(town, question)
    st.html('<h3 class="cw-h">一周里什么时候上报最多<small>件/天</small></h3>')
    _matrix(found)
    keeping.below(town, "rhythm", lambda: _matrix_page(town, question, found))
    st.html(f'<p class="cw-hint">{escape(found.caption)}</p>')
    st.html('<h3 class="cw-h">每周清理之后</h3>')
    st.session_state.setdefault("w-weekdays", [1, 4])
    days = st.pills(
        "清理日", range(7), selection_mode="multi", key="w-weekdays",
        format_func=WEEKDAYS.__getitem__, label_visibility="collapsed",
    )  # fmt: skip
    _sentence(lambda: effect.weekly(town, question, days))
    st.html('<h3 class="cw-h">集中整治前后</h3>')
    names = {i: figures.place_name(town, "lanes", i) for i in town.layers["lanes"].index}
    lanes = st.multiselect(
        "整治的巷道", list(names), format_func=names.__getitem__, key="w-lanes",
        placeholder="选择整治的巷道", label_visibility="collapsed",
    )  # fmt: skip
    when = st.date_input(
        "整治日期", value=None, key="w-when", label_visibility="collapsed", format="YYYY-MM-DD",
        min_value=town.first_day, max_value=town.as_of,
    )  # fmt: skip
    if lanes and when:
        _sentence(lambda: effect.rectification(town, question, lanes, when))
    else:
        st.html('<p class="cw-empty">选好巷道和日期，就和没有整治的同类巷道比一比。</p>')


def _sentence(ask: Callable[[], effect.Effect]) -> None:
    try:
        found = ask()
    except CwmapError as error:
        st.html(f'<p class="cw-empty">{escape(str(error))}</p>')
        return
    notes = "".join(f"<p>{escape(n)}</p>" for n in found.notes)
    st.html(
        f'<div class="cw-card cw-spot now"><p class="said">{escape(found.sentence)}</p>{notes}</div>'
    )


def _matrix_page(town: Town, question: Filter, found: Rhythm) -> Matrix:
    return Matrix(
        town, "一周里什么时候上报最多", filter_caption(town, question), "件/天",
        themes.source(town, "每个星期几、每小时平均每天的上报数"), date.today(),
        list(WEEKDAYS), [f"{hour} 时" for hour in range(24)], found.per_day,
    )  # fmt: skip


def _matrix(found: Rhythm) -> None:
    chart = go.Figure(
        go.Heatmap(
            z=found.per_day, x=list(range(24)), y=list(WEEKDAYS), showscale=False,
            colorscale=[[0, "rgba(120,130,130,.08)"], [1, cards.ACCENT]], xgap=1, ygap=1,
            hovertemplate="%{y} %{x} 时：每天 %{z:.1f} 件<extra></extra>",
        )
    )  # fmt: skip
    chart.update_layout(
        height=210, margin={"l": 0, "r": 0, "t": 4, "b": 0}, dragmode=False,
        xaxis={"fixedrange": True, "tickvals": [0, 6, 12, 18, 23], "ticksuffix": " 时"},
        yaxis={"fixedrange": True, "autorange": "reversed"},
    )  # fmt: skip
    st.plotly_chart(chart, key="rhythm", config=_CHART)
