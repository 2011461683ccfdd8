"""Working time (工作时, 工作日): when a limit runs out, and how long something took.

Moments are UTC without a zone, as everywhere in cwmap; they are turned to the town's clock here.
Holidays and shifted workdays (调休) come from the library chinese_calendar, which holds what the
State Council published; after its last year Monday to Friday count (`KNOWN_UNTIL`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date
from functools import cached_property
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
from chinese_calendar.constants import holidays, workdays

from cwmap.errors import CwmapError

KNOWN_UNTIL = date(max(day.year for day in holidays), 12, 31)
"""Up to this day holidays are known; from then on Monday to Friday count as workdays."""

Moments = npt.NDArray[np.datetime64]
Integers = npt.NDArray[np.int64]
Unit = Literal["工作时", "工作日"]

_HOUR = 3_600_000_000  # in microseconds, the unit of all that follows
_DAY = 24 * _HOUR
_FIRST, _LAST = np.datetime64("1900-01-01"), np.datetime64("2200-01-01")
_NEVER = np.datetime64("NaT")
_LIMIT = re.compile(r"(\d+(?:\.\d+)?)(工作时|工作日)")
_SPAN = re.compile(r"(\d{1,2}):(\d{2})[-~—–至](\d{1,2}):(\d{2})")
_LONGEST_H = 24 * 366


@dataclass(frozen=True)
class Limit:
    """A time limit (处置时限) as Chinese norms write it: so many 工作时 or 工作日."""

    amount: float
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> Limit:
        """The limit of a text such as `4 工作时` or `2工作日`; CwmapError if it is none."""
        found = _LIMIT.fullmatch("".join(unicodedata.normalize("NFKC", text).split()))
        amount = float(found[1]) if found else 0.0
        days = bool(found) and found is not None and found[2] == "工作日"
        if not found or not 0 < amount <= _LONGEST_H or (days and amount % 1):
            raise CwmapError(
                f"时限“{text}”写法有误；请写如“4 工作时”或“2 工作日”，工作日为整数，且大于 0。"
            )
        return cls(amount, "工作日" if days else "工作时")

    def __str__(self) -> str:
        return f"{self.amount:g} {self.unit}"

    @property
    def clock_h(self) -> float:
        """About how many hours pass on the clock: eight working hours take a day."""
        return self.amount * (24 if self.unit == "工作日" else 3)


@dataclass(frozen=True)
class Calendar:
    """When the town works.

    hours: as in `08:30-12:00,14:30-18:00`. workdays: `calendar` for China's workdays, `daily` for
    every day. timezone: of the clock. CwmapError names the part that is wrong.
    """

    hours: str = "08:30-12:00,14:30-18:00"
    workdays: str = "calendar"
    timezone: str = "Asia/Shanghai"

    def __post_init__(self) -> None:
        if self.workdays not in ("calendar", "daily"):
            raise CwmapError(
                f"工作日设置“{self.workdays}”不认识；请写 calendar（按国家工作日）或 daily（天天上班）。"
            )
        object.__setattr__(self, "_spans", _spans(self.hours))

    @property
    def day_h(self) -> float:
        """Working hours of a workday."""
        return float((self._close - self._open).sum() / _HOUR)

    def due(
        self, start: Moments, limit: Limit | Sequence[Limit],
        which: npt.NDArray[np.integer] | None = None,
    ) -> Moments:  # fmt: skip
        """When limits that begin at `start` run out: (n,), UTC.

        limit: one for all, or several, of which `which` (n,) says each row's position. Working
        hours run while the town works. So many working days later means at the same clock time; a
        start outside the hours counts from the next opening. NaT for NaT, and outside 1900–2199.
        """
        limits = (limit,) if isinstance(limit, Limit) else tuple(limit)
        at = np.zeros(len(start), np.intp) if which is None else np.asarray(which, np.intp)
        is_days = np.array([one.unit == "工作日" for one in limits], bool)
        amount = np.array([one.amount for one in limits], float)
        amount = np.rint(np.where(is_days, amount, amount * _HOUR)).astype(np.int64)
        day, clock, known = self._clock(start)
        end = np.zeros(len(day), np.int64)
        by_day = is_days[at]
        for mine, later in ((by_day, self._days_later), (~by_day, self._hours_later)):
            if mine.any():
                end[mine] = later(day[mine], clock[mine], amount[at[mine]])
        return self._utc(end, known & (end < (len(self._works) - 1) * _DAY))

    def elapsed_h(self, start: Moments, end: Moments) -> npt.NDArray[np.float64]:
        """Working hours from `start` to `end`: (n,), negative where the end is first, NaN for NaT."""
        (day, clock, known), (last, until, also) = self._clock(start), self._clock(end)
        worked = self._worked(last, until) - self._worked(day, clock)
        hours: npt.NDArray[np.float64] = np.where(known & also, worked / _HOUR, np.nan)
        return hours

    def _hours_later(self, day: Integers, clock: Integers, amount: Integers) -> Integers:
        """The earliest moment at which so much more has been worked, from `_FIRST`."""
        target = self._worked(day, clock) + amount
        found = np.searchsorted(self._before, target) - 1  # the day in which it is reached
        rest = target - self._before[found]
        ends = np.cumsum(self._close - self._open)
        span = np.minimum(np.searchsorted(ends, rest), len(ends) - 1)
        end: Integers = found * _DAY + self._close[span] - (ends[span] - rest)
        return end

    def _days_later(self, day: Integers, clock: Integers, amount: Integers) -> Integers:
        """The same clock time so many workdays later, from `_FIRST`."""
        span = np.searchsorted(self._close, clock, side="right")  # the one under way or next
        missed = ~self._works[day] | (span == len(self._close))
        opening = np.maximum(self._open[np.minimum(span, len(self._open) - 1)], clock)
        clock = np.where(missed, self._open[0], opening)
        # `_number` of a day off, or of a day's evening, must point at the next workday.
        number = self._number[day] + (missed & self._works[day]) + amount
        known = np.append(self._workdays, len(self._works))  # beyond the last there is none
        workday = known[np.minimum(number, len(known) - 1)]
        end: Integers = workday * _DAY + clock
        return end

    def _worked(self, day: Integers, clock: Integers) -> Integers:
        """What has been worked since `_FIRST`."""
        today = np.zeros(len(day), np.int64)
        for opening, close in zip(self._open, self._close, strict=True):
            today += np.clip(clock - opening, 0, close - opening)
        worked: Integers = self._before[day] + today * self._works[day]
        return worked

    def _clock(self, moments: Moments) -> tuple[Integers, Integers, npt.NDArray[np.bool_]]:
        """Day since `_FIRST` and clock time of each moment, and whether there is one."""
        utc = pd.DatetimeIndex(np.asarray(moments, "M8[us]"), tz=UTC)
        local = utc.tz_convert(ZoneInfo(self.timezone)).tz_localize(None).to_numpy()
        known = ~np.isnat(local) & (local >= _FIRST) & (local < _LAST)
        since = np.where(known, (local - _FIRST.astype("M8[us]")).astype(np.int64), 0)
        day = since // _DAY
        return day, since - day * _DAY, known

    def _utc(self, since: Integers, known: npt.NDArray[np.bool_]) -> Moments:
        local = _FIRST.astype("M8[us]") + since.astype("m8[us]")
        local[~known] = _NEVER
        zoned = pd.DatetimeIndex(local).tz_localize(
            ZoneInfo(self.timezone),
            ambiguous=np.zeros(len(local), bool),
            nonexistent="shift_forward",
        )
        moments: Moments = zoned.tz_convert(UTC).tz_localize(None).to_numpy().astype("M8[us]")
        return moments

    @property
    def _open(self) -> Integers:
        spans: Integers = self._spans[:, 0]  # type: ignore[attr-defined]
        return spans

    @property
    def _close(self) -> Integers:
        spans: Integers = self._spans[:, 1]  # type: ignore[attr-defined]
        return spans

    @cached_property
    def _works(self) -> npt.NDArray[np.bool_]:
        """Whether each day from `_FIRST` on is a workday."""
        days = np.arange(_FIRST, _LAST)
        if self.workdays == "daily":
            return np.ones(len(days), bool)
        works = np.is_busday(days)
        for special, worked in ((holidays, False), (workdays, True)):
            works[(np.array(list(special), "M8[D]") - _FIRST).astype(int)] = worked
        return works

    @cached_property
    def _before(self) -> Integers:
        """What is worked before each day, and before the day after the last."""
        a_day = (self._close - self._open).sum()
        before: Integers = np.r_[0, np.cumsum(self._works * a_day)]
        return before

    @cached_property
    def _workdays(self) -> Integers:
        return np.flatnonzero(self._works)

    @cached_property
    def _number(self) -> Integers:
        """Of each day: how many workdays lie before it."""
        number: Integers = np.cumsum(self._works) - self._works
        return number


def _spans(hours: str) -> Integers:
    """Opening and closing of each part of a day: (k, 2)."""
    spans: list[tuple[int, int]] = []
    for part in re.split("[,，、;；]", unicodedata.normalize("NFKC", hours)):
        found = _SPAN.fullmatch("".join(part.split()))
        if not found:
            raise CwmapError(f"上班时间里的“{part.strip()}”写法有误；请写如 08:30-12:00。")
        h, m, h_, m_ = map(int, found.groups())
        opening, close = h * 60 + m, h_ * 60 + m_
        if max(m, m_) > 59 or close > 24 * 60 or opening >= close:
            raise CwmapError(
                f"上班时间里的“{part.strip()}”不成立；请让结束晚于开始、不过 24:00，跨夜的写成两段。"
            )
        if spans and opening < spans[-1][1] // (_HOUR // 60):
            raise CwmapError(f"上班时间里的“{part.strip()}”与前一段重叠或次序颠倒；请改正。")
        spans.append((opening * (_HOUR // 60), close * (_HOUR // 60)))
    return np.array(spans, np.int64)
