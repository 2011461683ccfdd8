"""Chicago's sanitation complaints through the command line, and every count against geopandas.

    python benchmarks/chicago.py

74,401 real complaints with their dirt, 277 police beats as lanes, 789 census tracts as cells, 77
communities, 98 neighbourhoods as areas. What each report belongs to is computed once more from the
files with `geopandas.sjoin` in EPSG:26971 (of several polygons the smallest, then the lowest id).
Exit code 1 if anything differs. The data lie in $CWMAP_SHARED_DATA, else in ../shared/data.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("CWMAP_SHARED_DATA") or ROOT.parent / "shared" / "data") / "chicago"
CRS, NEAREST_M = "EPSG:26971", 30.0
LAYERS = {
    "lanes": ("police_beats_277.geojson", "lane_id", ["--map", "beat_num=name"]),
    "cells": ("census_tracts_789_pop.geojson", "cell_id", []),
    "communities": (
        "community_areas_77_pop2000_2010.geojson", "community_id", ["--map", "NID=community_id"],
    ),
    "areas": ("neighborhoods_98.geojson", "area_id", []),
}  # fmt: skip
REPORTS = "sanitation_311_chicago.csv.gz"
STATUSES = {
    "Completed": "verified", "Open": "open", "Completed - Dup": "rejected", "Open - Dup": "rejected",
}  # fmt: skip


class Checks:
    """A table of what was expected and what came out."""

    def __init__(self) -> None:
        self.failed = 0

    def same(self, what: str, expected: object, got: object) -> None:
        """One line; counts a difference."""
        good = expected == got
        self.failed += not good
        print(
            f"  {'ok  ' if good else 'DIFF'} {what:<52} {got}" + ("" if good else f"  ≠ {expected}")
        )


def cwmap(*words: str) -> tuple[dict[str, Any], float]:
    """The JSON answer of a command, and its seconds."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "cwmap.cli", *words, "--json"],
        cwd=ROOT, capture_output=True, encoding="utf-8",
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"cwmap {' '.join(words)}: exit {done.returncode}\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer, time.perf_counter() - start


def complaints() -> pd.DataFrame:
    """The file's rows as text, of equal ids the last one; index: the id."""
    rows = pd.read_csv(DATA / REPORTS, dtype=str, keep_default_na=False)
    return rows.drop_duplicates("report_id", keep="last").set_index("report_id").sort_index()


def polygons(name: str, store: Path) -> gpd.GeoSeries:
    """The file's polygons in metres under the ids that the workspace gave them."""
    file, key, _ = LAYERS[name]
    known, given = gpd.read_file(store, layer=name), gpd.read_file(DATA / file)
    metric = given.geometry.make_valid().to_crs(CRS)
    tree = shapely.STRtree(known.geometry.to_crs(CRS).centroid)
    (_, at), metres = tree.query_nearest(metric.centroid, return_distance=True)
    if len(set(at)) < len(given) or metres.max() > 0.001:
        raise SystemExit(f"{name}: the stored polygons are not those of {file}")
    return gpd.GeoSeries(
        metric.to_numpy(), index=pd.Index(known[key].iloc[at], name=key)
    ).sort_index()


def holders(points: gpd.GeoSeries, shapes: gpd.GeoSeries) -> pd.Series:
    """The polygon of each point by geopandas: the smallest, then the lowest id; None for none."""
    left = gpd.GeoDataFrame(geometry=points)
    right = gpd.GeoDataFrame({"area": shapes.area}, geometry=shapes, crs=CRS)
    pairs = gpd.sjoin(left, right, predicate="intersects")
    pairs = pairs.sort_values(["area", shapes.index.name], kind="stable")
    first = pairs[shapes.index.name].groupby(level=0).first()
    return first.reindex(points.index)


def nearest(points: gpd.GeoSeries, shapes: gpd.GeoSeries) -> pd.Series:
    """The polygon nearest to each point within NEAREST_M, of equally near ones the lowest id."""
    left = gpd.GeoDataFrame(geometry=points)
    right = gpd.GeoDataFrame(geometry=shapes, crs=CRS)
    pairs = gpd.sjoin_nearest(left, right, max_distance=NEAREST_M)
    return pairs[shapes.index.name].groupby(level=0).min().reindex(points.index)


