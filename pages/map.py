"""一张图: where the problems are."""

import streamlit as st

from cwmap.ui import cards, filterbar, frame, legend, state
from cwmap.ui import map as town_map


@st.fragment
@frame.sentence
def look() -> None:
    """All that a filter changes. The map comes first: it is what the viewer waits for."""
    town = frame.town()
    state.open_state(town)
    shown = legend.shown(town, state.question(), state.look())
    with st.container(key="cw-map"):
        town_map.draw(town, shown, state.pick)
    with st.container(key="cw-metrics"):
        cards.metrics(town)
    with st.container(key="cw-left"):
        filterbar.draw(town)
    with st.container(key="cw-right"):
        if state.look().picked:
            cards.chosen(town)
        else:
            cards.worst(town)
    with st.container(key="cw-legend"):
        legend.draw(town)
    state.write_address()


frame.header(frame.town())
look()
frame.watch()
