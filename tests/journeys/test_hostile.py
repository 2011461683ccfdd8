"""Text from a spreadsheet or a link is text: it is shown, and nothing in it runs or is fetched."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pandas as pd
import pytest

from cwmap import figures, importing
from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.town import open_town
from tests.journeys.dashboard import Served, serving
from tests.journeys.screen import OpenScreen, Screen

EVIL = (
    "<img src=x onerror=\"window.RAN='img'\">\"'</script><script>window.RAN='script'</script>"
    "![i](http://evil.example/i.png)**粗**`码`$x$:red[红]{{7*7}}${7}\\u003cb𠮷\u202eمرحبا"
)
NAMED = "坏" + EVIL


@pytest.fixture(scope="module")
def hostile(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The demo town with such text in every place that a spreadsheet can bring it to."""
    scratch = tmp_path_factory.mktemp("hostile")
    folder = scratch / "镇"
    shutil.copytree(demo_folder, folder)
    workspace = Workspace.open(folder)
    town = open_town(workspace)
    lane = figures.worst_lanes(town, Filter()).index[0]
    duty = workspace.read("duties")
    duty = duty[duty["lane"].isin([lane, town.layers["lanes"]["name"][lane]])].head(1)
    reports = workspace.read("reports", ["report_id", "lane_id"])
    reports = reports[reports["lane_id"] == lane][["report_id"]]
    changed = {
        "lanes": pd.DataFrame({"lane_id": [lane], "name": [NAMED]}),
        "communities": _named(town.layers["communities"].index[:1], "community_id"),
        "areas": _named(town.layers["areas"].index[:1], "area_id"),
        "facilities": _named(town.layers["facilities"].index[:40], "facility_id"),
        "duties": duty[["duty_id"]].assign(person=EVIL, organisation=EVIL, lane=lane),
        "reports": reports.assign(description=EVIL, address=EVIL, source=EVIL, department=EVIL),
    }
    with workspace.changing() as change:
        change.set(name=NAMED)
        for name, rows in changed.items():
            done = importing.merge(change, name, rows)
            assert done.updated > 0, name
        change.finish("import", "reports", NAMED, done, 0)
    with serving(folder, scratch) as running:
        yield running


def _named(ids: pd.Index, key: str) -> pd.DataFrame:
    return pd.DataFrame({key: ids, "name": NAMED})


def nothing_ran(screen: Screen) -> None:
    for frame in screen.page.frames:
        assert frame.evaluate("window.RAN === undefined")
        assert frame.locator("img[src=x], img[src*=evil]").count() == 0


def as_read(text: str) -> str:
    return " ".join(text.split())


def test_names_and_descriptions(hostile: Served, new_screen: OpenScreen) -> None:
    screen = new_screen(hostile).open("/?show=reports,facilities,areas,communities")
    page = screen.page
    with screen.painted():
        page.locator(".st-key-w-period").get_by_text("全部").click()
    assert page.locator(".cw-title span").first.inner_text() == NAMED
    row = as_read(page.locator(".st-key-worst-1 button").inner_text())
    assert row.startswith(f"1 {NAMED} ")
    sources = page.locator(".st-key-w-source button").all_inner_texts()
    assert EVIL in [as_read(text) for text in sources]
    page.locator(".st-key-w-place").get_by_role("combobox").click()
    options = page.get_by_role("option").all_inner_texts()
    assert f"片区 · {NAMED}" in [as_read(text) for text in options]
    page.keyboard.press("Escape")

    with screen.painted():
        page.locator(".st-key-worst-1 button").click()
    page.locator(".cw-card .cw-three").wait_for()
    screen.still()
    assert page.locator(".cw-card h2").inner_text() == NAMED
    card = screen.text(".st-key-cw-right .cw-card")
    assert card.count(EVIL) >= 3  # the lane, a person, a report
    lane = screen.state()["chosen"]["ids"][0]
    x, y = screen.point_of(lane)
    page.mouse.move(x, y)
    tip = screen.map.locator(".cw-tip")
    tip.wait_for()
    assert NAMED in tip.inner_text()
    nothing_ran(screen)

    report = hostile.workspace().read("reports", ["report_id", "lane_id"])
    report_id = report.loc[report["lane_id"] == lane, "report_id"].iloc[0]
    screen.open("/?" + urlencode({"pick": f"reports:{report_id}", "lane": lane}))
    card = screen.text(".st-key-cw-right .cw-card")
    assert card.count(EVIL) >= 4  # lane, address, description, source, department
    assert NAMED in as_read(page.locator(".st-key-drop-lane").inner_text())
    nothing_ran(screen)
    for path in ("/reports", "/data"):
        screen.open_page(path + "?" + urlencode({"lane": lane}))
        if path == "/data":
            page.get_by_role("tab", name="导出图层").click()
        assert NAMED in screen.text(".cw-empty:visible")
        nothing_ran(screen)


MEANINGLESS: list[dict[str, str]] = [
    {"category": EVIL},
    {"from": EVIL},
    {"lane": EVIL, "status": EVIL},
    {"from": "2026-02-31", "to": "0000-00-00"},
]
NOTHING_TO_SAY: list[dict[str, str]] = [
    {"pick": "lanes:\"});window.RAN='pick';//"},
    {"at": "1e999,<b>,x", "surface": "__proto__", "show": EVIL, "bandwidth": "９９"},
]


def test_links(hostile: Served, new_screen: OpenScreen) -> None:
    """A link that means nothing opens the page as it is without; it says what it left out."""
    screen = new_screen(hostile, 1280, 720)
    for query in (*MEANINGLESS, *NOTHING_TO_SAY):
        screen.open("/?" + urlencode(query))
        assert screen.map.evaluate("CW.map.getZoom() > 0")
        assert int(screen.metrics()["本期新增"].replace(",", "")) > 0
        if query in MEANINGLESS:
            screen.page.get_by_text("链接里的筛选没有采用").first.wait_for()
        nothing_ran(screen)
