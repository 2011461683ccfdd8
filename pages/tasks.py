"""任务: every problem followed until it is verified; what is overdue, and whose it is."""

import streamlit as st

from cwmap.ui import filterbar, frame, state, words
from cwmap.ui import map as town_map
from cwmap.ui.tasks import taskbooks, taskcard, tasklist

VIEWS = {"list": "清单", "rates": "指标"}


@st.fragment
@frame.sentence
def look() -> None:
    """All that a choice changes."""
    town = frame.town()
    state.open_state(town)
    mine = tasklist.unit(town)
    with st.container(key="cw-map"):
        town_map.draw(town, tasklist.shown(town, mine, state.question(), state.look()), state.pick)
    with st.container(key="cw-metrics"):
        tasklist.lights(town, mine)
    with st.container(key="cw-left"):
        tasklist.units(town)
        filterbar.draw(town)
    with st.container(key="cw-right"):
        picked = state.look().picked
        if picked and picked[0] == "reports":
            taskcard.card(town, picked[1])
        elif words.switch("view", VIEWS, "看什么") == "rates":
            tasklist.rates(town)
        else:
            tasklist.listing(town, mine)
            taskbooks.draw(town, mine)
    with st.container(key="cw-legend"):
        tasklist.legend(town, mine)
    state.write_address(words.address(view="list", unit="", list="red"))


frame.header(frame.town())
look()
frame.watch()
