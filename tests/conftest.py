"""What tests in every folder share."""

from pathlib import Path

import browser  # scripts/browser.py, the one place that knows where a browser lies
import pytest


@pytest.fixture(scope="session")
def browser_path() -> Path:
    """The Chromium to drive; its absence is a failure, so that no journey is skipped unseen."""
    found = browser.find()
    if found is None:
        pytest.fail(browser.MISSING, pytrace=False)
    return found
