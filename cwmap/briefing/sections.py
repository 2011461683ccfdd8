"""The sections of a brief: one small function a question, each of its basis alone.

A further section is a function of `Basis` that returns a `Section` (None: nothing to be said), and
its place in `SECTIONS`. Every number comes from the module that the page asks, too.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from cwmap import figures, units
from cwmap.assessment import assessment
from cwmap.briefing.basis import Basis
from cwmap.briefing.parts import Column, Figure, Section, Table, day_words
from cwmap.briefing.photos import pairs
from cwmap.drawing import themes
from cwmap.gaps import gaps
from cwmap.tables import ROLE
from cwmap.tasks import indicators, tasks
from cwmap.tasks.tasks import RED
from cwmap.town import Town
from cwmap.trends.spots import Spot

WORST_SPOTS, WORST_LANES, LISTED, ASKED = 3, 10, 5, 8
GAP_KINDS = ("market", "toilet", "sorting_station")


def overview(basis: Basis) -> Section:
    """总体情况: how many, more or fewer, how many are open and late."""
    found = figures.summary(basis.town, basis.question)
    kinds = figures.by_category(basis.town, basis.question).head(3)
    change, share = found.change, found.in_time_share
    if change is None:
        trend = note = "没有可比的上期"
    else:
        word = f"增 {change:.0%}" if change > 0 else f"降 {-change:.0%}" if change < 0 else "持平"
        trend, note = (
            f"比上期{word}（上期 {found.before:,} 件）",
            f"上期 {found.before:,} 件，{word}",
        )
    cards = (
        Figure("上报问题", f"{found.reports:,}", "件", note),
        Figure("未办结", f"{found.open:,}", "件", f"已办结 {found.closed:,} 件"),
        Figure("超期未办结", f"{found.overdue:,}", "件", "已过整改期限", "bad" if found.overdue else ""),
        Figure("本期按期率", "—" if share is None else f"{share:.1%}", "",
               f"{found.in_time:,} / {found.judged:,} 件" if found.judged else "没有到期的问题"),
    )  # fmt: skip
    main = "、".join(f"{row.name} {row.reports:,} 件" for row in kinds.itertuples(index=False))
    sentence = (
        f"本期上报问题 {found.reports:,} 件，{trend}；未办结 {found.open:,} 件，其中超期 {found.overdue:,} 件。"
        if found.reports
        else "本期没有上报问题。"
    )
    points = (f"主要是{main}。",) if main else ()
    sheet = themes.heat_map(basis.town, basis.question, basis.drawn) if found.reports else None
    return Section("overview", "总体情况", sentence, cards, points, map=sheet)


def where(basis: Basis) -> Section:
    """问题集中在哪里: the worst hot spots, in words and on the map."""
    found = basis.spots
    worst = found.items[:WORST_SPOTS]
    points = tuple(_spot_words(spot) for spot in worst)
    sheet = themes.spot_map(basis.town, found, basis.drawn, WORST_SPOTS) if worst else None
    return Section("where", "问题集中在哪里", found.summary, points=points, map=sheet)


def _spot_words(spot: Spot) -> str:
    """A hot spot in one line that can be read out."""
    kinds = "、".join(f"{name} {number:,} 件" for name, number in spot.categories[:3])
    first = [person for person in spot.people if person[0] == spot.people[0][0]][:2]
    who = f"；{first[0][0]}：{'、'.join(name for _, name in first)}" if first else ""
    return (
        f"{spot.rank}. {spot.name}：{spot.reports:,} 件，是全镇平均的 {spot.ratio:.1f} 倍；主要是{kinds}；"
        f"{spot.since_words}{who}。"
    )


def lanes(basis: Basis) -> Section:
    """问题最多的十条巷道, by the rate that does not let a short lane win by chance."""
    town = basis.town
    worst = figures.worst_lanes(town, basis.question, WORST_LANES)
    columns = (
        Column("名次", True, 0.6), Column("巷道", weight=2.2), Column("社区", weight=1.8),
        Column("问题（件）", True), Column("件/百米", True), Column("未办结", True, 0.8),
        Column("超期", True, 0.7),
    )  # fmt: skip
    rows = tuple(
        (str(row.rank), figures.place_name(town, "lanes", str(row.Index)), _community(town, row.community_id),
         f"{row.reports:,}", f"{row.rate_per_100m:.1f}", f"{row.open:,}", f"{row.overdue:,}")
        for row in worst.itertuples()
    )  # fmt: skip
    if not rows:
        return Section("lanes", "问题最多的巷道", "本期没有落在巷道里的问题。")
    reports, whole = int(worst["reports"].sum()), figures.summary(town, basis.question).reports
    cards = (
        Figure(f"这 {len(rows)} 条巷道", f"{reports:,}", "件", f"占上报 {reports / whole:.1%}"),
        Figure("未办结", f"{worst['open'].sum():,}", "件"),
        Figure("超期未办结", f"{worst['overdue'].sum():,}", "件", "",
               "bad" if worst["overdue"].any() else ""),
        Figure("首位巷道", rows[0][4], "件/百米", rows[0][1]),
    )  # fmt: skip
    sentence = (
        f"每百米问题最多的 {len(rows)} 条巷道共 {reports:,} 件、超期 {worst['overdue'].sum():,} 件，"
        f"首位是{rows[0][1]}（{rows[0][2]}，{rows[0][3]} 件）。"
    )
    sheet = themes.lane_map(town, basis.question, basis.drawn, list(worst.index))
    return Section(
        "lanes", "问题最多的巷道", sentence, cards, table=Table(columns, rows), map=sheet
    )


def missing(basis: Basis) -> Section | None:
    """缺什么设施: the most urgent gap of each kind of facility, as the page 缺口 judges it."""
    if basis.town.layers["facilities"].empty or basis.town.layers["lanes"].empty:
        return None
    judged = [gaps.gaps(basis.town, basis.norms, kind, basis.question) for kind in GAP_KINDS]
    found = [(one, one.urgent.iloc[0]) for one in judged if len(one.urgent)]
    if not found:
        return Section(
            "missing", "缺什么设施", "各片区的市场、公厕和分类收集点都在标准的步行距离以内。"
        )
    columns = (
        Column("设施", weight=1.2), Column("片区", weight=1.4), Column("结论", weight=1.2),
        Column("最近达标（米）", True), Column("达标服务", True, 0.8),
    )  # fmt: skip
    rows = tuple(
        (one.facility.name, str(first["name"]), gaps.VERDICTS[first["verdict"]], _whole(first["nearest_m"]),
         "—" if pd.isna(first["served_share"]) else f"{first['served_share']:.0%}")
        for one, first in found
    )  # fmt: skip
    points = tuple(str(first["reason"]) for _, first in found)
    sentence = f"最要紧的缺口：{points[0]}"
    return Section("missing", "缺什么设施", sentence, points=points[1:], table=Table(columns, rows))


def _whole(value: float) -> str:
    return "—" if pd.isna(value) else f"{value:,.0f}"


def ranking(basis: Basis) -> Section:
    """周评比红黑榜 of the week in which the period ends."""
    found = basis.week
    label = f"{day_words(found.period.first)}至{day_words(found.period.last)}"
    if found.ranking.empty:
        return Section("ranking", "周评比红黑榜", f"{label}没有检查记录，未作评比。")
    columns = (
        Column("榜单", weight=0.7), Column("单元", weight=2.2), Column("同类", weight=2), Column("得分", True, 0.8),
        Column("名次", True, 0.7), Column("检查（次）", True, 0.9), Column("发现（处）", True, 0.9),
    )  # fmt: skip
    rows = tuple(
        (mark, str(row.name), str(row.group), f"{row.score:.1f}", str(row.rank), str(row.visits),
         f"{row.findings:,}")
        for mark, listed in (("红榜", found.red), ("黑榜", found.black))
        for row in listed.itertuples(index=False)
    )  # fmt: skip
    score = assessment.town_score(basis.rules, found.ranking)
    cards = (
        Figure("全镇得分", "—" if pd.isna(score) else f"{score:.1f}", "分", label),
        Figure("红榜", str(len(found.red)), "个", "", "good"),
        Figure("黑榜", str(len(found.black)), "个", "", "bad" if len(found.black) else ""),
        Figure("未检查", f"{len(found.unvisited):,}", "个", f"已检查 {len(found.ranking):,} 个"),
    )
    sentence = (
        f"{label}检查 {len(found.ranking):,} 个单元，红榜 {len(found.red)} 个，黑榜 {len(found.black)} 个，"
        f"另有 {len(found.unvisited):,} 个单元没有检查到。"
    )
    sheet = themes.score_map(basis.town, found.ranking, found.period.label, basis.drawn)
    table = Table(columns, rows) if rows else None
    return Section("ranking", "周评比红黑榜", sentence, cards, table=table, map=sheet)


def overdue(basis: Basis) -> Section:
    """任务办理情况 by unit, with the indicators of the period."""
    counted, rates = basis.counted, basis.rates
    lights, whole = counted.lights, rates.overall["handled_in_time"]
    share = "—" if whole.share is None else f"{whole.share:.1%}"
    cards = (
        Figure("红灯", f"{lights['红']:,}", "件", "已超期", "bad" if lights["红"] else ""),
        Figure("黄灯", f"{lights['黄']:,}", "件", "快到期", "fair" if lights["黄"] else ""),
        Figure("绿灯", f"{lights['绿']:,}", "件", "在期限内", "good"),
        Figure("按期处置率", share, "", f"{whole.numerator:,} / {whole.denominator:,} 件"),
    )
    columns = (
        Column("责任单位", weight=2), Column("在办", True), Column("超期", True), Column("快到期", True),
        Column("待核查", True), Column("应处置", True), Column("处置率", True), Column("按期处置率", True, 1.2),
    )  # fmt: skip
    shown = counted.owners[(counted.owners["running"] > 0) | (counted.owners["checking"] > 0)]
    rows = tuple(
        (str(row.owner), f"{row.running:,}", f"{row.red:,}", f"{row.yellow:,}", f"{row.checking:,}",
         *_shares(rates.units.get(str(row.owner))))
        for row in shown.itertuples(index=False)
    )  # fmt: skip
    late = [f"{row[0]} {row[2]} 件" for row in rows if row[2] != "0"]
    sentence = (
        f"在办任务 {sum(lights.values()):,} 件，其中超期 {lights['红']:,} 件"
        + (f"，{late[0]}最多。" if late else "。")
        if sum(lights.values())
        else "没有在办的任务。"
    )
    table = Table(columns, rows[:WORST_LANES], max(0, len(rows) - WORST_LANES)) if rows else None
    sheet = themes.task_map(basis.town, basis.question, basis.routing, basis.drawn)
    return Section(
        "tasks", "任务办理情况", sentence, cards, table=table, map=sheet if rows else None
    )


def responsibility(basis: Basis) -> Section:
    """责任落实情况: posts that nobody holds, and what else is wrong with the register."""
    heading = "责任落实情况"
    if basis.town.registers["duties"].empty:
        return Section("duties", heading, "还没有责任台账，无法核对责任落实情况。")
    found = basis.coverage
    share = found.filled_share
    if share is None:
        return Section("duties", heading, "还没有巷道，无法核对责任台账。")
    missing = found.missing["role"].value_counts()
    cards = (
        Figure("到岗率", f"{share:.1%}", "", f"应有 {found.expected:,} 岗"),
        Figure("缺岗", f"{len(found.missing):,}", "个", f"涉及 {found.missing['unit'].nunique():,} 条巷道",
               "bad" if len(found.missing) else "good"),
        Figure("责任交叉", f"{len(found.contradictions):,}", "处", "一岗两人",
               "fair" if len(found.contradictions) else ""),
        Figure("时段空缺", f"{found.uncovered['unit'].nunique():,}", "条", "白天有时无人在岗"),
    )  # fmt: skip
    named = "、".join(f"{ROLE.shown(str(role))} {number}" for role, number in missing.items())
    sentence = f"四类责任人应有 {found.expected:,} 岗，到岗率 {share:.1%}；" + (
        f"缺 {len(found.missing):,} 岗：{named}。" if len(missing) else "没有缺岗。"
    )
    lacking = found.missing.groupby(["unit", "name"], sort=False, dropna=False)["role"].agg(
        lambda roles: "、".join(ROLE.shown(str(role)) for role in roles)
    )
    home = units.units(basis.town)["community_id"]
    rows = tuple(
        (str(name), _community(basis.town, home.get(unit)), roles)
        for (unit, name), roles in list(lacking.items())[:WORST_LANES]
    )
    columns = (Column("巷道", weight=2), Column("社区", weight=2), Column("缺的岗位", weight=4))
    table = Table(columns, rows, max(0, len(lacking) - len(rows))) if rows else None
    sheet = themes.duty_map(basis.town, found, basis.drawn)
    return Section("duties", heading, sentence, cards, table=table, map=sheet)


def asks(basis: Basis) -> Section:
    """请各单位办理: from each unit's overdue tasks of the filter."""
    town = basis.town
    total, rows = tasks.listed(town, basis.question, light=RED, number=None, rules=basis.routing)
    if not total:
        return Section("asks", "请各单位办理", "没有超期任务，各单位按期限办理在办任务即可。")
    lines = []
    for owner, mine in rows.groupby("owner", sort=False):
        kinds = mine["category"].map(town.categories.name).value_counts().head(2)
        named = [figures.place_name(town, "lanes", str(i)) for i in mine["lane_id"].dropna()]
        places = pd.Series(named, dtype="str").value_counts().head(2)
        lines.append(
            (str(owner), f"{len(mine):,}", f"{mine['overdue_h'].max():.0f}", "、".join(map(str, kinds.index)),
             "、".join(map(str, places.index)) or "—")
        )  # fmt: skip
    lines.sort(key=lambda line: -int(line[1].replace(",", "")))
    columns = (
        Column("责任单位", weight=1.7), Column("超期（件）", True, 1.1), Column("最久超期（工时）", True, 1.5),
        Column("主要问题", weight=2.6), Column("主要巷道", weight=2.6),
    )  # fmt: skip
    shown = "，".join(f"{line[0]} {line[1]} 件" for line in lines[:3])
    sentence = f"请各单位先办结超期任务共 {total:,} 件：{shown}{'等' if len(lines) > 3 else ''}。"
    table = Table(columns, tuple(lines[:ASKED]), max(0, len(lines) - ASKED))
    return Section("asks", "请各单位办理", sentence, table=table)


