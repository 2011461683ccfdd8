"""The reports behind the map, row by row."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from cwmap import figures, server
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
    st.html(f'<p class="cw-empty">{words(town)}：共 {total:,} 件{shown}</p>')
    if placed == "unplaced" and total:
        st.info("这些问题没有坐标，也没有写明能认出的巷道。在表格里补上坐标或巷道名称，再导入一次即可落到图上。")
    if total:
        st.dataframe(_rows(town, ids), hide_index=True, height=640, key="listing")


def words(town: Town) -> str:
    """The filter in force, for people to read."""
    question = state.question()
    start, end = question.start or town.first_day, question.end or town.as_of
    kinds = [g.name for g in town.categories.groups if g.key in question.category]
    places = [figures.place_name(town, "areas", a) for a in question.area]
    places += [figures.place_name(town, "communities", c) for c in question.community]
    return " · ".join([f"{start} 至 {end}", *places, *kinds, *(STATUS.shown(s) for s in question.status)])


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
        "distance_m": rows["distance_m"].round(1),
    }
    return pd.DataFrame({REPORTS[name].header: values for name, values in shown.items()})
