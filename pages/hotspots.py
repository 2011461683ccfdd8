"""热点: where reports crowd beyond chance, and what is known of each place."""

import streamlit as st

from cwmap.ui import filterbar, frame, spotlist, state
from cwmap.ui import map as town_map


@st.fragment
@frame.sentence
def look() -> None:
    """All that a filter or a choice of method changes."""
    town = frame.town()
    state.open_state(town)
    found = spotlist.answer(town)
    now = spotlist.chosen(found)
    ids = now.unit_ids if now else ()
    painted = town_map.hotspot_state(found.found, state.look(), ids, state.flight(town))
    with st.container(key="cw-map"):
        town_map.draw(town, painted, lambda layer, place: spotlist.picked(found, layer, place))
    with st.container(key="cw-left"):
        spotlist.options()
        filterbar.draw(town)
    with st.container(key="cw-right"):
        spotlist.listing(found)
    with st.container(key="cw-legend"):
        spotlist.legend(found)
    state.write_address(spotlist.words(spotlist.method()))


frame.header(frame.town())
look()
frame.watch()
