"""缺口: what is chosen on the page, and the norms in force with it."""

from __future__ import annotations

from dataclasses import replace
from weakref import WeakSet

import streamlit as st

from cwmap import server
from cwmap.gaps import facilities, gaps
from cwmap.gaps.facilities import Facility, Norm, Norms
from cwmap.gaps.gaps import Gaps
from cwmap.gaps.walks import walks
from cwmap.town import Town
from cwmap.ui import state, words

SHORT = {"market": "市场", "toilet": "公厕", "sorting_station": "收集点", "bin": "废物箱"}
VIEWS = {"verdict": "判断", "sites": "选址", "spots": "热点", "supply": "配比", "norms": "标准"}
WAITING = "正在由巷道整理步行路网，只在数据更新后做一次，约需几秒……"
MOST_SITES = 12
_READY: WeakSet[Town] = WeakSet()


def in_force(town: Town) -> Norms:
    """The office's norms, with the weight of people as chosen on the page."""
    norms = facilities.load(server.workspace_folder(), town.categories)
    given = words.given("weight") or ""
    if given.isdecimal() and int(given) <= 100:
        share = int(given) / 100
        return replace(norms, weights=replace(norms.weights, people=share, demand=1 - share))
    return norms


def kinds(norms: Norms) -> dict[str, str]:
    """Facility kinds to choose from, by their short names."""
    return {kind: SHORT.get(kind, f.name) for kind, f in norms.facilities.items()}


def facility(norms: Norms) -> Facility:
    """The kind that is looked at."""
    return norms.facilities[words.chosen("kind", kinds(norms))]


def norm(norms: Norms) -> Norm | None:
    """The norm of walking distance in use, None for a kind that has none."""
    return facility(norms).radius(words.given("norm"))


def layer(town: Town) -> str:
    """Whether areas or communities are judged."""
    return words.chosen("by", _layers(town)) or "areas"


def _layers(town: Town) -> dict[str, str]:
    names = {"areas": "按片区", "communities": "按社区"}
    return {name: label for name, label in names.items() if len(town.layers[name])}


def found(town: Town, norms: Norms) -> Gaps:
    """The verdicts that are looked at."""
    kind, used = facility(norms).kind, norm(norms)
    return gaps.gaps(town, norms, kind, state.question(), used.key if used else None, layer(town))


def spot(judged: Gaps) -> str | None:
    """The area in hand."""
    chosen = words.given("spot")
    return chosen if chosen in judged.frame.index else None


def chosen(judged: Gaps) -> tuple[str, str | None]:
    """The layer that is judged, and the place of it in hand."""
    return judged.layer, spot(judged)


def choose_spot(town: Town, place_id: str | None, *, fly: bool = False) -> None:
    """Take an area in hand (None: none), and go there on the map if asked."""
    words.choose("spot", place_id)
    if fly and place_id:
        state.go(layer(town), [place_id])


def next_site(place_id: str) -> None:
    """Look for the best site in an area."""
    words.choose("view", "sites")
    words.choose("spot", place_id)
    words.choose("number", "1")


def ready(town: Town, norms: Norms) -> None:
    """Have the walking network made, saying so while one waits for the first time."""
    with st.container(key="cw-waiting"):  # always there: what follows must not change its place
        said = st.empty()
    if town in _READY:
        return
    said.html(f"<p>{WAITING}</p>")
    walks(town, norms)
    _READY.add(town)
    said.empty()


def options(town: Town, norms: Norms) -> None:
    """The norm where there are several, and the weight of people."""
    radii = facility(norms).radii
    if len(radii) > 1:
        st.html('<h3 class="cw-h">按哪条标准</h3>')
        words.switch("norm", {k: f"{n.name} {n.limit:,.0f} 米" for k, n in radii.items()}, "标准")
    if len(_layers(town)) > 1:
        st.html('<h3 class="cw-h">怎么分</h3>')
        words.switch("by", _layers(town), "怎么分")
    if facility(norms).demand:
        st.html(
            '<h3 class="cw-h">优先级的权重<small>人口 ← → 街面问题</small></h3>'
            '<p class="cw-hint" title="优先分 = 权重 × 每公顷未满足人口（与最多的片区相比）＋（1－权重）'
            '× 每公顷问题数（与最多的片区相比）；见 docs/gaps.md">往左更看重人口</p>'
        )
        share = round(100 * (1 - norms.weights.share))
        st.session_state["w-weight"] = share
        st.slider(
            "街面问题的权重", 0, 100, key="w-weight", step=5, format="%d%%",
            label_visibility="collapsed",
            on_change=lambda: words.choose("weight", str(100 - st.session_state["w-weight"])),
        )  # fmt: skip


def switches(norms: Norms) -> None:
    """Which kind, and how it is looked at."""
    with st.container(key="cw-gap-switch", gap="small"):
        words.switch("kind", kinds(norms), "设施类型")
        words.switch("view", VIEWS, "看什么")


def address() -> dict[str, str]:
    """The page's words for the address."""
    usual = {"view": "verdict", "kind": "market", "by": "areas"}
    usual |= dict.fromkeys(("norm", "weight", "spot", "number", "pins"), "")
    return words.address(**usual)
