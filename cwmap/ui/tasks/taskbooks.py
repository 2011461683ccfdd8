"""任务: workbooks that go out to the units and come back filled in."""

from __future__ import annotations

import io
import zipfile
from html import escape

import streamlit as st

from cwmap import importing, server
from cwmap.errors import CwmapError
from cwmap.filters import Filter
from cwmap.tasks import tasks, unitbook
from cwmap.town import Town
from cwmap.ui import account, frame
from cwmap.ui.tasks import tasklist

SHOWN = 100


def draw(town: Town, unit: str | None) -> None:
    """Take the workbooks out, and merge what comes back."""
    mark = "_示例" if town.settings.synthetic else ""
    with st.container(key="cw-books"):
        if unit:
            st.download_button(
                f"导出“{frame.plain(unit)}”任务书", lambda: _book(town, unit),
                f"任务书_{unit}_{town.as_of:%Y%m%d}{mark}.xlsx", on_click="ignore",
                icon=":material/download:", width="stretch",
            )  # fmt: skip
        else:
            st.download_button(
                "导出各单位任务书（zip）", lambda: _books(town),
                f"任务书_{town.as_of:%Y%m%d}{mark}.zip", "application/zip", on_click="ignore",
                icon=":material/download:", width="stretch",
            )  # fmt: skip
        if account.viewer().may_edit:
            _take_back()


def _book(town: Town, unit: str) -> bytes:
    out = io.BytesIO()
    unitbook.write_unit_book(town, server.open_keeper().workspace, unit, out, tasklist.rules(town))
    return out.getvalue()


def _books(town: Town) -> bytes:
    """A workbook for each unit that has tasks waiting."""
    waiting = tasks.counts(town, Filter(), tasklist.rules(town)).owners
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for unit in waiting.loc[waiting["running"] > 0, "owner"]:
            safe = "".join("_" if c in '\\/:*?"<>|' else c for c in unit)
            archive.writestr(f"任务书_{safe}.xlsx", _book(town, unit))
    return out.getvalue()


def _take_back() -> None:
    """A filled-in workbook: what it changes, what it cannot, then the button."""
    turn = st.session_state.get("books-turn", 0)
    with st.expander("回收任务书", expanded=bool(turn)):
        file = st.file_uploader(
            "把填好的任务书拖到这里",
            type=["xlsx"],
            key=f"books-{turn}",
            label_visibility="collapsed",
        )
        if said := st.session_state.pop("books-said", None):
            st.toast(said, duration="long")
        if file is None:
            return
        try:
            workspace = server.open_keeper().workspace
            understood = importing.understand(
                workspace,
                "tasks",
                (file.name, file.getvalue()),
                importing.Question(sheet=unitbook.SHEET),
            )
            planned = importing.preview(workspace, understood)
        except CwmapError as error:
            st.error(frame.plain(str(error)))
            return
        changed = planned.added + planned.updated
        st.html(
            f'<p class="cw-hint">读到 {planned.read:,} 件：要改 {changed:,} 件，未变 {planned.unchanged:,} 件，'
            f"不能收录 {planned.rejected:,} 件</p>"
        )
        _problems(planned)
        if st.button(
            f"收录 {changed:,} 件改动", type="primary", disabled=not changed, width="stretch"
        ):
            _merge(understood, file.name)


def _problems(planned: importing.Imported) -> None:
    if not planned.problems:
        return
    rows = [
        f"<li><b>第 {p.row} 行 {escape(p.column)}</b>"
        f"<p>{escape(p.value)} {escape(p.reason)}；{escape(p.remedy)}</p></li>"
        for p in planned.problems[:SHOWN]
    ]
    st.html(f'<div class="cw-card cw-past"><ul>{"".join(rows)}</ul></div>')


def _merge(understood: importing.Understood, name: str) -> None:
    keeper = server.open_keeper()
    try:
        done = importing.store(keeper.workspace, understood, name)
    except CwmapError as error:
        st.error(frame.plain(str(error)))
        return
    st.session_state["books-said"] = (
        f"已收录：改 {done.added + done.updated:,} 件，未变 {done.unchanged:,} 件，未收录 {done.rejected:,} 件"
    )
    st.session_state["books-turn"] = st.session_state.get("books-turn", 0) + 1
    with st.spinner("正在更新…"):
        keeper.fresh()
    st.rerun()
