"""The demo town as tables, ready for a workspace, and the truth about it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from cwmap.demo import (
    backdrop,
    causes,
    contradictions,
    dirt,
    inspections,
    people,
    pictures,
    plan,
    tasks,
    units,
)
from cwmap.demo.ground import CRS
from cwmap.demo.reports import reports_frame
from cwmap.photos import Photo

NAME = "示例镇（依武都河谷地形虚构）"


@dataclass(frozen=True)
class DemoTown:
    """A synthetic town: every outline, person and report is invented; it is to be badged 示例.

    tables: by name in `cwmap.tables`, with their filled columns; a place is the column `geometry`
    (EPSG:4326, None where a report has no coordinates) instead of lon, lat, wkt. Times are UTC
    without zone, as the store keeps them; missing values are None, NaN or NaT.
    events: what was done to tasks (`Change.record`). photos: drawn pictures that the tables name.
    truth: JSON-able: `clusters` that were planted, `gaps`, faults of the `duties`, `parameters` and
    counts of what is odd.
    """

    name: str
    crs: str
    tables: dict[str, pd.DataFrame | gpd.GeoDataFrame]
    events: pd.DataFrame
    photos: list[Photo]
    truth: dict[str, Any]


def make(*, reports: int = 20_000, seed: int = 1, days: int = 540) -> DemoTown:
    """The demo town with so many reports over the days up to 2026-10-31.

    The map is always the same; people and reports depend on the seed, and nothing else.
    ValueError: fewer than one report or day.
    """
    if reports < 1 or days < 1 or seed < 0:
        raise ValueError(f"not a demo: {reports} reports, {days} days, seed {seed}")
    drawn = plan.draw()
    maps = {name: frame.copy() for name, frame in _maps().items()}
    streams = [np.random.default_rng([seed, k]) for k in range(7)]
    table, truth = reports_frame(drawn, reports, days, streams[3])
    tables: dict[str, pd.DataFrame | gpd.GeoDataFrame] = {
        **maps,
        "facilities": people.facilities_frame(drawn, streams[0]),
        "population": people.population_frame(drawn, streams[1]),
        "duties": people.duties_frame(drawn, streams[2]),
        "units": units.units_frame(drawn, streams[4]),
        "reports": table,
    }
    tables["duties"] = people.unit_duties(tables["duties"], tables["units"])
    tables["inspections"] = inspections.inspections_frame(drawn, tables, days, streams[5])
    tables["tasks"], events = tasks.tasks_frame(table, streams[6])
    events, photos = pictures.hang(tables, events)
    first = causes.LAST_DAY - pd.Timedelta(days=days - 1)
    return DemoTown(
        NAME,
        CRS,
        tables,
        events,
        photos,
        {
            "parameters": {
                "reports": reports, "seed": seed, "days": days,
                "first_day": str(first.date()), "last_day": str(causes.LAST_DAY.date()),
                "timezone": "Asia/Shanghai", "residents": int(tables["population"]["residents"].sum()),
            },
            "gaps": [
                {"area_id": area, "facility_kind": kind, "why": why} for area, kind, why in people.GAPS
            ],
            "duties": contradictions.planted(drawn),
            **truth,
            "dirt": dirt.listed(table, dirt.sheet(table, seed)),
        },
    )  # fmt: skip


@cache
def _maps() -> dict[str, gpd.GeoDataFrame]:
    drawn = plan.draw()
    return {
        "lanes": plan.lanes_frame(drawn),
        "cells": plan.cells_frame(drawn),
        "communities": plan.communities_frame(drawn),
        "areas": plan.areas_frame(drawn),
        "backdrop": backdrop.backdrop_frame(drawn),
    }
