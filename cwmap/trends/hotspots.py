"""Where reports crowd beyond chance: Getis–Ord Gi* of the town's cells or lanes (冷热点).

Every unit is judged twice: by the normal approximation (gi_p, gi_q, hotspot) and by shuffling the
values over the map (gi_q_permuted, confirmed). Counts of reports are skewed; then the normal
approximation finds hot spots where there are none, and no cold ones (docs/hotspots.md has the
measurement). So what is said in words rests on `confirmed`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse.csgraph

from cwmap import figures
from cwmap.captions import filter_caption
from cwmap.errors import CwmapError
from cwmap.filters import Filter
from cwmap.town import Town
from geo.coordinates import transform_geometries
from geo.hotspots import (
    MIN_UNITS,
    Adjacency,
    benjamini_hochberg,
    classify,
    getis_ord,
    neighbours_touching,
    neighbours_within,
    permutation_p,
    two_sided_p,
)

MIN_REPORTS = 30
"""Fewer reports than this say nothing about where they crowd."""
PERMUTATIONS = 99_999
"""So that a single unit among a thousand can still pass the correction: 2 ÷ 100,000 × 1,000 < 5 %."""
SEED = 0
PATROL_WORDS = ("巡查", "督查", "暗访", "检查")
"""A source with one of these words is the office's own people, who go everywhere by plan."""
LABELS = {
    "hot99": "热点（99%）", "hot95": "热点（95%）", "hot90": "热点（90%）", "none": "不显著",
    "cold90": "冷点（90%）", "cold95": "冷点（95%）", "cold99": "冷点（99%）",
}  # fmt: skip
UNIT_WORDS = {"cells": ("个", "网格"), "lanes": ("条", "巷道")}
"""How units are counted and called."""

_DRAWN = 8_000_000  # values in hand while shuffling


@dataclass(frozen=True)
class Method:
    """How hot spots are found.

    neighbourhood: units that touch, or whose edges are at most so many metres apart; the unit itself
    always belongs to it. permutations: None takes p from the normal approximation, a number takes it
    from so many shuffles. shuffle: all values, or those of the "others" while the unit keeps its own
    (conditional permutation). fdr: classes by q after Benjamini–Hochberg, else by p. patrol_only:
    reports of sources with one of PATROL_WORDS. units: cells are compared by their counts, lanes
    by their shrunk rate per 100 m (`cwmap.figures.lanes`), because lanes differ in length.
    """

    neighbourhood: Literal["touching"] | float = "touching"
    permutations: int | None = None
    fdr: bool = True
    patrol_only: bool = False
    units: Literal["cells", "lanes"] = "cells"
    shuffle: Literal["all", "others"] = "all"

    def __post_init__(self) -> None:
        if self.neighbourhood != "touching" and not 0 < self.neighbourhood <= 5_000:
            raise CwmapError("邻域距离应大于 0、不超过 5000 米；请改正，或选“相接”。")
        if self.permutations is not None and not 99 <= self.permutations <= 999_999:
            raise CwmapError("置换次数应在 99 到 999999 之间；请改正。")


USUAL = Method()


@dataclass(frozen=True)
class Hotspots:
    """The units of the town, in its order and under its ids, and what must be said of them.

    units: reports; expected, what the unit would have at the town's average (of a cell: the mean of
    all cells; of a lane: the town's reports per metre × its length); nearby, nearby_expected: the
    same summed over the neighbourhood, the unit included; gi_z, gi_p, gi_q; hotspot: one of
    `geo.hotspots.CLASSES`; gi_p_permuted, gi_q_permuted, confirmed: p, q and class by shuffling. NaN
    and None where nothing can be told: `refused` then says why. choices: what was chosen for the
    viewer and by them, label → words; caption: the same and all the rest in one line.
    """

    question: Filter
    method: Method
    units: pd.DataFrame
    choices: dict[str, str]
    caption: str
    notes: tuple[str, ...]
    refused: str = ""


def hotspots(town: Town, question: Filter, method: Method = USUAL) -> Hotspots:
    """Hot and cold spots of a filter, among all units of the town.

    A place in the filter is not looked at: units outside it would be cold for want of being asked.
    """
    whole = everywhere(question)
    found = town.kept(("hotspots", whole, method), lambda: _hotspots(town, whole, method))
    if whole == question:
        return found
    return replace(found, notes=(*found.notes, "冷热点按全镇计算，不受地点筛选影响"))


