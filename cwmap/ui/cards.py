"""The figures at the top, the ten worst lanes, and the card of what was clicked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from cwmap import figures, server
from cwmap.captions import filter_caption
from cwmap.drawing import themes
from cwmap.drawing.chart import Columns
from cwmap.filters import Filter
from cwmap.privacy import masked
from cwmap.store import column
from cwmap.tables import REPORTS, ROLE, STATUS, TABLES
from cwmap.town import Town
from cwmap.ui import frame, keeping, moments, state
from cwmap.ui.pictures import images

ACCENT = "#0f6e6e"
RECENT = 6
_LINES = 0.72  # of a row's width for the lines; the figures stand beside them


def metrics(town: Town) -> None:
    """Four figures, each with its meaning on hover."""
    s = figures.summary(town, state.question())
    change = ""
    if s.change is not None:
        word = (
            "较上期持平" if s.reports == s.before else f"较上期 {s.change:+.0%}（{s.before:,} 件）"
        )
        kind = "up" if s.change > 0 else "down" if s.change < 0 else ""
        change = f'<small class="{kind}">{word}</small>'
    share = "—" if s.in_time_share is None else f"{s.in_time_share:.0%}"
    overdue_share = f"占待办 {s.overdue / s.open:.0%}" if s.open else "没有待办"
    cards = [
        ("本期新增", f"{s.reports:,}", "件", change,
         "所选时间内上报的问题数；上期指紧接在前、同样长的一段时间"),
        ("待办", f"{s.open:,}", "件", f"<small>占本期 {s.open / s.reports:.0%}</small>" if s.reports else "",
         "所选时间内上报、至今待处理或处置中的问题数"),
        ("超期未办", f"{s.overdue:,}", "件", f"<small>{overdue_share}</small>",
         f"待办中已过处置时限的问题数（截至 {town.as_of:%Y-%m-%d}）；时限按工作时间计"),
        ("本期按期率", share, "", f"<small>{s.in_time:,} / {s.judged:,} 件</small>" if s.judged else "",
         "本期上报的问题里：按期处置的 ÷（已处置且办结时间已知的 + 超期未办的）"),
    ]  # fmt: skip
    st.html(
        '<div class="cw-metrics">'
        + "".join(
            f'<div class="cw-metric" title="{escape(tip)}"><span>{name}</span>'
            f"<b>{number}<i>{unit}</i></b>{note}</div>"
            for name, number, unit, note, tip in cards
        )
        + "</div>"
    )
    lost = figures.unplaced(town, state.question())
    if lost:
        st.page_link(
            frame.door("reports"), label=f"其中 {lost:,} 件未定位，不在图上 ›",
            query_params={**state.question().to_query(), "placed": "unplaced"},
        )  # fmt: skip


def worst(town: Town) -> None:
    """The ten worst lanes, each a click from the map."""
    ranked = figures.worst_lanes(town, state.question())
    st.html(
        '<h3 class="cw-h">问题最集中的十条巷道<small>件/百米</small></h3>'
        '<p class="cw-hint" title="按每百米问题数排序；巷道越短，越向全镇均值收缩（经验贝叶斯），'
        '免得一条短巷因为一两件问题就排在最前；细线是校正后的值的 90% 区间">'
        "底色为按长短校正后的值，细线为可能的范围（90%）：范围重叠多的，名次不必当真</p>"
    )
    if ranked.empty:
        st.html('<p class="cw-empty">所选条件下没有落在巷道里的问题。放宽时间或类别再看。</p>')
        return
    most = ranked["rate_high"].max() / _LINES or 1
    bars = []
    with st.container(key="cw-worst", gap=None):
        for at, (lane_id, lane) in enumerate(ranked.iterrows(), 1):
            key = f"worst-{at}"
            low, middle, high = (
                100 * lane[c] / most for c in ("rate_low", "rate_shrunk", "rate_high")
            )
            bars.append(
                f".st-key-{key} button{{--share:{middle:.1f}%;--low:{low:.1f}%;--span:{high - low:.1f}%}}"
            )
            chosen = state.look().picked == ("lanes", lane_id)
            name = frame.plain(figures.place_name(town, "lanes", str(lane_id)))
            st.button(
                f"{at} {name} *{lane['reports']:,} 件* **{lane['rate_per_100m']:.1f}**",
                key=key, width="stretch", type="primary" if chosen else "tertiary",
                on_click=state.pick, args=("lanes", lane_id), kwargs={"fly": True},
            )  # fmt: skip
        st.html(f"<style>{''.join(bars)}</style>")


def closing(on_click: Callable[..., None] = state.pick, args: tuple[Any, ...] = (None,)) -> None:
    """The button that closes a card."""
    with st.container(key="cw-card-close", horizontal=True, horizontal_alignment="right"):
        st.button("关闭 ✕", key="close-card", type="tertiary", on_click=on_click, args=args)


def chosen(town: Town) -> None:
    """The card of the lane, cell or report that was clicked."""
    picked = state.look().picked
    assert picked
    layer, place_id = picked
    closing()
    if layer == "reports":
        report(town, place_id)
    elif layer in ("lanes", "cells") and place_id in town.layers[layer].index:
        place(town, layer, place_id)
    else:
        st.html('<p class="cw-empty">这个对象已不在数据里，请关闭卡片。</p>')


def place(town: Town, layer: str, place_id: str) -> None:
    """A lane's or cell's card: figures, categories, trend, people, last reports."""
    row = town.layers[layer].loc[place_id]
    title = escape(figures.place_name(town, layer, place_id))
    if layer == "lanes":
        table = figures.lanes(town, state.question())
        own = replace(state.question(), lane=(place_id,))
        size = f"长 {row['length_m']:,.0f} 米"
        rate, unit = table.loc[place_id, "rate_per_100m"], "件/百米"
        rank = "本期无问题"
        if table.loc[place_id, "reports"]:
            lane = table.loc[place_id]
            rank = (
                f"第 {lane['rank']} 名（共 {len(table)} 条），按长短校正后每百米 {lane['rate_shrunk']:.1f} 件，"
                f"可能在 {lane['rate_low']:.1f}–{lane['rate_high']:.1f} 之间（90%）"
            )
        kind = _shown("lanes", "kind", row["kind"])
    else:
        table = figures.cells(town, state.question())
        own = replace(state.question(), cell=(place_id,))
        size = f"面积 {row['area_m2'] / 10_000:.2f} 公顷"
        rate, unit = table.loc[place_id, "rate_per_ha"], "件/公顷"
        people = table.loc[place_id, "residents"]
        rank = f"网格编码 {escape(place_id)}"
        if people > 0:
            rank += f"　约 {people:,.0f} 人，每千人 {table.loc[place_id, 'rate_per_1000']:.0f} 件"
        kind = f"责任主体 {escape(row['responsible'])}" if row["responsible"] else ""
    counts = table.loc[place_id]
    facts = "　".join(part for part in (kind, size, rank) if part)
    st.html(
        f'<div class="cw-card"><h2>{title}</h2><p>{facts}</p><div class="cw-three">'
        f"<div><b>{counts['reports']:,}</b><span>件问题</span></div>"
        f"<div><b>{counts['open']:,}</b><span>待办</span></div>"
        f"<div class='{'bad' if counts['overdue'] else ''}'><b>{counts['overdue']:,}</b><span>超期</span></div>"
        f"<div><b>{rate:.1f}</b><span>{unit}</span></div></div></div>"
    )
    _categories(town, own)
    _trend(town, own)
    if layer == "lanes":
        _people(place_id, str(row["name"]))
    _recent(layer, place_id)


def report(town: Town, report_id: str) -> None:
    """One report's card, with its history."""
    rows = server.open_keeper().workspace.read(
        "reports", where=column("report_id", "reports") == report_id
    )
    if rows.empty:
        st.html('<p class="cw-empty">没有找到这件问题。</p>')
        return
    row = rows.iloc[0]
    lane = figures.place_name(town, "lanes", row["lane_id"]) if row["lane_id"] else "未归属巷道"
    facts = [
        ("状态", STATUS.shown(row["status"])), ("上报", moments.shown(town, row["reported_at"])),
        ("办结", moments.shown(town, row["closed_at"])), ("所在", lane), ("位置", row["address"]),
        ("描述", row["description"]), ("来源", row["source"]), ("主责", row["department"]),
        ("定位", REPORTS["placed_by"].shown(row["placed_by"] or "")),
    ]  # fmt: skip
    lines = "".join(f"<dt>{k}</dt><dd>{escape(str(v))}</dd>" for k, v in facts if v)
    st.html(
        f'<div class="cw-card"><h2>{escape(town.categories.name(row["category"]))}</h2>'
        f"<p>编号 {escape(report_id)}</p>{_photos(row['photo'])}<dl>{lines}</dl>{_history(town, report_id)}</div>"
    )


