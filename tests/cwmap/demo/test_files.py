"""The demo town's own files: what is in the tables, in the spellings and with the faults of real ones."""

import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyogrio
import pytest
import shapely

from cwmap import checking
from cwmap.demo import DemoTown
from cwmap.demo.dirt import FAULTS
from cwmap.demo.files import REPORT_HEADERS, STATUS_WORDS
from cwmap.norms import Categories
from cwmap.reading import read
from cwmap.tables import TABLES, headers


def test_layers_read_back_as_they_were(town: DemoTown, files: Path) -> None:
    for name, file, key in (
        ("communities", "社区.geojson", "社区编码"), ("cells", "单元网格.gpkg", "网格编码"),
        ("areas", "片区.kml", "片区编号"), ("backdrop", "底图.gpkg", "编号"),
    ):  # fmt: skip
        layer = pyogrio.read_dataframe(files / file)
        table = town.tables[name]
        assert layer[key].tolist() == table[TABLES[name].key].tolist()
        moved = shapely.hausdorff_distance(
            shapely.force_2d(layer.geometry.to_numpy()), table.geometry.to_numpy()
        )
        assert moved.max() < 2e-7
    assert pyogrio.read_info(files / "单元网格.gpkg")["crs"] == "EPSG:4490"


def test_lanes_come_as_surveyors_hand_them_over(town: DemoTown, files: Path) -> None:
    with zipfile.ZipFile(files / "巷道.zip") as archive:
        assert sorted(Path(n).suffix for n in archive.namelist()) == [
            ".dbf",
            ".prj",
            ".shp",
            ".shx",
        ]
        assert "文明巷".encode("gbk") in archive.read("巷道.dbf")
        assert "CGCS2000" in archive.read("巷道.prj").decode()
    layer = pyogrio.read_dataframe(f"/vsizip/{files / '巷道.zip'}/巷道.shp", encoding="GBK")
    lanes = town.tables["lanes"]
    assert layer["巷道名称"].tolist() == lanes["name"].tolist()
    assert all(len(c.encode("gbk")) <= 10 for c in layer.columns if c != "geometry")
    moved = shapely.hausdorff_distance(
        layer.geometry.to_numpy(), town.tables["lanes"].to_crs(town.crs).geometry.to_numpy()
    )
    assert moved.max() < 0.01


def test_workbooks_read_back_as_they_were(town: DemoTown, files: Path) -> None:
    book = openpyxl.load_workbook(files / "设施.xlsx")
    sheet = book.active
    assert sheet is not None
    rows = list(sheet.iter_rows(min_row=5, values_only=True))
    assert [row[0] for row in rows] == town.tables["facilities"]["facility_id"].tolist()
    assert [sheet.cell(4, 8).value, sheet.cell(4, 9).value] == ["经度", "纬度"]
    assert len(sheet.merged_cells.ranges) >= 9
    people = pd.read_excel(files / "人口.xlsx", engine="openpyxl")
    assert people["编号"].tolist() == town.tables["population"]["population_id"].tolist()
    assert people["常住人口(人)"].sum() == 105_000
    duties = pd.read_excel(files / "责任台账.xlsx", header=1, engine="openpyxl")
    assert len(duties) == len(town.tables["duties"])
    assert duties["巷道"].ffill().tolist() == town.tables["duties"]["lane"].tolist()


