"""The page of hot spots as a viewer uses it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from cwmap import figures
from cwmap.colours import even_breaks
from cwmap.filters import Filter
from cwmap.town import Town
from cwmap.trends.emerging import emerging
from cwmap.trends.hotspots import Method
from cwmap.trends.spots import Spot, spots
from cwmap.trends.together import together
from cwmap.ui.hotspots import choices
from tests.journeys.dashboard import Served
from tests.journeys.screen import OpenScreen, Screen

MARK = "window.CW_JOURNEY = 'the map of the beginning'"
VIEWS = {name: word for word, name in choices.VIEWS.items()}
PLACES = ".st-key-cw-worst button p"


@pytest.fixture
def ever(served: Served) -> Filter:
    town = served.town()
    return Filter(start=town.first_day, end=town.as_of)


def address(question: Filter, **more: str) -> str:
    words = {**question.to_query(), **more}
    return "/hotspots?" + "&".join(f"{word}={value}" for word, value in words.items())


def click_unit(screen: Screen, town: Town, layer: str, ids: tuple[str, ...]) -> str:
    """Click the first of some units of which a bare point is on the page."""
    for unit in ids:
        at = town.layers[layer].geometry[unit].representative_point()
        x, y = screen.map.evaluate(
            """([lat, lon]) => { const box = window.frameElement.getBoundingClientRect();
            const p = CW.map.latLngToContainerPoint([lat, lon]); return [box.x + p.x, box.y + p.y]; }""",
            [at.y, at.x],
        )
        if screen.bare(x, y):
            with screen.painted():
                screen.page.mouse.click(x, y)
            return unit
    raise AssertionError("none can be clicked")


def opened(screen: Screen) -> str:
    """The spot that the list has open: its line."""
    return screen.text(".st-key-cw-worst button[kind=primary]").replace("\n", " ")


def line(spot: Spot) -> str:
    return f"{spot.rank} {spot.name.partition('·')[0]} {spot.reports:,} 件 {spot.ratio:.1f}"


def view(screen: Screen, name: str) -> None:
    """Choose a view; one that shows the same map does not paint it anew."""
    chosen = screen.page.locator(".st-key-w-view").get_by_role("radio", name=name)
    chosen.click()
    screen.page.wait_for_function("s => location.search.includes(s)", arg=f"view={VIEWS[name]}")
    screen.settled()


def test_list_and_map_point_at_each_other(
    served: Served, new_screen: OpenScreen, ever: Filter
) -> None:
    town = served.town()
    found = spots(town, ever, duties=served.workspace().read("duties"))
    first, second = found.items[:2]
    screen = new_screen(served).open(address(ever))
    page = screen.page
    screen.map.evaluate(MARK)
    shown = [re.sub(r"\s+", " ", text) for text in page.locator(PLACES).all_inner_texts()]
    assert shown == [line(spot) for spot in found.items[:12]]
    assert found.summary in screen.text(".st-key-cw-right")
    for spot in found.items[:12]:
        assert spot.sentence in screen.text(".cw-spot .said")
    screen.still()

    click_unit(screen, town, "cells", second.unit_ids)
    assert opened(screen) == line(second)
    assert screen.state()["chosen"] == {"layer": "cells", "ids": list(second.unit_ids)}
    card = screen.text(".cw-spot.now")
    assert second.bias in card
    assert second.trend_words in card
    for name, number in second.sources:
        assert f"{name}\n{number:,}" in card

    with screen.painted():
        page.locator(".st-key-spot-1 button").click()
    screen.still()
    assert opened(screen) == line(first)
    assert screen.state()["chosen"]["ids"] == list(first.unit_ids)
    west, south, east, north = (
        town.layers["cells"].geometry[list(first.unit_ids)].total_bounds.tolist()
    )
    inside = "([s, w, n, e]) => CW.map.getBounds().contains([[s, w], [n, e]])"
    assert screen.map.evaluate(inside, [south, west, north, east])
    assert screen.map.evaluate("window.CW_JOURNEY")

    other = new_screen(served).open(page.url.removeprefix(served.url))
    assert opened(other) == line(first)
    assert other.state() | {"fly": None} == screen.state() | {"fly": None}
    assert other.text(".st-key-cw-right") == screen.text(".st-key-cw-right")
    assert other.text(".st-key-cw-legend") == screen.text(".st-key-cw-legend")


def test_units_neighbourhood_and_sources(
    served: Served, new_screen: OpenScreen, ever: Filter
) -> None:
    """Each choice changes the map to Python's answer, is printed, and stands in the address."""
    town = served.town()
    screen = new_screen(served, 1280, 720).open(address(ever))
    page = screen.page
    for key, click in (("w-units", "巷道"), ("w-near", "150 米内")):
        with screen.painted():
            page.locator(f".st-key-{key}").get_by_text(click).click()
    method = Method(units="lanes", neighbourhood=150.0)
    for switch, change in (("w-patrol", {"patrol_only": True}), ("w-fdr", {"fdr": False})):
        with screen.painted():
            page.locator(f".st-key-{switch} label").first.click()
        method = replace(method, **change)
        found = spots(town, ever, method).found
        assert screen.state()["lanes"]["counts"] == found.units["reports"].tolist()
        assert screen.state()["cells"] is None
        legend = screen.text(".st-key-cw-legend")
        assert all(words in legend for words in found.choices.values())
    assert {"units=lanes", "near=150", "patrol=1", "fdr=0"} <= set(page.url.partition("?")[2].split("&"))  # fmt: skip
    other = new_screen(served, 1280, 720).open(page.url.removeprefix(served.url))
    assert other.state() == screen.state()


