import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from cwmap.checking import EXPLANATION, Context, check, match, rejects
from cwmap.errors import CwmapError, NeedsAnswer, UnknownName
from cwmap.norms import Categories
from cwmap.reading import Rows, read
from cwmap.tables import TABLES
from cwmap.workbook import write_sheet
from geo.coordinates import from_wgs84, transform_geometries

CATEGORIES = Categories.load()
LANES = np.array(
    [shapely.box(104.92 + i / 500, 33.390, 104.92005 + i / 500, 33.395) for i in range(6)], object
)
TOWN = Context(CATEGORIES, "Asia/Shanghai", "EPSG:4544", LANES, datetime(2026, 6, 1, tzinfo=UTC))
BARE = replace(TOWN, lanes=np.array([], dtype=object))
REPORTS = TABLES["reports"]


def sheet(columns, geometry=None, crs=None, first=2) -> Rows:
    table = pd.DataFrame(columns, dtype="str")
    table.index = pd.RangeIndex(first, first + len(table))
    return Rows(table, geometry, crs, "csv", "utf-8", None, (), ())


def reports(n=1, **columns) -> Rows:
    usual = {"问题类别": ["路面坑洼"] * n, "上报时间": ["2026-03-01 09:05"] * n}
    return sheet(usual | columns)


def said(checked, level=None):
    return [(p.row, p.column, p.reason) for p in checked.problems if level in (None, p.level)]


# Headers


def test_headers_match_own_names_before_aliases_and_aliases_in_their_order():
    headers = [
        "子类",
        "小类",
        "时间",
        "发现时间",
        "上报时间*",
        "INFOSCNAME",
        "x",
        "COORDX",
        "问题说明",
    ]
    assert match(headers, REPORTS) == {
        "小类": "category", "上报时间*": "reported_at", "x": "lon",
    }  # fmt: skip
    assert match(["X坐标", "Y坐标", "编号"], TABLES["facilities"]) == {
        "X坐标": "lon", "Y坐标": "lat", "编号": "facility_id",
    }  # fmt: skip


@pytest.mark.parametrize(
    "mapping",
    [
        {"东": "lon"},
        {"东": "经度"},
        {"东": "lng"},
        {" 东 ": "X坐标"},
        {"lon": "东"},
        {"经度": "东"},
    ],
)
def test_mapping_by_name_label_alias_either_way_round(mapping):
    assert (
        match(["东", "北", "经度", "上报时间"], REPORTS, mapping)["东"] == "lon"
        or "经度" in mapping
    )


def test_mapping_wins_and_can_leave_a_header_out():
    headers = ["日期", "登记日", "问题类别", "备注"]
    found = match(headers, REPORTS, {"登记日": "上报时间", "备注": ""})
    assert found == {"登记日": "reported_at", "问题类别": "category"}


def test_mapping_to_what_does_not_exist_lists_what_does():
    with pytest.raises(UnknownName, match="文件的表头有：甲、乙"):
        match(["甲", "乙"], REPORTS, {"丙": "lon"})
    with pytest.raises(UnknownName, match="经度（lon）"):
        match(["甲", "乙"], REPORTS, {"甲": "高度"})
    with pytest.raises(UnknownName, match="没有“lane_id”"):  # computed, not to be filled in
        match(["甲"], REPORTS, {"甲": "lane_id"})
    with pytest.raises(CwmapError, match="只指定一列"):
        match(["甲", "乙"], REPORTS, {"甲": "lon", "乙": "经度"})


def test_every_template_header_finds_its_own_column():
    for table in TABLES.values():
        headers = [c.header + "*" * c.required for c in table.filled]
        assert list(match(headers, table).values()) == [c.name for c in table.filled]


def test_missing_required_columns_are_named_with_the_headers_found():
    with pytest.raises(CwmapError) as error:
        check(sheet({"编号": ["1"], "内容": ["x"]}), REPORTS, context=TOWN)
    message = str(error.value)
    assert all(word in message for word in ("问题类别", "上报时间", "编号、内容", "--map"))


# Values


