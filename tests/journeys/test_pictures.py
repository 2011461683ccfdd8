"""存图 as its users have it: a map as it is looked at, and a chart, as files."""

from __future__ import annotations

import io
from pathlib import Path

from lxml import etree
from PIL import Image
from playwright.sync_api import Page

from cwmap import figures
from cwmap.captions import filter_caption
from tests.journeys.dashboard import Served
from tests.journeys.screen import OpenScreen, Screen

DIALOG = "[role=dialog]"


def ask(screen: Screen) -> None:
    """Press the map's button, and wait for what it offers."""
    bar = screen.page.frame_locator(".st-key-cw-map iframe").locator(".cw-bar")
    bar.get_by_role("button", name="存成图片").click()
    screen.page.locator(f"{DIALOG} img").wait_for()
    screen.settled()


def kept(page: Page, ending: str) -> tuple[str, bytes]:
    """Press the button of a format: the file's name and content."""
    with page.expect_download() as download:
        page.locator(f".st-key-keep-as--{ending} button").click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def close(page: Page) -> None:
    page.locator(f"{DIALOG} button[aria-label=Close]").click()
    page.locator(DIALOG).wait_for(state="detached")


def words(svg: bytes) -> str:
    return " ".join("".join(t.itertext()) for t in etree.fromstring(svg).iter("{*}text"))


def test_a_map_is_kept_as_it_is_looked_at(served: Served, new_screen: OpenScreen) -> None:
    town = served.town()
    screen = new_screen(served).open("/?surface=lanes&category=garbage")
    page = screen.page
    ask(screen)
    assert page.locator(f"{DIALOG} [role=radio]").count() == 0  # the whole town is in view
    name, svg = kept(page, "svg")
    assert name == f"巷道问题率_{town.as_of:%Y%m%d}_示例.svg"
    said = words(svg)
    assert filter_caption(town, screen.question()) in said
    assert "巷道问题率（件/百米）" in said
    assert "示例" in said
    name, png = kept(page, "png")
    assert name.endswith(".png")
    assert Image.open(io.BytesIO(png)).width > 2_800  # 300 dpi of 24 cm
    close(page)

    # What is seen is kept, and stays open while another extent is looked at.
    at = town.layers["areas"].loc["P01"].geometry.centroid
    screen.open(f"/gaps?spot=P01&at={at.y:.5f},{at.x:.5f},16")
    ask(screen)
    seen = kept(page, "svg")[1]
    assert "集贸市场：谁有服务" in words(seen)
    shown = page.locator(f"{DIALOG} img").get_attribute("src")
    page.locator(DIALOG).get_by_role("radio", name="全镇").click()
    page.wait_for_function(
        "([q, src]) => { const i = document.querySelector(q); return i && i.src && !i.src.endsWith(src); }",
        arg=[f"{DIALOG} img", shown],
    )
    screen.settled()
    whole = kept(page, "svg")[1]
    assert whole != seen
    far = {n for n in town.layers["areas"]["name"] if n in words(whole)}
    assert {n for n in far if n in words(seen)} < far
    close(page)
    with screen.painted():  # the page goes on as before
        page.locator(".st-key-close-card button").click()
    assert page.locator(DIALOG).count() == 0


def test_a_chart_is_kept(served: Served, new_screen: OpenScreen) -> None:
    town = served.town()
    lane = town.layers["lanes"].index[0]
    screen = new_screen(served).open(f"/?pick=lanes:{lane}")
    page = screen.page
    page.locator(".st-key-keep-trend button").click()
    page.locator(f"{DIALOG} img").wait_for()
    screen.settled()
    name, svg = kept(page, "svg")
    assert name.startswith("每周问题数_")
    assert figures.place_name(town, "lanes", lane) in words(svg)
    screen.open("/hotspots?view=rhythm")
    page.locator(".st-key-keep-rhythm button").click()
    page.locator(f"{DIALOG} img").wait_for()
    screen.settled()
    assert "周一" in words(kept(page, "svg")[1])
