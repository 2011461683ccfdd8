"""A page on paper: title, filter and badge at its head, source and review number at its foot."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from cwmap.drawing.lettering import FAMILIES, SOFT, fitting, lettered, width_em
from cwmap.town import Town

HEAD, FOOT = 12.0, 4.6
"""Heights in mm of title and filter, and of the footer, at lettering 1."""
FINE, RULE = "#8a949a", "#cfd6d8"
"""Colours of the rim of a map or a chart, and of lines that only part."""


class Box(NamedTuple):
    """A part of the page, mm."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, eq=False)
class Page(ABC):
    """What every drawing says. caption: the filter. unit: heads the legend or the axis.

    source: where the data are from and as of when. drawn: day of the print.
    """

    town: Town
    title: str
    caption: str
    unit: str
    source: str
    drawn: date

    def svg(self, width_mm: float, height_mm: float, lettering: float = 1.0) -> str:
        """The drawing at this size; lettering: how much larger than on an A4 page the letters are."""
        k, top = lettering, HEAD * lettering
        room = Box(0.0, top, width_mm, height_mm - top - FOOT * k)
        opened = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width_mm:g}mm"'
            f' height="{height_mm:g}mm" viewBox="0 0 {width_mm:g} {height_mm:g}"'
            f' font-family="{FAMILIES}">'
            f'<rect width="{width_mm:g}" height="{height_mm:g}" fill="#fff"/>'
        )
        parts = (opened, self._head(width_mm, k), self.body(room, k), self._foot(room, k), "</svg>")
        return "".join(parts)

    @abstractmethod
    def body(self, room: Box, k: float) -> str:
        """What stands between head and foot, as SVG; k: the lettering."""

    @abstractmethod
    def height_mm(self, width_mm: float, most_mm: float, lettering: float = 1.0) -> float:
        """How high the drawing of this width is at its best; at most `most_mm`."""

    def _head(self, width: float, k: float) -> str:
        room = (width - 16 * k) / (4.4 * k)
        return (
            lettered(fitting(self.title, room), 0, 4.9 * k, 4.4 * k, bold=True)
            + lettered(fitting(self.caption, width / (2.5 * k)), 0, 9.6 * k, 2.5 * k, fill=SOFT)
            + (_badge(width - 13 * k, 4.6 * k, k) if self.town.settings.synthetic else "")
        )

    def _foot(self, room: Box, k: float) -> str:
        width, height = room.width, room.top + room.height + FOOT * k
        base, size = height - 1.2 * k, 2.2 * k
        right = f"{review_words(self.town)}　{self.drawn} 制图"
        free = (width - width_em(right) * size) / size - 2
        small = max(0.6, min(1.0, free / max(width_em(self.source), 1.0)))
        rule = (
            f'<path d="M0,{height - FOOT * k + 0.4:.2f}h{width:g}" stroke="{RULE}"'
            ' stroke-width="0.2"/>'
        )
        return (
            rule
            + lettered(fitting(self.source, free / small), 0, base, size * small, fill=SOFT)
            + lettered(right, width, base, size, fill=SOFT, anchor="end")
        )


def review_words(town: Town) -> str:
    """The review number (审图号) of the office's maps, or the words of one that needs none."""
    return town.settings.review.strip() or "内部使用"


def _badge(x: float, base: float, k: float) -> str:
    """示例: the data are made up."""
    return (
        f'<rect x="{x:.2f}" y="{base - 4.1 * k:.2f}" width="{13 * k:.2f}" height="{5.4 * k:.2f}"'
        f' rx="{0.9 * k:.2f}" fill="#ffe9c7" stroke="#f0c98c" stroke-width="{0.25 * k:.2f}"/>'
        + lettered("示例", x + 6.5 * k, base, 3.5 * k, fill="#8a4b00", anchor="middle", bold=True)
    )