def test_a_clean_sheet_becomes_typed_rows():
    rows = reports(
        2, 编号=["W1", "W2"], 状态=["已结案", ""], 经度=["104.9200", ""], 纬度=["33.3901", ""],
        结案时间=["2026年3月2日 17时", ""], 备注=["很脏 ", ""], 无关=["a", "b"],
    )  # fmt: skip
    checked = check(rows, REPORTS, context=TOWN, coords="wgs84")
    frame = checked.rows
    assert frame.columns[0] == "report_id"
    assert frame.index.tolist() == [2, 3]
    assert frame.loc[2].to_dict() == {
        "report_id": "W1", "category": "06013", "reported_at": pd.Timestamp("2026-03-01 01:05"),
        "status": "verified", "closed_at": pd.Timestamp("2026-03-02 09:00"), "description": "很脏",
    }  # fmt: skip
    assert frame.loc[3, "description"] is None
    assert pd.isna(frame.loc[3, "closed_at"])
    assert frame.loc[3, "status"] == "open"
    assert frame["reported_at"].dtype == np.dtype("M8[us]")
    assert all(frame[c].dtype == object for c in ("report_id", "category", "status", "description"))
    assert checked.geometry[0] == shapely.Point(104.92, 33.3901)
    assert checked.geometry[1] is None
    assert checked.ignored == ["无关"]
    assert (checked.read, checked.rejected, checked.problems) == (2, [], [])


def test_every_problem_of_a_row_is_listed_with_its_remedy():
    rows = reports(
        2, 问题类别=["暴露垃机", "路面坑洼"], 上报时间=["3月1日", "2026-03-01"],
        状态=["搁置", "open"], 经度=["一百", "104.92"], 纬度=["33.39", "33.391"],
        编号=["6.212E+14", "W2"], 结案时间=["2026-02-30", "2026-03-02"],
    )  # fmt: skip
    checked = check(rows, REPORTS, context=TOWN, coords="wgs84")
    problems = {p.column: p for p in checked.problems}
    assert set(problems) == {"问题类别", "上报时间", "状态", "经度", "编号", "结案时间"}
    assert all(p.row == 2 and p.level == "error" and p.remedy for p in problems.values())
    assert problems["问题类别"].reason == "未知类别"
    assert "暴露垃圾" in problems["问题类别"].remedy
    assert "--add-categories" in problems["问题类别"].remedy
    assert problems["上报时间"].value == "3月1日"
    assert "待处理" in problems["状态"].remedy
    assert checked.rejected == [2]
    assert checked.rows.index.tolist() == [3]
    assert problems["状态"].as_dict() == {
        "row": 2, "column": "状态", "value": "搁置", "reason": problems["状态"].reason,
        "remedy": problems["状态"].remedy, "level": "error",
    }  # fmt: skip


def test_times_that_cannot_be():
    rows = reports(
        5,
        上报时间=["2026-06-01 23:00", "2026-06-03", "1989-12-30", "2026-03-02 10:00", "2026-03-02 10:00"],
        截止时间=["2027-01-01", "", "", "", "2026-03-01"],
        结案时间=["", "", "", "2026-03-02", "2026-03-02 09:00"],
    )  # fmt: skip
    checked = check(rows, REPORTS, context=TOWN)
    assert said(checked, "error") == [
        (3, "上报时间", "晚于现在"), (4, "上报时间", "早于 1990 年"),
    ]  # fmt: skip
    # A bare day means all of that day; a deadline may lie ahead.
    assert said(checked, "warning") == [
        (6, "结案时间", "办结时间早于上报时间"), (6, "截止时间", "截止时间早于上报时间"),
    ]  # fmt: skip


def test_status_by_default():
    checked = check(reports(2, 结案时间=["2026-03-05", ""]), REPORTS, context=TOWN)
    assert checked.rows["status"].tolist() == ["verified", "open"]
    assert checked.defaulted == ()
    bare = check(reports(2, 地址=["甲", "乙"]), REPORTS, context=TOWN)
    assert bare.rows["status"].tolist() == ["open", "open"]
    assert bare.defaulted == ("status",)


