"""Unit cells, communities and areas of the demo town: one mesh, so that all edges agree."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import LineString, Polygon

from cwmap.demo.ground import Array, Ground
from cwmap.demo.streets import GRID_M

LARGEST_M2 = 12_500.0
SMALLEST_M2 = 3_800.0
SLIVER_M2 = 100.0

Shapes = NDArray[np.object_]


@dataclass(frozen=True)
class Mesh:
    """Cells with their codes, and what they add up to; metres. `owner`: position in communities."""

    cells: Shapes
    codes: NDArray[np.str_]
    owner: NDArray[np.int64]
    communities: Shapes
    areas: Shapes


def mesh(
    plan: dict[str, Any], ground: Ground, faces: list[Polygon], lanes: list[LineString]
) -> Mesh:
    """Divide the town: cells of about a hectare along streets and lanes, inside communities."""
    owner_of_face = _owners(plan, ground, faces)
    drawn = _noded([f.exterior for f in faces] + [_longer(line) for line in lanes])
    drawn = _noded([drawn, *_cuts(_polygonized(drawn))])
    found = _polygonized(drawn)
    tree = shapely.STRtree(faces)
    point = shapely.point_on_surface(found)
    at, face = tree.query(point, "within")
    owner = np.full(len(found), -1)
    owner[at] = owner_of_face[face]
    found, owner = found[owner >= 0], owner[owner >= 0]
    area = _areas(plan, ground, found)
    # Small cells grow together only within one community and one area.
    pieces, home = _merged(found, owner * (len(plan["area"]) + 1) + area + 1)
    owner, area = np.divmod(home, len(plan["area"]) + 1)
    order, codes = _numbered(plan, pieces, owner)
    cells, owner, area = pieces[order], owner[order], area[order] - 1
    whole = [shapely.coverage_union_all(cells[owner == k]) for k in range(len(plan["community"]))]
    areas = [shapely.coverage_union_all(cells[area == k]) for k in range(len(plan["area"]))]
    return Mesh(cells, codes, owner, np.array(whole, object), np.array(areas, object))


def _areas(plan: dict[str, Any], ground: Ground, found: Shapes) -> NDArray[np.int64]:
    """The area that holds the middle of each piece, -1 for none."""
    middle = shapely.point_on_surface(found)
    area = np.full(len(found), -1)
    for k, row in enumerate(plan["area"]):
        area[shapely.contains(ground.valley.face(row["points"]), middle)] = k
    return area


def _owners(plan: dict[str, Any], ground: Ground, faces: list[Polygon]) -> NDArray[np.int64]:
    """The community of each block between streets: the nearest seed on the same bank."""
    seeds = np.array([row["at"] for row in plan["community"]], float)
    at = ground.valley.at(seeds)
    s = np.linspace(*ground.valley.reach, 200)
    bank, far = np.column_stack([s, s * 0]), np.column_stack([s, s * 0 + 2500])
    north = Polygon(ground.valley.at(np.vstack([bank, far[::-1]])))
    middle = shapely.point_on_surface(np.array(faces, object))
    same = shapely.contains(north, middle)[:, None] == (seeds[:, 1] > 0)[None]
    xy = shapely.get_coordinates(shapely.centroid(np.array(faces, object)))
    distance = np.hypot(*np.moveaxis(xy[:, None] - at[None], 2, 0))
    return np.asarray(np.where(same, distance, np.inf).argmin(1))


def _noded(lines: list[Any]) -> Any:
    return shapely.union_all(lines, grid_size=GRID_M)


def _polygonized(lines: Any) -> Shapes:
    return np.asarray(shapely.get_parts(shapely.polygonize([lines])), object)


def _longer(line: LineString, by_m: float = 1.0) -> LineString:
    """A line that surely reaches over the edges at its ends; what is too much bounds no cell."""
    points = np.array(line.coords)
    for end, inner in ((0, 1), (-1, -2)):
        way = points[end] - points[inner]
        points[end] += way / np.hypot(*way) * by_m
    return LineString(points)


def _cuts(shapes: Shapes) -> list[LineString]:
    """Straight cuts that leave no piece larger than `LARGEST_M2`."""
    lines = []
    todo = [s for s in shapes if s.area > LARGEST_M2]
    while todo:
        shape = todo.pop()
        box = np.array(shape.minimum_rotated_rectangle.exterior.coords)[:4]
        a, b = box[1] - box[0], box[3] - box[0]
        long, short = (a, b) if np.hypot(*a) >= np.hypot(*b) else (b, a)
        count = int(np.ceil(shape.area / LARGEST_M2))
        at = box[0] + long * ((count // 2) / count)
        cut = LineString([at - 0.1 * short, at + 1.1 * short])
        lines += [
            _longer(p, 0.05) for p in shapely.get_parts(cut.intersection(shape)) if p.length > 1
        ]
        halves = shapely.get_parts(shapely.polygonize([shapely.union_all([shape.exterior, cut])]))
        todo += [
            h for h in halves if h.area > LARGEST_M2 and shape.contains(h.representative_point())
        ]
    return lines


def _merged(cells: Shapes, owner: NDArray[np.int64]) -> tuple[Shapes, NDArray[np.int64]]:
    """Small cells joined to the neighbour of the same owner with the longest common edge.

    Slivers between lines that nearly agree go to whichever neighbour there is.
    """
    left, right = shapely.STRtree(cells).query(cells, "intersects")
    left, right = left[left < right], right[left < right]
    common = shapely.length(shapely.intersection(cells[left], cells[right]))
    beside: dict[int, dict[int, float]] = defaultdict(dict)
    for a, b, length in zip(left.tolist(), right.tolist(), common.tolist(), strict=True):
        if length > 0:
            beside[a][b] = beside[b][a] = length
    area = dict(enumerate(shapely.area(cells).tolist()))
    members = {k: [k] for k in area}
    small = sorted((k for k in area if area[k] < SMALLEST_M2), key=lambda k: (area[k], k))
    for k in small:
        near = [j for j in beside[k] if owner[j] == owner[k] or area[k] < SLIVER_M2]
        if area[k] >= SMALLEST_M2 or not near:
            continue
        # Rather a small neighbour than one that would grow too large.
        into = max(
            near,
            key=lambda j: (
                owner[j] == owner[k], area[j] + area[k] < 1.25 * LARGEST_M2, beside[k][j], -j,
            ),
        )  # fmt: skip
        members[into] += members.pop(k)
        area[into] += area.pop(k)
        for other, length in beside.pop(k).items():
            beside[other].pop(k)
            if other != into:
                joint = beside[into].get(other, 0.0) + length
                beside[into][other] = beside[other][into] = joint
    joined = [shapely.coverage_union_all(cells[members[k]]) for k in sorted(members)]
    return np.array(joined, object), owner[sorted(members)]


def _numbered(
    plan: dict[str, Any], cells: Shapes, owner: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """Order by community, rows from north to south, west to east within a row; 15-digit codes."""
    middle: Array = shapely.get_coordinates(shapely.centroid(cells))
    row = np.floor(-middle[:, 1] / 110)
    order = np.lexsort((middle[:, 0], row, owner))
    start = np.r_[0, np.flatnonzero(np.diff(owner[order])) + 1]
    serial = np.arange(len(order)) - np.repeat(start, np.diff(np.r_[start, len(order)])) + 1
    codes = [
        f"{plan['community'][k]['code']}{n:03d}" for k, n in zip(owner[order], serial, strict=True)
    ]
    return order, np.array(codes)
