"""会议: the stage. All steps are prepared and sent once; static/meeting.js goes through them.

A meeting is of one revision until the presenter asks for a newer one: the town is held here, and
whatever the browser would ask of the server later is sent with the steps.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import folium
import streamlit as st
from streamlit_folium import st_folium

from cwmap import server
from cwmap.captions import SYNTHETIC
from cwmap.errors import CwmapError
from cwmap.meeting import agenda, telling
from cwmap.meeting.agenda import Agenda, Step
from cwmap.meeting.desk import Desk
from cwmap.ui import frame
from cwmap.ui import map as town_map
from cwmap.ui.assets import asset_url, localize
from cwmap.ui.meeting import meetingmap, meetingplan

_SCRIPTS = ("meeting.js", "page_meeting.css")


def draw() -> None:
    """The stage, or the arranging of it where the address asks for that."""
    if "edit" in st.query_params:
        st.session_state.pop("meeting", None)  # what is arranged is shown anew
        meetingplan.page()
    else:
        _stage()


def _stage() -> None:
    name = st.query_params.get("agenda", "")
    held = st.session_state.get("meeting")
    if held is None or held["asked"] != (name, frame.theme()):
        try:
            held = _open(name)
        except CwmapError as error:
            meetingplan.page(str(error))
            return
    with st.container(key="cw-stage"), st.container(key="cw-map"):
        m = town_map.base_map(held["desk"].town)
        localize(m, always=[asset_url(file) for file in _SCRIPTS])
        stage = folium.FeatureGroup(name="meet")
        stage.add_child(town_map.Call("meet", held["meeting"] | {"at": _step()}))
        st_folium(
            m, key="meeting-map", height=town_map.HEIGHT_PX, use_container_width=True,
            feature_group_to_add=stage, returned_objects=[], on_change=_refresh,
        )  # fmt: skip


def _open(name: str) -> dict[str, Any]:
    """Take up an agenda with the town as it is now."""
    keeper = server.open_keeper()
    with st.spinner("正在准备会议画面…"):
        desk = Desk(keeper.fresh(), keeper.workspace)
        plan = agenda.load(keeper.workspace.folder, name) if name else desk.usual()
        held = {"asked": (name, frame.theme()), "desk": desk, "meeting": prepared(desk, plan)}
    st.session_state["meeting"] = held
    return held


def _refresh() -> None:
    """The presenter pressed R: the next drawing takes the newest revision."""
    if st.session_state.get("meeting-map"):
        st.session_state.pop("meeting", None)


def _step() -> int:
    """The step that the address asks for, from 0."""
    word = st.query_params.get("step", "")
    return max(int(word) - 1, 0) if word.isdecimal() and len(word) < 4 else 0


def prepared(desk: Desk, plan: Agenda) -> dict[str, Any]:
    """All that static/meeting.js needs of an agenda."""
    return {
        "steps": [_prepared(desk, step) for step in plan.steps],
        "revision": desk.town.revision,
        "asOf": str(desk.town.as_of),
        "badge": SYNTHETIC if desk.town.settings.synthetic else "",
    }


def _prepared(desk: Desk, step: Step) -> dict[str, Any]:
    """One step; where its filter means nothing any more, the sentence that says so."""
    try:
        told = telling.tell(desk, step)
        painted, legend = meetingmap.shown(desk, told)
    except CwmapError as error:
        return {
            "title": step.title or agenda.KINDS[step.kind], "sentence": str(error), "figures": [],
            "rows": [], "pictures": [], "caption": "", "legend": None, "map": meetingmap.bare(),
            "at": None, "bounds": None,
        }  # fmt: skip
    return {
        "title": told.title, "sentence": told.sentence, "caption": told.caption,
        "figures": [asdict(figure) for figure in told.figures], "rows": told.rows,
        "pictures": told.pictures, "legend": legend, "map": painted, "at": step.at,
        "bounds": meetingmap.bounds(desk, told),
    }  # fmt: skip
