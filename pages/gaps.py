"""缺口: which areas lack a market, toilets, bins; whom it concerns; where the next one serves most."""

import streamlit as st

from cwmap.ui import filterbar, frame, state, words
from cwmap.ui import map as town_map
from cwmap.ui.gaps import gaplist, gapviews, gapwords


@st.fragment
@frame.sentence
def look() -> None:
    """All that a choice changes."""
    town = frame.town()
    state.open_state(town)
    now = gapwords.asked(town)
    view = gapviews.view(town, now, words.chosen("view", gapwords.VIEWS))
    with st.container(key="cw-map"):
        town_map.draw(town, view.shown, view.picked)
    with st.container(key="cw-metrics"):
        gaplist.metrics(now.judged)
    with st.container(key="cw-left"):
        gapwords.options(town, now)
        filterbar.period(town)
    with st.container(key="cw-right"):
        gapwords.switches(now.norms)
        view.panel()
    with st.container(key="cw-legend"):
        view.legend()
    state.write_address(gapwords.address())


frame.header(frame.town())
look()
frame.watch()
