"""What a map can show beside fills and heat: a part of the town, lines, dots, many marks, a legend."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from PIL import Image

from cwmap.drawing import themes
from cwmap.drawing.apart import apart
from cwmap.drawing.frame import Frame
from cwmap.drawing.ground import metric
from cwmap.drawing.legend import Entry, Legend
from cwmap.drawing.lettering import width_em
from cwmap.drawing.page import HEAD, Box
from cwmap.drawing.picture import picture
from cwmap.drawing.sheet import Dots, Fill, Line, Mark, Sheet, extent_m
from cwmap.filters import Filter
from cwmap.town import Town

DAY = date(2026, 11, 24)
SVG = "{http://www.w3.org/2000/svg}"
WIDTH, HEIGHT = 240.0, 160.0
SIDE_M = 300.0


@pytest.fixture(scope="module")
def plain(demo_town: Town) -> Sheet:
    return Sheet(demo_town, "图", "全镇", "件", "数据", DAY)


@pytest.fixture(scope="module")
def middle(demo_town: Town) -> tuple[float, float]:
    west, south, east, north = extent_m(demo_town)
    return (west + east) / 2, (south + north) / 2


@pytest.fixture(scope="module")
def part(middle) -> tuple[float, float, float, float]:
    x, y = middle
    return x - SIDE_M, y - SIDE_M, x + SIDE_M, y + SIDE_M


def drawing(sheet: Sheet) -> etree._Element:
    return etree.fromstring(sheet.svg(WIDTH, HEIGHT).encode())


def texts(root: etree._Element) -> list[str]:
    return [e.text or "" for e in root.iter(f"{SVG}text")]


def numbers(path: etree._Element) -> np.ndarray:
    return np.array(re.findall(r"-?[\d.]+,-?[\d.]+", path.get("d")))


def test_a_part_of_the_town_holds_nothing_of_the_rest(plain, demo_town, middle, part):
    x, y = middle
    there, far = shapely.box(x, y, x + 50, y + 50), shapely.box(x + 3e3, y, x + 3e3 + 50, y + 50)
    reports = np.array([[x, y], [x + 3_000, y]])
    sheet = replace(
        plain,
        bounds=part,
        fills=(Fill("#010101", np.array([there])), Fill("#020202", np.array([far]))),
        lines=(Line("#030303", np.array([there, far]), 0.5),),
        dots=(Dots("#040404", reports, 0.8),),
        marks=(Mark(x, y, "市"), Mark(x + 3_000, y, "厕", fixed=True)),
        heat=themes.heat_map(demo_town, Filter(), DAY).heat,
    )
    root = drawing(sheet)
    by_colour = {p.get("fill"): p for p in root.iter(f"{SVG}path")}
    strokes = {p.get("stroke"): p for p in root.iter(f"{SVG}path")}
    assert "#010101" in by_colour
    assert "#020202" not in by_colour
    assert strokes["#030303"].get("d").count("M") == 1
    assert strokes["#040404"].get("d").count("M") == 1
    assert {"市", "厕"} & set(texts(root)) == {"市"}
    (clipped,) = root.iter(f"{SVG}g")
    for path in clipped.iter(f"{SVG}path"):
        for place in numbers(path):
            left, top = map(float, place.split(","))
            assert -1.01 <= left <= WIDTH + 1.01
            assert HEAD - 1.01 <= top <= HEIGHT
    assert len(sheet.svg(WIDTH, HEIGHT)) < len(replace(sheet, bounds=None).svg(WIDTH, HEIGHT))


def test_the_heat_of_a_part_lies_where_that_of_the_whole_does(demo_town, part):
    """The cut raster's pixels are those of the whole one at the same metres."""
    whole = themes.heat_map(demo_town, Filter(), DAY)
    cut = replace(whole, bounds=part)
    grid, frame = demo_town.heat_grid, cut.frame(Box(0, 0, WIDTH, HEIGHT))
    root = etree.fromstring(f'<g xmlns="{SVG[1:-1]}">{cut.map_in(frame, 1.0)}</g>')
    image = next(root.iter(f"{SVG}image"))
    pixels = _pixels(image)
    cell = (grid.bounds[2] - grid.bounds[0]) / grid.columns
    assert float(image.get("width")) * frame.scale / cell == pytest.approx(
        pixels.shape[1], rel=1e-3
    )
    column = (frame.west + float(image.get("x")) * frame.scale - grid.bounds[0]) / cell
    row = (grid.bounds[3] - frame.north + float(image.get("y")) * frame.scale) / cell
    assert column == pytest.approx(round(column), abs=0.01)
    full = _pixels(next(drawing(whole).iter(f"{SVG}image")))
    top, left = round(row), round(column)
    assert np.array_equal(
        full[top : top + pixels.shape[0], left : left + pixels.shape[1]], pixels
    )  # fmt: skip
    assert pixels.size < full.size


