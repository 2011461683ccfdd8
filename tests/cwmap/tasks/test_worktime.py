"""Working time against worked examples over holidays, and against counting minute by minute."""

from datetime import date, datetime, timedelta

import chinese_calendar
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cwmap.errors import CwmapError
from cwmap.worktime import KNOWN_UNTIL, Calendar, Limit

HERE = np.timedelta64(
    8, "h"
)  # Shanghai is eight hours ahead of UTC, without summer time since 1992
MINUTE = np.timedelta64(1, "m")


def moments(*texts: str) -> np.ndarray:
    return np.array(texts, "M8[us]") - HERE


def shown(times: np.ndarray) -> list[str]:
    return [str(t)[:16].replace("T", " ") for t in times + HERE]


@pytest.mark.parametrize(
    ("start", "limit", "due"),
    [
        # National Day 2026: 1–7 October off; Thursday 8 and the shifted Saturday 10 are workdays.
        ("2026-09-30 17:00", "4 工作时", "2026-10-08 11:30"),
        ("2026-09-30 17:00", "1 工作日", "2026-10-08 17:00"),
        ("2026-10-03 10:00", "1 工作日", "2026-10-09 08:30"),
        ("2026-10-09 16:00", "2 工作日", "2026-10-12 16:00"),
        ("2026-10-09 16:00", "4 工作时", "2026-10-10 10:30"),
        # Spring Festival 2026: 15–23 February off, the Saturdays 14 and 28 are workdays.
        ("2026-02-13 16:00", "4 工作时", "2026-02-14 10:30"),
        ("2026-02-14 16:00", "4 工作时", "2026-02-24 10:30"),
        ("2026-02-14 18:00", "1 工作日", "2026-02-25 08:30"),
        ("2026-02-27 09:00", "5 工作日", "2026-03-05 09:00"),
        # Night and lunch: what comes outside the hours counts from the next opening.
        ("2026-11-24 22:00", "3.5 工作时", "2026-11-25 12:00"),
        ("2026-11-24 13:00", "1 工作时", "2026-11-24 15:30"),
        ("2026-11-24 11:30", "1 工作时", "2026-11-24 15:00"),
        ("2026-11-24 12:00", "1 工作日", "2026-11-25 14:30"),
        ("2026-11-24 00:00", "1 工作日", "2026-11-25 08:30"),
        # To the minute of closing, not to the next opening.
        ("2026-11-24 14:30", "3.5 工作时", "2026-11-24 18:00"),
        ("2026-11-27 08:30", "7 工作时", "2026-11-27 18:00"),
        ("2026-11-27 17:59", "1 工作日", "2026-11-30 17:59"),
    ],
)
def test_worked_examples(start: str, limit: str, due: str) -> None:
    assert shown(Calendar().due(moments(start), Limit.parse(limit))) == [due]


def test_every_day_around_the_clock() -> None:
    always = Calendar("00:00-24:00", "daily")
    due = always.due(moments("2026-10-01 23:00", "2026-10-01 23:00"), Limit(2, "工作时"))
    assert shown(due) == ["2026-10-02 01:00"] * 2
    assert shown(always.due(moments("2026-10-01 23:00"), Limit(3, "工作日"))) == [
        "2026-10-04 23:00"
    ]


def test_several_limits_at_once() -> None:
    limits = [Limit.parse("4 工作时"), Limit.parse("1 工作日")]
    start = moments("2026-09-30 17:00", "2026-09-30 17:00", "NaT")
    due = Calendar().due(start, limits, np.array([1, 0, 0]))
    assert shown(due[:2]) == ["2026-10-08 17:00", "2026-10-08 11:30"]
    assert np.isnat(due[2])
    hours = Calendar().elapsed_h(start, due)
    assert hours[:2].tolist() == [7, 4]
    assert np.isnan(hours[2])
    assert len(Calendar().due(start[:0], limits, np.array([], int))) == 0


def test_what_cannot_be_counted_is_not_counted() -> None:
    start = moments("1850-01-01 09:00", "2199-12-31 09:00", "2300-01-01 09:00")
    for limit in (Limit(4000, "工作时"), Limit(4000, "工作日")):
        assert np.isnat(Calendar().due(start, limit)).all()


