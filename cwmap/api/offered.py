"""The collections that are offered: every layer that can be exported, as features with ids.

Reports and tasks may be a million: they are chosen among by the town's arrays, and only the rows of
a page are made. Any other layer is made once for a filter and a revision, and kept with the town.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from cwmap.api.asking import WORDS, Question
from cwmap.api.conditions import Features, equality, holds
from cwmap.cube import Mask
from cwmap.filters import Filter
from cwmap.privacy import masked
from cwmap.store import Workspace
from cwmap.tables import PLACES, TABLES, Column
from cwmap.tasks.steps import STATES
from cwmap.town import LATE, OPEN, PLACED, STATUSES, Town
from cwmap.writers import cases
from cwmap.writers.layers import LAYERS, case_frame, layer_columns, layer_frame
from geo.coordinates import to_wgs84

Positions = npt.NDArray[np.intp]
_Codes = tuple[npt.NDArray[np.integer], list[str]]

_KEYS = {
    "duties": ("unit_id", "duty_id"), "ranking": ("unit_id",), "heat": ("level_min",),
    "gaps": ("area_id", "facility_kind"), "sites": ("facility_kind", "order"),
}  # fmt: skip
"""Columns that make a feature's id, where it is not the first one."""
_WORDS = {"facilities": (), "units": (), "duties": ("to",), "ranking": ("from", "to")}
"""Words of a filter that a layer depends on, where it is not all of them."""

_BY_RULES = ("ranking", "gaps", "sites")
"""Layers that also follow the rules of the workspace, which change without a revision."""
_MARGIN = 1e-8
"""Degrees around a region, about a millimetre: places are kept in metres and do not come back exactly."""


class Layer:
    """A layer as a collection of features. Positions are those of its whole frame."""

    def __init__(self, town: Town, workspace: Workspace, name: str) -> None:
        self.town, self.workspace, self.name = town, workspace, name
        self.columns = layer_columns(town, name)
        self.key = _KEYS.get(name, (self.columns[0].name,))

    @property
    def title(self) -> str:
        """Chinese name."""
        return LAYERS[self.name]

    @property
    def words(self) -> tuple[str, ...]:
        """Words of a filter that it depends on."""
        return _WORDS.get(self.name, WORDS)

    @property
    def moment(self) -> str:
        """The column that `datetime` asks for; empty where there is none."""
        return ""

    @property
    def queryables(self) -> tuple[Column, ...]:
        """Columns that a condition can ask for."""
        return self.columns

    @property
    def valued(self) -> tuple[Column, ...]:
        """Columns that a parameter of their name asks for by value."""
        left_out = ("lon", "lat", *self.words)
        return tuple(c for c in self.queryables if c.name not in left_out)

    def find(self, question: Question) -> Positions:
        """Where the features of a question are, in their order."""
        frame = self._frame(question.filter)
        shapes = frame.geometry.to_numpy(object)
        features = Features(
            {column.name: column for column in self.queryables},
            lambda name: frame[name],
            lambda region: np.asarray(shapely.intersects(shapes, region)),
            ~shapely.is_missing(shapes),
        )
        return np.flatnonzero(self._fitting(question, features))

    def _fitting(self, question: Question, features: Features) -> Mask:
        """Which features have the values and the place that are asked for, and fit the condition."""
        keep = holds(question.condition, features, self.town)
        for name, text in question.equal.items():
            keep &= holds(equality(features.columns[name], text), features, self.town)
        if question.region is not None:
            keep &= features.touching(question.region)
        return keep

    def rows(self, question: Question, chosen: Positions) -> gpd.GeoDataFrame:
        """Features by their positions: the columns and geometry of the layer."""
        return self._frame(question.filter).iloc[chosen]

    def one(self, feature_id: str) -> gpd.GeoDataFrame:
        """The feature of an id, as a frame of one row or none."""
        frame = self._frame(Filter())
        return frame[self.ids(frame) == feature_id]

    def ids(self, frame: pd.DataFrame) -> npt.NDArray[np.object_]:
        """The id of each feature, unique in the collection."""
        parts = [frame[name].map(_text).to_numpy(object) for name in self.key]
        return np.array([":".join(words) for words in zip(*parts, strict=True)], object)

    def _frame(self, question: Filter) -> gpd.GeoDataFrame:
        if self.name in _BY_RULES:  # what is slow in them is kept elsewhere, by the rules' version
            return self._made(question)
        return self.town.kept(("live", self.name, question), lambda: self._made(question))

    def _made(self, question: Filter) -> gpd.GeoDataFrame:
        frame = layer_frame(self.town, self.workspace, self.name, question)
        return turned(frame)


