"""What `CWMap.paint` draws is what plain Folium draws, and the heat image is the sum of its kernels."""

from __future__ import annotations

import io
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import folium
import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely
from folium.utilities import JsCode
from PIL import Image
from playwright.sync_api import Page, Playwright, ViewportSize

from cwmap import figures
from cwmap.colours import RAMPS, breaks, even_breaks, heat_png
from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.town import Town, open_town
from cwmap.ui.assets import standalone_html
from cwmap.ui.look import Look
from cwmap.ui.map import base_map, paint_state
from cwmap.ui.saved import saved_map
from tests.journeys.dashboard import Served
from tests.journeys.screen import browsing

SIZE = ViewportSize(width=1200, height=900)
GROUND = "#f4f3ee"
# All but the painted places: what lies under and over them, and what floats before the map.
BARE = """.leaflet-cw-backdrop-pane, .leaflet-cw-outline-pane, .leaflet-cw-labels-pane,
.leaflet-control-container, .cw-saved { display: none !important }"""
RATE = {"lanes": "rate_per_100m", "cells": "rate_per_ha"}
STYLE: dict[str, dict[str, Any]] = {  # as the design of the map has it; the colour is the class's
    "lanes": {"fillOpacity": 0.95, "stroke": False},
    "cells": {"fillOpacity": 0.72, "stroke": True, "color": GROUND, "weight": 0.6},
}
CLEAR: dict[str, Any] = {"fillOpacity": 0.0, "stroke": False}

Style = dict[str, Any]
View = tuple[float, float, float]


@pytest.fixture(scope="module")
def town(demo_folder: Path) -> Town:
    return open_town(Workspace.open(demo_folder))


@pytest.fixture(scope="module")
def rows(demo_folder: Path, town: Town) -> pd.DataFrame:
    """The stored reports with their local day, and metres made from their degrees by pyproj."""
    names = ["report_id", "reported_at", "status", "lane_id", "geometry"]
    found = Workspace.open(demo_folder).read("reports", names)
    points = shapely.point_on_surface(found["geometry"].to_numpy(object))
    lon, lat = shapely.get_x(points), shapely.get_y(points)
    x, y = pyproj.Transformer.from_crs(4326, town.settings.crs, always_xy=True).transform(lon, lat)
    day = (found["reported_at"] + pd.Timedelta(hours=8)).dt.date
    return found.assign(day=day, lon=lon, lat=lat, x=x, y=y)


@pytest.fixture(scope="module")
def page(
    player: Playwright, browser_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    """A tab for saved files, one CSS pixel a pixel."""
    log = tmp_path_factory.mktemp("net") / "log.json"
    with browsing(player, browser_path, log) as browser:
        yield browser.new_context(viewport=SIZE, device_scale_factor=1).new_page()


@dataclass
class Sheet:
    """A saved map in a tab: ours or a plain one."""

    page: Page
    map: str

    def show(self, file: Path, html: str) -> Sheet:
        """Open a page and leave nothing of it but the map and its ground."""
        file.write_text(html, encoding="utf-8")
        self.page.goto(file.as_uri())
        self.page.add_style_tag(content=BARE)
        self.page.evaluate(f"{self.map}.getContainer().style.background = '{GROUND}'")
        return self

    def look(self, view: View) -> None:
        """Move to latitude, longitude and zoom at once.

        Twice: after a change of zoom Leaflet itself draws a canvas a little otherwise than at rest.
        """
        for _ in range(2):
            self.page.evaluate(
                f"([lat, lon, zoom]) => void {self.map}.setView([lat, lon], zoom, {{animate: false}})",
                list(view),
            )

    def pixels(self) -> np.ndarray:
        """(rows, columns, 3) of the map element, two frames from now."""
        self.page.evaluate(
            "new Promise(d => requestAnimationFrame(() => requestAnimationFrame(d)))"
        )
        shot = self.page.locator(".folium-map").screenshot()
        return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), np.int16)


def ours(page: Page, file: Path, html: str) -> Sheet:
    sheet = Sheet(page, "CW.map").show(file, html)
    page.evaluate("CW.moved = true")  # from now on the view is ours
    return sheet


def views(town: Town) -> list[View]:
    """The whole town, and a part of it nearer, whose edges cut through places."""
    west, south, east, north = town.bounds
    middle = ((south + north) / 2, (west + east) / 2)
    return [(*middle, 14.0), (middle[0] + 0.0007, middle[1] - 0.0011, 16.25)]


