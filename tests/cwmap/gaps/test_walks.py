"""Walking in towns drawn by hand: distances along streets, rivers, hills, and towns without streets."""

from collections.abc import Callable
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely.geometry import MultiPoint, Point, box

from cwmap.errors import CwmapError
from cwmap.gaps.facilities import Norms
from cwmap.gaps.heights import read_heights
from cwmap.gaps.paths import read_paths
from cwmap.gaps.reach import reach, served, service_areas, stock
from cwmap.gaps.walks import metric, walks
from cwmap.town import Town

Drawn = Callable[..., Town]
Street = Callable[..., shapely.Geometry]
HALF = 6.0  # half a street's width: what its centre line may be off by
RIVER = {"kind": "water", "name": "河", "at": box(-500, 300, 2500, 340)}


def lane(at: shapely.Geometry, name: str = "大街", kind: str = "branch") -> dict[str, object]:
    return {"name": name, "kind": kind, "at": at}


def market(x: float, y: float, standard: str | None = "yes") -> dict[str, object]:
    return {"kind": "market", "name": f"市场{x:g}", "standard": standard, "at": Point(x, y)}


def home(x: float, y: float, residents: int = 100) -> dict[str, object]:
    return {"residents": residents, "at": Point(x, y)}


def test_one_walks_along_the_streets(drawn: Drawn, street: Street, norms: Norms) -> None:
    town = drawn(
        lanes=[lane(street((0, 0), (1000, 0))), lane(street((800, 0), (800, 600)), "横街")],
        facilities=[market(100, 20), market(800, 500, "no")],
        population=[home(300, 30), home(800, 250), home(820, 590)],
    )
    found = reach(town, norms, norms.facilities["market"])
    np.testing.assert_allclose(
        found.of_standard_m, [30 + 200 + 20, 250 + 700 + 20, 20 + 590 + 700 + 20], atol=2 * HALF
    )
    np.testing.assert_allclose(found.of_any_m, [250, 250, 20 + 90], atol=2 * HALF)
    whole = served(
        town, norms, norms.facilities["market"], norms.facilities["market"].radius(), "town"
    )
    assert whole.iloc[0][["total", "of_standard", "below_standard", "beyond"]].tolist() == [
        300, 100, 200, 0,
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["大桥", "大街"])
def test_a_river_is_crossed_on_bridges_only(
    drawn: Drawn, street: Street, norms: Norms, name: str
) -> None:
    town = drawn(
        lanes=[
            lane(street((0, 200), (1000, 200))), lane(street((0, 450), (1000, 450)), "对岸"),
            lane(street((900, 200), (900, 450)), name),
        ],
        facilities=[market(100, 210), market(500, 320)],
        population=[home(100, 440)], backdrop=[RIVER],
    )  # fmt: skip
    found = reach(town, norms, norms.facilities["market"])
    way = 10 + 800 + 250 + 800 + 10
    assert found.of_standard_m[0] == pytest.approx(way if name == "大桥" else np.inf, abs=3 * HALF)
    problems = stock(town, norms, "market").problems
    assert problems["name"].tolist() == ["市场500"]
    assert "河里" in problems["problem"].iloc[0]
    notes = walks(town, norms).notes
    assert any("互不相通的" in n for n in notes) is (name != "大桥")
    reachable = service_areas(
        town, norms, norms.facilities["market"], norms.facilities["market"].radius()
    )
    water = metric(town, "backdrop")[0]
    bridge = shapely.buffer(metric(town, "lanes")[2], 1.5)
    wet = shapely.intersection(
        shapely.union_all(reachable[True]), shapely.difference(water, bridge)
    )
    assert shapely.area(wet) == pytest.approx(0, abs=1)


