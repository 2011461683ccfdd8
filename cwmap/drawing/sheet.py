"""A map on paper (专题图): title, filter, ground, theme, names, legend, scale bar, north, source."""

from __future__ import annotations

import base64
import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cwmap.colours import RAMPS, heat_png
from cwmap.drawing import ground
from cwmap.drawing.apart import apart
from cwmap.drawing.frame import Bounds, Frame, Shapes
from cwmap.drawing.legend import STRIP, Entry, Legend, ScaleBar
from cwmap.drawing.lettering import ACCENT, INK, legible, lettered, width_em
from cwmap.drawing.page import FINE, FOOT, HEAD, Box, Page
from cwmap.town import Town

_SHAPE = 2 / 3
"""Height to width of a sheet that shows a part of the town."""
_RIM_FROM_MM = 1.2
"""Dots from this size on have a white rim, as marks have; smaller ones would be all rim."""
_BASE = 1.02 / 2.8
"""Of a letter in the middle of a mark: how far below it the base line is, in the letter's sizes."""
_NAMES_STAY_CLEAR = 200
"""So many dots at most keep the names off; more would leave no name."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fill:
    """Polygons (metric) in one colour, and what the legend says of it ("": nothing).

    edge_mm: how much wider thin ones are drawn, in solid colour, so that they are seen from afar.
    opacity: of those without. line: colour of a thin line around each, to tell neighbours apart.
    """

    colour: str
    shapes: Shapes
    words: str = ""
    edge_mm: float = 0.0
    opacity: float = 0.92
    line: str = ""


@dataclass(frozen=True)
class Line:
    """Lines, and outlines of polygons (metric), in one colour."""

    colour: str
    shapes: Shapes
    width_mm: float
    dash: bool = False
    words: str = ""


@dataclass(frozen=True)
class Dots:
    """Many points (n, 2; metric) in one colour, each where it is. size_mm: across."""

    colour: str
    xy: Floats
    size_mm: float
    words: str = ""


@dataclass(frozen=True)
class Heat:
    """A density as `cwmap.figures.heat`, and the steps of its colours."""

    density: npt.NDArray[np.float32]
    steps: tuple[float, ...]


@dataclass(frozen=True)
class Mark:
    """A point (metric) with a number or a letter in it.

    fixed: it stands where it is, below those that are moved apart. size_mm: across.
    """

    x: float
    y: float
    text: str
    colour: str = ACCENT
    fixed: bool = False
    words: str = ""
    size_mm: float = 4.4


@dataclass(frozen=True, eq=False)
class Sheet(Page):
    """A map. What is listed later lies above: heat, fills, lines, dots, names, marks.

    bounds: what is shown, in metres of the town's projection; None: the whole town.
    legend: entries before those of the fills, the heat, the lines, the dots and the marks.
    """

    fills: tuple[Fill, ...] = ()
    heat: Heat | None = None
    marks: tuple[Mark, ...] = ()
    lines: tuple[Line, ...] = ()
    dots: tuple[Dots, ...] = ()
    bounds: Bounds | None = None
    legend: tuple[Entry, ...] = ()

    def body(self, room: Box, k: float) -> str:
        """The map, and under it the legend and the scale bar."""
        frame, legend, bar = self._laid(room, k)
        under = frame.top + frame.height
        return "".join((
            self.map_in(frame, k), legend.svg(room.left, under, k),
            bar.svg(room.left + room.width, under, k),
        ))  # fmt: skip

    def height_mm(self, width_mm: float, most_mm: float, lettering: float = 1.0) -> float:
        """As high as the town is at this width; of a part of it, always of the same shape."""
        if self.bounds is not None:
            return min(most_mm, width_mm * self.shape)
        tall = height_mm(self.town, width_mm, 10 * width_mm, lettering)
        room = Box(0.0, 0.0, width_mm, tall - (HEAD + FOOT) * lettering)
        _, legend, _ = self._laid(room, lettering)
        return min(most_mm, tall + legend.height(lettering) - STRIP * lettering)

    @property
    def shape(self) -> float:
        """Height to width of what is shown; of a part of the town always the same."""
        return _shape(self.town) if self.bounds is None else _SHAPE

    def frame(self, room: Box) -> Frame:
        """What the sheet shows, as large as it is in such a box."""
        return Frame.around(self.bounds or _inner(self.town), *room)

    def map_in(self, frame: Frame, k: float, clip: str = "map", *, all_names: bool = True) -> str:
        """The map by itself; clip: an id that nothing else in the drawing has.

        all_names: not only those of the areas.
        """
        marks, spots = _marks(self.marks, frame, k)
        return "".join((
            f'<clipPath id="{clip}">{_box(frame, "#000")}</clipPath><g clip-path="url(#{clip})">',
            ground.under(self.town, frame, keep=self.bounds is None),
            _heat(self, frame),
            *(_fill(fill, frame, k) for fill in self.fills),
            *(_line(line, frame, k) for line in self.lines),
            *(_dots(dots, frame, k) for dots in self.dots),
            ground.over(
                self.town, frame, k, self._taken(marks, spots, frame, k), all_names=all_names
            ),
            *(_mark(mark, x, y, k) for mark, (x, y) in zip(marks, spots.tolist(), strict=True)),
            "</g>", _box(frame, "none", FINE), _north(frame, k),
        ))  # fmt: skip

    def entries(self) -> tuple[Entry, ...]:
        """What the legend says, each once."""
        said = [
            *self.legend,
            *(Entry(fill.colour, fill.words) for fill in self.fills),
            *_heat_classes(self),
            *(Entry(e.colour, e.words, "dash" if e.dash else "line") for e in self.lines),
            *(Entry(dots.colour, dots.words, "dot") for dots in self.dots),
            *(Entry(mark.colour, mark.words, "dot") for mark in self.marks),
        ]
        return tuple(dict.fromkeys(entry for entry in said if entry.words))

    def _laid(self, room: Box, k: float) -> tuple[Frame, Legend, ScaleBar]:
        frame = self.frame(room._replace(height=room.height - STRIP * k))
        bar = ScaleBar.of(frame, k)
        legend = Legend.laid(self.unit, self.entries(), room.width, bar.room, k)
        frame = self.frame(room._replace(height=room.height - legend.height(k)))
        return frame, legend, ScaleBar.of(frame, k, bar.long)

    def _taken(self, marks: list[Mark], spots: Floats, frame: Frame, k: float) -> list[Bounds]:
        """Boxes of the drawing that no name may cover: marks, few dots, and the north arrow."""
        right, top = frame.left + frame.width, frame.top
        signs = [(mark.size_mm / 2 + 0.2, spot) for mark, spot in zip(marks, spots, strict=True)]
        if sum(len(dots.xy) for dots in self.dots) <= _NAMES_STAY_CLEAR:
            signs += [(x.size_mm / 2, spot) for x in self.dots for spot in frame.place(x.xy)]
        boxes = [(x - r * k, y - r * k, x + r * k, y + r * k) for r, (x, y) in signs]
        return [*boxes, (right - 11 * k, top, right, top + 13 * k)]


def height_mm(town: Town, width_mm: float, most_mm: float, lettering: float = 1.0) -> float:
    """How high a map of this width is if nothing but the town is on it; at most `most_mm`."""
    return min(most_mm, width_mm * _shape(town) + (HEAD + STRIP + FOOT) * lettering)


def extent_m(town: Town) -> Bounds:
    """What a map shows: the heat raster's box, which is the town with a margin, in metres."""
    west, south, east, north = town.heat_grid.bounds
    return float(west), float(south), float(east), float(north)


