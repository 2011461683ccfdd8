import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cwmap.checks.moments import parse_time, times
from cwmap.checks.values import Unreadable, clean

CHINESE = re.compile("[\u4e00-\u9fff]")
ANY_TIME = st.datetimes(datetime(1992, 1, 1), datetime(2099, 12, 31)).map(
    lambda moment: moment.replace(microsecond=0)
)


def serial(moment: datetime) -> str:
    return repr((moment - datetime(1899, 12, 30)) / timedelta(days=1))


def twelve(moment: datetime) -> str:
    """The hour as people say it; noon and midnight are left out, they are not clear."""
    half = "上午" if moment.hour < 12 else "下午"
    return f"{moment:%Y年%m月%d日} {half}{moment.hour % 12 or 12}:{moment:%M:%S}"


# Every way to write a moment → the moment that it keeps.
TO_SECONDS = {
    "iso": lambda t: t.isoformat(" "),
    "iso T": lambda t: t.isoformat(),
    "slash": lambda t: f"{t.year}/{t.month}/{t.day} {t.hour}:{t:%M:%S}",
    "chinese": lambda t: f"{t.year}年{t.month}月{t.day}日 {t.hour}时{t:%M}分{t:%S}秒",
    "chinese, close": lambda t: f"{t.year}年{t.month}月{t.day}日{t.hour}时{t.minute}分{t.second}秒",
    "dots": lambda t: f"{t:%Y.%m.%d %H:%M:%S}",
    "compact": lambda t: f"{t:%Y%m%d%H%M%S}",
    "compact with T": lambda t: f"{t:%Y%m%dT%H%M%S}",
    "compact with blank": lambda t: f"{t:%Y%m%d %H:%M:%S}",
    "serial": serial,
    "weekday": lambda t: f"{t:%Y年%m月%d日}星期{'一二三四五六日'[t.weekday()]} {t:%H:%M:%S}",
    "full width": lambda t: t.isoformat(" ").translate(
        {
            ord(a): ord(b)
            for a, b in zip("0123456789:- ", "０１２３４５６７８９：－\u3000", strict=True)
        }
    ),
    "fraction": lambda t: f"{t.isoformat(' ')}.000",
    "half": lambda t: None if t.hour in (0, 12) else twelve(t),
    "half behind": lambda t: f"{t:%Y-%m-%d %I:%M:%S %p}",
}
TO_MINUTES = {
    "minutes": lambda t: f"{t:%Y-%m-%d %H:%M}",
    "slash, minutes": lambda t: f"{t.year}/{t.month}/{t.day} {t.hour}:{t.minute}",
    "chinese, minutes": lambda t: f"{t.year}年{t.month}月{t.day}日 {t.hour}点{t:%M}分",
    "compact, minutes": lambda t: f"{t:%Y%m%d%H%M}",
}
TO_DAYS = {
    "iso day": lambda t: f"{t:%Y-%m-%d}",
    "chinese day": lambda t: f"{t.year}年{t.month}月{t.day}日",
    "slash day": lambda t: f"{t.year}/{t.month}/{t.day}",
    "dots day": lambda t: f"{t.year}.{t.month}.{t.day}",
    "compact day": lambda t: f"{t:%Y%m%d}",
    "serial day": lambda t: str((t - datetime(1899, 12, 30)).days),
    "blanks": lambda t: f" {t.year} 年 {t.month} 月 {t.day} 日 ",
}


@settings(deadline=None, max_examples=200)
@given(ANY_TIME)
def test_every_spelling_of_a_moment(moment):
    minute, day = moment.replace(second=0), moment.replace(hour=0, minute=0, second=0)
    for spellings, kept in ((TO_SECONDS, moment), (TO_MINUTES, minute), (TO_DAYS, day)):
        for name, spell in spellings.items():
            text = spell(moment)
            if text is not None:
                assert parse_time(text) == kept, (name, text)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(ANY_TIME, st.sampled_from(sorted(TO_SECONDS))), min_size=1, max_size=12))
def test_a_column_means_what_its_cells_mean(cells):
    texts = [TO_SECONDS[how](moment) for moment, how in cells]
    zone = ZoneInfo("Asia/Shanghai")
    wanted = [
        None if text is None else parse_time(text).replace(tzinfo=zone).astimezone(UTC)
        for text in texts
    ]
    parsed = times(clean(pd.Series(texts, dtype="str")), "Asia/Shanghai")
    assert parsed.values.dtype == np.dtype("M8[us]")
    assert not parsed.reasons
    got = [None if np.isnat(v) else v.item().replace(tzinfo=UTC) for v in parsed.values]
    assert got == wanted


