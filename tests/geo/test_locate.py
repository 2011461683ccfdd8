"""PolygonIndex against shapely's tree, pair for pair; largest_share against plain intersections."""

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

import geo.locate
from geo.locate import MAX_CELLS, PolygonIndex, largest_share

WUDU = (492_000.0, 3_694_000.0)  # where the town lies in its projected system


def shape(rng, size, corner, kind):
    """One random polygon: a star, possibly with a hole, of two parts, on whole metres, a sliver."""
    centre = corner + rng.uniform(0, size, 2)
    radius = size * rng.choice([0.002, 0.03, 0.3]) * (0.1 + rng.random())
    if kind == "sliver":
        return shapely.Polygon(centre + radius * np.array([[0, 0], [3, 1e-8], [3, 0]]))
    angle = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 12)))
    reach = radius * rng.uniform(0.3, 1, len(angle))
    xy = centre + np.stack([np.cos(angle), np.sin(angle)], axis=1) * reach[:, None]
    star = shapely.make_valid(shapely.Polygon(np.round(xy) if kind == "whole" else xy))
    if kind == "hole":
        star = star.difference(shapely.Point(centre).buffer(radius * 0.4, quad_segs=2))
    if kind == "parts":
        other = shapely.affinity.translate(star, radius * rng.uniform(0.5, 3), 0)
        star = star.symmetric_difference(other)
    return star if isinstance(star, shapely.Polygon | shapely.MultiPolygon) else shapely.Polygon()


@st.composite
def towns(draw):
    """(polygons, cell size, random generator): overlapping, with None and empty ones between."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    size = draw(st.sampled_from([1.0, 40.0, 3000.0]))
    corner = np.array(draw(st.sampled_from([(0.0, 0.0), WUDU, (-1e6, 1e-3)])))
    kinds = draw(
        st.lists(st.sampled_from(["star", "whole", "hole", "parts", "sliver"]), max_size=15)
    )
    polygons = [shape(rng, size, corner, kind) for kind in kinds]
    polygons += draw(st.lists(st.sampled_from([None, shapely.Polygon()]), max_size=2))
    # neighbours with a common border: what one leaves of another
    polygons += [
        left for a, b in itertools.pairwise(polygons)
        if a is not None and b is not None
        and isinstance(left := a.difference(b), shapely.Polygon | shapely.MultiPolygon)
    ]  # fmt: skip
    order = rng.permutation(len(polygons))
    shuffled = np.empty(len(polygons), dtype=object)
    shuffled[:] = [polygons[i] for i in order]
    shuffled[~shapely.is_valid(shuffled)] = None  # difference of slivers is not always valid
    return shuffled, size * draw(st.sampled_from([0.001, 0.01, 0.1, 5.0])), rng


def grid_crossings(rings, grid):
    """Points where edges cross the grid's lines, with their neighbours one ulp away."""
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    same = ring[1:] == ring[:-1]
    a, b = xy[:-1][same], xy[1:][same]
    points = []
    for axis, origin in ((0, grid.x0), (1, grid.y0)):
        from_, to = a[:, axis], b[:, axis]
        line = origin + np.ceil((np.minimum(from_, to) - origin) / grid.cell_m) * grid.cell_m
        cut = (from_ != to) & (line <= np.maximum(from_, to))
        share = ((line - from_)[cut] / (to - from_)[cut])[:, None]
        crossing = a[cut] + share * (b - a)[cut]
        crossing[:, axis] = line[cut]
        points += [crossing + step * np.spacing(crossing) for step in ((1, -1), (-1, 1), (0, 0))]
    return np.concatenate(points)


