"""Layers out, with the filter in force."""

from __future__ import annotations

import tempfile
from html import escape
from pathlib import Path

import streamlit as st

from cwmap import export, server
from cwmap.captions import filter_caption
from cwmap.town import Town
from cwmap.ui import state
from cwmap.ui.saved import saved_map
from cwmap.writers.layers import LAYERS

FORMATS = {
    ".gpkg": "GeoPackage（QGIS，带颜色）", ".zip": "Shapefile（ArcGIS，zip）", ".xlsx": "Excel／WPS 表格",
    ".csv": "CSV 表格", ".geojson": "GeoJSON", ".kml": "KML（奥维、谷歌地球）", ".fgb": "FlatGeobuf",
    ".parquet": "GeoParquet", ".tif": "GeoTIFF 栅格（仅热力）",
}  # fmt: skip
SYSTEMS = {
    "EPSG:4326": "WGS 84 经纬度", "EPSG:4490": "CGCS2000 经纬度", "workspace": "本镇投影坐标（米）",
    "gcj02": "GCJ-02（高德、腾讯）",
}  # fmt: skip


def draw(town: Town) -> None:
    """Choose a layer, a format and a coordinate system; the file is made when asked for."""
    caption = escape(filter_caption(town, state.question()))
    st.html(
        f'<p class="cw-empty">按当前筛选导出：{caption}。在“一张图”里改筛选，这里随之改变。</p>'
    )
    one, two, three = st.columns(3)
    layer = one.selectbox("图层", list(LAYERS), format_func=LAYERS.__getitem__, key="out-layer")
    formats = [f for f in FORMATS if f != ".tif" or layer == "heat"]
    ending = two.selectbox("格式", formats, format_func=FORMATS.__getitem__, key="out-format")
    system = three.selectbox(
        "坐标系", list(SYSTEMS), format_func=SYSTEMS.__getitem__, key="out-crs"
    )
    crs = town.settings.crs if system == "workspace" or ending == ".tif" else system
    mark = "_示例" if town.settings.synthetic else ""
    name = f"{LAYERS[layer]}_{town.as_of:%Y%m%d}{'_GCJ02' if crs == 'gcj02' else ''}{mark}{ending}"
    if st.button("生成文件", type="primary", key="out-make"):
        with st.spinner("正在生成…"):
            st.session_state["out-file"] = (name, *_made(town, layer, name, crs))
    made = st.session_state.get("out-file")
    if made and made[0] == name:
        _, content, done = made
        st.success(f"{name}：{done.features:,} 个要素，{len(content) / 1024:,.0f} KB")
        for note in done.notes:
            st.info(note)
        st.download_button(
            "保存到电脑",
            content,
            name,
            on_click="ignore",
            key="out-save",
            icon=":material/download:",
        )
    st.html('<h3 class="cw-h">把当前地图存成一个网页</h3>')
    question, look = state.question(), state.look()  # the file is made outside of the session
    st.download_button(
        "保存网页地图", lambda: saved_map(town, question, look).encode(),
        f"创卫一张图_{town.as_of:%Y%m%d}{mark}.html", "text/html", on_click="ignore", key="out-html",
        icon=":material/map:", help="一个文件，不联网也能打开；含标题、筛选、图例和日期",
    )  # fmt: skip


def _made(town: Town, layer: str, name: str, crs: str) -> tuple[bytes, export.Exported]:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / name
        done = export.export(
            town, server.open_keeper().workspace, layer, path, state.question(), crs=crs,
            bandwidth_m=state.look().bandwidth_m,
        )  # fmt: skip
        return path.read_bytes(), done
