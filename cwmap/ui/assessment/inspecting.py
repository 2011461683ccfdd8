"""考核: an inspection entered on the page: choose the place on the map, tick what was found."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from cwmap import photos, server, units
from cwmap.assessment import inspections
from cwmap.assessment.inspections import Found
from cwmap.errors import CwmapError
from cwmap.tables import INSPECTIONS, UNIT_KIND
from cwmap.town import Town
from cwmap.ui import account, frame, state
from cwmap.ui.assessment import scorelist


def form(town: Town) -> None:
    """The form for the unit in hand."""
    if said := st.session_state.pop("entered", None):
        st.toast(said, duration="long")
    if not account.viewer().may_edit:
        st.html('<p class="cw-empty">填报要先登录创卫办的账号。</p>')
        return
    picked = state.look().picked
    known = units.units(town)
    unit = "/".join(picked) if picked else ""
    names = {
        key: f"{row['name']}（{UNIT_KIND.shown(row['kind'])}）" for key, row in known.iterrows()
    }
    options = list(names)
    st.html('<h3 class="cw-h">检查对象<small>在图上点，或在这里选</small></h3>')
    chosen = st.selectbox(
        "检查对象", options, index=options.index(unit) if unit in names else None,
        format_func=names.__getitem__, placeholder="选择巷道、小区、市场……", label_visibility="collapsed",
        key=f"enter-unit-{unit}",
    )  # fmt: skip
    if chosen:
        _findings(town, chosen)


def _findings(town: Town, unit: str) -> None:
    kind = str(units.units(town).loc[unit, "kind"])
    sheet = scorelist.rules().of_kind[kind]
    items = {item.code: item for item in sheet.items}
    turn = st.session_state.get("enter-turn", 0)
    ticked = st.multiselect(
        "发现的问题", list(items), key=f"enter-items-{unit}-{turn}", placeholder="没有发现问题就留空",
        format_func=lambda code: f"{items[code].name}（{'+' if items[code].bonus else '−'}{items[code].each:g} 分/处）",
    )  # fmt: skip
    with st.form(f"enter-{unit}-{turn}", border=False):
        counts = {
            code: st.number_input(
                f"{items[code].name}（处）", 1, 999, 1, key=f"enter-{code}-{turn}"
            )
            for code in ticked
        }
        levels = INSPECTIONS["level"].labels
        level = st.selectbox("检查方式", list(levels), format_func=levels.__getitem__)
        now = datetime.now(ZoneInfo(town.settings.timezone)).replace(
            second=0, microsecond=0, tzinfo=None
        )
        day, hour = (
            st.date_input("日期", now.date(), max_value=now.date()),
            st.time_input("时间", now.time()),
        )
        inspector = st.text_input("检查人", value=account.signature())
        note = st.text_area("情况说明", height=80)
        files = st.file_uploader(
            "照片", type=["jpg", "jpeg", "png", "webp"], accept_multiple_files=True
        )
        if not st.form_submit_button("保存检查记录", type="primary", width="stretch"):
            return
    keeper = server.open_keeper()
    account.sign(inspector)
    try:
        ready = [photos.prepare(file.getvalue(), file.name) for file in files]
        kept = [photos.keep(keeper.workspace.folder, photo) for photo in ready]
        number = inspections.enter(
            keeper.workspace, unit=unit.partition("/")[2], kind=kind, level=level, inspector=inspector,
            at=pd.Timestamp(datetime.combine(day, hour)), note=note, photo="、".join(kept),
            found=[Found(items[code].name, int(number)) for code, number in counts.items()],
        )  # fmt: skip
    except CwmapError as error:
        st.error(frame.plain(str(error)))
        return
    st.session_state["enter-turn"] = turn + 1
    st.session_state["entered"] = f"已保存：检查批次 {number}"
    with st.spinner("正在更新…"):
        keeper.fresh()
    st.rerun()
