"""How hot spots change over time: a space–time cube and its eight classes (时空热点).

The rules are those of "emerging hot spot analysis" (docs/hotspots.md): Gi* of every unit in every
period, corrected within the period, Mann–Kendall on the unit's z scores, then the first rule that
holds. Unlike ArcGIS a period is judged by itself: its neighbourhood does not reach into the one
before, and its average is its own, so that busy months do not look hot all over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cwmap.captions import filter_caption
from cwmap.filters import Filter
from cwmap.town import Town
from cwmap.trends.hotspots import (
    MIN_REPORTS,
    UNIT_WORDS,
    USUAL,
    Method,
    asked,
    everywhere,
    neighbours,
)
from geo.hotspots import (
    MIN_UNITS,
    benjamini_hochberg,
    empirical_bayes_rate,
    getis_ord,
    mann_kendall,
    permutation_p,
)

Step = Literal["week", "month"]
STEP_DAYS: dict[Step, int] = {"week": 7, "month": 30}
STEP_WORDS: dict[Step, str] = {"week": "7 天", "month": "30 天"}
MIN_PERIODS, MAX_PERIODS = 8, 52
HOT_SHARE = 0.9
"""From this share of hot periods on, a unit counts as always hot."""
CHANCE = 0.05
"""Of the trends; a period's hot and cold units are those of 90 % and surer, as in ArcGIS."""
HOT_CHANCE = 0.1
TRENDS = (
    "new", "consecutive", "intensifying", "persistent", "diminishing", "sporadic", "oscillating",
    "historical", "none",
)  # fmt: skip
LABELS = {
    "new": "新增", "consecutive": "连续", "intensifying": "加剧", "persistent": "持续",
    "diminishing": "减弱", "sporadic": "零星", "oscillating": "震荡", "historical": "历史", "none": "无",
}  # fmt: skip
DIRECTIONS = {"increasing": "上升", "decreasing": "下降", "none": "无明显变化"}

_PERMUTATIONS = 49_999

Masks = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Cube:
    """Counts by unit and period, (units, periods), the last period at the end; first days of each."""

    counts: npt.NDArray[np.int64]
    starts: tuple[date, ...]
    days: int


@dataclass(frozen=True)
class Emerging:
    """The units, in the town's order, with their class.

    units: trend, one of TRENDS; hot_periods, cold_periods; first_hot, the first day of the first hot
    period; trend_z, trend_p, of Mann–Kendall on the z scores of Gi*; slope, Sen's, in reports a
    period; direction, of the reports themselves: one of DIRECTIONS, p ≤ 5 %. hot, cold: (units,
    periods). choices: what was chosen, label → words. Where nothing can be told, `refused` says
    why, and the columns are empty.
    """

    units: pd.DataFrame
    cube: Cube
    hot: Masks
    cold: Masks
    choices: dict[str, str]
    caption: str
    notes: tuple[str, ...]
    refused: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """Number of units of each class, in the order of TRENDS."""
        return {name: int((self.units["trend"] == name).sum()) for name in TRENDS}


def emerging(
    town: Town, question: Filter, method: Method = USUAL, step: Step | None = None
) -> Emerging:  # fmt: skip
    """How the hot spots of a filter change over its period, in steps that end with it.

    step: None takes 30 days if that gives `MIN_PERIODS`, else weeks. Hot and cold are decided by
    shuffling (see `cwmap.trends.hotspots`). Places in the filter are not looked at.
    """
    whole = everywhere(question)
    return town.kept(
        ("emerging", whole, method, step), lambda: _emerging(town, whole, method, step)
    )


