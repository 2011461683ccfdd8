"""The numbers that a page or an export may show: each is computed here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from cwmap.filters import Filter
from cwmap.residents import residents
from cwmap.tables import TABLES
from cwmap.town import CLOSED, IN_TIME, LATE, OPEN, PLACED, STATUSES, Town, View
from geo.coordinates import to_wgs84
from geo.heat import Kernel
from geo.hotspots import Rates, empirical_bayes_rate

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Summary:
    """A view in a few numbers. Counts are of reports that were reported in the period."""

    reports: int
    before: int | None
    open: int
    overdue: int
    closed: int
    judged: int
    in_time: int

    @property
    def change(self) -> float | None:
        """Change against the period before of the same length, as a share; None without one."""
        return (self.reports - self.before) / self.before if self.before else None

    @property
    def in_time_share(self) -> float | None:
        """本期按期率: fixed in time ÷ (fixed at a known time + open and overdue)."""
        return self.in_time / self.judged if self.judged else None


def summary(town: Town, question: Filter) -> Summary:
    """The four figures at the top of the map page."""
    view = town.view(question)
    status = town.cube.sorts["status"][view.rows.sort]
    late = town.cube.sorts["lateness"][view.rows.sort]
    count = view.rows.count
    is_open, closed = np.isin(status, OPEN), np.isin(status, CLOSED)
    overdue = int(count[is_open & (late == LATE)].sum())
    in_time = int(count[closed & (late == IN_TIME)].sum())
    late_closed = int(count[closed & (late == LATE)].sum())
    earlier = question.before()
    covered = earlier is not None and earlier.start is not None and earlier.start >= town.first_day
    return Summary(
        reports=view.rows.total,
        # Before the records began there is nothing to compare with.
        before=town.view(earlier).rows.total if earlier and covered else None,
        open=int(count[is_open].sum()),
        overdue=overdue,
        closed=int(count[closed].sum()),
        judged=in_time + late_closed + overdue,
        in_time=in_time,
    )


def unplaced(town: Town, question: Filter) -> int:
    """Reports of a view that belong to no lane: not on the map, but never lost."""
    chosen = town.selected(town.view(question))
    return int((town.reports.placed[chosen] == PLACED.index("unplaced")).sum())


def listed(town: Town, question: Filter, placed: str | None, number: int) -> tuple[int, list[str]]:
    """How many reports a view holds (placed in this way, if given), and the ids of the newest."""
    chosen = town.selected(town.view(question))
    if placed:
        chosen = chosen[town.reports.placed[chosen] == PLACED.index(placed)]
    return len(chosen), [str(i) for i in town.reports.ids[chosen[::-1][:number]]]


def group_counts(town: Town, question: Filter) -> dict[str, int]:
    """Reports by group of categories, as if no category were chosen; every group, in their order."""
    rows = town.view(replace(question, category=())).rows
    by_code = town.cube.by_sort(rows, "category", len(town.codes))
    counts = {group.key: 0 for group in town.categories.groups}
    for code, number in zip(town.codes, by_code, strict=True):
        counts[town.categories.group_of(code).key] += int(number)
    return counts


def status_counts(town: Town, question: Filter) -> dict[str, int]:
    """Reports by status, as if no status were chosen."""
    rows = town.view(replace(question, status=())).rows
    by_status = town.cube.by_sort(rows, "status", len(STATUSES))
    return dict(zip(STATUSES, (int(n) for n in by_status), strict=True))


def place_counts(town: Town, view: View, layer: str) -> pd.DataFrame:
    """Reports, open and overdue ones of each place of a layer; index: its ids."""
    size = len(town.layers[layer])
    status = town.cube.sorts["status"][view.rows.sort]
    late = town.cube.sorts["lateness"][view.rows.sort]
    is_open = np.isin(status, OPEN)
    return pd.DataFrame(
        {
            "reports": town.cube.by_spot(view.rows, layer, size),
            "open": _only(town, view, layer, is_open),
            "overdue": _only(town, view, layer, is_open & (late == LATE)),
        },
        index=town.layers[layer].index,
    )


def _only(town: Town, view: View, layer: str, keep: npt.NDArray[np.bool_]) -> Counts:
    rows = replace(
        view.rows, spot=view.rows.spot[keep], sort=view.rows.sort[keep], count=view.rows.count[keep]
    )
    return town.cube.by_spot(rows, layer, len(town.layers[layer]))


def lanes(town: Town, question: Filter) -> pd.DataFrame:
    """Lanes with their counts, rate and rank; index lane_id, ordered by id.

    `rate_per_100m` is the plain rate; `rank` orders the rate shrunk by empirical Bayes (Marshall
    1991), so that a 20 m lane with one report does not top the list; `rate_low` and `rate_high` are
    the bounds of its middle 90 %. Lanes without a report share the last rank.
    """
    frame = town.layers["lanes"]
    counts = place_counts(town, town.view(question), "lanes")
    hundreds = (frame["length_m"] / 100).to_numpy(float)
    rate = np.divide(
        counts["reports"], hundreds, out=np.full(len(frame), np.nan), where=hundreds > 0
    )
    shrunk = Rates(rate, np.full(len(frame), np.nan), np.full(len(frame), np.nan))
    if counts["reports"].sum():
        shrunk = empirical_bayes_rate(counts["reports"].to_numpy(float), hundreds)
    order = pd.Series(np.where(counts["reports"] > 0, shrunk.rate, -1.0), frame.index)
    return pd.DataFrame(
        {
            "name": frame["name"], "community_id": frame["community_id"],
            "length_m": frame["length_m"], "area_m2": frame["area_m2"], **counts,
            "rate_per_100m": rate, "rate_shrunk": shrunk.rate, "rate_low": shrunk.low,
            "rate_high": shrunk.high,
            "rank": order.rank(method="min", ascending=False).astype(int),
        }
    )  # fmt: skip


def cells(town: Town, question: Filter) -> pd.DataFrame:
    """Unit cells with their counts and rates; index cell_id, ordered by id."""
    return places(town, question, "cells")


def places(town: Town, question: Filter, layer: str) -> pd.DataFrame:
    """Cells, communities or areas with their counts and rates; index: ids, in order.

    rate_per_ha; residents, NaN where unknown (`cwmap.residents`); rate_per_1000 of them, NaN where
    they are unknown or none.
    """
    frame = town.layers[layer]
    counts = place_counts(town, town.view(question), layer)
    people = residents(town, layer)
    return counts.assign(
        name=frame["name"], area_m2=frame["area_m2"],
        rate_per_ha=counts["reports"] / (frame["area_m2"] / 10_000), residents=people,
        rate_per_1000=counts["reports"] / people.where(people > 0) * 1_000,
    )  # fmt: skip


def worst_lanes(town: Town, question: Filter, number: int = 10) -> pd.DataFrame:
    """The lanes with most reports for their length, best-founded first."""
    ranked = lanes(town, question)
    ranked = ranked[ranked["reports"] > 0]
    return ranked.sort_values(["rank", "reports"], ascending=[True, False]).head(number)


def weekly(town: Town, question: Filter, weeks: int = 26) -> pd.DataFrame:
    """Reports of each of the last weeks up to the end of the period: columns week (its first day), reports."""
    view = town.view(replace(question, start=None, end=None))
    end = min(question.end or town.as_of, town.as_of)
    last = (end - town.first_day).days
    first = last - 7 * weeks + 1
    days = town.cube.by_day(first, last, view.spots, view.sorts).reshape(weeks, 7)
    starts = [town.first_day + timedelta(days=first + 7 * w) for w in range(weeks)]
    series = pd.DataFrame({"week": starts, "reports": days.sum(axis=1)})
    # Weeks before the records began are unknown, not zero.
    return series[series["week"] >= town.first_day].reset_index(drop=True)


def by_category(town: Town, question: Filter) -> pd.DataFrame:
    """Reports by category, most first: columns category, name, group, colour, reports."""
    rows = town.view(question).rows
    counts = town.cube.by_sort(rows, "category", len(town.codes))
    found = [
        (code, town.categories.name(code), group.name, group.colour, int(number))
        for code, number in zip(town.codes, counts, strict=True)
        if number
        for group in [town.categories.group_of(code)]
    ]
    frame = pd.DataFrame(found, columns=["category", "name", "group", "colour", "reports"])
    return frame.sort_values(["reports", "category"], ascending=[False, True], ignore_index=True)


def bandwidths_m(town: Town) -> tuple[int, ...]:
    """Bandwidths to choose from, in metres; the third is the town's own.

    A ninetieth of the town's diagonal, to one significant digit: 80 m in a town of 6 × 4 km.
    """
    west, south, east, north = town.heat_grid.bounds
    own = float(f"{np.hypot(east - west, north - south) / 90:.0e}")
    return tuple(int(own * k) for k in (0.5, 0.75, 1, 1.5, 2, 3, 4))


def heat(
    town: Town, question: Filter, bandwidth_m: float | None = None, kernel: Kernel = "quartic"
) -> npt.NDArray[np.float32]:
    """Kernel density of a view: (rows, columns) of reports per hectare, north on top."""
    width_m = bandwidth_m or bandwidths_m(town)[2]
    return town.kept(
        ("heat", question, width_m, kernel),
        lambda: town.heat_grid.density(
            None if question.is_open else town.selected(town.view(question)), width_m, kernel
        ),
    )


def place_name(town: Town, layer: str, place_id: str) -> str:
    """What people call a place; its id where it has no name."""
    name = town.layers[layer]["name"].get(place_id)
    return str(name) if isinstance(name, str) and name else f"{TABLES[layer].label} {place_id}"


def heat_extent(town: Town) -> tuple[float, float, float, float]:
    """West, south, east, north of the heat raster, in degrees: its corners' extremes."""
    west, south, east, north = town.heat_grid.bounds
    lon, lat = to_wgs84(
        np.array([west, east, west, east]), np.array([south, south, north, north]), town.settings.crs
    )  # fmt: skip
    return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())
