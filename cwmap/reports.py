"""The reports of a town as parallel arrays: what the cube and the map are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely
import sqlalchemy as sa
from shapely.geometry.base import BaseGeometry

from cwmap.cube import Codes
from cwmap.norms import Categories
from cwmap.storage.geopackage import points
from cwmap.storage.rows import read_columns
from cwmap.storage.settings import Settings
from cwmap.tables import REPORTS, TABLES, TASKS
from cwmap.worktime import Calendar, Moments
from geo.coordinates import from_wgs84, transform_geometries

STATUSES = tuple(REPORTS["status"].choices)
PLACED = tuple(REPORTS["placed_by"].choices)
OPEN = tuple(STATUSES.index(s) for s in ("open", "assigned"))
CLOSED = tuple(STATUSES.index(s) for s in ("fixed", "verified"))
IN_TIME, LATE, UNKNOWN = 0, 1, 2
"""Lateness: fixed within the time limit (or not yet due); after it; fixed at an unknown time."""

_COLUMNS = (
    "report_id", "category", "status", "source", "lane_id", "cell_id", "community_id", "area_id",
    "placed_by", "reported_at", "due_at", "closed_at", "department", "geometry",
)  # fmt: skip

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reports:
    """Reports as parallel arrays, the first reported first. `x`, `y` in metres, NaN without a place.

    `category` and `source` are positions in `codes` and `sources`, `place[table]` in the ids of
    that table, −1 for none. `day` counts from `first_day`, in local time; `hour` is the local hour,
    −1 at midnight sharp, which is how a date without a time is kept.
    """

    day: Codes
    hour: Codes
    category: Codes
    status: Codes
    lateness: Codes
    source: Codes
    placed: Codes
    place: dict[str, Codes]
    x: Floats
    y: Floats
    ids: npt.NDArray[np.object_]
    hours_to_fix: Floats
    """From report to fix; NaN while open, and where the fix has no time or lies before the report."""
    shapes: dict[int, BaseGeometry]
    """Position → geometry in EPSG:4326 of the stretches and areas, which are no points."""
    codes: tuple[str, ...]
    sources: tuple[str, ...]
    first_day: date
    as_of: date
    """The last day with a report, but not after today: overdue is what is so at its end, or now."""
    until: np.datetime64
    """The moment that this means, in UTC."""
    reported: Moments
    due: Moments
    """In UTC: as granted to the task (延期), as stated, or by the category's limit in working time."""
    closed: Moments
    """When it was dealt with, in UTC; NaT where not stated."""
    department: Codes
    """Positions in `departments`, as stated in the report; −1 for none."""
    departments: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.day)


