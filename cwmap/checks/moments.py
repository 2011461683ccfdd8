"""Written dates and times → moments in UTC, in the spellings that Chinese spreadsheets have.

What could mean two days is not read: `Unreadable` says why, in Chinese.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from cwmap.checks.values import Parsed, Unreadable, by_word

# The usual spellings, which never reach `parse_time`: pattern, its rewriting, the format of that.
_DAY = r"^([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})"
_THEN = "(?:日[ T]?|[ T])([0-9]{1,2})[:时点]([0-9]{1,2})"
_USUAL = (
    (_DAY + "日?$", r"\1-\2-\3", "%Y-%m-%d"),
    (_DAY + _THEN + "分?$", r"\1-\2-\3 \4:\5", "%Y-%m-%d %H:%M"),
    (_DAY + _THEN + "[:分]([0-9]{1,2})秒?$", r"\1-\2-\3 \4:\5:\6",
     "%Y-%m-%d %H:%M:%S"),
)  # fmt: skip
_WEEKDAY = re.compile(r"\(?(?:星期|周|礼拜)[一二三四五六日天]\)?")
_DATE = re.compile(
    r"""(?: (?P<year>\d{4}) \s*[-/.年]\s* (?P<month>\d{1,2}) \s*[-/.月]\s* (?P<day>\d{1,2}) (?:\s*[日号]|(?!\d))
          | (?P<year_>\d{4}) (?P<month_>\d{2}) (?P<day_>\d{2}) (?!\d)
          | (?P<first>\d{1,2}) (?P<mark>[-/.]) (?P<second>\d{1,2}) (?P=mark) (?P<end>\d{4}) (?!\d) )
        [\s,]* (?:T\s*)?""",
    re.VERBOSE,
)
_CLOCK = re.compile(
    r"""(?P<half>[上下]午|凌晨|清晨|早上|早晨|中午|傍晚|晚上|夜间|AM|PM)? \s* (?:
            (?P<h>\d{1,2}) \s*:\s* (?P<m>\d{1,2}) (?:\s*:\s* (?P<s>\d{1,2}) (?:[.,](?P<f>\d{1,9}))? )?
          | (?P<h_>\d{1,2}) \s*[时点]\s* (?: (?P<m_>\d{1,2}) \s*分?\s* (?:(?P<s_>\d{1,2}) \s*秒)?
                                          | (?P<half_past>半) | 整 )?
          | (?P<h__>\d{2}) (?P<m__>\d{2}) (?P<s__>\d{2})? )
        \s* (?P<after>AM|PM)?
        \s* (?: (?P<utc>Z|UTC|GMT)?
                (?: (?P<sign>[+-]) (?P<zone_h>\d{1,2}) (?: :? (?P<zone_m>\d{2}) )? )? )""",
    re.VERBOSE,
)
_WHY = (
    (r"\d{1,2}\s*月\s*\d{1,2}.*|\d{1,2}[-/.]\d{1,2}(?:\s.*)?", "没有年份"),
    (r"\d{4}\s*[-/.年]\s*\d{1,2}\s*月?|\d{6}", "没有写到日"),
    (r"\d{4}\s*年?", "只有年份"),
    (r"\d{2}\s*[-/.年]\s*\d{1,2}\s*[-/.月]\s*\d{1,2}.*", "年份没有写满四位"),
)
_SERIAL_ZERO = datetime(1899, 12, 30)  # day 0 of a spreadsheet's serial numbers
_SERIALS = range(32_874, 73_051)  # 1990 to 2099
_UNIX_SECONDS = range(631_152_000, 1_990_000_000)  # below 1990010100 read as a date and an hour
_UNIX_MILLISECONDS = range(10**12, 4_102_444_800_000)


def times(text: pd.Series, zone: str) -> Parsed:
    """Moments, datetime64[us] in UTC without zone, NaT where missing.

    What has no zone of its own is in `zone`. Of an hour that the clocks repeat the first is meant;
    in one that they leave out, the moment when they jump.
    """

    def parse(words: pd.Series) -> Parsed:
        local = np.full(len(words), np.datetime64("NaT", "us"))
        for pattern, rewriting, form in _USUAL:
            usual = words.str.match(pattern).to_numpy(bool)
            if usual.any():
                plain = words[usual].str.replace(pattern, rewriting, regex=True)
                found = pd.to_datetime(plain, format=form, errors="coerce")
                local[usual] = found.to_numpy("M8[us]")
        reasons, zoned = {}, {}
        for at in np.flatnonzero(np.isnat(local)):
            try:
                moment = parse_time(words.iloc[at])
            except Unreadable as error:
                reasons[int(at)] = str(error)
                continue
            if moment.tzinfo:
                zoned[at] = moment.astimezone(UTC).replace(tzinfo=None)
            else:
                local[at] = moment
        values = _utc(local, zone)
        for at, moment in zoned.items():
            values[at] = moment
        return Parsed(values, reasons)

    return by_word(text, parse)


def parse_time(text: str) -> datetime:
    """A written time: with its zone if the text has one, else without.

    Takes 2026年3月1日 9时05分, 2026/3/1 9:05, 2026.03.01, 20260301093000, 2026-03-01T09:05:00+08:00,
    上午 and 下午, 24:00, a spreadsheet's serial number (44927.5), Unix seconds and milliseconds. Day
    and month in front of the year are read only where they cannot be mistaken for one another.
    """
    written = unicodedata.normalize("NFKC", text).upper()
    written = _WEEKDAY.sub(" ", written).strip()
    if re.fullmatch(r"\d{5}\.\d+|\d{5}|\d{9,14}", written):
        return _number(written)
    match = _DATE.match(written)
    if match is None:
        raise Unreadable(_why(written))
    part = match.groupdict()
    if part["end"]:
        year, (month, day) = int(part["end"]), _month_day(int(part["first"]), int(part["second"]))
    else:
        year, month, day = (int(part[k] or part[f"{k}_"]) for k in ("year", "month", "day"))
    rest = written[match.end() :]
    try:
        midnight = datetime(year, month, day)
    except ValueError as error:
        raise Unreadable(f"没有 {year} 年 {month} 月 {day} 日这一天") from error
    return _on(midnight, rest) if rest else midnight


def _number(written: str) -> datetime:
    """A time written as nothing but digits."""
    number = float(written)
    if int(number) in _SERIALS:
        return _SERIAL_ZERO + timedelta(seconds=round(number * 86400))
    if len(written) in (12, 14) and written.isdigit():
        return parse_time(f"{written[:8]} {written[8:]}")
    for known, unit in ((_UNIX_SECONDS, 1), (_UNIX_MILLISECONDS, 1000)):
        if int(number) in known:
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=number / unit)
    if len(written) == 10:
        return parse_time(f"{written[:8]} {written[8:]}:00")
    raise Unreadable("这个数字不是日期")


def _month_day(first: int, second: int) -> tuple[int, int]:
    if first > 12 >= second:
        return second, first
    if second > 12 or first == second:
        return first, second
    raise Unreadable(f"分不清是 {first} 月 {second} 日还是 {second} 月 {first} 日")


def _on(midnight: datetime, clock: str) -> datetime:
    """The moment of a written clock time on a day."""
    match = _CLOCK.fullmatch(clock)
    if match is None:
        raise Unreadable("日期后面的内容不是时刻")
    part = match.groupdict()
    hour, minute, second = (
        int(part[k] or part[f"{k}_"] or part[f"{k}__"] or 0) for k in ("h", "m", "s")
    )
    if part["half_past"]:
        minute = 30
    if part["half"] and part["after"]:
        raise Unreadable("上午、下午写了两次")
    hour = _of_24(hour, part["half"] or part["after"] or "")
    if hour > 24 or minute > 59 or second > 59 or (hour == 24 and (minute or second)):
        raise Unreadable(f"没有 {hour}:{minute:02d}:{second:02d} 这个时刻")
    microsecond = int((part["f"] or "").ljust(6, "0")[:6])
    try:
        moment = midnight + timedelta(
            hours=hour, minutes=minute, seconds=second, microseconds=microsecond
        )
    except OverflowError as error:
        raise Unreadable("年份不合理") from error
    if not (part["utc"] or part["sign"]):
        return moment
    offset = timedelta(hours=int(part["zone_h"] or 0), minutes=int(part["zone_m"] or 0))
    if offset > timedelta(hours=14) or not 1 < moment.year < 9999:
        raise Unreadable("时区不合理")
    return moment.replace(tzinfo=timezone(-offset if part["sign"] == "-" else offset))


def _of_24(hour: int, half: str) -> int:
    """Hour of the day of an hour said with 上午, 下午 and the like."""
    if half in ("AM", "凌晨") and hour <= 12:
        return hour % 12
    if half in ("上午", "清晨", "早上", "早晨") and hour < 12:
        return hour
    if half in ("PM", "下午") and 1 <= hour <= 23:
        return hour if hour >= 12 else hour + 12
    if half in ("傍晚", "晚上", "夜间") and (5 <= hour <= 11 or 17 <= hour <= 23):
        return hour if hour > 12 else hour + 12
    if half == "中午" and hour in (11, 12, 13, 1, 2):
        return hour if hour > 10 else hour + 12
    if half:
        raise Unreadable(f"“{half} {hour} 点”说不清是几点")
    return hour


def _why(written: str) -> str:
    return next((why for form, why in _WHY if re.fullmatch(form, written)), "不是看得懂的日期")


def _utc(local: npt.NDArray[Any], zone: str) -> npt.NDArray[Any]:
    """Local clock times, datetime64[us] → the same moments in UTC, without zone."""
    moments = pd.DatetimeIndex(local).tz_localize(
        ZoneInfo(zone), ambiguous=np.ones(len(local), bool), nonexistent="shift_forward"
    )
    values: npt.NDArray[Any] = (
        moments.tz_convert(UTC).tz_localize(None).to_numpy("M8[us]", copy=True)
    )
    return values
