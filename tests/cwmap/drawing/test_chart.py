"""Charts: the numbers in the drawing are those given, labels do not touch, nothing is a sentence."""

from __future__ import annotations

import io
import itertools
import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from PIL import Image

from cwmap.colours import RAMPS
from cwmap.drawing import themes
from cwmap.drawing.chart import NOTHING, Columns, Matrix, ticks
from cwmap.drawing.lettering import ACCENT, legible, width_em
from cwmap.drawing.page import Page
from cwmap.drawing.panels import Panels
from cwmap.drawing.picture import FORMATS, picture
from cwmap.filters import Filter
from cwmap.town import Town
from cwmap.trends.rhythm import WEEKDAYS, rhythm

DAY = date(2026, 11, 24)
SVG = "{http://www.w3.org/2000/svg}"
HOURS = [f"{hour} 时" for hour in range(24)]
HOSTILE = "\"'</text><script>x</script>&#x202e;\u202e\x00]]>"


def drawing(page: Page, width: float = 240.0, k: float = 1.15) -> etree._Element:
    return etree.fromstring(page.svg(width, page.height_mm(width, 240.0, k), k).encode())


def texts(root: etree._Element) -> list[str]:
    return [e.text or "" for e in root.iter(f"{SVG}text")]


def head(town: Town) -> tuple[Town, str, str, str, str, date]:
    return town, "每周上报数", "全镇", "件", "数据：台账", DAY


def columns(town: Town, labels, values) -> Columns:
    return Columns(*head(town), labels, values)


def heights(root: etree._Element) -> np.ndarray:
    return np.array([float(r.get("height")) for r in root.iter(f"{SVG}rect")
                     if r.get("fill") == ACCENT])  # fmt: skip


def test_columns_are_as_high_as_their_numbers(demo_town):
    weeks = [f"{1 + n // 4:02d}-{1 + 7 * (n % 4):02d}" for n in range(26)]
    values = np.random.default_rng(2).integers(0, 400, 26)
    root = drawing(columns(demo_town, weeks, values))
    tall = heights(root)
    assert len(tall) == 26
    assert tall / tall.max() == pytest.approx(values / values.max(), abs=1e-4)
    assert str(values.max()) in texts(root)
    top = ticks(float(values.max()), whole=True)[-1]
    grid = [p.get("d").partition("h")[0] for p in root.iter(f"{SVG}path")]
    lines = [float(d.partition(",")[2]) for d in grid if not d.startswith("M0,")]
    wanted = (max(lines) - min(lines)) * values.max() / top
    assert tall.max() == pytest.approx(wanted, rel=1e-3)


@given(
    st.lists(st.one_of(st.floats(0, 1e7), st.just(math.nan)), min_size=1, max_size=80),
    st.text(min_size=1, max_size=20),
)
@settings(deadline=None, max_examples=60)
def test_labels_never_touch_and_columns_stay_in_the_page(demo_town, values, word):
    labels = [f"{word}{n}" for n in range(len(values))]
    root = drawing(columns(demo_town, labels, values))
    known = np.array([value for value in values if not math.isnan(value)])
    assert len(heights(root)) == len(known)
    by_line: dict[str, list[tuple[float, float]]] = {}
    for said in root.iter(f"{SVG}text"):
        if said.get("text-anchor") == "middle" and said.get("fill") != "#8a4b00":
            half = width_em(said.text or "") * float(said.get("font-size")) / 2
            by_line.setdefault(said.get("y"), []).append((float(said.get("x")), half))
    for line in by_line.values():
        for (x, half), (after, half_after) in itertools.pairwise(line):
            assert x + half <= after - half_after + 0.02
        assert all(x + half <= 240.1 for x, half in line)


@given(st.floats(1e-6, 1e12), st.booleans())
@settings(deadline=None)
def test_ticks_are_few_round_and_reach_the_highest(most, whole):
    most = math.ceil(most) if whole else most
    steps = ticks(float(most), whole)
    assert steps[0] == 0
    assert steps[-1] >= most * (1 - 1e-9)
    assert len(steps) <= 6
    assert len(steps) >= 4 or (whole and most <= 2)
    assert f"{steps[1]:e}"[0] in "125"
    assert not whole or all(step == round(step) for step in steps)


