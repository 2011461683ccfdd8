"""缺口: what is chosen on the page, and the answer to it."""

from __future__ import annotations

from weakref import WeakSet

import streamlit as st

from cwmap import server
from cwmap.gaps import asking, facilities
from cwmap.gaps.asking import Asked
from cwmap.gaps.facilities import Norms
from cwmap.gaps.walks import walks
from cwmap.town import Town
from cwmap.ui import state, words

VIEWS = {"verdict": "判断", "sites": "选址", "spots": "热点", "supply": "配比", "norms": "标准"}
WAITING = "正在由巷道整理步行路网，只在数据更新后做一次，约需几秒……"
MOST_SITES = 12
_USUAL = {
    "kind": "market", "by": "areas", "norm": "", "weight": "", "spot": "", "number": "", "pins": "",
}  # fmt: skip
_READY: WeakSet[Town] = WeakSet()


def asked(town: Town) -> Asked:
    """What is looked at, judged."""
    norms = facilities.load(server.workspace_folder(), town.categories)
    _ready(town, norms)
    return asking.asked(town, norms, state.question(), {name: words.given(name) for name in _USUAL})


def choose_spot(layer: str, place_id: str | None, *, fly: bool = False) -> None:
    """Take an area in hand (None: none), and go there on the map if asked."""
    words.choose("spot", place_id)
    if fly and place_id:
        state.go(layer, [place_id])


def next_site(place_id: str) -> None:
    """Look for the best site in an area."""
    words.choose("view", "sites")
    words.choose("spot", place_id)
    words.choose("number", "1")


def _ready(town: Town, norms: Norms) -> None:
    """Have the walking network made, saying so while one waits for the first time."""
    with st.container(key="cw-waiting"):  # always there: what follows must not change its place
        said = st.empty()
    if town in _READY:
        return
    said.html(f"<p>{WAITING}</p>")
    walks(town, norms)
    _READY.add(town)
    said.empty()


def options(town: Town, now: Asked) -> None:
    """The norm where there are several, and the weight of people."""
    radii, layers = now.facility.radii, asking.layers(town)
    if len(radii) > 1:
        st.html('<h3 class="cw-h">按哪条标准</h3>')
        words.switch("norm", {k: f"{n.name} {n.limit:,.0f} 米" for k, n in radii.items()}, "标准")
    if len(layers) > 1:
        st.html('<h3 class="cw-h">怎么分</h3>')
        words.switch("by", layers, "怎么分")
    if now.facility.demand:
        st.html(
            '<h3 class="cw-h">优先级的权重<small>人口 ← → 街面问题</small></h3>'
            '<p class="cw-hint" title="优先分 = 权重 × 每公顷未满足人口（与最多的片区相比）＋（1－权重）'
            '× 每公顷问题数（与最多的片区相比）；见 docs/gaps.md">往左更看重人口</p>'
        )
        share = round(100 * (1 - now.norms.weights.share))
        st.session_state["w-weight"] = share
        st.slider(
            "街面问题的权重", 0, 100, key="w-weight", step=5, format="%d%%",
            label_visibility="collapsed",
            on_change=lambda: words.choose("weight", str(100 - st.session_state["w-weight"])),
        )  # fmt: skip


def switches(norms: Norms) -> None:
    """Which kind, and how it is looked at."""
    with st.container(key="cw-gap-switch", gap="small"):
        words.switch("kind", asking.kinds(norms), "设施类型")
        words.switch("view", VIEWS, "看什么")


def address() -> dict[str, str]:
    """The page's words for the address."""
    return words.address(view="verdict", **_USUAL)
