"""Layers out, with the filter in force: choose, look, make, save."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path

import streamlit as st

from cwmap import export, server
from cwmap.captions import filter_caption
from cwmap.errors import CwmapError
from cwmap.export import EVERYTHING, heat_width_m
from cwmap.filters import Filter
from cwmap.town import Town
from cwmap.ui import frame, state
from cwmap.ui.data import takeaway_preview
from cwmap.ui.saved import saved_map
from cwmap.writers.layers import LAYERS, layer_scope
from cwmap.writers.system import System, doubts, system_of

CHOICES = {**LAYERS, EVERYTHING: "全部图层（一个 GeoPackage）"}
FORMATS = {
    ".gpkg": "GeoPackage（QGIS，带颜色）", ".zip": "Shapefile（ArcGIS，zip）", ".xlsx": "Excel／WPS 表格",
    ".csv": "CSV 表格", ".geojson": "GeoJSON", ".kml": "KML（奥维、谷歌地球）", ".fgb": "FlatGeobuf",
    ".parquet": "GeoParquet", ".tif": "GeoTIFF 栅格（仅热力）",
}  # fmt: skip
SHEETS = (".xlsx", ".csv")
OWN, OTHER = "workspace", "other"
SYSTEMS = {
    "EPSG:4326": "WGS 84 经纬度", "EPSG:4490": "CGCS2000 经纬度", OWN: "本镇投影坐标（米）",
    "gcj02": "GCJ-02（高德、腾讯）", "bd09": "BD-09（百度）", OTHER: "其他：EPSG 编号",
}  # fmt: skip
DEGREES = ("EPSG:4326", "EPSG:4490", "gcj02", "bd09")
ENCODINGS = {"UTF-8": "UTF-8", "GBK": "GBK（旧软件）"}


@dataclass(frozen=True)
class Order:
    """What was asked for. encoding: of a shapefile, else None; bandwidth_m: of heat, else None."""

    layer: str
    ending: str
    system: System
    encoding: str | None
    question: Filter
    bandwidth_m: float | None

    def name(self, town: Town) -> str:
        """The name of its file, marked where a reader must know how it was written."""
        label = "全部图层" if self.layer == EVERYTHING else LAYERS[self.layer]
        marks = [
            self.system.name.upper() if self.system.shifted else "",
            "GBK" if self.encoding == "GBK" else "",
            "示例" if town.settings.synthetic else "",
        ]
        return "_".join([label, f"{town.as_of:%Y%m%d}", *(m for m in marks if m)]) + self.ending


@st.fragment
def draw() -> None:
    """Choose a layer, a format and a coordinate system, look at it; it is made when asked for."""
    # The town of now: this part is drawn again by itself, also after an import.
    frame.sentence(lambda: _draw(frame.town()))()


def _draw(town: Town) -> None:
    caption = escape(filter_caption(town, state.question()))
    st.html(
        f'<p class="cw-empty">按当前筛选导出：{caption}。在“一张图”里改筛选，这里随之改变。</p>'
    )
    left, right = st.columns([2, 5], gap="large")
    question, workspace = state.question(), server.open_keeper().workspace
    with left, st.container(key="cw-out"):
        layer = _layer(town, question)
        # Only what is possible is offered.
        ending = _chosen(
            "格式", {e: f for e, f in FORMATS.items() if _fits(layer, e)}, "out-format"
        )
        encoding = _chosen("文字编码", ENCODINGS, "out-encoding") if ending == ".zip" else None
        system = _system(town, ending)
        heats = layer in ("heat", EVERYTHING)
        width = heat_width_m(town, state.look().bandwidth_m) if heats else None
        if system:
            order = Order(layer, ending, system, encoding, question, width)
            frame.sentence(lambda: _make(town, order))()
    with right:
        if layer == EVERYTHING:
            takeaway_preview.everything(town, workspace, question, width)
        elif ending == ".tif":
            takeaway_preview.raster(town, question, width)
        else:
            as_sheet = system if ending in SHEETS else None
            takeaway_preview.draw(town, workspace, layer, question, width, as_sheet)
    _save_map(town)


def _layer(town: Town, question: Filter) -> str:
    """The chosen layer and, below it, which of its rows a filter leaves."""
    layer = _chosen("图层", CHOICES, "out-layer")
    if layer == EVERYTHING:
        scope = "每个图层带自己的颜色，用 QGIS 打开即是页面的样子；没有内容的图层不写"
    else:
        scope = layer_scope(town, layer, question)
    st.html(f'<p class="cw-hint cw-scope">{escape(scope)}。</p>')
    return layer


def _fits(layer: str, ending: str) -> bool:
    if layer == EVERYTHING:
        return ending == ".gpkg"
    return ending != ".tif" or layer == "heat"


def _chosen(label: str, options: dict[str, str], key: str) -> str:
    """A select box that goes back to its first option when the chosen one is no longer offered."""
    if st.session_state.get(key) not in options:
        st.session_state[key] = next(iter(options))
    return st.selectbox(label, list(options), format_func=options.__getitem__, key=key)


def _system(town: Town, ending: str) -> System | None:
    """The chosen system and, below it, what is to be said of it; None while there is none."""
    if ending == ".tif":  # of its own, so that what was chosen for other files is not forgotten
        word = _chosen("坐标系", {OWN: SYSTEMS[OWN]}, "out-crs-raster")
    else:
        possible = DEGREES if ending == ".kml" else tuple(SYSTEMS)
        word = _chosen("坐标系", {s: SYSTEMS[s] for s in possible}, "out-crs")
    if word == OTHER:
        word = st.text_input(
            "EPSG 编号", key="out-epsg", placeholder="如 4544", help="本镇适用的平面或经纬度坐标系"
        )
        if not word.strip():
            st.html('<p class="cw-hint">填好编号，按回车键。</p>')
            return None
    try:
        system = system_of(town.settings.crs if word == OWN else word)
    except CwmapError as error:
        st.error(frame.plain(str(error)))
        return None
    for doubt in doubts(system, town):
        st.html(f'<p class="cw-hint cw-doubt">{escape(doubt)}。</p>')
    return system


def _make(town: Town, order: Order) -> None:
    """The button, how far the work is, and the file to be saved."""
    if st.button("生成文件", type="primary", key="out-make", width="stretch"):
        bar = st.progress(0.0, "准备…")

        def step(text: str, share: float) -> None:
            bar.progress(share, f"{text}…")

        try:
            made = _made(town, order, step)
        finally:
            bar.empty()
        st.session_state["out-file"] = ((town.revision, order), *made)
    asked, *kept = st.session_state.get("out-file", (None,))
    if asked != (town.revision, order):
        return
    name, content, done = kept
    size = (
        f"{len(content) / 1024:,.0f} KB"
        if len(content) < 2**20
        else f"{len(content) / 2**20:,.1f} MB"
    )
    what = "一幅栅格" if order.ending == ".tif" else f"{done.features:,} 个要素"
    st.success(f"{frame.plain(name)}：{what}，{size}")
    st.download_button(
        "保存到电脑", content, name, on_click="ignore", key="out-save", icon=":material/download:",
        width="stretch",
    )  # fmt: skip
    notes = "".join(f"<li>{escape(note)}</li>" for note in done.notes)
    st.html(f'<ul class="cw-notes">{notes}</ul>')


def _made(
    town: Town, order: Order, step: Callable[[str, float], None]
) -> tuple[str, bytes, export.Exported]:
    """The file's name, its content, and what was done; several files come as one .zip."""
    name = order.name(town)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / name
        done = export.export(
            town, server.open_keeper().workspace, order.layer, path, order.question,
            crs=order.system.name if order.ending != ".tif" else "EPSG:4326",
            bandwidth_m=order.bandwidth_m, encoding=order.encoding, step=step,
        )  # fmt: skip
        parts = sorted(Path(scratch).iterdir())
        if len(parts) == 1:
            return name, path.read_bytes(), done
        # What lies beside a file belongs to it: colours, class names, the metadata of a CSV.
        bundle = Path(scratch) / f"{name}.zip"
        with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as archive:
            for part in parts:
                archive.write(part, part.name)
        return bundle.name, bundle.read_bytes(), done


def _save_map(town: Town) -> None:
    st.html(
        '<h3 class="cw-h">在 QGIS 里实时看</h3><p class="cw-hint">'
        '<a href="cwmap/ogc/qgis.qlr" download>下载图层定义文件</a>，拖进 QGIS，全部图层带颜色加好，'
        '数据更新后刷新即是最新；<a href="cwmap/ogc?f=html" target="_blank">接口说明</a></p>'
        '<h3 class="cw-h">把当前地图存成一个网页</h3>'
    )
    question, look = state.question(), state.look()  # the file is made outside of the session
    mark = "_示例" if town.settings.synthetic else ""
    st.download_button(
        "保存网页地图", lambda: saved_map(town, question, look).encode(),
        f"创卫一张图_{town.as_of:%Y%m%d}{mark}.html", "text/html", on_click="ignore", key="out-html",
        icon=":material/map:", help="一个文件，不联网也能打开；含标题、筛选、图例和日期",
    )  # fmt: skip
