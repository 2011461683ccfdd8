from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from geo import coordinates
from geo.coordinates import (
    bd09_from_gcj02,
    bd09_from_wgs84,
    from_wgs84,
    gcj02_from_bd09,
    gcj02_from_wgs84,
    looks_like,
    metric_crs,
    parse_degrees,
    to_wgs84,
    transform_geometries,
    wgs84_from_bd09,
    wgs84_from_gcj02,
)

# Latitude, longitude in WGS 84, GCJ-02, BD-09; three independent public libraries agree on them.
CHECK_POINTS = np.array(
    [
        [39.915, 116.404],
        [39.91640428150164, 116.41024449916938],
        [39.922699552216216, 116.41662724378733],
        [33.39, 104.92],
        [33.388038872844035, 104.92287715152494],
        [33.39384839270653, 104.9294586426108],
        [31.1774276, 121.5272106],
        [31.17530398364597, 121.531541859215],
        [31.181328606874466, 121.53801568643858],
        [22.543847, 113.912316],
        [22.540796131694766, 113.9171764808363],
        [22.546667437751108, 113.92368472926734],
        [39.911954, 116.377817],
        [39.91334545536069, 116.38404722455657],
        [39.919575550965874, 116.39045471310828],
    ]
).reshape(5, 6)
CM_IN_DEGREES = 0.01 / 111_320
CHINA = st.tuples(st.floats(73.5, 135), st.floats(18, 53.5))


def test_offsets_match_the_check_points():
    lat, lon, gcj_lat, gcj_lon, bd_lat, bd_lon = CHECK_POINTS.T
    np.testing.assert_allclose(gcj02_from_wgs84(lon, lat), (gcj_lon, gcj_lat), rtol=0, atol=1e-10)
    np.testing.assert_allclose(bd09_from_wgs84(lon, lat), (bd_lon, bd_lat), rtol=0, atol=1e-10)
    np.testing.assert_allclose(bd09_from_gcj02(gcj_lon, gcj_lat), (bd_lon, bd_lat), atol=1e-10)
    np.testing.assert_allclose(wgs84_from_gcj02(gcj_lon, gcj_lat), (lon, lat), atol=1e-10)
    np.testing.assert_allclose(wgs84_from_bd09(bd_lon, bd_lat), (lon, lat), atol=1e-10)


@settings(deadline=None)
@given(st.lists(CHINA, min_size=1, max_size=20))
def test_every_system_comes_back_within_a_centimetre(places):
    lon, lat = np.array(places).T
    for there, back in (
        (gcj02_from_wgs84, wgs84_from_gcj02),
        (bd09_from_gcj02, gcj02_from_bd09),
        (bd09_from_wgs84, wgs84_from_bd09),
        (wgs84_from_bd09, bd09_from_wgs84),
    ):
        moved = there(lon, lat)
        assert np.all(np.hypot(moved[0] - lon, moved[1] - lat) > 1e-4)
        np.testing.assert_allclose(back(*moved), (lon, lat), rtol=0, atol=CM_IN_DEGREES)


@settings(deadline=None)
@given(CHINA)
def test_survey_grids_come_back(place):
    for system in ("cgcs2000", "EPSG:4544", "EPSG:4523", "epsg:32648"):
        there = from_wgs84(*place, system)
        np.testing.assert_allclose(to_wgs84(*there, system), place, rtol=0, atol=1e-6)


@pytest.mark.parametrize("place", [(-87.6, 41.9), (151.2, -33.9), (2.35, 48.86)])
def test_places_outside_china_are_left_alone(place):
    for system in ("gcj02", "bd09"):
        assert np.array_equal(to_wgs84(*place, system), place)
        assert np.array_equal(from_wgs84(*place, system), place)


def test_grids_of_the_district():
    # The same place with and without the zone in front of the easting.
    np.testing.assert_allclose(
        from_wgs84(104.92, 33.39, "EPSG:4544"), (492556.807, 3696004.997), atol=1e-3
    )
    np.testing.assert_allclose(
        to_wgs84(35_492_556.807, 3696004.997, "EPSG:4523"), (104.92, 33.39), rtol=0, atol=1e-8
    )
    assert np.array_equal(to_wgs84([104.92], [33.39], "EPSG:4490"), [[104.92], [33.39]])


def test_what_cannot_be_placed_is_nan_and_the_rest_stays():
    lon, lat = to_wgs84([492556.807, np.nan, 1e30], [3696004.997, 3696004.997, 1e30], "EPSG:4544")
    np.testing.assert_allclose(lon, [104.92, np.nan, np.nan], atol=1e-8)
    np.testing.assert_allclose(lat, [33.39, np.nan, np.nan], atol=1e-8)
    assert np.isnan(wgs84_from_bd09([np.nan], [33.0])).any()


