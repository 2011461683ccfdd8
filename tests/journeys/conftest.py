"""The dashboard as its users have it: a served demo town, and a real browser without a network."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright

from cwmap import sample
from tests.journeys.dashboard import Served, serving
from tests.journeys.screen import OpenScreen, Screen, Watch, asked_outside, browsing

SHOTS = Path(__file__).parent / "shots"
WAIT_MS = 60_000
REPORTS = 3_000
FAILED = pytest.StashKey[bool]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.journey)
            item.add_marker(pytest.mark.timeout(300))  # the first one also makes the town
            item.add_marker(pytest.mark.xdist_group("journeys"))  # one town, one browser


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


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


@pytest.fixture(scope="session")
def browser(
    player: Playwright, browser_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    net_log = tmp_path_factory.mktemp("net") / "log.json"
    with browsing(player, browser_path, net_log) as running:
        yield running
    assert asked_outside(net_log) == []


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def new_screen(
    browser: Browser, watch: Watch, request: pytest.FixtureRequest
) -> Iterator[OpenScreen]:
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
