"""数据: files in, layers out, and what there is."""

import streamlit as st

from cwmap.ui import briefs, frame, holdings, intake, officeform, state, takeaway

town = frame.town()
frame.header(town)
state.open_state(town)
with st.container(key="cw-page"):
    st.html("<h1>数据</h1>")
    names = ["导入文件", "导出图层", "通报", "现有数据", "设置"]
    arrive, leave, told, held, decided = st.tabs(names)
    with arrive:
        frame.sentence(lambda: intake.draw(town))()
    with leave:
        takeaway.draw()
    with told:
        frame.sentence(lambda: briefs.draw(town))()
    with held:
        frame.sentence(lambda: holdings.draw(town))()
    with decided:
        frame.sentence(officeform.draw)()
