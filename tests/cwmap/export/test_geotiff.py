"""The heat raster, tag by tag, and the bands between its levels."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import shapely
from PIL import Image

from cwmap import figures
from cwmap.colours import RAMPS, classes, even_breaks
from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.town import Town
from cwmap.writers.layers import layer_frame

Made = Callable[..., Path]
QUESTION = Filter(end=date(2026, 4, 1))
BANDWIDTH_M = 60.0


def test_qgis_opens_it_in_the_colours_of_the_page(town: Town, made: Made) -> None:
    path = made("heat", "b.tif", QUESTION, bandwidth_m=BANDWIDTH_M)
    style = ET.fromstring(path.with_suffix(".qml").read_text(encoding="utf-8"))
    items = style.findall(".//colorrampshader/item")
    steps = even_breaks(float(figures.heat(town, QUESTION, BANDWIDTH_M).max()))
    assert [float(item.get("value")) for item in items][: len(steps) + 1] == [0.0, *steps]
    assert [item.get("color") for item in items[1:]] == list(RAMPS["light"])
    assert [item.get("alpha") for item in items] == ["0", *["255"] * len(RAMPS["light"])]


def test_any_viewer_shows_the_classes_in_colour(town: Town, made: Made) -> None:
    path = made("heat", "c.tif", QUESTION, bandwidth_m=BANDWIDTH_M)
    beside = path.with_name("c_分级.tif")
    density = figures.heat(town, QUESTION, BANDWIDTH_M)
    steps = even_breaks(float(density.max()))
    with Image.open(path) as floats, Image.open(beside) as image:
        assert image.mode == "P"
        codes, tags = np.asarray(image), image.tag_v2
        for tag in (33550, 33922, 34735):  # where it lies
            assert tags[tag] == floats.tag_v2[tag]
        told, of_floats = (
            {item.get("name"): item.text for item in ET.fromstring(t[42112])}
            for t in (tags, floats.tag_v2)
        )
        depth, photometric, nodata = tags[258], tags[262], tags[42113]
        table = np.reshape(tags[320], (3, 256)).T >> 8
    assert (depth, photometric, nodata) == ((8,), 3, "0")
    # The page's own classes, as it sends them to its map: a digit, or "-" for nothing.
    digits = np.frombuffer(classes(density.ravel().astype(float), steps).encode(), np.uint8)
    expected = np.where(digits == ord("-"), 0, digits - ord("0") + 1).reshape(density.shape)
    np.testing.assert_array_equal(codes, expected)
    assert set(np.unique(codes)) == set(range(7))
    assert ["#" + bytes(map(int, table[k])).hex() for k in range(1, 7)] == list(RAMPS["light"])
    named = ET.parse(beside.with_name(f"{beside.name}.aux.xml")).findall(".//Category")
    names = [name.text for name in named]
    assert names[0] == "没有问题"
    assert names[2] == f"{steps[0]:g}–{steps[1]:g} 件/公顷"
    assert len(names) == 7
    assert told == {**of_floats, **{f"class_{k}": name for k, name in enumerate(names)}}


def test_the_raster_is_the_heat(town: Town, made: Made) -> None:
    path = made("heat", "a.tif", QUESTION, bandwidth_m=BANDWIDTH_M)
    density, grid = figures.heat(town, QUESTION, BANDWIDTH_M), town.heat_grid
    with Image.open(path) as image:
        assert image.mode == "F"
        values, tags = np.asarray(image), image.tag_v2
        np.testing.assert_array_equal(values, density)
        keys = np.reshape(tags[34735], (-1, 4))
        assert keys[0].tolist() == [1, 1, 0, len(keys) - 1]
        # Projected, pixels are areas, EPSG:4544.
        assert {int(k[0]): int(k[3]) for k in keys[1:]} == {1024: 1, 1025: 1, 3072: 4544}
        assert tags[33550] == (grid.pixel_m, grid.pixel_m, 0.0)
        assert float(tags[42113]) == -9999
        told = {item.get("name"): item.text for item in ET.fromstring(tags[42112])}
        column, row, _, west, north, _ = tags[33922]
    assert told["bandwidth_m"] == "60.0"
    assert told["town"] == "测试镇"
    assert json.loads(told["filter"] or "") == QUESTION.to_query()
    assert (column, row) == (0, 0)

    # By the tags alone: the density at the highest pixel, from its definition.
    chosen = town.selected(town.view(QUESTION))
    row, column = np.unravel_index(values.argmax(), values.shape)
    x, y = west + (column + 0.5) * grid.pixel_m, north - (row + 0.5) * grid.pixel_m
    share = np.hypot(town.reports.x[chosen] - x, town.reports.y[chosen] - y) / BANDWIDTH_M
    height = 3 / (np.pi * BANDWIDTH_M**2) * (1 - share**2) ** 2
    assert values.max() == pytest.approx(10_000 * height[share < 1].sum(), rel=2e-3)


def test_the_bands_follow_the_raster(town: Town, workspace: Workspace) -> None:
    density, grid = figures.heat(town, QUESTION, BANDWIDTH_M), town.heat_grid
    bands = layer_frame(town, workspace, "heat", QUESTION, BANDWIDTH_M).to_crs(town.settings.crs)
    low, high = bands["level_min"].to_numpy(), bands["level_max"].to_numpy()
    assert (high[:-1] == low[1:]).all()
    np.testing.assert_allclose(bands.area / 1e4, bands["area_ha"], rtol=1e-6)
    rows, columns = np.indices(density.shape)
    x = grid.bounds[0] + (columns + 0.5) * grid.pixel_m
    y = grid.bounds[3] - (rows + 0.5) * grid.pixel_m
    for shape, least, most in zip(bands.geometry, low, high, strict=True):
        inside = shapely.contains_xy(shape, x, y)
        assert inside.any()
        edge = 1e-3 * most  # a thousandth, where the centre lies on the line itself
        assert ((density[inside] >= least - edge) & (density[inside] <= most + edge)).all()
    outside = ~shapely.contains_xy(bands.union_all(), x, y)
    assert (density[outside] <= low[0] * 1.01).all()
