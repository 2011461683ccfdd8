"""The dashboard as its users have it: a served demo town, and a real browser without a network."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Frame, Page, sync_playwright

from cwmap import sample
from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.town import Town, open_town

SHOTS = Path(__file__).parent / "shots"
HOME = "127.0.0.1"
WAIT_MS = 60_000
REPORTS = 3_000
CLOSED_NETWORK = (
    f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {HOME}",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
)
# Opened on a page below the first, Streamlit asks there for its own address before it asks above.
PROBE = re.compile(r"/(?:reports|data)/_stcore/(?:host-config|health)$")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.journey)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


FAILED = pytest.StashKey[bool]()


# ---- the dashboard ----


@dataclass(frozen=True)
class Served:
    """A dashboard in a process of its own."""

    url: str
    folder: Path
    process: subprocess.Popen[bytes]
    log: Path

    def town(self) -> Town:
        """The served workspace as this process reads it."""
        return open_town(Workspace.open(self.folder))

    def health(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/cwmap/health", timeout=20) as answer:
            facts: dict[str, Any] = json.load(answer)
        return facts


@contextmanager
def serving(folder: Path, scratch: Path) -> Iterator[Served]:
    """`cwmap serve` from a folder that is not the project's, until it answers; ended by handle."""
    with socket.socket() as probe:
        probe.bind((HOME, 0))
        port = probe.getsockname()[1]
    log = scratch / f"serve-{port}.log"
    command = [sys.executable, "-m", "cwmap.cli", "serve", "-w", str(folder), "--port", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=scratch, stdout=out, stderr=subprocess.STDOUT)
    served = Served(f"http://{HOME}:{port}", folder, process, log)
    try:
        end = time.monotonic() + 90
        while True:
            try:
                served.health()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > end:
                    pytest.fail(f"the dashboard does not answer:\n{log.read_text()[-3000:]}")
                time.sleep(0.1)
        yield served
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small demo town; its own files lie in it under 示例文件. Not to be changed."""
    folder = tmp_path_factory.mktemp("demo") / "镇"
    sample.fill(folder, reports=REPORTS, seed=1, days=540, step=lambda _text, _share: None)
    return folder


@pytest.fixture(scope="session")
def served(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The demo town on a port; for tests that only look."""
    with serving(demo_folder, tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture
def own_served(demo_folder: Path, tmp_path: Path) -> Iterator[Served]:
    """A copy of the demo town on a port; for tests that change it."""
    folder = tmp_path / "镇"
    shutil.copytree(demo_folder, folder)
    with serving(folder, tmp_path) as running:
        yield running


# ---- the browser ----


@dataclass
class Watch:
    """Everything that a page did and should not have done."""

    found: list[str] = field(default_factory=list)

    def outside(self, url: str) -> bool:
        parts = urlsplit(url)
        return parts.scheme not in ("data", "blob", "about") and parts.hostname != HOME

    def over(self, context: BrowserContext) -> None:
        """Watch all pages of a context."""
        context.on("request", lambda r: self._note("outside", r.url, self.outside(r.url)))
        context.on("response", lambda r: self._note(
            str(r.status), r.url, r.status >= 400 and not PROBE.search(r.url)
        ))  # fmt: skip
        # A view that moves on takes back what it asked for (AbortController in map.js).
        context.on("requestfailed", lambda r: self._note(
            str(r.failure), r.url, not ("reports.json" in r.url and r.failure == "net::ERR_ABORTED")
        ))  # fmt: skip
        context.on("console", lambda m: self._note(
            "console", f"{m.text} {m.location['url']}",
            m.type == "error" and not PROBE.search(m.location["url"]),
        ))  # fmt: skip
        context.on("weberror", lambda e: self._note("page error", str(e.error), True))
        context.on("page", lambda p: p.on("websocket", lambda s: self._note(
            "outside", s.url, self.outside(s.url)
        )))  # fmt: skip
        context.on("dialog", lambda d: (self._note("dialog", d.message, True), d.dismiss()))

    def _note(self, what: str, where: str, bad: bool) -> None:
        if bad:
            self.found.append(f"{what}: {where}")


def asked_outside(net_log: Path) -> list[str]:
    """Addresses outside this computer in a Chromium net log: all that any page or worker tried."""
    log = json.loads(net_log.read_text(encoding="utf-8"))
    starts = log["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    urls = {e["params"]["url"] for e in log["events"] if e["type"] == starts and "params" in e}
    watch = Watch()
    return sorted(u for u in urls if watch.outside(u) and not u.startswith("chrome"))


@contextmanager
def browsing(path: Path, net_log: Path) -> Iterator[Browser]:
    """A Chromium whose every name but this computer's is unknown, and that logs what it asks."""
    with sync_playwright() as player:
        browser = player.chromium.launch(
            executable_path=path, args=[*CLOSED_NETWORK, f"--log-net-log={net_log}"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def browser(browser_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    net_log = tmp_path_factory.mktemp("net") / "log.json"
    with browsing(browser_path, net_log) as running:
        yield running
    assert asked_outside(net_log) == []


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
        """Wait until the server's script is done and the page shows its result."""
        self.page.wait_for_function(
            "document.querySelector('.stApp')?.dataset.testScriptState === 'notRunning'"
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
        return self.page.locator(selector).inner_text()

    def question(self) -> Filter:
        """The filter that the address means."""
        return Filter.from_query(dict(parse_qsl(urlsplit(self.page.url).query)))

    def lane_point(self) -> tuple[str, float, float]:
        """A lane that can be clicked: its id, and a point of it on the page that nothing covers."""
        found = self.map.evaluate(
            """() => { const { ids, labels } = CW.scene.lanes, frame = window.frameElement;
            const box = frame.getBoundingClientRect(), page = window.parent.document;
            const order = ids.map((_, i) => i).sort((a, b) => labels[b][3] - labels[a][3]);
            for (const i of order) {
              const p = CW.map.latLngToContainerPoint([labels[i][0], labels[i][1]]);
              const x = Math.round(p.x), y = Math.round(p.y), here = document.elementFromPoint(x, y);
              if (page.elementFromPoint(box.x + x, box.y + y) === frame && here &&
                here.closest('.leaflet-cw-live-pane')) return [ids[i], box.x + x, box.y + y];
            } return null; }"""
        )
        assert found, "no lane can be clicked"
        return found[0], found[1], found[2]


@pytest.fixture
def watch() -> Watch:
    return Watch()


OpenScreen = Callable[..., Screen]


@pytest.fixture
def new_screen(browser: Browser, watch: Watch, request: pytest.FixtureRequest) -> Iterator[OpenScreen]:
    """Makes tabs in browsers of their own; fails the test for anything that `Watch` found."""
    contexts: list[BrowserContext] = []

    def make(
        served: Served, width: int = 1920, height: int = 1080, *, dark: bool = False, **more: Any
    ) -> Screen:
        context = browser.new_context(
            viewport={"width": width, "height": height}, locale="zh-CN", timezone_id="Asia/Shanghai",
            color_scheme="dark" if dark else "light", accept_downloads=True, **more,
        )  # fmt: skip
        context.set_default_timeout(WAIT_MS)
        watch.over(context)
        contexts.append(context)
        return Screen(context.new_page(), served.url)

    yield make
    if request.node.stash.get(FAILED, True) or watch.found:
        SHOTS.mkdir(exist_ok=True)
        for at, page in enumerate(p for c in contexts for p in c.pages):
            name = re.sub(r"[^\w.-]+", "_", request.node.name)
            page.screenshot(path=SHOTS / f"{name}-{at}.png", timeout=10_000)
    for context in contexts:
        context.close()
    assert watch.found == []


@pytest.fixture
def run() -> Callable[..., dict[str, Any]]:
    """Run the command line in a process of its own; the object that it prints."""

    def command(*words: str | os.PathLike[str]) -> dict[str, Any]:
        line = [sys.executable, "-m", "cwmap.cli", *map(str, words), "--json"]
        done = subprocess.run(line, capture_output=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr.decode()
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    return command
