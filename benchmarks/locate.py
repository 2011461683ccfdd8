"""Which polygon holds each point: geo.locate side by side with other engines, as ratios.

    PYTHONPATH=. python benchmarks/locate.py [--quick]

All engines do the same job in the same run, in turn: in a town of 180 lane strips over 3,000 grid
cells, how many points each polygon holds. The counts are checked to be equal, and our pairs of
point and polygon to be those of shapely's tree. What is timed: the join and the count, for
geo.locate from plain coordinates with its index built (it is kept with the boundaries), for the
others from their own geometry objects, tables and trees, made beforehand.

An engine that is not installed is left out, and said to be. The two outside engines:
    pip install sedonadb==0.5.0 geoarrow-pyarrow duckdb==1.5.5 duckdb-extension-spatial==1.5.5
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

from geo.locate import PolygonIndex
from geo.nearest import NearestIndex

Engine = Callable[[], np.ndarray]

COLUMNS, ROWS, STEP_M, LANES = 60, 50, 70.0, 180
BENDS = 8  # pieces of a cell's side: 32 corners a cell, where surveyed ones often have 100
CORNER = np.array([492_000.0, 3_694_000.0])
NEAR_M = 30.0
COUNT_SQL = """
    SELECT polygon, count(*) AS n
    FROM points JOIN polygons ON ST_Intersects(polygons.geometry, points.geometry)
    GROUP BY polygon
"""


def town(seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """(lane strips followed by grid cells, centre lines of the lanes); neighbours share edges."""
    rng = np.random.default_rng(seed)
    corner = np.stack(np.meshgrid(np.arange(COLUMNS + 1), np.arange(ROWS + 1)), axis=-1) * STEP_M
    corner = corner + rng.uniform(-15, 15, corner.shape) + CORNER
    across = crooked(corner[:, :-1], corner[:, 1:], rng)  # sides with their corners, west to east
    along = crooked(corner[:-1], corner[1:], rng)  # south to north
    sides = (across[:-1], along[:, 1:], across[1:, :, ::-1], along[:, :-1, ::-1])
    cells = shapely.polygons(
        np.concatenate([side[:, :, :-1] for side in sides], axis=2).reshape(-1, 4 * BENDS, 2)
    )
    lines = []
    for _ in range(LANES):
        corners = rng.integers(4, 10)
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.25, corners))
        steps = np.stack([np.cos(heading), np.sin(heading)], 1) * rng.uniform(20, 60, (corners, 1))
        begin = CORNER + rng.uniform(0.05, 0.95, 2) * (COLUMNS * STEP_M, ROWS * STEP_M)
        lines.append(shapely.linestrings(begin + np.cumsum(steps, axis=0)))
    strips = shapely.buffer(lines, rng.uniform(2, 6, LANES), quad_segs=4)
    return np.concatenate([strips, cells]), np.array(lines)


def crooked(begin: np.ndarray, end: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(…, BENDS + 1, 2): begin, points not quite on the way, end."""
    share = np.linspace(0, 1, BENDS + 1)[:, None]
    way = begin[..., None, :] * (1 - share) + end[..., None, :] * share
    way[..., 1:-1, :] += rng.uniform(-2, 2, way[..., 1:-1, :].shape)
    return way


