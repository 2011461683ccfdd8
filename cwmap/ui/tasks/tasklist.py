"""任务: how many are overdue, whose they are, and which come first."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import streamlit as st

from cwmap import figures, server
from cwmap.captions import filter_caption
from cwmap.colours import STANDING_COLOURS
from cwmap.filters import Filter
from cwmap.tables import STATE
from cwmap.tasks import indicators, routing, steps, tasks
from cwmap.tasks.routing import Routing
from cwmap.tasks.tasks import GREEN, LIGHTS, NO_LIGHT, RED, YELLOW
from cwmap.town import Town
from cwmap.ui import frame, moments, state, words
from cwmap.ui import map as town_map
from cwmap.ui.look import Look
from cwmap.ui.shown import Key, Shown

LISTS = {
    "red": "红灯", "yellow": "黄灯", "green": "绿灯", "checking": "待核查", "new": "待派遣", "back": "退回返工",
    "closed": "已结案",
}  # fmt: skip
"""Which tasks a list holds: word of the address → Chinese."""
_LIGHT = {"red": RED, "yellow": YELLOW, "green": GREEN}
_STATES = {
    "checking": ("checking",), "new": ("reported", "accepted"), "back": ("returned", "rework"),
    "closed": ("closed",),
}  # fmt: skip
_STANDING = {RED: "bad", YELLOW: "fair", GREEN: "good"}
_NAMES = {"good": "都在期限内", "fair": "有快到期的", "bad": "有超期的"}
WHOLE_TOWN = "全部单位"
MOST = 60


def rules(town: Town) -> Routing:
    """Who answers for what, as the office has it now."""
    return routing.load(server.workspace_folder(), town.categories)


def asked() -> Filter:
    """The filter in force; of the lane in hand, if one was clicked."""
    picked = state.look().picked
    lane = {"lane": (picked[1],)} if picked and picked[0] == "lanes" else {}
    return state.narrowed(**lane)


def unit(town: Town) -> str | None:
    """The unit that is looked at, None for all."""
    chosen = words.chosen("unit", _units(town))
    return chosen or None


def _units(town: Town) -> dict[str, str]:
    counted = tasks.counts(town, state.question(), rules(town)).owners
    return {"": WHOLE_TOWN} | {
        owner: f"{owner}（红 {red:,}，在办 {running:,}）"
        for owner, red, running in zip(
            counted["owner"], counted["red"], counted["running"], strict=True
        )
    }


def units(town: Town) -> None:
    """Which unit's tasks are looked at."""
    st.html('<h3 class="cw-h">主办单位</h3>')
    words.select("unit", _units(town), "主办单位")


def shown(town: Town, mine: str | None, question: Filter, look: Look) -> Shown:
    """Lanes by their worst light, and the tasks in hand as points; `mine`: of one unit."""
    lit = tasks.on_lanes(town, question, mine, rules(town))
    worst = np.select([lit["red"] > 0, lit["yellow"] > 0, lit["green"] > 0], [2, 1, 0], -1)
    order = list(STANDING_COLOURS["light"])
    said = [f"红灯 {r} · 黄灯 {y} · 绿灯 {g}" for r, y, g in lit.to_numpy().tolist()]
    spoken = list(dict.fromkeys(said))
    values = {
        "classes": "".join("-" if k < 0 else str(k) for k in worst),
        "colours": {t: [ramp[w] for w in order] for t, ramp in STANDING_COLOURS.items()},
        "counts": lit.sum(axis=1).tolist(), "rates": [None] * len(lit), "unit": "",
        "words": spoken, "said": [spoken.index(s) for s in said], "opacity": 0.95, "edge": False,
    }  # fmt: skip
    painted = town_map.classed_state("lanes", values, look, _lane_in_hand(town, look.picked))
    query = {**question.to_query(), "status": "open,assigned", "rev": str(town.revision)}
    return Shown(
        "任务", painted | {"reports": {"query": urlencode(query)}},
        Key.of("巷道的任务", STANDING_COLOURS, list(_NAMES.values())),
        f"{mine or WHOLE_TOWN} · {filter_caption(town, question)}", "每条巷道取最急的一件",
    )  # fmt: skip


