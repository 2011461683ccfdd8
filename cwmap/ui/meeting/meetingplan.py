"""会议: the agendas that there are, and the arranging of one by those who may edit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from html import escape
from itertools import count
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from cwmap import photos, server
from cwmap.errors import CwmapError
from cwmap.meeting import agenda, telling
from cwmap.meeting.agenda import FIGURES, KINDS, Agenda, Step
from cwmap.meeting.desk import Desk
from cwmap.meeting.telling import Told
from cwmap.norms import split_words
from cwmap.store import column
from cwmap.tasks import steps
from cwmap.ui import account, frame

USUAL = "默认议程（自动生成）"
_NUMBERS = count()


@dataclass
class _Draft:
    """An agenda under way. steps: by a number of this session, so that fields stay with their step."""

    name: str
    steps: dict[int, Step]

    @classmethod
    def of(cls, plan: Agenda) -> _Draft:
        return cls(plan.name, _numbered(plan.steps))

    def drop(self, number: int) -> None:
        """Take a step out."""
        del self.steps[number]

    def move(self, number: int, by: int) -> None:
        """Up (−1) or down (1) by one."""
        order = list(self.steps)
        at = order.index(number)
        order.insert(at + by, order.pop(at))
        self.steps = {n: self.steps[n] for n in order}


def _numbered(plan: Iterable[Step]) -> dict[int, Step]:
    return {next(_NUMBERS): step for step in plan}


def page(problem: str = "") -> None:
    """The whole page; `problem`: why the stage was not shown."""
    town = frame.town()
    frame.header(town)
    with st.container(key="cw-page"), st.container(key="cw-agenda"):
        st.html("<h1>会议议程</h1>")
        if problem:
            st.error(frame.plain(problem))
        may_edit = account.viewer().may_edit
        open_it, save_it = st.columns(2, gap="large")
        with open_it:
            name = _chosen(agenda.names(server.workspace_folder()))
            st.page_link(frame.door("meeting"), label="开始会议 ›", query_params=_words(name))
            st.html("<p class='cw-hint'>打开的链接（可复制给别人）：</p>")
            st.code(_link(name), language=None)
        with save_it:
            if may_edit:
                frame.sentence(lambda: _save(_draft(name)))()
            else:
                st.html('<p class="cw-empty">编排议程由创卫办进行；请用创卫办的账号登录。</p>')
        if may_edit:
            frame.sentence(lambda: _arrange(_draft(name)))()


def _words(name: str) -> dict[str, str]:
    return {"agenda": name} if name else {}


def _link(name: str) -> str:
    base = (st.context.url or "").partition("?")[0]
    return base + (f"?{urlencode(_words(name))}" if name else "")


def _chosen(names: list[str]) -> str:
    """The agenda in hand: as the address says if there is such a one."""
    asked = st.query_params.get("agenda", "")
    options = ["", *names]
    st.session_state["w-agenda"] = asked if asked in options else ""

    def open_it() -> None:
        st.query_params.from_dict({"edit": "1", **_words(st.session_state["w-agenda"])})

    chosen: str = st.selectbox(
        "议程", options, key="w-agenda", format_func=lambda n: frame.plain(n) if n else USUAL,
        on_change=open_it,
    )  # fmt: skip
    return chosen


# Arranging ---------------------------------------------------------------------------------------


def _desk() -> Desk:
    keeper = server.open_keeper()
    town = keeper.town()
    kept: Desk | None = st.session_state.get("plan-desk")
    if kept is None or kept.town is not town:
        kept = st.session_state["plan-desk"] = Desk(town, keeper.workspace)
    return kept


def _draft(name: str) -> _Draft:
    """The agenda under way: of the one in hand, until it is saved."""
    draft: _Draft | None = st.session_state.get("plan")
    if draft is None or draft.name != name:
        desk = _desk()
        plan = agenda.load(desk.workspace.folder, name) if name else desk.usual()
        draft = st.session_state["plan"] = _Draft.of(plan)
    return draft


def _arrange(draft: _Draft) -> None:
    desk = _desk()
    for at, number in enumerate(draft.steps):
        _entry(desk, draft, number, at)
    _add(desk, draft)


def _told(desk: Desk, step: Step) -> tuple[Told | None, str]:
    """What a step would say by itself, or why it cannot be shown."""
    try:
        return telling.tell(desk, replace(step, title="", sentence="")), ""
    except CwmapError as error:
        return None, str(error)


def _entry(desk: Desk, draft: _Draft, number: int, at: int) -> None:
    step = draft.steps[number]
    told, problem = _told(desk, step)
    with st.container(border=True, key=f"plan-{number}"):
        words, *buttons = st.columns([12, 1, 1, 1.4], vertical_alignment="center")
        title = step.title or (told.title if told else KINDS[step.kind])
        said = step.sentence or (told.sentence if told else "")
        words.html(
            f'<div class="cm-entry"><h3>{at + 1}. {escape(title)}</h3><p>{escape(said)}</p></div>'
        )
        last = at == len(draft.steps) - 1
        for place, label, by, off in zip(buttons, "↑↓", (-1, 1), (at == 0, last), strict=False):
            place.button(
                label, key=f"plan-{number}-{by}", disabled=off, width="stretch",
                help="上移" if by < 0 else "下移", on_click=draft.move, args=(number, by),
            )  # fmt: skip
        buttons[-1].button(
            "删除", key=f"plan-{number}-out", disabled=len(draft.steps) == 1, width="stretch",
            on_click=draft.drop, args=(number,),
        )  # fmt: skip
        if problem:
            st.error(frame.plain(problem))
        with st.expander(f"改写（{KINDS[step.kind]}）", key=f"plan-{number}-more"):
            _fields(desk, draft, number, told)


def _fields(desk: Desk, draft: _Draft, number: int, told: Told | None) -> None:
    """What the planner may write instead of cwmap's words."""
    step = draft.steps[number]

    def write(word: str) -> None:
        value: Any = st.session_state[f"plan-{number}-{word}"]
        changes: dict[str, Any] = {word: tuple(value) if word == "figures" else value.strip()}
        draft.steps[number] = replace(draft.steps[number], **changes)

    st.text_input(
        "标题（留空由系统写）", step.title, key=f"plan-{number}-title", max_chars=60,
        placeholder=told.title if told else "", on_change=write, args=("title",),
    )  # fmt: skip
    st.text_area(
        "一句话（留空由系统按最新数据写）", step.sentence, key=f"plan-{number}-sentence",
        max_chars=300, height=68, placeholder=told.sentence if told else "", on_change=write,
        args=("sentence",),
    )  # fmt: skip
    if step.kind == "view" and step.page not in agenda.OWN_FIGURES:
        st.multiselect(
            "数字（至多两个）", list(FIGURES), list(step.figures), max_selections=2,
            key=f"plan-{number}-figures", format_func=FIGURES.__getitem__, placeholder="选择",
            on_change=write, args=("figures",),
        )  # fmt: skip
    _pictures(desk, draft, number)


