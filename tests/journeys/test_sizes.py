"""Every size and theme that the dashboard is for: nothing hidden, nothing foreign."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from cwmap.colours import RAMPS
from tests.journeys.dashboard import Served
from tests.journeys.screen import OpenScreen, Screen

PANELS = ("top", "left", "right", "legend", "metrics")
Box = dict[str, float]


def panels(screen: Screen, names: tuple[str, ...] = PANELS) -> dict[str, Box]:
    """Where our panels, and the buttons of the map, lie on the page, in CSS pixels."""
    screen.page.evaluate("document.querySelector('[data-testid=stMain]').scrollTo(0, 0)")
    found = screen.page.wait_for_function(  # all of one moment: a chart may still grow
        """names => { const boxes = names.map(name => [name,
          document.querySelector(`.st-key-cw-${name}`)?.getBoundingClientRect()]);
        return boxes.every(([, box]) => box) && Object.fromEntries(boxes.map(([name, b]) =>
          [name, { x: b.x, y: b.y, width: b.width, height: b.height }])); }""",
        arg=list(names),
    )
    boxes: dict[str, Any] = found.json_value()
    boxes["buttons"] = screen.map.locator(".cw-bar").bounding_box()
    assert all(boxes.values()), boxes
    return boxes


def overlapping(boxes: dict[str, Box]) -> list[tuple[str, str]]:
    def apart(a: Box, b: Box) -> bool:
        return (
            a["x"] + a["width"] <= b["x"]
            or b["x"] + b["width"] <= a["x"]
            or a["y"] + a["height"] <= b["y"]
            or b["y"] + b["height"] <= a["y"]
        )

    return [(m, n) for m, n in combinations(boxes, 2) if not apart(boxes[m], boxes[n])]


def outside(boxes: dict[str, Box], width: int, height: float) -> list[str]:
    return [
        name
        for name, b in boxes.items()
        if b["x"] < 0 or b["y"] < 0 or b["x"] + b["width"] > width or b["y"] + b["height"] > height
    ]


def no_sideways_scroll(screen: Screen) -> bool:
    return bool(
        screen.page.evaluate(
            "[document.documentElement, document.querySelector('[data-testid=stMain]')]"
            ".every(e => e.scrollWidth <= e.clientWidth)"
        )
    )


def town_on_the_map(screen: Screen) -> Box:
    """The rectangle of the town's lanes in the map's own pixels, and the map's size."""
    found: Box = screen.map.evaluate(
        """(() => { const [w, s, e, n] = CW.scene.bounds, size = CW.map.getSize();
        const a = CW.map.latLngToContainerPoint([n, w]), b = CW.map.latLngToContainerPoint([s, e]);
        return { left: a.x, top: a.y, right: b.x, bottom: b.y, width: size.x, height: size.y }; })()"""
    )
    return found


@pytest.mark.parametrize(
    ("width", "height", "dark"), [(1920, 1080, False), (1280, 720, True), (390, 844, False)]
)
def test_panels(
    served: Served, new_screen: OpenScreen, width: int, height: int, dark: bool
) -> None:
    phone = width < 900
    screen = new_screen(served, width, height, dark=dark, has_touch=phone, is_mobile=phone).open()
    screen.still()
    page = screen.page
    for surface in ("热力", "巷道", "网格"):
        if surface != "热力":
            with screen.painted():
                page.locator(".st-key-w-surface").get_by_text(surface).click()
        boxes = panels(screen)
        assert overlapping(boxes) == []
        # A phone's page goes on below; everything else is in view at once.
        assert outside(boxes, width, 1e9 if phone else height) == []
    assert no_sideways_scroll(screen)
    assert screen.latin() == []

    theme = "dark" if dark else "light"
    assert screen.map.evaluate("CW.theme") == theme
    colours = page.locator(".cw-swatches i").evaluate_all(
        r"e => e.map(i => getComputedStyle(i).backgroundColor.match(/\d+/g).map(Number))"
    )
    assert [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in colours] == list(RAMPS[theme])

    town = town_on_the_map(screen)
    assert town["left"] >= 0
    assert town["top"] >= 0
    assert town["right"] <= town["width"]
    assert town["bottom"] <= town["height"]
    if phone:
        assert town["top"] + town["bottom"] == pytest.approx(town["height"], abs=40)
        assert town["right"] - town["left"] > 0.4 * town["width"]
    else:
        free = {name: panels(screen)[name] for name in ("left", "right")}
        assert town["left"] >= free["left"]["x"] + free["left"]["width"]
        assert town["right"] <= free["right"]["x"]

    with screen.painted():
        page.locator(".st-key-worst-1 button").click()
    page.locator(".cw-card .cw-three").wait_for()
    boxes = panels(screen)
    assert overlapping(boxes) == []
    assert outside(boxes, width, 1e9 if phone else height) == []
    assert no_sideways_scroll(screen)
    assert screen.latin() == []


@pytest.mark.parametrize(("width", "height", "dark"), [(1280, 720, False), (390, 844, True)])
def test_the_hot_spots(
    served: Served, new_screen: OpenScreen, width: int, height: int, dark: bool
) -> None:
    phone = width < 900
    screen = new_screen(served, width, height, dark=dark, has_touch=phone, is_mobile=phone)
    screen.open("/hotspots").still()
    for view in range(screen.page.locator(".st-key-w-view button").count()):
        screen.page.locator(".st-key-w-view button").nth(view).click()
        screen.settled()
        boxes = panels(screen, ("top", "left", "right", "legend"))
        assert overlapping(boxes) == []
        assert outside(boxes, width, 1e9 if phone else height) == []
        assert no_sideways_scroll(screen)
        assert screen.latin() == []


@pytest.mark.parametrize(("width", "height", "dark"), [(1280, 720, False), (390, 844, True)])
def test_the_other_pages(
    served: Served, new_screen: OpenScreen, width: int, height: int, dark: bool
) -> None:
    screen = new_screen(served, width, height, dark=dark)
    page = screen.page
    screen.open_page("/reports")
    page.locator("[data-testid=stDataFrame]").wait_for()
    assert no_sideways_scroll(screen)
    assert screen.latin() == []
    screen.open_page("/data")
    for tab in ("导入文件", "导出图层", "现有数据"):
        page.get_by_role("tab", name=tab).click()
        assert page.get_by_role("tabpanel", name=tab).is_visible()
        assert no_sideways_scroll(screen)
        assert screen.latin() == []
    if width > 900:
        page.get_by_role("tab", name="导出图层").click()
        page.locator(".st-key-out-layer").get_by_role("combobox").fill("没有这种图层")
        page.locator("[data-testid=stSelectboxVirtualDropdown]").wait_for()
        assert screen.latin() == []


def test_the_first_tab_stop_is_in_chinese(served: Served, new_screen: OpenScreen) -> None:
    """Streamlit's link past the navigation shows when it has the focus."""
    screen = new_screen(served, 1280, 720).open()
    screen.page.keyboard.press("Tab")
    assert screen.latin() == []