def test_a_road_of_the_backdrop_crosses_too(drawn: Drawn, street: Street, norms: Norms) -> None:
    bridge = {"kind": "road", "at": shapely.LineString([(900, 195), (900, 455)])}
    town = drawn(
        lanes=[lane(street((0, 200), (1000, 200))), lane(street((0, 450), (1000, 450)), "对岸")],
        facilities=[market(900, 210)], population=[home(900, 440)], backdrop=[RIVER, bridge],
    )  # fmt: skip
    found = reach(town, norms, norms.facilities["market"])
    assert found.of_standard_m[0] == pytest.approx(230, abs=1)


def test_who_lives_on_a_hill_can_leave_it_and_nobody_else_crosses_it(
    drawn: Drawn, street: Street, norms: Norms
) -> None:
    town = drawn(
        lanes=[lane(street((0, 0), (1000, 0)))], facilities=[market(100, 0)],
        population=[home(300, 60), home(300, 100)],
        backdrop=[{"kind": "hill", "at": box(0, 30, 1000, 80)}],
    )  # fmt: skip
    found = reach(town, norms, norms.facilities["market"])
    assert found.of_standard_m[0] == pytest.approx(60 + 200, abs=HALF)
    assert np.isinf(found.of_standard_m[1])
    assert any("100 人" in note for note in found.homes.notes)


def test_without_streets_distances_are_straight_and_said_to_be(drawn: Drawn, norms: Norms) -> None:
    town = drawn(
        areas=[{"name": "甲", "at": box(0, 0, 900, 900)}], facilities=[market(0, 0)],
        population=[home(300, 400), home(100, 0), home(390, 0)],
    )  # fmt: skip
    facility = norms.facilities["market"]
    found = reach(town, norms, facility)
    np.testing.assert_allclose(found.of_standard_m, np.array([500, 100, 390]) * 1.3, rtol=1e-3)
    assert "绕行系数 1.3" in walks(town, norms).notes[0]
    circle = service_areas(town, norms, facility, facility.radius())[True]
    assert shapely.area(circle).sum() == pytest.approx(np.pi * (500 / 1.3) ** 2, rel=0.01)


def test_doors_unknown_standing_and_missing_places(
    drawn: Drawn, street: Street, norms: Norms
) -> None:
    hall = {"kind": "market", "name": "大厅", "standard": "no", "at": box(400, 10, 460, 70)}
    doors = {"kind": "market", "name": "两门", "at": MultiPoint([(700, 8), (700, 300)])}
    nowhere = {"kind": "market", "name": "无址", "standard": "yes"}
    far = market(500, 900)
    town = drawn(
        lanes=[lane(street((0, 0), (1000, 0)))], facilities=[hall, doors, nowhere, far],
        population=[home(480, 0), home(650, 0)],
    )  # fmt: skip
    there = stock(town, norms, "market")
    assert dict(zip(there.problems["name"], there.problems["problem"], strict=True)) == {
        "无址": "没有位置", "市场500": "离路网超过 120 米",
    }  # fmt: skip
    assert "1 处没有填写是否达标，按达标计" in there.notes
    found = reach(town, norms, norms.facilities["market"])
    np.testing.assert_allclose(found.of_any_m, [30, 58], atol=HALF)  # along the hall's whole front
    np.testing.assert_allclose(found.of_standard_m, [228, 58], atol=HALF)


def test_a_file_of_ways_takes_the_lanes_place(
    drawn: Drawn, street: Street, norms: Norms, tmp_path
) -> None:
    town = drawn(
        lanes=[lane(street((0, 0), (1000, 0)))], facilities=[market(0, 0)],
        population=[home(1000, 0)],
    )  # fmt: skip
    x, y = shapely.get_coordinates(metric(town, "facilities"))[0]
    detour = shapely.LineString([(x, y), (x, y + 400), (x + 1000, y + 400), (x + 1000, y)])
    path = tmp_path / "路网.gpkg"
    gpd.GeoDataFrame({"highway": ["footway"]}, geometry=[detour], crs="EPSG:4544").to_file(path)
    own = replace(norms, walk=replace(norms.walk, paths=path))
    found = reach(town, own, own.facilities["market"])
    assert found.of_standard_m[0] == pytest.approx(1800, abs=0.1)
    assert "路网.gpkg" in walks(town, own).notes[0]
    path.write_bytes(b"not a file of lines")
    with pytest.raises(CwmapError, match="读不了路网文件“路网"):
        read_paths(path, "EPSG:4544")


