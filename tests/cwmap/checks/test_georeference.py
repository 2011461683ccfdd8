from dataclasses import dataclass, field

import numpy as np
import pytest
import shapely
from pyproj import Transformer

from cwmap.checks.georeference import DEGREES, Lanes, decide, outlying
from cwmap.errors import NeedsAnswer, UnknownName
from geo.coordinates import from_wgs84, to_wgs84, transform_geometries

CRS = "EPSG:4544"


def streets(seed: int = 0) -> np.ndarray:
    """Centre lines of an irregular town, 2 km by 1.2 km, in EPSG:4544."""
    rng = np.random.default_rng(seed)
    lines = []
    for x in np.arange(0, 2000, 110) + rng.uniform(-40, 40, 19):
        a, b = np.sort(rng.uniform(0, 1200, 2))
        lines.append([(x, a), (x + rng.normal(0, 15), b)])
    for y in np.arange(0, 1200, 110) + rng.uniform(-40, 40, 11):
        a, b = np.sort(rng.uniform(0, 2000, 2))
        lines.append([(a, y), (b, y + rng.normal(0, 15))])
    return shapely.linestrings(np.array(lines) + np.array([492_000, 3_695_000]))


LINES = streets()
LANES = transform_geometries(shapely.buffer(LINES, 3, cap_style="flat"), CRS)


@dataclass(frozen=True)
class Town:
    crs: str = CRS
    lanes: np.ndarray = field(default_factory=lambda: LANES)


BARE = Town(lanes=np.array([], dtype=object))


def in_lanes(n: int, seed: int, noise_m: float = 4.0, elsewhere: float = 0.25) -> tuple:
    """Longitude and latitude of reports: most in lanes, with a phone's error, some anywhere."""
    rng = np.random.default_rng(seed)
    lengths = shapely.length(LINES)
    line = LINES[rng.choice(len(LINES), n, p=lengths / lengths.sum())]
    xy = shapely.get_coordinates(
        shapely.line_interpolate_point(line, rng.random(n), normalized=True)
    )
    xy += rng.normal(0, noise_m, (n, 2))
    anywhere = rng.random(n) < elsewhere
    xy[anywhere] = rng.uniform([492_000, 3_695_000], [494_000, 3_696_200], (anywhere.sum(), 2))
    return to_wgs84(*xy.T, CRS)


def auto(x, y, town=None, declared=None):
    return decide(x, y, asked="auto", declared=declared, context=town or Town())


@pytest.mark.parametrize("true", DEGREES)
@pytest.mark.parametrize("n", [60, 1500])
def test_files_of_the_three_systems_are_told_apart(true, n):
    for seed in range(5):
        x, y = from_wgs84(*in_lanes(n, seed), true)
        decision = auto(x, y)
        assert decision.system == true
        assert not decision.swapped
        assert not decision.notes
        assert "落在巷道里" in decision.reason
        np.testing.assert_allclose(decision.wgs84(x, y), in_lanes(n, seed), rtol=0, atol=1e-7)


@pytest.mark.parametrize("true", DEGREES)
def test_three_places_of_three_in_lanes_are_enough(true):
    # Apart from one another and in lanes that no other system hits.
    middles = shapely.line_interpolate_point(LINES[[2, 9, 24]], 0.5, normalized=True)
    lon, lat = to_wgs84(*shapely.get_coordinates(middles).T, CRS)
    assert auto(*from_wgs84(lon, lat, true)).system == true


def test_one_place_written_many_times_is_one_piece_of_evidence():
    middle = shapely.line_interpolate_point(LINES[2], 0.5, normalized=True)
    lon, lat = to_wgs84(np.full(500, middle.x), np.full(500, middle.y), CRS)
    with pytest.raises(NeedsAnswer):
        auto(lon, lat)


@pytest.mark.parametrize("n", [3, 30, 2000])
def test_a_scatter_that_has_nothing_to_do_with_lanes_is_asked(n):
    for seed in range(6):
        with pytest.raises(NeedsAnswer) as asked:
            auto(*in_lanes(n, seed, elsewhere=1.0))
        assert asked.value.candidates == DEGREES
        assert "--coords wgs84" in str(asked.value)
        evidence = asked.value.evidence
        assert evidence["rows"] == n
        assert set(evidence["hits"]) == set(evidence["places"]) == set(DEGREES)
        assert all(0 <= hits <= evidence["of"] <= n for hits in evidence["hits"].values())
        lon, lat = np.array(evidence["places"]["gcj02"]).T
        assert len(lon) == min(n, 200)
        assert ((lon > 104.8) & (lon < 105) & (lat > 33.3) & (lat < 33.5)).all()


