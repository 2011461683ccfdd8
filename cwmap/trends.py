"""Where the town's cells are hot or cold beyond chance, and whether they get better or worse."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from cwmap import figures
from cwmap.filters import Filter
from cwmap.town import Town
from geo.coordinates import transform_geometries
from geo.hotspots import (
    MIN_UNITS,
    Adjacency,
    benjamini_hochberg,
    classify,
    getis_ord,
    mann_kendall,
    neighbours_touching,
    two_sided_p,
)

LEAST_WEEKS, MOST_WEEKS = 8, 52
"""Weeks that a trend needs, and that it looks back at most."""
TREND_P = 0.05
DIRECTIONS = ("decreasing", "none", "increasing")


@dataclass(frozen=True)
class Hotspots:
    """Cells, indexed by cell_id as in the town, and why a column is empty.

    cells: gi_z, gi_p, gi_q (Gi* of the count in the period, two-sided p, its FDR), hotspot (one of
    `geo.hotspots.CLASSES`, by gi_q) and trend (one of DIRECTIONS); NaN or None where not computed.
    """

    cells: pd.DataFrame
    notes: tuple[str, ...]


def hotspots(town: Town, question: Filter) -> Hotspots:
    """Hot and cold spots of a filter, among all cells of the town.

    A place in the filter is not looked at: cells outside it would be cold for want of being asked.
    Trend: Mann-Kendall over whole weeks up to the end of the period, p ≤ 0.05 for each cell alone.
    """
    whole = replace(question, area=(), community=(), cell=(), lane=())
    found = town.kept(("hotspots", whole), lambda: _hotspots(town, whole))
    if whole == question:
        return found
    return replace(found, notes=(*found.notes, "冷热点和趋势按全镇网格计算，不受地点筛选影响"))


def _hotspots(town: Town, question: Filter) -> Hotspots:
    counts = figures.cells(town, question)["reports"].to_numpy(float)
    n, notes = len(counts), []
    cells = pd.DataFrame(
        {"gi_z": np.nan, "gi_p": np.nan, "gi_q": np.nan, "hotspot": None, "trend": None},
        index=town.layers["cells"].index,
    ).astype({"hotspot": object, "trend": object})
    if n < MIN_UNITS:
        notes.append(f"单元网格只有 {n} 个，不足 {MIN_UNITS} 个，没有计算冷热点")
    elif counts.min() == counts.max():
        notes.append("各网格的问题数都相同，没有冷热点可言")
    else:
        z = getis_ord(counts, _neighbours(town))
        p = two_sided_p(z)
        q = benjamini_hochberg(p)
        cells = cells.assign(gi_z=z, gi_p=p, gi_q=q, hotspot=classify(z, q).astype(object))
    weeks = weekly(town, question)
    if weeks.shape[1] < LEAST_WEEKS:
        notes.append(f"时段不足 {LEAST_WEEKS} 周，没有判断趋势")
    elif n:
        trend = mann_kendall(weeks)
        way = np.where(trend.p <= TREND_P, np.sign(trend.s), 0)
        cells = cells.assign(trend=np.array(DIRECTIONS, object)[way + 1])
    return Hotspots(cells, tuple(notes))


def weekly(town: Town, question: Filter) -> npt.NDArray[np.int64]:
    """Reports of each cell in each whole week up to the end of the period, (cells, weeks)."""
    view = town.view(question)
    first, last = max(view.first, 0), min(view.last, (town.as_of - town.first_day).days)
    weeks = min(max(last - first + 1, 0) // 7, MOST_WEEKS)
    chosen = town.selected(view)
    cell, ago = town.reports.place["cells"][chosen], (last - town.reports.day[chosen]) // 7
    inside = (cell >= 0) & (ago >= 0) & (ago < weeks)
    at = cell[inside].astype(np.int64) * weeks + (weeks - 1 - ago[inside])
    cells = len(town.layers["cells"])
    return np.bincount(at, minlength=cells * weeks).reshape(cells, weeks)


def _neighbours(town: Town) -> Adjacency:
    """Cells that touch; made once."""

    def make() -> Adjacency:
        degrees = town.layers["cells"].geometry.to_numpy(object)
        return neighbours_touching(transform_geometries(degrees, "EPSG:4326", town.settings.crs))

    return town.kept("neighbours", make)
