"""The demo town: a believable map, whole tables, and planted causes that the data really shows."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from cwmap.demo import DemoTown, make, write_files
from cwmap.norms import Categories
from cwmap.shipped import shipped
from cwmap.tables import COORDINATES, TABLES

COUNT = 20_000  # as in conftest.py


def digest(town: DemoTown) -> str:
    """One hash of every value and every coordinate, in order."""
    total = hashlib.sha256()
    for name, table in town.tables.items():
        plain = pd.DataFrame(table.drop(columns="geometry", errors="ignore"))
        total.update(name.encode() + plain.to_csv(index=False).encode())
        if "geometry" in table:
            for blob in shapely.to_wkb(table["geometry"].to_numpy(), byte_order=1):
                total.update(blob or b"-")
    total.update(json.dumps(town.truth, ensure_ascii=False).encode())
    return total.hexdigest()


def metric(town: DemoTown, name: str) -> np.ndarray:
    return town.tables[name].to_crs(town.crs).geometry.to_numpy()


def test_same_seed_gives_the_same_bytes_in_another_process() -> None:
    small = make(reports=400, seed=3)
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_demo as t; from cwmap.demo import make;"
        "print(t.digest(make(reports=400, seed=3)))"
    )
    folder = str(Path(__file__).parent)
    other = subprocess.run(
        [sys.executable, "-c", program, folder], capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    assert other.stdout.strip() == digest(small)


def test_another_seed_changes_reports_and_people_but_not_the_map(town: DemoTown) -> None:
    other = make(reports=500, seed=2)
    for name in ("lanes", "cells", "communities", "areas", "backdrop"):
        assert other.tables[name].equals(town.tables[name])
    again = make(reports=500, seed=1).tables
    for name in ("reports", "duties", "population"):
        assert not other.tables[name].equals(again[name])


def test_tables_have_exactly_the_columns_that_people_fill_in(town: DemoTown) -> None:
    assert town.tables.keys() == TABLES.keys() & town.tables.keys()
    assert set(town.tables) >= {
        "lanes", "cells", "communities", "areas", "facilities", "population", "backdrop", "reports", "duties",
    }  # fmt: skip
    for name, frame in town.tables.items():
        table = TABLES[name]
        wanted = [c.name for c in table.filled if c.name not in COORDINATES]
        assert sorted(set(frame.columns) - {"geometry"}) == sorted(wanted), name
        assert ("geometry" in frame) == (table.shape is not None), name
        assert frame[table.key].is_unique, name
        assert frame[table.key].notna().all(), name
        for column in table.filled:
            if column.name in COORDINATES:
                continue
            values = frame[column.name].dropna()
            assert not column.required or len(values) == len(frame), (name, column.name)
            if column.choices:
                assert set(values) <= set(column.choices), (name, column.name)
            if column.kind == "time":
                assert values.dtype.kind == "M", (name, column.name)
                assert getattr(values.dt, "tz", None) is None, (name, column.name)


def test_codes_are_official_and_cells_numbered_within_their_community(town: DemoTown) -> None:
    known = pd.read_csv(shipped("data/demo/communities.csv"), comment="#", dtype=str)
    mine = town.tables["communities"]
    assert 25 <= len(mine) <= 35
    official = known.set_index("code").loc[mine["community_id"]]
    assert official["name"].tolist() == mine["name"].tolist()
    assert official["street"].tolist() == mine["street"].tolist()
    cells = town.tables["cells"]
    assert 1000 <= len(cells) <= 1600
    assert cells["cell_id"].str.fullmatch(r"\d{15}").all()
    assert (cells["cell_id"].str[:12] == cells["community_id"]).all()
    for _, part in cells.groupby("community_id"):
        assert part["cell_id"].str[-3:].astype(int).tolist() == list(range(1, len(part) + 1))


def test_cells_tile_the_communities_without_overlap_or_gap(town: DemoTown) -> None:
    cells, communities = town.tables["cells"], town.tables["communities"]
    shapes, whole = cells.geometry.to_numpy(), communities.geometry.to_numpy()
    assert shapely.is_valid(shapes).all()
    assert shapely.is_valid(whole).all()
    assert set(shapely.get_type_id(whole)) == {shapely.GeometryType.POLYGON}
    assert shapely.coverage_is_valid(shapes)
    assert shapely.coverage_is_valid(whole)
    owner = communities.set_index("community_id").geometry.loc[cells["community_id"]].to_numpy()
    assert shapely.covers(owner, shapes).all()
    mine = pd.Series(shapely.area(metric(town, "cells"))).groupby(cells["community_id"]).sum()
    theirs = pd.Series(shapely.area(metric(town, "communities")), communities["community_id"])
    assert np.allclose(mine.loc[theirs.index], theirs, rtol=1e-9)
    area = shapely.area(metric(town, "cells"))
    assert 7_000 < np.median(area) < 13_000
    assert area.min() > 2_000
    assert area.max() < 25_000


def test_lanes_are_valid_strips_with_names_of_their_own(town: DemoTown) -> None:
    lanes, shapes = town.tables["lanes"], metric(town, "lanes")
    assert len(lanes) >= 180
    assert town.tables["lanes"].geometry.is_valid.all()
    assert set(shapely.get_type_id(shapes)) == {shapely.GeometryType.POLYGON}
    words = [*lanes["name"], *lanes["aliases"].dropna()]
    assert len(words) == len(set(words))
    width = shapely.area(shapes) / lanes["length_m"].to_numpy()
    back = lanes["kind"].to_numpy() == "lane"
    assert (back & (lanes["length_m"] < 400)).sum() >= 100
    assert ((width > 2) & (width < 10))[back].all()
    assert ((width > 5) & (width < 40))[~back].all()
    # Only crossings are shared ground.
    tree = shapely.STRtree(shapes)
    left, right = tree.query(shapes, "intersects")
    twice = shapely.area(shapely.intersection(shapes[left], shapes[right]))[left < right].sum()
    assert twice < 0.04 * shapely.area(shapes).sum()
    # One can walk from anywhere to anywhere.
    joined = shapely.get_parts(shapely.union_all(shapely.buffer(shapes, 0.6)))
    assert len(joined) == 1


def test_backdrop_is_light_and_valid(town: DemoTown) -> None:
    backdrop = town.tables["backdrop"]
    assert backdrop.geometry.is_valid.all()
    assert not backdrop.geometry.is_empty.any()
    assert set(backdrop["kind"]) == set(TABLES["backdrop"]["kind"].choices)
    assert 3_000 < (backdrop["kind"] == "building").sum() < 6_000
    assert len(backdrop.to_json(drop_id=True).encode()) < 2_100_000
    water = backdrop[backdrop["name"] == "白龙江"].to_crs(town.crs).geometry.union_all()
    house = backdrop[backdrop["kind"] == "building"].to_crs(town.crs).geometry
    assert not house.intersects(water).any()
    roads = shapely.union_all(metric(town, "lanes"))
    assert (
        shapely.area(shapely.intersection(house.to_numpy(), roads)).sum() < 1e-4 * house.area.sum()
    )


def test_reports_are_valid_and_as_odd_as_real_ones(town: DemoTown) -> None:
    reports, truth = town.tables["reports"], town.truth
    assert len(reports) == COUNT
    assert set(reports["category"]) <= set(Categories.load().codes)
    assert reports["category"].nunique() >= 35
    assert reports["reported_at"].is_monotonic_increasing
    local = reports["reported_at"] + pd.Timedelta(hours=8)
    assert local.min() >= pd.Timestamp(truth["parameters"]["first_day"])
    assert local.max() < pd.Timestamp("2026-11-01")
    assert (reports["report_id"].str[1:9] == local.dt.strftime("%Y%m%d")).all()
    done = reports["status"].isin(["fixed", "verified"])
    assert (reports["closed_at"].notna() == done).all()
    assert (reports["closed_at"] >= reports["reported_at"])[done].all()
    assert reports["closed_at"].max() <= pd.Timestamp("2026-10-31 16:00")
    assert 0.015 < (reports["status"] == "rejected").mean() < 0.03
    recent = local >= pd.Timestamp("2026-10-30")
    assert (reports.loc[recent, "status"] == "verified").mean() < 0.5
    assert (reports.loc[~recent, "status"] == "verified").mean() > 0.9
    shape = reports.geometry.geom_type
    assert (shape == "LineString").sum() == len(truth["stretches"]) == 40
    assert (shape == "Polygon").sum() == len(truth["areas"]) == 25
    assert reports.geometry.dropna().is_valid.all()
    nowhere = reports.geometry.isna()
    assert (nowhere & reports["lane_name"].notna()).sum() == truth["without_coordinates"]
    assert (nowhere & reports["lane_name"].isna()).sum() == truth["without_place"]
    assert 0.02 < truth["without_coordinates"] / COUNT < 0.04
    assert set(reports["lane_name"].dropna()) <= set(town.tables["lanes"]["name"])
    assert reports["phone"].dropna().str.startswith("138000").all()
    points = reports[shape == "Point"].to_crs(town.crs).geometry.to_numpy()
    tree = shapely.STRtree(metric(town, "lanes"))
    _, far = tree.query_nearest(points, all_matches=False, return_distance=True)
    assert 0.93 < (far == 0).mean() < 0.985
    assert far.max() < 40


def test_found_more_on_inspection_days_and_less_after_clean_ups(town: DemoTown) -> None:
    reports = town.tables["reports"]
    local = reports["reported_at"] + pd.Timedelta(hours=8)
    garbage = reports["category"].isin(["06010", "06012", "06042"])
    week = local[garbage].dt.day_of_week.value_counts()
    assert week[2] < 0.7 * week[0]  # Wednesday after Tuesday's clean-up
    assert week[5] < 0.7 * week[3]  # Saturday after Friday's
    month = local[reports["category"] == "07001"].dt.month.value_counts()
    assert month[7] / 2 > 2 * month[1]  # small ads in summer; two Julys, one January
    hour = local[reports["category"] == "06036"].dt.hour
    assert ((hour >= 8) & (hour < 18)).mean() > 0.8


def _in_windows(local: pd.Series, windows: list[list[str]]) -> pd.Series:
    day = local.dt.strftime("%Y-%m-%d")
    within = [(day >= first) & (day <= last) for first, last in windows]
    return pd.concat(within, axis=1).any(axis=1)


def test_every_planted_cause_shows_in_its_lanes_and_cells(town: DemoTown) -> None:
    reports, lanes, cells = (town.tables[n] for n in ("reports", "lanes", "cells"))
    local = reports["reported_at"] + pd.Timedelta(hours=8)
    middle = shapely.centroid(reports.geometry.to_numpy())
    points = gpd.GeoDataFrame(geometry=middle, crs="EPSG:4326").dropna()
    found = {
        "lane_id": points.sjoin(lanes[["lane_id", "geometry"]], predicate="within")["lane_id"],
        "cell_id": points.sjoin(cells[["cell_id", "geometry"]], predicate="within")["cell_id"],
    }
    size = {
        "lane_id": pd.Series(lanes["length_m"].to_numpy(), lanes["lane_id"]),
        "cell_id": pd.Series(shapely.area(metric(town, "cells")), cells["cell_id"]),
    }
    assert len(town.truth["clusters"]) == 6
    codes = Categories.load()
    for cluster in town.truth["clusters"]:
        assert {codes.codes[c].group for c in cluster["categories"]} >= {cluster["category_group"]}
        assert cluster["from"] <= cluster["to"]
        mine = reports["category"].isin(cluster["categories"]) & _in_windows(
            local, cluster["windows"]
        )
        assert cluster["reports"] <= mine.sum() + 1
        for key, planted in (("lane_id", cluster["lane_ids"]), ("cell_id", cluster["cell_ids"])):
            where = found[key][mine.reindex(found[key].index)]
            count = where.value_counts().reindex(size[key].index, fill_value=0)
            mean = count.sum() / size[key].sum()
            assert count[planted].sum() / size[key][planted].sum() >= 3 * mean, (
                cluster["key"],
                key,
            )


def test_causes_come_and_go_as_the_truth_says(town: DemoTown) -> None:
    reports = town.tables["reports"]
    local = reports["reported_at"] + pd.Timedelta(hours=8)
    middle = pd.Timestamp("2026-02-01")
    for cluster in town.truth["clusters"]:
        names = town.tables["lanes"].set_index("lane_id")["name"][cluster["lane_ids"]]
        mine = reports["category"].isin(cluster["categories"]) & reports["lane_name"].isin(names)
        before, after = int((mine & (local < middle)).sum()), int((mine & (local >= middle)).sum())
        if cluster["trend"] == "new":
            assert after > 8 * max(before, 1)
        elif cluster["trend"] == "diminishing":
            assert before > 3 * after
        elif cluster["trend"] == "persistent":
            assert 0.5 < before / after < 2


def test_gaps_are_real(town: DemoTown) -> None:
    facilities = town.tables["facilities"].to_crs(town.crs)
    areas = town.tables["areas"].to_crs(town.crs).set_index("area_id")
    assert {(g["area_id"], g["facility_kind"]) for g in town.truth["gaps"]} == {
        ("P01", "market"), ("P07", "toilet"),
    }  # fmt: skip
    assert areas.loc["P01", "name"] == "梁园—中山街"
    markets = facilities[facilities["kind"] == "market"]
    assert markets.distance(areas.geometry["P01"]).min() > 400
    toilets = facilities[facilities["kind"] == "toilet"]
    assert toilets.distance(areas.geometry["P07"]).min() >= 149
    poor = markets[markets["standard"] == "no"]
    assert poor["name"].tolist() == ["滨河市场"]
    assert poor.within(areas.geometry["P02"]).all()
    for area in ("P03", "P04", "P05"):
        good = markets[markets["standard"] == "yes"]
        assert good.within(areas.geometry[area]).any(), area
    counts = facilities["kind"].value_counts()
    assert counts["bin"] > 250
    assert counts["toilet"] == 30


def test_people(town: DemoTown) -> None:
    people = town.tables["population"]
    assert people["residents"].sum() == town.truth["parameters"]["residents"] == 105_000
    assert (people["households"] <= people["residents"]).all()
    assert set(people["community_id"]) == set(town.tables["communities"]["community_id"])
    duties = town.tables["duties"]
    lanes = town.tables["lanes"]
    beyond = {"平安里", "老城根巷"} | set(
        town.tables["units"]["name"]
    )  # planted: see test_duties.py
    assert set(duties["lane"]) - beyond == set(lanes["name"])
    held = duties[~duties["lane"].isin(beyond)].groupby("role")["lane"].nunique()
    for role in ("leader", "secretary", "grid_officer", "cleaner"):
        assert 0.88 * len(lanes) < held[role] < len(lanes)
    people_named = duties["person"].dropna()
    assert people_named.str.fullmatch(r".某某").all()
    assert duties["phone"].dropna().str.fullmatch(r"13800[01]\d{5}").all()
    assert duties.groupby("phone").size().max() > 8


@pytest.mark.parametrize(("reports", "days"), [(1, 1), (120, 20), (900, 700)])
def test_small_and_odd_sizes(reports: int, days: int, tmp_path: Path) -> None:
    town = make(reports=reports, days=days, seed=11)
    assert len(town.tables["reports"]) == reports
    paths = write_files(town, tmp_path)
    assert json.loads((tmp_path / "truth.json").read_text(encoding="utf-8")) == town.truth
    assert all(path.exists() for path in paths)


@pytest.mark.parametrize("wrong", [{"reports": 0}, {"days": 0}, {"seed": -1}])
def test_nonsense_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="not a demo"):
        make(**wrong)
