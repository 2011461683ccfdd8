"""A GeoPackage opens in QGIS in the page's colours: its style against the page's own classes."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from cwmap import colours, figures
from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.town import Town
from cwmap.writers.layers import LAYERS, layer_frame
from cwmap.writers.symbology import symbology

Made = Callable[..., Path]


def ask(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def style(path: Path) -> ET.Element:
    """The QML that QGIS takes for the layer, by the question that it asks."""
    found = ask(
        path,
        "SELECT styleQML FROM layer_styles JOIN gpkg_geometry_columns ON table_name = f_table_name"
        " WHERE f_table_schema = '' AND f_geometry_column = column_name AND useAsDefault = 1",
    )
    assert len(found) == 1
    return ET.fromstring(found[0][0])


def rgb(colour: str) -> str:
    return ",".join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))


@pytest.mark.parametrize(("layer", "rate"), [("lanes", "rate_per_100m"), ("cells", "rate_per_ha")])
def test_places_have_the_colours_of_the_page(layer: str, rate: str, town: Town, made: Made) -> None:
    qml = style(made(layer, "a.gpkg"))
    renderer = qml.find("renderer-v2")
    assert renderer is not None
    assert (renderer.get("type"), renderer.get("attr")) == ("graduatedSymbol", rate)
    assert qml.findtext("layerGeometryType") == "2"
    colour = {
        symbol.get("name"): prop.get("v", "").rsplit(",", 1)[0]
        for symbol in renderer.iter("symbol")
        for prop in symbol.iterfind("layer/prop[@k='color']")
    }
    ranges = [
        (float(r.get("lower", "")), float(r.get("upper", "")), colour[r.get("symbol")])
        for r in renderer.iter("range")
    ]
    page = (figures.lanes if layer == "lanes" else figures.cells)(town, Filter())[rate].to_numpy()
    classes = colours.classes(page, colours.breaks(page.max()))
    assert len(set(classes)) > 2
    for value, code in zip(page, classes, strict=True):
        drawn = next(c for low, high, c in ranges if low <= value <= high)  # as QGIS does
        assert drawn == rgb("#ffffff" if code == "-" else colours.RAMPS["light"][int(code)])


def test_heat_has_the_levels_of_the_page(town: Town, made: Made) -> None:
    qml = style(made("heat", "a.gpkg"))
    edges = [float(r.get("upper", "")) for r in qml.iter("range")]
    assert edges[:-1] == colours.breaks(float(figures.heat(town, Filter()).max()))
    drawn = [p.get("v", "").rsplit(",", 1)[0] for p in qml.iterfind(".//layer/prop[@k='color']")]
    assert drawn == [rgb(colour) for colour in colours.RAMPS["light"]]


def test_a_mixed_layer_is_coloured_by_rules(town: Town, made: Made) -> None:
    """Points, the stretch and the yard: QGIS makes three layers of them, all with this style."""
    qml = style(made("reports", "a.gpkg"))
    rules = [(r.get("filter", ""), r.get("label")) for r in qml.iter("rule")]
    groups = [town.categories.group_of(code) for code in ("06013", "06010", "09006", "L001")]
    for shape, suffix in (("Point", ""), ("Line", "（路段）"), ("Polygon", "（范围）")):
        for group in groups:
            asked = f"geometry_type($geometry)='{shape}' AND (group)='{group.key}'"
            assert (asked, group.name + suffix) in [(f.replace('"', ""), n) for f, n in rules]
    assert len(rules) == 3 * len(groups)
    assert qml.find("layerGeometryType") is None
    # The fields and their values in Chinese.
    assert {a.get("field"): a.get("name") for a in qml.iter("alias")}["reported_at"] == "上报时间"
    values = qml.iterfind(".//field[@name='status']//Option[@value]")
    assert {v.get("value"): v.get("name") for v in values}["open"] == "待处理"


def test_the_file_is_a_geopackage_that_holds_its_styles(made: Made) -> None:
    path = made("lanes", "a.gpkg")
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]
    assert ask(path, "PRAGMA application_id") == [(0x47504B47,)]
    contents = {name: rest for name, *rest in ask(
        path, "SELECT table_name, data_type, identifier FROM gpkg_contents"
    )}  # fmt: skip
    assert contents["lanes"] == ["features", "巷道（示例数据）"]
    assert contents["layer_styles"][0] == contents["说明"][0] == "attributes"


def test_every_feature_has_a_class(town: Town, workspace: Workspace) -> None:
    for layer in LAYERS:
        frame = layer_frame(town, workspace, layer, Filter())
        look = symbology(layer, frame, town.categories.groups)
        assert (look.index >= 0).all()
    facilities = layer_frame(town, workspace, "facilities", Filter())
    look = symbology("facilities", facilities, town.categories.groups)
    assert [look.classes[at].label for at in look.index] == [
        "公共厕所", "农贸市场（未达标）", "农贸市场", "废物箱",
    ]  # fmt: skip
