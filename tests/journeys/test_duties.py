"""责任 as its users have it: who answers for a lane, what is missing, the board at its entrance."""

from __future__ import annotations

import re

from cwmap.duties import coverage, duties
from tests.journeys.dashboard import Served
from tests.journeys.screen import OpenScreen

CARD = ".st-key-cw-right .cw-card"


def test_from_what_is_missing_to_the_people_of_a_lane(
    served: Served, new_screen: OpenScreen
) -> None:
    town = served.town()
    found = coverage.coverage(town)
    screen = new_screen(served).open("/duties")
    page = screen.page
    assert screen.text(".cw-figure b") == f"{found.filled_share:.1%}"
    assert (
        screen.state()["lanes"]["classes"].count("0")
        == (duties.lane_labels(town, "complete") == "whole").sum()
    )

    page.get_by_role("radio", name=re.compile("^一岗两人")).click()
    page.get_by_text("同一天有两个人担任").wait_for()
    first = found.contradictions.iloc[0]
    with screen.painted():
        page.get_by_role("button", name=re.compile(re.escape(first["name"]))).first.click()
    card = screen.text(CARD)
    assert first["name"] in card
    people = duties.people(town, first["unit"])
    for name in people["person"].dropna():
        assert name in card
    phones = people["phone"].dropna()
    assert not any(phone in page.content() for phone in phones)  # it may be on a projector
    page.locator(".st-key-w-phones label").click()
    page.get_by_text(phones.iloc[0]).first.wait_for()

    with screen.painted():
        page.get_by_role("radio", name="网格员", exact=True).click()
    labels = duties.lane_labels(town, "grid_officer")
    mine = labels[first["unit"].partition("/")[2]]
    chosen = screen.state()["chosen"]["ids"]
    assert set(chosen) == set(labels.index[(labels == mine).to_numpy()])
    with page.expect_download() as waiting:
        page.get_by_role("button", name=re.compile("下载公示牌")).click()
    assert waiting.value.path().read_bytes().startswith(b"%PDF")

    other = new_screen(served).open(page.url.removeprefix(served.url))
    other.page.locator(CARD).first.wait_for()
    assert other.state()["chosen"] == screen.state()["chosen"]
    assert other.latin() == []


def test_who_carries_how_much(served: Served, new_screen: OpenScreen) -> None:
    screen = new_screen(served).open("/duties?view=load&role=grid_officer")
    table = duties.load(served.town(), screen.question(), "grid_officer")
    first = screen.page.locator(".st-key-load-1").inner_text()
    assert str(table["name"].iloc[0]) in first
    assert f"{table['reports'].iloc[0]:,}" in first