def before_after(basis: Basis) -> Section | None:
    """整治前后: photos of tasks of the filter that were dealt with; None without any."""
    found = pairs(basis.town, basis.workspace, basis.question)
    if not found:
        return None
    sentence = f"本期办结的任务中，选取 {len(found)} 处整治前后的照片。"
    return Section("photos", "整治前后", sentence, photos=found)


SECTIONS: tuple[Callable[[Basis], Section | None], ...] = (
    overview, where, lanes, ranking, overdue, responsibility, missing, asks, before_after,
)  # fmt: skip
"""In the order in which they are told; those without a map come together, to share a page."""


def notes(basis: Basis, usual: bool) -> tuple[str, ...]:
    """口径说明: every choice that was made for the reader. usual: the period was not asked for."""
    town, found = basis.town, basis.spots.found
    unplaced = figures.unplaced(town, basis.question)
    days = (basis.end - basis.start).days + 1
    narrowed = [w for w in ("area", "community", "cell", "lane") if getattr(basis.question, w)]
    whole = "评比、责任落实、缺口和处置率总是全镇的，不随地点筛选"
    chosen = f"没有指定起始日期，取到 {basis.end} 为止的 {days} 天" if usual else "时段按筛选条件"
    return tuple(
        f"{line}。"
        for line in (
            f"{chosen}；上期指其前面同样长的一段",
            *([whole] if narrowed else ()),
            f"密度图：四次核，带宽 {figures.bandwidths_m(town)[2]} 米（全镇对角线的九十分之一）",
            f"热点：{found.caption}",
            *found.notes,
            "巷道名次按经验贝叶斯收缩后的每百米问题数排，避免短巷因一两件问题排在前面；表中为未收缩的件/百米",
            f"没有归到巷道的问题 {unplaced:,} 件，计入总数，不计入巷道",
            "“本期按期率”只看本期上报的问题，“按期处置率”看本期到期或办结的全部任务（含以前上报的），两者分母不同",
            f"评比规则“{basis.rules.name}”，得分为各次检查的加权平均；没有检查到的单元没有得分",
            "最久超期按工作时间（小时）计",
        )
    )


def _community(town: Town, community_id: object) -> str:
    if not isinstance(community_id, str):
        return "—"
    return figures.place_name(town, "communities", community_id)


def _shares(rates: dict[str, indicators.Rate] | None) -> tuple[str, str, str]:
    """应处置, 处置率, 按期处置率 of a unit."""
    if not rates or not rates["handled"].denominator:
        return "0", "—", "—"
    whole, in_time = rates["handled"], rates["handled_in_time"]
    return f"{whole.denominator:,}", f"{whole.share:.1%}", f"{in_time.share:.1%}"
