"""热点 over time: how each cell changes, the rhythm of the week, and what the clean-ups did."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import plotly.graph_objects as go
import streamlit as st

from cwmap import effect
from cwmap.colours import TREND_COLOURS
from cwmap.emerging import LABELS, Emerging, emerging
from cwmap.errors import CwmapError
from cwmap.figures import place_name
from cwmap.rhythm import Rhythm, rhythm
from cwmap.town import Town
from cwmap.ui import cards, spotlist, state

VIEWS = {"now": "现状", "change": "变化", "rhythm": "节律"}
WEEKDAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
MEANINGS = {
    "new": "只有最近一期成为热点", "consecutive": "最近连续几期都是热点，以前不是",
    "intensifying": "九成以上时段是热点，而且越来越重", "persistent": "九成以上时段是热点，没有明显升降",
    "diminishing": "九成以上时段是热点，但在减轻", "oscillating": "现在是热点，以前曾是冷点",
    "sporadic": "时有时无的热点", "historical": "以前九成以上时段是热点，最近不是",
}  # fmt: skip
_CHART = {"displayModeBar": False}


def view() -> str:
    """Which of the three views is looked at."""
    asked = st.query_params.get("view", "now")
    st.session_state.setdefault("view", asked if asked in VIEWS else "now")
    chosen: str = st.session_state["view"]
    return chosen


def words() -> dict[str, str]:
    """The view as a word of the address; the usual one is left out."""
    return {} if view() == "now" else {"view": view()}


def switch() -> None:
    """The switch between the views."""
    st.session_state["w-view"] = view()
    st.segmented_control(
        "看什么", list(VIEWS), format_func=VIEWS.__getitem__, key="w-view", required=True,
        label_visibility="collapsed",
        on_change=lambda: st.session_state.update(view=st.session_state["w-view"]),
    )  # fmt: skip


def changes(town: Town) -> Emerging:
    """The classes of change of the filter in force."""
    return emerging(town, state.question(), spotlist.method())


def classes(found: Emerging) -> None:
    """Number of cells in each class, with what it means."""
    st.html('<h3 class="cw-h">变化类型<small>网格数</small></h3>')
    if found.refused:
        st.html(
            f'<p class="cw-empty">{escape(found.refused)}。请把时间放宽到至少 8 周，如“今年”或“全部”。</p>'
        )
        return
    rows = "".join(
        f'<li title="{MEANINGS[name]}"><i class="cw-{name}" style="--light:{TREND_COLOURS["light"][name]}"></i>'
        f"<b>{LABELS[name]}</b><span>{number:,}</span><p>{MEANINGS[name]}</p></li>"
        for name, number in found.counts.items()
        if name in MEANINGS
    )
    st.html(f'<ul class="cw-classes cw-swatches">{rows}</ul>')
    notes = "".join(f"<p>{escape(n)}</p>" for n in found.notes)
    st.html(
        '<div class="cw-legend"><details><summary>怎样算出来的</summary>'
        f"<p>{escape(found.caption)}</p>{notes}</details></div>"
    )


def week(town: Town) -> None:
    """Weekday by hour, and what follows the clean-ups."""
    found = rhythm(town, state.question())
    st.html('<h3 class="cw-h">一周里什么时候上报最多<small>件/天</small></h3>')
    _matrix(found)
    st.html(f'<p class="cw-hint">{escape(found.caption)}</p>')
    st.html('<h3 class="cw-h">每周清理之后</h3>')
    st.session_state.setdefault("w-weekdays", [1, 4])
    days = st.pills(
        "清理日", range(7), selection_mode="multi", key="w-weekdays",
        format_func=WEEKDAYS.__getitem__, label_visibility="collapsed",
    )  # fmt: skip
    _sentence(lambda: effect.weekly(town, state.question(), days))
    st.html('<h3 class="cw-h">集中整治前后</h3>')
    names = {i: place_name(town, "lanes", i) for i in town.layers["lanes"].index}
    lanes = st.multiselect(
        "整治的巷道", list(names), format_func=names.__getitem__, key="w-lanes",
        placeholder="选择整治的巷道", label_visibility="collapsed",
    )  # fmt: skip
    when = st.date_input(
        "整治日期", value=None, key="w-when", label_visibility="collapsed", format="YYYY-MM-DD",
        min_value=town.first_day, max_value=town.as_of,
    )  # fmt: skip
    if lanes and when:
        _sentence(lambda: effect.rectification(town, state.question(), lanes, when))
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