def hostile_points(polygons, grid, rng, number=60):
    """Vertices, points on edges, one ulp and 10 nm off, on cells' corners and borders, outside."""
    near = [shapely.get_coordinates(polygons)]
    rings = shapely.get_rings(shapely.get_parts(polygons[~shapely.is_missing(polygons)]))
    if len(rings):
        some = rings[rng.integers(0, len(rings), number)]
        on_edge = shapely.line_interpolate_point(some, rng.random(number), normalized=True)
        near.append(shapely.get_coordinates(on_edge))
        near.append(grid_crossings(some, grid))
    near = np.concatenate(near)
    column, row = rng.integers(0, grid.columns + 1, number), rng.integers(0, grid.rows + 1, number)
    corners = np.stack([grid.x0 + column * grid.cell_m, grid.y0 + row * grid.cell_m], axis=1)
    extent = np.array([grid.columns, grid.rows]) * grid.cell_m
    points = [
        near,
        np.nextafter(near, np.inf),
        np.nextafter(near, -np.inf),
        near + rng.choice([-1e-8, 1e-8], near.shape),
        near + rng.normal(0, 0.3 * grid.cell_m, near.shape),
        corners,
        np.nextafter(corners, -np.inf),
        corners + np.array([0, grid.cell_m / 2]),
        [grid.x0, grid.y0] + rng.uniform(-0.2, 1.2, (number * 5, 2)) * extent,
        [(np.nan, 0), (0, np.nan), (np.inf, WUDU[1]), (-np.inf, np.inf), (1e300, -1e300)],
    ]
    points = np.concatenate([np.asarray(each).reshape(-1, 2) for each in points])
    # GEOS itself disagrees with itself next to zero, where numbers lose digits (5e-324).
    points[np.abs(points) < 1e-290] = 0.0
    return points[:, 0].copy(), points[:, 1].copy()


def shapely_pairs(polygons, x, y):
    """The oracle: (point, polygon) sorted, from shapely's own tree."""
    points = shapely.points(x, y)
    points[~(np.isfinite(x) & np.isfinite(y))] = None
    point, polygon = shapely.STRtree(polygons).query(points, "intersects")
    order = np.lexsort((polygon, point))
    return point[order], polygon[order]


def preferred(polygons, point, polygon, number):
    """The oracle of `first`: smallest area, then lowest position."""
    best = {}
    area = shapely.area(polygons)
    for i, j in zip(point.tolist(), polygon.tolist(), strict=True):
        best[i] = min(best.get(i, (np.inf, -1)), (area[j], j))
    return [best[i][1] if i in best else -1 for i in range(number)]


def assert_like_shapely(index, polygons, x, y):
    point, polygon = shapely_pairs(polygons, x, y)
    found = index.pairs(x, y)
    np.testing.assert_array_equal(found[0], point)
    np.testing.assert_array_equal(found[1], polygon)
    np.testing.assert_array_equal(index.first(x, y), preferred(polygons, point, polygon, len(x)))
    return len(point)


@settings(max_examples=70, deadline=None)
@given(towns())
def test_finds_what_shapely_finds(town):
    polygons, cell_m, rng = town
    index = PolygonIndex.build(polygons, cell_m)
    x, y = hostile_points(polygons, index.grid, rng)
    assert_like_shapely(index, polygons, x, y)


@settings(max_examples=20, deadline=None)
@given(towns())
def test_answer_does_not_depend_on_order_or_cell_size(town):
    polygons, cell_m, rng = town
    index = PolygonIndex.build(polygons, cell_m)
    x, y = hostile_points(polygons, index.grid, rng)
    point, polygon = index.pairs(x, y)
    polygon_order, point_order = rng.permutation(len(polygons)), rng.permutation(len(x))
    other = PolygonIndex.build(polygons[polygon_order], cell_m * 1.7)
    new_point, new_polygon = other.pairs(x[point_order], y[point_order])
    back = np.stack([point_order[new_point], polygon_order[new_polygon]])
    back = back[:, np.lexsort(back[::-1])]
    np.testing.assert_array_equal(back, (point, polygon))


