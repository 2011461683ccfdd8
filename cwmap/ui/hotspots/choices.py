"""热点: what a viewer chose on this page beside the filter, in this session and in the address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from cwmap.filters import Filter
from cwmap.town import Town
from cwmap.trends import hotspots
from cwmap.trends.hotspots import USUAL, Method
from cwmap.ui import state

VIEWS = {"now": "现状", "change": "变化", "rhythm": "节律", "compare": "对照", "pair": "叠加"}
NEIGHBOURHOODS = {"touching": "相接", "150": "150 米内", "300": "300 米内"}
UNITS = {"cells": "网格", "lanes": "巷道"}
_PAGE = ("units", "near", "fdr", "patrol", "view", "spot", "pair")
"""The words of the address that are this page's."""


@dataclass(frozen=True)
class Choices:
    """One of VIEWS; how hot spots are found; a unit of the spot in hand; two kinds to lay together."""

    view: str = "now"
    method: Method = USUAL
    spot: str | None = None
    pair: tuple[str, str] | None = None

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Choices:
        """From a link; words that mean nothing are left out."""
        near, view, units = (query.get(word, "") for word in ("near", "view", "units"))
        first, _, second = query.get("pair", "").partition(",")
        return cls(
            view=view if view in VIEWS else "now",
            method=Method(
                neighbourhood=float(near) if near in ("150", "300") else "touching",
                units="lanes" if units == "lanes" else "cells",
                fdr=query.get("fdr") != "0", patrol_only=query.get("patrol") == "1",
            ),
            spot=query.get("spot") or None, pair=(first, second) if first and second else None,
        )  # fmt: skip

    def to_query(self) -> dict[str, str]:
        """The shortest query that means these choices."""
        method = self.method
        near = "" if method.neighbourhood == "touching" else f"{method.neighbourhood:g}"
        words = {
            "units": "" if method.units == "cells" else method.units, "near": near,
            "fdr": "" if method.fdr else "0", "patrol": "1" if method.patrol_only else "",
            "view": "" if self.view == "now" else self.view, "spot": self.spot or "",
            "pair": ",".join(self.pair or ()),
        }  # fmt: skip
        return {word: value for word, value in words.items() if value}


def open_choices() -> None:
    """Take up the address, as `state.open_state` does and before it; else the session's choices stay."""
    words = {word: st.query_params[word] for word in _PAGE if word in st.query_params}
    written = st.session_state.get("written", {})
    mine = {word: value for word, value in written.items() if word in _PAGE}
    if "choices" not in st.session_state or (
        state.by_hand() and len(st.query_params) and words != mine
    ):
        st.session_state["choices"] = Choices.from_query(words)


def choices() -> Choices:
    """The choices in force."""
    now: Choices = st.session_state["choices"]
    return now


def choose(**changes: Any) -> None:
    """Change some of them."""
    st.session_state["choices"] = replace(choices(), **changes)


def decide(**changes: Any) -> None:
    """Change how hot spots are found; another kind of unit has other spots."""
    now = choices()
    spot = None if "units" in changes else now.spot
    choose(method=replace(now.method, **changes), spot=spot)


def asked(town: Town) -> Filter:
    """The filter in force, with patrols only where that was chosen."""
    return hotspots.asked(town, state.question(), choices().method)
