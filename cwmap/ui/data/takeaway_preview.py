"""What a file will hold, shown before it is made."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from cwmap import figures
from cwmap.colours import even_breaks
from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.town import Town
from cwmap.ui.data import takeaway_picture
from cwmap.writers.layers import LAYERS, layer_columns, layer_scope
from cwmap.writers.preview import FIRST, SAMPLE, Preview, preview
from cwmap.writers.sheets import worded
from cwmap.writers.system import System


def draw(
    town: Town, workspace: Workspace, layer: str, question: Filter, bandwidth_m: float | None,
    system: System | None,
) -> None:  # fmt: skip
    """How many features, where they lie, and the first rows; x, y in `system`, if one is given."""
    with st.spinner("正在预览…"):
        found = preview(town, workspace, layer, question, bandwidth_m)
    boxes = [(f"{found.features:,}", "个要素"), (f"{len(layer_columns(town, layer))}", "列")]
    if found.unplaced:
        boxes.append((f"{found.unplaced:,}", "个没有位置"))
    _figures(boxes, "" if found.whole else f"图上从中均匀抽取 {SAMPLE:,} 件")
    if not found.features:
        st.html('<p class="cw-empty">没有可写的要素，文件会是空的。放宽时间或状态再看。</p>')
        return
    st.html(takeaway_picture.picture(town, found))
    _rows(town, layer, found, system)


def raster(town: Town, question: Filter, bandwidth_m: float | None) -> None:
    """The size of the heat raster, and its picture."""
    grid = town.heat_grid
    _figures([(f"{grid.columns:,} × {grid.rows:,}", "个像元"), (f"{grid.pixel_m:.1f}", "米见方")])
    density = figures.heat(town, question, bandwidth_m)
    steps = even_breaks(float(density.max()))
    if not steps:
        st.html('<p class="cw-empty">没有有位置的问题，栅格里都是 0。放宽时间或状态再看。</p>')
        return
    st.html(takeaway_picture.heat_picture(town, density, steps))


def _figures(boxes: list[tuple[str, str]], note: str = "") -> None:
    texts = "".join(f"<span><b>{number}</b>{unit}</span>" for number, unit in boxes)
    st.html(f'<p class="cw-preview">{texts}<small>{note}</small></p>')


def everything(
    town: Town, workspace: Workspace, question: Filter, bandwidth_m: float | None
) -> None:
    """What each layer will hold."""
    lines = []
    bar = st.progress(0.0, "正在预览…")
    for at, (layer, label) in enumerate(LAYERS.items()):
        bar.progress(at / len(LAYERS), f"正在预览{label}…")
        width = bandwidth_m if layer == "heat" else None
        number = preview(town, workspace, layer, question, width).features
        lines.append(
            f'<tr class="{"" if number else "none"}"><th>{label}</th><td>{number:,}</td>'
            f"<td>{escape(layer_scope(town, layer, question))}</td></tr>"
        )
    bar.empty()
    st.html(
        '<table class="cw-layers"><tr><th>图层</th><th>要素</th><th>写哪些</th></tr>'
        f"{''.join(lines)}</table>"
    )


def _rows(town: Town, layer: str, found: Preview, system: System | None) -> None:
    """The first rows as they stand in a sheet."""
    hint = "表格文件是中文表头，其他格式的字段是英文名和代码"
    st.html(f'<h3 class="cw-h">前 {min(FIRST, found.features)} 行<small>{hint}</small></h3>')
    rows = worded(found.sample.head(FIRST), layer_columns(town, layer), system)
    numbers = set(rows.select_dtypes("number").columns)
    st.dataframe(
        rows.map(_cell), hide_index=True, key="out-rows",
        column_config={
            name: st.column_config.TextColumn(alignment="right" if name in numbers else "left")
            for name in rows
        },
    )  # fmt: skip


def _cell(value: Any) -> str:
    """A value as it is read."""
    if pd.isna(value):
        return ""
    if isinstance(value, float):
        return f"{value:.9g}"
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, pd.Timestamp) else str(value)