def _pixels(image: etree._Element) -> np.ndarray:
    held = base64.b64decode(image.get("href").partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(held)).convert("RGBA"))[:, :, 0]


def test_a_sheet_of_a_part_has_one_shape_and_its_own_scale(plain, demo_town, part):
    sheet = replace(plain, bounds=part)
    assert sheet.height_mm(240, 240, 1.15) == pytest.approx(160)
    content = Image.open(io.BytesIO(picture(sheet, ".png", DAY)))
    assert content.size[0] / content.size[1] == pytest.approx(1.5, rel=1e-3)
    said = next(t for t in texts(drawing(sheet)) if re.fullmatch(r"[\d.]+ 米", t))
    assert float(said.split()[0]) < SIDE_M
    names = {t for t in texts(drawing(sheet)) if t in set(demo_town.layers["lanes"]["name"])}
    assert names


def test_outlines_are_not_closed_along_the_edge(part):
    frame = Frame.around(part, 0, 0, 100, 100)
    west, south, east, north = frame.bounds
    across = shapely.box(west - 500, south + 100, east + 500, north - 100)
    path = frame.lines(np.array([across, shapely.GeometryCollection([across])]))
    assert path.count("M") == 4
    for line in path.split("M")[1:]:
        heights = {place.partition(",")[2] for place in line.split()}
        assert len(heights) == 1


def test_many_dots_are_one_small_path(plain, demo_town):
    rng = np.random.default_rng(5)
    west, south, east, north = extent_m(demo_town)
    xy = rng.uniform((west, south), (east, north), (20_000, 2))
    sheet = replace(plain, dots=(Dots("#123456", xy, 0.8, "路面"),))
    added = len(sheet.svg(WIDTH, HEIGHT)) - len(plain.svg(WIDTH, HEIGHT))
    assert added < 20_000 * 14
    root = drawing(sheet)
    (path,) = [p for p in root.iter(f"{SVG}path") if p.get("stroke") == "#123456"]
    drawn = np.array([list(map(float, p.split(","))) for p in numbers(path)])
    frame = sheet.frame(Box(0, HEAD, WIDTH, HEIGHT - HEAD - 7.5 - 4.6))
    wanted = frame.place(xy)
    wanted = wanted[frame.holds(wanted)]
    near = shapely.STRtree(shapely.points(drawn)).query_nearest(
        shapely.points(wanted), return_distance=True, all_matches=False
    )[1]
    assert near.max() < 0.08
    assert "路面" in texts(root)


def test_a_dot_is_seen_in_the_png(plain, middle):
    """Lines without length are dots by their round caps, for the renderer too."""
    sheet = replace(plain, dots=(Dots("#ff00ff", np.array([middle]), 4.0),))
    seen = np.asarray(Image.open(io.BytesIO(picture(sheet, ".png", DAY))).convert("RGB"))
    magenta = int((seen == (255, 0, 255)).all(axis=2).sum())
    assert magenta == pytest.approx(
        np.pi * (2.0 * 1.15 / 25.4 * 300) ** 2, rel=0.06
    )  # but for its rim


