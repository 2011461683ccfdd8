"""What a session looks at, and the address: which of them says what holds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from cwmap.town import Town
from cwmap.ui import state, words

BEFORE = {"from": "2026-10-01", "to": "2026-10-31", "list": "new"}
NOW = BEFORE | {"pick": "lanes:X001"}
LISTS = {"red": "红灯", "new": "待派遣", "closed": "已结案"}


@pytest.fixture
def session(demo_town: Town, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A session that chose a lane a moment ago, on a page whose address says so."""
    told = SimpleNamespace(session_state={"whole": True}, query_params=dict(NOW))
    for module in (state, words):
        monkeypatch.setattr(module, "st", told)
    state.open_state(demo_town)
    assert words.chosen("list", LISTS) == "new"
    told.session_state |= {"written": dict(NOW), "whole": False}
    return told


def test_a_click_that_overtakes_the_address_loses_nothing(session: Any, demo_town: Town) -> None:
    """A part of the page is drawn with the address of before the last click."""
    session.query_params = dict(BEFORE) | {"list": "closed"}
    state.open_state(demo_town)
    assert state.look().picked == ("lanes", "X001")
    assert words.chosen("list", LISTS) == "new"


def test_back_and_a_changed_address_are_followed(session: Any, demo_town: Town) -> None:
    session.query_params = dict(BEFORE) | {"list": "closed"}
    session.session_state["whole"] = True  # as the header leaves it when the whole page is drawn
    state.open_state(demo_town)
    assert state.look().picked is None
    assert words.chosen("list", LISTS) == "closed"


def test_a_link_of_the_header_keeps_what_was_looked_at(session: Any, demo_town: Town) -> None:
    session.query_params, session.session_state["whole"] = {}, True
    state.open_state(demo_town)
    assert state.look().picked == ("lanes", "X001")
    assert words.chosen("list", LISTS) == "new"
