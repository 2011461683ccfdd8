"""责任: what the register lacks, who carries how much, and the people of one lane."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from html import escape

import pandas as pd
import streamlit as st

from cwmap import figures, units
from cwmap.duties import coverage, duties
from cwmap.duties.coverage import Coverage
from cwmap.privacy import masked
from cwmap.tables import ROLE, UNIT_KIND
from cwmap.town import Town
from cwmap.ui import account, cards, frame, state, words

MOST = 40
LOADED = {role: ROLE.shown(role) for role in ("cleaner", "grid_officer", "leader")}
_FINDINGS: dict[str, tuple[str, str]] = {
    "missing": ("缺岗", "巷道没有登记这个岗位的人"),
    "contradictions": (
        "一岗两人",
        "同一天有两个人担任只该一人担任的岗位；若已换人，请给前任填终止日期",
    ),
    "overloaded": ("负担过重", f"巷道数或长度超过同岗位中位数的 {coverage.HEAVY:g} 倍"),
    "uncovered": ("时段空档", "{} 之间没有保洁员或网格员在岗的时段"),
    "scattered": ("分散", f"同一人（单位）的责任点相隔超过 {coverage.APART_M:g} 米"),
    "incomplete": ("五定不全", "定人、定岗、定责、定时段、定标准缺项"),
    "unknown": ("图上没有", "台账里的名称在图上找不到；请改为巷道编号或全名"),
}


def standing(town: Town, day: date) -> None:
    """What is in order and what is not, each finding a click from the map."""
    found = coverage.coverage(town, day)
    share = found.filled_share
    if share is None:
        st.html('<p class="cw-empty">还没有导入巷道。请在“数据”页导入巷道和责任台账。</p>')
        return
    st.html(
        f'<div class="cw-figure"><b>{share:.1%}</b><span>到位率</span>'
        f"<p>{found.expected:,} 个岗位（每条巷道 {len(duties.EXPECTED)} 岗），"
        f"{found.expected - len(found.missing):,} 个有人，{len(found.missing):,} 个缺人</p></div>"
    )
    counts = {name: len(getattr(found, name)) for name in _FINDINGS}
    options = {name: f"{_FINDINGS[name][0]} {counts[name]:,}" for name in _FINDINGS}
    chosen = words.switch("finding", options, "问题")
    a, b = (f"{m // 60:02d}:00" for m in coverage.DAY)
    st.html(f'<p class="cw-hint">{_FINDINGS[chosen][1].format(f"{a}–{b}")}</p>')
    _findings(chosen, found)


def _findings(kind: str, found: Coverage) -> None:
    rows: pd.DataFrame = getattr(found, kind)
    if rows.empty:
        st.html('<p class="cw-empty">没有这类问题。</p>')
        return
    say = _SENTENCES[kind]
    with st.container(key="cw-worst", gap=None):
        for at, row in enumerate(rows.head(MOST).to_dict("records")):
            title, detail = say(row)
            unit = row.get("unit") or _first_unit(row)
            st.button(
                f"{frame.plain(title)} *{frame.plain(detail)}*", key=f"finding-{at}", width="stretch",
                type="tertiary", disabled=not unit, on_click=_look_at, args=(unit,),
            )  # fmt: skip
    if len(rows) > MOST:
        st.html(f'<p class="cw-hint">另有 {len(rows) - MOST:,} 条，见“导出责任”。</p>')


def _first_unit(row: dict[str, object]) -> str | None:
    """A unit of the holder that a finding is about."""
    town = frame.town()
    rows = duties.register(town).on(town.as_of)
    mine = rows[(rows["holder"] == row.get("holder")) & (rows["role"] == row.get("role"))]
    return str(mine["unit"].iloc[0]) if len(mine) else None


def _look_at(unit: str) -> None:
    layer, _, place_id = unit.partition("/")
    state.pick(layer, place_id, fly=True)


_SENTENCES: dict[str, Callable[[dict[str, object]], tuple[str, str]]] = {
    "missing": lambda r: (str(r["name"]), f"缺{ROLE.shown(str(r['role']))}"),
    "contradictions": lambda r: (str(r["name"]), f"{ROLE.shown(str(r['role']))}：{r['holders']}"),
    "overloaded": lambda r: (
        str(r["name"]), f"{r['units']} 条、{r['metres']:,.0f} 米，{r['times']:.1f} 倍"
    ),
    "uncovered": lambda r: (str(r["name"]), str(r["spans"])),
    "scattered": lambda r: (str(r["name"]), f"{r['units']} 处，相隔 {r['gap_m']:,.0f} 米"),
    "incomplete": lambda r: (str(r["name"]), f"{ROLE.shown(str(r['role']))}缺{r['lacks']}"),
    "unknown": lambda r: (str(r["lane"]), f"{ROLE.shown(str(r['role']))} {r['person'] or ''}"),
}  # fmt: skip


def loads(town: Town) -> None:
    """Who carries how much: lanes, metres and the period's reports."""
    role = words.switch("role", LOADED, "岗位")
    table = duties.load(town, state.question(), role)
    st.html(
        f'<h3 class="cw-h">{LOADED[role]}的责任与问题<small>条 · 米 / 件</small></h3>'
        '<p class="cw-hint">件数为所选时间和类别的问题，按上报当天的责任人计；底色为件数</p>'
    )
    if table.empty:
        st.html('<p class="cw-empty">台账里没有这个岗位。</p>')
        return
    rows = duties.register(town).on(town.as_of)
    mine = rows[rows["role"] == role].drop_duplicates("holder").set_index("holder")["unit"]
    most, bars = max(int(table["reports"].max()), 1), []
    with st.container(key="cw-worst", gap=None):
        for at, (holder, row) in enumerate(table.head(MOST).iterrows(), 1):
            bars.append(f".st-key-load-{at} button{{--share:{100 * row['reports'] / most:.1f}%}}")
            unit = mine.get(holder)
            st.button(
                f"{at} {frame.plain(str(row['name']))} *{row['units']} 条 · {row['metres']:,.0f} 米* "
                f"**{row['reports']:,}**",
                key=f"load-{at}", width="stretch", type="tertiary", disabled=not unit,
                on_click=_look_at, args=(unit,),
            )  # fmt: skip
        st.html(f"<style>{''.join(bars)}</style>")
    if len(table) > MOST:
        st.html(f'<p class="cw-hint">共 {len(table):,} 人，只列前 {MOST} 人。</p>')


