"""A map on paper (专题图): title, filter, ground, theme, names, legend, scale bar, north, source."""

from __future__ import annotations

import base64
import itertools
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from cwmap.colours import RAMPS, heat_png
from cwmap.drawing import ground
from cwmap.drawing.frame import Bounds, Frame, Shapes
from cwmap.drawing.lettering import ACCENT, FAMILIES, INK, SOFT, fitting, lettered, width_em
from cwmap.town import Town

HEAD, STRIP, FOOT = 12.0, 7.5, 4.6
"""Heights in mm of title and filter, of the legend's strip, and of the footer, at lettering 1."""

_NUDGES = 60
_FINE, _RULE = "#8a949a", "#cfd6d8"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fill:
    """Polygons (metric) in one colour, and what the legend says of it ("": nothing).

    edge_mm: how much wider thin ones are drawn, so that they are seen from afar.
    """

    colour: str
    shapes: Shapes
    words: str = ""
    edge_mm: float = 0.0


@dataclass(frozen=True)
class Heat:
    """A density as `cwmap.figures.heat`, and the steps of its colours."""

    density: npt.NDArray[np.float32]
    steps: tuple[float, ...]


@dataclass(frozen=True)
class Mark:
    """A numbered point (metric)."""

    x: float
    y: float
    text: str
    colour: str = ACCENT


@dataclass(frozen=True, eq=False)
class Sheet:
    """What a map says. unit: heads the legend. drawn: day of the print.

    source: where the data are from and as of when.
    """

    town: Town
    title: str
    caption: str
    unit: str
    source: str
    drawn: date
    fills: tuple[Fill, ...] = ()
    heat: Heat | None = None
    marks: tuple[Mark, ...] = ()

    def svg(self, width_mm: float, height_mm: float, lettering: float = 1.0) -> str:
        """The drawing at this size; lettering: how much larger than on an A4 page the letters are."""
        return _drawing(self, width_mm, height_mm, lettering)


def review_words(town: Town) -> str:
    """The review number (审图号) of the office's maps, or the words of one that needs none."""
    return town.settings.review.strip() or "内部使用"


def height_mm(town: Town, width_mm: float, most_mm: float, lettering: float = 1.0) -> float:
    """How high a map of this width is if nothing but the town is on it; at most `most_mm`."""
    west, south, east, north = _inner(town)
    shape = (north - south) / max(east - west, 1e-3)
    return min(most_mm, width_mm * shape + (HEAD + STRIP + FOOT) * lettering)


def extent_m(town: Town) -> Bounds:
    """What a map shows: the heat raster's box, which is the town with a margin, in metres."""
    west, south, east, north = town.heat_grid.bounds
    return float(west), float(south), float(east), float(north)


def _drawing(sheet: Sheet, width: float, height: float, k: float) -> str:
    top = HEAD * k
    frame = Frame.around(_inner(sheet.town), 0.0, top, width, height - top - (STRIP + FOOT) * k)
    spots = _apart(frame.place(np.array([[m.x, m.y] for m in sheet.marks]).reshape(-1, 2)), k)
    opened = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}mm" height="{height:g}mm"'
        f' viewBox="0 0 {width:g} {height:g}" font-family="{FAMILIES}">'
        f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>'
    )
    parts = [
        opened,
        _title(sheet, width, k),
        _clip(frame),
        '<g clip-path="url(#map)">',
        ground.under(sheet.town, frame),
        _heat(sheet, frame),
        *(_fill(fill, frame, k) for fill in sheet.fills),
        ground.over(sheet.town, frame, k, _taken(spots, frame, k)),
        *(_mark(mark, x, y, k) for mark, (x, y) in zip(sheet.marks, spots.tolist(), strict=True)),
        "</g>",
        _box(frame, "none", _FINE),
        _north(frame, k),
        _legend(sheet, frame, k),
        _foot(sheet, width, height, k),
        "</svg>",
    ]
    return "".join(parts)


def _inner(town: Town) -> Bounds:
    """The heat raster's box without most of its margin."""
    west, south, east, north = extent_m(town)
    pad = 0.04 * max(east - west, north - south)
    return west + pad, south + pad, east - pad, north - pad