def test_a_matrix_shows_the_rhythm(demo_town):
    found = rhythm(demo_town, Filter()).per_day
    page = Matrix(*head(demo_town), WEEKDAYS, HOURS, found)
    root = drawing(page)
    cells = [r for r in root.iter(f"{SVG}rect") if r.get("fill", "").startswith("#")]
    cells = [r for r in cells if r.get("fill") not in {"#fff", "#ffe9c7"}]
    assert len(cells) == 7 * 24
    darkness = np.array([-sum(int(c.get("fill")[i : i + 2], 16) for i in (1, 3, 5)) for c in cells])
    order = np.argsort(found.ravel(), kind="stable")
    assert (np.diff(darkness[order]) >= 0).all()
    assert cells[int(found.argmax())].get("fill") == RAMPS["light"][-1]
    assert {*WEEKDAYS, "0 时", "0", f"{found.max():.1f}", "件"} <= set(texts(root))
    narrow = drawing(page, width=90.0)
    assert sum(t == f"{found.max():.1f}" for t in texts(narrow)) == 1  # the legend's alone


def test_what_is_not_known_has_no_cell(demo_town):
    values = np.array([[1.0, np.nan], [0.0, 3.0]])
    page = Matrix(*head(demo_town), ["甲", "乙"], ["丙", "丁"], values)
    assert len([r for r in drawing(page).iter(f"{SVG}rect") if r.get("fill")[:4] != "url("]) == 5


def test_panels_have_one_legend_and_a_name_each(demo_town):
    shown = themes.lane_map(demo_town, Filter(), DAY)
    sheets = tuple(replace(shown, title=f"第 {n} 期") for n in range(1, 6))
    page = Panels(*head(demo_town), sheets)
    root = drawing(page)
    said = texts(root)
    for n in range(1, 6):
        assert said.count(f"第 {n} 期") == 1
    for entry in shown.entries():
        assert said.count(entry.words) == 1
    frames = [r for clip in root.iter(f"{SVG}clipPath") for r in clip]
    boxes = [tuple(float(r.get(n)) for n in ("x", "y", "width", "height")) for r in frames]
    assert len({clip.get("id") for clip in root.iter(f"{SVG}clipPath")}) == 5
    assert len({x for x, *_ in boxes}) == 3
    assert len({y for _, y, *_ in boxes}) == 2
    assert max(x + wide for x, _, wide, _ in boxes) <= 240.01
    with pytest.raises(ValueError, match="same bounds"):
        replace(page, sheets=(shown, replace(shown, bounds=(0, 0, 1, 1))))


def test_nothing_is_a_sentence_and_no_error(demo_town):
    rest = np.full((2, 2), np.nan)
    for page in (
        columns(demo_town, [], []),
        columns(demo_town, ["甲"], [math.nan]),
        Matrix(*head(demo_town), [], [], np.zeros((0, 0))),
        Matrix(*head(demo_town), ["甲", "乙"], ["丙", "丁"], rest),
        Panels(*head(demo_town), ()),
    ):
        assert NOTHING in texts(drawing(page))
    assert NOTHING not in texts(drawing(columns(demo_town, ["甲"], [0])))
    assert NOTHING not in texts(
        drawing(Matrix(*head(demo_town), ["甲"], ["乙"], np.zeros((1, 1))))
    )  # fmt: skip


def test_labels_and_numbers_that_do_not_match_are_refused(demo_town):
    with pytest.raises(ValueError, match="labels"):
        columns(demo_town, ["甲", "乙"], [1])
    with pytest.raises(ValueError, match="at least 0"):
        columns(demo_town, ["甲"], [-1])
    with pytest.raises(ValueError, match="labels"):
        Matrix(*head(demo_town), ["甲"], ["乙"], np.zeros((2, 1)))


def test_hostile_words_are_text_and_nothing_else(demo_town):
    said = demo_town, HOSTILE, HOSTILE, HOSTILE, HOSTILE, DAY
    sheet = replace(themes.lane_map(demo_town, Filter(), DAY), title=HOSTILE)
    for page in (
        Columns(*said, [HOSTILE], [3]),
        Matrix(*said, [HOSTILE], [HOSTILE], np.ones((1, 1))),
        Panels(*said, (sheet,)),
    ):
        root = drawing(page)
        assert not list(root.iter(f"{SVG}script"))
        assert sum(text == legible(HOSTILE) for text in texts(root)) >= 3


@pytest.mark.parametrize("ending", FORMATS)
def test_charts_are_pictures_with_head_and_foot(demo_town, ending):
    page = columns(demo_town, ["甲", "乙", "丙"], [1, 2, 3])
    content = picture(page, ending, DAY)
    if ending == ".svg":
        said = texts(etree.fromstring(content))
        assert {"每周上报数", "全镇", "示例", "数据：台账", f"内部使用　{DAY} 制图"} <= set(said)
    elif ending == ".png":
        size = Image.open(io.BytesIO(content)).size
        assert size == pytest.approx((240 / 25.4 * 300, 120 / 25.4 * 300), abs=2)
    else:
        assert content.startswith(b"%PDF")