@pytest.mark.parametrize("system", ["", "wgs-84", "EPSG:999999", "EPSG:4544; drop", "北京54"])
def test_unknown_systems_are_refused(system):
    for call in (to_wgs84, from_wgs84):
        with pytest.raises(ValueError, match="unknown coordinate system"):
            call([104.9], [33.4], system)
    with pytest.raises(ValueError, match="unknown coordinate system"):
        transform_geometries([], system)


def test_geometries_of_every_type_move_like_their_points():
    place = shapely.Point(104.92, 33.39)
    shapes = [
        place,
        None,
        shapely.Point(104.92, 33.39, 1007.5),
        shapely.LineString([(104.92, 33.39), (104.93, 33.4)]),
        shapely.Polygon(
            place.buffer(0.01).exterior.coords, [place.buffer(0.005).exterior.coords[::-1]]
        ),
        shapely.MultiPolygon([place.buffer(0.001)]),
        shapely.GeometryCollection([place, shapely.LineString([(104, 33), (105, 34)])]),
        shapely.Polygon(),
    ]
    for system in ("gcj02", "bd09", "EPSG:4544"):
        there = transform_geometries(shapes, "wgs84", system)
        assert there[1] is None
        assert [s and s.geom_type for s in there] == [s and s.geom_type for s in shapes]
        assert there[2].z == 1007.5
        assert not there[0].has_z
        np.testing.assert_allclose(
            shapely.get_coordinates(there[0])[0], from_wgs84(104.92, 33.39, system)
        )
        back = transform_geometries(there, system)
        assert shapely.equals_exact(back[2:], np.array(shapes[2:]), tolerance=1e-7).all()
    assert transform_geometries([], "gcj02").shape == (0,)


@pytest.mark.parametrize(
    ("place", "crs"),
    [
        ((104.92, 33.39), "EPSG:4544"),
        ((103.4, 33.0), "EPSG:4543"),
        ((116.4, 39.9), "EPSG:4548"),
        ((73.2, 39.0), "EPSG:4534"),
        ((134.9, 48.0), "EPSG:4554"),
        ((-87.6, 41.9), "EPSG:32616"),
        ((151.2, -33.9), "EPSG:32756"),
        ((180.0, -17.0), "EPSG:32760"),
    ],
)
def test_metric_crs(place, crs):
    assert metric_crs(*place) == crs
    x, _ = from_wgs84(*place, crs)
    assert abs(x - 500_000) < 340_000


@pytest.mark.parametrize("place", [(np.nan, 33.0), (492_556.0, 3_696_004.0)])
def test_metric_crs_refuses_what_is_no_place(place):
    with pytest.raises(ValueError, match="not a longitude"):
        metric_crs(*place)


@pytest.mark.parametrize(
    ("text", "degrees"),
    [
        ("104.92", 104.92),
        (" １０４．９２ ", 104.92),
        ("104。92", 104.92),
        ("+104.92°", 104.92),
        ("E104.92", 104.92),
        ("104.92 e", 104.92),
        ("北纬33.39", 33.39),
        ("东经 104 度 55 分 12.3 秒", 104.92008333333333),
        ("104°55′12.3″E", 104.92008333333333),
        ("104°55'12.3\"", 104.92008333333333),
        ("104º55’12.3’’", 104.92008333333333),
        ("104°５５＇１２．３＂", 104.92008333333333),
        ("104度55分12.3秒", 104.92008333333333),
        ("104-55-12.3", 104.92008333333333),
        ("104:55:12.3E", 104.92008333333333),
        ("104 55 12.3", 104.92008333333333),
        ("104°55.205′", 104.92008333333333),
        ("104°55′", 104.91666666666667),
        ("-33°30′0″", -33.5),
        ("南纬33°30′", -33.5),
        ("87°36′W", -87.6),
        ("1.0492E+02", 104.92),
        ("492556.807", 492556.807),
    ],
)
def test_degrees_are_read(text, degrees):
    assert parse_degrees(text) == pytest.approx(degrees, abs=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "—",
        "不详",
        "nan",
        "inf",
        "1_0",
        "104,92",
        "104.92,33.39",
        "104°60′",
        "104°5′60″",
        "104.5°30′",
        "104°5.5′12″",
        "104-55",
        "2026-11-24",
        "138-1234-5678",
        "S-33",
        "东经104E",
        "北纬104.92",
        "181°",
        "104°55′12″′",
        "E",
        "°",
        "1.2.3",
        "0x10",
        "9" * 400,
    ],
)
def test_what_is_no_degrees_is_nan(text):
    assert np.isnan(parse_degrees(text))


