"""What stands in a cell, as the text that a person would read there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pandas as pd

MAX_ROWS = 5_000_000
MAX_COLUMNS = 300
MAX_WIDTH = 10 * MAX_COLUMNS  # with columns that have no header

# NUL, and the marks that show nothing but make 编号 differ from 编号: zero-width blanks and joiners,
# directions of writing (Windows dialogs put them into copied text), word joiner, BOM.
MARKS = "\0\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff"
_ANY_MARK = f"[{MARKS}]"

# Excel, and a double in any other file, keep 15 digits of a number for certain.
SURE_DIGITS = 15
_LONG = 10**SURE_DIGITS


def without_marks(text: str) -> str:
    """Text without `MARKS`; a text that has none, which is nearly every one, costs no copy."""
    for mark in MARKS:
        if mark in text:
            text = text.replace(mark, "")
    return text


def clean(column: pd.Series) -> pd.Series:
    """A str column without `MARKS`, line ends as in Excel (\\n), no outer blanks; '' is missing."""
    column = column.str.replace(_ANY_MARK, "", regex=True)
    return stripped(column.str.replace("\r\n?", "\n", regex=True))


def stripped(column: pd.Series) -> pd.Series:
    """A str column without blanks (full-width ones too) around the text; '' becomes missing."""
    column = column.str.strip()
    return column.mask(column == "")


class CellTexts:
    """Turns values into text, and remembers which columns hold numbers with too many digits."""

    def __init__(self) -> None:
        self.long_columns: dict[int, int] = {}

    def column(self, values: Iterable[object], number: int) -> list[str | None]:
        """The values of one column as text; None where a cell is empty."""
        self._long = 0
        texts = [v if type(v) is str else self._text(v) for v in values]
        if self._long:
            self.long_columns[number] = self.long_columns.get(number, 0) + self._long
        return texts

    def _text(self, value: object) -> str | None:
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "是" if value else "否"
        if isinstance(value, int):
            return str(value)
        if isinstance(value, float):
            self._long += abs(value) >= _LONG
            return number_text(value)
        if isinstance(value, datetime):
            return moment_text(value)
        if isinstance(value, timedelta):
            return _span_text(value)
        if isinstance(value, date | time):
            return value.isoformat() if isinstance(value, date) else value.strftime("%H:%M:%S")
        return str(value)


def number_text(value: float) -> str | None:
    """A number with the digits that Excel shows: 12 for 12.0, 0.3 for 0.1+0.2, no exponent.

    Whole numbers keep all the digits that a double has. None for what is no number.
    """
    shortest = repr(value)
    if len(shortest) <= SURE_DIGITS + 1 and shortest.replace(".", "").isdigit():
        return shortest.removesuffix(".0")
    if value != value or abs(value) == float("inf"):
        return None
    if value == int(value) and abs(value) < 1e21:
        return str(int(value))
    return format(Decimal(f"{value:.{SURE_DIGITS}g}"), "f")


def moment_text(value: datetime) -> str:
    """'YYYY-MM-DD', or 'YYYY-MM-DD HH:MM:SS' where there is a time of day; a zone stays on it."""
    # A spreadsheet stores days as fractions: 10:30:00 may come back as 10:29:59.999997.
    if value.microsecond >= 500_000 and value.year < 9999:
        value += timedelta(seconds=1)
    value = value.replace(microsecond=0)
    if value.tzinfo is None and value.time() == time():
        return value.date().isoformat()
    return value.isoformat(sep=" ")


def _span_text(value: timedelta) -> str:
    """A duration ([h]:mm in Excel) as hours:minutes:seconds."""
    seconds = round(value.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def column_letters(column: int) -> str:
    """Excel's name of a column counted from 0: A … Z, AA …"""
    name = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        name = chr(65 + letter) + name
    return name


def unique(labels: Sequence[str]) -> list[str]:
    """Labels with （2）, （3） … behind those that came before."""
    taken: set[str] = set()
    result = []
    for label in labels:
        name, n = label, 1
        while name in taken:
            n += 1
            name = f"{label}（{n}）"
        taken.add(name)
        result.append(name)
    return result
