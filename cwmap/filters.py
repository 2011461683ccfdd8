"""What is looked at: period, categories, status, place and source, and the same as a link's query.

The words are those of the command line (`--from`, `--category`, …), so that a link, a command
and a page mean the same thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta

from cwmap.errors import CwmapError
from cwmap.tables import REPORTS

LISTS = ("category", "status", "area", "community", "cell", "lane", "source")


@dataclass(frozen=True)
class Filter:
    """A question to the town. What is left empty is not restricted.

    `start` and `end` are local dates, both included. `category` holds category codes or group
    keys (`cwmap.norms`); the other tuples hold ids or canonical words.
    """

    start: date | None = None
    end: date | None = None
    category: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    area: tuple[str, ...] = ()
    community: tuple[str, ...] = ()
    cell: tuple[str, ...] = ()
    lane: tuple[str, ...] = ()
    source: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.start and self.end and self.start > self.end:
            raise CwmapError(f"起始日期 {self.start} 晚于截止日期 {self.end}；请交换两个日期。")
        unknown = set(self.status) - set(REPORTS["status"].choices)
        if unknown:
            known = "、".join(f"{k}（{v}）" for k, v in REPORTS["status"].labels.items())
            raise CwmapError(f"没有“{'、'.join(sorted(unknown))}”这种状态；可用的状态：{known}。")

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Filter:
        """From a link's query or the command line's words; other words are not looked at."""
        values: dict[str, tuple[str, ...]] = {}
        for word in LISTS:
            parts = (part.strip() for part in (query.get(word) or "").split(","))
            values[word] = tuple(dict.fromkeys(part for part in parts if part))
        return cls(start=_date(query.get("from")), end=_date(query.get("to")), **values)

    def to_query(self) -> dict[str, str]:
        """The shortest query that means this filter; empty parts are left out."""
        query = {"from": self.start, "to": self.end}
        words = {word: str(day) for word, day in query.items() if day}
        return words | {w: ",".join(getattr(self, w)) for w in LISTS if getattr(self, w)}

    def before(self) -> Filter | None:
        """The period of the same length just before this one; None if this one is open."""
        if not (self.start and self.end):
            return None
        days = (self.end - self.start).days + 1
        return replace(
            self, start=self.start - timedelta(days=days), end=self.start - timedelta(days=1)
        )

    @property
    def is_open(self) -> bool:
        """True if nothing is restricted."""
        return all(not getattr(self, f.name) for f in fields(self))


def _date(text: str | None) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise CwmapError(f"看不懂日期“{text}”；请写成 2026-03-01 的样子。") from error
