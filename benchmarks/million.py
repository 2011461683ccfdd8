"""A million reports through the command line: seconds and memory of the import, and what came out.

    python benchmarks/million.py [reports]

The town of `locate.py`: 180 lanes, 3,000 cells that share edges. The file is a case ledger in CSV
as a city-management platform exports it. What was placed is checked against shapely's STRtree.
Exit code 1 if a count differs.
"""

from __future__ import annotations

import json
import resource
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
from locate import LANES, reports, town

from cwmap.norms import Categories
from cwmap.store import Workspace
from cwmap.town import open_town
from geo.coordinates import to_wgs84, transform_geometries

ROOT = Path(__file__).resolve().parents[1]
CRS = "EPSG:4544"


def cwmap(*words: str) -> tuple[dict[str, Any], float]:
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "cwmap.cli", *words, "--json"],
        cwd=ROOT, capture_output=True, check=True, encoding="utf-8",
    )  # fmt: skip
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer, time.perf_counter() - start


def layer(path: Path, shapes: np.ndarray, **columns: list[str]) -> None:
    degrees = transform_geometries(shapes, CRS, "EPSG:4326")
    gpd.GeoDataFrame(columns, geometry=degrees, crs="EPSG:4326").to_file(path)


def ledger(path: Path, x: np.ndarray, y: np.ndarray) -> None:
    """Cases with times, words and texts; seven of ten are closed."""
    random, number = np.random.default_rng(3), len(x)
    lon, lat = to_wgs84(x, y, CRS)
    codes = [code for code in Categories.load().codes if code.startswith("0")]
    found = pd.Timestamp("2025-01-01") + pd.to_timedelta(random.integers(0, 864_000, number), "min")
    closed = random.random(number) < 0.7
    later = found + pd.to_timedelta(random.integers(30, 6_000, number), "min")
    pd.DataFrame(
        {
            "问题编号": [f"W{i:08}" for i in range(number)],
            "问题类别": random.choice(codes, number),
            "上报时间": found.strftime("%Y-%m-%d %H:%M"),
            "状态": np.where(closed, "已结案", "处理中"),
            "办结时间": np.where(closed, later.strftime("%Y-%m-%d %H:%M"), ""),
            "经度": np.round(lon, 7), "纬度": np.round(lat, 7),
            "位置描述": [f"某小区 {i % 97} 号楼前" for i in range(number)],
            "问题描述": "路面坑洼约 1 平方米",
            "来源": random.choice(["巡查", "热线", "群众"], number),
        }
    ).to_csv(path, index=False, encoding="utf-8-sig")  # fmt: skip


def main() -> int:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    polygons, lines = town()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        where = ["-w", str(folder / "workspace")]
        ids = [f"X{i:03}" for i in range(LANES)]
        layer(folder / "lanes.geojson", polygons[:LANES], lane_id=ids, name=[f"{i}巷" for i in ids])
        cells = polygons[LANES:]
        layer(folder / "cells.geojson", cells, cell_id=[f"G{i:04}" for i in range(len(cells))])
        x, y = reports(number, lines)
        ledger(folder / "reports.csv", x, y)
        cwmap("init", *where)
        for table in ("lanes", "cells"):
            cwmap("import", *where, table, str(folder / f"{table}.geojson"))
        words = ["import", *where, "reports", str(folder / "reports.csv"), "--coords", "wgs84"]
        first, seconds = cwmap(*words)
        gigabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
        print(f"import of {number:,}: {seconds:.1f} s, at most {gigabytes:.1f} GB")
        again, seconds = cwmap(*words)
        print(f"the same file again: {seconds:.1f} s")
        start = time.perf_counter()
        opened = open_town(Workspace.open(folder / "workspace"))
        print(f"opening the town: {time.perf_counter() - start:.1f} s")
        stored = gpd.read_file(folder / "lanes.geojson").to_crs(CRS).geometry.to_numpy()
        lon, lat = pd.read_csv(folder / "reports.csv", usecols=["经度", "纬度"]).to_numpy().T
        points = gpd.GeoSeries.from_xy(lon, lat, crs="EPSG:4326").to_crs(CRS).to_numpy()
        inside = np.unique(shapely.STRtree(stored).query(points, predicate="intersects")[0])
    within = int((opened.reports.placed == 0).sum())
    checks = {
        "added": (number, first["added"]), "unchanged, again": (number, again["unchanged"]),
        "in the town": (number, len(opened.reports)), "within a lane": (len(inside), within),
    }  # fmt: skip
    for what, (expected, got) in checks.items():
        print(f"  {'ok  ' if expected == got else 'DIFF'} {what}: {got:,} of {expected:,}")
    return int(any(expected != got for expected, got in checks.values()))


if __name__ == "__main__":
    raise SystemExit(main())
