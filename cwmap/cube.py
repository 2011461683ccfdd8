"""Counts of reports by place × category × status × lateness × source × day.

A report falls into one *spot* (the combination of its lane, cell, community and area) and one
*sort* (the combination of its category, status, lateness and source); few of either occur. The
cube keeps the distinct (spot, sort) rows of every day, 8 days, 64 days and 512 days with their
counts, so that any period is a handful of blocks: exact, and soon independent of the number of
reports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

Counts = npt.NDArray[np.int64]
_Rows = tuple[Counts, Codes, Codes, Counts | None]
"""Day, spot, sort and, if not one each, number of reports."""

FANOUT = 8
LEVELS = 4


@dataclass(frozen=True)
class _Level:
    """Distinct rows of each block of `days` days; `offsets[b]:offsets[b + 1]` is block b."""

    days: int
    spot: Codes
    sort: Codes
    count: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Slice:
    """The rows of the cube that a question leaves: parallel arrays of spot, sort and count."""

    spot: Codes
    sort: Codes
    count: npt.NDArray[np.int64]

    @property
    def total(self) -> int:
        """Number of reports."""
        return int(self.count.sum())


class Cube:
    """See the module. `spots` and `sorts` map a dimension's name to its code in each spot or sort."""

    def __init__(
        self, days: Codes, places: Mapping[str, Codes], properties: Mapping[str, Codes]
    ) -> None:
        """Build from parallel arrays, one entry a report.

        Parameters
        ----------
        days : (n,) day numbers from 0, not negative
        places, properties : name → (n,) codes; −1 for none
        """
        self.report_spot, self.spots = _combine(places)
        self.report_sort, self.sorts = _combine(properties)
        self.days = int(days.max(initial=-1)) + 1
        rows: _Rows = (days.astype(np.int64), self.report_spot, self.report_sort, None)
        levels = []
        for power in range(LEVELS):
            level = self._level(rows, FANOUT**power)
            levels.append(level)
            block = np.repeat(np.arange(len(level.offsets) - 1), np.diff(level.offsets))
            rows = (block * level.days, level.spot, level.sort, level.count)
        self._levels = levels

    def _level(self, rows: _Rows, days: int) -> _Level:
        day, spot, sort, count = rows
        spots = len(next(iter(self.spots.values()), ()))
        sorts = len(next(iter(self.sorts.values()), ()))
        key = (day // days * spots + spot) * sorts + sort
        unique, inverse, counts = np.unique(key, return_inverse=True, return_counts=True)
        if count is not None:
            counts = np.bincount(inverse, weights=count, minlength=len(unique)).astype(np.int64)
        rest, sort_of = np.divmod(unique, max(sorts, 1))
        block, spot_of = np.divmod(rest, max(spots, 1))
        offsets = np.searchsorted(block, np.arange(-(-self.days // days) + 1))
        return _Level(
            days, spot_of.astype(np.int32), sort_of.astype(np.int32), counts.astype(np.int64), offsets
        )  # fmt: skip

    def slice(
        self, first: int, last: int, spots: Mask | None = None, sorts: Mask | None = None
    ) -> Slice:
        """Rows of the days `first`…`last` (both included) whose spot and sort are wanted."""
        parts = [
            (level.spot[a:b], level.sort[a:b], level.count[a:b])
            for level, a, b in self._blocks(max(first, 0), min(last, self.days - 1) + 1)
        ]
        if not parts:
            none = np.zeros(0, np.int32)
            return Slice(none, none, np.zeros(0, np.int64))
        spot, sort, count = (
            np.concatenate(p) if len(p) > 1 else p[0] for p in zip(*parts, strict=True)
        )
        keep = None
        if sorts is not None and not sorts.all():
            keep = sorts[sort]
        if spots is not None and not spots.all():
            keep = spots[spot] if keep is None else keep & spots[spot]
        if keep is not None:
            spot, sort, count = spot[keep], sort[keep], count[keep]
        return Slice(spot, sort, count)

    def by_spot(self, rows: Slice, dimension: str, size: int) -> npt.NDArray[np.int64]:
        """Counts by a place dimension: (size,); reports without that place are left out."""
        return _tally(self.spots[dimension][rows.spot], rows.count, size)

    def by_sort(self, rows: Slice, dimension: str, size: int) -> npt.NDArray[np.int64]:
        """Counts by a property: (size,)."""
        return _tally(self.sorts[dimension][rows.sort], rows.count, size)

    def by_day(
        self, first: int, last: int, spots: Mask | None = None, sorts: Mask | None = None
    ) -> npt.NDArray[np.int64]:
        """Counts of each day `first`…`last`: (last − first + 1,); days without data count 0."""
        series = np.zeros(max(last - first + 1, 0), np.int64)
        begin, end = max(first, 0), min(last, self.days - 1) + 1
        if begin >= end:
            return series
        level = self._levels[0]
        a, b = level.offsets[begin], level.offsets[end]
        count = level.count[a:b].copy()
        if spots is not None:
            count *= spots[level.spot[a:b]]
        if sorts is not None:
            count *= sorts[level.sort[a:b]]
        sums = np.concatenate(([0], np.cumsum(count)))
        edges = level.offsets[begin : end + 1] - a
        series[begin - first : end - first] = np.diff(sums[edges])
        return series

    def _blocks(self, begin: int, end: int) -> list[tuple[_Level, int, int]]:
        """The fewest blocks that make up the days begin…end−1."""
        found: list[tuple[_Level, int, int]] = []
        self._cover(begin, end, LEVELS - 1, found)
        return found

    def _cover(
        self, begin: int, end: int, power: int, found: list[tuple[_Level, int, int]]
    ) -> None:
        if begin >= end:
            return
        level = self._levels[power]
        # The last block may be short: it is whole if it reaches the last day.
        low = -(-begin // level.days)
        high = end // level.days if end < self.days else len(level.offsets) - 1
        if low >= high:
            if power:
                self._cover(begin, end, power - 1, found)
            return
        self._cover(begin, low * level.days, power - 1, found)
        found.append((level, int(level.offsets[low]), int(level.offsets[high])))
        self._cover(high * level.days, end, power - 1, found)


def _combine(codes: Mapping[str, Codes]) -> tuple[Codes, dict[str, Codes]]:
    """Number the combinations that occur: (number of each report, name → code of each number)."""
    key = np.zeros(len(next(iter(codes.values()))), np.int64)
    for values in codes.values():
        key = key * (int(values.max(initial=-1)) + 2) + values + 1
        # Renumbered each time, so that the product never overflows.
        key = np.unique(key, return_inverse=True)[1].astype(np.int64)
    numbers, first = np.unique(key, return_index=True)
    assert len(numbers) == key.max(initial=-1) + 1
    return key.astype(np.int32), {n: v[first].astype(np.int32) for n, v in codes.items()}


def _tally(codes: Codes, count: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.int64]:
    tally = np.bincount(codes + 1, weights=count, minlength=size + 1)[1:]
    return tally.astype(np.int64)
