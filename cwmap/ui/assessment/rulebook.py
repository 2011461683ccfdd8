"""考核: the office's own rules, checked before they are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from cwmap import rulefile, server
from cwmap.assessment import rewards, sampling, scoring
from cwmap.errors import CwmapError
from cwmap.gaps import facilities
from cwmap.tasks import routing
from cwmap.ui import account, frame, words


@dataclass(frozen=True)
class Book:
    """One file of rules: how it is called, stored, and checked and saved."""

    name: str
    file: str
    save: Callable[[Path, str], object]


def _save_routing(folder: Path, text: str) -> object:
    made = routing.parse("派遣规则", text, frame.town().categories)
    rulefile.write(routing.FILE, folder, text)
    return made


BOOKS = {
    "assessment": Book("考核细则", scoring.FILE, scoring.save),
    "rewards": Book("奖惩规则", rewards.FILE, rewards.save),
    "routing": Book("派遣规则", routing.FILE, _save_routing),
    "sampling": Book("抽样规则", sampling.FILE, sampling.save),
    "facilities": Book("配置标准", facilities.FILE, facilities.save),
}
HEIGHT_PX = 620


def draw() -> None:
    """Choose a file of rules, change it, save it; a mistake is told with its line."""
    chosen = words.switch("book", {key: book.name for key, book in BOOKS.items()}, "规则")
    book, folder = BOOKS[chosen], server.workspace_folder()
    _, text = rulefile.read(book.name, book.file, folder)
    st.html(
        '<p class="cw-hint">每条规则写明出处；没有公开来源的数都标着“示例，镇可改”。'
        "保存前先核对，写错会指出哪一行；以前的版本留在工作区的 rules/history。</p>"
    )
    if not account.viewer().may_edit:
        st.code(text, language="toml", height=HEIGHT_PX)
        return
    key = f"book-{chosen}-{st.session_state.get('book-turn', 0)}"
    edited = st.text_area(book.name, text, height=HEIGHT_PX, key=key, label_visibility="collapsed")
    if said := st.session_state.pop("book-said", None):
        st.toast(said, duration="long")
    if st.button("核对并保存", type="primary", width="stretch"):
        if edited == text:
            st.info("没有改动。")
            return
        try:
            book.save(folder, edited)
        except CwmapError as error:
            st.error(frame.plain(str(error)))
            return
        st.session_state["book-turn"] = st.session_state.get("book-turn", 0) + 1
        st.session_state["book-said"] = f"{book.name}已保存，得分已按新规则重算。"
        st.rerun()
    own = (folder / "rules" / book.file).exists()
    st.caption(f"现用的是{'本镇自己的' if own else '随软件附带的'}{book.name}。")
