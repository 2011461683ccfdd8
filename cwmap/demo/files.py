"""The demo town as the files that a town would have: Excel, GBK shapefile, CSV, KML and so on."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xlsxwriter

from cwmap.demo import dirt
from cwmap.demo.causes import Integers
from cwmap.demo.town import DemoTown
from cwmap.norms import Categories
from cwmap.tables import LANE_KIND, ROLE, TABLES

STATUS_WORDS = {
    "open": "已立案", "assigned": "已派遣", "fixed": "已处置", "verified": "已结案", "rejected": "已作废",
}  # fmt: skip
# Headers as a city-management platform exports them.
REPORT_HEADERS = {
    "report_id": "任务号", "category": "小类", "reported_at": "发现时间", "status": "状态", "lon": "COORDX",
    "lat": "COORDY", "street": "街道", "community": "社区", "lane_name": "所在巷道", "address": "事发位置",
    "description": "问题描述", "source": "信息来源", "department": "主责部门", "due_at": "处置截止时间",
    "closed_at": "结案时间", "reporter": "上报人", "phone": "联系电话", "photo": "处置前照片",
}  # fmt: skip
FIXED = datetime(2026, 10, 31)
"""Written into files instead of the clock, so that the same town gives the same files."""
FULL_WIDTH = str.maketrans("0123456789-: ", "０１２３４５６７８９－：　")
OTHER_SPELLING, DEGREES_MINUTES = 0.06, 0.004


def write_files(town: DemoTown, folder: Path) -> list[Path]:
    """Write the town's own files and `truth.json` into `folder`; returns their paths.

    An import of them gives the tables of `town`, and the faults that `truth["dirt"]` lists.
    """
    folder.mkdir(parents=True, exist_ok=True)
    writers: dict[str, Callable[[DemoTown, Path], None]] = {
        "巷道.zip": _lanes, "社区.geojson": _communities, "单元网格.gpkg": _cells, "片区.kml": _areas,
        "设施.xlsx": _facilities, "人口.xlsx": _population, "责任台账.xlsx": _duties,
        "责任台账_横排.xlsx": _wide_duties, "责任单元.xlsx": _units, "检查记录.xlsx": _inspections,
        "底图.gpkg": _backdrop,
        "问题台账.csv": _reports, "路段与范围问题.geojson": _drawn_reports, "truth.json": _truth,
    }  # fmt: skip
    for name, write in writers.items():
        path = folder / name
        path.unlink(missing_ok=True)
        write(town, path)
    return [folder / name for name in writers]


def _lanes(town: DemoTown, path: Path) -> None:
    """GBK shapefile in CGCS2000, field names cut at ten bytes, no .cpg: as surveyors hand it over."""
    lanes = town.tables["lanes"]
    frame = gpd.GeoDataFrame(
        {
            "巷道编号": lanes["lane_id"], "巷道名称": lanes["name"], "别名": lanes["aliases"],
            "类型": lanes["kind"].map(LANE_KIND.labels), "社区代码": lanes["community_id"],
            "道路长度": lanes["length_m"],
        },
        geometry=lanes.geometry,
    ).to_crs(town.crs)  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        frame.to_file(Path(scratch) / "巷道.shp", engine="pyogrio", encoding="GBK")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for part in sorted(Path(scratch).iterdir()):
                if part.suffix != ".cpg":
                    entry = zipfile.ZipInfo(part.name, FIXED.timetuple()[:6])
                    archive.writestr(entry, part.read_bytes(), zipfile.ZIP_DEFLATED)


def _communities(town: DemoTown, path: Path) -> None:
    _labelled(town, "communities").to_file(
        path, driver="GeoJSON", engine="pyogrio", COORDINATE_PRECISION=7
    )


def _cells(town: DemoTown, path: Path) -> None:
    """In CGCS2000 degrees, which differ from WGS 84 by nothing that matters here."""
    cells = _labelled(town, "cells").set_crs("EPSG:4490", allow_override=True)
    cells.to_file(path, driver="GPKG", layer="单元网格", engine="pyogrio")


def _backdrop(town: DemoTown, path: Path) -> None:
    frame = _labelled(town, "backdrop")
    frame["地物类型"] = frame["地物类型"].map(TABLES["backdrop"]["kind"].labels)
    frame.to_file(path, driver="GPKG", layer="底图", engine="pyogrio")


def _areas(town: DemoTown, path: Path) -> None:
    areas = town.tables["areas"].rename(
        columns={"area_id": "片区编号", "name": "Name", "note": "说明"}
    )
    areas.to_file(path, driver="KML", layer="片区", engine="pyogrio")


def _labelled(town: DemoTown, name: str) -> gpd.GeoDataFrame:
    """A layer under its Chinese headers."""
    table = TABLES[name]
    return town.tables[name].rename(columns={c.name: c.label for c in table.columns})


def _facilities(town: DemoTown, path: Path) -> None:
    """Two title rows, then a header of two rows with merged cells."""
    rows, table = town.tables["facilities"], TABLES["facilities"]
    words = {"kind": table["kind"].labels, "standard": table["standard"].labels}
    names = ["facility_id", "name", "kind", "standard", "floor_m2", "capacity", "address"]
    columns = [rows[n].map(words[n]) if n in words else rows[n] for n in names]
    with _workbook(path) as book:
        sheet, bold = book.add_worksheet("设施"), book.add_format({"bold": True, "align": "center"})
        sheet.merge_range("A1:I1", f"{town.name}环境卫生设施台账", bold)
        sheet.merge_range("A2:I2", "填报单位：示例镇创卫办　　数据截至 2026 年 10 月 31 日")
        for k, name in enumerate(names):
            sheet.merge_range(2, k, 3, k, table[name].header, bold)
        sheet.merge_range(2, 7, 2, 8, "坐标", bold)
        sheet.write_row(3, 7, ["经度", "纬度"], bold)
        for k, column in enumerate([*columns, rows.geometry.x, rows.geometry.y]):
            sheet.write_column(4, k, _cells_of(column))


def _population(town: DemoTown, path: Path) -> None:
    rows, table = town.tables["population"], TABLES["population"]
    names = dict(
        zip(
            town.tables["communities"]["community_id"],
            town.tables["communities"]["name"],
            strict=True,
        )
    )
    columns = {
        "编号": rows["population_id"], "社区": rows["community_id"].map(names), "地址": rows["address"],
        table["households"].header: rows["households"], table["residents"].header: rows["residents"],
        "经度": rows.geometry.x, "纬度": rows.geometry.y,
    }  # fmt: skip
    with _workbook(path) as book:
        sheet = book.add_worksheet("人口")
        for k, (header, column) in enumerate(columns.items()):
            sheet.write_column(0, k, [header, *_cells_of(column)])


def _duties(town: DemoTown, path: Path) -> None:
    """A title row, and each lane's name once for all of its rows."""
    rows, table = town.tables["duties"], TABLES["duties"]
    names = [
        "lane", "role", "person", "phone", "organisation", "post", "duty", "hours", "standard", "since",
    ]  # fmt: skip
    columns = [rows[n].map(ROLE.labels) if n == "role" else rows[n] for n in names]
    columns[-1] = _local(rows["since"], "%Y-%m-%d")
    with _workbook(path) as book:
        sheet, bold = (
            book.add_worksheet("责任台账"),
            book.add_format({"bold": True, "align": "center"}),
        )
        sheet.merge_range(0, 0, 0, len(names) - 1, f"{town.name}巷长制责任台账", bold)
        sheet.write_row(1, 0, [table[n].header for n in names], bold)
        for k, column in enumerate(columns[1:], start=1):
            sheet.write_column(2, k, _cells_of(column))
        start = 0
        for lane, part in rows.groupby("lane", sort=False):
            last = start + len(part) - 1
            if last > start:
                sheet.merge_range(start + 2, 0, last + 2, 0, lane)
            else:
                sheet.write(start + 2, 0, lane)
            start = last + 1