def test_overlaps_holes_parts_and_shared_edges_by_hand():
    west, east = shapely.box(0, 0, 10, 10), shapely.box(10, 0, 20, 10)
    ring = shapely.box(30, 0, 50, 20).difference(shapely.box(35, 5, 45, 15))
    small = shapely.box(2, 2, 6, 6)
    two = shapely.MultiPolygon([shapely.box(60, 0, 61, 1), shapely.box(70, 0, 71, 1)])
    index = PolygonIndex.build([None, east, west, ring, small, two, shapely.Polygon(), small], 1.0)
    asked = {
        (5, 9): 2,
        (15, 5): 1,
        (10, 5): 1,  # on the edge of two of one size: the lower position
        (4, 4): 4,  # in three: the smallest, and of two alike the lower position
        (2, 3): 4,  # its edge belongs to it
        (6.000001, 3): 2,
        (40, 10): -1,  # in the hole
        (35, 10): 3,  # the hole's edge belongs to the polygon
        (33, 10): 3,
        (60.5, 0.5): 5,
        (70.5, 1): 5,
        (65, 0.5): -1,  # between the parts
    }
    x, y = np.array(list(asked), dtype=float).T
    assert index.first(x, y).tolist() == list(asked.values())
    point, polygon = index.pairs([4.0, 10.0, 99.0], [4.0, 5.0, 5.0])
    assert (point.tolist(), polygon.tolist()) == ([0, 0, 0, 1, 1], [2, 4, 7, 1, 2])


@pytest.mark.parametrize("polygons", [[], [None], [shapely.Polygon(), None]])
def test_nothing_to_find(polygons):
    index = PolygonIndex.build(polygons)
    x = np.array([0.0, np.nan, np.inf, 1e300])
    assert index.first(x, x).tolist() == [-1] * 4
    assert [len(part) for part in index.pairs(x, x)] == [0, 0]
    assert index.first([], []).shape == (0,)


@pytest.mark.parametrize(
    "polygons",
    [
        [shapely.box(x, y, x + 1414, y + 1380) for x in range(0, 40_000, 1414)
         for y in range(0, 40_000, 1380)],
        [shapely.Point(*WUDU).buffer(50_000)],
        [shapely.box(0, 0, 1e8, 1)],
        [shapely.box(0, 0, 1, 1), shapely.box(*WUDU, WUDU[0] + 40, WUDU[1] + 40)],
        [shapely.Point(i, 0).buffer(9_000) for i in range(60)],
    ],
    ids=["city", "county", "strip", "far apart", "heap"],
)  # fmt: skip
def test_memory_is_bounded_whatever_the_extent(polygons):
    index = PolygonIndex.build(polygons)
    assert index.grid.size <= MAX_CELLS
    assert index.nbytes < 200e6
    rng = np.random.default_rng(1)
    west, south, east, north = shapely.total_bounds(polygons)
    x = np.concatenate([rng.uniform(west, east, 1500), [p.centroid.x for p in polygons[-500:]]])
    y = np.concatenate([rng.uniform(south, north, 1500), [p.centroid.y for p in polygons[-500:]]])
    assert assert_like_shapely(index, polygons, x, y) >= len(polygons[-500:])


def test_chunks_join_seamlessly(monkeypatch):
    polygons = [shapely.box(i, 0, i + 2, 9) for i in range(20)]
    index = PolygonIndex.build(polygons, 0.5)
    rng = np.random.default_rng(3)
    x, y = rng.uniform(-1, 23, 1000), rng.uniform(-1, 10, 1000)
    whole = index.pairs(x, y), index.first(x, y)
    monkeypatch.setattr(geo.locate, "CHUNK", 7)
    np.testing.assert_array_equal(index.pairs(x, y), whole[0])
    np.testing.assert_array_equal(index.first(x, y), whole[1])


