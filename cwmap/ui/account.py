"""Who is looking, and the door to sign in.

A tab knows who signed in on it by the key in its Streamlit session, and by the cookie that its
browser had when the page was opened.
"""

from __future__ import annotations

import json
import threading
import time

import streamlit as st

from cwmap import access, server, signin
from cwmap.access import Account, Viewer
from cwmap.errors import CwmapError
from cwmap.ui import frame

_PAUSE_S = 1.0  # after a wrong password, so that guessing takes years
_GUESSING = threading.Lock()  # however many tabs guess at once
_TAKE = """((ticket) => {
  if (window.CW_TICKET === ticket) return;
  window.CW_TICKET = ticket;
  fetch("/cwmap/session", { method: "POST", headers: { "cwmap-ticket": ticket } });
})(%s)"""


def viewer() -> Viewer:
    """Who looks at this page: the signed in, else by the computer that they sit at."""
    workspace = server.open_keeper().workspace
    for key in _keys():
        if known := signin.account(workspace, key):
            return known.viewer
    return access.unnamed(workspace, st.context.ip_address)


def signature() -> str:
    """The name under which somebody acts: the account's, else as last written on this page."""
    now = viewer()
    return str(st.session_state.get("signature", "")) if now == access.OWNER else now.name


def sign(name: str) -> None:
    """Remember a name that was written."""
    st.session_state["signature"] = name


def enter(account: Account) -> None:
    """Sign an account in on this browser."""
    key, ticket = signin.begin(server.open_keeper().workspace, account)
    st.session_state.update({"signed-in": key, "ticket": ticket})


def door() -> None:
    """The name of the viewer; opens to sign in or out, where the office has made accounts."""
    _hand_over()
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
        name = st.text_input("账号", autocomplete="username")
        password = st.text_input("口令", type="password", autocomplete="current-password")
        if not st.form_submit_button("登录", type="primary", width="stretch"):
            return
    with _GUESSING:
        try:
            enter(access.sign_in(server.open_keeper().workspace, name, password))
        except CwmapError as error:
            time.sleep(_PAUSE_S)
            st.error(frame.plain(str(error)))
            return
    st.rerun()


def _sign_out() -> None:
    signin.end(server.open_keeper().workspace, *_keys())
    st.session_state.pop("signed-in", None)
    st.session_state["ticket"] = signin.forgetting()


def _keys() -> list[str]:
    """What this tab is known by: as signed in on it, else as its browser was when it was opened."""
    here = st.session_state.get("signed-in")
    token = st.context.cookies.get(signin.cookie(server.open_keeper().workspace))
    return [*([here] if here else []), *([signin.key(token)] if token else [])]


def _hand_over() -> None:
    """Have the browser take its ticket to the server for a cookie that no script can read.

    Again until it has arrived: a page drawn anew may take the place of one that was on its way.
    """
    ticket = st.session_state.get("ticket", "")
    if not signin.waits(ticket):
        return
    with st.container(key="cw-ticket"):
        st.html(f"<script>{_TAKE % json.dumps(ticket)}</script>", unsafe_allow_javascript=True)