def _lane_in_hand(town: Town, picked: tuple[str, str] | None) -> list[str]:
    """The lane that was clicked, or that of the task in hand."""
    if not picked or picked[0] == "lanes":
        return [picked[1]] if picked else []
    at = np.flatnonzero(town.reports.ids == picked[1])
    place = int(town.reports.place["lanes"][at[0]]) if len(at) else -1
    return [str(town.layers["lanes"].index[place])] if place >= 0 else []


def lights(town: Town, mine: str | None) -> None:
    """The figures at the top: lights, waiting to be checked, done in time."""
    question = state.question()
    counted = tasks.counts(town, question, rules(town), unit=mine)
    start, end = question.start or town.first_day, question.end or town.as_of
    found = indicators.indicators(town, _events(town), start, end, rules(town))
    rates = found.units.get(mine) if mine else found.overall
    rate = rates["handled_in_time"] if rates else None
    share = "—" if rate is None or rate.share is None else f"{rate.share:.0%}"
    cards: list[tuple[str, str, str, str, str]] = [
        (f"{name}灯", f"{counted.lights[name]:,}", key, small, tip)
        for name, key, small, tip in (
            ("红", "bad", "已超期", "已过整改期限还没有处置完成"),
            ("黄", "fair", "快到期", "期限只剩最后四分之一"),
            ("绿", "good", "期限内", "在期限内办理"),
        )
    ]
    waiting = counted.states["checking"]
    cards.append(
        ("待核查", f"{waiting:,}", "", "已处置，等创卫办核查", "处置完成、还没有核查结案的任务")
    )
    under = f"{rate.numerator:,} / {rate.denominator:,} 件" if rate else ""
    tip = "按期处置数 ÷ 应处置数；按工作时间计。定义见 docs/tasks.md"
    cards.append(("按期处置率", share, "", under, tip))
    st.html(
        '<div class="cw-metrics cw-lights">'
        + "".join(
            f'<div class="cw-metric {key}" title="{escape(tip)}"><span>{name}</span><b>{number}</b>'
            f"<small>{escape(small)}</small></div>"
            for name, number, key, small, tip in cards
        )
        + "</div>"
    )


def _events(town: Town) -> pd.DataFrame:
    return town.kept("events", lambda: steps.events(server.open_keeper().workspace))


def rates(town: Town) -> None:
    """Indicators of each unit, every rate with its counts."""
    question = state.question()
    start, end = question.start or town.first_day, question.end or town.as_of
    found = indicators.indicators(town, _events(town), start, end, rules(town))
    st.html(
        f'<h3 class="cw-h">办理指标<small>{start:%Y-%m-%d} 至 {end:%Y-%m-%d}</small></h3>'
        '<p class="cw-hint">分子 / 分母都写明；定义见 docs/tasks.md。本表只看时间，不看其他筛选</p>'
    )
    whole = "".join(_rate(name, found.overall[key]) for key, name in indicators.LABELS.items())
    st.html(f'<div class="cw-card"><h4>全镇</h4><dl>{whole}</dl></div>')
    shown = ("handled", "handled_in_time", "rework", "overdue")
    heads = "".join(f"<th>{indicators.LABELS[key]}</th>" for key in shown)
    lines = "".join(
        f"<tr><td>{escape(unit)}</td>" + "".join(_cell(rates[key]) for key in shown) + "</tr>"
        for unit, rates in found.units.items()
    )
    st.html(f'<div class="cw-table"><table><tr><th>单位</th>{heads}</tr>{lines}</table></div>')


def _rate(name: str, rate: indicators.Rate) -> str:
    return f"<dt>{name}</dt><dd>{_share(rate)}<small>{rate.numerator:,} / {rate.denominator:,}</small></dd>"


