"""A tab on the dashboard in a real browser, and the watch over what it does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from playwright.sync_api import Browser, BrowserContext, Frame, Page, Playwright

from cwmap.filters import Filter
from tests.journeys.dashboard import HOME

CLOSED_NETWORK = (
    f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {HOME}",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
)
# Opened on a page below the first, Streamlit asks there for its own address before it asks above.
PROBE = re.compile(r"://[^/]+/\w+/_stcore/(?:host-config|health)$")


def outside(url: str) -> bool:
    """Whether an address leads out of this computer."""
    parts = urlsplit(url)
    return parts.scheme not in ("data", "blob", "about", "file") and parts.hostname != HOME


@dataclass
class Watch:
    """Everything that a page did and should not have done."""

    found: list[str] = field(default_factory=list)

    def over(self, context: BrowserContext) -> None:
        """Watch all pages of a context."""
        context.on("request", lambda r: self._note("outside", r.url, outside(r.url)))
        context.on("response", lambda r: self._note(
            str(r.status), r.url, r.status >= 400 and not PROBE.search(r.url)
        ))  # fmt: skip
        # Whoever moves on takes back what he asked for: another page, another view of the map.
        context.on(
            "requestfailed",
            lambda r: self._note(
                str(r.failure), r.url, outside(r.url) or r.failure != "net::ERR_ABORTED"
            ),
        )
        context.on("console", lambda m: self._note(
            "console", f"{m.text} {m.location['url']}",
            m.type == "error" and not PROBE.search(m.location["url"]),
        ))  # fmt: skip
        context.on("weberror", lambda e: self._note("page error", str(e.error), True))
        context.on("page", lambda p: p.on("websocket", lambda s: self._note(
            "outside", s.url, outside(s.url)
        )))  # fmt: skip
        context.on("dialog", lambda d: (self._note("dialog", d.message, True), d.dismiss()))

    def _note(self, what: str, where: str, bad: bool) -> None:
        if bad:
            self.found.append(f"{what}: {where}")


def asked_outside(net_log: Path) -> list[str]:
    """Addresses outside this computer that any page or worker tried, from Chromium's own log.

    What the browser asks for itself (its updates, its accounts) has no page as its origin.
    """
    log = json.loads(net_log.read_text(encoding="utf-8"))
    start = log["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    asked = [
        e["params"] for e in log["events"] if e["type"] == start and "url" in e.get("params", ())
    ]
    assert any(urlsplit(a["url"]).hostname == HOME for a in asked), "the log holds nothing"
    return sorted(
        {a["url"] for a in asked if outside(a["url"]) and a["initiator"] != "not an origin"}
    )


@contextmanager
def browsing(player: Playwright, path: Path, net_log: Path) -> Iterator[Browser]:
    """A Chromium whose every name but this computer's is unknown, and that logs what it asks."""
    browser = player.chromium.launch(
        executable_path=path, args=[*CLOSED_NETWORK, f"--log-net-log={net_log}"]
    )
    yield browser
    browser.close()


