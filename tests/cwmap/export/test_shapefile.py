"""What a shapefile cannot hold, and how that is told."""

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pyogrio
import shapely

from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.town import Town
from cwmap.writers.layers import layer_frame
from cwmap.writers.shapefile import short_names

Made = Callable[..., Path]


def test_one_kind_of_shape_a_file(
    town: Town, workspace: Workspace, made: Made, tmp_path: Path
) -> None:
    """Every report once, as a point; the stretch and the yard themselves beside them."""
    reports = layer_frame(town, workspace, "reports", Filter()).set_index("report_id")
    points = pyogrio.read_dataframe(made("reports", "问题.shp")).set_index("report_id")
    assert points.index.tolist() == reports.index.tolist()
    assert points.geometry.geom_type.dropna().unique().tolist() == ["Point"]
    assert (points.geometry.isna() == reports.geometry.isna()).all()
    np.testing.assert_allclose(points.geometry.x, reports["lon"], atol=1e-9)
    np.testing.assert_allclose(points.geometry.y, reports["lat"], atol=1e-9)
    for part, kind in (("_line", "LineString"), ("_area", "Polygon")):
        own = reports[reports.geometry.geom_type == kind]
        beside = pyogrio.read_dataframe(tmp_path / f"问题{part}.shp").set_index("report_id")
        assert beside.index.tolist() == own.index.tolist() != []
        pairs = zip(beside.geometry, own.geometry, strict=True)
        assert all(shapely.hausdorff_distance(a, b) < 1e-9 for a, b in pairs)
        style = ET.parse(tmp_path / f"问题{part}.qml")
        assert style.findtext("layerGeometryType") == ("1" if kind == "LineString" else "2")
    about = (tmp_path / "问题_说明.csv").read_text("utf-8-sig")
    assert "_line" in about
    assert "1 处文字超过 254 字节，已截短" in about


def test_points_alone_need_no_companions(made: Made, tmp_path: Path) -> None:
    made("lanes", "巷道.shp", crs="EPSG:4544")
    assert {path.name for path in tmp_path.iterdir()} == {
        *(f"巷道{end}" for end in (".shp", ".shx", ".dbf", ".prj", ".cpg", ".qml")),
        "巷道_字段说明.csv", "巷道_说明.csv",
    }  # fmt: skip
    assert (tmp_path / "巷道.cpg").read_text() == "UTF-8"
    assert "CGCS2000_3_Degree_GK_CM_105E" in (tmp_path / "巷道.prj").read_text()
    fields = pd.read_csv(tmp_path / "巷道_字段说明.csv", encoding="utf-8-sig", dtype=str)
    there = pyogrio.read_info(tmp_path / "巷道.shp")["fields"].tolist()
    assert fields["字段"].tolist() == there
    assert (
        dict(zip(fields["全名"], fields["中文名"], strict=True))["rate_per_100m"] == "每百米问题数"
    )
    # The style speaks of the fields by the names that they have here.
    renderer = ET.parse(tmp_path / "巷道.qml").find("renderer-v2")
    assert renderer is not None
    assert renderer.get("attr") in there


def test_gbk_says_what_it_cannot_write(made: Made, tmp_path: Path) -> None:
    path = made("reports", "a.shp", encoding="GBK")
    assert (tmp_path / "a.cpg").read_text() == "GBK"
    assert "文明巷".encode("gbk") in (tmp_path / "a.dbf").read_bytes()
    texts = pyogrio.read_dataframe(path).set_index("report_id")["descriptio"]
    assert texts["H7"] == "〓野家门口"
    assert texts["H13"] == "长" * 127
    assert "GBK 没有的字" in (tmp_path / "a_说明.csv").read_text("utf-8-sig")


def test_short_names_are_unique() -> None:
    names = ["category", "category_name", "category_note", "category_none", "lon"]
    short = short_names(names)
    assert list(short) == names
    assert len(set(short.values())) == len(names)
    assert all(len(name) <= 10 for name in short.values())
