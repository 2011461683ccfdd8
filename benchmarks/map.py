"""The map page in a browser: from a click on a category to the painted map, and the bytes it takes.

    python benchmarks/map.py [--folder FOLDER] [--no-plain]
    python benchmarks/map.py --quick

Demo towns of 10,000 and of 1,000,000 reports (216 lanes; 1,137 cells, or 1,640 where the largest are
cut in two) are served side by side, and clicked in turn, so that the machine's noise falls on all of
them. Every click asks for a set of categories that was not asked before, over all days: nothing of
the answer is kept, neither by the server nor by the browser. Two times are taken, from the click:
until the map is painted, and until the new heat image is in it; each ends two frames later.

Beside it the plain way, on the same reports and for the same change: a Streamlit page with
streamlit-folium and `folium.plugins.HeatMap` in the base map. Its scripts come from this computer
too: leaflet_heat.min.js is the copy in Folium's own package.

The workspaces are kept in FOLDER if one is given, and used again. Exit code 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import base64
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import folium
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import browser as chromium  # noqa: E402  scripts/browser.py

from cwmap import importing, sample  # noqa: E402
from cwmap.demo import make  # noqa: E402
from cwmap.demo.ground import CRS  # noqa: E402
from cwmap.store import FILE, Merged, Settings, Workspace  # noqa: E402
from cwmap.town import Town, open_town  # noqa: E402
from cwmap.ui.assets import ASSETS  # noqa: E402
from geo.coordinates import to_wgs84  # noqa: E402
from tests.journeys.dashboard import HOME, serving  # noqa: E402
from tests.journeys.screen import Screen, browsing  # noqa: E402

CUT_CELLS = 1_640
SURFACES = {"lanes": "巷道", "cells": "网格", "heat": "热力"}
# Toggled so that no set of them comes twice: 64 sets of six.
GROUPS = ("garbage", "road", "parking", "bins", "small_ads", "water")
MOST_MS, MOST_RATIO, MOST_BYTES, LEAST_FASTER = 300, 1.5, 100 * 1024, 40
PLAIN_LIMIT_S = 120

# Both clocks are the machine's: the page's and its frame's `timeOrigin` differ.
NOW = "performance.timeOrigin + performance.now()"
ON_CLICK = f"addEventListener('click', () => {{ window.CLICKED = {NOW} }}, true)"
ON_PAINT = f"""(() => {{
  window.AT = {{}};
  for (const name of ["CW_PAINTED", "CW_HEAT"]) {{
    let value = window[name];
    Object.defineProperty(window, name, {{ get: () => value, set(next) {{
      value = next;
      requestAnimationFrame(() => requestAnimationFrame(() => {{ AT[name] = {NOW}; }}));
    }} }});
  }}
}})()"""
PLAIN_WATCH = f"""() => {{
  for (const frame of document.querySelectorAll("iframe")) frame.old = true;
  window.SHOWN = null;
  const look = () => {{
    const drawn = [...document.querySelectorAll("iframe")].some((frame) => !frame.old &&
      frame.contentDocument?.querySelector(".leaflet-heatmap-layer"));
    requestAnimationFrame(!drawn ? look : () => requestAnimationFrame(() => {{ SHOWN = {NOW}; }}));
  }};
  look();
}}"""

PLAIN_APP = """
import folium
import numpy as np
import streamlit as st
from folium.plugins import HeatMap
from streamlit_folium import st_folium

from cwmap.ui.assets import localize

STATIC = "../../app/static/"
HeatMap.default_js = [("leaflet-heat.js", STATIC + "leaflet_heat.min.js")]


@st.cache_resource
def reports():
    kept = np.load("reports.npz")
    return kept["place"], kept["first"]


@st.fragment
def look():
    place, first = reports()
    only = st.session_state.setdefault("only", True)

    def toggle():
        st.session_state["only"] = not st.session_state["only"]

    st.button("first category", key="toggle", on_click=toggle)
    shown = place[first] if st.session_state["only"] else place
    m = folium.Map(location=place.mean(axis=0).tolist(), zoom_start=14, tiles=None, maxZoom=20)
    HeatMap(shown).add_to(m)
    localize(m, base=STATIC)
    st_folium(m, key="map", height=720, use_container_width=True, returned_objects=[])


