"""An open town: its boundaries, its reports as columns, its cube. What a page is given.

A town is immutable: it shows one revision of the workspace. `Keeper` swaps in a new one after an
import, built in the background, so that viewers never wait.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from cwmap.cube import Codes, Cube, Mask, Slice
from cwmap.errors import UnknownName
from cwmap.filters import Filter
from cwmap.norms import Categories
from cwmap.store import Settings, Workspace, read_table, revision_of
from cwmap.tables import PLACES, REPORTS, TABLES
from geo.coordinates import transform_geometries
from geo.heat import HeatGrid

STATUSES = tuple(REPORTS["status"].choices)
PLACED = tuple(REPORTS["placed_by"].choices)
OPEN = tuple(STATUSES.index(s) for s in ("open", "assigned"))
CLOSED = tuple(STATUSES.index(s) for s in ("fixed", "verified"))
IN_TIME, LATE, UNKNOWN = 0, 1, 2
"""Lateness: fixed within the time limit (or not yet due); after it; fixed at an unknown time."""
KEPT = 64
T = TypeVar("T")
HEAT_WIDTH = 512


@dataclass(frozen=True)
class Reports:
    """Reports as parallel arrays, ordered by day. `x`, `y` in metres, NaN where unplaced."""

    day: Codes
    category: Codes
    status: Codes
    lateness: Codes
    source: Codes
    placed: Codes
    place: dict[str, Codes]
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    ids: npt.NDArray[np.object_]
    hours_to_fix: npt.NDArray[np.float64]
    shapes: dict[int, BaseGeometry]
    """Position → geometry in EPSG:4326 of the stretches and areas, which are no points."""

    def __len__(self) -> int:
        return len(self.day)


@dataclass(frozen=True)
class View:
    """A filter as this town understands it: days (both included) and masks of the cube."""

    filter: Filter
    first: int
    last: int
    spots: Mask
    sorts: Mask
    rows: Slice


@dataclass(frozen=True, eq=False)
class Town:
    """See the module. Layers are GeoDataFrames in EPSG:4326, indexed and ordered by id."""

    settings: Settings
    revision: int
    categories: Categories
    layers: dict[str, gpd.GeoDataFrame]
    reports: Reports
    codes: tuple[str, ...]
    sources: tuple[str, ...]
    first_day: date
    as_of: date
    cube: Cube
    _kept: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def kept(self, key: Hashable, make: Callable[[], T]) -> T:
        """An answer that is kept as long as the town, among the last `KEPT`; made once."""
        with self._lock:  # one at a time: two viewers who ask the same share the answer
            if key not in self._kept:
                self._kept[key] = make()
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            answer: T = self._kept[key]
            return answer

    def view(self, question: Filter) -> View:
        """What a filter means here; `UnknownName` for a category or place that does not exist."""
        return self.kept(("view", question), lambda: self._view(question))

    def _view(self, question: Filter) -> View:
        first = (question.start - self.first_day).days if question.start else 0
        last = (question.end - self.first_day).days if question.end else self.cube.days - 1
        spots = np.ones(len(next(iter(self.cube.spots.values()))), bool)
        for name, wanted in (
            ("lanes", question.lane), ("cells", question.cell),
            ("communities", question.community), ("areas", question.area),
        ):  # fmt: skip
            if wanted:
                spots &= np.isin(self.cube.spots[name], self._positions(name, wanted))
        sorts = np.ones(len(self.cube.sorts["category"]), bool)
        if question.category:
            sorts &= np.isin(self.cube.sorts["category"], self.category_positions(question.category))
        if question.status:
            sorts &= np.isin(self.cube.sorts["status"], [STATUSES.index(s) for s in question.status])
        if question.source:
            known = [self.sources.index(s) for s in question.source if s in self.sources]
            sorts &= np.isin(self.cube.sorts["source"], known)
        rows = self.cube.slice(first, last, spots, sorts)
        return View(question, first, last, spots, sorts, rows)

    def category_positions(self, words: tuple[str, ...]) -> list[int]:
        """Positions in `codes` of category codes, names and group keys."""
        wanted: set[str] = set()
        for word in words:
            group = {c for c in self.codes if self.categories.group_of(c).key == word}
            code = self.categories.find(word)
            if not group and code is None and word not in {g.key for g in self.categories.groups}:
                raise UnknownName(f"没有“{word}”这个问题类别；请用类别代码、名称或分组，如 06013、道路破损、road。")
            wanted |= group or ({code} if code else set())
        return [i for i, code in enumerate(self.codes) if code in wanted]

    def _positions(self, layer: str, words: tuple[str, ...]) -> list[int]:
        frame = self.layers[layer]
        found: list[int] = []
        for word in words:
            at = np.flatnonzero((frame.index == word) | (frame["name"] == word).to_numpy())
            if not len(at):
                raise UnknownName(f"{TABLES[layer].label}里没有“{word}”；请用编号或全名。")
            found.extend(int(i) for i in at)
        return found

    def selected(self, view: View) -> npt.NDArray[np.intp]:
        """Positions of the reports that a view holds, in the order of `reports`."""
        a, b = np.searchsorted(self.reports.day, [view.first, view.last + 1])
        keep = view.sorts[self.cube.report_sort[a:b]] & view.spots[self.cube.report_spot[a:b]]
        return np.flatnonzero(keep) + a

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north of the lanes (else of whatever there is), in degrees."""
        for name in ("lanes", "cells", "communities", "areas", "facilities", "backdrop"):
            if len(self.layers[name]):
                west, south, east, north = self.layers[name].total_bounds
                return float(west), float(south), float(east), float(north)
        return 104.89, 33.37, 104.95, 33.41

    @cached_property
    def heat_grid(self) -> HeatGrid:
        """The town's heat raster with its reports binned."""
        degrees = np.array([shapely.box(*self.bounds)], object)
        w, s, e, n = transform_geometries(degrees, "EPSG:4326", self.settings.crs)[0].bounds
        pad = 0.05 * max(e - w, n - s)
        bounds = (w - pad, s - pad, e + pad, n + pad)
        return HeatGrid.build(self.reports.x, self.reports.y, bounds, width=HEAT_WIDTH)


