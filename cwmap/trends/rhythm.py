"""When reports come in: weekday × hour of a view (时段规律)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from cwmap.captions import filter_caption
from cwmap.filters import Filter
from cwmap.town import Town
from cwmap.trends.hotspots import patrol_sources

WEEKDAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
CLOCKS = {"Asia/Shanghai": "北京时间"}
"""What people call a time zone."""


@dataclass(frozen=True)
class Rhythm:
    """Reports by weekday, Monday first, and local hour.

    counts: (7, 24). weekday: (7,), with the reports that tell no time. days: (7,), how often each
    weekday occurs in the period. caption: what it is made from, and what it does not mean.
    """

    counts: npt.NDArray[np.int64]
    weekday: npt.NDArray[np.int64]
    days: npt.NDArray[np.int64]
    caption: str

    @property
    def per_day(self) -> npt.NDArray[np.float64]:
        """Reports of each hour on a day of that weekday, (7, 24); 0 where there was no such day."""
        return np.asarray(self.counts / np.maximum(self.days, 1)[:, None])


def rhythm(town: Town, question: Filter) -> Rhythm:
    """The rhythm of a view."""
    view = town.view(question)
    chosen = town.selected(view)
    begin = town.first_day.weekday()
    weekday = (town.reports.day[chosen].astype(np.int64) + begin) % 7
    hour = town.reports.hour[chosen].astype(np.int64)
    told = hour >= 0
    counts = np.bincount(weekday[told] * 24 + hour[told], minlength=168).reshape(7, 24)
    first = max(view.first, 0)
    last = min(view.last, (town.as_of - town.first_day).days)
    days = np.bincount((np.arange(first, last + 1) + begin) % 7, minlength=7)
    return Rhythm(
        counts, np.bincount(weekday, minlength=7), days,
        _caption(town, question, chosen, int((~told).sum())),
    )  # fmt: skip


def weekday_matrix(
    town: Town, question: Filter, lanes: npt.NDArray[np.intp] | None = None
) -> npt.NDArray[np.int64]:
    """Reports by lane, whole week (Monday to Sunday) of the period and weekday: (lanes, weeks, 7).

    lanes: positions in the layer, all if not given; reports on no lane are left out.
    """
    view = town.view(question)
    first, last = max(view.first, 0), min(view.last, (town.as_of - town.first_day).days)
    first += -(town.first_day + timedelta(days=first)).weekday() % 7
    weeks = max(last - first + 1, 0) // 7
    size = len(town.layers["lanes"])
    chosen = town.selected(view)
    lane = town.reports.place["lanes"][chosen].astype(np.int64)
    day = town.reports.day[chosen].astype(np.int64) - first
    inside = (lane >= 0) & (day >= 0) & (day < 7 * weeks)
    flat = np.bincount(lane[inside] * 7 * weeks + day[inside], minlength=size * 7 * weeks)
    counts = flat.reshape(size, weeks, 7)
    return counts if lanes is None else counts[lanes]


def _caption(town: Town, question: Filter, chosen: npt.NDArray[np.intp], untold: int) -> str:
    patrols = [town.sources.index(s) for s in patrol_sources(town)]
    found = int(np.isin(town.reports.source[chosen], patrols).sum())
    clock = CLOCKS.get(town.settings.timezone, town.settings.timezone)
    parts = [
        f"{len(chosen):,} 件，按上报时间（{clock}）",
        f"其中巡查类 {found:,} 件：反映的是何时有人查、何时有人报，不等于问题何时发生",
    ]
    if untold:
        parts.append(f"{untold:,} 件只有日期，只计入星期")
    return "；".join([*parts, filter_caption(town, question)])
