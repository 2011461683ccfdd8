"""存图: a map or a chart of a page as a picture, with title, filter, legend and source in it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import streamlit as st

from cwmap.drawing import picture
from cwmap.drawing.frame import Bounds
from cwmap.drawing.page import Page
from cwmap.errors import CwmapError
from cwmap.town import Town
from cwmap.ui import frame, printed
from cwmap.ui.shown import Shown
from geo.coordinates import from_wgs84

PICTURE = "picture"
"""What static/map.js calls the click on its button 存成图片, told with west, south, east and north of
what is seen, or nothing where that is the whole town."""
_EXTENTS = {"seen": "当前画面", "town": "全镇"}
_PREVIEW_PPI = 120
_ASKED = "keep"


def ask(window: str) -> None:
    """The map's button was pressed: with the next drawing its picture is offered."""
    st.session_state[_ASKED] = window


def offer(town: Town, shown: Shown) -> None:
    """Where it was asked for, the picture of the map."""
    window = st.session_state.pop(_ASKED, None)
    if window is not None:
        seen = window_m(town, window)
        _offered(town, lambda bounds: printed.sheet(town, shown, date.today(), bounds), seen)


def below(town: Town, name: str, make: Callable[[], Page]) -> None:
    """A button under a chart, and when it was pressed the picture of the chart."""
    if st.button("存成图片", key=f"keep-{name}", type="tertiary", icon=":material/image:"):
        _offered(town, lambda _: make(), None)


@st.dialog("保存图片", width="large")
def _offered(town: Town, make: Callable[[Bounds | None], Page], seen: Bounds | None) -> None:
    """What will be kept, and the doors to keep it."""
    bounds = None
    if seen:
        extent = st.segmented_control(
            "范围", list(_EXTENTS), format_func=_EXTENTS.__getitem__, default="seen", required=True,
            key="w-keep-extent", label_visibility="collapsed",
        )  # fmt: skip
        bounds = seen if extent == "seen" else None
    try:
        page = make(bounds)
        st.image(picture.preview(page, _PREVIEW_PPI), width="stretch")
    except CwmapError as error:
        st.error(frame.plain(str(error)))
        return
    mark = "_示例" if town.settings.synthetic else ""
    with st.container(horizontal=True):
        for ending, label in picture.FORMATS.items():
            st.download_button(
                label, _content(page, ending), f"{page.title}_{town.as_of:%Y%m%d}{mark}{ending}",
                on_click="ignore", key=f"keep-as-{ending}", icon=":material/download:",
            )  # fmt: skip


def _content(page: Page, ending: str) -> Callable[[], bytes]:
    """Made when it is asked for."""
    return lambda: picture.picture(page, ending, page.drawn)


def window_m(town: Town, window: str) -> Bounds | None:
    """The window of the map in metres; None for words that are none."""
    try:
        west, south, east, north = (float(word) for word in window.split(","))
        x, y = from_wgs84([west, east], [south, north], town.settings.crs)
    except ValueError:
        return None
    if not np.isfinite([x, y]).all() or x[0] >= x[1] or y[0] >= y[1]:
        return None
    return float(x[0]), float(y[0]), float(x[1]), float(y[1])