def test_no_text_and_two_numbers_are_nan():
    assert np.isnan([parse_degrees(""), parse_degrees("  "), parse_degrees("104 92")]).all()


@given(st.text(max_size=30) | st.text("0123456789.-°′″'\" EN度分秒", max_size=15))
def test_any_text_is_read_or_nan(text):
    assert isinstance(parse_degrees(text), float)


@given(st.integers(0, 179), st.integers(0, 59), st.integers(0, 59999))
def test_written_degrees_come_back(degrees, minutes, milliseconds):
    value = degrees + minutes / 60 + milliseconds / 3_600_000
    seconds = f"{milliseconds / 1000:.3f}"
    for text in (f"{degrees}°{minutes:02}′{seconds}″", f"{degrees}-{minutes}-{seconds}"):
        assert parse_degrees(text) == pytest.approx(value, abs=1e-9)


TOWN = np.array(CHECK_POINTS[1, 1]) + np.linspace(0, 0.05, 40), 33.39 + np.linspace(0, 0.03, 40)


@pytest.mark.parametrize(
    ("system", "kind", "zone", "crs"),
    [
        ("wgs84", "degrees", None, None),
        ("gcj02", "degrees", None, None),
        ("EPSG:4544", "projected", None, None),
        ("EPSG:32648", "projected", None, None),
        ("EPSG:4523", "projected_zone", 35, "EPSG:4523"),
        ("EPSG:4496", "projected_zone", 18, "EPSG:4496"),
    ],
)
def test_what_numbers_look_like(system, kind, zone, crs):
    x, y = from_wgs84(*TOWN, system)
    evidence = looks_like(x, y)
    assert (evidence.kind, evidence.zone, evidence.crs) == (kind, zone, crs)
    assert (evidence.swapped, evidence.rows) == (False, 40)
    other = looks_like(y, x)
    assert other.kind == ("swapped_degrees" if kind == "degrees" else kind)
    assert (other.swapped, other.zone) == (True, zone)


def test_mixed_missing_and_foreign_numbers():
    grid = from_wgs84(*TOWN, "EPSG:4544")
    both = looks_like(np.concatenate([TOWN[0], grid[0]]), np.concatenate([TOWN[1], grid[1]]))
    assert both.kind == "mixed"
    assert dict(both.shares) == {"degrees": 0.5, "projected": 0.5}
    # One slip of the pen in twenty does not change what a file is, but it stays visible.
    x, y = TOWN[0].copy(), TOWN[1].copy()
    x[:2], y[:2] = TOWN[1][:2], TOWN[0][:2]
    x[2] = np.nan
    slips = looks_like(x, y)
    assert (slips.kind, slips.rows) == ("degrees", 39)
    assert dict(slips.shares)["swapped_degrees"] == pytest.approx(2 / 39)
    assert looks_like(np.zeros(5), np.zeros(5)).kind == "unknown"
    assert looks_like([], []).kind == "unknown"
    assert looks_like([np.nan], [33.0]).rows == 0
    assert looks_like(TOWN[0] * 100, TOWN[1] * 100).kind == "unknown"  # a local survey system
    two_zones = looks_like([35_492_556.0, 36_492_556.0], [3_696_004.0] * 2)
    assert two_zones.kind == "mixed"
    assert two_zones.crs is None
    chicago = looks_like([-87.6], [41.9])
    assert chicago.kind == "degrees"


def test_systems_are_all_served():
    for system in coordinates.SYSTEMS:
        assert np.isfinite(to_wgs84([104.92], [33.39], system)).all()


# 4214 (Beijing 1954) has several operations to WGS 84, of which PROJ chooses by place.
SYSTEMS = ("EPSG:4544", "EPSG:4523", "EPSG:32648", "EPSG:3857", "EPSG:2381", "EPSG:4214")


@pytest.mark.parametrize("metric", SYSTEMS)
@pytest.mark.parametrize("degrees", ["EPSG:4326", "EPSG:4490"])
def test_a_transformer_does_bit_for_bit_what_pyproj_does(degrees, metric):
    random = np.random.default_rng(0)
    there = random.uniform([70, 15], [140, 55], (500, 2)).T
    there[:, 0] = np.nan
    for source, target in ((degrees, metric), (metric, degrees)):
        truth = Transformer.from_crs(source, target, always_xy=True).transform(*there)
        # In a thread of the web server as in the first one.
        with ThreadPoolExecutor(1) as thread:
            ours = [
                coordinates._transformer(source, target).transform(*there),
                thread.submit(coordinates._transformer(source, target).transform, *there).result(),
            ]
        for found in ours:
            np.testing.assert_array_equal(found, truth)
        assert np.isfinite(truth).any()
        there = np.array(truth)