st.set_page_config(layout="wide")
look()
"""


def cut(cells: gpd.GeoDataFrame, wanted: int) -> gpd.GeoDataFrame:
    """The cells with the largest cut in two, so that there are `wanted`."""
    areas = shapely.area(cells.geometry.to_numpy(object))
    large = cells.index[np.argsort(-areas, kind="stable")[: wanted - len(cells)]]
    halves = []
    for at in large:
        cell = cells.loc[at]
        west, south, east, north = cell.geometry.bounds
        x, y = (west + east) / 2, (south + north) / 2
        wide = east - west > north - south
        for mark, box in (
            ("a", (west, south, x, north) if wide else (west, south, east, y)),
            ("b", (x, south, east, north) if wide else (west, y, east, north)),
        ):
            parts = shapely.get_parts(shapely.intersection(cell.geometry, shapely.box(*box)))
            areal = [part for part in parts if part.geom_type == "Polygon"]
            shape = areal[0] if len(areal) == 1 else shapely.MultiPolygon(areal)
            halves.append({**cell, "cell_id": f"{cell['cell_id']}{mark}", "geometry": shape})
    added = gpd.GeoDataFrame(halves, crs=cells.crs)
    joined = pd.concat([cells.drop(index=large), added], ignore_index=True)
    return gpd.GeoDataFrame(joined, crs=cells.crs)


def fill(folder: Path, reports: int, cells: int) -> None:
    """The demo town into a new workspace; `cells`: how many, 0 for the demo's own."""
    if (folder / FILE).exists():
        return
    start = time.perf_counter()
    shutil.rmtree(fresh := folder.with_name(folder.name + ".new"), ignore_errors=True)
    town = make(reports=reports)
    tables = dict(town.tables)
    if cells:
        tables["cells"] = cut(tables["cells"], cells)
    workspace = Workspace.create(fresh, Settings(name=town.name, crs=CRS, synthetic=True))
    with workspace.changing() as change:
        done = Merged(0, 0, 0)
        for name in sample.ORDER:
            done += importing.merge(change, name, tables[name])
        change.finish("demo", "reports", "", done, 0)
    workspace.close()
    fresh.rename(folder)
    print(f"{folder.name}: made in {time.perf_counter() - start:.0f} s", flush=True)


@dataclass
class Received:
    """What a tab gets from the server: bytes of websocket frames and of answers with their heads."""

    socket: int = 0
    http: int = 0

    def watch(self, page: Page) -> None:
        """Count from now on."""
        session = page.context.new_cdp_session(page)
        session.on("Network.webSocketFrameReceived", lambda e: self._frame(e["response"]))
        session.on("Network.loadingFinished", self._answer)
        session.send("Network.enable")

    def _frame(self, frame: dict[str, Any]) -> None:
        text = frame["payloadData"]
        self.socket += len(base64.b64decode(text) if frame["opcode"] == 2 else text.encode())

    def _answer(self, event: dict[str, Any]) -> None:
        self.http += int(event["encodedDataLength"])

    def reset(self) -> None:
        """Forget what has come."""
        self.socket = self.http = 0


@dataclass
class Sample:
    """One click: milliseconds until painted and until the heat image is in, and bytes."""

    painted_ms: float
    heat_ms: float | None
    socket: int
    http: int


class Tab:
    """The map page of one served town, over all days."""

    def __init__(self, browser: Browser, url: str, town: Town, query: str = "", late: int = 0):
        context = browser.new_context(viewport={"width": 1920, "height": 1080}, locale="zh-CN")
        context.set_default_timeout(PLAIN_LIMIT_S * 1000)
        self.screen = Screen(context.new_page(), url)
        self.received = Received()
        self.received.watch(self.screen.page)
        first = town.first_day + timedelta(days=late)
        self.screen.open(f"/?from={first}&to={town.as_of}{query}")
        self.screen.still()
        self.screen.page.evaluate(ON_CLICK)
        self.frame = self.screen.map
        self.frame.evaluate(ON_PAINT)
        self.turn = 0

    def surface(self, name: str) -> None:
        """Show another surface."""
        self.frame.evaluate("AT = {}")
        self.screen.page.locator(".st-key-w-surface").get_by_text(SURFACES[name]).click()
        self.frame.wait_for_function("AT.CW_PAINTED", polling=50)
        self.screen.settled()
        self.screen.still()

    def next(self, surface: str) -> Sample:
        """Click the category that leads to the next set of them that has not been asked (Gray code)."""
        self.turn += 1
        bit = (self.turn & -self.turn).bit_length() - 1
        return self.click(GROUPS[bit], heat=surface == "heat")

    def click(self, group: str, *, heat: bool) -> Sample:
        """Click a category and wait until everything that follows is over."""
        self.frame.evaluate("AT = {}")
        self.received.reset()
        self.screen.page.locator(f".st-key-cat-{group} button").click()
        for name in ("CW_PAINTED", *(["CW_HEAT"] if heat else [])):
            self.frame.wait_for_function("name => AT[name]", arg=name, polling=50)
        self.screen.settled()
        self.screen.page.wait_for_timeout(150)  # what is still on its way counts too
        at, clicked = self.frame.evaluate("AT"), self.screen.page.evaluate("CLICKED")
        return Sample(
            at["CW_PAINTED"] - clicked, at["CW_HEAT"] - clicked if heat else None,
            self.received.socket, self.received.http,
        )  # fmt: skip

    def close(self) -> None:
        """Close the browser's side."""
        self.screen.page.context.close()


