"""An open town: its boundaries, its reports as columns, its cube. What a page is given.

A town is immutable: it shows one revision of the workspace. `Keeper` swaps in a new one after an
import, built in the background, so that viewers never wait.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from cwmap.cube import Cube, Mask, Slice
from cwmap.errors import UnknownName
from cwmap.filters import Filter
from cwmap.norms import Categories
from cwmap.placing import communities_of
from cwmap.reports import (
    CLOSED,
    IN_TIME,
    LATE,
    OPEN,
    PLACED,
    STATUSES,
    UNKNOWN,
    Reports,
    read_reports,
)
from cwmap.storage.settings import Settings, settings_of
from cwmap.store import Workspace, read_table, revision_of
from cwmap.tables import PLACES, TABLES
from geo.coordinates import to_wgs84, transform_geometries
from geo.heat import HeatGrid

__all__ = [
    "CLOSED", "IN_TIME", "LATE", "OPEN", "PLACED", "STATUSES", "UNKNOWN", "Keeper", "Reports", "Town",
    "View", "keeper", "open_town",
]  # fmt: skip

_NOWHERE = (104.89, 33.37, 104.95, 33.41)  # where an empty map begins: the seat of Wudu
KEPT = 64
REGISTERS = ("duties", "inspections", "tasks")
T = TypeVar("T")
HEAT_WIDTH = 512


@dataclass(frozen=True)
class View:
    """A filter as this town understands it: days (both included) and masks of the cube."""

    filter: Filter
    first: int
    last: int
    spots: Mask
    sorts: Mask
    rows: Slice


@dataclass(eq=False)
class _Answer:
    """An answer that is kept, or is being made by who holds the lock."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    made: bool = False
    value: Any = None


