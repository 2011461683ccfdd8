"""问题清单: the reports behind the map, row by row."""

import streamlit as st

from cwmap.ui import frame, listing, state

town = frame.town()
frame.header(town)
state.open_state(town)
with st.container(key="cw-page"):
    st.html("<h1>问题清单</h1>")
    listing.draw(town)