def test_threads_may_share_an_index():
    rng = np.random.default_rng(4)
    polygons = [shape(rng, 1000, np.array(WUDU), "star") for _ in range(300)]
    x, y = (at + rng.uniform(0, 1000, 20_000) for at in WUDU)
    expected = PolygonIndex.build(polygons, 50.0).first(x, y)
    for _ in range(5):
        fresh = PolygonIndex.build(polygons, 50.0)
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _, fresh=fresh: fresh.first(x, y), range(4)))
        for answer in answers:
            np.testing.assert_array_equal(answer, expected)


def test_what_is_wrong_is_said():
    bow = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    good = shapely.box(0, 0, 1, 1)
    with pytest.raises(ValueError, match="invalid geometries at positions 1, 3:"):
        PolygonIndex.build([good, bow, None, bow])
    with pytest.raises(ValueError, match=r"at positions 0, .*, 9 and 2 more"):
        PolygonIndex.build([bow] * 12)
    with pytest.raises(ValueError, match=r"POLYGON, MULTIPOLYGON at positions 1$"):
        PolygonIndex.build([good, shapely.LineString([(0, 0), (1, 1)])])
    with pytest.raises(ValueError, match="one-dimensional"):
        PolygonIndex.build(np.array([[good, good]]))
    for cell_m in (0, -1, np.nan, np.inf):
        with pytest.raises(ValueError, match="cell_m"):
            PolygonIndex.build([good], cell_m)
    with pytest.raises(ValueError, match="one length"):
        PolygonIndex.build([good]).first([1.0, 2.0], [1.0])


@pytest.fixture
def saved(tmp_path):
    rng = np.random.default_rng(5)
    kinds = ["star", "hole", "parts", "sliver"] * 5
    polygons = np.array([shape(rng, 60, np.array(WUDU), k) for k in kinds] + [None])
    polygons[~shapely.is_valid(polygons)] = None  # a sliver may be thinner than the digits
    index = PolygonIndex.build(polygons, 3.0)
    index.save(tmp_path / "lanes.npz")
    return index, tmp_path / "lanes.npz", hostile_points(polygons, index.grid, rng)


def test_save_and_load_give_the_same_answers(saved):
    index, path, (x, y) = saved
    loaded = PolygonIndex.load(path)
    np.testing.assert_array_equal(loaded.pairs(x, y), index.pairs(x, y))
    np.testing.assert_array_equal(loaded.first(x, y), index.first(x, y))
    assert loaded.nbytes == index.nbytes
    assert list(path.parent.iterdir()) == [path]


def test_a_damaged_or_foreign_file_is_refused(saved, tmp_path, monkeypatch):
    index, path, (x, y) = saved
    whole = path.read_bytes()
    rng = np.random.default_rng(6)
    refused = 0
    for at in rng.integers(0, len(whole), 150):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x15]) + whole[at + 1 :])
        try:
            # Bytes that mean nothing (a file's date, padding) may change unseen; no answer may.
            np.testing.assert_array_equal(PolygonIndex.load(path).pairs(x, y), index.pairs(x, y))
        except ValueError:
            refused += 1
    assert refused > 100
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="not a usable polygon index"):
            PolygonIndex.load(path)
    np.savez(path, something=np.arange(3))
    with pytest.raises(ValueError, match="not a usable polygon index"):
        PolygonIndex.load(path)
    monkeypatch.setattr(geo.locate, "VERSION", 2)
    index.save(path)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="version 2, not 1"):
        PolygonIndex.load(path)
    with pytest.raises(FileNotFoundError):
        PolygonIndex.load(tmp_path / "nowhere.npz")


