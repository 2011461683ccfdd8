"""热点: where reports crowd beyond chance, how that changes, and the rhythm of the week."""

import streamlit as st

from cwmap.ui import filterbar, frame, overtime, spotlist, state
from cwmap.ui import map as town_map


@st.fragment
@frame.sentence
def look() -> None:
    """All that a filter or a choice of method changes."""
    town = frame.town()
    state.open_state(town)
    view = overtime.view()
    found = spotlist.answer(town)
    changed = overtime.changes(town) if view == "change" else None
    if changed:
        painted = town_map.trend_state(town, changed, state.question(), state.look())
    else:
        ids = spotlist.chosen_ids(found)
        painted = town_map.hotspot_state(found.found, state.look(), ids, state.flight(town))
    with st.container(key="cw-map"):
        town_map.draw(town, painted, lambda layer, place: spotlist.picked(found, layer, place))
    with st.container(key="cw-left"):
        spotlist.options()
        filterbar.draw(town)
    with st.container(key="cw-right"):
        overtime.switch()
        if changed:
            overtime.classes(changed)
        elif view == "rhythm":
            overtime.week(town)
        else:
            spotlist.listing(found)
    with st.container(key="cw-legend"):
        spotlist.legend(found, shown=not changed)
    state.write_address(spotlist.words(spotlist.method()) | overtime.words())


frame.header(frame.town())
look()
frame.watch()