def reports(number: int, lines: np.ndarray, seed: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """x and y of points: 3 of 10 along lanes (5 m scatter), the others all over the town."""
    rng = np.random.default_rng(seed)
    xy = CORNER + rng.uniform(-0.02, 1.02, (number, 2)) * (COLUMNS * STEP_M, ROWS * STEP_M)
    on_lane = np.flatnonzero(rng.random(number) < 0.3)
    lane = lines[rng.integers(0, len(lines), len(on_lane))]
    foot = shapely.line_interpolate_point(lane, rng.random(len(lane)), normalized=True)
    xy[on_lane] = shapely.get_coordinates(foot) + rng.normal(0, 5, (len(lane), 2))
    return xy[:, 0].copy(), xy[:, 1].copy()


def join_engines(
    polygons: np.ndarray, x: np.ndarray, y: np.ndarray, index: PolygonIndex
) -> Iterator[tuple[str, Engine | None]]:
    """(name, engine), None for one that is not installed."""
    points = gpd.GeoDataFrame({"point": np.arange(len(x))}, geometry=shapely.points(x, y))
    areas = gpd.GeoDataFrame({"polygon": np.arange(len(polygons))}, geometry=polygons)
    tree = shapely.STRtree(polygons)

    def count(polygon: np.ndarray) -> np.ndarray:
        return np.bincount(polygon, minlength=len(polygons))

    point, polygon = tree.query(points.geometry, "intersects")
    order = np.lexsort((polygon, point))
    np.testing.assert_array_equal(index.pairs(x, y), (point[order], polygon[order]))
    yield "geo.locate", lambda: count(index.pairs(x, y)[1])
    yield "geopandas.sjoin", lambda: count(gpd.sjoin(points, areas)["polygon"].to_numpy())
    yield "shapely.STRtree", lambda: count(tree.query(points.geometry, "intersects")[1])
    for name, module, make in (
        ("SedonaDB", "sedonadb", sedona_engine),
        ("DuckDB spatial", "duckdb_extension_spatial", duckdb_engine),
    ):
        yield name, make(points, areas) if importlib.util.find_spec(module) else None


def by_polygon(polygon: np.ndarray, n: np.ndarray, number: int) -> np.ndarray:
    answer = np.zeros(number, dtype=np.int64)
    answer[np.asarray(polygon)] = n
    return answer


def sedona_engine(points: gpd.GeoDataFrame, areas: gpd.GeoDataFrame) -> Engine:
    import sedonadb

    database = sedonadb.connect()
    database.create_data_frame(points).to_view("points")
    database.create_data_frame(areas).to_view("polygons")

    def run() -> np.ndarray:
        table = database.sql(COUNT_SQL).to_pandas()
        return by_polygon(table["polygon"], table["n"], len(areas))

    return run


def duckdb_engine(points: gpd.GeoDataFrame, areas: gpd.GeoDataFrame) -> Engine:
    import duckdb
    import duckdb_extension_spatial
    import pandas as pd

    folder = Path(duckdb_extension_spatial.__path__[0])
    database = duckdb.connect()
    database.execute(f"LOAD '{next(folder.rglob('spatial.duckdb_extension')).as_posix()}'")
    for name, key, frame in (("points", "point", points), ("polygons", "polygon", areas)):
        database.register("given", pd.DataFrame({key: frame[key], "wkb": frame.to_wkb().geometry}))
        database.execute(
            f"CREATE TABLE {name} AS SELECT {key}, ST_GeomFromWKB(wkb) AS geometry FROM given"
        )

    def run() -> np.ndarray:
        table = database.execute(COUNT_SQL).fetchnumpy()
        return by_polygon(table["polygon"], table["n"], len(areas))

    return run


def nearest_engines(
    lanes: np.ndarray, x: np.ndarray, y: np.ndarray, index: NearestIndex
) -> Iterator[tuple[str, Engine]]:
    """Distance to the nearest lane within NEAR_M of each point, NaN beyond."""
    points = gpd.GeoDataFrame({"point": np.arange(len(x))}, geometry=shapely.points(x, y))
    areas = gpd.GeoDataFrame(geometry=lanes)
    tree = shapely.STRtree(lanes)

    def sjoin_nearest() -> np.ndarray:
        joined = gpd.sjoin_nearest(points, areas, max_distance=NEAR_M, distance_col="distance_m")
        answer = np.full(len(x), np.nan)
        answer[joined["point"]] = joined["distance_m"]
        return answer

    def dwithin() -> np.ndarray:
        point, lane = tree.query(points.geometry, "dwithin", NEAR_M)
        answer = np.full(len(x), np.inf)
        np.minimum.at(answer, point, shapely.distance(points.geometry.values[point], lanes[lane]))
        return np.where(answer <= NEAR_M, answer, np.nan)

    yield "geo.nearest", lambda: index.query(x, y)[1]
    yield "geopandas.sjoin_nearest", sjoin_nearest
    yield "shapely dwithin", dwithin


def seconds_of(engine: Engine) -> float:
    """Mean time of a run, over half a second of runs: a busy machine disturbs short ones most."""
    begin, runs = time.perf_counter(), 0
    while (taken := time.perf_counter() - begin) < 0.5:
        engine()
        runs += 1
    return taken / runs


def compare(engines: Iterator[tuple[str, Engine | None]], rounds: int, build_s: float) -> None:
    """Run all in turn, check that the answers are equal, and print medians and ratios."""
    ready: dict[str, Engine] = {}
    for name, engine in engines:
        if engine is None:
            print(f"{name}: not installed, left out")
        else:
            ready[name] = engine
    expected = {name: engine() for name, engine in ready.items()}  # warms up, too
    ours, *others = ready
    for name in others:
        np.testing.assert_array_equal(expected[ours], expected[name], err_msg=name)
    seconds: dict[str, list[float]] = {name: [] for name in ready}
    for _ in range(rounds):
        for name, engine in ready.items():
            seconds[name].append(seconds_of(engine))
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    print(f"{'engine':<26}{'median s':>10}{'slower than ours':>18}{'ours with build':>17}")
    for name, median in medians.items():
        warm, cold = median / medians[ours], median / (medians[ours] + build_s)
        print(f"{name:<26}{median:>10.3f}{warm:>17.1f}x{cold:>16.1f}x")
    print(f"answers equal; index built in {build_s:.2f} s\n")


def peak_mb() -> float:
    """Largest memory that this process has held so far, in megabytes (Linux)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1000


def print_memory(number: int, method: str) -> None:
    """In a process of its own: what building the index and asking number points takes."""
    polygons, lines = town()
    x, y = np.empty(number), np.empty(number)
    for begin in range(0, number, 100_000):  # in blocks: so that making them is not the peak
        block = slice(begin, begin + 100_000)
        x[block], y[block] = reports(len(x[block]), lines, seed=begin)
    before = peak_mb()
    answer = getattr(PolygonIndex.build(polygons), method)(x, y)
    size = len(answer) if method == "first" else len(answer[0])
    print(
        f"memory, index and {method} of {number:,} points ({size:,} answers): "
        f"{peak_mb() - before:.0f} MB on top of the coordinates; whole process {peak_mb():.0f} MB"
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--quick", action="store_true", help="a tenth of the points")
    options.add_argument("--memory", nargs=2, metavar=("POINTS", "METHOD"), help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.memory:
        print_memory(int(chosen.memory[0]), chosen.memory[1])
        return
    number, rounds = (100_000, 5) if chosen.quick else (1_000_000, 7)

    polygons, lines = town()
    x, y = reports(number, lines)
    print(f"{number:,} points in {len(polygons):,} polygons: the polygons that hold each point")
    begin = time.perf_counter()
    index = PolygonIndex.build(polygons)
    build_s = time.perf_counter() - begin
    compare(join_engines(polygons, x, y, index), rounds, build_s)

    lanes = polygons[:LANES]
    outside = PolygonIndex.build(lanes).first(x, y) < 0
    x, y = x[outside], y[outside]
    print(f"{len(x):,} points outside every lane: the nearest of {LANES} lanes within 30 m")
    begin = time.perf_counter()
    near = NearestIndex.build(lanes, NEAR_M)
    build_s = time.perf_counter() - begin
    compare(nearest_engines(lanes, x, y, near), rounds, build_s)

    if Path("/proc/self/status").exists():
        for method in ("first", "pairs"):
            arguments = [__file__, "--memory", str(number * 10), method]
            subprocess.run([sys.executable, *arguments], check=True)
    else:
        print("memory: not measured on this system")


if __name__ == "__main__":
    main()
