import re
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cwmap.checks.values import (
    Unreadable,
    choices,
    clean,
    header_factor,
    meant,
    numbers,
    parse_number,
    words,
)

WIDE = str.maketrans("0123456789.,-", "０１２３４５６７８９．，－")
SPELLINGS = {
    "plain": str,
    "thousands": lambda n: f"{n:,}",
    "wide": lambda n: str(n).translate(WIDE),
    "wide thousands": lambda n: f"{n:,}".translate(WIDE),
    "unit": lambda n: f"{n}米",
    "unit apart": lambda n: f" {n} 米 ",
    "zeros": lambda n: f"{n}.00",
    "kilometres": lambda n: f"{Decimal(n) / 1000}公里",
    "km": lambda n: f"{Decimal(n) / 1000} km",
    "ten thousands": lambda n: f"{Decimal(n) / 10000}万",
    "ten thousands with unit": lambda n: f"{Decimal(n) / 10000}万米",
}


@settings(deadline=None, max_examples=200)
@given(st.integers(-(10**9), 10**9))
def test_every_spelling_of_a_number(number):
    texts = {name: spell(number) for name, spell in SPELLINGS.items()}
    for name, text in texts.items():
        assert parse_number(text, "米") == (number, False), name
    parsed = numbers(clean(pd.Series(list(texts.values()), dtype="str")), "米")
    assert not parsed.reasons
    assert parsed.values.tolist() == [number] * len(texts)


@settings(deadline=None)
@given(st.floats(-1e12, 1e12).filter(lambda number: number == 0 or abs(number) > 1e-4))
def test_decimals_come_back_exactly(number):
    text = f"{Decimal(repr(number)):f}"
    assert parse_number(text)[0] == number
    assert numbers(pd.Series([text], dtype="str")).values[0] == number


@pytest.mark.parametrize(
    "text", ["约300", "大约 300 米", "300余米", "300左右", "近300", "300米上下"]
)
def test_about_is_taken_and_noted(text):
    assert parse_number(text, "米") == (300, True)
    parsed = numbers(pd.Series([text, "300"], dtype="str"), "米")
    assert list(parsed.notes) == [0]
    assert "300" in parsed.notes[0]


@pytest.mark.parametrize(
    ("text", "unit", "said"),
    [
        ("1,23", "", "不是数字"),
        ("1.2.3", "", "不是数字"),
        ("三百", "", "不是数字"),
        ("3/4", "", "不是数字"),
        ("300+", "", "不是数字"),
        ("200-300", "米", "不是数字"),
        ("inf", "", "不是数字"),
        ("1_000", "", "不是数字"),
        ("1e400", "", "数字太大"),
        ("5人", "米", "“人”不是这里能用的单位"),
        ("2亩", "米", "“亩”不是这里能用的单位"),
        ("0x10", "", "不是这里能用的单位"),
        ("", "", "不是数字"),
    ],
)
def test_what_is_no_number_says_why(text, unit, said):
    with pytest.raises(Unreadable, match=said):
        parse_number(text, unit)


@pytest.mark.parametrize(
    ("header", "unit", "factor"),
    [
        ("长度(公里)", "米", 1000),
        ("长度（km）", "米", 1000),
        ("长度(米)", "米", 1),
        ("长度", "米", 1),
        ("长度(2026年测)", "米", 1),
        ("面积[公顷]", "平方米", 10_000),
        ("时限（天）", "小时", 24),
    ],
)
def test_unit_in_the_header(header, unit, factor):
    assert header_factor(header, unit) == factor
    cells = numbers(pd.Series(["2"], dtype="str"), unit, header_factor(header, unit))
    assert cells.values.tolist() == [2 * factor]


def test_a_unit_of_another_kind_in_the_header_is_refused():
    with pytest.raises(Unreadable, match="应为米"):
        header_factor("长度(亩)", "米")


def test_a_cell_with_its_own_unit_does_not_care_for_the_header():
    parsed = numbers(pd.Series(["210米", "0.21"], dtype="str"), "米", Decimal(1000))
    assert parsed.values.tolist() == [210, 210]


def test_clean_and_meant():
    cells = ["\u3000 a\xa0\ufeff", "", "  ", None, "'=1+1", "''@x", "'quoted'", "无", "N/A", "-"]
    text = clean(pd.Series(cells, index=range(5, 15), dtype="str"))
    assert text.index.tolist() == list(range(5, 15))
    assert text.astype(object).where(text.notna(), None).tolist() == [
        "a", None, None, None, "=1+1", "'@x", "'quoted'", "无", "N/A", "-",
    ]  # fmt: skip
    assert (
        meant(text).isna().tolist() == [False, True, True, True, False, False, False] + [True] * 3
    )


def test_words_keep_what_is_missing_apart_from_what_is_unknown():
    known = choices({"open": ("待处理", "in progress")}, {"open": "未办"})
    text = clean(pd.Series(["待 处理", "IN-PROGRESS", None, "怪", "Open", "未办*"], dtype="str"))
    parsed = words(
        text,
        lambda word: known.get(word.lower().replace(" ", "").replace("-", "").rstrip("*")),
        "不认识",
    )
    assert parsed.values.tolist() == ["open", "open", None, None, "open", "open"]
    assert parsed.reasons == {3: "不认识"}


@settings(deadline=None, max_examples=300)
@given(
    st.text(alphabet="0123456789.,eE+-约万千米公里 人余", max_size=12), st.sampled_from(["米", ""])
)
def test_any_text_is_a_finite_number_or_refused_in_chinese(text, unit):
    why, value = "", 0.0
    try:
        value, _ = parse_number(text, unit)
    except Unreadable as error:
        why = str(error)
    assert np.isfinite(value)
    assert why == "" or re.search("[\u4e00-\u9fff]", why)
    cell = clean(pd.Series([text], dtype="str"))
    if cell.notna().all():
        assert bool(numbers(cell, unit).reasons) == (why != "")
