"""热点 · 叠加: two kinds of problems on one map, and where both crowd together."""

from __future__ import annotations

from dataclasses import replace
from html import escape

import streamlit as st

from cwmap import figures
from cwmap.captions import filter_caption
from cwmap.filters import Filter
from cwmap.town import Town
from cwmap.trends.hotspots import UNIT_WORDS
from cwmap.trends.together import WHERE, Shared, Together, kind_name, together
from cwmap.ui import frame, state
from cwmap.ui.hotspots import choices
from cwmap.ui.look import Look
from cwmap.ui.map import pair_state
from cwmap.ui.shown import Key, Shown

COLOURS = {
    "light": {"both": "#6a1b6e", "first": "#f0a04b", "second": "#5aa9c9"},
    "dark": {"both": "#e58be8", "first": "#b8742a", "second": "#2f7d9e"},
}
"""Of `cwmap.trends.together.WHERE`: both is the darkest in the light theme, the brightest in the dark one."""
_FIRST_PAIR = ("street_market", "bins")


def pair(town: Town, question: Filter, chosen: tuple[str, str] | None) -> tuple[str, str] | None:
    """The two kinds: chosen, else the two that the filter names, else stalls and bins or the commonest."""
    kinds = _kinds(town, question, chosen)
    for words in (chosen, question.category, _FIRST_PAIR, tuple(kinds)):
        if words and len(words) >= 2 and set(words[:2]) <= set(kinds):
            return words[0], words[1]
    return None


def _kinds(town: Town, question: Filter, chosen: tuple[str, str] | None) -> list[str]:
    """Groups with reports, most first, and whatever else a link names."""
    counts = figures.group_counts(town, question)
    known = town.categories
    asked = (*(chosen or ()), *question.category)
    named = [word for word in asked if known.find_group(word) or known.find(word)]
    found = [key for key in sorted(counts, key=lambda k: -counts[k]) if counts[key] or key in named]
    return list(dict.fromkeys([*found, *named]))


def answer(town: Town, question: Filter, now: choices.Choices) -> Together | None:
    """Where the two kinds crowd together; None where there are no two kinds."""
    words = pair(town, question, now.pair)
    if words is None:
        return None
    key = ("together", question, now.method, words)
    return town.kept(key, lambda: together(town, question, *words, now.method))


def shown(town: Town, found: Together, look: Look, spot: str | None) -> Shown:
    """The map of two kinds together; `spot`: a unit of the place in hand."""
    chosen = next((p.unit_ids for p in found.shared if spot in p.unit_ids), ())
    one, other = (f.question for f in found.found)
    asked = replace(one, category=(*one.category, *other.category))
    return Shown(
        "叠加热点", pair_state(found, COLOURS, look, chosen),
        Key.of("两类问题的热点", COLOURS, list(_labels(found).values())), filter_caption(town, asked),
        "两类各算 Getis–Ord Gi*，都显著才算都集中（交并检验）",
    )  # fmt: skip


def _labels(found: Together) -> dict[str, str]:
    """Of the classes that have a colour."""
    first, second = found.names
    return {"both": WHERE["both"], "first": f"只有{first}", "second": f"只有{second}"}


def panel(town: Town, found: Together | None, problem: str = "") -> None:
    """The two kinds, what is to be said of them (or why nothing can be), and the places of both."""
    st.html('<h3 class="cw-h">哪两类叠在一起</h3>')
    question, now = state.question(), choices.choices().pair
    words = pair(town, question, now)
    if words is None:
        st.html('<p class="cw-empty">所选条件下不到两类问题。放宽时间或状态再看。</p>')
        return
    for at, word in enumerate(words):
        others = [w for w in _kinds(town, question, now) if w != words[1 - at]]
        key = f"w-pair-{at}"
        st.session_state[key] = word
        st.selectbox(
            f"第 {at + 1} 类", others, format_func=lambda w: kind_name(town, w), key=key,
            label_visibility="collapsed", on_change=_choose, args=(words, at),
        )  # fmt: skip
    said = found.sentence if found else problem
    st.html(f'<div class="cw-card cw-spot now"><p class="said">{escape(said)}</p></div>')
    if found and found.shared:
        st.html('<h3 class="cw-h">两类都集中的地方<small>两类件数</small></h3>')
        with st.container(key="cw-worst", gap=None):
            for at, place in enumerate(found.shared, 1):
                _place(at, place)


def _place(at: int, place: Shared) -> None:
    name = place.name.removesuffix("一带").partition("·")
    st.button(
        f"{at} {frame.plain(name[2] or name[0])} *{place.first:,} + {place.second:,} 件*",
        key=f"shared-{at}", width="stretch",
        type="primary" if choices.choices().spot in place.unit_ids else "tertiary",
        on_click=_go, args=(place,),
    )  # fmt: skip


def _choose(words: tuple[str, str], at: int) -> None:
    word = st.session_state[f"w-pair-{at}"]
    choices.choose(pair=(word, words[1]) if at == 0 else (words[0], word), spot=None)


def _go(place: Shared) -> None:
    choices.choose(spot=place.unit_ids[0])
    state.go(choices.choices().method.units, place.unit_ids)


def picked(found: Together, place_id: str) -> None:
    """A click on the map: the place to which the unit belongs."""
    inside = any(place_id in place.unit_ids for place in found.shared)
    choices.choose(spot=place_id if inside else None)


def legend(found: Together) -> None:
    """The three classes with their numbers, and the method."""
    colours = COLOURS[frame.theme()]
    each, unit = UNIT_WORDS[found.found[0].method.units]
    labels = _labels(found)
    counts = found.units["where"].value_counts()
    rows = "".join(
        f'<li><i style="background:{colour}"></i><b>{escape(labels[name])}</b>'
        f"<span>{counts.get(name, 0):,} {each}</span></li>"
        for name, colour in colours.items()
    )
    choice = found.found[0].choices
    line = "；".join(choice[word] for word in ("单元", "邻域", "检验", "校正", "时段"))
    st.html(
        f'<div class="cw-legend"><b>叠加热点</b><small>{unit}</small><ul class="cw-key">{rows}</ul>'
        "<p>两类各算一次 Gi*，都显著才算“两类都集中”（交并检验）；说明同在一处，不说明谁引起谁</p>"
        f"<details><summary>怎样算出来的</summary><p>{escape(found.caption)}</p><p>{escape(line)}</p></details></div>"
    )
