"""通报: the meeting's brief of the filter in force, and its maps as pictures, to be kept."""

from __future__ import annotations

from html import escape

import streamlit as st

from cwmap import brief as briefs
from cwmap import server
from cwmap.briefing import paper
from cwmap.briefing.parts import Brief
from cwmap.captions import filter_caption
from cwmap.drawing import picture
from cwmap.town import Town
from cwmap.ui import state

FILES = {
    "one": ("一页 A4（PDF）", ".pdf"), "pdf": ("多页（PDF）", ".pdf"), "pptx": ("演示文稿（PPT）", ".pptx"),
    "docx": ("公文（Word）", ".docx"), "html": ("网页（HTML，不联网）", ".html"),
}  # fmt: skip
"""What can be had: label and ending."""


def draw(town: Town) -> None:
    """Choose a form and make it; look at the first page; keep a map as a picture."""
    caption = escape(filter_caption(town, state.question()))
    st.html(f'<p class="cw-empty">按当前筛选写通报：{caption}。各种格式里的数字相同。</p>')
    one, two = st.columns([3, 1], vertical_alignment="bottom")
    form = one.selectbox("格式", list(FILES), format_func=lambda k: FILES[k][0], key="brief-form")
    if two.button("生成通报", type="primary", key="brief-make", width="stretch"):
        with st.spinner("正在生成…"):
            st.session_state["brief-file"] = (_key(town, form), _made(town, form))
    made = st.session_state.get("brief-file")
    if made and made[0] == _key(town, form):
        _keep(town, form, made[1])
    _maps(town)


def asked(town: Town) -> Brief:
    """The brief of the filter in force; computed once."""
    question, workspace = state.question(), server.open_keeper().workspace
    return town.kept(("brief", question), lambda: briefs.brief(town, workspace, question))


def _key(town: Town, form: str) -> tuple[object, ...]:
    return town.revision, state.question(), form


def _made(town: Town, form: str) -> briefs.Written:
    return briefs.written(asked(town), FILES[form][1], one_page=form == "one")


def _keep(town: Town, form: str, made: briefs.Written) -> None:
    label, ending = FILES[form]
    counts = ((made.pages, "页"), (made.slides, "张幻灯片"))
    size = "，".join(f"{number} {word}" for number, word in counts if number)
    st.success(f"{label}：{size or '已生成'}，{len(made.content) / 1024:,.0f} KB")
    st.download_button(
        "保存到电脑", made.content, f"{_name(town, '创卫通报')}{ending}", on_click="ignore", key="brief-save",
        icon=":material/download:",
    )  # fmt: skip
    if ending == ".pdf":
        st.image(_first_page(town, form == "one"), caption="第一页", width=640)


def _first_page(town: Town, one_page: bool) -> bytes:
    found = asked(town)
    return town.kept(
        ("brief page", state.question(), one_page),
        lambda: paper.preview(found, one_page=one_page)[0],
    )


def _maps(town: Town) -> None:
    """Each map of the brief as a picture of print quality."""
    st.html('<h3 class="cw-h">地图图片</h3>')
    maps = {s.key: s.map for s in asked(town).sections if s.map}
    if not maps:
        st.html('<p class="cw-empty">当前筛选没有可画的地图。</p>')
        return
    one, two = st.columns(2)
    key = one.selectbox("地图", list(maps), format_func=lambda k: maps[k].title, key="brief-map")
    ending = two.selectbox(
        "图片格式", list(picture.FORMATS), format_func=picture.FORMATS.__getitem__, key="brief-kind"
    )
    sheet = maps[key]
    st.download_button(
        "保存地图", lambda: picture.picture(sheet, ending, sheet.drawn),
        f"{_name(town, sheet.title)}{ending}", on_click="ignore", key="brief-map-save",
        icon=":material/image:",
    )  # fmt: skip


def _name(town: Town, what: str) -> str:
    return f"{what}_{town.as_of:%Y%m%d}{'_示例' if town.settings.synthetic else ''}"
