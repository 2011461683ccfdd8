"""The doors of the dashboard, in the order of a meeting. `streamlit run app.py` or `cwmap serve`."""

import streamlit as st

from cwmap import server
from cwmap.ui import account, frame

PAGES = {
    "map": ("pages/map.py", "一张图"),
    "hotspots": ("pages/hotspots.py", "热点"),
    "duties": ("pages/duties.py", "责任"),
    "assessment": ("pages/assessment.py", "考核"),
    "tasks": ("pages/tasks.py", "任务"),
    "gaps": ("pages/gaps.py", "缺口"),
    "reports": ("pages/reports.py", "问题清单"),
    "meeting": ("pages/meeting.py", "会议"),
    "data": ("pages/data.py", "数据"),
}

if __name__ == "__main__":  # Streamlit draws a page
    frame.doors(PAGES)
    account.door()
else:  # the server imports its app
    server.warm()
    app = st.App(
        __file__,
        routes=server.routes(),
        middleware=server.middleware(PAGES),
        on_script_error=frame.on_script_error,
    )