def cube_of(town: Town, question: Filter, units: str, step: Step | None = None) -> Cube:
    """The whole periods up to the end of a filter, `MAX_PERIODS` at most."""
    view = town.view(question)
    first, last = max(view.first, 0), min(view.last, (town.as_of - town.first_day).days)
    length = max(last - first + 1, 0)
    if step is None:
        step = "month" if length // STEP_DAYS["month"] >= MIN_PERIODS else "week"
    days = STEP_DAYS[step]
    periods = min(length // days, MAX_PERIODS)
    chosen = town.selected(view)
    unit, ago = town.reports.place[units][chosen], (last - town.reports.day[chosen]) // days
    inside = (unit >= 0) & (ago >= 0) & (ago < periods)
    at = unit[inside].astype(np.int64) * periods + (periods - 1 - ago[inside])
    size = len(town.layers[units])
    counts = np.bincount(at, minlength=size * periods).reshape(size, periods)
    end = town.first_day + timedelta(days=last + 1)
    starts = tuple(end - timedelta(days=days * (periods - k)) for k in range(periods))
    return Cube(counts, starts, days)


def classify_trends(hot: Masks, cold: Masks, rising: Masks, falling: Masks) -> Words:
    """One of TRENDS for each unit, (n,): exactly one, the first rule that holds.

    hot, cold: (n, periods), never both; rising, falling: (n,), of the z scores, never both.
    """
    periods = hot.shape[1]
    times = hot.sum(axis=1)
    last = hot[:, -1]
    always = times >= HOT_SHARE * periods
    # The unbroken run of hot periods at the end.
    run = np.cumprod(hot[:, ::-1], axis=1).sum(axis=1)
    found: Words = np.select(
        [
            last & (times == 1),
            last & (times == run) & ~always,
            last & always & rising,
            last & always & falling,
            last & always,
            last & cold.any(axis=1),
            last,
            always,
        ],
        [
            "new", "consecutive", "intensifying", "diminishing", "persistent", "oscillating",
            "sporadic", "historical",
        ],
        "none",
    ).astype(object)  # fmt: skip
    return found


def _emerging(town: Town, question: Filter, method: Method, step: Step | None) -> Emerging:
    question = asked(town, question, method)
    cube = cube_of(town, question, method.units, step)
    size, periods = cube.counts.shape
    each, unit = UNIT_WORDS[method.units]
    index = town.layers[method.units].index
    empty = pd.DataFrame(
        {
            "trend": None, "hot_periods": np.nan, "cold_periods": np.nan, "first_hot": None,
            "trend_z": np.nan, "trend_p": np.nan, "slope": np.nan, "direction": None,
        },
        index=index,
    ).astype({"trend": object, "first_hot": object, "direction": object})  # fmt: skip
    nothing = np.zeros(cube.counts.shape, bool)
    word = f"每期 {STEP_WORDS['week' if cube.days == 7 else 'month']}"
    refused = ""
    if periods < MIN_PERIODS:
        refused = (
            f"时段只够 {periods} 期（{word}），不足 {MIN_PERIODS} 期，没有判断趋势；"
            "请放宽时段，如选“今年”或“全部”"
        )
    elif size < MIN_UNITS:
        refused = f"{unit}只有 {size} {each}，不足 {MIN_UNITS} {each}，没有判断趋势"
    elif cube.counts.sum() < MIN_REPORTS:
        refused = f"时段内落在{unit}里的问题不足 {MIN_REPORTS} 件，没有判断趋势"
    choices = _choices(town, question, method, cube, word)
    caption = _caption(choices, method)
    if refused:
        return Emerging(empty, cube, nothing, nothing, choices, caption, (refused,), refused)
    z, hot, cold, judged = _slices(town, question, method, cube)
    trend = mann_kendall(z)
    rising, falling = ((trend.p <= CHANCE) & (np.sign(trend.s) == way) for way in (1, -1))
    series = mann_kendall(cube.counts)
    way = np.where(series.p <= CHANCE, np.sign(series.s), 0)
    starts = np.array([*cube.starts, None], object)
    units = empty.assign(
        trend=classify_trends(hot, cold, rising, falling), hot_periods=hot.sum(axis=1),
        cold_periods=cold.sum(axis=1),
        first_hot=starts[np.where(hot.any(axis=1), hot.argmax(axis=1), periods)],
        trend_z=trend.z, trend_p=trend.p, slope=series.slope,
        direction=np.array(["decreasing", "none", "increasing"], object)[way + 1],
    )  # fmt: skip
    notes: tuple[str, ...] = ()
    if judged < periods:
        notes = (f"{periods - judged} 期的问题不足 {MIN_REPORTS} 件或各{unit}相同，按没有热点计",)
    return Emerging(units, cube, hot, cold, choices, caption, notes)


def _slices(
    town: Town, question: Filter, method: Method, cube: Cube
) -> tuple[Floats, Masks, Masks, int]:
    """Gi* of each period, what is hot and cold in it, and how many periods could be judged."""
    adjacency = neighbours(town, method)
    z = np.zeros(cube.counts.shape)
    hot, cold = np.zeros(z.shape, bool), np.zeros(z.shape, bool)
    hundreds = town.layers["lanes"]["length_m"].to_numpy(float) / 100
    judged = 0
    for k, counts in enumerate(cube.counts.T.astype(float)):
        values = counts
        if method.units == "lanes" and counts.any():
            values = empirical_bayes_rate(counts, hundreds).rate
        if counts.sum() < MIN_REPORTS or values.min() == values.max():
            continue
        judged += 1
        z[:, k] = getis_ord(values, adjacency)
        p = permutation_p(
            values, adjacency, _PERMUTATIONS, k, conditional=method.shuffle == "others"
        )
        sure = (benjamini_hochberg(p) if method.fdr else p) <= HOT_CHANCE
        hot[:, k], cold[:, k] = sure & (z[:, k] > 0), sure & (z[:, k] < 0)
    return z, hot, cold, judged


def _choices(town: Town, question: Filter, method: Method, cube: Cube, word: str) -> dict[str, str]:
    """Every choice in a few words each, by its label."""
    each, unit = UNIT_WORDS[method.units]
    reach = (
        "边或角相接" if method.neighbourhood == "touching" else f"边到边 {method.neighbourhood:g} 米以内"
    )  # fmt: skip
    patrol = "，只看巡查类来源" if method.patrol_only else ""
    return {
        "单元": f"{unit} {len(cube.counts):,} {each} × {len(cube.starts)} 期（{word}，自时段末日向前数）",
        "邻域": f"{reach}的{unit}及自身", "检验": f"置换检验 {_PERMUTATIONS:,} 次",
        "校正": "每期内按错误发现率（FDR）校正" if method.fdr else "未作多重检验校正",
        "件数": f"{int(cube.counts.sum()):,} 件{patrol}", "时段": filter_caption(town, question),
    }  # fmt: skip


def _caption(choices: dict[str, str], method: Method) -> str:
    """The same and what it means, in one line."""
    way = "（Benjamini–Hochberg）" if method.fdr else ""
    return "；".join([
        f"时空热点：{choices['单元']}",
        f"每期 Getis–Ord Gi*，邻域为{choices['邻域']}，{choices['检验']}，{choices['校正']}{way}，90% 以上置信",
        f"趋势为 z 值的 Mann–Kendall 检验（双侧 5%），“一直”指不少于 {HOT_SHARE:.0%} 的期数",
        choices["件数"], choices["时段"],
    ])  # fmt: skip
