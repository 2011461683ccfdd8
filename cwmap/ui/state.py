"""What a viewer looks at, in this session and in the address: one question, one look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import streamlit as st

from cwmap.errors import CwmapError
from cwmap.filters import LISTS, Filter
from cwmap.town import Town
from cwmap.ui import frame
from cwmap.ui.look import Look

KEPT = ("at", "meeting")
"""Words of the address that belong to the browser: where the map is, meeting mode."""

PERIODS = {
    "week": "本周",
    "month": "本月",
    "days30": "近30天",
    "year": "今年",
    "all": "全部",
    "own": "自选",
}


def period(name: str, town: Town) -> tuple[date, date]:
    """First and last day of a named period, counted back from the last day with reports."""
    end = town.as_of
    starts = {
        "week": end - timedelta(days=end.weekday()),
        "month": end.replace(day=1),
        "days30": end - timedelta(days=29),
        "year": end.replace(month=1, day=1),
        "all": town.first_day,
    }
    return starts[name], end


def period_name(question: Filter, town: Town) -> str:
    """The named period that a question has; "own" if none."""
    span = (question.start or town.first_day, question.end or town.as_of)
    # 全部 first where the records are young and several names mean the same days.
    names = ("days30", "month", "year", "week", "all")
    return next((n for n in names if period(n, town) == span), "own")


def by_hand() -> bool:
    """Whether the address may have been changed by hand or by 'back': then the whole page is drawn.

    What a click on a part of the page sends along may be the address of a moment ago.
    """
    return bool(st.session_state.get("whole"))


def open_state(town: Town) -> None:
    """Take up the address: at the start of a session, and when it was changed by hand or 'back'."""
    if "question" in st.session_state and not by_hand():
        return
    query = {k: v for k, v in st.query_params.items() if k not in KEPT}
    # A link in the header brings no words: what was looked at stays.
    if "question" in st.session_state and query in ({}, st.session_state.get("written", query)):
        return
    try:
        question = Filter.from_query(query)
        town.view(question)
    except CwmapError as error:
        st.toast(frame.plain(f"链接里的筛选没有采用：{error}"), duration="long")
        question = Filter()
    if not (question.start or question.end):
        start, end = period("days30", town)
        question = replace(question, start=start, end=end)
    st.session_state["question"] = question
    st.session_state["look"] = Look.from_query(query)


def question() -> Filter:
    """The filter in force."""
    value: Filter = st.session_state["question"]
    return value


def look() -> Look:
    """The look in force."""
    value: Look = st.session_state["look"]
    return value


def ask(**changes: Any) -> None:
    """Change the filter; a chosen lane or report stays chosen."""
    st.session_state["question"] = replace(question(), **changes)


def narrowed(**changes: Any) -> Filter:
    """The filter in force with changes, without changing it."""
    return replace(question(), **changes)


def toggle(word: str, value: str) -> None:
    """Add a value to one of the filter's lists, or take it out."""
    assert word in LISTS
    values = getattr(question(), word)
    kept = tuple(v for v in values if v != value) if value in values else (*values, value)
    ask(**{word: kept})


def show(**changes: Any) -> None:
    """Change the look."""
    st.session_state["look"] = replace(look(), **changes)


def pick(layer: str | None, place_id: str = "", *, fly: bool = False) -> None:
    """Choose a lane, a cell or a report (None: nothing), and go there on the map if asked."""
    show(picked=(layer, place_id) if layer else None)
    if fly and layer:
        go(layer, [place_id])


def go(layer: str, ids: Sequence[str]) -> None:
    """Tell the map to go to places of a layer."""
    turn = st.session_state.get("flight", {}).get("turn", 0) + 1
    st.session_state["flight"] = {"layer": layer, "ids": list(ids), "turn": turn}


def flight(town: Town) -> dict[str, Any] | None:
    """Where the map was last told to go: bounds in degrees and a number that tells a new order."""
    order = st.session_state.get("flight")
    if not order:
        return None
    shapes = town.layers[order["layer"]].geometry
    west, south, east, north = shapes[shapes.index.isin(order["ids"])].total_bounds
    return {"bounds": [[south, west], [north, east]], "turn": order["turn"]}


def write_address(extra: Mapping[str, str] | None = None) -> None:
    """Put the question, the look and a page's own words into the address: its link opens the same."""
    query = {**question().to_query(), **look().to_query(), **(extra or {})}
    if query != {k: v for k, v in st.query_params.items() if k not in KEPT}:
        kept = {k: v for k, v in st.query_params.items() if k in KEPT}
        st.query_params.from_dict({**query, **kept})
    st.session_state["written"] = query
    st.session_state["whole"] = False
