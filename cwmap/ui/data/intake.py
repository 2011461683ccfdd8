"""The page's way in: drop a file, see what was understood, correct it, import it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import shapely
import streamlit as st

from cwmap import checking, importing, reading, server, templates
from cwmap.checks.georeference import label
from cwmap.errors import CwmapError, NeedsAnswer
from cwmap.tables import TABLES, Table, headers
from cwmap.town import Town
from cwmap.ui import account, frame
from cwmap.ui.data import intake_replace

FILE_TYPES = [
    "xlsx", "xls", "csv", "gz", "txt", "tsv", "zip", "gpkg", "geojson", "json", "kml", "kmz",
]  # fmt: skip
NOT_USED = "（不用）"
SHOWN_PROBLEMS = 200
SHOWN_PLACES = 3_000
ACCENT, BASE = "#d7573f", "#b9c2c4"


def draw(town: Town) -> None:
    """Choose a table, drop a file, look, correct, import."""
    if not account.viewer().may_edit:
        st.info("导入要先登录创卫办的账号；没有账号时，请在运行看板的电脑上导入。")
        return
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    name = left.selectbox(
        "这份文件是什么", list(TABLES), format_func=lambda n: f"{TABLES[n].label}（{TABLES[n].purpose}）",
        index=list(TABLES).index("reports"), key="intake-table",
    )  # fmt: skip
    table = TABLES[name]
    right.download_button(
        f"下载“{table.label}”模板",
        lambda: intake_replace.sheet(lambda path: templates.write_template(table, path)), f"{table.label}模板.xlsx",
        on_click="ignore", icon=":material/download:", width="stretch",
    )  # fmt: skip
    file = st.file_uploader(
        "把文件拖到这里", type=FILE_TYPES, key=f"intake-file-{st.session_state.get('intake-turn', 0)}",
        help="xlsx、xls、csv、打包成 zip 的 shp、gpkg、geojson、kml；单个文件不超过 300 MB",
    )  # fmt: skip
    _last_result()
    intake_replace.earlier(table)
    if file is None:
        return
    source = (file.name, file.getvalue())
    question = _question(table, file.file_id)
    try:
        understood = _understood(table.name, source, question, file.file_id)
    except NeedsAnswer as asked:
        _ask_coords(town, asked, table, file.file_id)
        return
    except CwmapError as error:
        st.error(frame.plain(str(error)))
        _correct(table, source, question, file.file_id)
        return
    _show(town, understood, question, file.file_id)
    settled = intake_replace.choose(understood, file.file_id)
    going = 0 if settled is None or settled.leaving is None else len(settled.leaving)
    if st.button(
        f"导入 {len(understood.checked.rows):,} 行" + (f"，移除 {going:,} 条" if going else ""),
        type="primary", key="intake-go",
        disabled=settled is None or understood.checked.rows.empty,
    ) and settled:  # fmt: skip
        _import(settled, file.name)


def _question(table: Table, file_id: str) -> importing.Question:
    answers: dict[str, Any] = st.session_state.setdefault(f"intake-{table.name}-{file_id}", {})
    return importing.Question(**answers)


def _answer(table: Table, file_id: str, **answers: Any) -> None:
    key = f"intake-{table.name}-{file_id}"
    st.session_state[key] = {**st.session_state.get(key, {}), **answers}


def _understood(
    name: str, source: tuple[str, bytes], question: importing.Question, file_id: str
) -> importing.Understood:
    """Read and check once for each file and set of answers, not at every rerun."""
    workspace = server.open_keeper().workspace
    key = (name, file_id, repr(question), workspace.revision())
    kept = st.session_state.get("intake-kept")
    if kept is None or kept[0] != key:
        with st.spinner("正在读取和检查…"):
            st.session_state["intake-kept"] = (
                key, importing.understand(workspace, name, source, question)
            )  # fmt: skip
    understood: importing.Understood = st.session_state["intake-kept"][1]
    return understood


def _ask_coords(town: Town, asked: NeedsAnswer, table: Table, file_id: str) -> None:
    """A question that must not be guessed, with a picture of what each answer would mean."""
    st.warning(frame.plain(str(asked)))
    if not asked.candidates:
        return
    for column, system in zip(st.columns(len(asked.candidates)), asked.candidates, strict=True):
        with column:
            places = np.array(asked.evidence.get("places", {}).get(system, []), float)
            if len(places):
                _picture(_outlines(town), shapely.points(places), key=f"intake-ask-{system}")
            st.button(
                f"按“{label(system)}”读取", key=f"intake-coords-{system}", width="stretch",
                on_click=_answer, args=(table, file_id), kwargs={"coords": system},
            )  # fmt: skip


def _show(
    town: Town, understood: importing.Understood, question: importing.Question, file_id: str
) -> None:
    checked, rows = understood.checked, understood.rows
    facts = [
        ("读到", f"{checked.read:,} 行"), ("可收录", f"{len(checked.rows):,} 行"),
        ("有问题未收录", f"{len(checked.rejected):,} 行"),
    ]  # fmt: skip
    st.html(
        '<div class="cw-facts">'
        + "".join(f"<div><b>{v}</b><span>{k}</span></div>" for k, v in facts)
        + "</div>"
    )
    notes = [n for n in (*rows.notes, checked.coords_reason) if n]
    if notes:
        st.info("\n".join(f"- {frame.plain(n)}" for n in notes))
    left, right = st.columns([3, 2])
    with left:
        _matching(understood.table, rows, checked.matched, file_id)
    with right:
        if checked.geometry is not None:
            st.html(f'<h3 class="cw-h">位置 · {label(checked.coords)}</h3>')
            _picture(_outlines(town), checked.geometry, key="intake-where")
            systems = ["auto", "wgs84", "cgcs2000", "gcj02", "bd09"]
            st.selectbox(
                "坐标系不对？", systems, format_func=lambda s: "自动判断" if s == "auto" else label(s),
                index=systems.index(question.coords) if question.coords in systems else 0,
                key=f"intake-system-{file_id}",
                on_change=lambda: _answer(
                    understood.table, file_id, coords=st.session_state[f"intake-system-{file_id}"]
                ),
            )  # fmt: skip
    _problems(understood, question, file_id)


def _correct(
    table: Table, source: tuple[str, bytes], question: importing.Question, file_id: str
) -> None:
    """A file that could be read but not checked: its columns may only be called otherwise."""
    try:
        rows = reading.read(source, known=headers(table))
        columns = [str(c) for c in rows.table.columns]
        matched = checking.match(columns, table, question.mapping)
    except CwmapError:
        return  # said already
    _matching(table, rows, matched, file_id)


def _matching(
    table: Table, rows: reading.Rows, matched: Mapping[str, str], file_id: str
) -> None:  # fmt: skip
    """Which column of the file is which of ours; to be corrected in place."""
    sample = rows.table
    columns = [str(c) for c in sample.columns]
    labels = {c.name: c.label for c in table.filled}
    shown = pd.DataFrame(
        {
            "文件里的列": columns,
            "对应": [labels.get(matched.get(h, ""), NOT_USED) for h in columns],
            "示例": [_example(sample[h]) for h in columns],
        }
    )
    st.html('<h3 class="cw-h">列的对应（可在“对应”一列里改）</h3>')
    edited = st.data_editor(
        shown, hide_index=True, key=f"intake-columns-{file_id}", width="stretch",
        disabled=["文件里的列", "示例"],
        column_config={
            "对应": st.column_config.SelectboxColumn(options=[NOT_USED, *labels.values()], required=True)
        },
    )  # fmt: skip
    names = {text: name for name, text in labels.items()}
    wanted = {h: names.get(to, "") for h, to in zip(columns, edited["对应"], strict=True)}
    if wanted != {h: matched.get(h, "") for h in columns}:
        _answer(table, file_id, mapping=wanted)
        st.rerun()


def _example(cells: pd.Series) -> str:
    found = cells.dropna()
    return str(found.iloc[0])[:40] if len(found) else ""


def _problems(understood: importing.Understood, question: importing.Question, file_id: str) -> None:
    problems = understood.checked.problems
    unknown = any("类别" in p.reason for p in problems if p.level == "error")
    if unknown or question.add_categories:
        st.checkbox(
            "把不认识的类别加为本镇自定类别", value=question.add_categories, key=f"intake-add-{file_id}",
            on_change=lambda: _answer(
                understood.table, file_id, add_categories=st.session_state[f"intake-add-{file_id}"]
            ),
        )  # fmt: skip
    if not problems:
        st.success("没有发现问题。")
        return
    st.html(f'<h3 class="cw-h">发现的问题（{len(problems):,} 条）</h3>')
    words = {"error": "未收录", "warning": "提醒"}
    st.dataframe(
        pd.DataFrame(
            [(p.row, words[p.level], p.column, p.value, p.reason, p.remedy) for p in problems[:SHOWN_PROBLEMS]],
            columns=["行", "结果", "列", "内容", "原因", "怎么改"],
        ),
        hide_index=True, key="intake-problems",
    )  # fmt: skip
    if understood.checked.rejected:
        st.download_button(
            "下载未收录的行（改好后直接再导入）",
            lambda: intake_replace.sheet(lambda path: importing.write_rejects(understood, path)),
            "未收录的行.xlsx",
            on_click="ignore", icon=":material/download:",
        )  # fmt: skip


def _import(understood: importing.Understood, file: str) -> None:
    bar = st.progress(0.0, "准备写入…")
    done = importing.store(
        server.open_keeper().workspace, understood, file,
        lambda text, share: _report(bar, text, share),
    )  # fmt: skip
    bar.progress(1.0, "正在更新地图…")
    server.open_keeper().fresh()
    st.session_state["intake-done"] = done
    st.session_state["intake-turn"] = st.session_state.get("intake-turn", 0) + 1
    st.session_state.pop("intake-kept", None)
    st.rerun()


def _report(bar: Any, text: str, share: float) -> None:
    bar.progress(share, text)


def _last_result() -> None:
    done: importing.Imported | None = st.session_state.get("intake-done")
    if done:
        removed = f"移除 {done.removed:,}，" if done.removed else ""
        st.success(
            f"已导入“{TABLES[done.table].label}”：新增 {done.added:,}，更新 {done.updated:,}，"
            f"未变 {done.unchanged:,}，{removed}未收录 {done.rejected:,}（版本 {done.revision}）。"
        )


def _outlines(town: Town) -> np.ndarray:
    outlines: np.ndarray = town.layers["lanes"].geometry.to_numpy()
    return outlines


def _picture(lanes: np.ndarray, places: np.ndarray, *, key: str) -> None:
    """A small map: the lanes, and over them where the file's rows would lie."""
    known = places[~shapely.is_missing(places)]
    step = max(1, len(known) // SHOWN_PLACES)
    points = shapely.point_on_surface(known[::step])
    chart = go.Figure()
    lon, lat = _path(lanes)
    chart.add_scatter(
        x=lon, y=lat, mode="lines", line={"color": BASE, "width": 1}, hoverinfo="skip"
    )
    chart.add_scatter(
        x=shapely.get_x(points), y=shapely.get_y(points), mode="markers", hoverinfo="skip",
        marker={"color": ACCENT, "size": 4, "opacity": 0.6},
    )  # fmt: skip
    middle = float(np.mean(shapely.get_y(points))) if len(points) else 33.0
    axis = {"visible": False, "fixedrange": True}
    chart.update_layout(
        height=300, margin={"l": 0, "r": 0, "t": 0, "b": 0}, showlegend=False, dragmode=False, xaxis=axis,
        yaxis={**axis, "scaleanchor": "x", "scaleratio": 1 / np.cos(np.radians(middle))},
    )  # fmt: skip
    st.plotly_chart(chart, key=key, config={"displayModeBar": False})


def _path(shapes: np.ndarray) -> tuple[list[float | None], list[float | None]]:
    """Outlines as one broken line: x, y with None between rings."""
    x: list[float | None] = []
    y: list[float | None] = []
    for ring in shapely.get_rings(shapely.get_parts(shapes[~shapely.is_missing(shapes)])):
        coords = shapely.get_coordinates(ring)
        x += [*coords[:, 0].tolist(), None]
        y += [*coords[:, 1].tolist(), None]
    return x, y
