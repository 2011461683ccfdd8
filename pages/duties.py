"""责任: who answers for each lane, what is missing in the register, who carries how much."""

import streamlit as st

from cwmap import units
from cwmap.duties import duties
from cwmap.ui import filterbar, frame, state, words
from cwmap.ui import map as town_map
from cwmap.ui.duties import dutylist, dutymap, postings

VIEWS = {"standing": "到位情况", "load": "负担与问题"}


@st.fragment
@frame.sentence
def look() -> None:
    """All that a choice changes."""
    town = frame.town()
    state.open_state(town)
    mode, day = words.chosen("by", duties.MODES), state.question().end or town.as_of
    with st.container(key="cw-map"):
        town_map.draw(
            town, dutymap.shown(town, mode, day, state.question(), state.look()), state.pick
        )
    with st.container(key="cw-left"):
        st.html('<h3 class="cw-h">按什么着色</h3>')
        words.switch("by", duties.MODES, "按什么着色")
        filterbar.draw(town)
    with st.container(key="cw-right"):
        picked = state.look().picked
        if picked and picked[0] in units.LAYERS:
            dutylist.unit_card(town, "/".join(picked), day)
            if picked[0] == "lanes":
                postings.one(town, picked[1], day)
        else:
            view = words.switch("view", VIEWS, "看什么")
            if view == "load":
                dutylist.loads(town)
            else:
                dutylist.standing(town, day)
            postings.all_lanes(town, day)
    with st.container(key="cw-legend"):
        dutymap.legend(town, mode, day)
    state.write_address(words.address(by="complete", view="standing"))


frame.header(frame.town())
look()
frame.watch()
