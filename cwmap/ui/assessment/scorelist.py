"""考核: the week's and the month's ranking, and what each point of a unit comes from."""

from __future__ import annotations

from datetime import date, timedelta
from html import escape
from typing import Any, Literal

import numpy as np
import pandas as pd
import streamlit as st

from cwmap import server, units
from cwmap.assessment import assessment, fairness, rewards, scoring, visits
from cwmap.assessment.assessment import Period
from cwmap.assessment.rewards import Rewards
from cwmap.assessment.scoring import Rules
from cwmap.norms import split_words
from cwmap.privacy import masked
from cwmap.store import column
from cwmap.tables import INSPECTIONS, UNIT_KIND
from cwmap.town import Town
from cwmap.ui import cards, frame, state, words
from cwmap.ui.pictures import images

MOST = 40
Step = Literal["day", "week", "month"]


def rules() -> Rules:
    """The rules as the office has them now."""
    return scoring.load(server.workspace_folder())


def reward_rules() -> Rewards:
    """The rewards as the office has them now."""
    return rewards.load(server.workspace_folder())


def last_inspected(town: Town) -> date:
    """The last day with an inspection, else the town's last day."""
    seen = visits.visits(town, rules()).frame
    return seen["day"].max().date() if len(seen) else town.as_of


def day(town: Town) -> date:
    """The day that is looked at: as chosen, else the last with an inspection."""
    last = last_inspected(town)
    given = words.given("on")
    try:
        return min(date.fromisoformat(given), last) if given else last
    except ValueError:
        return last


def day_bar(town: Town, step: Step) -> None:
    """The day, week or month that is looked at, between buttons to the one before and after."""
    now, last = day(town), last_inspected(town)
    earlier, later = _beside(now, step)
    with st.container(key="cw-days", horizontal=True, vertical_alignment="center"):
        st.button("‹", key="day-before", on_click=_go, args=(earlier,), help="往前")
        st.html(f'<b class="cw-day">{_label(now, step)}</b>')
        st.button(
            "›", key="day-after", on_click=_go, args=(min(later, last),), disabled=now >= last
        )


def _beside(day: date, step: Step) -> tuple[date, date]:
    if step != "month":
        days = timedelta(days=7 if step == "week" else 1)
        return day - days, day + days
    month = assessment.month_of(day)
    return month.first - timedelta(days=1), assessment.month_of(month.last + timedelta(days=1)).last


def _label(day: date, step: Step) -> str:
    if step == "month":
        return f"{day.year} 年 {day.month} 月"
    if step == "week":
        week = assessment.week_of(day)
        return f"{week.first:%m-%d} 至 {week.last:%m-%d}"
    return f"{day:%Y-%m-%d}"


def _go(day: date) -> None:
    words.choose("on", day.isoformat())


def week(town: Town, found: assessment.Week) -> None:
    """Red and black list, then the ranking of one group of comparable units."""
    for name, mark, rows in (("红榜", "good", found.red), ("黑榜", "bad", found.black)):
        st.html(f'<h3 class="cw-h cw-list-{mark}">{name}<small>{len(rows):,} 个</small></h3>')
        if rows.empty:
            st.html(f'<p class="cw-empty">本周没有上{name}的。</p>')
        else:
            _rows(rows, f"list-{mark}")
    _group(found.ranking, found.unvisited)


def month(town: Town, found: assessment.Month) -> None:
    """The month's score of the town, what was given and taken, and the ranking."""
    score = "—" if np.isnan(found.town) else f"{found.town:.1f}"
    given = found.rewards["points"]
    st.html(
        f'<div class="cw-figure"><b>{score}</b><span>全镇得分</span>'
        f"<p>检查到 {len(found.ranking):,} 个单元，未检查 {len(found.unvisited):,} 个；"
        f"奖 {given[given > 0].sum():+g} 分，罚 {given[given < 0].sum():+g} 分</p></div>"
        '<h3 class="cw-h">奖惩<small>分</small></h3>'
    )
    names = units.units(town)["name"]
    if found.rewards.empty:
        st.html('<p class="cw-empty">本月没有达到奖惩条件的。</p>')
    with st.container(key="cw-tasks", gap=None):
        for at, row in enumerate(found.rewards.head(MOST).to_dict("records")):
            st.button(
                f"{frame.plain(str(names[row['unit']]))} *{frame.plain(row['name'])}* **{row['points']:+g}**",
                key=f"reward-{at}", width="stretch", type="tertiary", help=frame.plain(row["reason"]),
                on_click=look_at, args=(row["unit"],),
            )  # fmt: skip
    _communities(found.communities)
    _group(found.ranking, found.unvisited)


