"""Every layer in every format, read back by other libraries; and what cannot be exported."""

import csv
import io
import zipfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyogrio
import pyproj
import pytest
import shapely

from cwmap import export
from cwmap.errors import CwmapError
from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.town import Town
from cwmap.writers import geofiles
from cwmap.writers.layers import layer_columns, layer_frame
from geo.coordinates import gcj02_from_wgs84

Made = Callable[..., Path]

CRS = "EPSG:4544"
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
    "units": "unit_id name kind community_id demonstration lon lat",
    "duties": "lane_id role person organisation post hours standard complete",
    "ranking": "period unit_id unit_kind score rank reward deductions",
    "gaps": "area_id facility_kind inside inside_of_standard nearest_m population served served_share"
    " demand verdict reason",
    "sites": "facility_kind order lon lat adds_population served_share_after",
    "tasks": "task_id report_id lane_id owner due_at state overdue_h",
}
PRIVATE = ("13912345678", "赵举报", "0939-8212345", "18809391234")


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
    expected = layer_frame(town, workspace, layer, question)
    assert set(PROMISED[layer].split()) <= set(expected.columns)
    path = tmp_path / f"图 层{ending}"
    done = export.export(town, workspace, layer, path, question)
    assert done.as_dict() == {"layer": layer, "features": len(expected), "file": str(path)}
    assert [p.name for p in tmp_path.iterdir()] == [path.name]

    found = read(path, layer)
    key = next(name for name in expected if expected[name].is_unique)
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
            texts = _texts(want)
            if ending == ".zip":  # 254 bytes, whole characters
                texts = [text.encode()[:254].decode(errors="ignore") for text in texts]
            assert _texts(have) == texts
    if ending == ".zip" and expected.geometry.geom_type.str.removeprefix("Multi").nunique() > 1:
        return  # kinds apart: see test_shapefile.py
    pairs = list(zip(expected.geometry, found.geometry, strict=True))
    assert all((a is None) == (b is None) for a, b in pairs)
    for a, b in pairs:
        if a is not None:
            assert shapely.get_dimensions(a) == shapely.get_dimensions(b)
            np.testing.assert_allclose(a.bounds, b.bounds, rtol=0, atol=1e-6)
            assert a.symmetric_difference(b).area < 1e-3 * a.area + 1e-15
            assert a.length == pytest.approx(b.length, rel=1e-3)


@pytest.mark.parametrize("ending", [".xlsx", ".csv"])
@pytest.mark.parametrize("layer", export.LAYERS)
def test_a_layer_as_a_sheet(
    layer: str, ending: str, town: Town, workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / f"a{ending}"
    export.export(town, workspace, layer, path, Filter(), crs=CRS)
    expected, found = layer_frame(town, workspace, layer, Filter()), sheet(path)
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


@pytest.mark.parametrize("ending", [*VECTOR, ".xlsx", ".csv"])
def test_hostile_texts_stay_texts(ending: str, made: Made, hostile: dict[str, str]) -> None:
    path = made("reports", f"a{ending}")
    if ending in VECTOR:
        column = "description2" if ending == ".kml" else "description"
        texts = read(path, "reports").set_index("report_id")[column]
    else:
        texts = sheet(path).set_index("问题编号")["问题描述"]
    for key, text in hostile.items():
        want = text
        if ending == ".csv" and text.lstrip("'")[:1] in "=+-@":
            want = f"'{text}"  # a cell of a CSV has no type: the apostrophe makes it text
        if ending == ".zip" and len(text.encode()) > 254:
            want = text[:84]  # 254 bytes, whole characters
        assert texts[key] == want


@pytest.mark.parametrize("ending", [*VECTOR, ".xlsx", ".csv"])
def test_no_personal_data_leaves(ending: str, made: Made) -> None:
    for layer in ("reports", "facilities", "units", "duties", "tasks"):
        path = made(layer, f"{layer}{ending}")
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
    plain = layer_frame(town, workspace, "cells", Filter())
    found = gpd.read_parquet(path) if ending == ".parquet" else (
        pyogrio.read_dataframe(path, layer="cells" if ending == ".gpkg" else None)
    )  # fmt: skip
    found = found.set_index("cell_id").loc[plain["cell_id"]]
    np.testing.assert_allclose(found["lon"], plain["lon"], atol=1e-9)  # always WGS 84
    if crs == "gcj02":
        to = gcj02_from_wgs84
        # GeoJSON has no way to leave its system open.
        assert (found.crs is None) == (ending != ".geojson")
        assert any("GCJ-02" in note for note in done.notes)
        tolerance = 1e-7
    else:
        number = int(crs.removeprefix("EPSG:"))
        to = pyproj.Transformer.from_crs("EPSG:4326", number, always_xy=True).transform
        assert found.crs.to_epsg() == number
        assert not any("适用范围" in note or "坐标" in note for note in done.notes)
        tolerance = 1e-7 if number == 4490 else 2e-3
    want = shapely.transform(plain.geometry, lambda c: np.stack(to(*c.T), 1))
    bounds = shapely.bounds(found.geometry)
    np.testing.assert_allclose(bounds, shapely.bounds(want), rtol=0, atol=tolerance)
    np.testing.assert_allclose(shapely.area(found.geometry), shapely.area(want), rtol=1e-3)


def test_gcj02_of_a_known_place() -> None:
    lon, lat = gcj02_from_wgs84([104.92], [33.39])
    assert (lon[0], lat[0]) == pytest.approx((104.92287715152494, 33.388038872844035), abs=1e-9)


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
        ("all", "a.zip", {}, ".gpkg"),
        ("全部", "a.gpkg", {"encoding": "GBK"}, "shp"),
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
    ending: str, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made("reports", f"a{ending}")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def full(*_args: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export, "_write", full)
    with pytest.raises(CwmapError, match="原有文件没有改动"):
        made("reports", path.name, Filter(status=("open",)))
    monkeypatch.undo()
    # In the middle of a file: the layer is written, what belongs beside it is not.
    monkeypatch.setattr(geofiles, "store_style", full)
    monkeypatch.setattr(geofiles.pq, "write_table", full)
    monkeypatch.setattr(pyogrio, "write_dataframe", _half)
    monkeypatch.setattr("cwmap.writers.kml._placemarks", full)
    monkeypatch.setattr("cwmap.writers.sheets.write_sheet", full)
    with pytest.raises(CwmapError, match="原有文件没有改动"):
        made("reports", path.name, Filter(status=("open",)))
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def _half(_frame: object, path: Path, **_options: object) -> None:
    Path(path).write_bytes(b"half")
    raise pyogrio.errors.DataSourceError("disk full")


def test_a_file_in_use_is_left_alone(made: Made, tmp_path: Path) -> None:
    path = made("areas", "a.gpkg")
    before = path.read_bytes()
    (tmp_path / "a.gpkg-wal").write_bytes(b"what another program has not yet written")
    with pytest.raises(CwmapError, match="QGIS"):
        made("areas", "a.gpkg")
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
