"""What lies under and over the theme of every map: water, green, blocks, roads, lanes; and names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import shapely

from cwmap.drawing.frame import Bounds, Frame, Shapes
from cwmap.drawing.lettering import ACCENT, SOFT, legible, lettered, width_em
from cwmap.town import Town
from geo.coordinates import transform_geometries

GROUND = {
    "hill": "#eff0e8", "green": "#dfead3", "block": "#efebe2", "water": "#c9deea", "road": "#ffffff",
    "building": "#e2ddd2",
}  # fmt: skip
"""Kinds of the backdrop that are drawn, the lowest first."""
_PAPER = GROUND["hill"]
"""So that the map does not end where the hills do."""
_LANE, _LANE_EDGE = "#ffffff", "#d5d0c4"
_ASIDE = (0.0, -1.6, 1.6, -3.0, 3.0)
"""Where a name may stand, in its sizes below its shape's middle; the best first."""
_BUILDINGS_FROM = 14.0
"""Metres a millimetre above which buildings are too small to be drawn."""
_BEYOND = 1.0
"""How far outside the frame outlines are cut, mm, so that its rim is not drawn as an outline."""
_MAIN, _ALL_LANES_BELOW = "main", 7.0
"""Kind of lanes that are always named; metres a millimetre below which the others are too."""


def metric(town: Town, layer: str) -> Shapes:
    """A layer's shapes in metres, in its order; kept with the town."""
    return town.kept(
        ("metric", layer),
        lambda: transform_geometries(
            town.layers[layer].geometry.to_numpy(object), "EPSG:4326", town.settings.crs
        ),
    )


def under(town: Town, frame: Frame, *, keep: bool = True) -> str:
    """The ground and the lanes as SVG; keep: with the town, for other maps of the same frame."""
    if not keep:
        return _under(town, frame)
    return town.kept(("ground", frame), lambda: _under(town, frame))


def _under(town: Town, frame: Frame) -> str:
    shapes, kinds = metric(town, "backdrop"), town.layers["backdrop"]["kind"].to_numpy(object)
    paper = (
        f'<rect x="{frame.left:.2f}" y="{frame.top:.2f}" width="{frame.width:.2f}"'
        f' height="{frame.height:.2f}" fill="{_PAPER}"/>'
    )
    parts = [paper]
    for kind, colour in GROUND.items():
        if kind != "building" or frame.scale < _BUILDINGS_FROM:
            parts.append(f'<path d="{frame.path(shapes[kinds == kind])}" fill="{colour}"/>')
    lanes = frame.path(metric(town, "lanes"), speck_mm2=0.0)
    parts.append(f'<path d="{lanes}" fill="{_LANE}" stroke="{_LANE_EDGE}" stroke-width="0.12"/>')
    return "".join(parts)


def over(town: Town, frame: Frame, k: float, taken: list[Bounds], *, all_names: bool = True) -> str:
    """Outlines of the areas, and names where they do not cover each other or what is `taken`.

    all_names: of water and lanes too, not only of the areas.
    """
    areas = metric(town, "areas")
    lines = (
        f'<path d="{frame.wider(_BEYOND).path(areas)}" fill="none" stroke="{ACCENT}"'
        f' stroke-width="{0.3 * k:.2f}"'
        f' stroke-dasharray="{1.6 * k:.2f} {0.9 * k:.2f}" stroke-opacity="0.85"/>'
    )
    taken = list(taken)
    every = np.ones(len(areas), bool)
    names = _names(town, "areas", every, frame, taken, 3.0 * k, ACCENT, _ASIDE)
    if all_names:
        water = town.layers["backdrop"]["kind"].to_numpy(object) == "water"
        lanes = (town.layers["lanes"]["kind"] == _MAIN).to_numpy(bool)
        lanes = lanes | (frame.scale < _ALL_LANES_BELOW)
        names += _names(town, "backdrop", water, frame, taken, 2.5 * k, "#4f86a6")
        names += _names(town, "lanes", lanes, frame, taken, 2.1 * k, SOFT)
    return lines + names


def _names(
    town: Town, layer: str, chosen: npt.NDArray[np.bool_], frame: Frame, taken: list[Bounds],
    size: float, colour: str, aside: Sequence[float] = (0.0,),
) -> str:  # fmt: skip
    """Names in the middle of their shapes, largest shape first, each once; `taken` grows."""
    shapes = metric(town, layer)[chosen]
    words = town.layers[layer]["name"].to_numpy(object)[chosen]
    if not len(shapes):
        return ""
    shapes = shapely.clip_by_rect(shapes, *frame.bounds)
    drawn, seen = [], set()
    for at in np.argsort(-shapely.area(shapes), kind="stable"):
        word = words[at]
        if not isinstance(word, str) or word in seen or shapely.is_empty(shapes[at]):
            continue
        seen.add(word)
        ((x, y),) = frame.place(
            shapely.get_coordinates(shapely.point_on_surface(shapes[at]))
        ).tolist()
        half, tall = width_em(legible(word)) * size / 2, size * 0.62
        places = [y + size * step for step in aside]
        boxes = [(x - half, at_y - tall, x + half, at_y + tall) for at_y in places]
        free = next((n for n, box in enumerate(boxes) if _free(box, frame, taken)), None)
        if free is not None:
            taken.append(boxes[free])
            drawn.append(
                lettered(word, x, places[free] + size * 0.36, size, fill=colour, anchor="middle",
                         bold=layer == "areas", halo="#ffffff")
            )  # fmt: skip
    return "".join(drawn)


def _free(box: Bounds, frame: Frame, taken: list[Bounds]) -> bool:
    left, top, right, bottom = box
    inside = (
        left > frame.left and right < frame.left + frame.width
        and top > frame.top and bottom < frame.top + frame.height
    )  # fmt: skip
    return inside and not any(
        left < r and right > x and top < b and bottom > y for x, y, r, b in taken
    )