def _wide_duties(town: DemoTown, path: Path) -> None:
    """A row a lane, a column a role: a header of two rows, several people in a cell."""
    rows = town.tables["duties"]
    lanes = list(dict.fromkeys(rows["lane"]))
    with _workbook(path) as book:
        sheet, bold = (
            book.add_worksheet("巷长制台账"),
            book.add_format({"bold": True, "align": "center"}),
        )
        sheet.merge_range(0, 0, 1, 0, "巷道名称", bold)
        sheet.write_column(2, 0, lanes)
        for k, role in enumerate(ROLE.choices):
            sheet.merge_range(0, 1 + 2 * k, 0, 2 + 2 * k, ROLE.shown(role), bold)
            sheet.write_row(1, 1 + 2 * k, ["姓名", "电话"], bold)
            mine = rows[rows["role"] == role]
            who = mine["organisation"] if role == "unit" else mine["person"]
            named = {"who": who, "phone": mine["phone"].fillna("")}
            cells = mine.assign(**named).groupby("lane")[["who", "phone"]].agg("、".join)
            for at, column in enumerate(("who", "phone")):
                texts = cells[column].str.strip("、").reindex(lanes)
                sheet.write_column(2, 1 + 2 * k + at, _cells_of(texts))


def _units(town: DemoTown, path: Path) -> None:
    """Shapes as WKT text, as a spreadsheet can hold them."""
    rows, table = town.tables["units"], TABLES["units"]
    names = [
        "unit_id",
        "name",
        "kind",
        "community_id",
        "demonstration",
        "address",
        "note",
        "photo_before",
        "photo_after",
    ]
    columns = {
        table[n].header: rows[n].map(lambda v, n=n: table[n].shown(v), na_action="ignore")
        for n in names
    }
    columns[table["wkt"].header] = pd.Series(
        shapely.to_wkt(rows.geometry, rounding_precision=9), rows.index
    )
    _plain(path, table.label, columns)