class Cases(Layer):
    """Reports or tasks. Positions are those of `town.reports`."""

    @property
    def moment(self) -> str:
        """See `Layer`."""
        return "reported_at"

    @property
    def queryables(self) -> tuple[Column, ...]:
        """See `Layer`; what the town keeps no array of cannot be asked for."""
        known = (*self.key, "report_id", *self._codes(), *self._arrays())
        return tuple(column for column in self.columns if column.name in known)

    def find(self, question: Question) -> Positions:
        """See `Layer`."""
        reports = self.town.reports
        chosen = self.town.selected(self.town.view(question.filter))
        columns = {column.name: column for column in self.queryables}
        features = Features(
            columns,
            lambda name: self._values(columns[name], chosen),
            lambda region: self._touching(region)[chosen],
            np.isfinite(reports.x[chosen]),
        )
        keep = self._fitting(question, features)
        first, last = question.period
        if first is not None:
            keep &= reports.reported[chosen] >= first
        if last is not None:
            keep &= reports.reported[chosen] <= last
        return chosen[keep]

    def rows(self, question: Question, chosen: Positions) -> gpd.GeoDataFrame:
        """See `Layer`; the rows are made anew."""
        return turned(case_frame(self.town, self.workspace, self.name, chosen))

    def one(self, feature_id: str) -> gpd.GeoDataFrame:
        """See `Layer`."""
        at = np.flatnonzero(self.town.reports.ids == feature_id)
        return self.rows(Question(), at)

    def _values(self, column: Column, chosen: Positions) -> pd.Series:
        """A column of the chosen reports, as `rows` gives it."""
        arrays, codes = self._arrays(), self._codes()
        if column.name in arrays:
            return pd.Series(arrays[column.name][chosen])
        if column.name not in codes:
            return pd.Series(self.town.reports.ids[chosen])
        at, words = codes[column.name]
        told = [masked(word) for word in words] if column.kind == "text" else words
        return pd.Series(np.array([*told, None], object)[at[chosen]])  # −1, none, is the last

    def _codes(self) -> Mapping[str, _Codes]:
        """Column → the code of each report and what the codes mean."""
        reports, categories = self.town.reports, self.town.categories
        places = {
            TABLES[layer].key: (reports.place[layer], list(self.town.layers[layer].index))
            for layer in PLACES
        }
        both = {
            "category": (reports.category, list(reports.codes)),
            "category_name": (reports.category, [categories.name(c) for c in reports.codes]),
        }
        if self.name == "tasks":
            tasks = cases.tasks_of(self.town, self.workspace)
            return both | {
                "lane_id": places["lane_id"], "owner": (tasks.owner, list(tasks.owners)),
                "state": (tasks.state, list(STATES)), "light": (tasks.light, list(cases.LIGHT_NAMES)),
            }  # fmt: skip
        groups = [categories.group_of(code).key for code in reports.codes]
        late = np.isin(reports.status, OPEN) & (reports.lateness == LATE)
        return both | places | {
            "placed_by": (reports.placed, list(PLACED)), "group": (reports.category, groups),
            "department": (reports.department, list(reports.departments)),
            "source": (reports.source, list(reports.sources)),
            "status": (reports.status, list(STATUSES)), "overdue": (late.astype(int), ["no", "yes"]),
        }  # fmt: skip

    def _arrays(self) -> Mapping[str, npt.NDArray[Any]]:
        """Column → its value of each report, of those that are not a few words."""
        reports = self.town.reports
        if self.name == "reports":
            return {"reported_at": reports.reported, "closed_at": reports.closed}
        tasks = cases.tasks_of(self.town, self.workspace)
        return {
            "reported_at": reports.reported, "due_at": tasks.due, "handled_at": tasks.handled,
            "overdue_h": tasks.overdue_h,
        }  # fmt: skip

    def _touching(self, region: BaseGeometry) -> Mask:
        """Which reports touch a region."""
        near = shapely.buffer(region, _MARGIN, cap_style="square", join_style="mitre")
        shapely.prepare(near)
        inside = np.asarray(shapely.intersects_xy(near, *_degrees(self.town)))
        # Stretches and areas by their own shapes.
        shapes = self.town.reports.shapes
        inside[list(shapes)] = shapely.intersects(np.array(list(shapes.values()), object), region)
        return inside


def collection(town: Town, workspace: Workspace, name: str) -> Layer:
    """The collection of this name; KeyError if there is none."""
    if name not in LAYERS:
        raise KeyError(name)
    return (Cases if name in cases.COLUMNS else Layer)(town, workspace, name)


def turned(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Rings as RFC 7946 wants them: outer ones against the clock."""
    shapes = shapely.orient_polygons(frame.geometry.to_numpy(object))
    return frame.set_geometry(gpd.GeoSeries(shapes, frame.index, crs=frame.crs))


def extent(town: Town) -> tuple[float, float, float, float]:
    """West, south, east, north of everything that has a place."""
    return town.kept("live extent", lambda: _extent(town))


def _extent(town: Town) -> tuple[float, float, float, float]:
    lon, lat = _degrees(town)
    known = np.isfinite(lon)
    places = [np.array(town.bounds).reshape(2, 2), np.column_stack([lon[known], lat[known]])]
    shapes = [frame.geometry.to_numpy(object) for frame in town.layers.values()]
    shapes.append(np.array(list(town.reports.shapes.values()), object))
    corners = shapely.total_bounds(np.concatenate(shapes)).reshape(2, 2)
    every = np.concatenate([*places, corners[np.isfinite(corners).all(axis=1)]])
    (west, south), (east, north) = every.min(axis=0), every.max(axis=0)
    return float(west), float(south), float(east), float(north)


def _degrees(town: Town) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Longitude and latitude of the reports, NaN without a place."""
    reports, crs = town.reports, town.settings.crs
    return town.kept("live places", lambda: to_wgs84(reports.x, reports.y, crs))


def _text(value: object) -> str:
    """A value as it is written in an address."""
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)
