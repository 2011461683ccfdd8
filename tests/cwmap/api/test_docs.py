"""What the manuals promise is what there is."""

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cwmap import export
from cwmap.api.asking import LIMIT, MOST, WORDS
from cwmap.api.features import CONFORMANCE

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


def test_conditions_of_the_manual_find_something(client: TestClient) -> None:
    examples = re.findall(r"\| `([a-z]+/items\?filter.+)` \|", (DOCS / "api.md").read_text("utf-8"))
    assert len(examples) == 8
    for example in examples:
        answer = client.get(f"/cwmap/ogc/collections/{example}")
        assert answer.status_code == 200, answer.text
        assert answer.json()["features"], example


def test_the_manual_names_the_classes() -> None:
    text = (DOCS / "api.md").read_text("utf-8")
    assert [url for url in CONFORMANCE if url.rsplit("/", 1)[1] not in text] == []
