"""The filter: period, categories with their counts, status, place and source."""

from __future__ import annotations

from datetime import date

import streamlit as st

from cwmap import figures
from cwmap.tables import STATUS
from cwmap.town import Town
from cwmap.ui import frame, state

WHOLE_TOWN = ""


def draw(town: Town) -> None:
    """The panel on the left. Each control shows the state and, when used, changes it."""
    period(town)
    _categories(town)
    _status(town)
    _place(town)
    _source(town)


def period(town: Town) -> None:
    """The period alone."""
    st.html('<h3 class="cw-h">时间</h3>')
    st.session_state["w-period"] = (
        "own" if st.session_state.get("own") else state.period_name(state.question(), town)
    )
    st.segmented_control(
        "时间", list(state.PERIODS), format_func=state.PERIODS.__getitem__, key="w-period",
        label_visibility="collapsed", on_change=_choose_period, args=(town,), required=True,
    )  # fmt: skip
    question = state.question()
    span = (question.start or town.first_day, question.end or town.as_of)
    if st.session_state["w-period"] == "own":
        st.session_state["w-days"] = span
        st.date_input(
            "起止日期", key="w-days", label_visibility="collapsed", format="YYYY-MM-DD",
            on_change=_choose_days,
        )  # fmt: skip
    else:
        st.html(f'<div class="cw-span">{span[0]:%Y-%m-%d} 至 {span[1]:%Y-%m-%d}</div>')


def _choose_period(town: Town) -> None:
    name = st.session_state["w-period"]
    st.session_state["own"] = name == "own"
    if name != "own":
        start, end = state.period(name, town)
        state.ask(start=start, end=end)


def _choose_days() -> None:
    days: tuple[date, ...] = st.session_state["w-days"]
    if len(days) == 2:
        state.ask(start=days[0], end=days[1])


def _categories(town: Town) -> None:
    chosen = state.question().category
    counts = figures.group_counts(town, state.question())
    most = max(counts.values(), default=0) or 1
    st.html('<h3 class="cw-h">问题类别</h3>')
    shares = []
    with st.container(key="cw-categories", gap=None):
        for group in town.categories.groups:
            number = counts[group.key]
            on = group.key in chosen
            shares.append(
                f".st-key-cat-{group.key} button{{--share:{100 * number / most:.1f}%;--tint:{group.colour}}}"
            )
            st.button(
                f"{group.name} **{number:,}**", key=f"cat-{group.key}", width="stretch",
                type="primary" if on else "tertiary", on_click=state.toggle,
                args=("category", group.key), disabled=not (number or on),
            )  # fmt: skip
        st.html(f"<style>{''.join(shares)}</style>")


def _status(town: Town) -> None:
    counts = figures.status_counts(town, state.question())
    st.html('<h3 class="cw-h">状态</h3>')
    st.session_state["w-status"] = list(state.question().status)
    st.pills(
        "状态", list(STATUS.choices), selection_mode="multi", key="w-status",
        format_func=lambda s: f"{STATUS.shown(s)} {counts[s]:,}", label_visibility="collapsed",
        on_change=lambda: state.ask(status=tuple(st.session_state["w-status"])),
    )  # fmt: skip


def _place(town: Town) -> None:
    options = {WHOLE_TOWN: "全镇"}
    for layer, word in (("areas", "片区"), ("communities", "社区")):
        for place_id in town.layers[layer].index:
            options[f"{layer}:{place_id}"] = f"{word} · {figures.place_name(town, layer, place_id)}"
    question = state.question()
    current = WHOLE_TOWN
    if question.area:
        current = f"areas:{question.area[0]}"
    elif question.community:
        current = f"communities:{question.community[0]}"
    st.html('<h3 class="cw-h">范围</h3>')
    st.session_state["w-place"] = current if current in options else WHOLE_TOWN
    st.selectbox(
        "范围", list(options), format_func=options.__getitem__, key="w-place",
        label_visibility="collapsed", on_change=_choose_place,
    )  # fmt: skip
    if question.lane:
        names = "、".join(figures.place_name(town, "lanes", i) for i in question.lane)
        st.button(
            f"只看 {frame.plain(names)}　✕",
            key="drop-lane",
            on_click=state.ask,
            kwargs={"lane": ()},
        )


def _choose_place() -> None:
    layer, _, place_id = st.session_state["w-place"].partition(":")
    state.ask(
        area=(place_id,) if layer == "areas" else (),
        community=(place_id,) if layer == "communities" else (),
    )


def _source(town: Town) -> None:
    if len(town.sources) < 2:
        return
    st.html('<h3 class="cw-h">来源</h3>')
    st.session_state["w-source"] = [s for s in state.question().source if s in town.sources]
    st.pills(
        "来源", list(town.sources), selection_mode="multi", key="w-source", label_visibility="collapsed",
        format_func=frame.plain,
        on_change=lambda: state.ask(source=tuple(st.session_state["w-source"])),
    )  # fmt: skip
