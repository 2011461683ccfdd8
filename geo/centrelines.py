"""Centre lines of lane polygons, for a walking network where there are no lane lines.

An approximation: all strips are united (small gaps between them closed), the edge of the union is
sampled, and the Voronoi edges between samples of opposite sides are the centre lines. Where lanes
meet, their centre lines meet. At a dead end the last half width of the lane is missing, at a
crossing the centre lines may be off by a fraction of the width: errors of about half a lane's
width, far below a norm's radius. A square or yard gets the lines between its sides: to walk
across it may come out longer than it is.
"""

from __future__ import annotations

import numpy as np
import shapely
from scipy.spatial import QhullError, Voronoi

from geo.grid import Floats, Geometries, GeometryList, Integers, checked_geometries

CLOSE_M = 1.0  # strips that are nearer than this are taken as touching
SPACING_M = (0.25, 4.0)  # least and largest distance between samples
SPUR = 1.5  # dead ends shorter than this many half widths are corners, not lanes


def centre_lines(strips: GeometryList, close_m: float = CLOSE_M) -> Geometries:
    """(k,) LineStrings that run in the middle of (n,) Polygons or MultiPolygons, taken together.

    close_m: gaps up to this width are closed first, so that lanes drawn side by side connect.
    Samples are taken every third of a strip's width (mean width: 2 area / perimeter), within
    SPACING_M: strips narrower than 0.4 m may be lost.
    Raises ValueError naming the positions of invalid geometries: repair them first.
    """
    if not 0 <= close_m < np.inf:
        raise ValueError(f"close_m must not be negative, not {close_m}")
    shapes = checked_geometries(strips)
    shapes = shapes[shapely.area(shapes) > 0]
    if not len(shapes):
        return np.empty(0, dtype=object)
    width = 2 * shapely.area(shapes) / shapely.length(shapes)
    spacing_m = np.clip(width / 3, *SPACING_M)
    union = shapely.union_all(shapely.buffer(shapes, close_m / 2, join_style="mitre"))
    # A little is left, for what touches in a point only to stay connected.
    town = shapely.buffer(union, -close_m * 0.45, join_style="mitre")
    shapely.prepare(town)
    xy, ends, clearance_m = _medial_edges(town, *_samples(town, shapes, spacing_m))
    ends = _without_spurs(xy, ends, clearance_m)
    lines = shapely.line_merge(shapely.multilinestrings(xy[ends]))
    tolerance_m = float(spacing_m.min()) / 2
    return np.asarray(shapely.simplify(shapely.get_parts(lines), tolerance_m), dtype=object)


def _samples(
    town: shapely.Geometry, strips: Geometries, spacing_m: Floats
) -> tuple[Floats, Floats]:
    """Places on the town's boundary and their spacing there, which is the nearest strip's."""
    rings = shapely.get_parts(town.boundary)
    corners, ring = shapely.get_coordinates(rings, return_index=True)
    at = np.flatnonzero(ring[1:] == ring[:-1])
    sides = shapely.linestrings(np.stack([corners[at], corners[at + 1]], axis=1))
    middle = shapely.line_interpolate_point(sides, 0.5, normalized=True)
    spacing = spacing_m[shapely.STRtree(strips).nearest(middle)]
    xy, side = shapely.get_coordinates(shapely.segmentize(sides, spacing), return_index=True)
    xy, first = np.unique(xy, axis=0, return_index=True)
    return xy, spacing[side[first]]


def _medial_edges(
    town: shapely.Geometry, samples: Floats, spacing_m: Floats
) -> tuple[Floats, Integers, Floats]:
    """Voronoi vertices (n, 2), edges (k, 2) inside the town and between opposite sides of it.

    And for each vertex of such an edge the distance to the town's boundary.
    """
    origin = samples[0]  # Qhull is more precise near zero
    try:
        voronoi = Voronoi(samples - origin)
    except QhullError:  # fewer than three samples, or all on a line: no strip
        return np.empty((0, 2)), np.empty((0, 2), dtype=np.intp), np.empty(0)
    ends, sides = np.asarray(voronoi.ridge_vertices), voronoi.ridge_points
    apart = np.hypot(*(samples[sides[:, 0]] - samples[sides[:, 1]]).T)
    xy = voronoi.vertices + origin
    inside = shapely.contains_xy(town, xy)
    # Between neighbouring samples of one side run hairs towards the boundary: leave them out.
    neighbours_m = 1.5 * spacing_m[sides].min(axis=1)
    keep = (ends >= 0).all(axis=1) & inside[ends].all(axis=1) & (apart > neighbours_m)
    ends = ends[keep]
    clearance_m = np.zeros(len(xy))  # a vertex is as far from each of the samples around it
    clearance_m[ends] = np.linalg.norm(xy[ends] - samples[sides[keep, :1]], axis=2)
    return xy, ends, clearance_m


def _without_spurs(xy: Floats, ends: Integers, clearance_m: Floats) -> Integers:
    """Leave out short dead ends, such as the branches into a strip's corners, and crumbs."""
    length = np.hypot(*(xy[ends[:, 0]] - xy[ends[:, 1]]).T)
    at: dict[int, list[int]] = {}
    for edge, (a, b) in enumerate(ends.tolist()):
        at.setdefault(a, []).append(edge)
        at.setdefault(b, []).append(edge)
    keep = np.ones(len(ends), dtype=bool)
    for tip in [node for node, edges in at.items() if len(edges) == 1]:
        branch: list[int] = []
        node, edges = tip, at[tip]
        while len(edges) == 1 + bool(branch):  # the tip, then nodes that the branch passes through
            branch.append(next(edge for edge in edges if edge not in branch[-1:]))
            a, b = ends[branch[-1]]
            node = int(b if a == node else a)
            edges = at[node]
        if length[branch].sum() < SPUR * clearance_m[node]:
            keep[branch] = False
    return ends[keep]
