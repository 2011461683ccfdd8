"""What the manuals promise is what there is."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cwmap import export
from cwmap.api.asking import LIMIT, MOST, WORDS

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("name", ["exports.md", "api.md"])
def test_nothing_is_left_out(name: str) -> None:
    text = (DOCS / name).read_text("utf-8")
    wanted = [*export.LAYERS, *export.FORMATS] if name == "exports.md" else [*WORDS]
    assert [word for word in wanted if word not in text] == []
    if name == "api.md":
        assert f"默认 {LIMIT}，最多 {MOST}" in text


def test_examples_of_the_manual_work(client: TestClient) -> None:
    for example in (
        "lanes/items?from=2026-08-01&to=2026-08-31&category=road", "cells/items?hotspot=hot99",
        "tasks/items?light=red", "reports/items?datetime=2026-08-01T00:00:00%2B08:00/..",
    ):  # fmt: skip
        answer = client.get(f"/cwmap/ogc/collections/{example}")
        assert answer.status_code == 200, answer.text