def test_a_network_lasts_as_long_as_its_ground(
    drawn: Drawn, street: Street, norms: Norms, tmp_path
) -> None:
    """A newer revision with the same ground is not made to wait; any change of it counts."""
    way, river = street((0, 0), (1000, 0)), street((0, 320), (1000, 320), width=40)
    plain = {"lanes": [lane(way)], "backdrop": [{"kind": "water", "name": "河", "at": river}]}
    before = walks(drawn(**plain, facilities=[market(0, 0)]), norms)
    assert walks(drawn(**plain, facilities=[market(500, 0)]), norms) is before
    assert walks(drawn(lanes=[lane(way, "大桥")], backdrop=plain["backdrop"]), norms) is not before
    for change in (
        {"lanes": [lane(street((0, 0), (1001, 0)))]}, {"backdrop": []},
        {"backdrop": [{"kind": "hill", "name": "河", "at": river}]},
    ):  # fmt: skip
        assert walks(drawn(**(plain | change)), norms) is not before
    path = tmp_path / "路网.gpkg"
    own = replace(norms, walk=replace(norms.walk, paths=path))
    town = drawn(**plain)
    for length in (100, 200):
        line = gpd.GeoSeries([shapely.LineString([(0, 0), (length, 0)])], crs="EPSG:4544")
        path.unlink(missing_ok=True)
        line.to_file(path)
        fresh = drawn(**plain) if length == 200 else town
        network = walks(fresh, own).network
        assert network is not None
        assert network.length_m.sum() == pytest.approx(length)


@pytest.mark.parametrize("column", ["高程(米)", "ELEV", None])
def test_climbing_counts_by_tobler_where_heights_are_given(
    drawn: Drawn, street: Street, norms: Norms, tmp_path, column: str | None
) -> None:
    """A tenth uphill takes e^0.35 times as long as level ground, downhill as long (Tobler 1993)."""
    town = drawn(
        lanes=[lane(street((0, 0), (1000, 0)))],
        facilities=[market(1000, 0)], population=[home(0, 0), home(1990, 0)],
    )  # fmt: skip
    x, y = shapely.get_coordinates(metric(town, "facilities"))[0]
    way = shapely.LineString([(x - 1000, y), (x, y), (x + 990, y)])
    paths = tmp_path / "路网.gpkg"
    gpd.GeoDataFrame(geometry=[way], crs="EPSG:4544").to_file(paths)
    grid = [(x + dx, y + dy) for dx in (-1500, 0, 1500) for dy in (-500, 500)]
    height = [0.1 * (px - x) + 300 for px, _ in grid]
    shapes = [
        Point(*at, z) if column is None else Point(*at) for at, z in zip(grid, height, strict=True)
    ]
    known = gpd.GeoDataFrame({column: height} if column else {}, geometry=shapes, crs="EPSG:4544")
    ground = tmp_path / "高程点.gpkg"
    known.to_file(ground)
    own = replace(norms, walk=replace(norms.walk, paths=paths, elevation=ground))
    found = reach(town, own, own.facilities["market"])
    np.testing.assert_allclose(found.of_standard_m, [1000 * np.exp(0.35), 990], rtol=1e-3)
    assert "高程点.gpkg" in "".join(walks(town, own).notes)
    assert "100% 的路网节点有高程" in "".join(walks(town, own).notes)


@pytest.mark.parametrize("content", [b"not a file", None])
def test_a_file_without_heights_is_told(tmp_path, content: bytes | None) -> None:
    path = tmp_path / "高程点.gpkg"
    if content:
        path.write_bytes(content)
    else:
        gpd.GeoDataFrame(geometry=[Point(0, 0)], crs="EPSG:4544").to_file(path)
    with pytest.raises(CwmapError, match="高程文件“高程点"):
        read_heights(path, "EPSG:4544")