def read_reports(
    connection: sa.Connection, settings: Settings, categories: Categories,
    ids: Mapping[str, pd.Index],
) -> Reports:  # fmt: skip
    """The reports as this connection sees them. `ids`: those of each table of places, in order."""
    rows = read_columns(connection, REPORTS, _COLUMNS)
    reported = _moments(rows["reported_at"])
    order = np.argsort(reported.to_numpy(), kind="stable")  # of one moment by id
    zone = ZoneInfo(settings.timezone)
    local = reported.dt.tz_localize(UTC).dt.tz_convert(zone).dt.tz_localize(None)
    days, now = local.dt.floor("D"), datetime.now(zone)
    first_day = days.min().date() if len(rows) else now.date()
    as_of = _as_of(days.max().date() if len(rows) else now.date(), now.date())
    codes, sources = _words(rows["category"]), _words(rows["source"])
    status, category = _codes(rows["status"], STATUSES), _codes(rows["category"], codes)
    calendar = Calendar(settings.hours, settings.workdays, settings.timezone)
    due, closed = _moments(rows["due_at"]).to_numpy(copy=True), _moments(rows["closed_at"])
    _extend(due, rows["report_id"], read_columns(connection, TASKS, ("task_id", "due_at")))
    open_ended = np.isnat(due)
    due[open_ended] = calendar.due(
        reported.to_numpy()[open_ended], [categories.limit(c) for c in codes], category[open_ended]
    )
    until = _end(as_of, now)
    lateness, hours = _lateness(reported, due, closed, np.isin(status, CLOSED), until)
    departments = _words(rows["department"])
    lon, lat, shapes = points(rows["geometry"])
    x, y = from_wgs84(lon, lat, settings.crs)
    if shapes:
        at, wide = list(shapes), np.array(list(shapes.values()), object)
        middle = shapely.point_on_surface(transform_geometries(wide, "EPSG:4326", settings.crs))
        x[at], y[at] = shapely.get_x(middle), shapely.get_y(middle)
    place = {name: _codes(rows[TABLES[name].key], known) for name, known in ids.items()}
    day = (days - pd.Timestamp(first_day)).dt.days.to_numpy(np.int32)
    hour = local.dt.hour.where(local != days, -1).to_numpy(np.int32)
    rank = np.empty(len(order), np.intp)
    rank[order] = np.arange(len(order))
    return Reports(
        day=day[order], hour=hour[order], category=category[order], status=status[order],
        lateness=lateness[order],
        source=_codes(rows["source"], sources)[order],
        placed=_codes(rows["placed_by"], PLACED)[order],
        place={name: found[order] for name, found in place.items()}, x=x[order], y=y[order],
        ids=rows["report_id"].to_numpy()[order], hours_to_fix=hours[order],
        shapes={int(rank[at]): shape for at, shape in shapes.items()},
        codes=codes, sources=sources, first_day=first_day, as_of=as_of, until=until.to_datetime64(),
        reported=reported.to_numpy()[order], due=due[order], closed=closed.to_numpy()[order],
        department=_codes(rows["department"], departments)[order], departments=departments,
    )  # fmt: skip


def _as_of(last: date, today: date) -> date:
    # An import takes nothing after tomorrow: a later day is the demo's, or the clock is wrong.
    return last if last > today + timedelta(days=1) else min(last, today)


def _end(as_of: date, now: datetime) -> pd.Timestamp:
    """The moment at which a report is overdue or not: the end of that day, or now while it lasts."""
    midnight = datetime.combine(as_of + timedelta(days=1), datetime.min.time(), now.tzinfo)
    end = min(midnight, now) if as_of == now.date() else midnight
    return pd.Timestamp(end).tz_convert(UTC).tz_localize(None)


def _extend(due: Moments, report_ids: pa.ChunkedArray, tasks: pa.Table) -> None:
    """Write the time that tasks were granted over the one that reports state."""
    granted = tasks.filter(pc.is_valid(tasks["due_at"]))
    if len(granted):
        row = pc.index_in(report_ids, value_set=granted["task_id"].combine_chunks())
        known = pc.is_valid(row).to_numpy()
        due[known] = _moments(granted["due_at"]).to_numpy()[row.drop_null().to_numpy()]


def _moments(column: pa.ChunkedArray) -> pd.Series:
    """Times of a column, UTC without a zone."""
    return pd.Series(column.cast(pa.timestamp("us")).to_numpy(), dtype="M8[us]")


def _words(column: pa.ChunkedArray) -> tuple[str, ...]:
    return tuple(sorted(column.unique().drop_null().to_pylist()))


def _codes(column: pa.ChunkedArray, known: Sequence[str] | pd.Index) -> Codes:
    """Positions of a column's words among the known ones; −1 for none."""
    coded = column.combine_chunks().dictionary_encode()
    words = pd.Index(coded.dictionary.to_pylist(), dtype=object)
    at = np.append(pd.Index(known, dtype=object).get_indexer(words), -1).astype(np.int32)
    codes: Codes = at[coded.indices.fill_null(-1).to_numpy()]
    return codes


def _lateness(
    reported: pd.Series, due: Moments, fixed: pd.Series, closed: npt.NDArray[np.bool_],
    end: pd.Timestamp,
) -> tuple[Codes, Floats]:  # fmt: skip
    """Lateness of each report at `end`, and its hours to fix."""
    late = np.where(fixed.where(closed, end) > due, LATE, IN_TIME).astype(np.int32)
    late[closed & fixed.isna()] = UNKNOWN
    hours = (fixed - reported) / pd.Timedelta(hours=1)
    return late, hours.where(closed & (hours >= 0)).to_numpy(float)