def test_change_plays(served: Served, new_screen: OpenScreen, ever: Filter) -> None:
    """The classes are Python's; the periods play on the same map, all on one scale."""
    town = served.town()
    screen = new_screen(served).open(address(ever))
    page, frame = screen.page, screen.map
    frame.evaluate(MARK)
    view(screen, "变化")
    found = emerging(town, ever)
    numbers = page.locator(".cw-classes span").all_inner_texts()
    assert numbers == [f"{n:,}" for name, n in found.counts.items() if name != "none"]
    legend = screen.text(".st-key-cw-legend")
    assert all(words in legend for words in found.choices.values())
    frames = screen.state()["series"]["frames"]
    assert len(frames) == len(found.cube.starts)
    assert len({re.search(r"top=[^&]+", f["query"])[0] for f in frames}) == 1  # type: ignore[index]
    seen = []
    frame.get_by_role("button", name="播放或暂停").click()
    for _ in range(3):
        before = frame.evaluate("window.CW_HEAT")
        frame.wait_for_function("url => window.CW_HEAT && window.CW_HEAT !== url", arg=before)
        seen.append(frame.locator(".cw-player output").inner_text())
    assert len(set(seen)) == 3
    assert set(seen) <= {f["label"] for f in frames}
    frame.get_by_role("button", name="播放或暂停").click()
    frame.get_by_role("button", name="回到类型").click()
    assert frame.evaluate("CW.heatUrl") is None
    assert frame.evaluate("CW.map.getPane('cw-live').style.opacity") == ""
    assert frame.evaluate("window.CW_JOURNEY")
    other = new_screen(served).open(page.url.removeprefix(served.url))
    assert other.state() == screen.state()


def test_rhythm_and_effects(served: Served, new_screen: OpenScreen, ever: Filter) -> None:
    screen = new_screen(served).open(address(ever))
    view(screen, "节律")
    screen.page.locator(".js-plotly-plot").wait_for()
    panel = screen.text(".st-key-cw-right")
    assert "周二、周五清理的次日（周三、周六）" in panel
    assert "件" in panel
    screen.choose("w-lanes", "中山街")
    assert screen.page.locator(".st-key-w-when").is_visible()
    assert "view=rhythm" in screen.page.url