def test_numbers_with_units_ranges_and_whole_numbers():
    rows = sheet(
        {
            "常住人口(人)": ["1,234人", "1.2万", "约300", "2.5", "-1", "很多", ""],
            "户数": ["", "３", "1", "1", "1", "1", "1"],
        }
    )
    checked = check(rows, TABLES["population"], context=TOWN)
    assert checked.rows["residents"].tolist() == [1234, 12000, 300]
    assert checked.rows["residents"].dtype == float
    assert checked.rejected == [5, 6, 7, 8]
    assert said(checked) == [
        (4, "常住人口(人)", "是约数，按 300 记入"), (5, "常住人口(人)", "不是整数"),
        (6, "常住人口(人)", "应在 0 到 5,000,000 人之间"), (7, "常住人口(人)", "不是数字"),
        (8, "常住人口(人)", "缺少常住人口"),
    ]  # fmt: skip


def test_a_header_in_another_unit():
    rows = sheet({"巷道名称": ["甲", "乙"], "长度(公里)": ["0.21", "300米"]})
    assert check(rows, TABLES["lanes"], context=TOWN).rows["length_m"].tolist() == [210, 300]
    with pytest.raises(CwmapError, match="单位是亩"):
        check(sheet({"巷道名称": ["甲"], "长度(亩)": ["1"]}), TABLES["lanes"], context=TOWN)


# Categories


def test_unknown_and_empty_categories_are_rejected_or_added():
    rows = reports(
        5, 问题类别=["占道停车", "噪音", "", "占道 停车", "路面坑洼"], 编号=list("abcde")
    )
    refused = check(rows, REPORTS, context=TOWN)
    assert refused.rejected == [2, 3, 4, 5]
    assert refused.new_categories.empty
    added = check(rows, REPORTS, context=TOWN, add_categories=True)
    new = added.new_categories
    assert new[["category", "name", "group"]].values.tolist() == [
        ["L500", "占道 停车", "其他"], ["L501", "噪音", "其他"],
    ]  # fmt: skip
    assert added.rows["category"].tolist() == ["L500", "L501", "L999", "L500", "06013"]
    assert said(added) == [(4, "问题类别", "没有类别，记为“其他问题”")]
    # Once they are in the workspace, the same file needs nothing new and has the same codes.
    town = replace(TOWN, categories=CATEGORIES.with_local(new))
    again = check(rows, REPORTS, context=town, add_categories=True)
    assert again.new_categories.empty
    pd.testing.assert_frame_equal(again.rows, added.rows)
    # A further word does not take a code that is in use.
    more = check(reports(1, 问题类别=["占道唱歌"]), REPORTS, context=town, add_categories=True)
    assert more.new_categories["category"].tolist() == ["L502"]


def test_a_category_that_only_rejected_rows_need_is_not_added():
    rows = reports(2, 问题类别=["占道停车", "路面坑洼"], 上报时间=["明天", "2026-03-01"])
    assert check(rows, REPORTS, context=TOWN, add_categories=True).new_categories.empty


def test_a_description_taken_for_the_category_is_not_added_a_thousand_times():
    rows = reports(600, 问题类别=[f"第{i}件事" for i in range(600)])
    with pytest.raises(CwmapError, match="选错了列"):
        check(rows, REPORTS, context=TOWN, add_categories=True)


def test_a_towns_own_categories():
    rows = sheet(
        {
            "代码": ["L101", "99999", "06013", "L102"], "名称": ["楼道堆物", "甲", "坑", "乙"],
            "分组": ["卫生死角/暴露垃圾", "", "", "天空"], "时限(天)": ["1", "", "0.5", ""],
        }
    )  # fmt: skip
    checked = check(rows, TABLES["categories"], context=TOWN)
    assert checked.rows["category"].tolist() == ["L101", "06013"]
    assert checked.rows["limit_h"].tolist() == [24, 12]
    assert said(checked) == [
        (2, "名称", "“楼道堆物”原来指 06036，以后指 L101"),
        (3, "代码", "不是已有的类别代码，也不是本地代码"), (5, "分组", "没有这个分组"),
    ]  # fmt: skip