def test_facilities_stay_and_ranked_marks_give_way(plain, middle):
    x, y = middle
    held = [Mark(x + i % 3, y + i // 3, "厕", "#010101", fixed=True) for i in range(60)]
    ranked = [Mark(x, y, str(i), "#020202") for i in range(1, 4)]
    sheet = replace(plain, marks=(*ranked, *held))
    root = drawing(sheet)
    circles = list(root.iter(f"{SVG}circle"))
    assert [c.get("fill") for c in circles] == ["#010101"] * 60 + ["#020202"] * 3
    places = np.array([[float(c.get("cx")), float(c.get("cy"))] for c in circles])
    frame = sheet.frame(Box(0, HEAD, WIDTH, HEIGHT - HEAD - 7.5 - 4.6))
    assert places[:60] == pytest.approx(frame.place(np.array([[m.x, m.y] for m in held])), abs=0.01)
    gaps = [np.hypot(*(places[a] - places[b])) for a, b in ((60, 61), (60, 62), (61, 62))]
    assert min(gaps) > 4.4


@pytest.mark.parametrize("text", ["市", "厕", "12", "100"])
def test_what_a_mark_says_fits_in_it(plain, middle, text):
    root = drawing(replace(plain, marks=(Mark(*middle, text, size_mm=3.0),)))
    (said,) = [e for e in root.iter(f"{SVG}text") if e.text == text]
    assert width_em(text) * float(said.get("font-size")) <= 0.81 * 3.0


@given(
    st.lists(st.tuples(st.floats(0, 30), st.floats(0, 30)), max_size=60),
    st.floats(0.5, 6),
)
@settings(deadline=None, max_examples=60)
def test_moved_signs_stay_near_their_places(places, least):
    points = np.array(places, float).reshape(-1, 2)
    moved = apart(points, least)
    assert moved.shape == points.shape
    way = moved - points
    assert (np.hypot(way[:, 0], way[:, 1]) <= 2 * least * (1 + 1e-9)).all()
    clear = [
        at for at, place in enumerate(points)
        if (np.hypot(*(points - place).T) < 4 * least).sum() == 1
    ]  # fmt: skip
    if len(clear) == len(points):
        assert np.array_equal(moved, points)


def test_the_legend_says_each_thing_once_with_its_sign(plain, middle):
    square = np.array([shapely.box(*middle, middle[0] + 90, middle[1] + 90)])
    sheet = replace(
        plain,
        legend=(Entry("#aaaaaa", "没有数据"),),
        fills=(Fill("#111111", square, "一类"), Fill("#222222", square)),
        lines=(Line("#333333", square, 0.4, True, "服务范围"), Line("#444444", square, 0.4)),
        dots=(Dots("#555555", np.array([middle]), 1.0, "设施"),),
        marks=tuple(Mark(*middle, "厕", "#666666", fixed=True, words="公厕") for _ in range(9)),
    )
    assert sheet.entries() == (
        Entry("#aaaaaa", "没有数据"), Entry("#111111", "一类"),
        Entry("#333333", "服务范围", "dash"), Entry("#555555", "设施", "dot"),
        Entry("#666666", "公厕", "dot"),
    )  # fmt: skip
    said = texts(drawing(sheet))
    for entry in sheet.entries():
        assert said.count(entry.words) == 1


@given(
    st.lists(st.text("街道卫生abc ", min_size=1, max_size=40), max_size=40),
    st.floats(60, 260),
    st.floats(0.8, 2.0),
)
@settings(deadline=None, max_examples=60)
def test_a_long_legend_takes_more_rows_and_stays_legible(words, width, k):
    entries = [Entry("#123456", word) for word in words]
    legend = Legend.laid("件", entries, width, 0.3 * width, k)
    assert sum(map(len, legend.rows)) == len(entries)
    assert legend.scale >= 0.75
    root = etree.fromstring(f'<g xmlns="{SVG[1:-1]}">{legend.svg(0, 0, k)}</g>')
    lowest = 0.0
    for said in list(root.iter(f"{SVG}text"))[1:]:
        size = float(said.get("font-size"))
        assert float(said.get("x")) + width_em(said.text or "") * size <= width + 0.1
        lowest = max(lowest, float(said.get("y")))
    assert lowest < legend.height(k)


def test_more_rows_take_from_the_map_and_not_from_the_foot(plain, middle):
    square = np.array([shapely.box(*middle, middle[0] + 90, middle[1] + 90)])
    fills = tuple(Fill("#123456", square, f"第 {n} 类公共设施") for n in range(24))
    sheet = replace(plain, fills=fills)
    assert sheet.height_mm(240, 500) > plain.height_mm(240, 500) + 4
    said = {e.text: float(e.get("y")) for e in drawing(sheet).iter(f"{SVG}text")}
    lowest = max(said[fill.words] for fill in fills)
    assert said["件"] < lowest < said[f"内部使用　{DAY} 制图"] - 2


def test_cells_are_told_apart_by_a_line(plain, demo_town):
    cells = metric(demo_town, "cells")
    sheet = replace(plain, fills=(Fill("#123456", cells, "格", opacity=0.5, line="#fedcba"),))
    (path,) = [p for p in drawing(sheet).iter(f"{SVG}path") if p.get("fill") == "#123456"]
    assert path.get("fill-opacity") == "0.5"
    assert path.get("stroke") == "#fedcba"
