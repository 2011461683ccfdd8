"""What a brief is made of, computed once and the same in every format. All text is Chinese."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from cwmap.drawing.sheet import Sheet

Tone = Literal["", "good", "fair", "bad"]


@dataclass(frozen=True)
class Figure:
    """One number in large type: label, value with its unit, and what it is of."""

    label: str
    value: str
    unit: str = ""
    note: str = ""
    tone: Tone = ""


@dataclass(frozen=True)
class Column:
    """header; number: set to the right; weight: share of the table's width."""

    header: str
    number: bool = False
    weight: float = 1.0


@dataclass(frozen=True)
class Table:
    """columns, and rows of as many texts. more: how many rows there are beyond these."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    more: int = 0


@dataclass(frozen=True)
class Pair:
    """Photos of one task before and after (整治前后), as JPEG."""

    caption: str
    before: bytes
    after: bytes


@dataclass(frozen=True)
class Section:
    """One question of the meeting. sentence: its answer; points: what else must be said, a line each."""

    key: str
    heading: str
    sentence: str
    figures: tuple[Figure, ...] = ()
    points: tuple[str, ...] = ()
    table: Table | None = None
    map: Sheet | None = None
    photos: tuple[Pair, ...] = ()


@dataclass(frozen=True)
class Brief:
    """See `cwmap.brief.brief`. caption: the filter; dated: the day of the print; notes: 口径说明."""

    title: str
    town: str
    office: str
    period: str
    caption: str
    dated: date
    as_of: date
    review: str
    synthetic: bool
    sections: tuple[Section, ...]
    notes: tuple[str, ...]

    def section(self, key: str) -> Section | None:
        """The section of this key; None if the brief has none."""
        return next((s for s in self.sections if s.key == key), None)

    @property
    def issued(self) -> str:
        """The day of the print as it stands under a document."""
        return f"{self.dated.year}年{day_words(self.dated)}"

    @property
    def issuer(self) -> str:
        """Who issues it."""
        return self.office or self.town


def day_words(day: date) -> str:
    """A day within a year as it is read out: 1月5日."""
    return f"{day.month}月{day.day}日"


SYNTHETIC_WORDS = "示例数据，全部虚构，不得作为依据"