@settings(deadline=None)
@given(ANY_TIME, st.sampled_from(["+08:00", "+0800", "Z", "-05:00", "+05:30", " GMT+8"]))
def test_a_written_zone_is_kept(moment, zone):
    hours = {"Z": 0, "-05:00": -5, "+05:30": 5.5}.get(zone, 8)
    text = f"{moment.isoformat()}{zone}"
    assert parse_time(text) == (moment - timedelta(hours=hours)).replace(tzinfo=UTC)
    column = times(pd.Series([text], dtype="str"), "Asia/Shanghai").values
    assert column[0].item() == moment - timedelta(hours=hours)


@settings(deadline=None)
@given(st.dates(datetime(1992, 1, 1).date(), datetime(2099, 12, 31).date()))
def test_day_and_month_in_front_only_where_they_cannot_be_mistaken(day):
    texts = [f"{day:%d/%m/%Y}", f"{day:%m/%d/%Y}", f"{day:%d-%m-%Y}"]
    for text in texts:
        if day.day > 12 or day.day == day.month:
            assert parse_time(text).date() == day
        else:
            with pytest.raises(Unreadable, match="分不清"):
                parse_time(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("3月1日", "没有年份"),
        ("03-01", "没有年份"),
        ("3.1 9:05", "没有年份"),
        ("2026年3月", "没有写到日"),
        ("2026-03", "没有写到日"),
        ("202603", "没有写到日"),
        ("2026年", "只有年份"),
        ("26-3-1", "年份没有写满四位"),
        ("26年3月1日", "年份没有写满四位"),
        ("2026-02-30", "没有 2026 年 2 月 30 日"),
        ("20260230", "没有 2026 年 2 月 30 日"),
        ("2026-13-01", "没有 2026 年 13 月 1 日"),
        ("13/13/2026", "没有 2026 年 13 月 13 日"),
        ("2026-03-01 25:00", "没有 25:00:00 这个时刻"),
        ("2026-03-01 9:60", "没有 9:60:00 这个时刻"),
        ("2026-03-01 9", "不是时刻"),
        ("2026-03-109:05", "不是看得懂"),
        ("2026.3.1-3.5", "不是时刻"),
        ("2026-03-01 上午12:10", "说不清"),
        ("2026-03-01 晚上12点", "说不清"),
        ("2026-03-01 上午15:00", "说不清"),
        ("2026-03-01 09:05+99:00", "时区"),
        ("明天", "不是看得懂"),
        ("2026-03-01 九点", "不是时刻"),
        ("9" * 11, "不是日期"),
        ("9999-12-31 24:00", "年份不合理"),
        ("null\x00", "不是看得懂"),
        ("2026-03-01" * 1000, "不是看得懂"),
    ],
)
def test_what_is_not_a_clear_time_says_why(text, said):
    with pytest.raises(Unreadable, match=said):
        parse_time(text)
    parsed = times(pd.Series([text, "2026-03-01"], dtype="str"), "Asia/Shanghai")
    assert said in parsed.reasons[0]
    assert np.isnat(parsed.values[0])
    assert not np.isnat(parsed.values[1])


@pytest.mark.parametrize(
    ("text", "hour", "minute"),
    [
        ("2026-03-01 上午9:05", 9, 5),
        ("2026-03-01 下午3点", 15, 0),
        ("2026-03-01 下午12:30", 12, 30),
        ("2026-03-01 下午15:30", 15, 30),
        ("2026-03-01 凌晨12点半", 0, 30),
        ("2026-03-01 中午1点", 13, 0),
        ("2026-03-01 晚上8点整", 20, 0),
        ("2026-03-01 12:00 AM", 0, 0),
        ("2026-03-01 12:00 PM", 12, 0),
    ],
)
def test_halves_of_the_day(text, hour, minute):
    assert parse_time(text) == datetime(2026, 3, 1, hour, minute)


def test_midnight_at_the_end_of_a_day():
    assert parse_time("2026-12-31 24:00") == datetime(2027, 1, 1)


def test_unix_time():
    moment = datetime(2026, 3, 1, 1, 5, tzinfo=UTC)
    seconds = int(moment.timestamp())
    assert parse_time(str(seconds)) == parse_time(f"{seconds}000") == moment


def test_hours_that_clocks_repeat_and_leave_out():
    column = pd.Series(["2014-11-02 01:30", "2014-03-09 02:30"], dtype="str")
    repeated, left_out = times(column, "America/Chicago").values
    assert repeated == np.datetime64("2014-11-02T06:30")  # the first of the two
    assert left_out == np.datetime64("2014-03-09T08:00")  # the moment of the jump


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet="0123456789-/.:年月日时分秒上下午TZ +", max_size=24))
def test_any_text_is_read_or_refused_with_a_chinese_reason(text):
    why = ""
    try:
        parse_time(text)
    except Unreadable as error:
        why = str(error)
    assert why == "" or CHINESE.search(why)
    if clean(pd.Series([text], dtype="str")).notna().all():
        parsed = times(clean(pd.Series([text], dtype="str")), "Asia/Shanghai")
        assert bool(parsed.reasons) == np.isnat(parsed.values[0]) == (why != "")
