"""The strip under a map: its legend in one row or more, and the scale bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from cwmap.drawing.frame import Frame
from cwmap.drawing.lettering import INK, fitting, lettered, width_em

STRIP = 7.5
"""Height in mm of a strip of one row, at lettering 1."""

_ROW = 4.6
_SIZE, _BASE = 2.7, 4.9
"""Of the letters and of the first row's base line below the strip's top, mm."""
_SIGN, _BESIDE = 5.0, 2.0
"""Room of an entry's sign, and behind its words, mm."""
_SMALLEST = 0.75
"""A row is drawn smaller until it fits, but no smaller than this; then another row is begun."""

Sign = Literal["box", "line", "dash", "dot"]


class Entry(NamedTuple):
    """What the legend says of a colour, and the sign that shows it."""

    colour: str
    words: str
    sign: Sign = "box"


@dataclass(frozen=True)
class Legend:
    """A legend that is laid out: entries by row, and how much smaller than at its best it is."""

    unit: str
    rows: tuple[tuple[Entry, ...], ...]
    scale: float = 1.0

    @classmethod
    def laid(
        cls, unit: str, entries: Sequence[Entry], width: float, beside: float, k: float
    ) -> Legend:
        """The legend in a strip so wide; `beside`: mm of the first row that the scale bar takes."""
        room = width - beside - 4 * k - _unit_mm(unit, k)
        natural = sum(_wide(entry, k) for entry in entries)
        scale = min(1.0, room / natural) if natural else 1.0
        if scale >= _SMALLEST:
            return cls(unit, (tuple(entries),), scale)
        rows: list[list[Entry]] = [[]]
        for entry in entries:
            words = fitting(entry.words, width / (_SIZE * k) - (_SIGN + _BESIDE) / _SIZE)
            kept = entry._replace(words=words)
            if _wide(kept, k) > room:
                rows.append([])
                room = width
            rows[-1].append(kept)
            room -= _wide(kept, k)
        return cls(unit, tuple(map(tuple, rows)))

    def height(self, k: float) -> float:
        """Of the strip, mm."""
        return (STRIP + _ROW * (len(self.rows) - 1)) * k

    def svg(self, left: float, top: float, k: float) -> str:
        """The unit and the entries from this corner of the strip."""
        s = k * self.scale
        parts = [lettered(self.unit, left, top + _BASE * k, _SIZE * k, bold=True)]
        for at, row in enumerate(self.rows):
            x, base = left + (0.0 if at else _unit_mm(self.unit, k)), top + (_BASE + _ROW * at) * k
            for entry in row:
                parts.append(_sign(entry, x, base, s))
                parts.append(lettered(entry.words, x + _SIGN * s, base, _SIZE * s))
                x += _wide(entry, s)
        return "".join(parts)


def _unit_mm(unit: str, k: float) -> float:
    return width_em(unit) * _SIZE * k + 2.5 * k if unit else 0.0


def _wide(entry: Entry, k: float) -> float:
    return (_SIGN + _BESIDE) * k + width_em(entry.words) * _SIZE * k


def _sign(entry: Entry, x: float, base: float, s: float) -> str:
    if entry.sign == "box":
        return (
            f'<rect x="{x:.2f}" y="{base - 2.4 * s:.2f}" width="{4.2 * s:.2f}"'
            f' height="{2.9 * s:.2f}" fill="{entry.colour}"/>'
        )
    middle = base - 0.95 * s
    if entry.sign == "dot":
        return (
            f'<circle cx="{x + 2.1 * s:.2f}" cy="{middle:.2f}" r="{1.3 * s:.2f}"'
            f' fill="{entry.colour}"/>'
        )
    dashed = f' stroke-dasharray="{1.2 * s:.2f} {0.6 * s:.2f}"' if entry.sign == "dash" else ""
    return (
        f'<path d="M{x:.2f},{middle:.2f}h{4.2 * s:.2f}" fill="none" stroke="{entry.colour}"'
        f' stroke-width="{0.8 * s:.2f}"{dashed}/>'
    )


@dataclass(frozen=True)
class ScaleBar:
    """A bar of two halves with a round length. long: mm; room: mm that bar and words take."""

    words: str
    long: float
    room: float

    @classmethod
    def of(cls, frame: Frame, k: float, most_mm: float = float("inf")) -> ScaleBar:
        """The bar for a map; no longer than `most_mm`."""
        most_mm *= 1 + 1e-9  # may be the length of such a bar itself
        length_m = frame.round_length_m(min(34 * k, 0.2 * frame.width, most_mm))
        words = f"{length_m / 1000:g} 千米" if length_m >= 1000 else f"{length_m:g} 米"
        long = length_m / frame.scale
        return cls(words, long, long + width_em(words) * 2.5 * k + 5 * k)

    def svg(self, right: float, top: float, k: float) -> str:
        """The bar at the right end of the strip that begins at `top`."""
        base = top + _BASE * k
        left = right - self.long - width_em(self.words) * 2.5 * k - 1.4 * k
        half, y = self.long / 2, base - 1.9 * k
        halves = "".join(
            f'<rect x="{left + at * half:.2f}" y="{y:.2f}" width="{half:.2f}"'
            f' height="{1.3 * k:.2f}" fill="{fill}" stroke="{INK}" stroke-width="{0.2 * k:.2f}"/>'
            for at, fill in enumerate((INK, "#fff"))
        )
        return (
            halves
            + lettered("0", left - 1.0 * k, base - 0.4 * k, 2.5 * k, anchor="end")
            + lettered(self.words, left + self.long + 1.2 * k, base - 0.4 * k, 2.5 * k)
        )