def test_small_multiples(served: Served, new_screen: OpenScreen, ever: Filter) -> None:
    """The chosen kinds side by side on one scale; a click on one asks for it alone."""
    town = served.town()
    kinds = ("street_market", "bins", "garbage")
    question = replace(ever, category=kinds)
    screen = new_screen(served).open(address(question, view="compare"))
    page = screen.page
    screen.map.evaluate(MARK)
    page.wait_for_function(
        "[...document.querySelectorAll('.cw-multiple img')].every(i => i.complete && i.naturalWidth)"
    )
    counts = {
        kind: figures.summary(town, replace(ever, category=(kind,))).reports for kind in kinds
    }
    first, *rest = sorted(kinds, key=lambda kind: -counts[kind])
    titles = page.locator(".st-key-cw-multiples button strong").all_inner_texts()
    assert titles == [f"{counts[kind]:,} 件" for kind in (first, *rest)]
    tops = page.locator(".cw-multiple img").evaluate_all(
        "images => images.map(i => new URL(i.src).searchParams.get('top'))"
    )
    highest = max(figures.heat(town, replace(ever, category=(kind,))).max() for kind in kinds)
    assert tops == [f"{highest:.6g}"] * 3
    legend = screen.text(".st-key-cw-legend .cw-swatches").split()
    assert legend == [f"{step:g}" for step in even_breaks(float(highest))]
    other = new_screen(served).open(page.url.removeprefix(served.url))
    assert other.text(".st-key-cw-multiples") == screen.text(".st-key-cw-multiples")

    box = page.locator(".st-key-multiple-0").bounding_box()
    assert box
    with screen.painted():  # the picture, not its title
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.7)
    assert screen.question() == replace(ever, category=(first,))
    assert page.locator(".st-key-cw-multiples").count() == 0
    assert screen.map.evaluate("window.CW_JOURNEY")


def test_two_kinds_together(served: Served, new_screen: OpenScreen, ever: Filter) -> None:
    town = served.town()
    screen = new_screen(served).open(address(ever, view="pair"))
    page = screen.page
    found = together(town, ever, "street_market", "bins")
    assert page.locator(".cw-spot .said").inner_text() == found.sentence
    with screen.painted():
        screen.choose("w-pair-0", "卫生死角")
    with screen.painted():
        screen.choose("w-pair-1", "牛皮癣")
    found = together(town, ever, "garbage", "small_ads")
    assert page.locator(".cw-spot .said").inner_text() == found.sentence
    counts = found.units["where"].value_counts()
    assert page.locator(".cw-key span").all_inner_texts() == [
        f"{counts.get(name, 0):,} 个" for name in ("both", "first", "second")
    ]
    order = {"both": "0", "first": "1", "second": "2", "none": "-"}
    assert screen.state()["cells"]["classes"] == "".join(found.units["where"].map(order))
    assert "pair=garbage%2Csmall_ads" in page.url or "pair=garbage,small_ads" in page.url
    other = new_screen(served).open(page.url.removeprefix(served.url))
    assert other.state() == screen.state()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("now", "不足 30 件"),
        ("change", "不足 8 期"),
        ("rhythm", "看不出每周清理"),
        ("pair", "不足 30 件"),
    ],
)
def test_too_little_is_said(
    served: Served, new_screen: OpenScreen, ever: Filter, name: str, said: str
) -> None:
    """Few days of one source: a sentence instead of a number, and everything can still be chosen."""
    assert ever.end
    little = replace(ever, start=ever.end - timedelta(days=13), source=("群众上报",))
    screen = new_screen(served, 1280, 720).open(address(little, view=name, patrol="1"))
    assert "没有巡查类来源" in screen.text(".st-key-cw-right")
    assert screen.latin() == []
    with screen.painted():
        screen.page.locator(".st-key-w-patrol label").first.click()
    assert said in screen.text(".st-key-cw-right")
    assert screen.latin() == []