def test_without_lanes_degrees_in_china_are_asked():
    with pytest.raises(NeedsAnswer, match="还没有巷道") as asked:
        auto(*in_lanes(50, 0), BARE)
    assert asked.value.candidates == DEGREES
    assert np.shape(asked.value.evidence["places"]["bd09"]) == (50, 2)


def test_outside_china_degrees_are_wgs84():
    decision = auto(np.array([-87.6, -87.7]), np.array([41.8, 41.9]), BARE)
    assert decision.system == "wgs84"
    assert "中国以外" in decision.reason


@pytest.mark.parametrize("asked", [*DEGREES, "cgcs2000", "EPSG:4490", "epsg:4326"])
def test_what_the_user_says_wins(asked):
    x, y = from_wgs84(*in_lanes(500, 1), "gcj02")
    decision = decide(x, y, asked=asked, declared="EPSG:4326", context=Town())
    assert decision.system == {"EPSG:4490": "cgcs2000", "epsg:4326": "wgs84"}.get(asked, asked)
    assert "指定" in decision.reason


def test_what_the_user_says_is_doubted_aloud_where_all_lies_out_of_town():
    lon, lat = in_lanes(50, 0)
    decision = decide(lon + 3, lat, asked="wgs84", declared=None, context=Town())
    assert decision.system == "wgs84"
    assert "公里以外" in decision.notes[0]
    one_at_home = np.concatenate([lon[:1], lon + 3]), np.concatenate([lat[:1], lat])
    assert not decide(*one_at_home, asked="wgs84", declared=None, context=Town()).notes


def test_unknown_systems_are_refused_in_chinese():
    for asked in ("火星", "EPSG:99999", "gps84"):
        with pytest.raises(UnknownName, match="坐标系"):
            decide(np.array([104.9]), np.array([33.4]), asked=asked, declared=None, context=BARE)


def test_a_told_system_that_cannot_be_is_asked():
    lon, lat = in_lanes(20, 0)
    x, y = from_wgs84(lon, lat, CRS)
    with pytest.raises(NeedsAnswer, match="投影坐标"):
        decide(x, y, asked="wgs84", declared=None, context=Town())
    with pytest.raises(NeedsAnswer, match="经纬度"):
        decide(lon, lat, asked=CRS, declared=None, context=Town())


def test_exchanged_columns_are_never_silent():
    lon, lat = in_lanes(200, 2)
    decision = auto(lat, lon)
    assert decision.swapped
    assert decision.system == "wgs84"
    assert "写反" in decision.reason
    np.testing.assert_allclose(decision.wgs84(lat, lon), (lon, lat))
    told = decide(lat, lon, asked="gcj02", declared=None, context=BARE)
    assert told.swapped
    assert "写反" in told.reason


def test_exchanged_columns_outside_china_by_the_lanes_or_by_the_range():
    chicago = Town("EPSG:26971", np.array([shapely.box(-87.7, 41.8, -87.6, 41.9)], dtype=object))
    x, y = np.array([41.85, 41.86]), np.array([-87.65, -87.64])
    assert auto(x, y, chicago).swapped
    assert not auto(y, x, chicago).swapped
    sydney = decide(
        np.array([-33.8]), np.array([151.2]), asked="wgs84", declared=None, context=BARE
    )
    assert sydney.swapped  # 151 is no latitude


def test_a_declared_system_is_taken_unless_the_lanes_contradict_it():
    lon, lat = in_lanes(400, 3)
    assert auto(lon, lat, declared="EPSG:4326").system == "wgs84"
    assert auto(lon, lat, BARE, declared="EPSG:4490").system == "cgcs2000"
    scatter = in_lanes(400, 3, elsewhere=1.0)
    assert auto(*scatter, declared="EPSG:4326").system == "wgs84"
    with pytest.raises(NeedsAnswer) as asked:  # a GeoJSON made from an online map
        auto(*from_wgs84(lon, lat, "gcj02"), declared="EPSG:4326")
    assert asked.value.candidates == ("wgs84", "gcj02")
    assert "GCJ-02" in str(asked.value)