def _history(town: Town, report_id: str) -> str:
    """What was changed since the report came in, newest last; private columns only by name."""
    changes = server.open_keeper().workspace.history(report_id)
    items = []
    for change in changes.itertuples(index=False):
        known = change.column in REPORTS
        label = REPORTS[change.column].label if known else "图形"
        if change.column == "status":
            what = f"{STATUS.shown(change.old or '')} → {STATUS.shown(change.new or '')}"
        else:
            what = "已更改"
        items.append(
            f"<li>{label}：{escape(what)}<time>{moments.shown(town, change.at)}</time></li>"
        )
    return f"<h4>变更记录</h4><ul>{''.join(items)}</ul>" if items else ""


def _categories(town: Town, question: Any) -> None:
    frame = figures.by_category(town, question).head(6)
    if frame.empty:
        return
    most = frame["reports"].max()
    bars = "".join(
        f'<div class="cw-bar-row"><span>{escape(r.name)}</span>'
        f'<i style="width:{52 * r.reports / most:.0f}%;background:{r.colour}"></i><b>{r.reports}</b></div>'
        for r in frame.itertuples(index=False)
    )
    st.html(f'<div class="cw-card"><h4>主要问题</h4>{bars}</div>')


def _trend(town: Town, question: Any) -> None:
    weeks = figures.weekly(town, question)
    if weeks.empty:
        return
    st.html('<div class="cw-card"><h4>每周问题数（近半年）</h4></div>')
    chart = go.Figure(
        go.Bar(
            x=weeks["week"], y=weeks["reports"], marker_color=ACCENT,
            hovertemplate="%{x|%Y-%m-%d} 起一周：%{y} 件<extra></extra>",
        )
    )  # fmt: skip
    chart.update_layout(
        height=130, margin={"l": 0, "r": 0, "t": 4, "b": 0}, bargap=0.25, dragmode=False,
        xaxis={"tickformat": "%m月", "dtick": "M1", "fixedrange": True},
        yaxis={"fixedrange": True, "nticks": 4, "rangemode": "tozero", "tickformat": "d"},
    )  # fmt: skip
    st.plotly_chart(chart, key="trend", config={"displayModeBar": False})
    keeping.below(town, "trend", lambda: _trend_page(town, question, weeks))