def test_an_interrupted_save_leaves_the_old_file(saved, monkeypatch):
    index, path, _ = saved
    before = path.read_bytes()

    def full_disk(file, **tables):
        file.write(b"half of it")
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="No space"):
        index.save(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@settings(max_examples=40, deadline=None)
@given(towns(), st.integers(0, 2**32))
def test_largest_share_is_that_of_plain_intersections(town, seed):
    polygons, _, _ = town
    rng = np.random.default_rng(seed)
    west, south, east, north = shapely.total_bounds([*polygons, shapely.box(-1, -1, 1, 1)])
    ends = rng.uniform([west, south], [east, north], (12, 3, 2))
    shapes = [*shapely.linestrings(ends[:6]), *shapely.polygons(ends[6:]), None]
    answer = largest_share(shapes, polygons)
    for shape_, chosen in zip(shapes, answer.tolist(), strict=True):
        if shape_ is None:
            assert chosen == -1
            continue
        size = shapely.length if shape_.geom_type == "LineString" else shapely.area
        shares = np.nan_to_num(size(shapely.intersection(shape_, polygons))) / size(shape_)
        if chosen == -1:
            assert shares.max(initial=0.0) < 3e-9
        else:
            assert shares[chosen] >= shares.max() - 2e-9
            assert (shares[:chosen] < shares[chosen] + 1e-8).all()


def test_largest_share_by_hand():
    cells = [shapely.box(10, 0, 20, 10), None, shapely.box(0, 0, 10, 10), shapely.box(0, 0, 5, 10)]
    line = shapely.LineString
    shapes = {
        line([(7, 5), (14, 5)]): 0,
        line([(6, 5), (13, 5)]): 2,
        line([(7, 5), (13, 5)]): 0,  # half and half: the lower position
        line([(10, 1), (10, 9)]): 0,  # along the border, all of it in both
        line([(1, 1), (4, 4)]): 2,  # two hold all of it
        line([(-5, 0), (0, 0)]): -1,  # a touch holds nothing
        line([(-9, 5), (1, 5)]): 2,  # mostly outside, but where it is inside it is there
        shapely.box(8, 2, 13, 4): 0,
        shapely.box(8, 2, 12, 4): 0,
        shapely.box(20, 0, 30, 10): -1,
        shapely.MultiLineString([[(1, 1), (2, 1)], [(12, 1), (18, 1)]]): 0,
        shapely.LineString(): -1,
    }
    assert largest_share(list(shapes), cells).tolist() == list(shapes.values())
    # drawn to the decimetre, as far to the east as to the west, but for the last binary digit
    x, y = WUDU[0] + 0.1, WUDU[1]
    halves = [line([(round(x - i / 10, 1), y), (round(x + i / 10, 1), y)]) for i in range(1, 90)]
    cells = [shapely.box(x, y - 9, x + 9, y + 9), shapely.box(x - 9, y - 9, x, y + 9)]
    assert largest_share(halves, cells).tolist() == [0] * 89
    assert largest_share(halves, cells[::-1]).tolist() == [0] * 89
    with pytest.raises(ValueError, match=r"at positions 1$"):
        largest_share([shapely.box(0, 0, 1, 1), shapely.Point(1, 1)], cells)
    with pytest.raises(ValueError, match="invalid geometries at positions 0"):
        largest_share([line([(1, 1), (1, 1)])], cells)


SHARED = Path(os.environ.get("CWMAP_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))


@pytest.mark.parametrize(
    ("file", "crs"),
    [
        ("chicago/police_beats_277.geojson", 26971),
        ("chicago/community_areas_77_pop2000_2010.geojson", 26971),
        ("taipei/taipei_village.geojson", 3826),
    ],
)
def test_real_boundaries(file, crs):
    if not (SHARED / file).exists():
        pytest.skip(f"no {file} in {SHARED} (set CWMAP_SHARED_DATA)")
    given_ = gpd.read_file(SHARED / file).to_crs(crs).geometry.to_numpy()
    polygons = np.where(shapely.is_valid(given_), given_, shapely.make_valid(given_))
    polygons = polygons[np.isin(shapely.get_type_id(polygons), (3, 6))]
    assert len(polygons) > 0.95 * len(given_)
    index = PolygonIndex.build(polygons)
    x, y = hostile_points(polygons, index.grid, np.random.default_rng(7), 3000)
    some = np.random.default_rng(8).random(len(x)) < 40_000 / len(x)
    assert assert_like_shapely(index, polygons, x[some], y[some]) > 10_000
