"""What every page shares: doors, header, look, and errors as sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from html import escape
from typing import Any, TypeVar

import streamlit as st

from cwmap import server
from cwmap.captions import SYNTHETIC
from cwmap.colours import RAMPS, SCORE_COLOURS, SPOT_COLOURS, STANDING_COLOURS, TREND_COLOURS
from cwmap.errors import CwmapError
from cwmap.shipped import shipped
from cwmap.town import Town
from cwmap.ui.assets import ASSETS

T = TypeVar("T")

SYNTHETIC_TIP = "本页全部数据为软件生成的示例，不是真实情况"
_CLASSES = {
    **SPOT_COLOURS["dark"], **TREND_COLOURS["dark"], **STANDING_COLOURS["dark"],
    **{f"score-{name}": colour for name, colour in SCORE_COLOURS["dark"].items()},
}  # fmt: skip
DARK = (
    ":root{--cw-accent:#5cc8bd;--cw-panel:rgba(24,30,34,.93);--cw-line:#323c42;--cw-ink:#e6ecee;"
    "--cw-soft:#9aa7ad;--cw-bad:#ff8f7a;--cw-good:#7fd1a2}"
    + "".join(f".cw-swatches .cw-ramp-{k}{{background:{c}}}" for k, c in enumerate(RAMPS["dark"]))
    + "".join(f".cw-swatches .cw-{k}{{background:{c}}}" for k, c in _CLASSES.items())
)


def doors(pages: Mapping[str, tuple[str, str]]) -> None:
    """Run the page that was asked for. `pages`: url path → (file, title); the first is the start."""
    icon = str(ASSETS / "favicon.png")
    st.set_page_config(
        page_title="创卫一张图", page_icon=icon, layout="wide", initial_sidebar_state="collapsed"
    )
    # One sheet for all pages, and one for each page that needs more.
    sheets = sorted(ASSETS.glob("page*.css"))
    style = "".join(sheet.read_text(encoding="utf-8") for sheet in sheets)
    # Streamlit does not tell style sheets which theme it has.
    st.html(f"<style>{style}{DARK if theme() == 'dark' else ''}</style>")
    entries = {
        path: st.Page(str(shipped(file)), title=title, url_path=path, default=not at)
        for at, (path, (file, title)) in enumerate(pages.items())
    }
    st.session_state["doors"] = entries
    sentence(st.navigation(list(entries.values()), position="hidden").run)()


def theme() -> str:
    """light or dark: what the viewer's page has."""
    return "dark" if st.context.theme.type == "dark" else "light"


def door(path: str) -> Any:
    """The page at a url path, to link to."""
    return st.session_state["doors"][path]


def plain(text: str) -> str:
    """Text for Streamlit's labels and messages, without what their Markdown would read."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()<>#+-.!|~:$" else c for c in text)


def sentence(draw: Callable[[], T]) -> Callable[[], T | None]:
    """A drawing function that shows a `CwmapError` as its sentence instead of failing."""

    @wraps(draw)
    def shown() -> T | None:
        try:
            return draw()
        except CwmapError as error:
            st.error(plain(str(error)))
            return None

    return shown


def on_script_error(error: Exception) -> bool:
    """What a viewer sees where the program is wrong: never a traceback."""
    if isinstance(error, CwmapError):
        st.error(plain(str(error)))
    else:
        st.error(
            "页面出错了，数据没有改动。请刷新页面；若仍出现，请把运行窗口里的记录发给维护人员。"
        )
    return True


def town() -> Town:
    """The town that this dashboard serves."""
    return server.open_keeper().town()


def header(town: Town) -> None:
    """Title, badge and the doors; drawn when the whole page is, not when a part of it changes."""
    st.session_state["revision"] = town.revision  # what is drawn now needs no `watch` to draw it
    st.session_state["whole"] = True
    with st.container(key="cw-top", horizontal=True, vertical_alignment="center"):
        badge = (
            f'<span class="cw-badge" title="{SYNTHETIC_TIP}">{SYNTHETIC}</span>'
            if town.settings.synthetic
            else ""
        )
        st.html(
            f'<div class="cw-title"><b>创卫一张图</b><span>{escape(town.settings.name)}</span>{badge}</div>'
        )
        for entry in st.session_state["doors"].values():
            st.page_link(entry)
        st.html(f'<div class="cw-asof">数据截至 {town.as_of:%Y-%m-%d}</div>')


@st.fragment(run_every="15s")
def watch() -> None:
    """Show new data a moment after an import, without a click."""
    revision = town().revision
    if st.session_state["revision"] != revision:
        st.rerun()