@contextmanager
def plain_page(town: Town, group: str, folder: Path) -> Iterator[str]:
    """The plain way on a port of its own: its address."""
    static = folder / "static"
    shutil.copytree(ASSETS, static)
    shutil.copy(Path(folium.__file__).parent / "templates" / "leaflet_heat.min.js", static)
    (folder / "app.py").write_text(PLAIN_APP, encoding="utf-8")
    here = np.isfinite(town.reports.x)
    lon, lat = to_wgs84(town.reports.x[here], town.reports.y[here], town.settings.crs)
    of_group = [k for k, c in enumerate(town.codes) if town.categories.group_of(c).key == group]
    first = np.isin(town.cube.sorts["category"][town.cube.report_sort], of_group)[here]
    np.savez(folder / "reports.npz", place=np.column_stack([lat, lon]), first=first)
    with socket.socket() as probe:
        probe.bind((HOME, 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port),
        "--server.address", HOME, "--server.headless", "true", "--server.enableStaticServing",
        "true", "--browser.gatherUsageStats", "false", "--server.fileWatcherType", "none",
    ]  # fmt: skip
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    try:
        end = time.monotonic() + 60
        while socket.socket().connect_ex((HOME, port)) and time.monotonic() < end:
            time.sleep(0.1)
        yield f"http://{HOME}:{port}"
    finally:
        process.terminate()
        process.wait()


def plain_samples(page: Page, rounds: int, between: Callable[[], None]) -> list[float]:
    """Seconds from the click that shows all reports until two frames after their heat map is there.

    `between` is done after each; a sample that takes too long is the limit, and the last.
    """
    taken: list[float] = []
    page.locator("iframe").wait_for()
    page.frame_locator("iframe").locator(".leaflet-heatmap-layer").wait_for(state="attached")
    page.evaluate(ON_CLICK)
    for turn in range(2 * rounds):
        page.wait_for_timeout(1000)
        page.evaluate(PLAIN_WATCH)
        page.locator(".st-key-toggle button").click()
        try:
            page.wait_for_function("SHOWN", timeout=PLAIN_LIMIT_S * 1000, polling=200)
        except PlaywrightTimeout:
            return [*taken, float(PLAIN_LIMIT_S)]
        if turn % 2 == 0:  # the other clicks go back to the one category
            taken.append((page.evaluate("SHOWN") - page.evaluate("CLICKED")) / 1000)
            between()
    return taken


def beside_plain(browser: Browser, url: str, town: Town, rounds: int) -> tuple[float, float, int]:
    """Median seconds of the plain way and of ours, in turn, and the plain way's bytes for a change."""
    ours: list[float] = []
    group = GROUPS[0]

    def our_turn() -> None:
        # Another first day each time, so that nothing is kept from the last one.
        tab = Tab(browser, url, town, f"&category={group}", late=len(ours))
        found = tab.click(group, heat=True)
        assert found.heat_ms
        ours.append(found.heat_ms / 1000)
        tab.close()

    with tempfile.TemporaryDirectory() as folder, plain_page(town, group, Path(folder)) as address:
        context = browser.new_context(viewport={"width": 1920, "height": 1080})
        context.set_default_timeout(PLAIN_LIMIT_S * 1000)
        page = context.new_page()
        received = Received()
        received.watch(page)
        page.goto(address)
        sizes: list[int] = []

        def between() -> None:
            sizes.append(received.socket + received.http)
            our_turn()
            received.reset()

        plain = plain_samples(page, rounds, between)
        context.close()
    if not ours:
        our_turn()
    print(f"plain {[round(t, 1) for t in plain]} s, ours {[round(t, 2) for t in ours]} s")
    return median(plain), median(ours), max(sizes, default=0)


