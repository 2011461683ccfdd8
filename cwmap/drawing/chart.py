"""Charts on paper: columns, and a matrix of two divisions such as weekday × hour.

No library of the lock file draws them without a browser, and with the letters of the maps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cwmap.colours import RAMPS
from cwmap.drawing.lettering import ACCENT, INK, SOFT, fitting, lettered, width_em
from cwmap.drawing.page import FINE, FOOT, HEAD, RULE, Box, Page

NOTHING = "按当前筛选，没有可画的数据。"

_SIZE = 2.6
"""Of the letters at an axis, mm."""
_SERIES = (1.0, 2.0, 5.0, 10.0)
_MOST_TICKS = 5
_UNIT_ROW, _LABEL_ROW = 8.5, 6.0
"""Heights in mm: of the unit with the peak's number below it, and of the labels."""
_WIDEST_LABEL_EM = 14.0
_COLUMN, _WIDEST_MM = 0.72, 14.0
"""Width of a column: its part of the step, and how wide it may be."""
_ALL_TOLD = 14
"""So many columns at most tell their number each; of more only the highest one does."""
_CELL_MM, _STRIP = 9.0, 9.0
"""Heights in mm of a matrix's row and of its legend."""
_ZERO = "#f4f5f2"
_RAMP = (_ZERO, *RAMPS["light"])
_DARK_FROM = 0.58
"""Part of the ramp from which on white letters are read better."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Columns(Page):
    """A value for each label as a column (柱状图), from nothing up; NaN: not known, no column."""

    labels: Sequence[str]
    values: Sequence[float] | Floats

    def __post_init__(self) -> None:
        """Raises ValueError for labels and values that do not match, and for values below 0."""
        _checked(self.values, (len(self.labels),))

    def height_mm(self, width_mm: float, most_mm: float, lettering: float = 1.0) -> float:
        """Half as high as wide."""
        return min(most_mm, width_mm / 2)

    def body(self, room: Box, k: float) -> str:
        """Axis, grid lines, columns, and the number of the highest one."""
        values = np.asarray(self.values, float)
        if not np.isfinite(values).any():
            return sentence(room, k)
        steps = ticks(float(np.nanmax(values)), whole=decimals_of(values) == 0)
        labels = [fitting(label, _WIDEST_LABEL_EM) for label in self.labels]
        left = (max(map(width_em, _tick_words(steps))) * _SIZE + 2.0) * k
        widest = max(map(width_em, labels)) * _SIZE * k
        top, under = room.top + _UNIT_ROW * k, _LABEL_ROW * k
        plot = Box(
            room.left + left, top, room.width - left - widest / 2,
            max(room.height - _UNIT_ROW * k - under, 1.0),
        )  # fmt: skip
        unit = lettered(self.unit, room.left, room.top + 3.2 * k, _SIZE * k, bold=True)
        return "".join((
            unit, _grid(plot, steps, k), _columns(plot, values, steps[-1], k),
            _labels(plot, labels, widest, k),
        ))  # fmt: skip


@dataclass(frozen=True, eq=False)
class Matrix(Page):
    """A value (rows × columns) as the colour of a cell; NaN: not known, no cell."""

    rows: Sequence[str]
    columns: Sequence[str]
    values: Floats

    def __post_init__(self) -> None:
        """Raises ValueError for values that are not rows × columns, and for values below 0."""
        _checked(self.values, (len(self.rows), len(self.columns)))

    def height_mm(self, width_mm: float, most_mm: float, lettering: float = 1.0) -> float:
        """As high as its rows need."""
        rows = len(self.rows) * _CELL_MM
        return min(most_mm, (HEAD + _LABEL_ROW + rows + _STRIP + FOOT) * lettering)

    def body(self, room: Box, k: float) -> str:
        """Cells with their numbers where they fit, labels above and to the left, the ramp below."""
        values = np.asarray(self.values, float)
        if not np.isfinite(values).any():
            return sentence(room, k)
        rows = [fitting(row, _WIDEST_LABEL_EM) for row in self.rows]
        columns = [fitting(column, _WIDEST_LABEL_EM) for column in self.columns]
        left = (max(map(width_em, rows)) * _SIZE + 2.0) * k
        grid = Box(
            room.left + left, room.top + _LABEL_ROW * k, room.width - left,
            max(room.height - (_LABEL_ROW + _STRIP) * k, 1.0),
        )  # fmt: skip
        most = float(np.nanmax(values))
        return "".join((
            _sides(grid, rows, columns, k), _cells(grid, values, most, k),
            _ramp(self.unit, written(most, decimals_of(values)), grid, k),
        ))  # fmt: skip


def ticks(most: float, whole: bool) -> list[float]:
    """Round numbers from 0 to `most` or the next above it, at most six; whole: no fractions."""
    if not most > 0:
        return [0.0, 1.0]
    least = max(most / _MOST_TICKS, 1.0 if whole else 0.0) * (1 - 1e-12)
    power = 10.0 ** math.floor(math.log10(least))
    step = next(s * power for s in _SERIES if s * power >= least)
    number = math.ceil(most / step * (1 - 1e-12))
    return [float(f"{step * at:.6g}") for at in range(number + 1)]


def written(value: float, decimals: int) -> str:
    """A number as it stands in a chart."""
    return f"{value:,.{decimals}f}"


def decimals_of(values: Floats) -> int:
    """Decimals with which all these are written: none for whole ones, else two digits of the highest.

    At least one then, so that a small part of one is not written as nothing.
    """
    known = values[np.isfinite(values)]
    if (known == known.round()).all():
        return 0
    return int(np.clip(1 - math.floor(math.log10(known.max())), 1, 6))


def _checked(values: Sequence[float] | Floats, shape: tuple[int, ...]) -> None:
    found = np.asarray(values, float)
    if found.shape != shape:
        raise ValueError(f"values are {found.shape}, their labels {shape}")
    if (found < 0).any() or np.isinf(found).any():
        raise ValueError("values must be finite and at least 0")


def sentence(room: Box, k: float) -> str:
    """That there is nothing to be drawn, in the middle."""
    middle = room.left + room.width / 2, room.top + room.height / 2
    return lettered(NOTHING, *middle, 3.4 * k, fill=SOFT, anchor="middle")


def _grid(plot: Box, steps: list[float], k: float) -> str:
    parts = []
    for step, words in zip(steps, _tick_words(steps), strict=True):
        y = plot.top + plot.height * (1 - step / steps[-1])
        line = f"M{plot.left:.2f},{y:.2f}h{plot.width:.2f}"
        colour, wide = (RULE, 0.2) if step else (INK, 0.35)
        parts.append(f'<path d="{line}" stroke="{colour}" stroke-width="{wide}"/>')
        parts.append(
            lettered(words, plot.left - 1.5 * k, y + 0.95 * k, _SIZE * k,
                     fill=SOFT, anchor="end")
        )  # fmt: skip
    return "".join(parts)


def _tick_words(steps: list[float]) -> list[str]:
    return [f"{step:,.10g}" for step in steps]


def _columns(plot: Box, values: Floats, most: float, k: float) -> str:
    step = plot.width / len(values)
    wide = min(_COLUMN * step, _WIDEST_MM * k)
    peak, known = int(np.nanargmax(values)), np.flatnonzero(np.isfinite(values)).tolist()
    decimals = decimals_of(values)
    told = {at: written(values[at], decimals) for at in known}
    all_fit = len(values) <= _ALL_TOLD and max(map(width_em, told.values())) * _SIZE * k < step
    parts = []
    for at in known:
        tall = plot.height * values[at] / most
        x, y = plot.left + (at + 0.5) * step, plot.top + plot.height - tall
        parts.append(
            f'<rect x="{x - wide / 2:.2f}" y="{y:.3f}" width="{wide:.2f}" height="{tall:.3f}"'
            f' fill="{ACCENT}"/>'
        )
        if at == peak or all_fit:
            parts.append(
                lettered(told[at], x, y - 0.9 * k, _SIZE * k, anchor="middle", bold=at == peak)
            )
    return "".join(parts)


def _labels(plot: Box, labels: list[str], widest: float, k: float) -> str:
    step, base = plot.width / len(labels), plot.top + plot.height + 3.8 * k
    return "".join(
        lettered(labels[at], plot.left + (at + 0.5) * step, base, _SIZE * k, fill=SOFT,
                 anchor="middle")
        for at in range(0, len(labels), _every(widest, step, k))
    )  # fmt: skip


def _every(widest: float, step: float, k: float) -> int:
    """Each how manyth label is written so that none touches the next."""
    return max(1, math.ceil((widest + 1.5 * k) / step))


def _sides(grid: Box, rows: list[str], columns: list[str], k: float) -> str:
    """Labels of the rows on the left and of the columns above."""
    wide, tall = grid.width / len(columns), grid.height / len(rows)
    every = _every(max(map(width_em, columns)) * _SIZE * k, wide, k)
    above = [
        lettered(columns[at], grid.left + (at + 0.5) * wide, grid.top - 1.6 * k, _SIZE * k,
                 fill=SOFT, anchor="middle")
        for at in range(0, len(columns), every)
    ]  # fmt: skip
    beside = [
        lettered(row, grid.left - 1.5 * k, grid.top + (at + 0.5) * tall + 0.95 * k, _SIZE * k,
                 anchor="end")
        for at, row in enumerate(rows)
    ]  # fmt: skip
    return "".join(above + beside)


def _cells(grid: Box, values: Floats, most: float, k: float) -> str:
    wide, tall = grid.width / values.shape[1], grid.height / values.shape[0]
    decimals = decimals_of(values)
    size = min(2.3 * k, 0.6 * tall)
    fit = width_em(written(most, decimals)) * size < 0.92 * wide
    parts = []
    for row, column in np.argwhere(np.isfinite(values)).tolist():
        value = float(values[row, column])
        part = value / most if most else 0.0
        x, y = grid.left + column * wide, grid.top + row * tall
        parts.append(
            f'<rect x="{x + 0.15:.2f}" y="{y + 0.15:.2f}" width="{max(wide - 0.3, 0.1):.2f}"'
            f' height="{max(tall - 0.3, 0.1):.2f}" fill="{_shade(part)}"/>'
        )
        if fit and value:
            parts.append(
                lettered(written(value, decimals), x + wide / 2, y + tall / 2 + 0.36 * size, size,
                         fill="#fff" if part > _DARK_FROM else INK, anchor="middle")
            )  # fmt: skip
    return "".join(parts)


def _shade(part: float) -> str:
    """The colour at a part (0–1) of the ramp, whose first is that of nothing."""
    ramp = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in _RAMP], float)
    at = np.linspace(0, 1, len(ramp))
    return "#" + "".join(f"{round(np.interp(part, at, ramp[:, i])):02x}" for i in range(3))


def _ramp(unit: str, most: str, grid: Box, k: float) -> str:
    """The legend under the cells: unit, 0, the ramp, and the highest value."""
    base, size = grid.top + grid.height + 6.2 * k, _SIZE * k
    unit = fitting(unit, grid.width / size / 2)
    zero = grid.left + width_em(unit) * size + 3.0 * k
    left, wide = zero + 2.5 * k, 48 * k
    stops = "".join(
        f'<stop offset="{at / (len(_RAMP) - 1):.3f}" stop-color="{colour}"/>'
        for at, colour in enumerate(_RAMP)
    )
    return (
        lettered(unit, grid.left, base, size, bold=True)
        + lettered("0", zero, base, size)
        + f'<linearGradient id="ramp">{stops}</linearGradient>'
        + f'<rect x="{left:.2f}" y="{base - 2.4 * k:.2f}" width="{wide:.2f}"'
        f' height="{2.9 * k:.2f}" fill="url(#ramp)" stroke="{FINE}" stroke-width="0.15"/>'
        + lettered(most, left + wide + 1.2 * k, base, size)
    )