class Screen:
    """One tab on the dashboard. Every wait is for a condition."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def open(self, path: str = "/") -> Screen:
        """Open a map page and wait until all of it is drawn."""
        self.page.goto(self.url + path)
        self.map.wait_for_function("window.CW_PAINTED >= 1")
        self.settled()
        return self

    def open_page(self, path: str) -> Screen:
        """Open a page without a map."""
        self.page.goto(self.url + path)
        self.page.locator(".st-key-cw-page h1").wait_for()
        self.settled()
        return self

    @property
    def map(self) -> Frame:
        frame = self.page.wait_for_selector(".st-key-cw-map iframe").content_frame()
        assert frame
        frame.wait_for_function("window.CW && window.CW.paintState")
        return frame

    def settled(self) -> None:
        """Wait until the server's script is done and the page shows its result.

        The first widget of its kind is grey until the browser has fetched the script that draws it.
        """
        self.page.wait_for_function(
            """() => document.querySelector('.stApp')?.dataset.testScriptState === 'notRunning' &&
            !document.querySelector('[data-testid=stSkeleton]')"""
        )
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")

    @contextmanager
    def painted(self) -> Iterator[None]:
        """What is done inside paints the map anew; wait for that, and for the panels."""
        frame = self.map
        before = frame.evaluate("window.CW_PAINTED")
        yield
        frame.wait_for_function("n => window.CW_PAINTED > n", arg=before)
        self.settled()

    def still(self) -> None:
        """Wait until the map has come to rest: no flight, no zoom, its heat and reports there."""
        self.map.wait_for_function(
            """() => { const m = CW.map, s = CW.paintState;
            const at = [m.getCenter().lat, m.getCenter().lng, m.getZoom(), m.getSize().y].join();
            const same = at === window.LAST_AT; window.LAST_AT = at;
            return same && !m._animatingZoom && !(m._panAnim && m._panAnim._inProgress) &&
              (!s.heat || window.CW_HEAT === CW.heatUrl); }""",
            polling=150,
        )

    def view(self) -> list[float]:
        """Latitude, longitude and zoom of the map."""
        at: list[float] = self.map.evaluate(
            "(() => { const c = CW.map.getCenter(); return [c.lat, c.lng, CW.map.getZoom()]; })()"
        )
        return at

    def state(self) -> dict[str, Any]:
        """What the server last told the map to show."""
        told: dict[str, Any] = self.map.evaluate("window.CW.paintState")
        return told

    def metrics(self) -> dict[str, str]:
        """The four figures by their names, without their units."""
        pairs = self.page.locator(".cw-metric").evaluate_all(
            "e => e.map(m => [m.querySelector('span').textContent, m.querySelector('b').firstChild.textContent])"
        )
        return dict(pairs)

    def text(self, selector: str) -> str:
        """What stands in all parts that a selector finds, as it is read."""
        return "\n".join(self.page.locator(selector).all_inner_texts())

    def latin(self) -> list[str]:
        """Pieces of text on the page that read as English: three Latin letters and more."""
        found: list[str] = self.page.evaluate(
            """() => { const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            const found = new Set(), range = document.createRange();
            for (let node; (node = walk.nextNode());) {
              const parent = node.parentElement;
              if (!/[A-Za-z]{3,}/.test(node.data) || parent.closest('script, style, noscript, ' +
                'canvas, [data-testid=stIconMaterial]')) continue;
              if (!parent.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
              let clipped = false;  // for screen readers only
              for (let e = parent; e; e = e.parentElement)
                clipped ||= getComputedStyle(e).overflow === 'hidden' && e.clientWidth <= 1;
              if (clipped) continue;
              range.selectNodeContents(node);
              const box = range.getBoundingClientRect();
              if (parseFloat(getComputedStyle(parent).fontSize) > 0 && box.width > 1 &&
                box.height > 1 && box.right > 0 && box.bottom > 0) found.add(node.data);
            }
            for (const box of document.querySelectorAll('input, textarea'))
              if (!box.value && box.placeholder && box.checkVisibility()) found.add(box.placeholder);
            return [...found]; }"""
        )
        allowed = re.compile(
            r"GCJ|WGS|CGCS|GPS|EPSG|BD-09|QGIS|ArcGIS|GeoPackage|Shapefile|Excel|WPS|CSV|GeoJSON|KML"
            r"|FlatGeobuf|GeoParquet|GeoTIFF|xlsx|xls|csv|shp|zip|gpkg|geojson|kml|GB18030|COORD[XY]|FDR|PDF"
            r"|[\w-]+\.(?:com|cn|org)[\w./-]*|docs/\w+\.md",  # sources are named as they are
            re.IGNORECASE,
        )
        return [text for text in found if re.search("[A-Za-z]{3,}", allowed.sub("", text))]

    def choose(self, key: str, option: str) -> None:
        """Choose in a select box by its key and a part of the option's text."""
        box = self.page.locator(f".st-key-{key}").get_by_role("combobox")
        box.click()
        box.fill(option)  # a long list holds only what is in view
        self.page.get_by_role("option").filter(has_text=option).first.click()

    def question(self) -> Filter:
        """The filter that the address means."""
        return Filter.from_query(dict(parse_qsl(urlsplit(self.page.url).query)))

    def lane_point(self) -> tuple[str, float, float]:
        """A long lane that can be clicked: its id, and a point of it on the page that is bare."""
        for lane in self.map.evaluate(
            """CW.scene.lanes.ids.map((id, i) => [id, CW.scene.lanes.labels[i][3]])
            .sort((a, b) => b[1] - a[1]).map(lane => lane[0])"""
        ):
            x, y = self.point_of(lane)
            if self.bare(x, y):
                return lane, x, y
        raise AssertionError("no lane can be clicked")

    def bare(self, x: float, y: float) -> bool:
        """Whether a click at a point of the page reaches what the map paints there."""
        reached: bool = self.map.evaluate(
            """([x, y]) => { const frame = window.frameElement, box = frame.getBoundingClientRect();
            const here = document.elementFromPoint(x - box.x, y - box.y);
            return window.parent.document.elementFromPoint(x, y) === frame && !!here &&
              !!here.closest('.leaflet-cw-live-pane'); }""",
            [x, y],
        )
        return reached

    def point_of(self, lane: str) -> tuple[float, float]:
        """Where on the page a point within a lane lies."""
        x, y = self.map.evaluate(
            """id => { const { ids, labels } = CW.scene.lanes, at = labels[ids.indexOf(id)];
            const box = window.frameElement.getBoundingClientRect();
            const p = CW.map.latLngToContainerPoint([at[0], at[1]]);
            return [Math.round(box.x + p.x), Math.round(box.y + p.y)]; }""",
            lane,
        )
        return x, y


OpenScreen = Callable[..., Screen]
