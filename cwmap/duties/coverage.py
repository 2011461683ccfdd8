"""What the duty register lacks (责任覆盖): posts without a holder, and what cannot be right."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.sparse.csgraph import minimum_spanning_tree

from cwmap import units
from cwmap.duties.duties import EXPECTED, FIVE, SINGLE, register, shown
from cwmap.town import Town

DAY = (7 * 60, 18 * 60)
"""Minutes of the day in which a lane should have somebody on it; the office may say otherwise."""
ON_THE_LANE = ("cleaner", "grid_officer")
"""Roles whose hours are spent on the lane."""
HEAVY = 2.0
"""A holder is overloaded above so many times the median of the role, in units or in metres."""
APART_M = 500.0
"""Lanes of one holder are scattered where a gap between them is wider, in metres."""
_HOUR = r"(\d{1,2})\s*(?:[:：时点]\s*(\d{1,2})?\s*分?)?"
_SPAN = re.compile(rf"{_HOUR}\s*(?:-|－|–|—|―|~|～|至|到)+\s*(?:次日)?\s*{_HOUR}")
_ROUND_THE_CLOCK = re.compile(r"全天|24\s*小时")

Shapes = npt.NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class Coverage:
    """What is missing or wrong in the register on a day; see `coverage`. Frames have one finding a row.

    missing: unit, name, role. contradictions: unit, name, role, holders (their names). overloaded:
    role, holder, name, units, metres, times (of the median). uncovered: unit, name, spans (text),
    minutes. unclear: unit, name, role, hours (text that names no hours, or None). scattered: role,
    holder, name, units, gap_m. incomplete: unit, name, role, person, lacks (words). unknown: the
    table's rows whose lane is not on the map. expected: posts there should be.
    """

    day: date
    expected: int
    missing: pd.DataFrame
    contradictions: pd.DataFrame
    overloaded: pd.DataFrame
    uncovered: pd.DataFrame
    unclear: pd.DataFrame
    scattered: pd.DataFrame
    incomplete: pd.DataFrame
    unknown: pd.DataFrame

    @property
    def filled_share(self) -> float | None:
        """Posts with a holder ÷ posts there should be."""
        return 1 - len(self.missing) / self.expected if self.expected else None


def coverage(town: Town, day: date | None = None) -> Coverage:
    """The register held against the map on a day (the town's last, if not given)."""
    day = day or town.as_of
    return town.kept(("coverage", day), lambda: _coverage(town, day))


def _coverage(town: Town, day: date) -> Coverage:
    rows = register(town).on(day)
    held = rows[rows["holder"].notna()]
    lanes = units.units(town)
    lanes = lanes[lanes["layer"] == "lanes"]
    uncovered, unclear = _hours(held, lanes)
    return Coverage(
        day=day, expected=len(lanes) * len(EXPECTED),
        missing=_missing(held, lanes), contradictions=_contradictions(held),
        overloaded=_overloaded(town, held), uncovered=uncovered, unclear=unclear,
        scattered=_scattered(town, held), incomplete=_incomplete(rows),
        unknown=register(town).unknown,
    )  # fmt: skip


def _missing(held: pd.DataFrame, lanes: pd.DataFrame) -> pd.DataFrame:
    wanted = pd.MultiIndex.from_product([lanes.index, EXPECTED], names=["unit", "role"])
    there = pd.MultiIndex.from_frame(held[["unit", "role"]])
    left = wanted[~wanted.isin(there)].to_frame(index=False)
    return left.assign(name=lanes["name"].reindex(left["unit"]).to_numpy(object))


def _contradictions(held: pd.DataFrame) -> pd.DataFrame:
    """Posts for one that have two holders on the same day."""
    pairs = held[held["role"].isin(SINGLE)].drop_duplicates(["place", "post_key"])
    several = pairs[pairs.duplicated(["place", "role"], keep=False)].assign(shown=shown)
    found = several.groupby(["unit", "name", "role"], sort=False)["shown"].agg("、".join)
    return found.rename("holders").reset_index()


def _of_holders(town: Town, held: pd.DataFrame) -> pd.DataFrame:
    """Each holder of a role: units and metres."""
    each = held.drop_duplicates(["post_key", "place"])
    length = np.nan_to_num(units.units(town)["length_m"].to_numpy(float))[each["place"]]
    group, _ = pd.factorize(each["post_key"])
    first = each.drop_duplicates("post_key")
    return pd.DataFrame(
        {
            "role": first["role"].to_numpy(object), "holder": first["holder"].to_numpy(object),
            "name": shown(first).to_numpy(object), "units": np.bincount(group),
            "metres": np.bincount(group, length),
        }
    )  # fmt: skip


def _overloaded(town: Town, held: pd.DataFrame) -> pd.DataFrame:
    mine = _of_holders(town, held[held["role"].isin(ON_THE_LANE)])
    usual = mine.groupby("role")[["units", "metres"]].transform("median")
    ratio = mine[["units", "metres"]].div(usual.where(usual > 0)).max(axis=1)
    heavy = mine.assign(times=ratio)[ratio > HEAVY]
    return heavy.sort_values("times", ascending=False, ignore_index=True)


def _scattered(town: Town, held: pd.DataFrame) -> pd.DataFrame:
    """Holders whose units lie in groups that are far apart: the widest link that joins them."""
    shapes = units.shapes_m(town)
    each = held.drop_duplicates(["post_key", "place"])
    place, key = each["place"].to_numpy(), each["post_key"].to_numpy()
    order = np.argsort(key, kind="stable")
    known: dict[tuple[int, ...], float] = town.kept("unit gaps", dict)  # few change from day to day
    far: list[tuple[int, int, float]] = []
    for rows in np.split(order, np.flatnonzero(np.diff(key[order])) + 1):
        places = tuple(sorted(place[rows].tolist()))
        gap = known.get(places)
        if gap is None:
            gap = known[places] = widest_gap_m(shapes[list(places)])
        if gap > APART_M:
            far.append((int(rows[0]), len(rows), gap))
    first = each.iloc[[at for at, _, _ in far]]
    table = pd.DataFrame(
        {
            "role": first["role"].to_numpy(object), "holder": first["holder"].to_numpy(object),
            "name": shown(first).to_numpy(object), "units": [n for _, n, _ in far],
            "gap_m": [gap for _, _, gap in far],
        }
    )  # fmt: skip
    return table.sort_values("gap_m", ascending=False, ignore_index=True)


def widest_gap_m(shapes: Shapes) -> float:
    """The longest link of the shortest tree that joins shapes (metric), 0 for fewer than two."""
    shapes = shapes[~shapely.is_missing(shapes)]
    if len(shapes) < 2:
        return 0.0
    apart = shapely.distance(shapes[:, None], shapes[None, :])
    return float(minimum_spanning_tree(apart).max())


def _incomplete(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows that lack one of the five."""
    some = rows[~rows["complete"]]
    lacks = [
        "、".join(
            word for name, word in FIVE.items()
            if pd.isna(row[name]) and not (name == "person" and row["role"] == "unit")
        )
        for row in some[["role", *FIVE]].to_dict("records")
    ]  # fmt: skip
    table = some[["unit", "name", "role", "person"]].assign(lacks=lacks)
    return table[table["lacks"] != ""].reset_index(drop=True)


def _hours(held: pd.DataFrame, lanes: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lanes with a part of `DAY` in which nobody is on them, and rows whose hours say nothing."""
    mine = held[held["role"].isin(ON_THE_LANE) & held["unit"].isin(lanes.index)]
    parsed = [spans(text) for text in mine["hours"]]
    told = np.array([bool(p) for p in parsed], bool)
    by_unit: dict[str, list[tuple[int, int]]] = {}
    for unit, found in zip(mine["unit"], parsed, strict=True):
        by_unit.setdefault(unit, []).extend(found)
    free = {unit: left_of_day(found) for unit, found in by_unit.items() if found}
    names = lanes["name"].to_dict()
    rows = [
        (unit, names[unit], "、".join(_clock(s) for s in left),
         sum(b - a for a, b in left))
        for unit, left in free.items() if left
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["unit", "name", "spans", "minutes"])
    table = table.sort_values(["minutes", "unit"], ascending=[False, True], ignore_index=True)
    return table, mine.loc[~told, ["unit", "name", "role", "hours"]].reset_index(drop=True)


@lru_cache(maxsize=4096)
def spans(text: object) -> tuple[tuple[int, int], ...]:
    """Hours as people write them → minutes of the day, from and to; () where none are named.

    06:00-12:00、14时至18时30分; past midnight is split. 全天 and 24小时 are the whole day.
    """
    if not isinstance(text, str):
        return ()
    found: list[tuple[int, int]] = []
    for a, am, b, bm in _SPAN.findall(text):
        start, end = int(a) * 60 + int(am or 0), int(b) * 60 + int(bm or 0)
        if max(start, end) > 24 * 60:
            continue
        found += [(start, end)] if start < end else [(start, 24 * 60), (0, end)]
    if not found and _ROUND_THE_CLOCK.search(text):
        return ((0, 24 * 60),)
    return tuple(span for span in found if span[0] < span[1])


def left_of_day(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """What spans of minutes leave of `DAY`, in order."""
    left, at = [], DAY[0]
    for start, end in sorted(found):
        if start > at:
            left.append((at, min(start, DAY[1])))
        at = max(at, end)
        if at >= DAY[1]:
            break
    if at < DAY[1]:
        left.append((at, DAY[1]))
    return [(a, b) for a, b in left if a < b]


def _clock(span: tuple[int, int]) -> str:
    return "–".join(f"{m // 60:02d}:{m % 60:02d}" for m in span)