def test_the_days_are_those_of_the_library() -> None:
    """And Monday to Friday from the first year that it does not know."""
    first, last = date(2004, 1, 1), KNOWN_UNTIL + timedelta(days=400)
    days = [first + timedelta(days=n) for n in range((last - first).days)]
    starts = moments(*(f"{day} 00:00" for day in days))
    worked = Calendar().elapsed_h(starts, starts + np.timedelta64(1, "D"))
    for day, hours in zip(days, worked, strict=True):
        known = day <= KNOWN_UNTIL
        works = chinese_calendar.is_workday(day) if known else day.weekday() < 5
        assert hours == 7 * works, day


SPANS = ((510, 720), (870, 1080))
START = st.datetimes(datetime(2026, 2, 1), datetime(2026, 10, 20))


def works(minute: np.datetime64) -> bool:
    """Whether the town works in this minute of its clock, from scratch."""
    at = minute.astype("M8[m]").item()
    return chinese_calendar.is_workday(at.date()) and any(
        a <= at.hour * 60 + at.minute < b for a, b in SPANS
    )


@settings(deadline=None, max_examples=25)
@given(START, st.integers(1, 20 * 60))
def test_as_counted_minute_by_minute(start, minutes: int) -> None:
    begin = np.datetime64(start.replace(second=0, microsecond=0), "m")
    at, left = begin, minutes
    while left:
        left -= works(at)
        at += MINUTE
    due = Calendar().due(np.array([begin], "M8[us]") - HERE, Limit(minutes / 60, "工作时"))
    assert due[0] + HERE == at
    elapsed = Calendar().elapsed_h(np.array([begin], "M8[us]") - HERE, due)
    assert elapsed[0] == pytest.approx(minutes / 60)


@settings(deadline=None, max_examples=60)
@given(st.lists(START, min_size=2, max_size=20), st.floats(0.01, 200), st.integers(1, 40))
def test_monotone_and_there_and_back(starts, hours: float, days: int) -> None:
    begin = np.sort(np.array(starts, "M8[us]"))
    calendar = Calendar()
    for limit in (Limit(hours, "工作时"), Limit(days, "工作日")):
        due = calendar.due(begin, limit)
        assert (np.diff(due) >= np.timedelta64(0)).all()
        assert (due > begin).all()
        worked = calendar.elapsed_h(begin, due)
        if limit.unit == "工作时":
            assert worked == pytest.approx(hours)
        else:  # from the opening on, whole days
            assert worked == pytest.approx(np.full(len(begin), days * calendar.day_h))
    assert calendar.elapsed_h(begin[:1], begin[1:2]) == -calendar.elapsed_h(begin[1:2], begin[:1])


@pytest.mark.parametrize(
    ("hours", "part"),
    [
        ("", ""), ("早八晚五", "早八晚五"), ("08:30-12:00,14点-18点", "14点-18点"), ("18:00-08:00", "18:00-08:00"),
        ("08:30-12:60", "08:30-12:60"), ("08:30-25:00", "08:30-25:00"), ("08:30-12:00,11:00-13:00", "11:00-13:00"),
        ("14:00-18:00,08:00-12:00", "08:00-12:00"),
    ],
)  # fmt: skip
def test_unfit_hours_are_named(hours: str, part: str) -> None:
    with pytest.raises(CwmapError, match="上班时间") as error:
        Calendar(hours)
    assert f"“{part}”" in str(error.value)


def test_other_spellings_of_hours() -> None:
    assert (
        Calendar("8:30—12:00、14:30至18:00").day_h == Calendar("08:30-12:00,14:30-18:00").day_h == 7
    )
    with pytest.raises(CwmapError, match="工作日设置"):
        Calendar(workdays="sometimes")


@pytest.mark.parametrize(
    "text", ["", "4", "4 小时", "0 工作时", "-1 工作日", "1.5 工作日", "99999 工作时"]
)
def test_unfit_limits(text: str) -> None:
    with pytest.raises(CwmapError, match="时限"):
        Limit.parse(text)


@given(st.integers(1, 8784), st.sampled_from(["工作时", "工作日"]))
def test_limits_are_read_as_they_are_written(amount: int, unit) -> None:
    limit = Limit(amount, unit)
    assert Limit.parse(str(limit)) == Limit.parse(f"{amount}{unit}") == limit
