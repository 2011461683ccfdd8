"""The reports of a town as parallel arrays: what the cube and the map are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
import sqlalchemy as sa
from shapely.geometry.base import BaseGeometry

from cwmap.cube import Codes
from cwmap.norms import Categories
from cwmap.rows import read_chunks
from cwmap.settings import Settings
from cwmap.tables import REPORTS, TABLES
from geo.coordinates import from_wgs84, transform_geometries

STATUSES = tuple(REPORTS["status"].choices)
PLACED = tuple(REPORTS["placed_by"].choices)
OPEN = tuple(STATUSES.index(s) for s in ("open", "assigned"))
CLOSED = tuple(STATUSES.index(s) for s in ("fixed", "verified"))
IN_TIME, LATE, UNKNOWN = 0, 1, 2
"""Lateness: fixed within the time limit (or not yet due); after it; fixed at an unknown time."""

_WORDS = (
    "report_id", "category", "status", "source", "lane_id", "cell_id", "community_id", "area_id",
    "placed_by",
)  # fmt: skip
_TIMES = ("reported_at", "due_at", "closed_at")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reports:
    """Reports as parallel arrays, the first reported first. `x`, `y` in metres, NaN without a place.

    `category` and `source` are positions in `codes` and `sources`, `place[table]` in the ids of
    that table, −1 for none. `day` counts from `first_day`, in local time.
    """

    day: Codes
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

    def __len__(self) -> int:
        return len(self.day)


def read_reports(
    connection: sa.Connection, settings: Settings, categories: Categories,
    ids: Mapping[str, pd.Index],
) -> Reports:  # fmt: skip
    """The reports as this connection sees them. `ids`: those of each table of places, in order."""
    parts, shapes, number = [], dict[int, BaseGeometry](), 0
    for part in read_chunks(connection, REPORTS, [*_WORDS, *_TIMES, "geometry"]):
        geometry = part.pop("geometry").to_numpy(object)
        part["lon"], part["lat"] = shapely.get_x(geometry), shapely.get_y(geometry)  # NaN if wide
        for at in np.flatnonzero(shapely.get_type_id(geometry) > shapely.GeometryType.POINT):
            shapes[number + int(at)] = geometry[at]
        parts.append(part.astype(dict.fromkeys(_WORDS, "str")))  # a tenth of the memory
        number += len(part)
    rows = pd.concat(parts, ignore_index=True)
    order = np.argsort(rows["reported_at"].to_numpy(), kind="stable")  # within a moment by id
    position = np.empty(len(order), np.intp)
    position[order] = np.arange(len(order))
    rows = rows.iloc[order].reset_index(drop=True)
    shapes = {int(position[at]): shape for at, shape in sorted(shapes.items())}

    today = datetime.now(ZoneInfo(settings.timezone)).date()
    local = rows["reported_at"].dt.tz_localize(UTC).dt.tz_convert(settings.timezone)
    days = local.dt.tz_localize(None).dt.floor("D")
    first_day = days.iloc[0].date() if number else today
    as_of = _as_of(days.iloc[-1].date() if number else today, today)
    codes, sources = _words(rows["category"]), _words(rows["source"])
    status = _codes(rows["status"], pd.Index(STATUSES))
    lateness, hours = _lateness(rows, status, categories, as_of, settings.timezone)
    x, y = _metres(rows, shapes, settings.crs)
    return Reports(
        day=(days - pd.Timestamp(first_day)).dt.days.to_numpy(np.int32),
        category=_codes(rows["category"], pd.Index(codes)),
        status=status,
        lateness=lateness,
        source=_codes(rows["source"], pd.Index(sources)),
        placed=_codes(rows["placed_by"], pd.Index(PLACED)),
        place={name: _codes(rows[TABLES[name].key], index) for name, index in ids.items()},
        x=x, y=y, ids=rows["report_id"].to_numpy(object), hours_to_fix=hours, shapes=shapes,
        codes=codes, sources=sources, first_day=first_day, as_of=as_of,
    )  # fmt: skip


def _as_of(last: date, today: date) -> date:
    # An import takes nothing after tomorrow: a later day is the demo's, or the clock is wrong.
    return last if last > today + timedelta(days=1) else min(last, today)


def _words(values: pd.Series) -> tuple[str, ...]:
    return tuple(sorted(values.dropna().unique()))


def _codes(values: pd.Series, known: pd.Index) -> Codes:
    codes: Codes = pd.Index(known, dtype="str").get_indexer(pd.Index(values)).astype(np.int32)
    return codes


def _metres(
    rows: pd.DataFrame, shapes: Mapping[int, BaseGeometry], crs: str
) -> tuple[Floats, Floats]:
    """A point in each shape: its own, or one on the stretch or area."""
    x, y = from_wgs84(rows["lon"], rows["lat"], crs)
    if shapes:
        wide = transform_geometries(np.array(list(shapes.values()), object), "EPSG:4326", crs)
        middle = shapely.point_on_surface(wide)
        x[list(shapes)], y[list(shapes)] = shapely.get_x(middle), shapely.get_y(middle)
    return x, y


def _lateness(
    rows: pd.DataFrame, status: Codes, categories: Categories, as_of: date, timezone: str
) -> tuple[Codes, Floats]:
    """Lateness of each report at the end of `as_of`, or now while that day lasts; hours to fix."""
    limits = {code: categories.limit_h(code) for code in rows["category"].unique()}
    limit = pd.to_timedelta(rows["category"].map(limits).astype(float), unit="h")
    due = rows["due_at"].fillna(rows["reported_at"] + limit)
    zone = ZoneInfo(timezone)
    midnight = datetime.combine(as_of + timedelta(days=1), datetime.min.time(), zone)
    now = datetime.now(zone)
    end = min(midnight, now) if as_of == now.date() else midnight
    moment = pd.Timestamp(end).tz_convert(UTC).tz_localize(None)
    closed = np.isin(status, CLOSED)
    done = rows["closed_at"].where(closed, moment)
    late = np.where((done > due).to_numpy(), LATE, IN_TIME).astype(np.int32)
    late[closed & rows["closed_at"].isna().to_numpy()] = UNKNOWN
    hours = (rows["closed_at"] - rows["reported_at"]) / pd.Timedelta(hours=1)
    return late, hours.where(closed & (hours >= 0)).to_numpy(float)
