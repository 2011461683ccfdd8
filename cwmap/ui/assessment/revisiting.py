"""考核: where to look again, as a route; the demonstration points; a mock inspection's sample."""

from __future__ import annotations

import io
from datetime import date, timedelta
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from cwmap import server, units
from cwmap.assessment import revisits, sampling
from cwmap.assessment.sampling import Sample
from cwmap.colours import CATEGORICAL
from cwmap.norms import split_words
from cwmap.tables import UNIT_KIND
from cwmap.town import Town
from cwmap.ui import frame, state
from cwmap.ui import map as town_map
from cwmap.ui.assessment import scorelist, scoremap
from cwmap.ui.pictures import images
from cwmap.ui.shown import Key, Shown, State
from cwmap.workbook import write_sheet

USUAL_KINDS = ("market", "compound_none", "lane", "channel")
USUAL_STOPS, MOST_STOPS = 12, 60
_ROUTE, _SAMPLE = "数字是先后次序；虚线为直线，不是走法", "数字是抽样清单的序号"


def _marked(title: str, said: str, painted: State, note: str) -> Shown:
    """The bare map with marks of one colour."""
    look = state.look()
    return Shown(title, town_map.bare_state(look, look.lane) | painted, Key(note), said)


def _marks(
    town: Town, rows: pd.DataFrame, said: list[str], numbers: list[str]
) -> list[dict[str, Any]]:
    """Units as numbered marks of one colour."""
    frame_of = units.units(town)
    lat, lon = scoremap.degrees(town, rows.index)
    accent = {theme: [ramp[0]] for theme, ramp in CATEGORICAL.items()}
    found = []
    for layer in ("lanes", "units", "facilities"):
        items = [
            [a, o, 0, frame_of.loc[unit, "name"], text, frame_of.loc[unit, "id"], number]
            for a, o, unit, text, number in zip(lat, lon, rows.index, said, numbers, strict=True)
            if frame_of.loc[unit, "layer"] == layer and np.isfinite(a)
        ]
        found.append({"layer": layer, "colours": accent, "items": items})
    return found


def route(town: Town) -> pd.DataFrame:
    """The plan for tomorrow, of the kinds and number that were chosen."""
    kinds = st.session_state.get("w-revisit-kinds", list(USUAL_KINDS))
    number = st.session_state.get("w-revisit-number", USUAL_STOPS)
    return revisits.plan(
        town, scorelist.rules(), _tomorrow(town), number, kinds or list(USUAL_KINDS)
    )


def shown(town: Town, stops: pd.DataFrame) -> Shown:
    """The map of the route."""
    numbers = [str(n) for n in stops["order"]]
    painted = {
        "marks": _marks(town, stops, stops["reasons"].tolist(), numbers),
        "route": stops[["lat", "lon"]].round(6).to_numpy().tolist(),
    }
    return _marked("复查路线", f"{_tomorrow(town):%Y-%m-%d}", painted, _ROUTE)


def _tomorrow(town: Town) -> date:
    return scorelist.last_inspected(town) + timedelta(days=1)


def listing(town: Town, stops: pd.DataFrame) -> None:
    """The stops with their reasons, and the sheet to take along."""
    st.session_state.setdefault("w-revisit-kinds", list(USUAL_KINDS))
    st.session_state.setdefault("w-revisit-number", USUAL_STOPS)
    st.pills(
        "类型", list(UNIT_KIND.choices), format_func=UNIT_KIND.shown, selection_mode="multi",
        key="w-revisit-kinds", label_visibility="collapsed",
    )  # fmt: skip
    st.slider("站数", 3, MOST_STOPS, key="w-revisit-number")
    length = stops["leg_m"].sum() / 1000 if len(stops) else 0.0
    st.html(
        f'<h3 class="cw-h">复查路线<small>{len(stops)} 站 · 直线 {length:.1f} 公里</small></h3>'
        '<p class="cw-hint">按得分低、等得久、未处置问题多排优先，再排成顺路的次序；公式见 docs/assessment.md</p>'
    )
    if stops.empty:
        st.html('<p class="cw-empty">没有这类单元。请换一类，或先导入责任单元。</p>')
        return
    with st.container(key="cw-tasks-revisit", gap=None):
        for unit, row in stops.iterrows():
            st.button(
                f"{row['order']} {frame.plain(str(row['name']))} *{frame.plain(row['reasons'])}*",
                key=f"stop-{row['order']}", width="stretch", type="tertiary",
                help=frame.plain(row["reasons"]), on_click=scorelist.look_at, args=(unit,),
            )  # fmt: skip
    _download(revisits.sheet(stops), "复查表", town)


