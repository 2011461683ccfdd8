"""整表替换 on the page: the choice, what it takes out, the second yes, and the sheets of what is gone."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from cwmap import importing, replacement, server
from cwmap.errors import CwmapError
from cwmap.importing import Understood
from cwmap.tables import Table
from cwmap.ui import frame


def choose(understood: Understood, file_id: str) -> Understood | None:
    """The file as it is to be stored: replacing its table or not; None until that is settled."""
    table = understood.table
    if table.name not in replacement.REPLACEABLE:
        return understood
    wanted = st.toggle(
        f"整表替换：导入后“{table.label}”只剩这份文件里的行，其余的移除（留底，可下载）",
        key=f"intake-replace-{table.name}-{file_id}",
    )
    if not wanted:
        return understood
    workspace = server.open_keeper().workspace
    try:
        understood = importing.replacing(workspace, understood)
    except CwmapError as error:
        st.error(frame.plain(str(error)))
        return None
    gone = understood.leaving
    if gone is None or gone.empty:
        st.caption("表里的行都在这份文件里，没有要移除的。")
        return understood
    return understood if _confirmed(understood, list(gone.index), file_id) else None


def _confirmed(understood: Understood, keys: list[str], file_id: str) -> bool:
    """Whether somebody has read which rows go, and said yes to these."""
    workspace, table, gone = server.open_keeper().workspace, understood.table, understood.leaving
    st.warning(frame.plain(replacement.named(gone)))
    left, right = st.columns([2, 1], vertical_alignment="center")
    yes = left.checkbox(
        f"确认移除这 {len(keys):,} 条",
        # another change of the table, and it is another question
        key=f"intake-remove-{table.name}-{file_id}-{workspace.revision()}",
    )
    right.download_button(
        f"下载将移除的 {len(keys):,} 条",
        lambda: sheet(lambda path: replacement.write_stored(workspace, table, keys, path)),
        f"{table.label}_将移除.xlsx", on_click="ignore", icon=":material/download:",
        width="stretch", key="intake-leaving",
    )  # fmt: skip
    return yes


def earlier(table: Table) -> None:
    """The rows that replacements have taken out of a table so far, to take away."""
    workspace = server.open_keeper().workspace
    removed = workspace.removals(table.name)
    if not removed:
        return
    st.download_button(
        f"下载“{table.label}”移除过的 {removed:,} 条",
        lambda: sheet(lambda path: replacement.write_removed(workspace, table, path)),
        f"{table.label}_移除过的.xlsx", on_click="ignore", icon=":material/history:",
        type="tertiary", key="intake-removed",
    )  # fmt: skip


def sheet(write: Callable[[Path], None]) -> bytes:
    """A spreadsheet that is handed to the browser."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "sheet.xlsx"
        write(path)
        return path.read_bytes()