def told(name: str, value: float, limit: float, unit: str, *, least: bool = False) -> bool:
    """Print a value beside its target; whether it is met."""
    met = value >= limit if least else value <= limit
    sign = ">=" if least else "<="
    print(f"  {name:<46}{value:>9.2f} {unit:<4} {sign} {limit:<6g} {'pass' if met else 'FAIL'}")
    return met


def measure(
    tabs: dict[tuple[int, int], Tab], rounds: int
) -> dict[tuple[str, tuple[int, int]], list[Sample]]:
    """Samples of each surface and town; within a surface the towns take turns."""
    found: dict[tuple[str, tuple[int, int]], list[Sample]] = {}
    for surface in SURFACES:
        for tab in tabs.values():
            tab.surface(surface)
            tab.next(surface)  # to warm up
        for _ in range(rounds):
            for town, tab in tabs.items():
                found.setdefault((surface, town), []).append(tab.next(surface))
    return found


def report(found: dict[tuple[str, tuple[int, int]], list[Sample]], small: int, large: int) -> bool:
    """Print the table and the targets; whether all are met."""
    print("\nsurface reports    cells   painted ms  (middle half)   heat ms  (middle half)   KiB")
    for (surface, (reports, cells)), samples in found.items():
        columns = []
        for times in ([s.painted_ms for s in samples], [s.heat_ms for s in samples if s.heat_ms]):
            low, _, high = quantiles(times, n=4) if times else (0, 0, 0)
            middle = f"{median(times):8.0f}   ({low:4.0f} to {high:4.0f})" if times else ""
            columns.append(f"{middle:<27}")
        size = median((s.socket + s.http) / 1024 for s in samples)
        print(f"{surface:<8}{reports:>9,} {cells or 'own':>6}   {''.join(columns)}{size:6.1f}")
    print()
    good = True
    for surface in SURFACES:
        for town, samples in ((t, s) for (name, t), s in found.items() if name == surface):
            label = f"{surface}, {town[0]:,} reports, {town[1] or 'own'} cells"
            if surface != "heat" and town[0] == large:
                middle = median(s.painted_ms for s in samples)
                good &= told(f"{label}: painted", middle, MOST_MS, "ms")
            most = max(s.socket + s.http for s in samples) / 1024
            good &= told(f"{label}: most bytes", most, MOST_BYTES / 1024, "KiB")
        for kind in ("painted_ms", *(["heat_ms"] if surface == "heat" else [])):
            of = {
                n: median(getattr(s, kind) for s in found[surface, (n, 0)]) for n in (small, large)
            }
            name = f"{surface}: {kind.removesuffix('_ms')}, {large:,} / {small:,}"
            good &= told(name, of[large] / of[small], MOST_RATIO, "")
    return good


def main() -> int:
    """See the module."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--folder", type=Path, help="where the workspaces are kept")
    options.add_argument("--quick", action="store_true", help="100,000 reports, 3 samples")
    options.add_argument("--rounds", type=int, default=11)
    options.add_argument("--no-plain", action="store_true", help="not beside the plain way")
    asked = options.parse_args()
    small, large = 10_000, 100_000 if asked.quick else 1_000_000
    rounds = 3 if asked.quick else min(asked.rounds, 20)  # 64 sets for three surfaces
    path = chromium.find()
    if path is None:
        raise SystemExit(chromium.MISSING)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder = asked.folder or scratch / "workspaces"
        folder.mkdir(parents=True, exist_ok=True)
        player = stack.enter_context(sync_playwright())
        browser = stack.enter_context(browsing(player, path, scratch / "net.json"))
        urls: dict[tuple[int, int], str] = {}
        tabs: dict[tuple[int, int], Tab] = {}
        for town in ((small, 0), (large, 0), (small, CUT_CELLS), (large, CUT_CELLS)):
            place = folder / "-".join(map(str, town))
            fill(place, *town)
            log = scratch / f"log-{place.name}"
            log.mkdir()
            urls[town] = stack.enter_context(serving(place, log)).url
            tabs[town] = Tab(browser, urls[town], open_town(Workspace.open(place)))
        good = report(measure(tabs, rounds), small, large)
        for tab in tabs.values():
            tab.close()
        if not asked.no_plain:
            full = open_town(Workspace.open(folder / f"{large}-0"))
            plain_s, ours_s, size = beside_plain(browser, urls[large, 0], full, 1 + asked.quick)
            print(f"plain HeatMap: {plain_s:.1f} s, {size / 2**20:.1f} MiB for a change")
            good &= told(
                "heat: plain HeatMap / ours", plain_s / ours_s, LEAST_FASTER, "", least=True
            )
    print(f"load {os.getloadavg()[0]:.1f}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