# Ids and repeats


def test_ids_from_content_are_the_same_again_and_do_not_depend_on_what_is_empty():
    columns = {
        "地址": ["文明巷", "文明巷", "中山街"],
        "经度": ["104.92"] * 3,
        "纬度": ["33.391"] * 3,
    }
    first = check(reports(3, **columns), REPORTS, context=TOWN, coords="wgs84")
    assert first.rows.index.tolist() == [3, 4]
    assert (first.unchanged_repeats, first.replaced_repeats) == (1, 0)
    assert first.rows["report_id"].str.fullmatch("R-[0-9a-f]{16}").all()
    assert said(first) == [(2, "问题编号", "与第 3 行完全相同，按同一件处理")]
    turned = reports(3, **columns, 备注=[""] * 3, 编号=[""] * 3)
    turned = replace(turned, table=turned.table[turned.table.columns[::-1]])
    again = check(turned, REPORTS, context=TOWN, coords="wgs84")
    assert again.rows["report_id"].tolist() == first.rows["report_id"].tolist()
    moved = columns | {"经度": ["104.92001"] * 3}
    other = check(reports(3, **moved), REPORTS, context=TOWN, coords="wgs84")
    assert not set(other.rows["report_id"]) & set(first.rows["report_id"])


def test_an_id_twice_the_later_row_wins_and_is_told():
    rows = reports(
        6, 编号=["1", "1", "1", "2", "2", "3"],
        地址=["甲", "甲", "乙", "丙", "丙", "丁"], 状态=["", "待处理", "", "", "怪", ""],
    )  # fmt: skip
    checked = check(rows, REPORTS, context=TOWN)
    assert checked.rows.index.tolist() == [4, 5, 7]  # a rejected row replaces nothing
    assert checked.rows["address"].tolist() == ["乙", "丙", "丁"]
    assert (checked.unchanged_repeats, checked.replaced_repeats) == (1, 1)
    assert said(checked, "warning") == [
        (3, "编号", "编号在第 3 行和第 4 行重复，内容不同，以后一行为准")
    ]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "1", "2", "3"]),
            st.sampled_from(["路面坑洼", "01-13", "飞碟", ""]),
            st.sampled_from(["2026-03-01", "2026年3月1日", "3月1日", "2026-05-05 8:00"]),
            st.sampled_from(["", "甲", "乙"]),
            st.sampled_from(["", "104.92", "104.922", "33.39", "x"]),
            st.sampled_from(["", "33.391", "104.92"]),
        ),
        max_size=20,
    )
)
def test_every_row_is_accepted_rejected_or_a_repeat(cells):
    names = ["编号", "类别", "上报时间", "地址", "经度", "纬度"]
    rows = sheet({name: [row[i] for row in cells] for i, name in enumerate(names)})
    before = rows.table.copy()
    checked = check(rows, REPORTS, context=TOWN, coords="wgs84")
    pd.testing.assert_frame_equal(rows.table, before)
    assert checked.read == len(cells)
    repeats = checked.unchanged_repeats + checked.replaced_repeats
    assert len(checked.rows) + len(checked.rejected) + repeats == len(cells)
    assert checked.rows["report_id"].is_unique
    assert checked.rows["report_id"].notna().all()
    assert not set(checked.rows.index) & set(checked.rejected)
    assert set(checked.rejected) == {p.row for p in checked.problems if p.level == "error"}
    if checked.geometry is None:
        assert not any(row[4] or row[5] for row in cells)
    else:
        assert len(checked.geometry) == len(checked.rows)
    mended = rejects(rows, checked)
    assert mended.index.tolist() == checked.rejected
    assert mended[EXPLANATION].str.len().gt(0).all()


# Places