def questions(town: Town) -> list[Filter]:
    """Filter states in the order of their use; the last is the first again."""
    month = Filter(start=town.as_of - timedelta(days=29), end=town.as_of)
    return [
        month,
        Filter(category=("garbage",)),
        Filter(status=("open", "assigned"), community=tuple(town.layers["communities"].index[:9])),
        Filter(start=town.as_of, end=town.as_of, status=("rejected",), category=("toilet",)),
        month,
    ]


def styles(town: Town, question: Filter, layer: str) -> dict[str, Style]:
    """Each place's style from its rate and the legend, one by one."""
    rates = getattr(figures, layer)(town, question)[RATE[layer]]
    steps = breaks(float(rates.max()))
    return {
        place: {**STYLE[layer], "fillColor": RAMPS["light"][sum(rate > s for s in steps)]}
        if rate > 0
        else CLEAR
        for place, rate in rates.items()
    }


def plain_map(town: Town, layer: str, wanted: dict[str, Style]) -> tuple[str, str, str]:
    """The HTML of a map by Folium alone; the names of its map and of its layer.

    Its coordinates are those that we send, in whole millionths of a degree; and its canvas reaches
    as far beyond the view as ours, as Leaflet simplifies a shape after it has cut it there.
    """
    shapes = shapely.transform(
        town.layers[layer].geometry.to_numpy(object), lambda c: np.round(c * 1e6) / 1e6
    )
    data = {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "id": i, "properties": {}, "geometry": shapely.geometry.mapping(s)}
            for i, s in zip(town.layers[layer].index, shapes, strict=True)
        ],
    }
    m = folium.Map(
        tiles=None, prefer_canvas=True, zoom_control=False, maxZoom=20, zoomSnap=0.25,
        renderer=JsCode("L.canvas({ padding: 0.3 })"),  # type: ignore[arg-type]
    )  # fmt: skip
    places = folium.GeoJson(data, style_function=lambda feature: wanted[feature["id"]])
    places.add_to(m)
    return standalone_html(m), m.get_name(), places.get_name()


def drawn(page: Page, layers: str) -> list[list[Any]]:
    """Colour, opacity and edge of each path as Leaflet has them; of a clear one only that it is."""
    found: list[list[Any]] = page.evaluate(
        f"{layers}.map(p => p.options).map(o => o.fillOpacity ? [o.fillColor, o.fillOpacity, "
        "o.stroke, o.stroke && [o.color, o.weight, o.opacity]] : [o.fillOpacity, o.stroke])"
    )
    return found


@pytest.mark.parametrize("layer", ["lanes", "cells"])
def test_painted_places_are_plain_foliums(
    town: Town, page: Page, tmp_path: Path, layer: str
) -> None:
    """Every pixel and every place's style, over filter states that follow each other."""
    asked = questions(town)
    mine = ours(page, tmp_path / "ours.html", standalone_html(base_map(town, served=False)))
    painted, options = [], []
    other = paint_state(town, Filter(), Look(surface="cells" if layer == "lanes" else "lanes"))
    for at, question in enumerate(asked):
        state = paint_state(town, question, Look(surface=layer, show=()))
        mine.look(views(town)[0])
        if at % 2:  # sometimes another surface comes between: what it leaves behind would show
            page.evaluate("state => CW.paint(state)", other)
        page.evaluate("state => CW.paint(state)", state)
        painted.append([mine.pixels()])  # as painted: a move would draw it all anew
        mine.look(views(town)[1])
        painted[-1].append(mine.pixels())
        options.append(drawn(page, f"CW.layers.{layer}"))
    for at, question in enumerate(asked[:-1]):
        html, its_map, its_layer = plain_map(town, layer, styles(town, question, layer))
        plain = Sheet(page, its_map).show(tmp_path / "plain.html", html)
        assert options[at] == drawn(page, f"{its_layer}.getLayers()")
        for mine_of, view in zip(painted[at], views(town), strict=True):
            plain.look(view)
            assert int((mine_of != plain.pixels()).any(axis=2).sum()) == 0, (question, view)
    assert options[-1] == options[0]
    for k in range(len(views(town))):
        assert np.array_equal(painted[-1][k], painted[0][k])
        # The states are worth comparing: each is another picture, most in several classes.
        pictures = [p[k].tobytes() for p in painted[:-1]]
        assert len(set(pictures)) == len(pictures)
        assert len(np.unique(painted[0][k].reshape(-1, 3), axis=0)) > 100


