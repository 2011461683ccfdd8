"""What a step of a meeting tells (会议): its title, one sentence, two figures, and where to look.

Every number comes from the module that owns it; nothing is stored. Each kind of `agenda.KINDS` has
one function here, from the town and a filter to `Told`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial

import numpy as np
import pandas as pd

from cwmap import figures, photos
from cwmap.assessment import assessment
from cwmap.assessment.assessment import Period
from cwmap.briefing.parts import Figure, Tone
from cwmap.captions import filter_caption
from cwmap.filters import Filter
from cwmap.gaps import asking, gaps, reach
from cwmap.gaps.gaps import Gaps
from cwmap.gaps.homes import UNITS
from cwmap.meeting import agenda
from cwmap.meeting.agenda import Step
from cwmap.meeting.desk import Desk
from cwmap.tasks import tasks
from cwmap.town import Town
from cwmap.trends.spots import Spot
from geo.coordinates import from_wgs84

MOST_ROWS = 6
_ORDINALS = "一二三"


@dataclass(frozen=True)
class Told:
    """What a step says, and what its map shows.

    page, look: the page whose map it is, and that page's words. question: the filter in force.
    places: layer and ids to outline and to go to; () leaves the whole town in view. facilities: ids
    of those to have in view too. rows: name, value and tone, a short list. pictures:
    name of a photo and what stands over it.
    """

    title: str
    sentence: str
    figures: tuple[Figure, ...]
    page: str
    question: Filter
    look: dict[str, str] = field(default_factory=dict)
    places: tuple[str, tuple[str, ...]] = ("", ())
    facilities: tuple[str, ...] = ()
    rows: tuple[tuple[str, str, str], ...] = ()
    pictures: tuple[tuple[str, str], ...] = ()
    caption: str = ""


def tell(desk: Desk, step: Step) -> Told:
    """What a step says now. The planner's own title, sentence and pictures stand before cwmap's.

    CwmapError where its filter means nothing in this town.
    """
    question = agenda.question(desk.town, step)
    told = _TELLERS[step.kind](desk, question, step)
    own = [n for n in step.pictures if photos.path(desk.workspace.folder, n)]
    titles = ("整改前", "整改后") if len(own) == 2 else ("现场照片",)
    return replace(
        told, title=step.title or told.title, sentence=step.sentence or told.sentence,
        pictures=tuple(zip(own, titles, strict=True)) if own else told.pictures,
        caption=told.caption or filter_caption(desk.town, told.question),
    )  # fmt: skip


# The kinds ---------------------------------------------------------------------------------------


def _overview(desk: Desk, question: Filter, step: Step) -> Told:
    s = figures.summary(desk.town, question)
    most = figures.by_category(desk.town, question).head(2)
    kinds = "、".join(f"{r.name} {r.reports:,} 件" for r in most.itertuples(index=False))
    sentence = f"其中待办 {s.open:,} 件，已超期 {s.overdue:,} 件" + (
        f"；最多的是{kinds}。" if kinds else "。"
    )
    return Told(
        f"{_span(desk.town, question)}总体情况", sentence,
        (_figure(desk.town, question, "reports"), _figure(desk.town, question, "in_time")),
        step.page, question, step.words,
    )  # fmt: skip


def _view(desk: Desk, question: Filter, step: Step) -> Told:
    """A page as somebody looked at it; its figures are of what its map shows."""
    caption = filter_caption(desk.town, question)
    told = Told(
        _title(step), caption + "。", (), step.page, question, step.words, caption=caption
    )  # fmt: skip
    if step.page in _VIEWS:
        return _VIEWS[step.page](desk, told)
    numbers = tuple(_figure(desk.town, question, name) for name in step.figures)
    return replace(told, figures=numbers)


def _title(step: Step) -> str:
    view = agenda.VIEWS.get(step.page, {}).get(step.words.get("view", ""), "")
    name = {"map": "问题分布", "hotspots": "热点", "duties": "责任"}.get(step.page, "")
    return f"{name}：{view}" if view and view != "现状" else name


def _tasks_view(desk: Desk, told: Told) -> Told:
    unit = told.look.get("unit") or None
    counted = tasks.counts(desk.town, told.question, desk.routing, unit=unit)
    said = f"{unit or '全部单位'} · {told.caption}"
    return replace(
        told,
        title=f"{unit or ''}任务",
        sentence=f"{said}。",
        figures=_lights(counted),
        caption=said,
    )


def _scores_view(desk: Desk, told: Told) -> Told:
    period = scored_period(desk, told.look)
    scores = assessment.ranking(desk.town, desk.scoring, period)["score"]
    return replace(
        told, title="考核得分", sentence=f"{period.label}检查 {len(scores):,} 个单元。",
        figures=_scores(desk, scores), caption=period.label,
    )  # fmt: skip


def _gaps_view(desk: Desk, told: Told) -> Told:
    """The place in hand, else the most urgent one."""
    judged = asking.asked(desk.town, desk.norms, told.question, told.look)
    place = judged.spot or next(iter(judged.judged.urgent.index), None)
    said = replace(told, title=f"{judged.facility.name}的缺口")
    return _of_gap(said, judged.judged, place) if place else _no_gap(said, judged.judged)


_VIEWS: dict[str, Callable[[Desk, Told], Told]] = {
    "tasks": _tasks_view, "assessment": _scores_view, "gaps": _gaps_view,
}  # fmt: skip
"""Pages with figures of their own (`agenda.OWN_FIGURES`)."""


def scored_period(desk: Desk, words: Mapping[str, str]) -> Period:
    """The period of a view of 考核: the day, month or (usually) week of its day."""
    try:
        day = min(date.fromisoformat(words.get("on", "")), desk.inspected)
    except ValueError:
        day = desk.inspected
    if words.get("view") == "day":
        return Period(day, day)
    monthly = words.get("view") in ("month", "fair")
    return (assessment.month_of if monthly else assessment.week_of)(day)


def _scores(desk: Desk, scores: pd.Series) -> tuple[Figure, ...]:
    if scores.empty:
        return ()
    limit = desk.scoring.black.score
    low = int((scores < limit).sum())
    return (
        Figure("平均得分", f"{scores.mean():.1f}", "分"),
        Figure(f"{limit:g} 分以下", f"{low:,}", "个", "", "bad" if low else ""),
    )


def _lights(counted: tasks.Counts) -> tuple[Figure, ...]:
    red = counted.lights["红"]
    return (
        Figure("红灯（已超期）", f"{red:,}", "件", "", "bad" if red else "good"),
        Figure("黄灯（快到期）", f"{counted.lights['黄']:,}", "件"),
    )


def _spot(number: int, desk: Desk, question: Filter, step: Step) -> Told:
    found = desk.spots(question)
    title = f"热点{_ORDINALS[number - 1]}"
    if len(found.items) < number:
        return Told(title, f"本期没有第 {number} 处经得起检验的热点。", (), "hotspots", question)
    spot = found.items[number - 1]
    share = Figure("全镇平均的", f"{spot.ratio:.1f}", "倍", f"{spot.confidence}% 置信", "bad")
    count = Figure("问题", f"{spot.reports:,}", "件", f"按平均应为 {spot.expected:,.0f} 件")
    return Told(
        f"{title}：{spot.name}", _of_spot(spot), (count, share), "hotspots", question,
        places=(found.found.method.units, spot.unit_ids),
    )  # fmt: skip


def _of_spot(spot: Spot) -> str:
    kinds = "、".join(f"{name} {n:,} 件" for name, n in spot.categories[:2])
    trend = spot.trend_words.partition("（")[0] if spot.trend else ""
    parts = [f"主要是{kinds}", spot.since_words, trend]
    if spot.people:
        parts.append("责任人 " + "、".join(f"{role}{person}" for role, person in spot.people[:1]))
    return "；".join(part for part in parts if part) + "。"


def gap(desk: Desk, question: Filter, _step: Step) -> Told:
    """The most urgent gap of markets, as the page 缺口 judges it."""
    town = desk.town
    if town.layers["lanes"].empty or town.layers["facilities"].empty:
        sentence = "还没有登记巷道或设施，看不出缺口。"
        return Told("本期缺口", sentence, (), "map", question, {"surface": "none"})
    asked = asking.asked(town, desk.norms, replace(question, area=()), {"kind": "market"})
    told = Told("本期缺口", "", (), "gaps", asked.question, {"kind": "market"})
    if asked.judged.urgent.empty:
        return _no_gap(told, asked.judged)
    place = str(asked.judged.urgent.index[0])
    return replace(
        _of_gap(told, asked.judged, place), places=(asked.judged.layer, (place,)),
        facilities=_nearest(desk, asked.judged, place),
    )  # fmt: skip


def _nearest(desk: Desk, judged: Gaps, place: str) -> tuple[str, ...]:
    """The facility of standard nearest to the middle of a place, as the crow flies: to be in view."""
    town = desk.town
    there = reach.stock(town, desk.norms, judged.facility.kind).frame
    there = there[there["standard"].astype(bool) & np.isfinite(there["x"])]
    middle = town.layers[judged.layer].geometry[place].centroid
    x, y = from_wgs84(middle.x, middle.y, town.settings.crs)
    away_m = np.hypot(there["x"] - x, there["y"] - y)
    return (str(away_m.idxmin()),) if len(away_m) else ()


def _no_gap(told: Told, judged: Gaps) -> Told:
    return replace(told, sentence=f"各处的{judged.facility.name}都在标准的步行距离以内。")


def _of_gap(told: Told, judged: Gaps, place: str) -> Told:
    """What is to be said of one place."""
    row = judged.frame.loc[place]
    metres, verdict = row["nearest_m"], gaps.VERDICTS[row["verdict"]]
    far = "—" if pd.isna(metres) else f"{metres:,.0f}"
    concerned, unit = f"{judged.concerned[place]:,.0f}", UNITS[judged.unit]
    if judged.unit == "side_m":
        numbers: tuple[Figure, ...] = (Figure("间距超标", concerned, unit, "路侧", "bad"),)
    else:
        numbers = (
            Figure("涉及", concerned, unit, "步行不到达标设施", "bad"),
            Figure(f"最近的达标{judged.facility.name}", far, "米", "步行"),
        )
    title = f"{judged.facility.name}{verdict}：{row['name']}"
    return replace(told, title=title, sentence=str(row["reason"]), figures=numbers)


def _ranking(desk: Desk, question: Filter, step: Step) -> Told:
    week = assessment.week(desk.town, desk.scoring, desk.inspected)
    title = f"周评比红黑榜（{week.period.first:%m-%d} 至 {week.period.last:%m-%d}）"
    scored = week.ranking["score"]
    look = {"view": "week", "on": str(desk.inspected)}
    if scored.empty:
        return Told(title, "这一周没有检查记录。", (), "assessment", question, look)
    red = week.red.sort_values("score", ascending=False, kind="stable")
    black = week.black.sort_values("score", kind="stable")
    rows = [(f"红 {n}", f"{s:.1f} 分", "good") for n, s in _named(red)]
    rows += [(f"黑 {n}", f"{s:.1f} 分", "bad") for n, s in _named(black)]
    sentence = (
        f"检查 {len(scored):,} 个单元，红榜 {len(red)} 个、黑榜 {len(black)} 个；"
        f"另有 {len(week.unvisited):,} 个没有检查，不评分。"
    )
    return Told(
        title, sentence,
        _scores(desk, scored),
        "assessment", question, look, rows=tuple(rows),
        caption=f"{week.period.label} · 检查得分，满分 100",
    )  # fmt: skip


def _named(part: pd.DataFrame) -> list[tuple[str, float]]:
    """Names and scores of the first few."""
    few = part.head(MOST_ROWS // 2)
    return [
        (str(name), float(score)) for name, score in zip(few["name"], few["score"], strict=True)
    ]


def _counts(desk: Desk, question: Filter) -> tuple[Filter, tasks.Counts]:
    """All tasks of the filter's places and kinds, whenever they were reported."""
    whole = replace(question, start=None, end=None)
    return whole, tasks.counts(desk.town, whole, desk.routing)