def test_half_a_place_zeros_and_nonsense():
    rows = reports(
        8, 经度=["104.92", "", "0", "104°55′12″E", "104.92", "190", "东经104度55分12秒", "104.92,"],
        纬度=["", "33.39", "0", "33°23′24″N", "33.391", "95", "北纬33度23分24秒", "33.39"],
        编号=list("abcdefgh"),
    )  # fmt: skip
    checked = check(rows, REPORTS, context=BARE, coords="wgs84")
    assert checked.rejected == [2, 3, 7, 9]
    assert said(checked) == [
        (2, "纬度", "只有一个坐标，缺少纬度"), (3, "经度", "只有一个坐标，缺少经度"),
        (4, "经度、纬度", "坐标为 0，按没有坐标处理"), (7, "经度、纬度", "坐标的写法与本表其他行不同"),
        (9, "经度", "不是坐标"),
    ]  # fmt: skip
    places = dict(zip(checked.rows.index, checked.geometry, strict=True))
    assert places[4] is None
    assert places[5].equals_exact(shapely.Point(104.92, 33.39), 1e-9)
    assert places[8] == places[5]


def test_one_exchanged_row_is_rejected_a_whole_exchanged_file_is_read_and_told():
    lon = [f"{104.92 + i / 500:.4f}" for i in range(6)]
    lat = [f"{33.391 + i / 5000:.4f}" for i in range(6)]
    some = reports(6, 经度=[*lon[:5], lat[5]], 纬度=[*lat[:5], lon[5]], 编号=list("abcdef"))
    checked = check(some, REPORTS, context=TOWN)
    assert said(checked) == [(7, "经度、纬度", "经纬度颠倒（与本表其他行相反）")]
    assert checked.rejected == [7]
    whole = check(reports(6, 经度=lat, 纬度=lon, 编号=list("abcdef")), REPORTS, context=TOWN)
    assert "写反" in whole.coords_reason
    assert whole.geometry[0] == shapely.Point(104.92, 33.391)
    assert not whole.problems


def test_gcj02_is_recognised_by_the_lanes_and_undone():
    lon, lat = np.meshgrid([104.92002 + i / 500 for i in range(6)], 33.3905 + np.arange(5) / 1100)
    x, y = from_wgs84(lon.ravel(), lat.ravel(), "gcj02")
    columns = {"lng": [f"{v:.7f}" for v in x], "lat": [f"{v:.7f}" for v in y]}
    rows = reports(30, **columns, 编号=[str(i) for i in range(30)])
    checked = check(rows, REPORTS, context=TOWN)
    assert checked.coords == "gcj02"
    assert "高德" in checked.coords_reason
    got = shapely.get_coordinates(checked.geometry)
    np.testing.assert_allclose(got, np.column_stack([lon.ravel(), lat.ravel()]), atol=2e-7)
    with pytest.raises(NeedsAnswer):
        check(rows, REPORTS, context=BARE)


def test_a_place_out_of_town_is_accepted_with_a_warning():
    rows = reports(2, 经度=["104.92", "106.5"], 纬度=["33.391", "29.5"], 编号=["a", "b"])
    checked = check(rows, REPORTS, context=TOWN, coords="wgs84")
    assert len(checked.rows) == 2
    assert [(row, reason[:8]) for row, _, reason in said(checked)] == [(3, "位置在镇域之外（"[:8])]


def test_pairs_and_wkt_in_one_cell():
    cells = [
        "104.92,33.391", "（104.92，33.391）", "POINT (104.92 33.391)", "104°55′12″E，33°23′27.6″N",
        "LINESTRING (104.92 33.39, 104.93 33.39)", "文明巷口", "",
    ]  # fmt: skip
    rows = reports(7, 经纬度=cells, 编号=list("abcdefg"))
    checked = check(rows, REPORTS, context=TOWN, coords="wgs84")
    assert checked.rejected == [7]
    points = checked.geometry[:4]
    assert all(p.equals_exact(shapely.Point(104.92, 33.391), 1e-9) for p in points)
    assert checked.geometry[4].geom_type == "LineString"
    assert checked.geometry[5] is None