def _title(sheet: Sheet, width: float, k: float) -> str:
    badge = _badge(sheet, width - 13 * k, 4.6 * k, k)
    room = (width - 16 * k) / (4.4 * k)
    return (
        lettered(fitting(sheet.title, room), 0, 4.9 * k, 4.4 * k, bold=True)
        + lettered(fitting(sheet.caption, width / (2.5 * k)), 0, 9.6 * k, 2.5 * k, fill=SOFT)
        + badge
    )


def _badge(sheet: Sheet, x: float, base: float, k: float) -> str:
    if not sheet.town.settings.synthetic:
        return ""
    return (
        f'<rect x="{x:.2f}" y="{base - 4.1 * k:.2f}" width="{13 * k:.2f}" height="{5.4 * k:.2f}"'
        f' rx="{0.9 * k:.2f}" fill="#ffe9c7" stroke="#f0c98c" stroke-width="{0.25 * k:.2f}"/>'
        + lettered("示例", x + 6.5 * k, base, 3.5 * k, fill="#8a4b00", anchor="middle", bold=True)
    )


def _clip(frame: Frame) -> str:
    return f'<clipPath id="map">{_box(frame, "#000")}</clipPath>'


def _box(frame: Frame, fill: str, stroke: str = "none") -> str:
    return (
        f'<rect x="{frame.left:.2f}" y="{frame.top:.2f}" width="{frame.width:.2f}"'
        f' height="{frame.height:.2f}" fill="{fill}" stroke="{stroke}" stroke-width="0.2"/>'
    )


def _heat(sheet: Sheet, frame: Frame) -> str:
    if sheet.heat is None:
        return ""
    west, south, east, north = extent_m(sheet.town)
    (left, top), (right, bottom) = frame.place(np.array([[west, north], [east, south]]))
    image = heat_png(sheet.heat.density, list(sheet.heat.steps), "light")
    return (
        f'<image x="{left:.2f}" y="{top:.2f}" width="{right - left:.2f}"'
        f' height="{bottom - top:.2f}" preserveAspectRatio="none"'
        f' href="data:image/png;base64,{base64.b64encode(image).decode()}"/>'
    )


def _fill(fill: Fill, frame: Frame, k: float) -> str:
    path = frame.path(fill.shapes, speck_mm2=0.0)
    if not path:
        return ""
    if not fill.edge_mm:
        return f'<path d="{path}" fill="{fill.colour}" fill-opacity="0.92"/>'
    wide = f'stroke="{fill.colour}" stroke-width="{fill.edge_mm * k:.2f}" stroke-linejoin="round"'
    return f'<path d="{path}" fill="{fill.colour}" {wide}/>'


def _apart(points: Floats, k: float) -> Floats:
    """Places (n, 2) of marks in mm, moved until none covers another."""
    points, least = points.copy(), 4.7 * k
    for _ in range(_NUDGES):
        moved = False
        for a, b in itertools.combinations(range(len(points)), 2):
            way = points[b] - points[a]
            distance = float(np.hypot(*way))
            if distance < least:
                unit = way / distance if distance > 0 else np.array([1.0, 0.0])
                points[a] -= unit * (least - distance) / 2
                points[b] += unit * (least - distance) / 2
                moved = True
        if not moved:
            break
    return points


def _taken(spots: Floats, frame: Frame, k: float) -> list[Bounds]:
    """Boxes of the drawing that no name may cover: the marks and the north arrow."""
    r, right, top = 2.4 * k, frame.left + frame.width, frame.top
    boxes = [(x - r, y - r, x + r, y + r) for x, y in spots.tolist()]
    return [*boxes, (right - 11 * k, top, right, top + 13 * k)]


def _mark(mark: Mark, x: float, y: float, k: float) -> str:
    return (
        f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{2.2 * k:.2f}" fill="{mark.colour}" stroke="#fff"'
        f' stroke-width="{0.45 * k:.2f}"/>'
        + lettered(mark.text, x, y + 1.02 * k, 2.8 * k, fill="#fff", anchor="middle", bold=True)
    )


