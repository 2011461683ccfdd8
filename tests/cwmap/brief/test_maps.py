"""Maps as drawings: where things stand, how long the scale bar is, what is written, that it is XML."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cwmap import figures
from cwmap.colours import RAMPS
from cwmap.drawing import themes
from cwmap.drawing.frame import Frame
from cwmap.drawing.lettering import fitting, legible, width_em
from cwmap.drawing.picture import FORMATS, picture
from cwmap.drawing.sheet import height_mm
from cwmap.duties import coverage
from cwmap.errors import CwmapError
from cwmap.filters import Filter
from cwmap.town import Town, open_town
from cwmap.trends.spots import spots
from tests.cwmap.brief.conftest import DAY

SVG = "{http://www.w3.org/2000/svg}"
WIDTH, HEIGHT = 180.0, 110.0


def drawing(sheet) -> ET.Element:
    return ET.fromstring(sheet.svg(WIDTH, HEIGHT))


def texts(root: ET.Element) -> list[str]:
    return [e.text or "" for e in root.iter(f"{SVG}text")]


@pytest.fixture(scope="module")
def sheet(demo_town: Town):
    return themes.heat_map(demo_town, Filter(category=("road",)), DAY)


def test_a_map_says_what_it_is(sheet, demo_town):
    said = texts(drawing(sheet))
    assert "问题密度图" in said
    assert "示例" in said
    assert "北" in said
    assert "件/公顷" in said
    assert any("路面坑洼" in line for line in said)
    assert any(str(demo_town.as_of) in line and "EPSG:4544" in line for line in said)
    assert f"内部使用　{DAY} 制图" in said
    assert set(demo_town.layers["areas"]["name"]) & set(said)


def test_review_number_and_badge_follow_the_settings(sheet, demo_town):
    own = replace(demo_town.settings, review="甘S（2026）001号", synthetic=False)
    said = texts(drawing(replace(sheet, town=replace(demo_town, settings=own))))
    assert f"甘S（2026）001号　{DAY} 制图" in said
    assert "示例" not in said


def test_marks_stand_on_their_lanes_and_the_bar_is_as_long_as_it_says(demo_town):
    """By the drawing alone: a mark's place in metres from the bar, against pyproj."""
    west = demo_town.layers["lanes"].geometry.bounds["minx"]
    far = [west.idxmin(), west.idxmax()]  # so that neither is moved for the other
    root = drawing(themes.lane_map(demo_town, Filter(), DAY, far))
    circles = [
        np.array([float(c.get("cx", 0)), float(c.get("cy", 0))]) for c in root.iter(f"{SVG}circle")
    ]
    number = next(t for t in texts(root) if re.fullmatch(r"[\d.]+ (千)?米", t))
    length_m = float(number.split()[0]) * (1000 if "千" in number else 1)
    halves = [r for r in root.iter(f"{SVG}rect") if r.get("height") == "1.30"]
    scale = length_m / sum(float(r.get("width", 0)) for r in halves)
    lanes = demo_town.layers["lanes"].geometry
    points = shapely.point_on_surface(lanes[far].to_numpy())
    project = pyproj.Transformer.from_crs(4326, demo_town.settings.crs, always_xy=True)
    east, north = project.transform(shapely.get_x(points), shapely.get_y(points))
    wanted = np.hypot(np.diff(east), np.diff(north))[0]
    assert np.hypot(*(circles[1] - circles[0])) * scale == pytest.approx(wanted, rel=1e-3)


def test_the_heat_image_lies_where_its_raster_does(sheet, demo_town):
    root = drawing(sheet)
    image = next(root.iter(f"{SVG}image"))
    pixels = Image.open(io.BytesIO(base64.b64decode(image.get("href", "").partition(",")[2])))
    grid = demo_town.heat_grid
    assert pixels.size == (grid.columns, grid.rows)
    west, south, east, north = grid.bounds
    shape = float(image.get("width", 0)) / float(image.get("height", 1))
    assert shape == pytest.approx((east - west) / (north - south), rel=1e-3)