def test_the_sheet_of_reports_holds_all_of_them_and_the_listed_faults(
    town: DemoTown, files: Path
) -> None:
    raw = (files / "问题台账.csv").read_bytes()
    with pytest.raises(UnicodeDecodeError):
        raw.decode("utf-8")
    sheet = pd.read_csv(
        files / "问题台账.csv", encoding="gb18030", dtype=str, keep_default_na=False
    )
    assert list(sheet.columns) == list(REPORT_HEADERS.values())
    drawn = pyogrio.read_dataframe(files / "路段与范围问题.geojson")
    faults = town.truth["dirt"]
    assert {f["kind"] for f in faults} == set(FAULTS)
    assert len(sheet) + len(drawn) == len(town.tables["reports"]) + len(faults)
    lines = np.array([f["row"] for f in faults]) - 2
    assert sheet["任务号"].iloc[lines].tolist() == [f["report_id"] for f in faults]
    clean = sheet.drop(index=lines)
    reports = town.tables["reports"].set_index("report_id")
    assert sorted([*clean["任务号"], *drawn["任务号"]]) == sorted(reports.index)
    mine = reports.loc[clean["任务号"]]
    assert clean["状态"].tolist() == mine["status"].map(STATUS_WORDS).tolist()
    norms = Categories.load()
    assert [norms.find(word) for word in clean["小类"]] == mine["category"].tolist()
    plain = clean["COORDX"].str.fullmatch(r"[\d.]+").to_numpy()
    assert 0.9 < plain.mean() < 0.98  # the rest is empty or in degrees and minutes
    assert np.allclose(clean["COORDX"][plain].astype(float), mine.geometry.x[plain], atol=1e-7)
    assert clean["COORDX"].str.contains("°").any()
    assert clean["发现时间"].str.contains("年").any()
    assert clean["发现时间"].str.contains("２０２").any()


def test_faulty_rows_are_faulty(town: DemoTown, files: Path) -> None:
    sheet = pd.read_csv(
        files / "问题台账.csv", encoding="gb18030", dtype=str, keep_default_na=False
    )
    shown = {
        kind: sheet.iloc[[f["row"] - 2 for f in town.truth["dirt"] if f["kind"] == kind]]
        for kind in FAULTS
    }
    assert (shown["coordinates_swapped"]["COORDX"].astype(float) < 40).all()
    assert (shown["latitude_missing"]["COORDY"] == "").all()
    assert (shown["unknown_category"]["小类"].map(Categories.load().find).isna()).all()
    for kind in ("same_id_older", "same_row_twice"):
        for row in shown[kind].itertuples():
            both = sheet[sheet["任务号"] == sheet["任务号"][row.Index]]
            assert len(both) == 2
            # A repeat comes after its report, an older version before the one that holds.
            assert (row.Index == both.index[0]) == (kind == "same_id_older")
            assert both.iloc[0].equals(both.iloc[1]) == (kind == "same_row_twice")


def test_an_import_finds_exactly_the_listed_faults(town: DemoTown, files: Path) -> None:
    table = TABLES["reports"]
    context = checking.Context(
        categories=Categories.load(), timezone="Asia/Shanghai", crs=town.crs,
        lanes=town.tables["lanes"].geometry.to_numpy(), now=datetime(2026, 11, 1, tzinfo=UTC),
    )  # fmt: skip
    sheet = read(files / "问题台账.csv", known=headers(table))
    found = checking.check(sheet, table, context=context)
    assert found.coords == "wgs84"
    listed = {f["row"]: f["must"] for f in town.truth["dirt"]}
    assert sorted(found.rejected) == sorted(row for row in listed if listed[row] == "reject")
    warned = {p.row for p in found.problems if p.level == "warning"}
    assert {row for row in listed if listed[row] == "warn"} <= warned
    assert found.replaced_repeats == list(listed.values()).count("replace")
    assert found.unchanged_repeats == list(listed.values()).count("repeat")
    # What is left besides the reports that were to be warned of is the town's own table.
    mine = town.tables["reports"].set_index("report_id")
    rows = found.rows.set_index("report_id")
    known = rows.loc[rows.index.isin(mine.index)]
    assert len(rows) - len(known) == list(listed.values()).count("warn")
    theirs = mine.loc[known.index]
    for name in ("category", "reported_at", "status", "due_at", "closed_at", "lane_name"):
        assert (known[name].eq(theirs[name]) | (known[name].isna() & theirs[name].isna())).all(), (
            name
        )
