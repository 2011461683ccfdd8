"""Who is looking, and the door to sign in."""

from __future__ import annotations

import time

import streamlit as st

from cwmap import access, server
from cwmap.access import Viewer
from cwmap.errors import CwmapError
from cwmap.ui import frame

_PAUSE_S = 1.0  # after a wrong password, so that guessing takes years


def viewer() -> Viewer:
    """Who looks at this page: the signed in, else by the computer that they sit at."""
    workspace = server.open_keeper().workspace
    known: Viewer | None = st.session_state.get("viewer")
    if known and any(account.viewer == known for account in access.accounts(workspace)):
        return known
    return access.unnamed(workspace, st.context.ip_address)


def signature() -> str:
    """The name under which somebody acts: the account's, else as last written on this page."""
    now = viewer()
    return str(st.session_state.get("signature", "")) if now == access.OWNER else now.name


def sign(name: str) -> None:
    """Remember a name that was written."""
    st.session_state["signature"] = name


def door() -> None:
    """The name of the viewer; opens to sign in or out, where the office has made accounts."""
    if not server.open_keeper().workspace.settings().accounts:
        return
    now = viewer()
    label = "登录" if now == access.VISITOR else frame.plain(now.name)
    with st.popover(label, key="cw-account"):
        if now == access.VISITOR:
            _sign_in()
        else:
            st.html(f"<p class='cw-hint'>{access.ROLES[now.role]}</p>")
            st.button("退出登录", on_click=_sign_out, width="stretch")


def _sign_in() -> None:
    with st.form("sign-in", border=False, enter_to_submit=True):
        name = st.text_input("账号")
        password = st.text_input("口令", type="password")
        if not st.form_submit_button("登录", type="primary", width="stretch"):
            return
    try:
        found = access.sign_in(server.open_keeper().workspace, name, password)
    except CwmapError as error:
        time.sleep(_PAUSE_S)
        st.error(frame.plain(str(error)))
        return
    st.session_state["viewer"] = found
    st.rerun()


def _sign_out() -> None:
    st.session_state.pop("viewer", None)
