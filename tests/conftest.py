"""What tests in every folder share."""

from collections.abc import Iterator
from pathlib import Path

import browser  # scripts/browser.py, the one place that knows where a browser lies
import pytest
from playwright.sync_api import Playwright, sync_playwright


@pytest.fixture(scope="session")
def browser_path() -> Path:
    """The Chromium to drive; its absence is a failure, so that no journey is skipped unseen."""
    found = browser.find()
    if found is None:
        pytest.fail(browser.MISSING, pytrace=False)
    return found


@pytest.fixture(scope="session")
def player() -> Iterator[Playwright]:
    """What drives browsers: there can be only one in a process."""
    with sync_playwright() as running:
        yield running