def counts(values: pd.Series) -> dict[str, int]:
    return {str(k): int(n) for k, n in values.value_counts().sort_index().items()}


def main() -> int:
    if not (DATA / REPORTS).is_file():
        print(f"No data in {DATA}: set CWMAP_SHARED_DATA to the folder that holds 'chicago'.")
        return 1
    checks, seconds = Checks(), dict[str, float]()
    with tempfile.TemporaryDirectory() as folder:
        where = ["-w", folder]
        cwmap("init", *where, "--crs", CRS, "--timezone", "America/Chicago")
        for name, (file, _, options) in LAYERS.items():
            done, seconds[f"import {name}"] = cwmap(
                "import", *where, name, str(DATA / file), *options
            )
            checks.same(
                f"{name} added, of its file", len(gpd.read_file(DATA / file)), done["added"]
            )
        words = ["import", *where, "reports", str(DATA / REPORTS),
                 "--map", "subcategory=category", "--add-categories"]  # fmt: skip
        trial, seconds["import reports --dry-run"] = cwmap(*words, "--dry-run")
        first, seconds["import reports"] = cwmap(*words)
        again, seconds["import reports again"] = cwmap(*words)
        status, seconds["status"] = cwmap("status", *where)
        _compare(checks, Path(folder) / "town.gpkg", trial, first, again, status)
    print("seconds, each command with its start:")
    for what, took in seconds.items():
        print(f"  {what:<28} {took:6.1f}")
    print("all the same" if not checks.failed else f"{checks.failed} differ")
    return int(checks.failed > 0)


def _compare(
    checks: Checks, store: Path, trial: dict[str, Any], first: dict[str, Any],
    again: dict[str, Any], status: dict[str, Any],
) -> None:  # fmt: skip
    raw = pd.read_csv(DATA / REPORTS, dtype=str, keep_default_na=False)
    rows = complaints()
    numbers = ("read", "added", "updated", "unchanged", "rejected")
    expected = (len(raw), len(rows), 0, len(raw) - len(rows), 0)
    checks.same("first import: " + " ".join(numbers), expected, tuple(first[n] for n in numbers))
    checks.same("dry run says the same", expected, tuple(trial[n] for n in numbers))
    nothing = (len(raw), 0, 0, len(raw), 0)
    checks.same("second import: " + " ".join(numbers), nothing, tuple(again[n] for n in numbers))
    checks.same("second import makes no revision", first["revision"], again["revision"])

    stored = gpd.read_file(store, layer="reports").set_index("report_id").sort_index()
    checks.same("ids stored are the file's", True, stored.index.equals(rows.index))
    checks.same("statuses", counts(rows["status"].map(STATUSES)), counts(stored["status"]))
    has = rows["lon"] != ""
    lon, lat = pd.to_numeric(rows["lon"][has]), pd.to_numeric(rows["lat"][has])
    points = gpd.GeoSeries.from_xy(lon, lat, index=rows.index[has], crs="EPSG:4326").to_crs(CRS)
    checks.same("without coordinates", int((~has).sum()), int(stored.geometry.isna().sum()))

    for name, (_, key, _) in LAYERS.items():
        shapes = polygons(name, store)
        found = holders(points, shapes)
        if name == "lanes":
            inside = found.notna()
            found[~inside] = nearest(points[~inside], shapes)
            ways = np.select([inside, found.notna()], ["within", "nearest"], "unplaced")
            way = pd.Series(ways, points.index).reindex(rows.index, fill_value="unplaced")
            checks.same("reports by way of placing", counts(way), counts(stored["placed_by"]))
            placed = {k: n for k, n in status["placed"].items() if n}
            checks.same("status says the same", counts(way), dict(sorted(placed.items())))
        found = found.reindex(rows.index)
        checks.same(
            f"{key}: reports placed", int(found.notna().sum()), int(stored[key].notna().sum())
        )
        checks.same(f"{key}: polygons whose count differs", 0,
                    len(set(counts(found).items()) ^ set(counts(stored[key]).items())))  # fmt: skip
        same = (found == stored[key]) | (found.isna() & stored[key].isna())
        checks.same(f"{key}: reports whose polygon differs", 0, int((~same).sum()))


if __name__ == "__main__":
    raise SystemExit(main())
