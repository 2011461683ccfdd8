"""数据 → 账号: who may change things; for those who may manage them (see `cwmap.access`)."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cwmap import access, server
from cwmap.access import Account
from cwmap.errors import CwmapError
from cwmap.store import Workspace
from cwmap.tasks import tasks
from cwmap.town import Town
from cwmap.ui import account, frame
from cwmap.ui.tasks import tasklist

_NOTES = {
    "office": "修改一切", "unit": "只办理本单位的任务", "leader": "只看，电话号码显示完整",
}  # fmt: skip
_NONE = (
    "还没有账号：只有运行看板的这台电脑可以修改，其他人只能看。"
    "先建创卫办的账号；建好后，所有人都要登录才能修改。"
)


def draw(town: Town) -> None:
    """The accounts, each to be changed or removed, and the form for another."""
    if said := st.session_state.pop("accounts-said", None):
        st.toast(said, duration="long")
    known = access.accounts(server.open_keeper().workspace)
    units = frame.sentence(lambda: _units(town, known))() or []  # faulty rules hinder nothing else
    managers = [each for each in known if each.viewer.may_edit]
    with st.container(key="cw-accounts"):
        st.html(f'<p class="cw-hint">{_NONE if not known else _said(known)}</p>')
        for each in known:
            _row(each, units, last=managers == [each])
        with st.popover("新建账号", icon=":material/add:", key=_key("new"), type="primary"):
            _new(units, first=not known)


def _units(town: Town, known: list[Account]) -> list[str]:
    """Units to choose from. Not to be written: tasks are theirs only under the name that these have."""
    rules = tasklist.rules(town)
    routes = [rules.default, *(route for _, route in rules.rules)]
    named = {unit for route in routes for unit in (route.lead, *route.helpers)}
    return sorted(named.union(tasks.tasks(town, rules).owners, (a.unit for a in known if a.unit)))


def _said(known: list[Account]) -> str:
    return f"{len(known)} 个账号。只有登录的人可以修改，其他人只能看；修改账号后，它已登录的浏览器随即退出。"


def _key(name: str) -> str:
    """A widget's key, another one after each change: what was open closes, what was typed is gone."""
    return f"accounts-{name}-{st.session_state.get('accounts-turn', 0)}"


def _row(each: Account, units: list[str], *, last: bool) -> None:
    """An account and what can be done to it. `last`: nobody else may manage accounts."""
    with st.container(key=f"cw-account-{each.name.encode().hex()}", horizontal=True):
        unit = f"，{escape(each.unit)}" if each.unit else ""
        st.html(
            f"<b>{escape(each.name)}</b><span>{access.ROLES[each.role]}{unit}</span>"
            f"<small>{_NOTES[each.role]}</small>"
        )
        with st.popover("修改", key=_key(f"change-{each.name}")):
            _change(each, units)
        with st.popover(
            "删除", key=_key(f"remove-{each.name}"), disabled=last,
            help="最后一个创卫办的账号不能删除" if last else None,
        ):  # fmt: skip
            st.html(f"<p>删除账号“{escape(each.name)}”？它办过的事仍留在经过里。</p>")
            place = st.container()
            if st.button("确认删除", key=_key(f"gone-{each.name}"), type="primary"):
                _do(
                    lambda: access.remove(_workspace(), each.name), f"已删除账号：{each.name}", place
                )  # fmt: skip


def _new(units: list[str], *, first: bool) -> None:
    with st.form(_key("new-form"), border=False):
        name = st.text_input("姓名或科室", autocomplete="off")
        role, unit = _role("office", "", units, fixed=first)
        password, again = _passwords("口令", f"至少 {access.SHORTEST} 个字符")
        place = st.container()
        if not st.form_submit_button("新建", type="primary", width="stretch"):
            return

    def make() -> None:
        made = access.add(_workspace(), name, _same(password, again), role, unit)
        if first:  # else whoever made it could not go on
            account.enter(made)

    _do(make, f"已新建账号：{name.strip()}", place)


def _change(each: Account, units: list[str]) -> None:
    with st.form(_key(f"form-{each.name}"), border=False):
        role, unit = _role(each.role, each.unit, units)
        password, again = _passwords("新口令", "不填则不变")
        place = st.container()
        if not st.form_submit_button("保存", type="primary", width="stretch"):
            return

    def change() -> None:
        mine = account.viewer() == each.viewer
        made = access.change(
            _workspace(), each.name, role=role, unit=unit, password=_same(password, again)
        )
        if mine:  # whoever changes his own stays signed in here, and nowhere else
            account.enter(made)

    _do(change, f"已修改账号：{each.name}", place)


def _role(role: str, unit: str, units: list[str], *, fixed: bool = False) -> tuple[str, str]:
    """Which role, and which unit for one who acts for a unit."""
    chosen = st.selectbox(
        "身份", list(access.ROLES), index=list(access.ROLES).index(role), disabled=fixed,
        format_func=lambda key: f"{access.ROLES[key]}：{_NOTES[key]}",
    )  # fmt: skip
    if fixed or not units:
        return chosen, unit
    named = st.selectbox(
        "责任单位", units, index=units.index(unit) if unit else None,
        placeholder="身份是责任单位时选择",
    )  # fmt: skip
    return chosen, named or ""


def _passwords(label: str, hint: str) -> tuple[str, str]:
    first = st.text_input(label, type="password", placeholder=hint, autocomplete="new-password")
    return first, st.text_input("再输一遍", type="password", autocomplete="new-password")


def _same(password: str, again: str) -> str:
    if password != again:
        raise CwmapError("两次输入的口令不同；请重新输入。")
    return password


def _workspace() -> Workspace:
    return server.open_keeper().workspace


def _do(change: Callable[[], None], said: str, place: DeltaGenerator) -> None:
    """Do what a button asked for: an error is said in its place, success on a fresh page."""
    try:
        change()
    except CwmapError as error:
        place.error(frame.plain(str(error)))
        return
    st.session_state["accounts-said"] = frame.plain(said)
    st.session_state["accounts-turn"] = st.session_state.get("accounts-turn", 0) + 1
    st.rerun()
