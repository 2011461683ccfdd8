"""How many planted clusters are found, and how many hot spots are claimed that are none.

    python benchmarks/planted.py [--seeds 50] [--reports 4000] [--days 300]
    python benchmarks/planted.py --quick

Every seed gives a demo town of its own with six planted causes. Recall: of the cells that hold 80 %
of a cause's reports, those that are called hot when its group of categories and its last dates are
asked for. False: of the cells called hot, those that neither are such a cell nor touch one; as
everyday reports gather too, where people live, not all of these are errors.

Then towns without clusters. All that is hot there is false, so the share of such towns with any hot
cell at 95 % is the false discovery rate, to be 5 % at most. Beside Poisson counts (`even`) these are
the counts of the demo dealt out anew over the cells (`dealt`), as skewed as real ones; reports dealt
out by the area of lanes in each cell (`exposed`), where counts of cells do gather, though lanes do
not differ; and reports dealt out over the lanes by length, for the hot lanes.
"""

import argparse
import tempfile
from collections import OrderedDict, defaultdict
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from cwmap import importing, sample
from cwmap.cube import Cube
from cwmap.demo import make
from cwmap.filters import Filter
from cwmap.store import Merged, Settings, Workspace
from cwmap.town import Town, open_town
from cwmap.trends.hotspots import Method, hotspots, neighbours
from geo.coordinates import transform_geometries

METHODS = {"normal": "gi_q", "shuffled": "gi_q_permuted"}


def opened(seed: int, reports: int, days: int) -> tuple[Town, list[dict[str, Any]]]:
    demo = make(reports=reports, seed=seed, days=days)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(name=demo.name, crs=demo.crs, synthetic=True)
        workspace = Workspace.create(Path(folder, "workspace"), settings)
        with workspace.changing() as change:
            for name in sample.ORDER:
                importing.merge(change, name, demo.tables[name])
            change.finish("demo", "reports", "", Merged(0, 0, 0), 0)
        return open_town(workspace), demo.truth["clusters"]


def moved(town: Town, layer: str, codes: Any) -> Town:
    place = town.reports.place | {layer: codes.astype(np.int32)}
    reports = replace(town.reports, place=place)
    sorts = {n: getattr(reports, n) for n in ("category", "status", "lateness", "source")}
    cube = Cube(reports.day, place, sorts)
    return replace(town, reports=reports, cube=cube, _kept=OrderedDict())


def without_clusters(town: Town, seed: int) -> dict[str, tuple[Town, Method]]:
    random = np.random.default_rng(seed)
    n, cells = len(town.reports), len(town.layers["cells"])
    held = town.reports.place["cells"]
    metric = {
        name: transform_geometries(
            town.layers[name].geometry.to_numpy(object), "EPSG:4326", town.settings.crs
        )
        for name in ("cells", "lanes")
    }
    cell, lane = shapely.STRtree(metric["lanes"]).query(metric["cells"], "intersects")
    area = shapely.area(shapely.intersection(metric["cells"][cell], metric["lanes"][lane]))
    exposure = np.bincount(cell, area, cells)
    length = town.layers["lanes"]["length_m"].to_numpy(float)
    return {
        "even": (moved(town, "cells", random.integers(cells, size=n)), Method()),
        "dealt": (
            moved(town, "cells", np.where(held < 0, -1, random.permutation(cells)[held])),
            Method(),
        ),
        "exposed": (
            moved(town, "cells", random.choice(cells, n, p=exposure / exposure.sum())),
            Method(),
        ),
        "lanes by length": (
            moved(town, "lanes", random.choice(len(length), n, p=length / length.sum())),
            Method(units="lanes"),
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--reports", type=int, default=4_000)
    parser.add_argument("--days", type=int, default=300)
    arguments = parser.parse_args()
    seeds = 5 if arguments.quick else arguments.seeds
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = defaultdict(list)
    empty: dict[tuple[str, str], list[int]] = defaultdict(list)
    for seed in range(1, seeds + 1):
        town, clusters = opened(seed, arguments.reports, arguments.days)
        ids = town.layers["cells"].index
        near = neighbours(town, Method())
        for cluster in clusters:
            start, end = (date.fromisoformat(day) for day in cluster["windows"][-1])
            question = Filter(start, end, category=(cluster["category_group"],))
            units = hotspots(town, question).units
            planted = ids.isin(cluster["cell_ids"])
            around = planted | (near[planted].sum(axis=0) > 0)
            for name, column in METHODS.items():
                hot = ((units[column] <= 0.05) & (units["gi_z"] > 0)).to_numpy()
                found[cluster["key"], name].append(
                    (
                        (hot & planted).sum() / planted.sum(),
                        (hot & ~around).sum() / max(hot.sum(), 1),
                        units["reports"].sum(),
                    )
                )
        for null, (other, method) in without_clusters(town, seed).items():
            for period in ("all", "30 days"):
                start = None if period == "all" else date(2026, 10, 2)
                units = hotspots(other, Filter(start=start), method).units
                for name, column in METHODS.items():
                    hot = (units[column] <= 0.05) & (units["gi_z"] > 0)
                    empty[f"{null}, {period}", name].append(int(hot.sum()))
    print(f"{seeds} towns of {arguments.reports:,} reports in {arguments.days} days\n")
    print(f"{'planted cause':24}{'method':10}{'reports':>9}{'recall':>9}{'false':>9}{'found':>9}")
    for (cause, name), rows in found.items():
        recall, false, reports = np.mean(rows, axis=0)
        any_found = np.mean([r[0] > 0 for r in rows])
        print(f"{cause:24}{name:10}{reports:9.0f}{recall:9.1%}{false:9.1%}{any_found:9.0%}")
    print(f"\n{'no clusters':28}{'method':10}{'towns with a hot one':>22}{'hot, mean':>12}")
    for (null, name), counts in empty.items():
        print(f"{null:28}{name:10}{np.mean(np.array(counts) > 0):22.0%}{np.mean(counts):12.2f}")


if __name__ == "__main__":
    main()
