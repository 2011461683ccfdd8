"""A page's own words: what is chosen on it beside the filter, in this session and in the address."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from cwmap.ui import state


def switch(name: str, options: Mapping[str, str], label: str) -> str:
    """One of several ways to look, as buttons; `options`: word of the address → Chinese, first usual."""
    now = chosen(name, options)
    key = f"w-word-{name}"
    st.session_state[key] = now
    st.segmented_control(
        label, list(options), format_func=options.__getitem__, key=key, required=True,
        label_visibility="collapsed", on_change=lambda: choose(name, st.session_state[key]),
    )  # fmt: skip
    return now


def select(
    name: str, options: Mapping[str, str], label: str, *, shown: Callable[[str], str] | None = None
) -> str:
    """The same as a list that opens, for many options."""
    now = chosen(name, options)
    key = f"w-word-{name}"
    st.session_state[key] = now
    st.selectbox(
        label, list(options), format_func=shown or options.__getitem__, key=key,
        label_visibility="collapsed", on_change=lambda: choose(name, st.session_state[key]),
    )  # fmt: skip
    return now


def chosen(name: str, options: Mapping[str, str]) -> str:
    """What is chosen: as the address says if it was opened or changed by hand, else as it was."""
    word = given(name) or ""
    return word if word in options else next(iter(options), "")


def given(name: str) -> str | None:
    """A word that may be anything, such as a day: as the address says, else as it was."""
    asked, key = st.query_params.get(name), f"word-{name}"
    written = st.session_state.get("written", {}).get(name)
    if key not in st.session_state or (state.by_hand() and asked not in (None, written)):
        st.session_state[key] = asked
    word: str | None = st.session_state[key]
    return word


def choose(name: str, word: str | None) -> None:
    """Choose a word."""
    st.session_state[f"word-{name}"] = word


def address(**usual: str) -> dict[str, str]:
    """Words for `state.write_address`: name=its usual word, which is left out."""
    found = {name: st.session_state.get(f"word-{name}") for name in usual}
    return {name: word for name, word in found.items() if word and word != usual[name]}