def _inspections(town: DemoTown, path: Path) -> None:
    """One row a finding, as inspectors fill it in."""
    rows, table = town.tables["inspections"], TABLES["inspections"]
    names = [c.name for c in table.filled if c.name in rows and rows[c.name].notna().any()]
    columns = {}
    for name in names:
        shown = (
            rows[name].map(table[name].shown, na_action="ignore")
            if table[name].labels
            else rows[name]
        )
        columns[table[name].header] = (
            _local(shown, "%Y-%m-%d %H:%M") if table[name].kind == "time" else shown
        )
    places = rows["geometry"].to_numpy(object)
    for name, read in (("lon", shapely.get_x), ("lat", shapely.get_y)):
        columns[table[name].header] = pd.Series(read(places), rows.index)
    _plain(path, table.label, columns)


def _plain(path: Path, sheet_name: str, columns: dict[str, pd.Series]) -> None:
    with _workbook(path) as book:
        sheet = book.add_worksheet(sheet_name)
        for k, (header, column) in enumerate(columns.items()):
            sheet.write_column(0, k, [header, *_cells_of(column)])


def _workbook(path: Path) -> xlsxwriter.Workbook:
    book = xlsxwriter.Workbook(
        str(path), {"strings_to_numbers": False, "strings_to_formulas": False}
    )
    book.set_properties({"created": FIXED})
    return book


def _cells_of(column: pd.Series) -> list[Any]:
    """Values as a workbook takes them; a missing one is an empty cell."""
    return [
        None if missing else value
        for value, missing in zip(column.tolist(), column.isna(), strict=True)
    ]