def _communities(rows: pd.DataFrame) -> None:
    """Communities by their score."""
    seen = rows[rows["score"].notna()].sort_values("rank")
    if seen.empty:
        return
    lines = "".join(
        f"<tr><td>{row.rank:.0f}</td><td>{escape(row.name)}</td><td>{row.score:.1f}</td>"
        f"<td>{row.visited}/{row.units}</td></tr>"
        for row in seen.itertuples(index=False)
    )
    st.html(
        '<details class="cw-table"><summary>社区排名</summary><table><tr><th>名次</th><th>社区</th>'
        f"<th>得分</th><th>查/应查</th></tr>{lines}</table></details>"
    )


def _group(ranking: pd.DataFrame, unvisited: pd.DataFrame) -> None:
    """The ranking of one group, chosen from all."""
    groups = sorted({*ranking["group"], *unvisited["group"]}, key=_size(ranking))
    if not groups:
        st.html('<p class="cw-empty">还没有检查记录。请在“数据”页导入，或在“填报”里录入。</p>')
        return
    options = {g: f"{g}（{int((ranking['group'] == g).sum())} 个有得分）" for g in groups}
    st.html('<h3 class="cw-h">同类排名<small>分 · 比上期</small></h3>')
    chosen = words.select("group", options, "同类")
    _rows(ranking[ranking["group"] == chosen].head(MOST), "rank")
    left = unvisited[unvisited["group"] == chosen]
    if len(left):
        named = "、".join(left["name"].head(8))
        more = "等" if len(left) > 8 else ""
        st.html(f'<p class="cw-hint">未检查 {len(left):,} 个，没有得分：{escape(named)}{more}</p>')


def _size(ranking: pd.DataFrame) -> Any:
    counts = ranking["group"].value_counts()
    return lambda group: (-int(counts.get(group, 0)), group)


def _rows(rows: pd.DataFrame, key: str) -> None:
    with st.container(key=f"cw-tasks-{key}", gap=None):
        for at, (unit, row) in enumerate(rows.iterrows()):
            st.button(
                f"{row['rank']} {frame.plain(str(row['name']))} *{_change(row['change'])}* **{row['score']:.1f}**",
                key=f"{key}-{at}", width="stretch", type="tertiary", on_click=look_at, args=(unit,),
                help=f"名次九成把握在第 {row['rank_low']:.0f}–{row['rank_high']:.0f} 名之间；检查 {row['visits']} 次",
            )  # fmt: skip


def _change(places: float) -> str:
    if np.isnan(places):
        return "新"
    return "持平" if places == 0 else f"{'↑' if places > 0 else '↓'}{abs(places):.0f}"


def look_at(unit: str) -> None:
    """Open a unit's card and go there."""
    layer, _, place_id = str(unit).partition("/")
    state.pick(layer, place_id, fly=True)


def card(town: Town, unit: str, period: Period, ranking: pd.DataFrame) -> None:
    """One unit: its score, how sure, and every visit with every point."""
    cards.closing()
    known = units.units(town)
    if unit not in known.index:
        st.html('<p class="cw-empty">这个对象已不在数据里，请关闭卡片。</p>')
        return
    title = f"<h2>{escape(str(known.loc[unit, 'name']))}</h2><p>{UNIT_KIND.shown(known.loc[unit, 'kind'])}</p>"
    if unit not in ranking.index:
        st.html(
            f'<div class="cw-card">{title}<p class="cw-empty">{period.label} 没有检查，没有得分。</p></div>'
        )
        return
    row = ranking.loc[unit]
    three = (
        ("得分", f"{row['score']:.1f}"), ("同类名次", f"{row['rank']}"), ("检查", f"{row['visits']} 次")
    )  # fmt: skip
    boxes = "".join(f"<div><b>{value}</b><span>{name}</span></div>" for name, value in three)
    sure = (
        f"估计在 {row['low']:.0f}–{row['high']:.0f} 分、第 {row['rank_low']:.0f}–{row['rank_high']:.0f} 名之间"
        "（九成把握；检查越少越不准）"
    )
    st.html(
        f'<div class="cw-card">{title}<div class="cw-three">{boxes}</div><p>{sure}</p>'
        f"<h4>扣分明细</h4>{_visits(town, unit, period)}</div>"
    )