def _inner(town: Town) -> Bounds:
    """The heat raster's box without most of its margin."""
    west, south, east, north = extent_m(town)
    pad = 0.04 * max(east - west, north - south)
    return west + pad, south + pad, east - pad, north - pad


def _shape(town: Town) -> float:
    west, south, east, north = _inner(town)
    return (north - south) / max(east - west, 1e-3)


def _box(frame: Frame, fill: str, stroke: str = "none") -> str:
    return (
        f'<rect x="{frame.left:.2f}" y="{frame.top:.2f}" width="{frame.width:.2f}"'
        f' height="{frame.height:.2f}" fill="{fill}" stroke="{stroke}" stroke-width="0.2"/>'
    )


def _heat(sheet: Sheet, frame: Frame) -> str:
    if sheet.heat is None:
        return ""
    density, (west, south, east, north) = sheet.heat.density, extent_m(sheet.town)
    if sheet.bounds is not None:
        density, (west, south, east, north) = _cropped(density, (west, south, east, north), frame)
    if not density.size:
        return ""
    (left, top), (right, bottom) = frame.place(np.array([[west, north], [east, south]]))
    image = heat_png(density, list(sheet.heat.steps), "light")
    return (
        f'<image x="{left:.2f}" y="{top:.2f}" width="{right - left:.2f}"'
        f' height="{bottom - top:.2f}" preserveAspectRatio="none"'
        f' href="data:image/png;base64,{base64.b64encode(image).decode()}"/>'
    )


