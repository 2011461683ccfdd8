"""Text of a cell → number or word, in the spellings that Chinese spreadsheets have.

Each distinct text of a column is looked at once, and the usual spellings of numbers never reach
Python code: a million rows take seconds.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cwmap.tables import normalise

_BLANKS = " \t\r\n\v\f\u00a0\u2002\u2003\u2009\u200b\u202f\u3000\ufeff"
# What people write where they have nothing to write; in free text it stays as it is.
_NOTHING = ("-", "--", "---", "—", "——", "/", "\\", "无", "暂无", "空", "null", "none", "nan", "nat",
            "n/a", "#n/a", "#value!", "#ref!", "#div/0!")  # fmt: skip

_ONE = Decimal(1)
# Unit of a column → units that a cell or a header may have instead, and what each is worth.
UNITS: dict[str, dict[str, Decimal]] = {
    "米": dict.fromkeys(("米", "m", "公尺"), _ONE)
    | dict.fromkeys(("公里", "千米", "km"), Decimal(1000))
    | dict.fromkeys(("里", "华里"), Decimal(500)),
    "平方米": dict.fromkeys(("平方米", "平米", "平方", "m2", "m^2"), _ONE)
    | dict.fromkeys(("公顷", "ha"), Decimal(10_000))
    | dict.fromkeys(("平方公里", "平方千米", "km2"), Decimal(1_000_000))
    | {"亩": Decimal(10_000) / 15},
    "人": dict.fromkeys(("人", "口", "名"), _ONE),
    "户": dict.fromkeys(("户", "家"), _ONE),
    "小时": dict.fromkeys(("小时", "个小时", "时", "h"), _ONE)
    | dict.fromkeys(("天", "日"), Decimal(24))
    | {"分钟": _ONE / 60},
    "": dict.fromkeys(("个", "座", "处", "位", "只", "摊", "摊位", "蹲位", "桶", "组", "分"), _ONE),
}
_SCALE = {"": 1, "百": 100, "千": 1000, "万": 10_000, "亿": 100_000_000}
_PLAIN_NUMBER = r"[+-]?(?:[0-9]{1,15}\.?[0-9]*|\.[0-9]+)"
_NUMBER = re.compile(
    r"""(?P<about>约|大约|大概|近|≈|~)? \s*
        (?P<number>[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+\.?[0-9]*|\.[0-9]+)
                   (?:[eE][+-]?[0-9]{1,3})?) \s*
        (?P<scale>[百千万亿]?) \s* (?P<more>多|余)? \s*
        (?P<unit>(?!左右|上下)[^\W\d_][\w^]*?)? \s* (?P<round>左右|上下)?""",
    re.VERBOSE,
)
_BRACKETS = re.compile(r"[(\[【](?P<unit>[^)\]】]*)[)\]】]")


class Unreadable(ValueError):
    """A text that is no value of its kind; the message is the reason, in Chinese."""


@dataclass(frozen=True)
class Parsed:
    """A column of values and its odd ones, by position: why rejected, or what was taken for it."""

    values: npt.NDArray[Any]
    reasons: Mapping[int, str] = field(default_factory=dict)
    notes: Mapping[int, str] = field(default_factory=dict)


def clean(column: pd.Series) -> pd.Series:
    """Text without blanks around it, of str dtype; empty becomes missing. The index stays.

    One apostrophe before = + - @ is taken off: `cwmap.workbook` puts it there, as people do, so
    that a spreadsheet does not take text for a formula.
    """
    text = column.astype("str").str.strip(_BLANKS)
    quoted = text.str.startswith("'", na=False)
    if quoted.any():
        guarded = quoted & text.str.match(r"'+[=+\-@\t\r]", na=False)
        text = text.mask(guarded, text.str[1:])
    return text.mask(text.eq(""))


def meant(text: pd.Series) -> pd.Series:
    """Cleaned text in which the words for nothing (无, -, N/A) are missing too."""
    return text.mask(text.str.lower().isin(_NOTHING))


def by_word(text: pd.Series, parse: Callable[[pd.Series], Parsed]) -> Parsed:
    """A column of cleaned text by its distinct texts: `parse` gets them without missing ones."""
    codes, distinct = pd.factorize(text)
    found = parse(pd.Series(distinct, dtype="str"))
    # A last value for what is missing, of the same dtype.
    missing = np.array([None], dtype=object) if found.values.dtype == object else np.array([np.nan])
    if found.values.dtype.kind == "M":
        missing = np.array(["NaT"], found.values.dtype)
    values = np.concatenate([found.values, missing.astype(found.values.dtype)])[codes]

    def spread(said: Mapping[int, str]) -> dict[int, str]:
        if not said:
            return {}
        at = np.flatnonzero(np.isin(codes, list(said)))
        return {int(i): said[int(c)] for i, c in zip(at, codes[at], strict=True)}

    return Parsed(values, spread(found.reasons), spread(found.notes))


def words(text: pd.Series, find: Callable[[str], str | None], reason: str) -> Parsed:
    """Canonical words, object, None where missing; `reason` where `find` gives None."""

    def parse(distinct: pd.Series) -> Parsed:
        found = np.array([find(word) for word in distinct], dtype=object)
        return Parsed(found, {at: reason for at, word in enumerate(found) if word is None})

    return by_word(text, parse)


def numbers(text: pd.Series, unit: str = "", factor: Decimal = _ONE) -> Parsed:
    """Numbers in the column's unit, float64, NaN where missing. `factor`: see `header_factor`."""

    def parse(distinct: pd.Series) -> Parsed:
        plain = distinct.str.fullmatch(_PLAIN_NUMBER).to_numpy(bool)
        values = np.full(len(distinct), np.nan)
        values[plain] = pd.to_numeric(distinct[plain]).to_numpy(float) * float(factor)
        reasons, notes = {}, {}
        for at in np.flatnonzero(~plain):
            try:
                values[at], about = parse_number(distinct.iloc[at], unit, factor)
            except Unreadable as error:
                reasons[int(at)] = str(error)
            else:
                if about:
                    notes[int(at)] = f"是约数，按 {values[at]:g} 记入"
        return Parsed(values, reasons, notes)

    return by_word(text, parse)