def open_town(workspace: Workspace) -> Town:
    """The workspace as it stands now."""
    settings = workspace.settings()
    with workspace.reading() as connection:  # one state for all of it
        revision = revision_of(connection)
        layers = {
            name: _layer(read_table(connection, TABLES[name]), TABLES[name].key)
            for name in (*PLACES, "facilities", "backdrop", "population")
        }
        local_categories = read_table(connection, TABLES["categories"])
        wanted = [
            "report_id", "category", "reported_at", "status", "due_at", "closed_at", "source",
            "lane_id", "cell_id", "community_id", "area_id", "placed_by", "geometry",
        ]  # fmt: skip
        rows = read_table(connection, TABLES["reports"], wanted)
    categories = Categories.load().with_local(local_categories)
    today = datetime.now(ZoneInfo(settings.timezone)).date()
    local = _local(rows["reported_at"], settings.timezone)
    days = local.dt.floor("D")
    as_of = min(days.max().date(), today) if len(rows) else today
    first_day = days.min().date() if len(rows) else today
    rows = rows.assign(day=(days - pd.Timestamp(first_day)).dt.days.astype(np.int32))
    rows = rows.sort_values(["day", "report_id"], kind="stable", ignore_index=True)

    codes, sources = _words(rows["category"]), _words(rows["source"])
    place = {name: _codes(rows[TABLES[name].key], layers[name].index) for name in PLACES}
    shapes = rows["geometry"].to_numpy(object)
    x, y = _points(shapes, settings.crs)
    wide = np.flatnonzero(shapely.get_type_id(shapes) > shapely.GeometryType.POINT)
    status = _codes(rows["status"], pd.Index(STATUSES))
    lateness, hours = _lateness(rows, status, categories, as_of, settings.timezone)
    reports = Reports(
        day=rows["day"].to_numpy(np.int32), category=_codes(rows["category"], pd.Index(codes)),
        status=status, lateness=lateness, source=_codes(rows["source"], pd.Index(sources)),
        placed=_codes(rows["placed_by"], pd.Index(PLACED)),
        place=place, x=x, y=y, ids=rows["report_id"].to_numpy(object), hours_to_fix=hours,
        shapes={int(i): shapes[i] for i in wide},
    )  # fmt: skip
    sorts = {n: getattr(reports, n) for n in ("category", "status", "lateness", "source")}
    return Town(
        settings=settings, revision=revision, categories=categories, layers=layers,
        reports=reports, codes=codes, sources=sources, first_day=first_day, as_of=as_of,
        cube=Cube(reports.day, place, sorts),
    )  # fmt: skip


