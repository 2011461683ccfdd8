"""Each page's map in print: the places, colours, marks and words that are looked at."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import pytest
import shapely
from lxml import etree

from cwmap import figures, server
from cwmap.captions import filter_caption
from cwmap.drawing import picture
from cwmap.drawing.ground import metric
from cwmap.filters import Filter
from cwmap.meeting import agenda, telling
from cwmap.meeting.desk import Desk
from cwmap.store import Workspace
from cwmap.town import Town
from cwmap.ui import keeping, printed
from cwmap.ui.meeting import meetingmap
from cwmap.ui.shown import Shown
from geo.coordinates import from_wgs84

DAY = date(2026, 11, 24)
LINKS = [
    "map", "map?surface=lanes&pick=lanes:X001", "map?surface=cells&show=communities,facilities",
    "map?surface=none&category=garbage", "hotspots", "hotspots?view=change", "hotspots?view=pair",
    "hotspots?units=lanes&view=now", "duties", "duties?by=unit", "tasks", "assessment?view=month",
    "gaps?spot=P01", "gaps?view=sites&number=3", "gaps?kind=bin", "gaps?view=supply&kind=toilet",
    "gaps?view=spots",
]  # fmt: skip


@pytest.fixture(scope="module")
def desk(demo_town: Town, demo_workspace: Workspace) -> Desk:
    return Desk(demo_town, demo_workspace)


@pytest.fixture
def shown(
    desk: Desk, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Shown:  # as the page of this link shows it
    monkeypatch.setattr(server, "workspace_folder", lambda: desk.workspace.folder)
    told = telling.tell(desk, agenda.viewed(desk.town, request.param))
    return meetingmap.page_of(desk, told)


def words_of(svg: bytes) -> str:
    return " ".join("".join(t.itertext()) for t in etree.fromstring(svg).iter("{*}text"))


@pytest.mark.parametrize("shown", LINKS, indirect=True)
def test_a_page_is_printed_as_it_is_looked_at(shown: Shown, demo_town: Town) -> None:
    sheet, painted = printed.sheet(demo_town, shown, DAY), shown.state
    svg = picture.picture(sheet, ".svg", DAY)
    told = words_of(svg)
    assert shown.title in told
    assert shown.said in told
    assert "示例" in told
    if shown.key and not painted["heat"]:
        assert shown.key.title in told
        for _, _, meaning in shown.key.classes:
            assert meaning in told
    wanted: Counter[str] = Counter()
    for layer in ("cells", "lanes"):
        values = painted[layer]
        if values and values["classes"]:
            colours = values.get("colours", painted["colours"])["light"]
            wanted.update(colours[ord(c) - 48] for c in values["classes"] if c != "-")
    zones = sum(len(zone["polygons"]) for zone in painted.get("zones") or ())
    drawn = Counter(
        {f.colour: len(f.shapes) for f in sheet.fills if f.opacity != 0.1 and len(f.shapes)}
    )
    assert drawn == wanted
    assert sum(len(f.shapes) for f in sheet.fills if f.opacity == 0.1) == zones
    marks = sum(len(group["items"]) for group in painted.get("marks") or ())
    own = [m for m in sheet.marks if "facilities" not in painted["show"]]
    assert not own or len(own) == marks + len(painted.get("pins") or ())


@pytest.mark.parametrize("shown", ["gaps?kind=market"], indirect=True)
def test_what_serves_lies_where_it_is(shown: Shown, demo_town: Town) -> None:
    """Service areas and marks, through degrees and back, within a few centimetres."""
    sheet, layer = printed.sheet(demo_town, shown, DAY), demo_town.layers["facilities"]
    ids = [item[5] for item in shown.state["marks"][0]["items"]]
    true = shapely.get_coordinates(
        shapely.centroid(metric(demo_town, "facilities")[layer.index.get_indexer(ids)])
    )
    found = np.array([[m.x, m.y] for m in sheet.marks])
    assert np.abs(found - true).max() < 0.2
    areas = [f for f in sheet.fills if f.opacity == 0.1]
    inside = shapely.union_all(np.concatenate([f.shapes for f in areas]))
    good = [item[:2] for item in shown.state["marks"][0]["items"] if item[2] == 0]
    lat, lon = np.array(good).T
    at = shapely.points(*from_wgs84(lon, lat, demo_town.settings.crs))
    assert shapely.distance(inside, at).max() < 50  # a facility stands beside its lane


@pytest.mark.parametrize("shown", ["map?surface=none&category=garbage,road"], indirect=True)
def test_single_reports_are_points_by_kind(shown: Shown, demo_town: Town) -> None:
    sheet = printed.sheet(demo_town, shown, DAY)
    asked = Filter.from_query(dict(parse_qsl(shown.state["reports"]["query"])))
    counts = figures.group_counts(demo_town, asked)
    at = demo_town.selected(demo_town.view(asked))
    placed = int(np.isfinite(demo_town.reports.x[at]).sum())
    assert placed > 0
    assert sum(len(d.xy) for d in sheet.dots) == placed
    names = {g.key: g.name for g in demo_town.categories.groups}
    assert {d.words for d in sheet.dots} == {names["garbage"], names["road"]}
    assert all(len(d.xy) <= max(counts.values()) for d in sheet.dots)
    assert shown.said == filter_caption(demo_town, asked)


@pytest.mark.parametrize("shown", ["map?surface=lanes"], indirect=True)
def test_a_part_of_the_town(shown: Shown, demo_town: Town) -> None:
    west, south, east, north = demo_town.bounds
    mid, half = west + (east - west) / 4, (south + north) / 2
    bounds = keeping.window_m(demo_town, f"{west},{south},{mid},{half}")
    sheet = printed.sheet(demo_town, shown, DAY, bounds)
    x, y = from_wgs84([west, mid], [south, half], demo_town.settings.crs)
    assert bounds == pytest.approx((x[0], y[0], x[1], y[1]))
    assert sheet.dots  # closer up the single reports show
    assert picture.picture(sheet, ".png", DAY).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "word", ["", "a,b,c,d", "1,2,3", "105,34,104,33", "nan,nan,nan,nan", "1e400,0,2,3"]
)
def test_a_window_that_is_none(word: str, demo_town: Town) -> None:
    assert keeping.window_m(demo_town, word) is None


def test_a_name_that_is_code_stays_text(demo_town: Town) -> None:
    bad: Any = "</text><script>alert(1)</script>&\x07"
    lat, lon = demo_town.bounds[1], demo_town.bounds[0]
    ramp = {"light": ["#123456"], "dark": ["#123456"]}
    marks = {"layer": "units", "colours": ramp, "items": [[lat, lon, 0, bad, bad, "U1", bad]]}
    empty = {
        "show": [], "surface": True, "colours": ramp, "heat": None, "cells": None, "lanes": None,
        "reports": None, "chosen": None, "marks": [marks],
    }  # fmt: skip
    svg = picture.picture(printed.sheet(demo_town, Shown(bad, empty, None, bad), DAY), ".svg", DAY)
    tree = etree.fromstring(svg)
    assert not list(tree.iter("{*}script"))
    assert "alert(1)" in words_of(svg)