def test_survey_metres_with_x_to_the_north():
    lon, lat = np.array([104.92, 104.922]), np.array([33.391, 33.392])
    east, north = from_wgs84(lon, lat, "EPSG:4523")
    rows = sheet(
        {"设施类型": ["公厕", "公厕"], "X": [f"{v:.3f}" for v in north], "Y": [f"{v:,.3f}米" for v in east]}
    )  # fmt: skip
    checked = check(rows, TABLES["facilities"], context=TOWN)
    assert checked.coords == "EPSG:4523"
    assert "北向" in checked.coords_reason
    got = shapely.get_coordinates(checked.geometry)
    np.testing.assert_allclose(got, np.column_stack([lon, lat]), atol=1e-7)


# Shapes


def metric(*shapes):
    return np.array([None if s is None else shapely.transform(s, lambda c: c + np.array([492_000, 3_695_000]))
                     for s in shapes], dtype=object)  # fmt: skip


LINE = shapely.LineString([(0, 0), (100, 0), (100, 50)])
BOX = shapely.box(0, 0, 10, 200)


def lanes(*shapes, crs="EPSG:4544", **options):
    rows = sheet({"名称": [f"巷{i}" for i in range(len(shapes))]}, metric(*shapes), crs, first=1)
    return check(rows, TABLES["lanes"], context=BARE, **options)


def test_lines_become_lanes_of_the_given_width():
    with pytest.raises(CwmapError, match="--where-lane-width"):
        lanes(BOX, LINE)
    for width in (0, -3, 1000, float("nan")):
        with pytest.raises(CwmapError, match="不合理"):
            lanes(LINE, lane_width_m=width)
    checked = lanes(BOX, LINE, lane_width_m=4)
    assert checked.lane_width_m == 4
    box, strip = transform_geometries(checked.geometry, "EPSG:4326", "EPSG:4544")
    assert box.area == pytest.approx(2000)
    # Two arms of 4 m without caps, joined round: 150 · 4 and a quarter disc less the overlap.
    assert strip.area == pytest.approx(150 * 4 - 4 + np.pi, abs=0.05)
    wider = lanes(BOX, LINE, lane_width_m=8)
    assert wider.rows["lane_id"].tolist() == checked.rows["lane_id"].tolist()


def test_polygon_layers_take_polygons_only():
    bow = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    tail = shapely.GeometryCollection([BOX, LINE])
    line = shapely.Polygon([(0, 0), (50, 50), (100, 100)])
    shapes = [
        BOX,
        bow,
        shapely.Point(1, 1),
        None,
        line,
        tail,
        shapely.Polygon(),
        shapely.force_3d(BOX, 5),
    ]
    rows = sheet({"编码": [f"G{i}" for i in range(8)]}, metric(*shapes), "EPSG:4544", first=1)
    checked = check(rows, TABLES["cells"], context=BARE)
    assert checked.rejected == [3, 4, 5, 7]
    assert [(row, reason) for row, _, reason in said(checked)] == [
        (2, "G1 的图形无效（边界自相交），已自动修复"), (3, "是点，单元网格需要面"), (4, "没有图形"),
        (5, "图形没有面积"), (6, "图形里除了面还有点或线，只保留了面"), (7, "没有图形"),
    ]  # fmt: skip
    assert shapely.is_valid(checked.geometry).all()
    assert np.isin(shapely.get_type_id(checked.geometry), (3, 6)).all()
    assert not shapely.has_z(checked.geometry).any()
    areas = shapely.area(transform_geometries(checked.geometry, "EPSG:4326", "EPSG:4544"))
    np.testing.assert_allclose(areas, [2000, 50, 2000, 2000], rtol=1e-4)


def test_cells_are_not_made_from_lines():
    rows = sheet({"编码": ["G1"]}, metric(LINE), "EPSG:4544", first=1)
    checked = check(rows, TABLES["cells"], context=BARE, lane_width_m=4)
    assert said(checked) == [(1, "图形", "是线，单元网格需要面")]


def test_a_table_without_places_brings_none():
    rows = sheet({"编号": ["X1"], "巷道名称": ["甲"], "长度": ["210"]})
    checked = check(rows, TABLES["lanes"], context=TOWN)
    assert checked.geometry is None
    assert checked.coords == checked.coords_reason == ""
    assert list(checked.rows.columns) == ["lane_id", "name", "length_m"]
    assert (
        check(sheet({"巷道": ["甲"], "岗位": ["网格员"]}), TABLES["duties"], context=TOWN).geometry
        is None
    )