def _overdue(desk: Desk, question: Filter, _step: Step) -> Told:
    whole, counted = _counts(desk, question)
    red, running = counted.lights["红"], int(counted.owners["running"].sum())
    late = counted.owners[counted.owners["red"] > 0]
    rows = tuple((str(r.owner), f"{r.red:,} 件", "bad") for r in late.head(MOST_ROWS).itertuples())
    sentence = "没有超期任务。"
    if red:
        first = late.iloc[0]
        sentence = (
            f"在办 {running:,} 件中 {red:,} 件已超期，占 {red / running:.0%}；"
            f"{first['owner']}最多，{first['red']:,} 件；涉及 {len(late)} 个单位。"
        )
    return Told(
        f"超期任务 {red:,} 件", sentence,
        _lights(counted),
        "tasks", whole, rows=rows, caption="全部在办任务",
    )  # fmt: skip


def _before_after(desk: Desk, question: Filter, _step: Step) -> Told:
    town, title = desk.town, "整改前后"
    if not desk.repaired:
        return Told(title, "还没有同时有整改前、整改后照片的任务。", (), "tasks", question)
    one = desk.repaired[0]
    lane = one["lane_id"] if isinstance(one["lane_id"], str) else ""
    where = figures.place_name(town, "lanes", lane) if lane else "未定位"
    name = town.categories.name(one["category"])
    hours = (pd.Timestamp(one["at"]) - pd.Timestamp(one["reported_at"])).total_seconds() / 3600
    span = (f"{hours / 24:.1f}", "天") if hours >= 24 else (f"{hours:.1f}", "小时")
    return Told(
        f"{title}：{where}",
        "。".join(t for t in (f"{name}，任务 {one['task_id']}", one["note"], "") if t is not None),
        (
            Figure("从上报到处置完成", *span),
            Figure("照片齐全的任务", f"{len(desk.repaired):,}", "件"),
        ),
        "map", question, {"surface": "none"}, ("lanes", (lane,)) if lane else ("", ()),
        pictures=((one["before"], "整改前"), (one["after"], "整改后")),
        caption="",
    )  # fmt: skip