def _pictures(desk: Desk, draft: _Draft, number: int) -> None:
    """Photos of a task instead of the map."""
    step, key = draft.steps[number], f"plan-{number}-task"

    def take() -> None:
        task = st.session_state[key].strip()
        found = _photos_of(desk, task) if task else ()
        draft.steps[number] = replace(draft.steps[number], pictures=found)
        if task and not found:
            st.toast(f"任务“{frame.plain(task)}”没有照片，或没有这个编号。")

    st.text_input(
        "用某件任务的照片（填任务编号；留空不用）", key=key, on_change=take,
        placeholder=f"已选 {len(step.pictures)} 张" if step.pictures else "",
    )  # fmt: skip


def _photos_of(desk: Desk, task: str) -> tuple[str, ...]:
    """The first photo before and the last after of a task, those that there are."""
    report = desk.workspace.read("reports", ["photo"], column("report_id", "reports") == task)
    done = steps.events(desk.workspace, [task])
    return tuple(
        name
        for cells, at in ((report["photo"], 0), (done["photo"], -1))
        if (name := _one_photo(desk, cells, at))
    )


def _one_photo(desk: Desk, cells: pd.Series, at: int) -> str:
    texts = [text for text in cells if isinstance(text, str)]
    kept = [n for t in texts for n in split_words(t) if photos.path(desk.workspace.folder, n)]
    return kept[at] if kept else ""


def _add(desk: Desk, draft: _Draft) -> None:
    full = len(draft.steps) >= agenda.MOST_STEPS
    with st.container(border=True, key="cw-agenda-add"):
        kinds = [kind for kind in KINDS if kind != "view"]
        with st.container(horizontal=True, vertical_alignment="bottom"):
            kind = st.selectbox("加一步", kinds, format_func=KINDS.__getitem__, key="plan-kind")
            if st.button("加入", key="plan-add-kind", disabled=full):
                draft.steps |= _numbered([Step(kind)])
                st.rerun()
        with st.form("plan-view", border=False, clear_on_submit=True):
            link = st.text_input(
                "加一个画面：在别的页面调好，把浏览器地址栏里的整个地址贴到这里", key="plan-link"
            )
            if st.form_submit_button("加入画面", disabled=full) and link.strip():
                frame.sentence(lambda: _take_view(desk, draft, link))()


def _take_view(desk: Desk, draft: _Draft, link: str) -> None:
    draft.steps |= _numbered([agenda.viewed(desk.town, link)])
    st.rerun()


def _save(draft: _Draft) -> None:
    folder = server.workspace_folder()
    with st.form("plan-save", border=False):
        name = st.text_input("名称", draft.name, placeholder="如：10月第4周调度会").strip()
        saving = st.form_submit_button("保存议程", type="primary")
    if draft.name:
        st.button(
            f"删除“{frame.plain(draft.name)}”", on_click=_remove, args=(draft.name,),
            help="从列表里移走；文件留在工作区的 agenda/history",
        )  # fmt: skip
    if saving:
        agenda.save(folder, Agenda(tuple(draft.steps.values()), name))
        draft.name = name
        st.query_params.from_dict({"edit": "1", **_words(name)})
        st.toast(f"已保存“{frame.plain(name)}”。")
        st.rerun()


def _remove(name: str) -> None:
    agenda.remove(server.workspace_folder(), name)
    st.query_params.from_dict({"edit": "1"})