def test_columns_for_a_place_that_nobody_filled_in_bring_none():
    checked = check(reports(1, 经度=[""], 纬度=["-"], 坐标=[""]), REPORTS, context=BARE)
    assert checked.geometry is None
    assert not checked.problems
    cells = sheet({"编码": ["G1"], "责任主体": ["甲"], "图形WKT": [""]})
    assert check(cells, TABLES["cells"], context=BARE).geometry is None


def test_a_layers_shapes_win_over_its_coordinate_columns():
    rows = sheet(
        {"设施类型": ["公厕"], "lon": ["1"], "lat": ["2"]},
        metric(shapely.Point(5, 5)),
        "EPSG:4544",
        1,
    )
    checked = check(rows, TABLES["facilities"], context=BARE)
    assert checked.coords == "EPSG:4544"
    assert checked.ignored == ["lon", "lat"]


# Rejected rows


@pytest.mark.parametrize("ending", ["xlsx", "csv"])
def test_rejected_rows_go_out_are_mended_and_come_back(tmp_path, ending):
    rows = reports(
        3,
        编号=["=1+1", "2", "3"],
        上报时间=["昨天", "2026-03-01", "2026-02-30"],
        电话=["+86", "", "01"],
    )
    checked = check(rows, REPORTS, context=TOWN)
    out = rejects(rows, checked)
    assert list(out.columns) == [*rows.table.columns, EXPLANATION]
    assert out.index.tolist() == [2, 4]
    assert "上报时间" in out.loc[2, EXPLANATION]
    out.loc[[2, 4], "上报时间"] = ["2026-03-01", "2026-02-28"]
    path = tmp_path / f"rejects.{ending}"
    write_sheet(path, out, headers={}, text_columns=set(out.columns))
    again = check(read(path), REPORTS, context=TOWN)
    assert again.rows["report_id"].tolist() == ["=1+1", "3"]
    assert again.rows["phone"].tolist() == ["+86", "01"]
    assert again.ignored == [EXPLANATION]
    assert not again.problems
    twice = rejects(replace(rows, table=out), checked)
    assert list(twice.columns) == list(out.columns)


def test_rejected_shapes_go_out_as_text():
    rows = sheet({"名称": ["甲", ""]}, metric(BOX, BOX), "EPSG:4544", first=1)
    checked = check(rows, TABLES["lanes"], context=BARE)
    out = rejects(rows, checked)
    assert out.index.tolist() == [2]
    mended = sheet(out.assign(名称=["乙"]).to_dict("list"))
    again = check(mended, TABLES["lanes"], context=BARE, coords="EPSG:4544")
    assert shapely.equals_exact(again.geometry[0], checked.geometry[0], 1e-9)


# Real data


def test_chicago():
    shared = Path(os.environ.get("CWMAP_SHARED_DATA", Path(__file__).parents[3] / "shared/data"))
    path = shared / "chicago/sanitation_311_chicago.csv.gz"
    if not path.exists():
        pytest.skip("the shared Chicago file is not here")
    context = replace(BARE, timezone="America/Chicago", crs="EPSG:26971", now=datetime.now(UTC))
    rows = read(path)
    refused = check(rows, REPORTS, context=context)
    assert (refused.read, len(refused.rejected)) == (74_401, 74_401)
    checked = check(rows, REPORTS, context=context, add_categories=True)
    assert checked.rejected == []
    assert checked.new_categories["name"].tolist() == ["Sanitation Code Violation"]
    assert len(checked.rows) == 74_401 - 375  # repeated ids
    assert checked.unchanged_repeats + checked.replaced_repeats == 375
    assert shapely.is_missing(checked.geometry).sum() in range(20, 25)
    assert set(checked.rows["status"]) == {"open", "verified", "rejected"}
    assert checked.rows["closed_at"].isna().sum() in range(300, 326)