def _trend_page(town: Town, question: Filter, weeks: pd.DataFrame) -> Columns:
    asked = replace(question, start=weeks["week"].iloc[0], end=question.end or town.as_of)
    return Columns(
        town, "每周问题数", filter_caption(town, asked), "件", themes.source(town, "每周从图上所写的日期起七天"),
        date.today(), [f"{week:%m-%d}" for week in weeks["week"]], weeks["reports"].tolist(),
    )  # fmt: skip


def _people(lane_id: str, name: str) -> None:
    duties = server.open_keeper().workspace.read(
        "duties", where=column("lane", "duties").in_([lane_id, name])
    )
    if duties.empty:
        st.html(
            '<div class="cw-card"><h4>责任人</h4><p class="cw-empty">责任台账里还没有这条巷道。</p></div>'
        )
        return
    order = list(ROLE.choices)
    rows = sorted(duties.to_dict("records"), key=lambda d: order.index(d["role"]))
    lines = "".join(
        f"<dt>{ROLE.shown(d['role'])}</dt><dd>{escape(d['person'] or d['organisation'] or '—')}"
        f"<small>{escape(masked(d['phone']))}</small></dd>"
        for d in rows
    )
    st.html(f'<div class="cw-card"><h4>责任人</h4><dl>{lines}</dl></div>')


def _recent(layer: str, place_id: str) -> None:
    key = "lane_id" if layer == "lanes" else "cell_id"
    keeper = server.open_keeper()
    town = keeper.town()
    rows = keeper.workspace.read(
        "reports", ["report_id", "category", "reported_at", "status", "description", "photo"],
        column(key, "reports") == place_id, newest=RECENT,
    )  # fmt: skip
    if rows.empty:
        return
    items = "".join(
        f"<li><b>{escape(town.categories.name(r.category))}</b>"
        f'<span class="s-{r.status}">{STATUS.shown(r.status)}</span>'
        f"<time>{moments.shown(town, r.reported_at)}</time>"
        f"<p>{escape(r.description or '')}</p>{_photos(r.photo)}</li>"
        for r in rows.itertuples(index=False)
    )
    st.html(f'<div class="cw-card"><h4>最近的问题（不限时间）</h4><ul>{items}</ul></div>')


def _photos(names: object) -> str:
    listed = names.split("、") if isinstance(names, str) else []
    return images((name.strip() for name in listed), "现场照片")


def _shown(table: str, name: str, value: object) -> str:
    return TABLES[table][name].shown(value) if isinstance(value, str) else ""
