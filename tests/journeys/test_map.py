"""The map page as a viewer uses it."""

from __future__ import annotations

from dataclasses import replace
import pytest

from cwmap import figures
from tests.journeys.dashboard import Served
from tests.journeys.screen import OpenScreen

MARK = "window.CW_JOURNEY = 'the map of the beginning'"
CARD = ".st-key-cw-right .cw-card"


def test_filter_lane_card_and_link(served: Served, new_screen: OpenScreen) -> None:
    """Filter, see count and map change on the same map, read a lane's card, hand on the link."""
    town = served.town()
    screen = new_screen(served).open()
    page, frame = screen.page, screen.map
    frames: list[str] = []
    page.on("frameattached", lambda f: frames.append(f.url))
    frame.evaluate(MARK)

    # Elsewhere and nearer than the map was opened: this must survive everything that follows.
    frame.get_by_role("button", name="放大").click()
    screen.still()
    page.mouse.move(960, 560)
    page.mouse.down()
    page.mouse.move(900, 590, steps=4)
    page.mouse.up()
    screen.still()
    there, all_of_it = screen.view(), screen.metrics()
    before = page.locator(".st-key-cw-map iframe").screenshot()
    heat = frame.evaluate("window.CW_HEAT")

    with screen.painted():
        page.locator(".st-key-cat-garbage button").click()
    frame.wait_for_function("url => window.CW_HEAT !== url", arg=heat)
    screen.still()
    question = screen.question()
    assert question.category == ("garbage",)
    some = figures.summary(town, question)
    assert screen.metrics()["本期新增"] == f"{some.reports:,}" != all_of_it["本期新增"]
    assert page.locator(".st-key-cw-map iframe").screenshot() != before
    assert frame.evaluate("window.CW_JOURNEY")
    assert screen.view() == pytest.approx(there, abs=1e-9)

    lane, x, y = screen.lane_point()
    page.mouse.click(x, y)
    page.locator(".cw-card .cw-three").wait_for()
    screen.settled()
    name = figures.place_name(town, "lanes", lane)
    counts = figures.lanes(town, question).loc[lane]
    card = screen.text(CARD)
    assert name in card
    assert f"{counts['reports']:,}\n件问题" in card
    assert screen.state()["chosen"] == {"layer": "lanes", "id": lane}
    screen.still()
    assert screen.view() == pytest.approx(there, abs=1e-9)
    assert frame.evaluate("window.CW_JOURNEY")
    assert frames == []

    other = new_screen(served).open(page.url.removeprefix(served.url))
    other.page.locator(".cw-card .cw-three").wait_for()
    other.still()
    assert other.metrics() == screen.metrics()
    assert other.text(CARD) == card
    assert other.state() | {"fly": None} == screen.state() | {"fly": None}
    assert other.view() == pytest.approx(there, abs=1e-5)
    assert other.question() == question
