"""The reports behind the map, row by row."""

from __future__ import annotations

from html import escape

import pandas as pd
import streamlit as st

from cwmap import figures, server
from cwmap.captions import filter_caption
from cwmap.privacy import masked
from cwmap.store import column
from cwmap.tables import REPORTS, STATUS
from cwmap.town import PLACED, Town
from cwmap.ui import state

MOST = 500
COLUMNS = (
    "report_id", "category", "reported_at", "status", "lane_id", "lane_name", "address", "description",
    "source", "department", "placed_by", "distance_m",
)  # fmt: skip


def draw(town: Town) -> None:
    """The newest reports of the filter in force, placed in the chosen way."""
    labels = REPORTS["placed_by"].labels
    asked = st.query_params.get("placed")
    st.session_state.setdefault("w-placed", asked if asked in PLACED else None)
    placed = st.pills("定位方式", list(PLACED), format_func=labels.__getitem__, key="w-placed")
    total, ids = figures.listed(town, state.question(), placed, MOST)
    shown = f"，列出最近 {MOST} 件" if total > MOST else ""
    st.html(
        f'<p class="cw-empty">{escape(filter_caption(town, state.question()))}：共 {total:,} 件{shown}</p>'
    )
    if placed == "unplaced" and total:
        st.info(
            "这些问题没有坐标，也没有写明能认出的巷道。在表格里补上坐标或巷道名称，再导入一次即可落到图上。"
        )
    if total:
        st.dataframe(
            _rows(town, ids),
            hide_index=True,
            height="content" if total < 16 else 640,
            key="listing",
        )


def _rows(town: Town, ids: list[str]) -> pd.DataFrame:
    workspace = server.open_keeper().workspace
    rows = workspace.read("reports", COLUMNS, column("report_id", "reports").in_(ids), newest=MOST)
    local = rows["reported_at"].dt.tz_localize("UTC").dt.tz_convert(town.settings.timezone)
    names = town.layers["lanes"]["name"]
    shown = {
        "report_id": rows["report_id"],
        "category": rows["category"].map(town.categories.name),
        "reported_at": local.dt.strftime("%Y-%m-%d %H:%M"),
        "status": rows["status"].map(STATUS.shown),
        "lane_name": rows["lane_id"].map(names).fillna(rows["lane_name"]),
        "address": rows["address"].map(masked),
        "description": rows["description"].map(masked),
        "source": rows["source"],
        "department": rows["department"],
        "placed_by": rows["placed_by"].map(REPORTS["placed_by"].shown),
        "distance_m": rows["distance_m"].map("{:.1f}".format, na_action="ignore"),
    }
    return pd.DataFrame({REPORTS[n].header: values.fillna("") for n, values in shown.items()})
