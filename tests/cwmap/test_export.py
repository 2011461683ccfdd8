"""Every layer in every format, read back by other libraries and held against the figures."""

import csv
import io
import json
import sqlite3
import zipfile
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pyproj
import pytest
import shapely
from PIL import Image

from cwmap import colours, export, figures, geofiles, importing
from cwmap.errors import CwmapError, UnknownName
from cwmap.filters import Filter
from cwmap.layers import layer_columns
from cwmap.store import Merged, Settings, Workspace
from cwmap.symbology import symbology
from cwmap.town import Town, open_town
from geo.coordinates import gcj02_from_wgs84

CRS = "EPSG:4544"
CORNER = np.array([492_000.0, 3_696_000.0])
VECTOR = (".gpkg", ".zip", ".geojson", ".kml", ".fgb", ".parquet")
# Design, section 6: what each layer has at least.
PROMISED = {
    "reports": "report_id category reported_at status lane_id cell_id community_id area_id placed_by"
    " distance_m lon lat",
    "lanes": "lane_id name community_id length_m area_m2 reports open overdue rate_per_100m rank",
    "cells": "cell_id reports rate_per_ha gi_z gi_p gi_q hotspot trend",
    "heat": "level_min level_max",
    "facilities": "facility_id name kind standard floor_m2 capacity lon lat",
    "communities": "community_id name reports open overdue",
    "areas": "area_id name reports open overdue",
}
HOSTILE = {
    "H1": "=cmd|' /C calc'!A0", "H2": "+86-1", "H3": "@SUM(1+1)", "H4": "\"双引号\"与'单引号'",
    "H5": "😀🏚️", "H6": "左\t右", "H7": "𠮷野家门口", "H8": "\u202eمرحبا", "H9": "第一行\n第二行",
    "H10": "</script><b>&amp;", "H11": "]]>&lt;", "H12": "-2+3", "H13": "长" * 300, "H14": "'=1",
    "H15": "逗号,分号;", "H16": "\u200bzero\u00a0width",
}  # fmt: skip
PRIVATE = ("13912345678", "赵举报", "0939-8212345", "18809391234")
LINE = [(250.0, 50.0), (350.0, 60.0)]
YARD = [(410.0, 410.0), (460.0, 410.0), (460.0, 470.0), (410.0, 470.0)]


def degrees(*shapes: Any) -> list[Any]:
    """Shapes in metres from the corner of the town, by pyproj alone."""
    to = pyproj.Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform
    return [
        None if s is None else shapely.transform(s, lambda c: np.stack(to(*(c + CORNER).T), 1))
        for s in shapes
    ]  # fmt: skip


def box(x: float, y: float, width: float, height: float) -> Any:
    return shapely.box(x, y, x + width, y + height)


