"""数据: what the office decides once, such as its hours and its hotline."""

from __future__ import annotations

import streamlit as st

from cwmap import office, server
from cwmap.errors import CwmapError
from cwmap.ui import account, frame

_HINTS = {
    "office": "印在公示牌和通报上", "hotline": "印在公示牌上", "address": "如 http://10.1.2.3:8501，印成公示牌的二维码",
    "hours": "任务期限按它计算，如 08:30-12:00,14:30-18:00",
}  # fmt: skip


def draw() -> None:
    """The settings, to be changed by those who may."""
    workspace = server.open_keeper().workspace
    now = office.settings(workspace)
    if not account.viewer().may_edit:
        lines = "".join(
            f"<dt>{office.LABELS[k]}</dt><dd>{office.shown(v)}</dd>" for k, v in now.items()
        )
        st.html(f'<div class="cw-card"><dl>{lines}</dl></div>')
        st.info("修改设置要先登录创卫办的账号。")
        return
    with st.form("office", border=False):
        given: dict[str, object] = {}
        left, right = st.columns(2)
        for at, (name, value) in enumerate(now.items()):
            with left if at % 2 == 0 else right:
                if name == "workdays":
                    options = list(office.WORKDAYS)
                    given[name] = st.selectbox(
                        office.LABELS[name], options, index=options.index(value),
                        format_func=office.WORKDAYS.__getitem__,
                    )  # fmt: skip
                elif isinstance(value, bool):
                    given[name] = st.toggle(office.LABELS[name], value=value)
                else:
                    given[name] = st.text_input(office.LABELS[name], value, help=_HINTS.get(name))
        if st.form_submit_button("保存设置", type="primary"):
            try:
                office.change(workspace, given)
                st.toast("设置已保存", duration="long")
            except CwmapError as error:
                st.error(frame.plain(str(error)))
