"""数据: files in, layers out, and what there is."""

import streamlit as st

from cwmap.ui import account, frame, state
from cwmap.ui.data import accounts, briefs, holdings, intake, officeform, takeaway

town = frame.town()
frame.header(town)
state.open_state(town)
with st.container(key="cw-page"):
    st.html("<h1>数据</h1>")
    names = ["导入文件", "导出图层", "通报", "现有数据", "设置"]
    manages = account.viewer().may_edit
    arrive, leave, told, held, decided, *managed = st.tabs([*names, *["账号"] * manages])
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
    for tab in managed:
        with tab:
            frame.sentence(lambda: accounts.draw(town))()