def parse_number(text: str, unit: str = "", factor: Decimal = _ONE) -> tuple[float, bool]:
    """A number in `unit`, and whether it is said to be only about right (约 300).

    Takes 1,234.5, 1.2万, 210米, 3.5公里, full-width digits. `factor`: what one is worth where the
    text has no unit.
    """
    match = _NUMBER.fullmatch(unicodedata.normalize("NFKC", text).strip())
    if match is None:
        raise Unreadable("不是数字")
    worth, written = factor, (match["unit"] or "").lower()
    if written:
        known = UNITS.get(unit, {})
        if written not in known:
            expected = f"这一列的单位是{unit}" if unit else "这一列没有单位"
            raise Unreadable(f"“{written}”不是这里能用的单位，{expected}")
        worth = known[written]
    number = Decimal(match["number"].replace(",", ""))
    value = float(number * _SCALE[match["scale"]] * worth)
    if not np.isfinite(value):
        raise Unreadable("数字太大")
    return value, bool(match["about"] or match["more"] or match["round"])


def header_factor(header: str, unit: str) -> Decimal:
    """What a number is worth under a header with its own unit: 长度(公里) for metres is 1000.

    Brackets that hold no unit are not looked at. Unreadable: a unit of another kind.
    """
    for match in _BRACKETS.finditer(unicodedata.normalize("NFKC", header)):
        written = match["unit"].strip().lower()
        if written in UNITS.get(unit, {}):
            return UNITS[unit][written]
        if any(written in known for known in UNITS.values()):
            raise Unreadable(f"“{header}”的单位是{written}，应为{unit or '没有单位'}")
    return _ONE


def choices(known: Mapping[str, tuple[str, ...]], labels: Mapping[str, str]) -> dict[str, str]:
    """Normalised word → canonical choice, of its name, label and aliases."""
    return {
        normalise(word): choice
        for choice, aliases in known.items()
        for word in (choice, labels.get(choice, choice), *aliases)
    }