def unit_card(town: Town, unit: str, day: date) -> None:
    """The card of one unit: what it is, its people and their five."""
    cards.closing()
    frame_of = units.units(town)
    if unit not in frame_of.index:
        st.html('<p class="cw-empty">这个对象已不在数据里，请关闭卡片。</p>')
        return
    row = frame_of.loc[unit]
    home = row["community_id"]
    facts = [UNIT_KIND.shown(row["kind"])]
    if row["length_m"] > 0:
        facts.append(f"长 {row['length_m']:,.0f} 米")
    if isinstance(home, str):
        facts.append(figures.place_name(town, "communities", home))
    people = duties.people(town, unit, day)
    # Off at first: the page may be on a projector.
    may = account.viewer().sees_phones
    whole = may and bool(st.session_state.get("w-phones"))
    body = "".join(_person(person, phones=whole) for person in people.to_dict("records"))
    expected = duties.EXPECTED if row["layer"] == "lanes" else ()
    lacking = [r for r in expected if r not in set(people["role"])]
    body += "".join(
        f'<li class="none"><b>{ROLE.shown(r)}</b><span class="who">缺人</span></li>'
        for r in lacking
    )
    st.html(
        f'<div class="cw-card"><h2>{escape(row["name"])}</h2><p>{escape(" · ".join(facts))}</p>'
        f'<ul class="cw-people">{body}</ul></div>'
    )
    if may:
        st.toggle("显示完整电话", key="w-phones")


def _person(row: dict[str, object], *, phones: bool) -> str:
    name = row["person"] if isinstance(row["person"], str) else row["organisation"]
    phone = row["phone"] if isinstance(row["phone"], str) else ""
    shown = phone if phones else masked(phone)
    unit = row["organisation"] if isinstance(row["person"], str) else ""
    five = "".join(
        f"<dt>{word}</dt><dd>{escape(masked(row[column]))}</dd>"
        for column, word in duties.FIVE.items()
        if column != "person" and isinstance(row[column], str)
    )
    since = pd.Timestamp(row["since"]) if row["since"] is not None else pd.NaT
    begun = "" if pd.isna(since) else f"<dt>任职</dt><dd>{since:%Y-%m-%d} 起</dd>"
    return (
        f"<li><b>{ROLE.shown(str(row['role']))}</b><span class='who'>{escape(str(name or '—'))}</span>"
        f"<small>{escape(str(unit or ''))} {escape(shown)}</small><dl>{five}{begun}</dl></li>"
    )