def _asked(desk: Desk, question: Filter, _step: Step) -> Told:
    whole, counted = _counts(desk, question)
    owners = counted.owners[(counted.owners["red"] > 0) | (counted.owners["yellow"] > 0)]
    checking = counted.states["checking"]
    rows = [
        (str(r.owner), f"办结 {r.red + r.yellow:,} 件", "")
        for r in owners.head(MOST_ROWS - (checking > 0)).itertuples()
    ]
    if checking:
        rows.append(("创卫办", f"核查 {checking:,} 件", ""))
    due = int((owners["red"] + owners["yellow"]).sum())
    sentence = "红灯件先办，黄灯件在期限内办结；办不了的写明原因退回，由创卫办重新派遣。"
    return Told(
        "请谁做什么", sentence if due else "没有红灯、黄灯任务。",
        (
            Figure("要办结（红灯和黄灯）", f"{due:,}", "件", f"{len(owners)} 个单位"),
            Figure("待创卫办核查", f"{checking:,}", "件"),
        ),
        "tasks", whole, rows=tuple(rows), caption="全部在办任务",
    )  # fmt: skip


_TELLERS: dict[str, Callable[[Desk, Filter, Step], Told]] = {
    "overview": _overview, "spot-1": partial(_spot, 1), "spot-2": partial(_spot, 2),
    "spot-3": partial(_spot, 3), "gap": gap, "ranking": _ranking, "overdue": _overdue,
    "photos": _before_after, "asked": _asked, "view": _view,
}  # fmt: skip


def _figure(town: Town, question: Filter, name: str) -> Figure:
    """One of `agenda.FIGURES` of a filter."""
    s, label = figures.summary(town, question), agenda.FIGURES[name]
    if name in ("reports", "change"):
        tone: Tone = "" if not s.change else "bad" if s.change > 0 else "good"
        if name == "change":
            return Figure(label, "—" if s.change is None else f"{s.change:+.0%}", tone=tone)
        note = "" if s.change is None else f"较上期 {s.change:+.0%}（{s.before:,} 件）"
        return Figure(label, f"{s.reports:,}", "件", note, tone if note else "")
    if name == "in_time":
        share = "—" if s.in_time_share is None else f"{s.in_time_share:.0%}"
        return Figure(label, share, "", f"{s.in_time:,} / {s.judged:,} 件" if s.judged else "")
    return Figure(
        label, f"{getattr(s, name):,}", "件", tone="bad" if name == "overdue" and s.overdue else ""
    )


def _span(town: Town, question: Filter) -> str:
    """A period in words."""
    start, end = question.start or town.first_day, question.end or town.as_of
    if end == town.as_of:
        return f"近 {(end - start).days + 1} 天"
    return f"{start} 至 {end}"
