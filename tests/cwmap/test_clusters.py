"""What the map asks for: every report once, and never too much of it."""

from datetime import date

import numpy as np
import pytest

from cwmap.clusters import MOST_POINTS, Window, in_window
from cwmap.filters import Filter
from cwmap.town import Town
from geo.coordinates import to_wgs84

EVERYTHING = Filter()


def window(town: Town, zoom: int, share: float = 1.0) -> Window:
    west, south, east, north = town.bounds
    x, y = (west + east) / 2, (south + north) / 2
    w, h = (east - west) * share / 2, (north - south) * share / 2
    pad = 0.02 if share == 1 else 0
    return Window(x - w - pad, y - h - pad, x + w + pad, y + h + pad, zoom)


@pytest.mark.parametrize("zoom", [11, 14, 16, 19])
def test_every_placed_report_is_shown_once(demo_town: Town, zoom: int) -> None:
    found = in_window(demo_town, EVERYTHING, window(demo_town, zoom))
    placed = int(np.isfinite(demo_town.reports.x).sum())
    assert found["total"] == placed
    clustered = sum(c[2] for c in found["clusters"])
    assert clustered + len(found["points"]) + len(found["shapes"]) == placed


def test_a_window_holds_what_lies_in_it(demo_town: Town) -> None:
    part = window(demo_town, 17, share=0.3)
    question = Filter(start=date(2026, 9, 1), category=("garbage",))
    found = in_window(demo_town, question, part)
    reports, chosen = demo_town.reports, demo_town.selected(demo_town.view(question))
    lon, lat = to_wgs84(reports.x[chosen], reports.y[chosen], demo_town.settings.crs)
    inside = (lon > part.west) & (lon < part.east) & (lat > part.south) & (lat < part.north)
    expected = {str(i) for i in reports.ids[chosen[inside]]}
    shown = {p[2] for p in found["points"]} | {s["id"] for s in found["shapes"]}
    # The window is a rectangle in degrees, the question one in metres: nothing may be missing.
    assert expected <= shown
    assert len(shown) <= MOST_POINTS


def test_far_away_there_is_nothing(demo_town: Town) -> None:
    found = in_window(demo_town, EVERYTHING, Window(0.0, 0.0, 1.0, 1.0, 12))
    assert found == {"total": 0, "points": [], "clusters": [], "shapes": []}
