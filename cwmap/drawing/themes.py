"""The town's maps as sheets: heat, hot spots, lanes by rate, scores, tasks, responsibility."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from cwmap import figures
from cwmap.captions import filter_caption
from cwmap.colours import (
    RAMPS,
    SCORE_COLOURS,
    SCORE_STEPS,
    SPOT_COLOURS,
    STANDING_COLOURS,
    breaks,
    classes,
    even_breaks,
)
from cwmap.drawing.ground import metric
from cwmap.drawing.sheet import Fill, Heat, Mark, Sheet, class_words
from cwmap.duties.coverage import Coverage
from cwmap.filters import Filter
from cwmap.tasks import tasks
from cwmap.tasks.routing import Routing
from cwmap.town import Town
from cwmap.trends.hotspots import LABELS, Hotspots
from cwmap.trends.spots import Spots

UNSEEN, UNSEEN_WORDS = "#dfe3e4", "本周没有检查"
_SCORE_WORDS = ("低于 70", "70–80", "80–85", "85–90", "90 以上")
_MARK = "#5c0f1f"
LANE_EDGE_MM = 0.4
"""Of lanes, mm: on an A4 page a lane of 4 m is a tenth of a millimetre."""


def heat_map(town: Town, question: Filter, drawn: date, bandwidth_m: float | None = None) -> Sheet:
    """Reports of a filter as a density."""
    density = figures.heat(town, question, bandwidth_m)
    steps = even_breaks(float(np.max(density, initial=0.0)))
    width = bandwidth_m or figures.bandwidths_m(town)[2]
    found = _sheet(
        town, "问题密度图", question, "件/公顷", drawn, f"核密度，四次核，带宽 {width:g} 米"
    )
    return replace(found, heat=Heat(density, tuple(steps)))


def spot_map(town: Town, found: Spots, drawn: date, number: int = 3) -> Sheet:
    """Hot and cold units by confidence; the worst spots numbered as in the list."""
    of = found.found
    fills = _spot_fills(town, of)
    layer = town.layers[of.method.units].index
    shapes = metric(town, of.method.units)
    marks = []
    for spot in found.items[:number]:
        whole = shapely.union_all(shapes[layer.get_indexer(list(spot.unit_ids))])
        marks.append(_mark(whole, str(spot.rank)))
    note = "Getis–Ord Gi*，置换检验，" + ("FDR 校正" if of.method.fdr else "未校正")
    sheet = _sheet(town, "热点图", of.question, "热点（置信水平）", drawn, note)
    return replace(sheet, fills=fills, marks=tuple(marks))


def _spot_fills(town: Town, of: Hotspots) -> tuple[Fill, ...]:
    state = of.units["confirmed"].to_numpy(object)
    shapes = metric(town, of.method.units)
    return tuple(
        Fill(colour, shapes[state == kind], LABELS[kind])
        for kind, colour in SPOT_COLOURS["light"].items()
        if kind.startswith("hot") or (state == kind).any()
    )


def lane_map(town: Town, question: Filter, drawn: date, numbered: Sequence[str] = ()) -> Sheet:
    """Lanes by their reports per 100 m; `numbered`: ids of lanes that get their place as a mark."""
    rates = figures.lanes(town, question)["rate_per_100m"].to_numpy(float)
    steps = breaks(float(np.nanmax(rates, initial=0.0)))
    words = class_words(steps) if steps else [""] * len(RAMPS["light"])
    code = np.array([-1 if c == "-" else int(c) for c in classes(rates, steps)], int)
    shapes, index = metric(town, "lanes"), town.layers["lanes"].index
    fills = [
        Fill(c, shapes[code == k], words[k], LANE_EDGE_MM) for k, c in enumerate(RAMPS["light"])
    ]
    marks = [
        _mark(shapes[at], str(place))
        for place, at in enumerate(index.get_indexer(list(numbered)).tolist(), 1)
        if at >= 0
    ]
    sheet = _sheet(town, "巷道问题率图", question, "件/百米", drawn, "每百米巷道的问题数")
    return replace(sheet, fills=tuple(fills), marks=tuple(marks))


def score_map(town: Town, ranking: pd.DataFrame, period: str, drawn: date) -> Sheet:
    """Lanes by the score of a period; `ranking` as of the assessment."""
    lanes = town.layers["lanes"].index
    score = ranking["score"].reindex("lanes/" + lanes).to_numpy(float)
    code = np.where(np.isnan(score), -1, np.searchsorted(SCORE_STEPS, score, side="right"))
    colours = [UNSEEN, *SCORE_COLOURS["light"].values()]
    fills = _classed(town, code + 1, colours, [UNSEEN_WORDS, *_SCORE_WORDS])
    sheet = _sheet(town, "巷道得分图", None, "得分", drawn, "检查得分，满分 100")
    return replace(sheet, fills=fills, caption=period)


def task_map(town: Town, question: Filter, rules: Routing, drawn: date) -> Sheet:
    """Lanes by the worst light of their tasks."""
    lit = tasks.on_lanes(town, question, rules=rules)
    code = np.select([lit["red"] > 0, lit["yellow"] > 0, lit["green"] > 0], [3, 2, 1], 0)
    ramp = STANDING_COLOURS["light"]
    colours, words = list(ramp.values()), ["期限内", "快到期", "有超期"]
    fills = _classed(town, code - 1, colours, words)
    return replace(
        _sheet(town, "任务红黄绿灯图", question, "在办任务", drawn, "每巷取最急的一件"), fills=fills
    )


def duty_map(town: Town, found: Coverage, drawn: date) -> Sheet:
    """Lanes by how many of their posts nobody holds."""
    lanes = "lanes/" + town.layers["lanes"].index
    missing = found.missing["unit"].value_counts().reindex(lanes).fillna(0).to_numpy(int)
    ramp = STANDING_COLOURS["light"]
    code = np.select([missing == 0, missing < 4], [0, 1], 2)
    fills = _classed(town, code, list(ramp.values()), ["四岗齐全", "缺岗", "无人负责"])
    sheet = _sheet(
        town, "责任到位图", None, "责任到位", drawn, "四岗：包社区领导、书记、网格员、保洁员"
    )
    return replace(sheet, fills=fills, caption=f"{found.day} 在册")


def _classed(
    town: Town, code: npt.NDArray[np.int64], colours: Sequence[str], words: Sequence[str]
) -> tuple[Fill, ...]:
    """Lanes by class, a fill a class; −1: not filled."""
    shapes = metric(town, "lanes")
    return tuple(
        Fill(colour, shapes[code == k], word, 0.0 if colour == UNSEEN else LANE_EDGE_MM)
        for k, (colour, word) in enumerate(zip(colours, words, strict=True))
    )


def _mark(shape: shapely.Geometry, text: str) -> Mark:
    point = shapely.point_on_surface(shape)
    return Mark(float(point.x), float(point.y), text, _MARK)


def _sheet(
    town: Town, title: str, question: Filter | None, unit: str, drawn: date, note: str
) -> Sheet:
    caption = filter_caption(town, question) if question else ""
    return Sheet(town, title, caption, unit, source(town, note), drawn)


def source(town: Town, note: str) -> str:
    """Where the numbers of a map or a chart are from, as of when, and how they were made."""
    settings = town.settings
    told = f"数据：{settings.name}创卫工作台账，截至 {town.as_of}（版本 {town.revision}）"
    return "；".join(part for part in (told, note, settings.crs) if part)