def _reports(town: DemoTown, path: Path) -> None:
    """A platform's export in GB18030, with the faults of `cwmap.demo.dirt` in it."""
    reports = town.tables["reports"]
    seed = town.truth["parameters"]["seed"]
    rows, rng = dirt.sheet(reports, seed), np.random.default_rng([seed, 8])
    cells = _texts(reports, rows.report, rng)
    cells["report_id"] = dirt.identifiers(reports, rows)
    point = reports.geometry.iloc[rows.report]
    here = ~point.isna().to_numpy()
    for name, values in (("lon", point.x.to_numpy()), ("lat", point.y.to_numpy())):
        cells[name] = [f"{v:.7f}" if known else "" for v, known in zip(values, here, strict=True)]
    for k in np.flatnonzero(here & (rng.random(len(here)) < DEGREES_MINUTES)):
        if not rows.fault[k]:
            cells["lon"][k], cells["lat"][k] = _dms(point.x.iloc[k]), _dms(point.y.iloc[k])
    dirt.spoil(cells, rows)
    sheet = pd.DataFrame({header: cells[name] for name, header in REPORT_HEADERS.items()})
    sheet.to_csv(path, index=False, encoding="gb18030", lineterminator="\r\n")


def _drawn_reports(town: DemoTown, path: Path) -> None:
    """Reports that are stretches and areas, drawn in a GIS."""
    reports = town.tables["reports"]
    drawn = np.setdiff1d(np.arange(len(reports)), dirt.in_sheet(reports))
    cells = _texts(reports, drawn, None)
    cells["report_id"] = reports["report_id"].iloc[drawn].tolist()
    columns = {header: cells[name] for name, header in REPORT_HEADERS.items() if name in cells}
    shapes = reports.geometry.iloc[drawn].to_numpy()
    frame = gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4326")
    frame.to_file(path, driver="GeoJSON", engine="pyogrio", COORDINATE_PRECISION=7)


def _texts(
    reports: gpd.GeoDataFrame, at: Integers, rng: np.random.Generator | None
) -> dict[str, list[str]]:
    """The cells of a sheet as text; with `rng` some times and categories in other spellings."""
    norms = Categories.load()
    rows = reports.iloc[at]
    cells = {
        name: rows[name].astype(object).where(rows[name].notna(), "").tolist()
        for name in REPORT_HEADERS
        if name in rows
    }
    cells["status"] = [STATUS_WORDS[word] for word in cells["status"]]
    cells["category"] = [norms.name(code) for code in cells["category"]]
    for name in ("reported_at", "due_at", "closed_at"):
        cells[name] = _local(rows[name], "%Y-%m-%d %H:%M").fillna("").tolist()
    if rng is not None:
        for k in np.flatnonzero(rng.random(len(rows)) < OTHER_SPELLING).tolist():
            cells["reported_at"][k] = _spelled(cells["reported_at"][k], k)
        for k in np.flatnonzero(rng.random(len(rows)) < 2 * OTHER_SPELLING).tolist():
            category = norms.codes[rows["category"].iloc[k]]
            cells["category"][k] = next(iter(category.aliases), category.name)
    return cells


def _spelled(time: str, k: int) -> str:
    """The same time as another hand would write it."""
    at = datetime.strptime(time, "%Y-%m-%d %H:%M")
    return (
        f"{at.year}年{at.month}月{at.day}日 {at.hour}:{at.minute:02d}",
        f"{at.year}/{at.month}/{at.day} {at.hour}:{at.minute:02d}",
        f"{at:%Y.%m.%d %H:%M}",
        f"{at.year}年{at.month}月{at.day}日{at.hour}时{at.minute:02d}分",
        time.translate(FULL_WIDTH),
    )[k % 5]


def _dms(degrees: float) -> str:
    whole, rest = divmod(round(degrees * 36_000_000), 36_000_000)
    minutes, seconds = divmod(rest, 600_000)
    return f"{whole}°{minutes:02d}′{seconds / 10_000:07.4f}″"


def _local(times: pd.Series, form: str) -> pd.Series:
    """UTC → clock time of 武都 as text."""
    return (times + pd.Timedelta(hours=8)).dt.strftime(form)


def _truth(town: DemoTown, path: Path) -> None:
    path.write_text(json.dumps(town.truth, ensure_ascii=False, indent=1), encoding="utf-8")