def _cropped(
    density: npt.NDArray[np.float32], bounds: Bounds, frame: Frame
) -> tuple[npt.NDArray[np.float32], Bounds]:
    """The part of a raster that the frame shows, with one cell around it, and its bounds."""
    (west, south, east, north), (rows, columns) = bounds, density.shape
    wide, tall = (east - west) / columns, (north - south) / rows
    shown = frame.bounds
    x = [(shown[0] - west) / wide, (shown[2] - west) / wide]
    y = [(north - shown[3]) / tall, (north - shown[1]) / tall]
    first, last = np.clip([math.floor(x[0]) - 1, math.ceil(x[1]) + 1], 0, columns)
    top, bottom = np.clip([math.floor(y[0]) - 1, math.ceil(y[1]) + 1], 0, rows)
    left, right = float(west + first * wide), float(west + last * wide)
    low, high = float(north - bottom * tall), float(north - top * tall)
    return density[top:bottom, first:last], (left, low, right, high)


def _fill(fill: Fill, frame: Frame, k: float) -> str:
    path = frame.path(fill.shapes, speck_mm2=0.0)
    if not path:
        return ""
    if fill.edge_mm:
        wide = f'stroke="{fill.colour}" stroke-width="{fill.edge_mm * k:.2f}"'
        return f'<path d="{path}" fill="{fill.colour}" {wide} stroke-linejoin="round"/>'
    edge = f' stroke="{fill.line}" stroke-width="{0.15 * k:.2f}"' if fill.line else ""
    return f'<path d="{path}" fill="{fill.colour}" fill-opacity="{fill.opacity:g}"{edge}/>'


def _line(line: Line, frame: Frame, k: float) -> str:
    path, width = frame.lines(line.shapes), line.width_mm * k
    if not path:
        return ""
    dashed = f' stroke-dasharray="{4 * width:.2f} {2.5 * width:.2f}"' if line.dash else ""
    return (
        f'<path d="{path}" fill="none" stroke="{line.colour}" stroke-width="{width:.2f}"'
        f' stroke-linejoin="round"{dashed}/>'
    )


def _dots(dots: Dots, frame: Frame, k: float) -> str:
    """One path of lines without length, whose round caps are the dots."""
    path, size = frame.points(dots.xy), dots.size_mm * k
    if not path:
        return ""
    strokes = [(dots.colour, size)]
    if dots.size_mm >= _RIM_FROM_MM:
        strokes.insert(0, ("#fff", size + 0.4 * k))
    return "".join(
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{wide:.2f}"'
        ' stroke-linecap="round"/>'
        for colour, wide in strokes
    )


def _marks(marks: tuple[Mark, ...], frame: Frame, k: float) -> tuple[list[Mark], Floats]:
    """The marks that are in the frame, fixed ones first, and their places (n, 2) in mm.

    Those that are not fixed do not cover each other.
    """
    places = frame.place(np.array([[m.x, m.y] for m in marks]).reshape(-1, 2))
    shown = np.flatnonzero(frame.holds(places)).tolist()
    order = sorted(shown, key=lambda at: not marks[at].fixed)
    kept, spots = [marks[at] for at in order], places[order]
    free = np.array([not mark.fixed for mark in kept], bool)
    least = max((mark.size_mm for mark in kept if not mark.fixed), default=0.0) + 0.3
    spots[free] = apart(spots[free], least * k)
    return kept, spots


def _mark(mark: Mark, x: float, y: float, k: float) -> str:
    # Letters as large as the circle holds: one of Chinese, two digits.
    size = k * mark.size_mm * min(2.8 / 4.4, 0.8 / max(width_em(legible(mark.text)), 1e-3))
    return (
        f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{mark.size_mm / 2 * k:.2f}" fill="{mark.colour}"'
        f' stroke="#fff" stroke-width="{0.45 * k:.2f}"/>'
        + lettered(mark.text, x, y + _BASE * size, size, fill="#fff", anchor="middle", bold=True)
    )


def _north(frame: Frame, k: float) -> str:
    x, y = frame.left + frame.width - 5.5 * k, frame.top + 2.2 * k
    return (
        f'<path d="M{x:.2f},{y:.2f}l{2.1 * k:.2f},{6 * k:.2f}l{-2.1 * k:.2f},{-1.3 * k:.2f}'
        f'l{-2.1 * k:.2f},{1.3 * k:.2f}z" fill="{INK}" stroke="#fff" stroke-width="{0.3 * k:.2f}"/>'
        + lettered("北", x, y + 9 * k, 2.8 * k, anchor="middle", bold=True, halo="#fff")
    )


def _heat_classes(sheet: Sheet) -> list[Entry]:
    if sheet.heat is None or not sheet.heat.steps:
        return []
    return list(map(Entry, RAMPS["light"], class_words(sheet.heat.steps)))


def class_words(steps: tuple[float, ...] | list[float]) -> list[str]:
    """Classes between steps in words, as many as `RAMPS` has colours: 0–2, 2–5, …, 50 以上."""
    edges = [0.0, *steps]
    between = [f"{a:g}–{b:g}" for a, b in itertools.pairwise(edges)]
    return [*between, f"{edges[-1]:g} 以上"]
