"""Several maps of one town on a page, such as the same theme in several periods (多图对比)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cwmap.drawing.chart import sentence
from cwmap.drawing.frame import Frame
from cwmap.drawing.legend import STRIP, Legend, ScaleBar
from cwmap.drawing.lettering import fitting, lettered
from cwmap.drawing.page import FOOT, HEAD, Box, Page
from cwmap.drawing.sheet import Sheet

_NAME, _GAP = 6.0, 4.0
"""Height in mm of a map's name, and the room between two maps."""
_SIZE = 3.0
_LETTERING = 0.7
"""Of the small maps, to that of the page."""


@dataclass(frozen=True, eq=False)
class Panels(Page):
    """Maps beside and below each other, each under its own title, with one legend for all.

    sheets: of the page's town, all with the same bounds; of each its title, its theme and its
    legend's entries are used. The same colour should mean the same in each.
    """

    sheets: tuple[Sheet, ...]

    def __post_init__(self) -> None:
        """Raises ValueError for sheets of different bounds: they have no common scale bar."""
        if len({sheet.bounds for sheet in self.sheets}) > 1:
            raise ValueError("the sheets of a page must have the same bounds")

    def height_mm(self, width_mm: float, most_mm: float, lettering: float = 1.0) -> float:
        """As high as the maps are at this width."""
        k = lettering
        if not self.sheets:
            return min(most_mm, width_mm / 3)
        across, down = self._grid()
        wide = (width_mm - (across - 1) * _GAP * k) / across
        maps = down * (_NAME * k + wide * self.sheets[0].shape) + (down - 1) * _GAP * k
        _, legend, _ = self._laid(Box(0.0, 0.0, width_mm, maps + STRIP * k), k)
        return min(most_mm, (HEAD + FOOT) * k + maps + legend.height(k))

    def body(self, room: Box, k: float) -> str:
        """The maps with their names, and under them the legend and the scale bar."""
        if not self.sheets:
            return sentence(room, k)
        frames, legend, bar = self._laid(room, k)
        under = room.top + room.height - legend.height(k)
        parts = [legend.svg(room.left, under, k), bar.svg(room.left + room.width, under, k)]
        for at, (sheet, frame) in enumerate(zip(self.sheets, frames, strict=True)):
            name = fitting(sheet.title, frame.width / (_SIZE * k))
            parts.append(lettered(name, frame.left, frame.top - 1.6 * k, _SIZE * k, bold=True))
            parts.append(sheet.map_in(frame, k * _LETTERING, f"map{at}", all_names=False))
        return "".join(parts)

    def _laid(self, room: Box, k: float) -> tuple[list[Frame], Legend, ScaleBar]:
        bar = ScaleBar.of(self._frames(room, STRIP * k, k)[0], k)
        entries = tuple(dict.fromkeys(e for sheet in self.sheets for e in sheet.entries()))
        legend = Legend.laid(self.unit, entries, room.width, bar.room, k)
        frames = self._frames(room, legend.height(k), k)
        return frames, legend, ScaleBar.of(frames[0], k, bar.long)

    def _frames(self, room: Box, strip: float, k: float) -> list[Frame]:
        across, down = self._grid()
        gap = _GAP * k
        wide = (room.width - (across - 1) * gap) / across
        tall = (room.height - strip - (down - 1) * gap) / down
        return [
            sheet.frame(
                Box(
                    room.left + at % across * (wide + gap),
                    room.top + at // across * (tall + gap) + _NAME * k, wide, tall - _NAME * k,
                )
            )
            for at, sheet in enumerate(self.sheets)
        ]  # fmt: skip

    def _grid(self) -> tuple[int, int]:
        """How many maps stand beside and how many below each other."""
        number = len(self.sheets)
        across = min(number, 2 if number <= 4 else 3)
        return across, math.ceil(number / across)
