"""缺口: which areas lack a market, toilets, bins; whom it concerns; where the next one serves most."""

import streamlit as st

from cwmap.ui import filterbar, frame, gaplist, gapviews, gapwords, state, words
from cwmap.ui import map as town_map


@st.fragment
@frame.sentence
def look() -> None:
    """All that a choice changes."""
    town = frame.town()
    state.open_state(town)
    norms = gapwords.in_force(town)
    gapwords.ready(town, norms)
    judged = gapwords.found(town, norms)
    view = gapviews.view(town, norms, judged, words.chosen("view", gapwords.VIEWS))
    with st.container(key="cw-map"):
        town_map.draw(town, view.painted, view.picked)
    with st.container(key="cw-metrics"):
        gaplist.metrics(judged)
    with st.container(key="cw-left"):
        gapwords.options(town, norms)
        filterbar.period(town)
    with st.container(key="cw-right"):
        gapwords.switches(norms)
        view.panel()
    with st.container(key="cw-legend"):
        view.legend()
    state.write_address(gapwords.address())


frame.header(frame.town())
look()
frame.watch()
