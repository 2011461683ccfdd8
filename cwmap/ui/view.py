"""One of several ways to look at a page: its map, and what stands beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cwmap.ui import state
from cwmap.ui.shown import Shown


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class View:
    """shown: the map; picked: takes a click on (layer, id) of it; the rest draws."""

    shown: Shown
    panel: Callable[[], object]
    legend: Callable[[], None] = _nothing
    picked: Callable[[str, str], None] = state.pick
    over: Callable[[], None] = _nothing
