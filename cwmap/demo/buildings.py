"""Buildings of the demo town: plots of the old town and villages, slabs of the compounds.

Shapes are made for the look of a map only; metres in the frame of `cwmap.demo.ground`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon, affinity

from cwmap.demo.ground import Array, polygons

Shapes = NDArray[np.object_]
FAR_M = 5000.0


@dataclass(frozen=True)
class Buildings:
    """Footprints with the fabric they belong to, the piece of land (position) and storeys."""

    shapes: Shapes
    fabric: NDArray[np.str_]
    land: NDArray[np.int64]
    storeys: NDArray[np.int64]


# fabric: plot m2, gap m, share left open, share with a yard, storeys from–to
_PLOTS = {
    "old": (455.0, 1.1, 0.07, 0.34, 2, 5),
    "village": (430.0, 1.9, 0.16, 0.36, 2, 3),
    "shops": (640.0, 0.9, 0.06, 0.0, 3, 6),
}
# fabric: length m, depth m, row pitch m, gap m, storeys from–to
_SLABS = {
    "old": (34.0, 11.0, 23.0, 6.0, 5, 6),
    "mixed": (44.0, 12.0, 30.0, 8.0, 5, 7),
    "new": (58.0, 14.5, 46.0, 14.0, 11, 18),
    "tower": (27.0, 23.0, 54.0, 26.0, 18, 26),
}


def build(
    lands: list[Polygon], fabrics: list[str], angles: Array, rng: np.random.Generator
) -> Buildings:
    """Fill each piece of land (its streets taken off) according to its fabric."""
    plots: list[tuple[Polygon, str, int]] = []
    slabs: list[tuple[Polygon, str, int]] = []
    for k, (land, fabric) in enumerate(zip(lands, fabrics, strict=True)):
        compound = {"old": 0.2, "mixed": 0.92, "new": 1.0}.get(fabric, 0.0) > rng.random()
        if not compound or land.area < 2500:
            style = "old" if fabric == "mixed" else "shops" if fabric == "new" else fabric
            plots.append((land, style, k))
            continue
        inner = land
        if rng.random() < (0.4 if fabric == "new" else 0.6):
            deep = rng.uniform(11, 15)
            inner = land.buffer(-deep - 6, join_style="mitre")
            core = Polygon(land.exterior).buffer(-deep, join_style="mitre")
            plots += [(p, "shops", k) for p in polygons(land.difference(core))]
        stretch = rng.uniform(0.8, 1.3, 2)
        style = "tower" if fabric == "new" and rng.random() < 0.3 else fabric
        for part in polygons(inner.buffer(-2)):
            length, depth, pitch, gap = _SLABS[style][:4]
            rows = _rows(part, angles[k], length * stretch[0], depth, pitch * stretch[1], gap, rng)
            slabs += [(s, style, k) for s in rows]
    houses, owner = _mosaic(plots, rng)
    styles = [plots[i][1] for i in owner] + [s for _, s, _ in slabs]
    low = np.array(
        [_PLOTS[s][4] for s in styles[: len(owner)]] + [_SLABS[s][4] for _, s, _ in slabs]
    )
    high = np.array(
        [_PLOTS[s][5] for s in styles[: len(owner)]] + [_SLABS[s][5] for _, s, _ in slabs]
    )
    return Buildings(
        np.array([*houses, *(s for s, _, _ in slabs)], object),
        np.array(styles),
        np.array([plots[i][2] for i in owner] + [k for _, _, k in slabs]),
        rng.integers(low, high + 1),
    )


def orientation(lands: list[Polygon]) -> Array:
    """The direction nearest to west–east in which each piece of land lies, radians."""
    box = _boxes(np.array(lands, object))
    side = box[:, 1] - box[:, 0]
    turn: Array = np.arctan2(side[:, 1], side[:, 0])
    return (turn + np.pi / 4) % (np.pi / 2) - np.pi / 4


def _rows(
    land: Polygon,
    angle: float,
    length: float,
    depth: float,
    pitch: float,
    gap: float,
    rng: np.random.Generator,
) -> list[Polygon]:
    """Slabs in rows that face the same way; each row fills what the land leaves it."""
    turned = affinity.rotate(land, -angle, origin=(0, 0), use_radians=True)
    x0, y0, x1, y1 = turned.bounds
    rows = max(1, int((y1 - y0 - depth) // pitch) + 1)
    start = y0 + ((y1 - y0) - (rows - 1) * pitch - depth) / 2
    found = []
    for y in start + pitch * np.arange(rows):
        for a, b in _free(turned, y, depth, x0, x1):
            count = max(1, round((b - a + gap) / (length + gap)))
            size = min((b - a - gap * (count - 1)) / count, length * 1.35)
            if size < 0.42 * length:
                continue
            at = (
                a
                + ((b - a) - count * size - (count - 1) * gap) / 2
                + np.arange(count) * (size + gap)
            )
            for x in at[rng.random(count) > 0.06]:
                cut = rng.uniform(0, 0.12) * size
                found.append(shapely.box(x + cut / 2, y, x + size - cut / 2, y + depth))
    return [affinity.rotate(s, angle, origin=(0, 0), use_radians=True) for s in found]


def _free(land: Polygon, y: float, depth: float, x0: float, x1: float) -> list[tuple[float, float]]:
    """Intervals of x where a row of this depth lies on the land."""
    spans: list[list[tuple[float, float]]] = []
    for level in (y, y + depth / 2, y + depth):
        line = shapely.intersection(land, shapely.LineString([(x0 - 1, level), (x1 + 1, level)]))
        spans.append([(p.bounds[0], p.bounds[2]) for p in shapely.get_parts(line)])
    both = spans[0]
    for other in spans[1:]:
        both = [(max(a, c), min(b, d)) for a, b in both for c, d in other if min(b, d) > max(a, c)]
    return sorted(both)


def _mosaic(
    plots: list[tuple[Polygon, str, int]], rng: np.random.Generator
) -> tuple[Shapes, NDArray[np.int64]]:
    """Cut land into plots and build on most: footprints, and which item of `plots` each is from."""
    size = np.array([_PLOTS[style][0] for _, style, _ in plots])
    shapes, owner = _divided(np.array([land for land, _, _ in plots], object), size, rng)
    rule = np.array([_PLOTS[style][1:4] for _, style, _ in plots])[owner]
    yard = (rng.random(len(shapes)) < rule[:, 2]) & (shapely.area(shapes) > 120)
    shapes = shapely.buffer(shapes, -rule[:, 0], join_style="mitre")
    shapes[yard] = _with_yard(shapes[yard], rng)
    shapes, index = shapely.get_parts(shapes, return_index=True)
    owner, rule = owner[index], rule[index]
    shapes = shapely.simplify(shapes, 0.7)
    stout = shapely.area(shapes) / np.maximum(shapely.length(shapes), 1) ** 2 > 0.028
    keep = stout & (shapely.area(shapes) > 36) & (rng.random(len(shapes)) > rule[:, 1])
    return shapes[keep], owner[keep]


def parcels(lands: list[Polygon], size_m2: float, rng: np.random.Generator) -> Shapes:
    """Land cut into parcels of about this size."""
    return _divided(np.array(lands, object), np.full(len(lands), size_m2), rng)[0]


def _divided(
    lands: Shapes, size: Array, rng: np.random.Generator
) -> tuple[Shapes, NDArray[np.int64]]:
    """Parcels of up to about twice `size`, and the position of the land that each is from."""
    owner = np.arange(len(lands))
    done: list[tuple[Shapes, NDArray[np.int64]]] = []
    while len(lands):
        small = shapely.area(lands) <= size[owner] * rng.uniform(1.0, 2.1, len(owner))
        done.append((lands[small], owner[small]))
        lands, owner = _halve(lands[~small], owner[~small], rng)
    return np.concatenate([s for s, _ in done]), np.concatenate([o for _, o in done])


def _halve(
    shapes: Shapes, owner: NDArray[np.int64], rng: np.random.Generator
) -> tuple[Shapes, NDArray[np.int64]]:
    """Both sides of a cut across the longer side of each shape."""
    if not len(shapes):
        return shapes, owner
    box = _boxes(shapes)
    a, b = box[:, 1] - box[:, 0], box[:, 3] - box[:, 0]
    wide = (np.hypot(*a.T) >= np.hypot(*b.T))[:, None]
    long, short = np.where(wide, a, b), np.where(wide, b, a)
    at = box[:, 0] + long * rng.uniform(0.4, 0.6, (len(shapes), 1))
    along = long / np.hypot(*long.T)[:, None] * FAR_M
    side = short / np.maximum(np.hypot(*short.T), 1e-6)[:, None] * FAR_M
    halves = [
        shapely.polygons(
            np.stack([at + side, at - side, at - side + s * along, at + side + s * along], 1)
        )
        for s in (1, -1)
    ]
    parts = [shapely.get_parts(shapely.intersection(shapes, h), return_index=True) for h in halves]
    both = np.concatenate([p for p, _ in parts])
    index = np.concatenate([i for _, i in parts])
    keep = shapely.area(both) > 20
    order = np.argsort(index[keep], kind="stable")
    return both[keep][order], owner[index[keep][order]]


def _with_yard(shapes: Shapes, rng: np.random.Generator) -> Shapes:
    """L shapes: a corner of each footprint left as a yard."""
    box = _boxes(shapes)
    corner = rng.integers(0, 4, len(shapes))
    each = np.arange(len(shapes))
    c = box[each, corner]
    a, b = box[each, (corner + 1) % 4] - c, box[each, (corner + 3) % 4] - c
    p, q = rng.uniform(0.38, 0.6, (2, len(shapes), 1))
    yard = shapely.polygons(np.stack([c - 0.1 * (a + b), c + p * a - 0.1 * b, c + p * a + q * b,
                                      c + q * b - 0.1 * a], 1))  # fmt: skip
    cut: Shapes = shapely.difference(shapes, yard)
    return cut


def _boxes(shapes: Shapes) -> Array:
    """Corners of the smallest turned rectangle about each shape, shape (n, 4, 2)."""
    boxes = shapely.oriented_envelope(shapes)
    flat = shapely.get_type_id(boxes) != shapely.GeometryType.POLYGON
    boxes[flat] = shapely.envelope(shapes[flat])
    points: Array = shapely.get_coordinates(shapely.get_exterior_ring(boxes)).reshape(-1, 5, 2)
    return points[:, :4]