def everywhere(question: Filter) -> Filter:
    """The same filter without its places."""
    return replace(question, area=(), community=(), cell=(), lane=())


def patrol_sources(town: Town) -> tuple[str, ...]:
    """The town's sources that are patrols and inspections."""
    return tuple(s for s in town.sources if any(word in s for word in PATROL_WORDS))


def asked(town: Town, question: Filter, method: Method) -> Filter:
    """The filter that a method really asks: with patrols only, where it says so."""
    if not method.patrol_only:
        return question
    found = patrol_sources(town)
    if question.source:
        found = tuple(s for s in question.source if s in found)
    if not found:
        words = "、".join(PATROL_WORDS)
        raise CwmapError(f"没有巡查类来源（来源里含{words}等字）的问题；请关闭“只看巡查发现”。")
    return replace(question, source=found)


def neighbours(town: Town, method: Method) -> Adjacency:
    """The units' neighbours, without themselves; made once a town."""

    def make() -> Adjacency:
        degrees = town.layers[method.units].geometry.to_numpy(object)
        metric = transform_geometries(degrees, "EPSG:4326", town.settings.crs)
        if method.neighbourhood == "touching":
            return neighbours_touching(metric)
        return neighbours_within(metric, method.neighbourhood)

    return town.kept(("neighbours", method.units, method.neighbourhood), make)


def merged(inside: npt.NDArray[np.bool_], adjacency: Adjacency) -> npt.NDArray[np.intp]:
    """Units (n,) that touch, directly or through others, as one: its number, −1 for those outside."""
    chosen = np.flatnonzero(inside)
    number = np.full(len(inside), -1, np.intp)
    number[chosen] = scipy.sparse.csgraph.connected_components(adjacency[chosen][:, chosen])[1]
    return number


def _hotspots(town: Town, question: Filter, method: Method) -> Hotspots:
    question = asked(town, question, method)
    if method.units == "cells":
        frame = figures.cells(town, question)
        values = reports = frame["reports"].to_numpy(float)
        share = np.full(len(frame), 1 / max(len(frame), 1))
    else:
        frame = figures.lanes(town, question)
        reports, values = frame["reports"].to_numpy(float), frame["rate_shrunk"].to_numpy(float)
        share = frame["length_m"].to_numpy(float) / frame["length_m"].sum()
    adjacency = neighbours(town, method)
    near = adjacency.astype(float)
    expected = reports.sum() * share
    units = pd.DataFrame(
        {
            "reports": reports.astype(np.int64), "expected": expected,
            "nearby": (near @ reports + reports).astype(np.int64),
            "nearby_expected": near @ expected + expected, "gi_z": np.nan, "gi_p": np.nan,
            "gi_q": np.nan, "hotspot": None, "gi_p_permuted": np.nan, "gi_q_permuted": np.nan, "confirmed": None,
        },
        index=frame.index,
    ).astype({"hotspot": object, "confirmed": object})  # fmt: skip
    choices = _choices(town, question, method, int(reports.sum()), adjacency)
    caption = _caption(town, question, method, choices)
    refused = _refusal(values, int(reports.sum()), method)
    if refused:
        return Hotspots(question, method, units, choices, caption, (refused,), refused)
    z, shuffles = getis_ord(values, adjacency), _shuffles(method, adjacency)
    normal = two_sided_p(z)
    shuffled = permutation_p(
        values, adjacency, shuffles, SEED, conditional=method.shuffle == "others"
    )
    p = shuffled if method.permutations else normal
    judged = benjamini_hochberg if method.fdr else np.asarray
    units = units.assign(
        gi_z=z, gi_p=p, gi_q=benjamini_hochberg(p), hotspot=classify(z, judged(p)).astype(object),
        gi_p_permuted=shuffled, gi_q_permuted=benjamini_hochberg(shuffled),
        confirmed=classify(z, judged(shuffled)).astype(object),
    )  # fmt: skip
    notes = _notes(units, adjacency, judged(normal), judged(shuffled), method)
    return Hotspots(question, method, units, choices, caption, notes)