def test_legends_name_the_classes_that_are_drawn(demo_town):
    lanes = figures.lanes(demo_town, Filter())["rate_per_100m"]
    root = drawing(themes.lane_map(demo_town, Filter(), DAY))
    drawn = {p.get("fill") for p in root.iter(f"{SVG}path")} & set(RAMPS["light"])
    boxes = {r.get("fill") for r in root.iter(f"{SVG}rect")}
    assert drawn
    assert drawn <= boxes
    assert (lanes > 0).any()
    held = coverage.coverage(demo_town)
    said = texts(drawing(themes.duty_map(demo_town, held, DAY)))
    assert {"四岗齐全", "缺岗", "无人负责"} <= set(said)


def test_spots_are_numbered_as_in_the_list(demo_town):
    found = spots(demo_town, Filter())
    root = drawing(themes.spot_map(demo_town, found, DAY))
    numbers = [str(spot.rank) for spot in found.items[:3]]
    assert [t for t in texts(root) if t in {"1", "2", "3"}] == numbers


@pytest.mark.parametrize("ending", FORMATS)
def test_pictures_to_keep(sheet, demo_town, ending):
    content = picture(sheet, ending, DAY)
    if ending == ".svg":
        assert "问题密度图" in texts(ET.fromstring(content))
    elif ending == ".png":
        tall = height_mm(demo_town, 240, 240, 1.15)
        assert Image.open(io.BytesIO(content)).size == pytest.approx(
            (240 / 25.4 * 300, tall / 25.4 * 300), abs=2
        )
    else:
        assert content.startswith(b"%PDF")
        assert b"pdfaid" in content


def test_another_ending_is_refused(sheet):
    with pytest.raises(CwmapError, match=r"\.png"):
        picture(sheet, ".bmp", DAY)


def test_hostile_words_are_text_and_nothing_else(sheet, demo_town):
    word = "\"'</text><script>x</script>&#x202e;\u202e\x00]]>"
    areas = demo_town.layers["areas"].assign(name=word)
    town = replace(demo_town, layers=demo_town.layers | {"areas": areas})
    root = drawing(replace(sheet, town=town, title=word, caption=word, source=word))
    assert not list(root.iter("script"))
    assert not list(root.iter(f"{SVG}script"))
    assert sum(text == legible(word) for text in texts(root)) >= 3


def test_a_town_without_anything_is_a_map_too(workspace):
    root = drawing(themes.heat_map(open_town(workspace), Filter(), DAY))
    assert "问题密度图" in texts(root)


@given(
    scale=st.floats(0.05, 500),
    most=st.floats(5, 80),
    x=st.floats(-1e5, 1e5),
    y=st.floats(-1e5, 1e5),
)
@settings(deadline=None)
def test_a_frame_keeps_shape_and_its_bar_is_round(scale, most, x, y):
    frame = Frame.around((x, y, x + 100 * scale, y + 50 * scale), 0, 0, 100, 60)
    west, south, east, north = frame.bounds
    assert west < x
    assert south < y
    assert east > x + 100 * scale
    assert north > y + 50 * scale
    corners = frame.place(np.array([[west, north], [east, south]]))
    assert corners == pytest.approx(np.array([[0, 0], [100, 60]]), abs=1e-6)
    length = frame.round_length_m(most)
    assert length / frame.scale <= most < 2.5 * length / frame.scale * (1 + 1e-9)
    assert f"{length:e}"[0] in "125"


@given(st.text())
@settings(deadline=None)
def test_letters_fit_and_are_xml(text):
    assert width_em(fitting(text, 12)) <= 12
    kept = legible(text)
    ET.fromstring(f"<a>{kept.replace('&', '').replace('<', '')}</a>".encode())
    assert legible(kept) == kept