def test_a_declared_projected_system_that_lands_elsewhere_is_asked():
    x, y = from_wgs84(*in_lanes(400, 3), CRS)
    assert auto(x, y, declared=CRS).system == CRS
    with pytest.raises(NeedsAnswer) as asked:
        auto(x, y, declared="EPSG:4545")  # 108E: 280 km to the east
    assert asked.value.candidates == ("EPSG:4545", CRS)


def test_a_declared_system_that_the_numbers_belie_is_said_and_left():
    x, y = from_wgs84(*in_lanes(100, 3), CRS)
    decision = auto(x, y, declared="EPSG:4326")
    assert decision.system == CRS
    assert "与坐标数值不符" in decision.reason


@pytest.mark.parametrize("system", [CRS, "EPSG:4545", "EPSG:4523", "EPSG:4496", "EPSG:32648"])
def test_metres_go_where_the_lanes_are(system):
    lon, lat = in_lanes(300, 4)
    x, y = from_wgs84(lon, lat, system)
    decision = auto(x, y)
    assert decision.system == system
    assert not decision.swapped
    swapped = auto(y, x)
    assert swapped.system == system
    assert swapped.swapped
    assert "北向" in swapped.reason
    np.testing.assert_allclose(swapped.wgs84(y, x), (lon, lat), rtol=0, atol=1e-9)


def test_shapes_off_the_lanes_in_the_workspaces_own_metres():
    """Cells, buildings: near the lanes but not in them. No other zone puts them there."""
    x, y = from_wgs84(*in_lanes(300, 4, elsewhere=1.0), CRS)
    assert auto(x, y).system == CRS


def test_metres_without_lanes_need_a_zone():
    lon, lat = in_lanes(30, 5)
    assert auto(*from_wgs84(lon, lat, "EPSG:4523"), BARE).system == "EPSG:4523"
    with pytest.raises(NeedsAnswer, match="EPSG:4544") as asked:
        auto(*from_wgs84(lon, lat, CRS), BARE)
    assert asked.value.candidates == (CRS,)


def test_a_local_grid_is_asked():
    x, y = from_wgs84(*in_lanes(30, 5), CRS)
    with pytest.raises(NeedsAnswer, match="地方独立坐标系"):
        auto(x - 480_000, y - 3_690_000)


def test_a_town_elsewhere_uses_its_own_metres():
    to = Transformer.from_crs("EPSG:4326", "EPSG:26971", always_xy=True)
    x, y = to.transform([-87.65, -87.64], [41.85, 41.86])
    chicago = Town("EPSG:26971", np.array([shapely.box(-87.7, 41.8, -87.6, 41.9)], dtype=object))
    assert auto(np.array(x), np.array(y), chicago).system == "EPSG:26971"


def test_no_coordinates_at_all():
    nothing = np.full(3, np.nan)
    assert auto(nothing, nothing).reason == ""


def test_single_rows_written_otherwise_are_found():
    lon, lat = in_lanes(50, 6)
    x, y = lon.copy(), lat.copy()
    x[7], y[7] = lat[7], lon[7]
    (x[9],), (y[9],) = from_wgs84(lon[9:10], lat[9:10], CRS)
    x[11] = np.nan
    decision, lanes = auto(x, y), Lanes(Town())
    assert decision.system == "wgs84"
    far = np.isfinite(x) & ~lanes.near(*decision.wgs84(x, y))
    exchanged, other = outlying(x, y, decision, far, lanes)
    assert np.flatnonzero(exchanged).tolist() == [7]
    assert np.flatnonzero(other).tolist() == [9]
    nowhere = np.zeros(len(x), bool)
    exchanged, other = outlying(x, y, decision, nowhere, Lanes(BARE))  # without lanes too
    assert np.flatnonzero(exchanged).tolist() == [7]
    assert np.flatnonzero(other).tolist() == [9]


def test_the_same_answer_whatever_the_order_of_rows():
    x, y = from_wgs84(*in_lanes(1000, 8), "gcj02")
    order = np.random.default_rng(0).permutation(1000)
    assert auto(x, y) == auto(x[order], y[order])
