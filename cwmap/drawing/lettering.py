"""Letters in a drawing: how wide they run, and text that is safe in XML."""

from __future__ import annotations

import unicodedata
from html import escape

from cwmap.printing import CHINESE_FAMILIES

FAMILIES = ", ".join(f"'{family}'" for family in CHINESE_FAMILIES) + ", sans-serif"
INK, SOFT, ACCENT = "#22292d", "#5b656a", "#0f6e6e"

_SHAPELESS = ("Cc", "Cf", "Cs")
_NARROW = 0.56
"""Width of a letter that is not Chinese, in ems; a sans serif's digits and small letters."""


def legible(text: str) -> str:
    """Text without controls, marks of direction and lone surrogates; a tab or a break is a space.

    They have no shape, are not allowed in XML, and can turn the text after them around.
    """
    spaced = " ".join(text.splitlines()).replace("\t", " ")
    return "".join(
        c for c in spaced if unicodedata.category(c) not in _SHAPELESS and c not in "\ufffe\uffff"
    )


def width_em(text: str) -> float:
    """About how wide a text runs, in ems."""
    return sum(1.0 if unicodedata.east_asian_width(c) in "WFA" else _NARROW for c in text)


def fitting(text: str, room_em: float) -> str:
    """The text, cut with an ellipsis where it would run wider than the room."""
    text = legible(text)
    if width_em(text) <= room_em:
        return text
    kept = ""
    for character in text:
        if width_em(kept + character) + 1 > room_em:
            break
        kept += character
    return f"{kept}…"


def lettered(
    text: str, x: float, y: float, size: float, *, fill: str = INK, anchor: str = "start",
    bold: bool = False, halo: str = "",
) -> str:  # fmt: skip
    """An SVG text; x, y (of its base line) and size in mm. halo: colour of a rim around it."""
    weight = ' font-weight="700"' if bold else ""
    rim = (
        f' paint-order="stroke" stroke="{halo}" stroke-width="{size * 0.28:.2f}"'
        ' stroke-linejoin="round"'
        if halo
        else ""
    )
    return (
        f'<text x="{x:.2f}" y="{y:.2f}" font-size="{size:.2f}" fill="{fill}"'
        f' text-anchor="{anchor}"{weight}{rim}>{escape(legible(text))}</text>'
    )
