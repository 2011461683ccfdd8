"""Faults of a real sheet, in the demo town's own file of reports and listed in its truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from cwmap.demo.causes import Integers

# kind: what an import must make of the row: reject it, warn, take the later of two, or skip a repeat.
FAULTS = {
    "impossible_date": "reject",
    "date_without_year": "reject",
    "no_time": "reject",
    "unknown_category": "reject",
    "no_category": "reject",
    "unknown_status": "reject",
    "coordinates_swapped": "reject",
    "latitude_missing": "reject",
    "not_a_coordinate": "reject",
    "coordinates_zero": "warn",
    "far_away": "warn",
    "closed_before_reported": "warn",
    "same_id_older": "replace",
    "same_row_twice": "repeat",
}
SHARE = 0.0003
FIRST_LINE = 2  # of a sheet, under its header


@dataclass(frozen=True)
class Sheet:
    """The rows of a sheet in order: position of the report that each is made from, and its fault."""

    report: Integers
    fault: list[str]


def in_sheet(reports: gpd.GeoDataFrame) -> Integers:
    """Positions of the reports that a sheet can hold: those that are points or nowhere."""
    kind = shapely.get_type_id(reports.geometry.to_numpy())
    return np.flatnonzero(np.isin(kind, [-1, shapely.GeometryType.POINT]))


def sheet(reports: gpd.GeoDataFrame, seed: int) -> Sheet:
    """All reports that a sheet can hold, in order, with faulty copies of a few between them."""
    good, rng = in_sheet(reports), np.random.default_rng([seed, 7])
    status = reports["status"].to_numpy(object)[good]
    has = ~shapely.is_missing(reports.geometry.to_numpy()[good]) & (status == "verified")
    likely = np.flatnonzero(has)
    each = min(max(1, round(SHARE * len(good))), 12, len(likely) // len(FAULTS))
    chosen = rng.choice(likely, each * len(FAULTS), replace=False)
    faults = np.repeat(np.array(list(FAULTS), object), each)
    # A faulty copy stands anywhere; an older version before, a repeat after its report.
    place = rng.integers(0, len(good), len(chosen)) + 0.5
    place = np.where(faults == "same_id_older", chosen - 0.5, place)
    place = np.where(faults == "same_row_twice", np.maximum(place, chosen + 0.5), place)
    order = np.argsort(np.r_[np.arange(len(good)), place], kind="stable")
    report = np.r_[good, good[chosen]][order]
    return Sheet(report, np.r_[np.full(len(good), "", object), faults][order].tolist())


def identifiers(reports: gpd.GeoDataFrame, rows: Sheet) -> list[str]:
    """The id in each row: a faulty copy is a report of its own unless it repeats one."""
    ids: list[str] = reports["report_id"].to_numpy(object)[rows.report].tolist()
    extra = 0
    for k, fault in enumerate(rows.fault):
        if fault and not fault.startswith("same"):
            extra += 1
            ids[k] = f"{ids[k][:9]}{90_000 + extra}"
    return ids


def listed(reports: gpd.GeoDataFrame, rows: Sheet) -> list[dict[str, Any]]:
    """The faults by line of the file, for the truth."""
    ids = identifiers(reports, rows)
    return [
        {"row": k + FIRST_LINE, "report_id": ids[k], "kind": fault, "must": FAULTS[fault]}
        for k, fault in enumerate(rows.fault)
        if fault
    ]


def spoil(cells: dict[str, list[str]], rows: Sheet) -> None:
    """Put the faults into the text of a sheet, by column name, in place."""
    good = {report: k for k, report in enumerate(rows.report.tolist()) if not rows.fault[k]}
    for k, fault in enumerate(rows.fault):
        match fault:
            case "impossible_date":
                cells["reported_at"][k] = "2026-02-30 10:05"
            case "date_without_year":
                cells["reported_at"][k] = "3月1日 10:05"
            case "no_time":
                cells["reported_at"][k] = ""
            case "unknown_category":
                cells["category"][k] = "飞碟降落"
            case "no_category":
                cells["category"][k] = ""
            case "unknown_status":
                cells["status"][k] = "开会研究"
            case "coordinates_swapped":
                cells["lon"][k], cells["lat"][k] = cells["lat"][k], cells["lon"][k]
            case "latitude_missing":
                cells["lat"][k] = ""
            case "not_a_coordinate":
                cells["lon"][k] = "见照片"
            case "coordinates_zero":
                cells["lon"][k] = cells["lat"][k] = "0"
            case "far_away":
                cells["lon"][k], cells["lat"][k] = "103.8343", "36.0611"
            case "closed_before_reported":
                cells["closed_at"][k] = "2024-12-31 08:00"
            case "same_id_older":
                cells["status"][k], cells["closed_at"][k] = "已派遣", ""
            case "same_row_twice":
                for column in cells.values():
                    column[k] = column[good[int(rows.report[k])]]
