"""Streets of the demo town, the blocks between them, and the back lanes inside the blocks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely import LineString, Point, Polygon
from shapely.ops import substring

from cwmap.demo.ground import Ground, opened, polygons

SNAP_M = 45.0
REACH_M = 30.0
GRID_M = 0.01

# Centre line, width and quarter of a back lane that has no name yet.
Back = tuple[LineString, float, str]


@dataclass(frozen=True)
class Fabric:
    """How finely lanes cut a block: area of a piece, crookedness, widths (metres)."""

    piece_m2: float
    bend: float
    widths_m: tuple[float, ...]


FABRICS = {
    "old": Fabric(12_500, 0.13, (3, 3, 3.5, 4, 4, 4.5, 5)),
    "village": Fabric(21_000, 0.13, (3, 3, 3.5, 4, 4.5)),
    "mixed": Fabric(52_000, 0.04, (5, 6, 6, 7)),
    "new": Fabric(90_000, 0.0, (8, 9)),
}


@dataclass(frozen=True)
class Lane:
    """One unit of the lane-chief system. `axis` runs west→east or south→north; metres."""

    name: str
    kind: str
    width_m: float
    axis: LineString
    shape: Polygon
    quarter: str = ""
    aliases: str = ""


@dataclass(frozen=True)
class Block:
    """Land between streets and lanes, its edges on their centre lines."""

    shape: Polygon
    fabric: str
    quarter: str


def streets(plan: dict[str, Any], ground: Ground) -> list[tuple[dict[str, Any], LineString]]:
    """Each street of the plan with its centre line, ends fitted to the streets that they meet."""
    rows = plan["street"]
    raw = [ground.valley.line(row["points"]) for row in rows]
    return [
        (row, _fit(line, shapely.union_all(raw[:k] + raw[k + 1 :])))
        for k, (row, line) in enumerate(zip(rows, raw, strict=True))
    ]


def _fit(line: LineString, others: Any) -> LineString:
    for _ in range(2):  # both ends: fit the last point, then turn round
        line = line.reverse()
        end = Point(line.coords[-1])
        met = [line.project(p) for p in _points(line.intersection(others))]
        near = [d for d in met if line.length - d < SNAP_M]
        if near:
            line = substring(line, 0, max(near) + 0.5)
        elif end.distance(others) < SNAP_M:
            line = _to(line, others)
    return line


def _to(line: LineString, others: Any) -> LineString:
    """A line whose end goes on to the nearest of the others, and a little past it."""
    end = Point(line.coords[-1])
    goal = shapely.get_coordinates(shapely.shortest_line(end, others))[1]
    way = goal - np.array(end.coords[0])
    return LineString([*line.coords, goal + way / max(np.hypot(*way), 1e-9) * 0.5])


def connected(lines: list[LineString], back: list[Back]) -> list[Back]:
    """Back lanes that lead somewhere: ends near another lane reach it, and islands are left out."""
    axes = [*lines, *(lane[0] for lane in back)]
    for k in range(len(lines), len(axes)):
        others = shapely.union_all(axes[:k] + axes[k + 1 :])
        for _ in range(2):
            axes[k] = axes[k].reverse()
            if 0.5 < Point(axes[k].coords[-1]).distance(others) < REACH_M:
                axes[k] = _to(axes[k], others)
    pairs = shapely.STRtree(axes).query(axes, "dwithin", distance=1.0)
    net = coo_array((np.ones(pairs.shape[1]), pairs), shape=(len(axes), len(axes)))
    part = connected_components(net, directed=False)[1]
    kept = part == np.bincount(part).argmax()
    return [
        (axes[len(lines) + k], *lane[1:]) for k, lane in enumerate(back) if kept[len(lines) + k]
    ]


def _points(shape: Any) -> list[Point]:
    return [Point(c) for c in shapely.get_coordinates(shape)] if not shape.is_empty else []


def faces(plan: dict[str, Any], ground: Ground, lines: list[LineString]) -> list[Polygon]:
    """What streets, limits of blocks, the rivers' middles and the town's edge enclose."""
    limits = [ground.valley.line(row["points"]) for row in plan["limit"]]
    drawn = [*lines, *limits, ground.middle, ground.brook_line, ground.town.exterior]
    noded = shapely.union_all(drawn, grid_size=GRID_M)
    found = shapely.get_parts(shapely.polygonize([noded]))
    return [f for f in found if ground.town.contains(f.representative_point())]


def settle(
    plan: dict[str, Any], ground: Ground, found: list[Polygon]
) -> tuple[list[Block], list[Polygon]]:
    """Blocks that are built on, by the first quarter that holds them, and land along the water."""
    quarters = [(row, ground.valley.face(row["points"]).buffer(0)) for row in plan["quarter"]]
    built, riverside = [], []
    for face in found:
        if shapely.dwithin(face, ground.middle, 0.1) or shapely.dwithin(
            face, ground.brook_line, 0.1
        ):
            riverside.append(face)
            continue
        rest = face
        for row, area in quarters:
            whole = row["fabric"] != "village"
            if whole and not area.contains(rest.representative_point()):
                continue
            share = rest if whole else rest.intersection(area)
            if share.area > 0.85 * rest.area:
                share = rest
            parts = [part for part in polygons(share) if part.area > 1500]
            built += [Block(part, row["fabric"], row["name"]) for part in parts]
            rest = max(polygons(rest.difference(share)), key=lambda p: p.area, default=Polygon())
            if rest.area < 600:
                break
    return built, riverside


def cut(
    block: Block, rng: np.random.Generator
) -> tuple[list[tuple[LineString, float]], list[Block]]:
    """Back lanes of a block as (centre line, width) and the smaller blocks that they leave."""
    fabric = FABRICS[block.fabric]
    if block.shape.area < fabric.piece_m2 * rng.uniform(1.15, 1.7):
        return [], [block]
    best: tuple[float, LineString, list[Polygon]] | None = None
    for _ in range(5):
        line = _across(block.shape, fabric.bend, rng)
        parts, inside = _split(block.shape, line), _inside(line, block.shape)
        if len(parts) == 2 and 45 <= inside.length <= 400:
            grade = min(_roundness(p) for p in parts)
            if min(p.area for p in parts) > 0.3 * fabric.piece_m2 and (not best or grade > best[0]):
                best = grade, inside, parts
    if not best or best[0] < 0.3:
        return [], [block]
    lanes, pieces = [(best[1], float(rng.choice(fabric.widths_m)))], []
    for part in best[2]:
        more, rest = cut(replace(block, shape=part), rng)
        lanes += more
        pieces += rest
    return lanes, pieces


def _inside(line: LineString, shape: Polygon) -> LineString:
    parts = shapely.get_parts(line.intersection(shape))
    return max(parts, key=shapely.length, default=LineString())


def _roundness(shape: Polygon) -> float:
    """1 for a circle, 0.785 for a square, near 0 for a sliver."""
    return float(4 * np.pi * shape.area / shape.length**2)


def _across(shape: Polygon, bend: float, rng: np.random.Generator) -> LineString:
    """A bent line across the longer side of a shape, well past its edges."""
    box = np.array(shape.minimum_rotated_rectangle.exterior.coords)[:4]
    a, b = box[1] - box[0], box[2] - box[1]
    origin, long, short = (box[0], a, b) if np.hypot(*a) >= np.hypot(*b) else (box[1], b, -a)
    steps = np.array([0.0, 0.22, 0.46, 0.54, 0.78, 1.0]) + np.r_[0, rng.uniform(-0.06, 0.06, 4), 0]
    # A back lane leans, bows and jogs once where an old wall stood.
    lean, bow, jog = rng.normal(0, bend, 3) * (1.0, 1.3, 0.8)
    wobble = lean * (steps - 0.5) + bow * np.sin(np.pi * steps) + jog * (steps > 0.5)
    wobble *= np.hypot(*short) / np.hypot(*long)
    points = origin + np.outer(rng.uniform(0.42, 0.58) + wobble, long) + np.outer(steps, short)
    over = (points[-1] - points[0]) * 0.1
    return LineString(np.vstack([points[0] - over, points, points[-1] + over]))


def _split(shape: Polygon, line: LineString) -> list[Polygon]:
    noded = shapely.union_all([shape.exterior, line], grid_size=GRID_M)
    parts = shapely.get_parts(shapely.polygonize([noded]))
    return [p for p in parts if p.area > 1 and shape.contains(p.representative_point())]


def units(rows: list[tuple[dict[str, Any], LineString]], back: list[Back]) -> list[Lane]:
    """Streets cut at their junctions, and back lanes: polygons that meet at their edges."""
    lanes = []
    for k, (row, line) in enumerate(rows):
        others = shapely.union_all([other for j, (_, other) in enumerate(rows) if j != k])
        places = _cuts(line, others, row["cuts"])
        parts = [substring(line, a, b) for a, b in pairwise(places)]
        for part, tag in zip(*_tagged([_forward(p) for p in parts]), strict=True):
            lanes.append(Lane(row["name"] + tag, row["kind"], row["width"], part, Polygon()))
    lanes += [Lane("", "lane", width, _forward(line), Polygon(), quarter)
              for line, width, quarter in back]  # fmt: skip
    return _widen(lanes)


def _cuts(line: LineString, others: Any, parts: int) -> list[float]:
    junctions = np.array([line.project(p) for p in _points(line.intersection(others))])
    chosen = [0.0]
    for k in range(1, parts):
        wish = line.length * k / parts
        free = junctions[(junctions > chosen[-1] + 120) & (junctions < line.length - 120)]
        if len(free):
            chosen.append(float(free[np.abs(free - wish).argmin()]))
    return [*chosen, line.length]


def _forward(line: LineString) -> LineString:
    """West to east, or south to north where a line runs mostly that way."""
    way = np.subtract(line.coords[-1], line.coords[0])
    return line if way[np.abs(way).argmax()] > 0 else line.reverse()


def _tagged(parts: list[LineString]) -> tuple[list[LineString], list[str]]:
    way = np.abs(np.subtract(parts[-1].centroid.coords[0], parts[0].centroid.coords[0]))
    axis = int(way.argmax())
    ordered = sorted(parts, key=lambda p: p.centroid.coords[0][axis])
    ends = ("西", "东") if axis == 0 else ("南", "北")
    words = {1: [""], 2: list(ends), 3: [ends[0], "中", ends[1]]}.get(
        len(parts), list("一二三四五六七八九")[: len(parts)]
    )
    return ordered, [f"（{w}段）" if w else "" for w in words]


def _widen(lanes: list[Lane]) -> list[Lane]:
    order = sorted(range(len(lanes)), key=lambda k: (-lanes[k].width_m, k))
    strips = [
        shapely.buffer(e.axis, e.width_m / 2, cap_style="flat", join_style="mitre", mitre_limit=2)
        for e in lanes
    ]
    done: list[Lane] = list(lanes)
    for rank, k in enumerate(order):
        # Only ends are trimmed: a crossing is shared ground.
        ends = shapely.get_point(lanes[k].axis, [0, -1])
        wider = [strips[j] for j in order[:rank] if shapely.dwithin(strips[j], ends, 1.5).any()]
        parts = polygons(opened(strips[k].difference(shapely.union_all(wider)), 0.2)) or [strips[k]]
        done[k] = replace(lanes[k], shape=parts[0])
    return done