def _cell(rate: indicators.Rate) -> str:
    return f"<td><b>{_share(rate)}</b><small>{rate.numerator:,}/{rate.denominator:,}</small></td>"


def _share(rate: indicators.Rate) -> str:
    return "—" if rate.share is None else f"{rate.share:.0%}"


def listing(town: Town, mine: str | None) -> None:
    """The tasks of one kind, the most urgent first; each a click from its card."""
    kind = words.switch("list", LISTS, "哪些任务")
    total, rows = tasks.listed(
        town, asked(), unit=mine, states=_STATES.get(kind, ()), light=_LIGHT.get(kind),
        number=MOST, rules=rules(town),
    )  # fmt: skip
    picked = state.look().picked
    where = figures.place_name(town, *picked) if picked and picked[0] == "lanes" else ""
    if where:
        st.button(f"{frame.plain(where)} ✕", key="w-anywhere", on_click=state.pick, args=(None,))
    st.html(f'<p class="cw-hint">{total:,} 件，最急的在前</p>')
    if rows.empty:
        st.html('<p class="cw-empty">没有这类任务。放宽时间，或换一个单位再看。</p>')
        return
    with st.container(key="cw-tasks", gap=None):
        for at, row in enumerate(rows.to_dict("records")):
            st.button(
                _line(town, row), key=f"task-{at}", width="stretch", type="tertiary",
                on_click=state.pick, args=("reports", row["task_id"]),
            )  # fmt: skip
    if total > MOST:
        st.html(f'<p class="cw-hint">只列前 {MOST} 件；全部见“导出任务书”。</p>')


def _line(town: Town, row: Mapping[str, Any]) -> str:
    lane = row["lane_id"]
    place = figures.place_name(town, "lanes", lane) if isinstance(lane, str) else "未定位"
    light = {RED: ":red[●]", YELLOW: ":orange[●]", GREEN: ":green[●]"}.get(row["light"], "○")
    name = town.categories.name(row["category"])
    tail = timing(row) or STATE.shown(row["state"])
    return f"{light} {frame.plain(name)} *{frame.plain(place)}* **{frame.plain(tail)}**"


def timing(row: Mapping[str, Any]) -> str:
    """How late a task is, or until when it has time."""
    if row["light"] == RED:
        return f"超期 {span(row['overdue_h'])}"
    if row["light"] == NO_LIGHT:
        return f"迟了 {span(row['overdue_h'])}" if row["overdue_h"] > 0 else ""
    return f"{moments.local(frame.town(), row['due_at']):%m-%d %H:%M} 前"


def span(hours: float) -> str:
    """Working hours in words."""
    return f"{hours:,.0f} 工时" if hours >= 1 else f"{max(hours * 60, 1):.0f} 分钟"


def legend(town: Town, mine: str | None) -> None:
    """What the colours of the lanes mean."""
    lit = tasks.on_lanes(town, state.question(), mine, rules(town))
    numbers = {
        "bad": lit["red"] > 0, "fair": (lit["red"] == 0) & (lit["yellow"] > 0),
        "good": (lit["red"] == 0) & (lit["yellow"] == 0) & (lit["green"] > 0),
    }  # fmt: skip
    boxes = "".join(
        f'<span><i class="cw-{key}" style="--light:{colour}"></i>'
        f"<em>{_NAMES[key]} {int(numbers[key].sum()):,} 条</em></span>"
        for key, colour in STANDING_COLOURS["light"].items()
    )
    settings = town.settings
    st.html(
        f'<div class="cw-legend"><b>巷道的任务</b><small>{escape(mine or WHOLE_TOWN)}</small>'
        f'<div class="cw-swatches cw-standing">{boxes}</div>'
        f"<p>期限按工作时间计：{escape(settings.hours)}，{_days(settings.workdays)}</p></div>"
    )


def _days(word: str) -> str:
    return {"calendar": "国家工作日和调休", "daily": "每天"}.get(word, word)


def lights_of(light: int) -> str:
    """A light's name."""
    return f"{LIGHTS[light]}灯" if LIGHTS[light] else ""