def brute_force(town: Town, x: np.ndarray, y: np.ndarray, radius_m: float) -> np.ndarray:
    """Reports per hectare at the pixel centres: the quartic kernel summed report by report."""
    a, _, west, _, e, north = town.heat_grid.transform
    column = west + a * (np.arange(town.heat_grid.columns) + 0.5)
    row = north + e * (np.arange(town.heat_grid.rows) + 0.5)
    total = np.zeros((len(row), len(column)))
    for px, py in zip(x, y, strict=True):
        squared = ((row - py) ** 2)[:, None] + (column - px) ** 2
        total += 3 / (np.pi * radius_m**2) * np.maximum(1 - squared / radius_m**2, 0) ** 2
    return np.asarray(total * 10_000)


def test_heat_image_is_the_sum_of_kernels(served: Served, town: Town, rows: pd.DataFrame) -> None:
    """The image that the server hands out, against reports chosen and summed by hand."""
    first = town.as_of - timedelta(days=59)
    question = Filter(start=first, end=town.as_of, status=("verified",))
    of_it = rows["day"].between(first, town.as_of) & (rows["status"] == "verified")
    few = rows[of_it & rows["x"].notna()]
    assert 20 < len(few) < 600
    radius_m = figures.bandwidths_m(town)[2]
    expected = brute_force(town, few["x"].to_numpy(), few["y"].to_numpy(), radius_m)
    density = figures.heat(town, question)
    assert np.abs(density - expected).max() <= 0.001 * expected.max()

    state = paint_state(town, question, Look())
    for theme in ("light", "dark"):
        address = f"{served.url}/cwmap/heat.png?{state['heat']['query']}&theme={theme}"
        with urllib.request.urlopen(address, timeout=30) as answer:
            found = Image.open(io.BytesIO(answer.read()))
        steps = even_breaks(float(expected.max()))
        image = Image.open(io.BytesIO(heat_png(expected.astype(np.float32), steps, theme)))
        assert found.getpalette() == image.getpalette()
        assert found.info["transparency"] == image.info["transparency"]
        level, wanted = (np.asarray(i, np.int16) for i in (found, image))
        assert np.abs(level - wanted).max() <= 1
        assert (level == wanted).mean() > 0.99
        assert level.max() == wanted.max() > 80


def test_heat_lies_where_the_report_lies(
    town: Town, rows: pd.DataFrame, page: Page, tmp_path: Path
) -> None:
    """The peak of a single report's heat is on the report: at the town's corners and in its middle."""
    placed = rows[rows["lane_id"].notna()]
    alone = placed[~placed.duplicated(["lane_id", "day"], keep=False)]
    alone = alone[shapely.get_type_id(alone["geometry"]) == shapely.GeometryType.POINT]
    x, y = (alone[c] - (alone[c].min() + alone[c].max()) / 2 for c in ("x", "y"))
    ends = [x + y, x - y, y - x, -x - y, -np.hypot(x, y)]
    chosen = list(dict.fromkeys(end.idxmax() for end in ends))
    assert len(chosen) >= 4
    for at in chosen:
        report = alone.loc[at]
        question = Filter(start=report["day"], end=report["day"], lane=(report["lane_id"],))
        assert figures.summary(town, question).reports == 1
        look = Look(surface="heat", show=(), bandwidth_m=200)
        sheet = ours(page, tmp_path / "heat.html", saved_map(town, question, look))
        page.wait_for_function("window.CW_HEAT")
        sheet.look(views(town)[0])
        ink = np.abs(sheet.pixels() - [int(GROUND[i : i + 2], 16) for i in (1, 3, 5)])
        assert (ink.sum(axis=2) > 0).sum() > 300
        # The darkest colours are the top; their middle is the peak, to parts of a pixel.
        rows_of, columns_of = np.nonzero(ink.sum(axis=2) >= 0.9 * ink.sum(axis=2).max())
        peak = (columns_of.mean() + 0.5, rows_of.mean() + 0.5)
        place = page.evaluate(  # not Leaflet's own place on the screen, which is in whole pixels
            "at => { const p = CW.map.project(at).subtract(CW.map.getPixelOrigin()); return [p.x, p.y] }",
            [report["lat"], report["lon"]],
        )
        assert np.hypot(peak[0] - place[0], peak[1] - place[1]) <= 1.0
