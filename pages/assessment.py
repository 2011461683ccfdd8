"""考核: 日督导, 周评比, 月奖惩; where to look again; the rules."""

import streamlit as st

from cwmap.ui import frame, state, words
from cwmap.ui import map as town_map
from cwmap.ui.assessment import scoreviews


@st.fragment
@frame.sentence
def look() -> None:
    """All that a choice changes."""
    town = frame.town()
    state.open_state(town)
    shown = words.chosen("view", scoreviews.VIEWS)
    view = scoreviews.view(town, shown)
    with st.container(key="cw-map"):
        town_map.draw(town, view.shown, view.picked)
    with st.container(key="cw-right"):
        words.switch("view", scoreviews.VIEWS, "看什么")
        view.panel()
    with st.container(key="cw-legend"):
        view.legend()
    state.write_address(words.address(view="week", on="", group=""))


frame.header(frame.town())
look()
frame.watch()
