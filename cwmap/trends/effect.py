"""Whether something changed after a clean-up (整治前后): counts beside comparable ones, with an interval.

Nothing here proves a cause: what is said is how reports changed beside those of other days or other
lanes, and how much of that chance alone would bring about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt
import scipy.stats

from cwmap import figures
from cwmap.errors import CwmapError, UnknownName
from cwmap.filters import Filter
from cwmap.town import Town
from cwmap.trends.hotspots import Method, everywhere, neighbours
from cwmap.trends.rhythm import WEEKDAYS, weekday_matrix

DRAWS, SEED = 9_999, 0
MIN_WEEKS, WEEKS, PRIOR_WEEKS = 2, 4, 12
"""Whole weeks needed after a rectification, looked at before and after, and that lanes are matched by."""
MIN_PAIRS = 8
"""Weeks that the comparison of weekdays needs."""
CONTROLS, FEWEST = 2, 6
"""Comparable lanes for each lane, and altogether, as far as there are some."""
MIN_CONTROLS, MIN_REPORTS, MIN_PAIRED = 3, 10, 30

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Effect:
    """A change beside what was to be expected, and its 95 % interval; negative: fewer reports.

    net, low, high: reports a week (rectification) or a day (weekly); NaN where refused. before,
    after: of the lanes in question, a week, or on other days and on days after, a day; controls: the
    same of the lanes to compare with. told: the interval leaves out 0. lane_ids, control_ids.
    """

    net: float
    low: float
    high: float
    before: float
    after: float
    controls: tuple[float, float] | None
    lane_ids: tuple[str, ...]
    control_ids: tuple[str, ...]
    sentence: str
    notes: tuple[str, ...] = ()

    @property
    def told(self) -> bool:
        """Whether there is a difference that chance alone would seldom make."""
        return self.low > 0 or self.high < 0


def weekly(
    town: Town, question: Filter, weekdays: Sequence[int] = (1, 4), lanes: Sequence[str] = ()
) -> Effect:
    """Reports on the days after a weekly clean-up beside those on the other days.

    weekdays: of the clean-up, Monday is 0; lanes: ids, all if none. For each whole week of the
    period: mean of the days after − mean of the other days, over all lanes together. Interval:
    bootstrap of the weeks (95 %, percentiles). `UnknownName` for a lane that does not exist.
    """
    if not weekdays or not set(weekdays) <= set(range(7)) or len(set(weekdays)) > 3:
        raise CwmapError("每周清理的日子请选一至三天。")
    question = everywhere(question)
    chosen = _positions(town, lanes) if lanes else np.arange(len(town.layers["lanes"]))
    ids = tuple(town.layers["lanes"].index[chosen])
    counts = weekday_matrix(town, question, chosen)
    weeks = counts.shape[1]
    if weeks < MIN_PAIRS:
        return _refused(
            f"时段只有 {weeks} 个整周，不足 {MIN_PAIRS} 周，看不出每周清理前后的差别", ids
        )
    after = np.zeros(7, bool)
    after[[(d + 1) % 7 for d in weekdays]] = True
    total = counts.sum(axis=0)
    if total.sum() < MIN_PAIRED:
        return _refused(f"{weeks} 周里只有 {total.sum():,} 件，太少，看不出每周清理前后的差别", ids)
    pairs = total[:, after].mean(axis=1) - total[:, ~after].mean(axis=1)
    random = np.random.default_rng(SEED)
    draws = pairs[random.integers(weeks, size=(DRAWS, weeks))].mean(axis=1)
    net, (low, high) = float(pairs.mean()), np.quantile(draws, [0.025, 0.975])
    on, off = float(total[:, after].mean()), float(total[:, ~after].mean())
    fewer = counts[:, :, after].mean(axis=(1, 2)) < counts[:, :, ~after].mean(axis=(1, 2))
    days = "、".join(WEEKDAYS[d] for d in sorted(weekdays))
    next_days = "、".join(WEEKDAYS[d] for d in np.flatnonzero(after))
    facts = (
        f"{days}清理的次日（{next_days}）平均每天 {on:.1f} 件，其余日子 {off:.1f} 件（{weeks} 周，"
        f"{int(total.sum()):,} 件）"
    )
    sentence = (
        f"{facts}，每天{_interval(net, float(low), float(high), 1)}；"
        f"{int(fewer.sum())} 条巷道次日较少，共 {len(ids)} 条"
        if low > 0 or high < 0
        else f"{facts}，看不出差别（{_range(float(low), float(high), 1)}，含 0）"
    )
    notes = (
        "周末少报、巡查排班也会使某几天少，不能都算作清理的作用；可只看巡查发现或只看群众来源，再比一次",
        f"区间：按周配对，自助法 {DRAWS:,} 次（种子 {SEED}）",
    )
    return Effect(net, float(low), float(high), off, on, None, ids, (), sentence + "。", notes)


def rectification(
    town: Town, question: Filter, lanes: Sequence[str], start: date, end: date | None = None, weeks: int = WEEKS
) -> Effect:  # fmt: skip
    """Reports of lanes before and after a dated rectification, beside comparable lanes without it.

    lanes: ids; start, end: its first and last day, which count for neither side. weeks: looked at
    before and after, fewer where the records end. Of the filter the period and places are not looked at.

    Comparable: of the same kind, not touching one of the lanes (problems may move next door), nearest
    in reports per 100 m over the `PRIOR_WEEKS` before; `CONTROLS` for each lane, `FEWEST` at least. Net change: after −
    before × (controls after ÷ controls before). Interval: the four counts redrawn from gamma–Poisson
    with their own means and the dispersion that the weekly counts of both groups show beside each
    other beforehand (Pearson's chi-squared ÷ degrees of freedom, at least 1); 95 %, percentiles.
    """
    end = end or start
    if not lanes:
        raise CwmapError("请先选整治的巷道。")
    if end < start:
        raise CwmapError(f"整治的起始日期 {start} 晚于结束日期 {end}；请交换两个日期。")
    treated = _positions(town, lanes)
    ids = tuple(town.layers["lanes"].index[treated])
    began, ended = (start - town.first_day).days, (end - town.first_day).days
    wanted, weeks = weeks, min(weeks, ((town.as_of - town.first_day).days - ended) // 7, began // 7)
    if weeks < MIN_WEEKS:
        return _refused(
            f"整治（{start} 至 {end}）前后各要有 {MIN_WEEKS} 个整周的记录（现有 {town.first_day} 至 {town.as_of}），"
            "还看不出变化", ids,
        )  # fmt: skip
    question = replace(everywhere(question), start=None, end=None)
    before_weeks = min(PRIOR_WEEKS, began // 7)
    prior = _by_week(town, question, began - 7 * before_weeks, before_weeks)
    after = _by_week(town, question, ended + 1, weeks).sum(axis=1)
    before = prior[:, -weeks:].sum(axis=1)
    controls = _comparable(town, treated, prior.sum(axis=1))
    if len(controls) < MIN_CONTROLS:
        return _refused(
            f"同类而又不相邻的对照巷道只有 {len(controls)} 条，不足 {MIN_CONTROLS} 条，无法比较",
            ids,
        )
    counts = [float(x[group].sum()) for group in (treated, controls) for x in (before, after)]
    if counts[0] + counts[1] < MIN_REPORTS or counts[2] < MIN_REPORTS / 2:
        return _refused(
            f"整治前后各 {weeks} 周只有 {counts[0] + counts[1]:.0f} 件（对照 {counts[2] + counts[3]:.0f} 件），"
            "太少，看不出变化", ids,
        )  # fmt: skip
    dispersion, chance = _dispersion(prior[treated].sum(axis=0), prior[controls].sum(axis=0))
    net = counts[1] - counts[0] * counts[3] / counts[2]
    low, high = np.quantile(_redrawn(counts, dispersion), [0.025, 0.975])
    notes = [
        f"对照：同一道路类型、不与整治巷道相接、整治前 {before_weeks} 周每百米件数最接近的 {len(controls)} 条",
        f"区间：伽马–泊松重抽 {DRAWS:,} 次（种子 {SEED}），离散系数 {dispersion:.2f}",
        "整治后上报的人多了或少了，也会改变件数；整治对象往往选在最差的时候，自然回落也会像有效果",
    ]
    if weeks < wanted:
        notes.append(f"记录只够前后各 {weeks} 周，没有按 {wanted} 周比较")
    if chance < 0.05:
        notes.append("整治前两组巷道的每周走势就不一致，比较要谨慎")
    return Effect(
        net / weeks, float(low) / weeks, float(high) / weeks, counts[0] / weeks, counts[1] / weeks,
        (counts[2] / weeks, counts[3] / weeks), ids, tuple(town.layers["lanes"].index[controls]),
        _sentence(town, ids, len(controls), [c / weeks for c in counts], (net / weeks, float(low) / weeks,
        float(high) / weeks), weeks), tuple(notes),
    )  # fmt: skip


def _positions(town: Town, lanes: Sequence[str]) -> Positions:
    found = town.layers["lanes"].index.get_indexer(list(dict.fromkeys(lanes)))
    if (found < 0).any():
        raise UnknownName(
            f"巷道里没有“{list(dict.fromkeys(lanes))[int(found.argmin())]}”；请用巷道编号。"
        )
    return np.asarray(found, np.intp)


def _by_week(town: Town, question: Filter, first: int, weeks: int) -> npt.NDArray[np.int64]:
    """Reports of each lane in weeks that begin with day `first`: (lanes, weeks)."""
    chosen = town.selected(town.view(question))
    lane = town.reports.place["lanes"][chosen].astype(np.int64)
    week = (town.reports.day[chosen].astype(np.int64) - first) // 7
    inside = (lane >= 0) & (week >= 0) & (week < weeks)
    size = len(town.layers["lanes"])
    flat = np.bincount(lane[inside] * weeks + week[inside], minlength=size * weeks)
    return np.asarray(flat.reshape(size, weeks))


def _comparable(town: Town, treated: Positions, prior: npt.NDArray[np.int64]) -> Positions:
    layer = town.layers["lanes"]
    rate = prior / layer["length_m"].to_numpy(float)
    kind = layer["kind"].fillna("").to_numpy(object)
    touching = neighbours(town, Method(units="lanes"))[treated].sum(axis=0) > 0
    free = ~np.asarray(touching, bool)
    free[treated] = False
    each = max(CONTROLS, -(-FEWEST // len(treated)))
    found: list[int] = []
    for lane in treated[np.argsort(-rate[treated], kind="stable")]:
        others = np.flatnonzero(free & (kind == kind[lane]))
        nearest = others[np.argsort(np.abs(rate[others] - rate[lane]), kind="stable")][:each]
        free[nearest] = False
        found.extend(int(i) for i in nearest)
    return np.asarray(sorted(found), np.intp)


def _dispersion(
    treated: npt.NDArray[np.int64], controls: npt.NDArray[np.int64]
) -> tuple[float, float]:
    """How much more than Poisson two weekly series vary beside each other, and Pearson's p."""
    both = np.stack([treated, controls])
    both = both[:, both.sum(axis=0) > 0]
    if both.shape[1] < 3 or not both.sum(axis=1).all():
        return 1.0, 1.0
    test = scipy.stats.chi2_contingency(both, correction=False)
    return max(1.0, float(test.statistic / test.dof)), float(test.pvalue)


def _redrawn(counts: Sequence[float], dispersion: float) -> Floats:
    """Net change over again, `DRAWS` times. Half a report keeps an empty side from being certain."""
    random = np.random.default_rng(SEED)
    means = np.maximum(np.array(counts), 0.5)[:, None]
    if dispersion > 1:
        means = random.gamma(means / (dispersion - 1), dispersion - 1, (4, DRAWS))
    before, after, control_before, control_after = random.poisson(means, (4, DRAWS))
    return np.asarray(after - before * (control_after + 0.5) / (control_before + 0.5))


def _sentence(
    town: Town, ids: tuple[str, ...], controls: int, weekly: list[float],
    net: tuple[float, float, float], weeks: int,
) -> str:  # fmt: skip
    name = figures.place_name(town, "lanes", ids[0])
    who = f"{name}等 {len(ids)} 条巷道" if len(ids) > 1 else name
    small = max(weekly) < 10
    a, b, c, d = (f"{x:.1f}" if small else f"{x:.0f}" for x in weekly)
    facts = (
        f"整治后 {weeks} 周，{who}每周 {a} → {b} 件，同类 {controls} 条对照巷道每周 {c} → {d} 件；"
    )
    value, low, high = net
    if low <= 0 <= high:
        return f"{facts}与对照的走势相比看不出变化（{_range(low, high, int(small))}/周，含 0）。"
    return (
        f"{facts}与对照的走势相比，净{_interval(value, low, high, int(small), '减少增加', '/周')}。"
    )


def _interval(
    net: float, low: float, high: float, digits: int, words: str = "少多", per: str = ""
) -> str:
    half = len(words) // 2
    word = words[:half] if net < 0 else words[half:]
    ends = sorted((abs(low), abs(high)))
    return f"{word} {abs(net):.{digits}f} 件{per}（95% 区间 {ends[0]:.{digits}f}–{ends[1]:.{digits}f} 件）"


def _range(low: float, high: float, digits: int) -> str:
    return f"95% 区间 {low:+.{digits}f} 至 {high:+.{digits}f} 件"


def _refused(reason: str, ids: tuple[str, ...]) -> Effect:
    nan = float("nan")
    return Effect(nan, nan, nan, nan, nan, None, ids, (), reason + "。")
