"""Public places of the demo town: parks, schools, markets and so on, each with its own figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely import Polygon, affinity

from cwmap.demo.ground import Ground

# Figures on a unit square, (kind of ground, x0, y0, x1, y1); "oval" is a running track.
_FIGURES: dict[str, list[tuple[str, float, float, float, float]]] = {
    "park": [("green", 0, 0, 1, 1), ("building", 0.46, 0.44, 0.54, 0.56)],
    "lake_park": [("green", 0, 0, 1, 1), ("pond", 0.22, 0.2, 0.68, 0.74), ("building", 0.8, 0.62, 0.88, 0.78)],
    "square": [("green", 0, 0, 0.22, 0.62), ("green", 0.78, 0, 1, 0.62), ("green", 0.3, 0, 0.7, 0.2),
               ("building", 0.14, 0.72, 0.86, 1), ("building", 0.42, 0.62, 0.58, 0.72)],
    "school": [("oval", 0, 0.04, 0.5, 0.6), ("building", 0.56, 0, 0.66, 0.7), ("building", 0.66, 0, 1, 0.13),
               ("building", 0.72, 0.34, 1, 0.48), ("building", 0.56, 0.86, 1, 1), ("building", 0, 0.8, 0.42, 0.94)],
    "stadium": [("building", 0, 0.1, 0.07, 0.9), ("oval", 0.12, 0.06, 0.78, 0.94), ("building", 0.84, 0.1, 1, 0.9)],
    "hospital": [("building", 0, 0.1, 0.16, 1), ("building", 0.16, 0.5, 0.5, 0.64), ("building", 0.5, 0.1, 0.66, 1),
                 ("building", 0.78, 0.3, 1, 0.86), ("green", 0.2, 0.08, 0.46, 0.42)],
    "market": [("building", 0, 0, 1, 0.27), ("building", 0, 0.36, 1, 0.63), ("building", 0, 0.72, 1, 1)],
    "station": [("building", 0.1, 0.62, 0.9, 1), ("building", 0, 0, 0.08, 0.5)],
    "shrine": [("building", 0.2, 0.72, 0.8, 1), ("building", 0, 0.1, 0.16, 0.66), ("building", 0.84, 0.1, 1, 0.66),
               ("building", 0.36, 0.36, 0.64, 0.58), ("building", 0.34, 0, 0.66, 0.12)],
}  # fmt: skip


@dataclass(frozen=True)
class Site:
    """A public place: its ground and what stands on it, as (kind of backdrop, shape)."""

    name: str
    kind: str
    ground: Polygon
    parts: list[tuple[str, Polygon]]


def sites(plan: dict[str, Any], ground: Ground) -> list[Site]:
    """The public places of the plan; metres."""
    found = []
    for row in plan["site"]:
        s, v = row["at"]
        (x, y), (xe, ye) = ground.valley.at([[s, v], [s + 1, v]])
        turn = np.degrees(np.arctan2(ye - y, xe - x))

        def put(
            shape: Polygon, size: Any = row["size"], turn: float = turn, x: float = x, y: float = y
        ) -> Polygon:
            wide = affinity.scale(shape, size[0], size[1], origin=(0.5, 0.5))
            return affinity.translate(
                affinity.rotate(wide, turn, origin=(0.5, 0.5)), x - 0.5, y - 0.5
            )

        parts = [(_KIND[kind], put(_figure(kind, *box))) for kind, *box in _FIGURES[row["kind"]]]
        whole = put(shapely.box(-0.02, -0.02, 1.02, 1.02))
        # A pond lies in its park, not under it.
        wet = shapely.union_all([p for k, p in parts if k == "water"])
        parts = [(k, p.difference(wet) if k == "green" else p) for k, p in parts]
        found.append(Site(row["name"], row["kind"], whole, parts))
    return found


_KIND = {"green": "green", "oval": "green", "pond": "water", "building": "building"}


def _figure(kind: str, x0: float, y0: float, x1: float, y1: float) -> Polygon:
    if kind in ("green", "building"):
        return shapely.box(x0, y0, x1, y1)
    turn = np.linspace(0, 2 * np.pi, 33)[:-1]
    power = 0.55 if kind == "oval" else 0.8
    r = np.column_stack([np.cos(turn), np.sin(turn)])
    if kind == "pond":
        r *= (1 + 0.16 * np.sin(3 * turn + 0.6) + 0.08 * np.sin(5 * turn))[:, None]
    r = np.sign(r) * np.abs(r) ** power
    return Polygon(np.array([(x0 + x1) / 2, (y0 + y1) / 2]) + r * np.array([x1 - x0, y1 - y0]) / 2)
