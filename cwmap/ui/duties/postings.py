"""责任公示牌 to print: of the lane in hand, or of every lane."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from urllib.parse import urlsplit

import streamlit as st

from cwmap.duties import boards, posting
from cwmap.duties.boards import Size
from cwmap.town import Town
from cwmap.ui import words

SIZES: dict[str, str] = {"A3": "A3", "A4": "A4"}


def one(town: Town, lane_id: str, day: date) -> None:
    """The board of one lane."""
    _download(town, [lane_id], day, "下载公示牌（PDF）", f"公示牌_{lane_id}")


def all_lanes(town: Town, day: date) -> None:
    """The boards of all lanes in one file."""
    lanes = [str(lane) for lane in town.layers["lanes"].index]
    if lanes:
        _download(town, lanes, day, f"下载全部 {len(lanes):,} 块公示牌（PDF）", "公示牌_全部")


def _download(town: Town, lanes: Sequence[str], day: date, label: str, name: str) -> None:
    with st.container(key="cw-board", horizontal=True, vertical_alignment="center"):
        chosen = words.switch("size", SIZES, "纸张")
        size: Size = "A4" if chosen == "A4" else "A3"
        address = _here()
        st.download_button(
            label, lambda: boards.boards(posting.lane_boards(town, lanes, day, address=address), size),
            f"{name}_{size}.pdf", "application/pdf", on_click="ignore", icon=":material/print:",
        )  # fmt: skip


def _here() -> str:
    """The dashboard's address as this viewer has it."""
    found = urlsplit(st.context.url or "")
    return f"{found.scheme}://{found.netloc}" if found.netloc else ""