def _visits(town: Town, unit: str, period: Period) -> str:
    seen = visits.visits(town, rules())
    mine = visits.between(seen, period.first, period.last)
    mine = mine[mine["unit"] == unit]
    found = seen.findings[seen.findings["visit"].isin(mine.index)]
    pictures = _pictures([i for ids in found["inspections"] for i in ids])
    items = []
    for number, visit in mine[::-1].iterrows():
        lines = "".join(
            f"<li>{escape(one.item)} {one.findings:g} 处<b>{-one.points:+g}</b>"
            f"{'<small>到上限</small>' if one.capped else ''}{_sources(one, pictures)}</li>"
            for one in found[found["visit"] == number].itertuples(index=False)
        )
        level = INSPECTIONS["level"].shown(visit["level"])
        items.append(
            f"<li><b>{visit['score']:.1f} 分</b><span>{level}</span><time>{visit['inspected_at']:%m-%d %H:%M}</time>"
            f"<ul class='cw-points'>{lines or '<li>没有发现问题</li>'}</ul></li>"
        )
    return f"<ul>{''.join(items)}</ul>"


def _sources(one: Any, pictures: dict[str, tuple[str, str]]) -> str:
    """What a point comes from: inspections with their notes and photos, and reports."""
    said = []
    for inspection in one.inspections:
        note, images = pictures.get(inspection, ("", ""))
        said.append(f"<p>{escape(inspection)} {escape(masked(note))}{images}</p>")
    said += [
        f'<p><a href="tasks?pick=reports:{escape(report)}" target="_self">问题 {escape(report)} ›</a></p>'
        for report in one.reports
    ]
    return "".join(said)


def _pictures(ids: list[str]) -> dict[str, tuple[str, str]]:
    """Note and photos of inspections."""
    if not ids:
        return {}
    rows = server.open_keeper().workspace.read(
        "inspections",
        ["inspection_id", "note", "photo"],
        column("inspection_id", "inspections").in_(ids),
    )
    found = {}
    for row in rows.itertuples(index=False):
        names = split_words(row.photo) if isinstance(row.photo, str) else ()
        found[row.inspection_id] = (row.note or "", images(names, "检查照片"))
    return found


def by_length(town: Town, period: Period) -> None:
    """Whether long streets are punished: scores as they are beside scores by length."""
    rows = fairness.by_length(town, rules(), period.first, period.last)
    st.html(
        '<h3 class="cw-h">按长度折算后<small>分 → 分 · 名次</small></h3>'
        '<p class="cw-hint">同样多的问题，长街比短巷摊得薄。这里把每次扣分按同类的典型长度折算，看排名变多少；'
        "红线和手填分不变</p>"
    )
    if rows.empty:
        st.html('<p class="cw-empty">本期没有巷道或街面的检查记录。</p>')
        return
    moved = rows.reindex(rows["moved"].abs().sort_values(ascending=False, kind="stable").index)
    with st.container(key="cw-tasks-length", gap=None):
        for at, (unit, row) in enumerate(moved.head(MOST).iterrows()):
            st.button(
                f"{frame.plain(str(row['name']))} *{row['length_m']:,.0f} 米* "
                f"**{row['score']:.1f} → {row['score_by_length']:.1f}　{row['rank']} → {row['rank_by_length']}**",
                key=f"length-{at}", width="stretch", type="tertiary", on_click=look_at, args=(unit,),
            )  # fmt: skip