def _download(table: pd.DataFrame, name: str, town: Town) -> None:
    mark = "_示例" if town.settings.synthetic else ""

    def book() -> bytes:
        out = io.BytesIO()
        about = [("内容", name), ("城镇", town.settings.name), ("日期", f"{town.as_of}")]
        write_sheet(out, table, headers={}, text_columns=set(table.columns), about=about)
        return out.getvalue()

    st.download_button(
        f"下载{name}（Excel）", book, f"{name}_{town.as_of:%Y%m%d}{mark}.xlsx", on_click="ignore",
        icon=":material/download:", width="stretch",
    )  # fmt: skip


def legend(town: Town) -> None:
    """What the route is."""
    st.html(
        f'<div class="cw-legend"><b>复查路线</b><small>{_tomorrow(town):%Y-%m-%d}</small>'
        f"<p>{_ROUTE}</p></div>"
    )


def models_shown(town: Town) -> Shown:
    """The map of the demonstration points."""
    rows = revisits.demonstrations(town)
    said = [UNIT_KIND.shown(kind) for kind in rows["kind"]]
    painted = {"marks": _marks(town, rows, said, ["样"] * len(rows))}
    return _marked("样板点位", f"{len(rows)} 处", painted, "样：样板点位")


def models(town: Town) -> None:
    """The demonstration points by kind, with their photos."""
    rows = revisits.demonstrations(town)
    st.html(f'<h3 class="cw-h">样板点位<small>{len(rows)} 处</small></h3>')
    if rows.empty:
        st.html('<p class="cw-empty">还没有样板。导入“责任单元”时在“样板”一列填“是”。</p>')
    for kind, mine in rows.groupby("kind", sort=False):
        body = "".join(_model(row) for row in mine.to_dict("records"))
        st.html(f'<div class="cw-card"><h4>{UNIT_KIND.shown(str(kind))}</h4><ul>{body}</ul></div>')


def _model(row: dict[str, Any]) -> str:
    sides = []
    for word, text in (("整治前", row["photo_before"]), ("整治后", row["photo_after"])):
        names = split_words(text) if isinstance(text, str) else ()
        shown = images(names, word) or "<small>没有照片</small>"
        sides.append(f"<figure><figcaption>{word}</figcaption>{shown}</figure>")
    home = row["community"] if isinstance(row["community"], str) else ""
    return (
        f"<li><b>{escape(row['name'])}</b> <span>{escape(home)}</span>"
        f'<div class="cw-sides">{"".join(sides)}</div></li>'
    )


def models_legend() -> None:
    """What the marks are."""
    st.html('<div class="cw-legend"><b>样板点位</b><p>点一下标记看前后照片</p></div>')


def sample(town: Town) -> Sample:
    """The mock inspection of the seed that was chosen."""
    sizes = sampling.load(server.workspace_folder())
    return sampling.draw(town, sizes, int(st.session_state.get("w-seed", 1)))


def sample_shown(town: Town, drawn: Sample) -> Shown:
    """The map of the places drawn, where they are units."""
    known = units.units(town)
    rows = drawn.frame[drawn.frame["id"].isin(known.index)].drop_duplicates("id").set_index("id")
    numbers = [str(n) for n in rows["order"]]
    painted = {"marks": _marks(town, rows, rows["label"].tolist(), numbers)}
    return _marked("模拟检查抽样", drawn.city, painted, _SAMPLE)


def sampled(town: Town, drawn: Sample) -> None:
    """The places drawn, by class, and what to know of the sample."""
    st.session_state.setdefault("w-seed", 1)
    st.number_input("随机种子（同一个种子抽到同样的点位）", 0, 1_000_000, key="w-seed")
    notes = "".join(f"<p>{escape(note)}</p>" for note in drawn.notes)
    counts = drawn.frame.groupby("label", sort=False).size()
    lines = "".join(f"<dt>{escape(str(k))}</dt><dd>{n} 处</dd>" for k, n in counts.items())
    st.html(
        f'<div class="cw-card"><h4>模拟检查抽样：{escape(drawn.city)}，{len(drawn.frame)} 处</h4>'
        f"<dl>{lines}</dl>{notes}</div>"
    )
    columns = {"order": "序号", "label": "类别", "id": "编号", "name": "名称", "community": "社区"}
    shown = drawn.frame.assign(id=drawn.frame["id"].str.rpartition("/")[2])
    table = shown[list(columns)].rename(columns=columns).fillna("")
    st.dataframe(table, hide_index=True, height=320)
    _download(table, "抽样清单", town)


def sample_legend() -> None:
    """What the marks are."""
    st.html(f'<div class="cw-legend"><b>模拟检查</b><p>{_SAMPLE}</p></div>')