def rows(table: str) -> pd.DataFrame:
    random = np.random.default_rng(5)
    if table == "lanes":
        names = ["文明巷", "中山街", "=HYPERLINK(1)", "北巷", "江滨路", "无事巷"]
        shapes = [box(0, 100 * k + 45, 600, 10) for k in range(6)]
        return pd.DataFrame(
            {"lane_id": [f"X{k:03}" for k in range(6)], "name": names, "community_id": "621202100005",
             "geometry": degrees(*shapes)}
        )  # fmt: skip
    if table == "cells":
        grid = [(100 * i, 100 * j) for j in range(6) for i in range(6)]
        ids = [f"6212021000050{k:02}" for k in range(36)]
        shapes = degrees(*(box(x, y, 100, 100) for x, y in grid))
        return pd.DataFrame({"cell_id": ids, "name": None, "geometry": shapes})
    if table in ("communities", "areas"):
        key, place = ("community_id", "621202100005") if table == "communities" else ("area_id", "P01")
        shape = degrees(box(0, 0, 600, 600) if table == "communities" else box(0, 0, 300, 300))
        return pd.DataFrame({key: [place], "name": ["中山街社区"], "geometry": shape})
    if table == "facilities":
        shapes = degrees(shapely.Point(50, 80), box(200, 160, 30, 30), None, shapely.Point(10, 10))
        return pd.DataFrame(
            {"facility_id": ["S1", "S2", "S3", "S4"], "kind": ["toilet", "market", "market", "bin"],
             "name": ["公厕", "滨河市场", None, "电话 13912345678"], "standard": ["yes", "no", None, None],
             "floor_m2": [30.0, 1200, np.nan, np.nan], "capacity": [8.0, 60, np.nan, np.nan],
             "geometry": shapes}
        )  # fmt: skip
    # Reports: a crowd in the south-west, hostile texts, a stretch, a yard and two without a place.
    n = 90
    at = np.concatenate([random.uniform(0, 150, (50, 2)), random.uniform(0, 600, (n - 50, 2))])
    shapes = degrees(
        *(shapely.Point(p) for p in at), shapely.LineString(LINE), shapely.Polygon(YARD), None, None
    )
    total = len(shapes)
    hostile = [*HOSTILE.values()] + ["普通描述，请联系 13912345678 或 0939-8212345"] * (total - len(HOSTILE))
    status = np.resize(["open", "assigned", "fixed", "verified", "verified", "rejected"], total)
    reported = pd.Timestamp("2026-01-01T17:30") + pd.to_timedelta(np.arange(total) * 30, unit="h")
    return pd.DataFrame(
        {
            "report_id": [*HOSTILE, *(f"W{k:014}" for k in range(total - len(HOSTILE)))],
            "category": np.resize(["06013", "06010", "09006", "L001"], total),
            "reported_at": reported.astype("M8[us]"), "status": status,
            "closed_at": (reported + pd.Timedelta("5h")).where(np.isin(status, ["fixed", "verified"])),
            "description": hostile, "source": np.resize(["巡查", "群众上报"], total),
            "reporter": "赵举报", "phone": "18809391234", "department": "城管",
            "lane_name": [None] * (total - 1) + ["文明巷"], "geometry": shapes,
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("export") / "workspace"
    workspace = Workspace.create(folder, Settings(name="测试镇", crs=CRS, synthetic=True))
    with workspace.changing() as change:
        for table in ("communities", "areas", "cells", "lanes", "facilities", "reports"):
            importing.merge(change, table, rows(table))
        change.finish("import", "reports", "test", Merged(0, 0, 0), 0)
    return workspace


@pytest.fixture(scope="module")
def town(workspace: Workspace) -> Town:
    return open_town(workspace)


def read(path: Path, layer: str) -> gpd.GeoDataFrame:
    """A file as a GIS reads it, under the full names of its columns."""
    if path.suffix == ".parquet":
        return gpd.read_parquet(path)
    if path.suffix != ".zip":
        return pyogrio.read_dataframe(path, layer=layer if path.suffix == ".gpkg" else None)
    with zipfile.ZipFile(path) as archive:
        text = archive.read("字段说明.csv").decode("utf-8-sig")
    full = {row["字段"]: row["全名"] for row in csv.DictReader(io.StringIO(text))}
    assert all(len(name.encode()) <= 10 for name in full)
    return pyogrio.read_dataframe(f"/vsizip/{path}/{path.stem}.shp").rename(columns=full)


def facts(path: Path, layer: str) -> dict[str, Any]:
    """The metadata that a file carries."""
    if path.suffix == ".parquet":
        return dict(json.loads(pq.read_schema(path).metadata[b"cwmap"]))
    if path.suffix == ".geojson":
        return dict(json.loads(path.read_text("utf-8"))["metadata"])
    if path.suffix == ".fgb":
        return dict(json.loads(pyogrio.read_info(path)["layer_metadata"]["DESCRIPTION"]))
    assert path.suffix == ".gpkg"
    return dict(pyogrio.read_info(path, layer=layer)["layer_metadata"])


def _texts(column: pd.Series) -> list[str]:
    return ["" if pd.isna(value) else str(value) for value in column]


def sheet(path: Path) -> pd.DataFrame:
    """A table as a spreadsheet program shows it."""
    if path.suffix == ".csv":
        return pd.read_csv(path, dtype=str, encoding="utf-8-sig", keep_default_na=False)
    content = openpyxl.load_workbook(path)["数据"]
    head, *body = content.iter_rows(values_only=True)
    assert not any(cell.data_type == "f" for row in content.iter_rows() for cell in row)
    return pd.DataFrame(body, columns=head)


@pytest.mark.parametrize("ending", VECTOR)
@pytest.mark.parametrize("layer", export.LAYERS)
def test_a_layer_comes_back_as_it_went(
    layer: str, ending: str, town: Town, workspace: Workspace, tmp_path: Path
) -> None:
    question = Filter(end=date(2026, 4, 20))
    expected = export.layer_frame(town, workspace, layer, question)
    assert set(PROMISED[layer].split()) <= set(expected.columns)
    path = tmp_path / f"图 层{ending}"
    done = export.export(town, workspace, layer, path, question)
    assert done.as_dict() == {"layer": layer, "features": len(expected), "file": str(path)}
    assert [p.name for p in tmp_path.iterdir()] == [path.name]

    found = read(path, layer)
    key = expected.columns[0]
    if ending == ".kml":  # it has a name of its own, and texts under another's field
        found = found.rename(columns={"Name": "name", "description2": "description"})
    if ending == ".fgb":  # ordered by place
        found = found.set_index(key, drop=False).loc[expected[key]].reset_index(drop=True)
    assert len(found) == len(expected)
    for column in layer_columns(town, layer):
        name = column.name
        if ending == ".kml" and name == "name":
            continue
        want, have = expected[name], found[name]
        if column.kind in ("number", "integer"):
            # A .dbf keeps 15 decimals.
            small = 1e-14 if ending == ".zip" else 0
            np.testing.assert_allclose(have.astype(float), want.astype(float), 1e-12, small)
        elif column.kind == "time":
            moments = pd.to_datetime(have, utc=True)
            assert moments.isna().equals(want.isna())
            assert (moments.dropna() == want.dropna().dt.tz_convert("UTC")).all()
        elif name != "description":
            assert _texts(have) == _texts(want)
    if ending == ".zip" and layer in ("reports", "facilities"):  # kinds apart: see below
        return
    pairs = list(zip(expected.geometry, found.geometry, strict=True))
    assert all((a is None) == (b is None) for a, b in pairs)
    for a, b in pairs:
        if a is not None:
            assert shapely.hausdorff_distance(a, b) < 1e-6
            assert shapely.get_dimensions(a) == shapely.get_dimensions(b)
            assert abs(a.area - b.area) < 1e-10


@pytest.mark.parametrize("ending", [".xlsx", ".csv"])
@pytest.mark.parametrize("layer", export.LAYERS)
def test_a_layer_as_a_sheet(
    layer: str, ending: str, town: Town, workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / f"a{ending}"
    export.export(town, workspace, layer, path, Filter(), crs=CRS)
    expected, found = export.layer_frame(town, workspace, layer, Filter()), sheet(path)
    columns = layer_columns(town, layer)
    assert list(found) == [*(c.header for c in columns), f"X（{CRS}）", f"Y（{CRS}）"]
    assert len(found) == len(expected)
    for column in columns:
        want, have = expected[column.name], found[column.header]
        if column.kind in ("number", "integer"):
            numbers = pd.to_numeric(have.replace("", None))
            np.testing.assert_allclose(numbers.astype(float), want.astype(float), rtol=1e-12)
        elif column.labels:
            assert have.replace("", None).dropna().isin(column.labels.values()).all()
            assert (have.fillna("") == "").tolist() == want.isna().tolist()
        elif column.kind == "id":  # text, whatever it looks like
            assert have.fillna("").tolist() == want.fillna("").tolist()
    projected = pyproj.Transformer.from_crs("EPSG:4326", CRS, always_xy=True)
    x, y = projected.transform(expected["lon"], expected["lat"])
    placed = np.isfinite(x)
    have_x = pd.to_numeric(found[f"X（{CRS}）"].replace("", None)).astype(float)[placed]
    have_y = pd.to_numeric(found[f"Y（{CRS}）"].replace("", None)).astype(float)[placed]
    np.testing.assert_allclose(have_x, np.array(x)[placed], atol=1e-3)
    np.testing.assert_allclose(have_y, np.array(y)[placed], atol=1e-3)
    if ending == ".xlsx":
        about = openpyxl.load_workbook(path)["说明"]
        told = dict(row[:2] for row in about.iter_rows(values_only=True))
    else:
        with (tmp_path / "a_说明.csv").open(encoding="utf-8-sig", newline="") as file:
            told = dict(list(csv.reader(file))[1:])
    assert told["图层"].endswith("（示例数据）")
    assert told["坐标系"] == CRS
    assert "虚构" in told["示例数据"]


def test_the_numbers_are_those_of_the_page(town: Town, workspace: Workspace) -> None:
    question = Filter(start=date(2026, 2, 1), end=date(2026, 4, 1), category=("road", "06010"))
    total = figures.summary(town, question)
    reports = export.layer_frame(town, workspace, "reports", question)
    assert len(reports) == total.reports > 20
    assert (reports["overdue"] == "yes").sum() == total.overdue > 0
    assert reports["status"].isin(["open", "assigned"]).sum() == total.open
    local = reports["reported_at"].dt.tz_localize(None)
    assert local.between("2026-02-01", "2026-04-02", inclusive="left").all()
    stored = workspace.read("reports").set_index("report_id").loc[reports["report_id"]]
    instants = reports["reported_at"].dt.tz_convert("UTC").dt.tz_localize(None)
    assert (instants.to_numpy() == stored["reported_at"].to_numpy()).all()
    for layer, make in (("lanes", figures.lanes), ("cells", figures.cells)):
        frame, page = export.layer_frame(town, workspace, layer, question), make(town, question)
        assert frame.iloc[:, 0].tolist() == page.index.tolist()
        for name in page.columns.intersection(frame.columns).difference(["name", "community_id"]):
            np.testing.assert_array_equal(frame[name], page[name])
        key = frame.columns[0]
        counted = reports.groupby(key).size().reindex(frame[key], fill_value=0)
        assert frame["reports"].tolist() == counted.tolist()
    lane = reports.dropna(subset="lane_id").iloc[0]
    assert lane["lane_name"] == figures.place_name(town, "lanes", lane["lane_id"])


def test_metadata_travel_with_the_filter(town: Town, workspace: Workspace, tmp_path: Path) -> None:
    query = {"from": "2026-02-01", "to": "2026-03-01", "status": "open,assigned", "area": "P01"}
    question = Filter.from_query(query)
    for ending in (".gpkg", ".geojson", ".fgb", ".parquet"):
        path = tmp_path / f"a{ending}"
        done = export.export(town, workspace, "heat", path, question, bandwidth_m=120)
        told = facts(path, "heat")
        plain = {k: json.loads(v) if ending == ".gpkg" and v[:1] in "[{t0123456789" and k not in
                 ("as_of", "town") else v for k, v in told.items()}  # fmt: skip
        assert plain["filter"] == query
        assert plain["period"] == ["2026-02-01", "2026-03-01"]
        assert (plain["as_of"], plain["crs"]) == (str(town.as_of), "EPSG:4326")
        assert (plain["kernel"], plain["bandwidth_m"]) == ("quartic", 120)
        assert plain["features"] == done.features > 0
        assert plain["synthetic"] is True
        assert plain["software"].startswith("cwmap ")
        assert "示例数据" in plain["title"]
    document = ET.parse(_made(town, workspace, "lanes", tmp_path / "a.kml", question))
    text = document.findtext(".//{*}Document/{*}description") or ""
    assert "2026-02-01 至 2026-03-01" in text
    assert "待处理" in text
    assert "虚构" in text
    with zipfile.ZipFile(_made(town, workspace, "lanes", tmp_path / "a.zip", question)) as archive:
        assert "待处理" in archive.read("说明.csv").decode("utf-8-sig")
    # What a filter of reports does not touch does not claim to be filtered.
    assert "filter" not in facts(_made(town, workspace, "facilities", tmp_path / "f.fgb"), "")


def _made(
    town: Town, workspace: Workspace, layer: str, path: Path, question: Filter | None = None,
    **options: Any,
) -> Path:  # fmt: skip
    export.export(town, workspace, layer, path, question or Filter(), **options)
    return path


@pytest.mark.parametrize("ending", [*VECTOR, ".xlsx", ".csv"])
def test_hostile_texts_stay_texts(
    ending: str, town: Town, workspace: Workspace, tmp_path: Path
) -> None:
    path = _made(town, workspace, "reports", tmp_path / f"a{ending}")
    if ending in VECTOR:
        found = read(path, "reports").rename(columns={"description2": "description"})
        texts = found.set_index("report_id")["description"]
    else:
        texts = sheet(path).set_index("问题编号")["问题描述"]
    for key, text in HOSTILE.items():
        want = text
        if ending == ".csv" and text.lstrip("'")[:1] in "=+-@":
            want = f"'{text}"  # a cell of a CSV has no type: the apostrophe makes it text
        if ending == ".zip" and len(text.encode()) > 254:
            want = text[:84]  # 254 bytes, whole characters
        assert texts[key] == want


@pytest.mark.parametrize("ending", [*VECTOR, ".xlsx", ".csv"])
def test_no_personal_data_leaves(
    ending: str, town: Town, workspace: Workspace, tmp_path: Path
) -> None:
    for layer in ("reports", "facilities"):
        path = _made(town, workspace, layer, tmp_path / f"{layer}{ending}")
        content = path.read_bytes()
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                content = b"".join(map(archive.read, archive.namelist()))
        elif ending == ".parquet":
            content = gpd.read_parquet(path).to_csv().encode()
        assert b"139****5678" in content  # what is masked is still to be seen as such
        for secret in PRIVATE:
            assert secret.encode() not in content


@pytest.mark.parametrize("crs", ["EPSG:4544", "4523", "EPSG:4490", "EPSG:3857", "gcj02"])
@pytest.mark.parametrize("ending", [".gpkg", ".shp", ".geojson", ".fgb", ".parquet"])
def test_other_systems_land_where_they_should(
    crs: str, ending: str, town: Town, workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / f"a{ending}"
    done = export.export(town, workspace, "cells", path, Filter(), crs=crs)
    plain = export.layer_frame(town, workspace, "cells", Filter())
    found = gpd.read_parquet(path) if ending == ".parquet" else (
        pyogrio.read_dataframe(path, layer="cells" if ending == ".gpkg" else None)
    )  # fmt: skip
    found = found.set_index("cell_id").loc[plain["cell_id"]]
    np.testing.assert_allclose(found["lon"], plain["lon"], atol=1e-9)  # always WGS 84
    corners = shapely.get_coordinates(shapely.normalize(plain.geometry))
    if crs == "gcj02":
        want = np.stack(gcj02_from_wgs84(*corners.T), axis=1)
        # GeoJSON has no way to leave its system open.
        assert (found.crs is None) == (ending != ".geojson")
        assert any("GCJ-02" in note for note in done.notes)
        tolerance = 1e-7
    else:
        number = int(crs.removeprefix("EPSG:"))
        to = pyproj.Transformer.from_crs("EPSG:4326", number, always_xy=True)
        want = np.stack(to.transform(*corners.T), axis=1)
        assert found.crs.to_epsg() == number
        assert not done.notes or "趋势" in done.notes[0]
        tolerance = 1e-7 if number == 4490 else 2e-3
    have = shapely.get_coordinates(shapely.normalize(found.geometry))
    have, want = (c[np.lexsort(np.round(c / tolerance / 100).T)] for c in (have, want))
    np.testing.assert_allclose(have, want, rtol=0, atol=tolerance)


def test_gcj02_of_a_known_place() -> None:
    lon, lat = gcj02_from_wgs84([104.92], [33.39])
    assert (lon[0], lat[0]) == pytest.approx((104.92287715152494, 33.388038872844035), abs=1e-9)


def test_a_geopackage_opens_in_the_colours_of_the_page(
    town: Town, workspace: Workspace, tmp_path: Path
) -> None:
    for layer, rate in (("lanes", "rate_per_100m"), ("cells", "rate_per_ha")):
        path = _made(town, workspace, layer, tmp_path / f"{layer}.gpkg")
        renderer = style(path, layer).find("renderer-v2")
        assert (renderer.get("type"), renderer.get("attr")) == ("graduatedSymbol", rate)
        symbols = {s.get("name"): s.find("layer/prop[@k='color']").get("v") for s in renderer.iter("symbol")}
        ranges = [(float(r.get("lower")), float(r.get("upper")), symbols[r.get("symbol")])
                  for r in renderer.iter("range")]  # fmt: skip
        page = (figures.lanes if layer == "lanes" else figures.cells)(town, Filter())[rate].to_numpy()
        classes = colours.classes(page, colours.breaks(page.max()))
        assert len(set(classes)) > 3
        for value, code in zip(page, classes, strict=True):
            drawn = next(c for low, high, c in ranges if low <= value <= high)  # as QGIS does
            ramp = "#ffffff" if code == "-" else colours.RAMPS["light"][int(code)]
            assert drawn.rsplit(",", 1)[0] == ",".join(str(int(ramp[i : i + 2], 16)) for i in (1, 3, 5))

    heat = style(_made(town, workspace, "heat", tmp_path / "heat.gpkg"), "heat")
    edges = [float(r.get("upper")) for r in heat.iter("range")]
    assert edges[:-1] == colours.breaks(float(figures.heat(town, Filter()).max()))
    reports = style(_made(town, workspace, "reports", tmp_path / "reports.gpkg"), "reports")
    rules = {(r.get("filter"), r.get("label")) for r in reports.iter("rule") if r.get("filter")}
    groups = {town.categories.group_of(code).name for code in ("06013", "06010", "09006", "L001")}
    assert {label for _, label in rules if "（" not in label} == groups
    assert len(rules) == 3 * len(groups)  # points, the stretch and the yard
    aliases = {a.get("field"): a.get("name") for a in reports.iter("alias")}
    assert aliases["reported_at"] == "上报时间"

    with sqlite3.connect(tmp_path / "lanes.gpkg") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        contents = dict(database.execute("SELECT table_name, identifier FROM gpkg_contents"))
        assert contents["lanes"] == "巷道（示例数据）"
        assert {"说明", "layer_styles"} <= set(contents)
        row = database.execute(
            "SELECT f_table_catalog, f_table_schema, f_geometry_column, useAsDefault FROM layer_styles"
        ).fetchall()
    assert row == [("", "", "geom", 1)]


def style(path: Path, layer: str) -> Any:
    with sqlite3.connect(path) as database:
        query = "SELECT styleQML FROM layer_styles WHERE f_table_name = ?"
        (text,) = database.execute(query, (layer,)).fetchone()
    return ET.fromstring(text)


def test_legend_and_map_agree(town: Town, workspace: Workspace) -> None:
    for layer in export.LAYERS:
        frame = export.layer_frame(town, workspace, layer, Filter())
        look = symbology(layer, frame, town.categories.groups)
        assert (look.index >= 0).all()
        assert len(look.classes) == len({c.value or c.lower for c in look.classes}) or layer in (
            "lanes", "cells",
        )  # fmt: skip
    facilities = export.layer_frame(town, workspace, "facilities", Filter())
    look = symbology("facilities", facilities, town.categories.groups)
    assert [look.classes[at].label for at in look.index] == [
        "公共厕所", "农贸市场（未达标）", "农贸市场", "废物箱",
    ]  # fmt: skip


def test_shapes_of_several_kinds(town: Town, workspace: Workspace, tmp_path: Path) -> None:
    line, yard = degrees(shapely.LineString(LINE), shapely.Polygon(YARD))
    for ending in (".gpkg", ".geojson", ".kml", ".fgb", ".parquet"):
        found = read(_made(town, workspace, "reports", tmp_path / f"a{ending}"), "reports")
        kinds = found.geometry.geom_type.value_counts(dropna=False)
        assert sorted(kinds.tolist()) == [1, 1, 2, 90]
        assert found.geometry.isna().sum() == found["lon"].isna().sum() == 2
        stretch = found.geometry[found.geometry.geom_type == "LineString"].iloc[0]
        assert shapely.hausdorff_distance(stretch, line) < 1e-6
    # A shapefile holds one kind: every report as a point, and the shapes beside it.
    _made(town, workspace, "reports", tmp_path / "问题.shp")
    points = pyogrio.read_dataframe(tmp_path / "问题.shp")
    assert len(points) == 94
    assert points.geometry.geom_type.value_counts().to_dict() == {"Point": 92}
    np.testing.assert_allclose(points.geometry.x, points["lon"], atol=1e-9)
    for part, shape in (("_line", line), ("_area", yard)):
        beside = pyogrio.read_dataframe(tmp_path / f"问题{part}.shp")
        assert len(beside) == 1
        assert shapely.hausdorff_distance(beside.geometry[0], shape) < 1e-6
        assert ET.parse(tmp_path / f"问题{part}.qml").getroot().tag == "qgis"
    about = (tmp_path / "问题_说明.csv").read_text("utf-8-sig")
    assert "_line" in about
    assert "已截短" in about


def test_gbk_says_what_it_cannot_write(town: Town, workspace: Workspace, tmp_path: Path) -> None:
    path = _made(town, workspace, "reports", tmp_path / "a.shp", encoding="GBK")
    assert (tmp_path / "a.cpg").read_text() == "GBK"
    assert "文明巷".encode("gbk") in (tmp_path / "a.dbf").read_bytes()
    texts = pyogrio.read_dataframe(path).set_index("report_id")["descriptio"]
    assert texts["H7"] == "〓野家门口"
    assert texts["H13"] == "长" * 127
    assert "GBK 没有的字" in (tmp_path / "a_说明.csv").read_text("utf-8-sig")


def test_the_raster_is_the_heat(town: Town, workspace: Workspace, tmp_path: Path) -> None:
    question = Filter(end=date(2026, 4, 1))
    path = _made(town, workspace, "heat", tmp_path / "a.tif", question, bandwidth_m=60)
    density, grid = figures.heat(town, question, 60), town.heat_grid
    with Image.open(path) as image:
        assert image.mode == "F"
        np.testing.assert_array_equal(np.asarray(image), density)
        tags = image.tag_v2
        keys = np.reshape(tags[34735], (-1, 4))[1:]
        assert {int(k[0]): int(k[3]) for k in keys} == {1024: 1, 1025: 1, 3072: 4544}
        assert tags[33550] == (grid.pixel_m, grid.pixel_m, 0.0)
        assert tags[33922] == (0.0, 0.0, 0.0, grid.bounds[0], grid.bounds[3], 0.0)
        assert float(tags[42113]) == -9999
        told = {item.get("name"): item.text for item in ET.fromstring(tags[42112])}
    assert told["bandwidth_m"] == "60"
    assert told["town"] == "测试镇"
    assert json.loads(told["filter"] or "") == question.to_query()
    placed = int(np.isfinite(town.reports.x[town.selected(town.view(question))]).sum())
    assert density.sum() * grid.pixel_m**2 / 10_000 == pytest.approx(placed, rel=0.02)

    bands = export.layer_frame(town, workspace, "heat", question, 60).to_crs(CRS)
    assert (bands["level_max"].iloc[:-1].to_numpy() == bands["level_min"].iloc[1:].to_numpy()).all()
    row, column = np.unravel_index(density.argmax(), density.shape)
    top = shapely.Point(grid.bounds[0] + (column + 0.5) * grid.pixel_m,
                        grid.bounds[3] - (row + 0.5) * grid.pixel_m)  # fmt: skip
    assert bands.geometry.iloc[-1].contains(top)
    np.testing.assert_allclose(bands.area / 1e4, bands["area_ha"], rtol=1e-6)


@pytest.mark.parametrize(
    ("layer", "name", "options", "says"),
    [
        ("roads", "a.gpkg", {}, "reports（问题）"),
        ("lanes", "a.doc", {}, ".gpkg（GeoPackage）"),
        ("lanes", "a", {}, ".gpkg（GeoPackage）"),
        ("lanes", "missing/a.gpkg", {}, "文件夹不存在"),
        ("lanes", "folder.gpkg", {}, "本身是文件夹"),
        ("lanes", "a.tif", {}, "只有热力"),
        ("heat", "a.tif", {"crs": "EPSG:4490"}, CRS),
        ("heat", "a.tif", {"crs": "gcj02"}, CRS),
        ("heat", "a.gpkg", {"bandwidth_m": -1.0}, "20000 米"),
        ("heat", "a.gpkg", {"bandwidth_m": float("nan")}, "20000 米"),
        ("lanes", "a.kml", {"crs": "EPSG:4544"}, "经纬度"),
        ("lanes", "a.gpkg", {"crs": "EPSG:99999"}, "EPSG:4490"),
        ("lanes", "a.gpkg", {"crs": "EPSG:4978"}, "EPSG:4490"),
        ("lanes", "a.gpkg", {"crs": "北京54"}, "EPSG:4490"),
        ("lanes", "a.shp", {"encoding": "big5"}, "GBK"),
        ("lanes", "a.gpkg", {"encoding": "GBK"}, "shp"),
        ("facilities", "a.gpkg", {"question": Filter(area=("P99",))}, "P99"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(
    layer: str, name: str, options: dict[str, Any], says: str, town: Town, workspace: Workspace,
    tmp_path: Path,
) -> None:  # fmt: skip
    (tmp_path / "folder.gpkg").mkdir()
    question = options.pop("question", Filter()) if "question" in options else Filter()
    with pytest.raises(CwmapError, match=r"；.*。$") as caught:
        export.export(town, workspace, layer, tmp_path / name, question, **options)
    assert says in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["folder.gpkg"]


@pytest.mark.parametrize("ending", [".gpkg", ".shp", ".fgb", ".parquet", ".kml", ".xlsx", ".csv"])
def test_a_failed_write_leaves_the_old_file(
    ending: str, town: Town, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _made(town, workspace, "reports", tmp_path / f"a{ending}")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def full(*_args: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export, "_write", full)
    with pytest.raises(CwmapError, match="原有文件没有改动"):
        export.export(town, workspace, "reports", path, Filter(status=("open",)))
    monkeypatch.undo()
    # In the middle of a file: the layer is written, what belongs beside it is not.
    monkeypatch.setattr(geofiles, "store_style", full)
    monkeypatch.setattr(geofiles.pq, "write_table", full)
    monkeypatch.setattr(pyogrio, "write_dataframe", _half)
    monkeypatch.setattr("cwmap.kml._placemarks", full)
    monkeypatch.setattr(export, "write_sheet", full)
    with pytest.raises(CwmapError, match="原有文件没有改动"):
        export.export(town, workspace, "reports", path, Filter(status=("open",)))
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def _half(_frame: object, path: Path, **_options: object) -> None:
    Path(path).write_bytes(b"half")
    raise pyogrio.errors.DataSourceError("disk full")


def test_a_file_in_use_is_left_alone(town: Town, workspace: Workspace, tmp_path: Path) -> None:
    path = _made(town, workspace, "areas", tmp_path / "a.gpkg")
    before = path.read_bytes()
    (tmp_path / "a.gpkg-wal").write_bytes(b"what another program has not yet written")
    with pytest.raises(CwmapError, match="QGIS"):
        export.export(town, workspace, "areas", path, Filter())
    assert path.read_bytes() == before


def test_a_newer_file_replaces_the_old_one(
    town: Town, workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "a.shp"
    (tmp_path / "a.qix").write_bytes(b"an index of other shapes")
    for status, few in ((("open",), True), ((), False)):
        done = export.export(town, workspace, "reports", path, Filter(status=status))
        assert len(pyogrio.read_dataframe(path)) == done.features
        assert (done.features < 94) == few
    assert not (tmp_path / "a.qix").exists()


@pytest.mark.parametrize("ending", [*VECTOR, ".xlsx", ".csv"])
def test_nothing_found_is_an_empty_file(
    ending: str, town: Town, workspace: Workspace, tmp_path: Path
) -> None:
    never = Filter(start=town.as_of + timedelta(1), end=town.as_of + timedelta(2))
    for layer in ("reports", "heat"):
        path = tmp_path / f"{layer}{ending}"
        assert export.export(town, workspace, layer, path, never).features == 0
        if ending in VECTOR:
            assert len(read(path, layer)) == 0
        else:
            assert sheet(path).columns[0] == layer_columns(town, layer)[0].header


def test_rows_and_counts_are_of_one_revision(town: Town, workspace: Workspace) -> None:
    older = replace(town, revision=town.revision - 1)
    with pytest.raises(CwmapError, match="再导出一次"):
        export.layer_frame(older, workspace, "reports", Filter())


def test_names_of_layers(town: Town, workspace: Workspace) -> None:
    chinese = export.layer_frame(town, workspace, "巷道", Filter())
    pd.testing.assert_frame_equal(
        pd.DataFrame(chinese), pd.DataFrame(export.layer_frame(town, workspace, "lanes", Filter()))
    )
    with pytest.raises(UnknownName, match="heat（热力）"):
        export.layer_frame(town, workspace, "town", Filter())