def _layer(rows: pd.DataFrame, key: str) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(rows.set_index(key), geometry="geometry", crs="EPSG:4326").sort_index()


def _local(moments: pd.Series, timezone: str) -> pd.Series:
    return moments.dt.tz_localize(UTC).dt.tz_convert(timezone).dt.tz_localize(None)


def _words(values: pd.Series) -> tuple[str, ...]:
    return tuple(sorted(values.dropna().unique()))


def _codes(values: pd.Series, known: pd.Index) -> Codes:
    return known.get_indexer(values).astype(np.int32)


def _points(shapes: npt.NDArray[np.object_], crs: str) -> tuple[npt.NDArray[np.float64], ...]:
    """A point in each shape (its own, or one on the stretch or area), in metres."""
    metric = transform_geometries(shapes, "EPSG:4326", crs)
    wide = shapely.get_type_id(metric) > 0
    metric[wide] = shapely.point_on_surface(metric[wide])
    return shapely.get_x(metric), shapely.get_y(metric)


def _lateness(
    rows: pd.DataFrame, status: Codes, categories: Categories, as_of: date, timezone: str
) -> tuple[Codes, npt.NDArray[np.float64]]:
    """Lateness of each report at the end of `as_of`, and its hours from report to fix (NaN open)."""
    limits = {code: categories.limit_h(code) for code in rows["category"].unique()}
    limit = pd.to_timedelta(rows["category"].map(limits).astype(float), unit="h")
    due = rows["due_at"].fillna(rows["reported_at"] + limit)
    midnight = datetime.combine(as_of + timedelta(days=1), datetime.min.time(), ZoneInfo(timezone))
    now = pd.Timestamp(midnight).tz_convert(UTC).tz_localize(None)
    closed = np.isin(status, CLOSED)
    done = rows["closed_at"].where(closed, now)
    late = np.where((done > due).to_numpy(), LATE, IN_TIME)
    late[closed & rows["closed_at"].isna().to_numpy()] = UNKNOWN
    hours = (rows["closed_at"] - rows["reported_at"]) / pd.Timedelta(hours=1)
    return late.astype(np.int32), hours.where(closed).to_numpy(float)


class Keeper:
    """The current town of one workspace. Viewers get the last finished one without waiting."""

    def __init__(self, folder: Path) -> None:
        self.workspace = Workspace.open(folder)
        self._town: Town | None = None
        self._lock = threading.Lock()
        self._making: threading.Thread | None = None

    def town(self) -> Town:
        """The town at hand; starts to build a newer one where the workspace has moved on."""
        if self._town is None:
            with self._lock:
                if self._town is None:
                    self._town = open_town(self.workspace)
            return self._town
        if self.workspace.revision() != self._town.revision and not self.refreshing:
            self._making = threading.Thread(target=self._renew, daemon=True)
            self._making.start()
        return self._town

    @property
    def refreshing(self) -> bool:
        """True while a newer town is being built."""
        return self._making is not None and self._making.is_alive()

    def fresh(self) -> Town:
        """The town of the workspace's last revision, waited for."""
        town = self.town()
        if self._making is not None:
            self._making.join()
        return self._town or town

    def _renew(self) -> None:
        self._town = open_town(self.workspace)


_KEEPERS: dict[Path, Keeper] = {}
_KEEPERS_LOCK = threading.Lock()


def keeper(folder: Path) -> Keeper:
    """The one keeper of a workspace in this process."""
    folder = folder.resolve()
    with _KEEPERS_LOCK:
        if folder not in _KEEPERS:
            _KEEPERS[folder] = Keeper(folder)
        return _KEEPERS[folder]