def _north(frame: Frame, k: float) -> str:
    x, y = frame.left + frame.width - 5.5 * k, frame.top + 2.2 * k
    return (
        f'<path d="M{x:.2f},{y:.2f}l{2.1 * k:.2f},{6 * k:.2f}l{-2.1 * k:.2f},{-1.3 * k:.2f}'
        f'l{-2.1 * k:.2f},{1.3 * k:.2f}z" fill="{INK}" stroke="#fff" stroke-width="{0.3 * k:.2f}"/>'
        + lettered("北", x, y + 9 * k, 2.8 * k, anchor="middle", bold=True, halo="#fff")
    )


def _legend(sheet: Sheet, frame: Frame, k: float) -> str:
    """The strip under the map: unit and classes on the left, scale bar on the right."""
    base = frame.top + frame.height + 4.9 * k
    size, x = 2.7 * k, 0.0
    bar, bar_mm = _scale_bar(frame, base, k)
    entries = [(f.colour, f.words) for f in sheet.fills if f.words] + _heat_classes(sheet)
    parts = [lettered(sheet.unit, x, base, size, bold=True)]
    x += width_em(sheet.unit) * size + 2.5 * k
    room = frame.width - bar_mm - 4 * k - x
    natural = sum(7.0 * k + width_em(words) * size for _, words in entries)
    s = min(1.0, room / natural) if natural else 1.0  # what does not fit is drawn smaller
    for colour, words in entries:
        parts.append(
            f'<rect x="{x:.2f}" y="{base - 2.4 * k * s:.2f}" width="{4.2 * k * s:.2f}"'
            f' height="{2.9 * k * s:.2f}" fill="{colour}"/>'
        )
        parts.append(lettered(words, x + 5.0 * k * s, base, size * s))
        x += (7.0 * k + width_em(words) * size) * s
    return "".join([*parts, bar])


def _heat_classes(sheet: Sheet) -> list[tuple[str, str]]:
    if sheet.heat is None or not sheet.heat.steps:
        return []
    return list(zip(RAMPS["light"], class_words(sheet.heat.steps), strict=True))


def class_words(steps: tuple[float, ...] | list[float]) -> list[str]:
    """Classes between steps in words, as many as `RAMPS` has colours: 0–2, 2–5, …, 50 以上."""
    edges = [0.0, *steps]
    between = [f"{a:g}–{b:g}" for a, b in itertools.pairwise(edges)]
    return [*between, f"{edges[-1]:g} 以上"]


def _scale_bar(frame: Frame, base: float, k: float) -> tuple[str, float]:
    """A bar of two halves with round lengths, at the right edge; and the room that it takes."""
    length_m = frame.round_length_m(min(34 * k, 0.2 * frame.width))
    long = length_m / frame.scale
    number = f"{length_m / 1000:g} 千米" if length_m >= 1000 else f"{length_m:g} 米"
    said = width_em(number) * 2.5 * k
    left = frame.left + frame.width - long - said - 1.4 * k
    y = base - 1.9 * k
    halves = "".join(
        f'<rect x="{left + at * long / 2:.2f}" y="{y:.2f}" width="{long / 2:.2f}"'
        f' height="{1.3 * k:.2f}" fill="{fill}" stroke="{INK}" stroke-width="{0.2 * k:.2f}"/>'
        for at, fill in enumerate((INK, "#fff"))
    )
    words = lettered("0", left - 1.0 * k, base - 0.4 * k, 2.5 * k, anchor="end") + lettered(
        number, left + long + 1.2 * k, base - 0.4 * k, 2.5 * k
    )
    return halves + words, long + said + 5 * k


def _foot(sheet: Sheet, width: float, height: float, k: float) -> str:
    base, size = height - 1.2 * k, 2.2 * k
    right = f"{review_words(sheet.town)}　{sheet.drawn} 制图"
    room = (width - width_em(right) * size) / size - 2
    small = max(0.6, min(1.0, room / max(width_em(sheet.source), 1.0)))
    line = f'<path d="M0,{height - FOOT * k + 0.4:.2f}h{width:g}" stroke="{_RULE}" stroke-width="0.2"/>'
    return (
        line
        + lettered(fitting(sheet.source, room / small), 0, base, size * small, fill=SOFT)
        + lettered(right, width, base, size, fill=SOFT, anchor="end")
    )
