"""热点: where reports crowd beyond chance, how that changes, and which kinds crowd together."""

import streamlit as st

from cwmap.ui import filterbar, frame, state
from cwmap.ui import map as town_map
from cwmap.ui.hotspots import choices, hotviews, overtime, spotlist


@st.fragment
@frame.sentence
def look() -> None:
    """All that a filter or a choice of method changes."""
    town = frame.town()
    choices.open_choices()
    state.open_state(town)
    view = hotviews.view(town)
    with st.container(key="cw-map"):
        town_map.draw(town, view.shown, view.picked)
    view.over()
    with st.container(key="cw-left"):
        spotlist.options()
        filterbar.draw(town)
    with st.container(key="cw-right"):
        overtime.switch()
        view.panel()
    with st.container(key="cw-legend"):
        view.legend()
    state.write_address(choices.choices().to_query())


frame.header(frame.town())
look()
frame.watch()