@dataclass(frozen=True, eq=False)
class Town:
    """See the module. Layers are GeoDataFrames in EPSG:4326, indexed and ordered by id.

    registers: the tables `REGISTERS` as they are stored, ordered by key; times naive UTC.
    """

    settings: Settings
    revision: int
    categories: Categories
    layers: dict[str, gpd.GeoDataFrame]
    registers: dict[str, pd.DataFrame]
    reports: Reports
    cube: Cube
    _kept: OrderedDict[Hashable, _Answer] = field(default_factory=OrderedDict, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def codes(self) -> tuple[str, ...]:
        """Category codes that occur, in order."""
        return self.reports.codes

    @property
    def sources(self) -> tuple[str, ...]:
        """Sources that occur, in order."""
        return self.reports.sources

    @property
    def first_day(self) -> date:
        """The local day of the first report."""
        return self.reports.first_day

    @property
    def as_of(self) -> date:
        """The day up to which the data tell: see `Reports`."""
        return self.reports.as_of

    def kept(self, key: Hashable, make: Callable[[], T]) -> T:
        """An answer that is kept as long as the town, among the last `KEPT`; made once.

        Two viewers who ask the same share the answer; who asks something else does not wait.
        """
        with self._lock:
            answer = self._kept.setdefault(key, _Answer())
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        with answer.lock:
            if not answer.made:
                answer.value, answer.made = make(), True
        value: T = answer.value
        return value

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
            sorts &= np.isin(
                self.cube.sorts["category"], self.category_positions(question.category)
            )
        if question.status:
            sorts &= np.isin(
                self.cube.sorts["status"], [STATUSES.index(s) for s in question.status]
            )
        if question.source:
            sorts &= np.isin(self.cube.sorts["source"], self._source_positions(question.source))
        rows = self.cube.slice(first, last, spots, sorts)
        return View(question, first, last, spots, sorts, rows)

    def category_positions(self, words: tuple[str, ...]) -> list[int]:
        """Positions in `codes` of category codes and names, and of groups by key or name."""
        wanted: set[str] = set()
        for word in words:
            code = word if word in self.codes else self.categories.find(word)
            group = self.categories.find_group(word)
            if group is None and code is None:
                raise UnknownName(
                    f"没有“{word}”这个问题类别；请用类别代码、名称或分组，如 06013、道路破损、road。"
                )
            # What a page calls a group is also one category's alias; here it means the group.
            wanted |= {
                c
                for c in self.codes
                if (self.categories.group_of(c) == group if group else c == code)
            }
        return [i for i, code in enumerate(self.codes) if code in wanted]

    def _source_positions(self, words: tuple[str, ...]) -> list[int]:
        unknown = [word for word in words if word not in self.sources]
        if unknown:
            known = "、".join(self.sources) or "（无）"
            raise UnknownName(f"没有“{unknown[0]}”这个来源；现有的来源：{known}。")
        return [self.sources.index(word) for word in words]

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
        chosen: npt.NDArray[np.intp] = np.flatnonzero(keep) + a
        return chosen

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north of the lanes (else of whatever there is), in degrees."""
        for name in ("lanes", "cells", "communities", "areas", "facilities", "backdrop"):
            shapes = self.layers[name].geometry.dropna()
            if len(shapes):
                west, south, east, north = shapes.total_bounds
                return float(west), float(south), float(east), float(north)
        here = np.isfinite(self.reports.x)
        if here.any():
            lon, lat = to_wgs84(self.reports.x[here], self.reports.y[here], self.settings.crs)
            return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())
        return _NOWHERE

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
    with workspace.reading() as connection:  # one state for all of it
        settings, revision = settings_of(connection), revision_of(connection)
        tables = (*PLACES, "facilities", "units", "backdrop", "population")
        layers = {name: _layer(read_table(connection, TABLES[name]), name) for name in tables}
        categories = Categories.load().with_local(read_table(connection, TABLES["categories"]))
        ids = {name: layers[name].index for name in PLACES}
        reports = read_reports(connection, settings, categories, ids)
        registers = {name: read_table(connection, TABLES[name]) for name in REGISTERS}
    communities = layers["communities"].reset_index()
    for name in ("lanes", "cells", "units"):
        homes = communities_of(layers[name], communities, settings.crs)
        layers[name] = layers[name].assign(community_id=homes)
    sorts = {n: getattr(reports, n) for n in ("category", "status", "lateness", "source")}
    return Town(
        settings=settings, revision=revision, categories=categories, layers=layers,
        registers=registers, reports=reports, cube=Cube(reports.day, reports.place, sorts),
    )  # fmt: skip


def _layer(rows: pd.DataFrame, name: str) -> gpd.GeoDataFrame:
    indexed = rows.set_index(TABLES[name].key)
    return gpd.GeoDataFrame(indexed, geometry="geometry", crs="EPSG:4326").sort_index()


class Keeper:
    """The current town of one workspace. Viewers get the last finished one without waiting."""

    def __init__(self, folder: Path) -> None:
        self.workspace = Workspace.open(folder)
        self._town: Town | None = None
        self._building = threading.Lock()

    def town(self) -> Town:
        """The town at hand; starts to build a newer one where the workspace has moved on."""
        town = self._town
        if town is None:
            return self.fresh()
        if not self._building.locked() and self.workspace.revision() != town.revision:
            threading.Thread(target=self.fresh, daemon=True).start()
        return town

    @property
    def refreshing(self) -> bool:
        """True while a newer town is being built."""
        return self._town is not None and self._building.locked()

    def fresh(self) -> Town:
        """The town of the workspace's last revision, waited for."""
        with self._building:
            if self._town is None or self._town.revision != self.workspace.revision():
                self._town = open_town(self.workspace)
            return self._town


_KEEPERS: dict[Path, Keeper] = {}
_KEEPERS_LOCK = threading.Lock()


def keeper(folder: Path) -> Keeper:
    """The one keeper of a workspace in this process."""
    folder = folder.resolve()
    with _KEEPERS_LOCK:
        if folder not in _KEEPERS:
            _KEEPERS[folder] = Keeper(folder)
        return _KEEPERS[folder]