def _shuffles(method: Method, adjacency: Adjacency) -> int:
    widest = int(np.diff(adjacency.indptr).max(initial=0)) + 2
    return method.permutations or max(999, min(PERMUTATIONS, _DRAWN // widest))


def _refusal(values: npt.NDArray[np.float64], reports: int, method: Method) -> str:
    """Why nothing can be told; empty if something can."""
    each, unit = UNIT_WORDS[method.units]
    if len(values) < MIN_UNITS:
        return f"{unit}只有 {len(values)} {each}，不足 {MIN_UNITS} {each}，没有计算冷热点"
    if reports < MIN_REPORTS:
        return f"时段内落在{unit}里的问题只有 {reports} 件，不足 {MIN_REPORTS} 件，没有计算冷热点；可放宽时段或类别"
    if values.min() == values.max():
        what = "问题数都相同" if method.units == "cells" else "每百米问题数的差别不超过偶然"
        return f"各{unit}的{what}，没有冷热点可言"
    return ""


def _notes(
    units: pd.DataFrame, adjacency: Adjacency, normal: npt.NDArray[np.float64],
    shuffled: npt.NDArray[np.float64], method: Method,
) -> tuple[str, ...]:  # fmt: skip
    each, unit = UNIT_WORDS[method.units]
    notes = []
    alone, shuffled_only = (
        (normal <= 0.05) & (shuffled > 0.05),
        (normal > 0.05) & (shuffled <= 0.05),
    )
    hot = (units["gi_z"] > 0).to_numpy()
    if alone.any() or shuffled_only.any():
        sides = [
            f"{int((mask & side).sum())} {each}{unit}只有{name}判为{word}"
            for mask, name in ((alone, "正态近似"), (shuffled_only, "置换检验"))
            for side, word in ((hot, "热点"), (~hot, "冷点"))
            if (mask & side).any()
        ]
        notes.append(
            f"两种方法在 {int((alone | shuffled_only).sum())} {each}{unit}上结论不同（95% 水平）：{'，'.join(sides)}；"
            "问题数偏斜时正态近似不准，以置换检验为准"
        )
    islands = int((np.diff(adjacency.indptr) == 0).sum())
    if islands:
        notes.append(f"{islands} {each}{unit}没有相邻{unit}，只按自身判断")
    if not method.fdr:
        notes.append(
            f"未作多重检验校正：{len(units):,} {each}{unit}里，单凭偶然也会有约 5% 显示为显著"
        )
    return tuple(notes)


def _choices(
    town: Town, question: Filter, method: Method, reports: int, adjacency: Adjacency
) -> dict[str, str]:
    """Every choice in a few words each, by its label."""
    (each, unit), layer = UNIT_WORDS[method.units], town.layers[method.units]
    near = np.diff(adjacency.indptr).mean() if len(layer) else 0.0
    size = ""
    if len(layer) and method.units == "cells":
        size = f"（面积中位数 {layer['area_m2'].median() / 10_000:.2f} 公顷）"
    elif len(layer):
        size = f"（长度中位数 {layer['length_m'].median():.0f} 米）"
    reach = (
        f"边或角相接的{unit}" if method.neighbourhood == "touching"
        else f"边到边 {method.neighbourhood:g} 米以内的{unit}"
    )  # fmt: skip
    shuffled = "全部" if method.shuffle == "all" else "条件"
    patrol = "，只看巡查类来源" if method.patrol_only else ""
    return {
        "单元": f"{unit} {len(layer):,} {each}{size}",
        "邻域": f"{reach}及自身（平均 {near + 1:.1f} {each}，权重为 1）",
        "检验": f"{shuffled}置换 {_shuffles(method, adjacency):,} 次（种子 {SEED}），双侧",
        "校正": "按错误发现率（FDR）校正" if method.fdr else "未作多重检验校正",
        "件数": f"{reports:,} 件（落在{unit}里的）{patrol}",
        "时段": filter_caption(town, question),
    }


def _caption(town: Town, question: Filter, method: Method, choices: dict[str, str]) -> str:
    """Every choice that was made, and what it means, in one line."""
    value = "问题数" if method.units == "cells" else "经验贝叶斯收缩后的每百米问题数"
    level, way = ("q 值", "（Benjamini–Hochberg）") if method.fdr else ("p 值", "")
    chance = (
        f"p 值取自{choices['检验']}" if method.permutations
        else f"p 值两种：{choices['检验']}（confirmed 列，图上颜色和清单以此为准）、正态近似（hotspot 列）"
    )  # fmt: skip
    return "；".join([
        f"Getis–Ord Gi*，{choices['单元']}，数值为{value}", f"邻域为{choices['邻域']}", chance,
        f"{choices['校正']}{way}，{level}不超过 1%、5%、10% 依次为 99%、95%、90%", choices["件数"], choices["时段"],
    ])  # fmt: skip
