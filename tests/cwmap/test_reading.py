"""Reading: what a person sees in a file is what comes out, and every decision is said."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sqlite3
import zipfile
from collections.abc import Sequence
from contextlib import closing
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyogrio
import pytest
import shapely
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from cwmap.formats.cells import MARKS
from cwmap.reading import Rows, read
from cwmap.tables import TABLES, headers

LANES = headers(TABLES["lanes"])
REPORTS = headers(TABLES["reports"])


def workbook(*sheets: Sequence[Sequence[object]], merge: Sequence[str] = ()) -> bytes:
    """An .xlsx of sheets of rows, the cells of the first one merged."""
    book = openpyxl.Workbook()
    for number, rows in enumerate(sheets):
        sheet = book.active if number == 0 else book.create_sheet()
        assert sheet is not None
        for row in rows:
            sheet.append(list(row))
    for cells in merge:
        book.worksheets[0].merge_cells(cells)
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def patched(content: bytes, part: str, old: bytes, new: bytes) -> bytes:
    """A zip with other bytes in one of its parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            assert name != part or old in data
            target.writestr(name, data.replace(old, new) if name == part else data)
    return out.getvalue()


def cells(rows: Rows) -> list[list[Any]]:
    """The table as lists, None for an empty cell."""
    values = rows.table.astype(object)
    return values.where(values.notna(), None).to_numpy(object).tolist()


def said(rows: Rows, words: str) -> bool:
    return any(words in note for note in rows.notes)


# Workbooks


def test_a_sheet_as_offices_make_it() -> None:
    """A title, a line with the unit, a merged community, a total and signatures."""
    content = workbook(
        [
            ["城关镇巷道台账"],
            ["填报单位：城关镇", None, None, "日期：2026-03-01"],
            ["巷道编号", " 巷道 名称", "所属社区*", "长度（米）"],
            ["X001", "文明巷", "中山街社区", 210],
            ["X002", "建设巷", None, 80.5],
            [None, None, None, None],
            ["X003", "南桥巷", "南桥路社区", 120.0],
            ["合计", None, None, 410.5],
            ["备注：本表一式两份"],
            ["2.以实地为准"],
            ["填表人：张某", None, "审核人：", "李某"],
        ],
        merge=["A1:D1", "A2:C2", "C4:C5", "A9:D9", "A10:D10"],
    )
    rows = read(("台账.xlsx", content), known=LANES)
    assert (rows.kind, rows.layer, rows.layers) == ("xlsx", "Sheet", ("Sheet",))
    assert (rows.geometry, rows.crs, rows.encoding) == (None, None, None)
    assert list(rows.table.columns) == ["巷道编号", "巷道 名称", "所属社区*", "长度（米）"]
    assert list(rows.table.index) == [4, 5, 7]
    assert cells(rows) == [
        ["X001", "文明巷", "中山街社区", "210"],
        ["X002", "建设巷", "中山街社区", "80.5"],
        ["X003", "南桥巷", "南桥路社区", "120"],
    ]
    assert all(dtype == "str" for dtype in rows.table.dtypes)
    assert said(rows, "表头在第 3 行")
    assert said(rows, "上方的 2 行")
    assert said(rows, "1 处合并单元格")
    assert said(
        rows, "第 8 行“合计 410.5”；第 9 行“备注：本表一式两份”；第 10 行“2.以实地为准”；第 11 行"
    )


@pytest.mark.parametrize("known", [LANES, ()])
def test_a_header_of_two_rows(known: Any) -> None:
    content = workbook(
        [
            ["巷长制台账"],
            ["巷道编号", "巷道名称", "位置", None, "巷长", None, "保洁员", None],
            [None, None, "经度", "纬度", "姓名", "电话", "姓名", "电话"],
            ["X1", "文明巷", 104.92, 33.39, "甲", "1380", "乙", "1390"],
        ],
        merge=["A1:H1", "A2:A3", "B2:B3", "C2:D2", "E2:F2", "G2:H2"],
    )
    rows = read(("a.xlsx", content), known=known)
    assert list(rows.table.columns) == [
        "巷道编号", "巷道名称", "经度", "纬度", "巷长·姓名", "巷长·电话", "保洁员·姓名", "保洁员·电话",
    ]  # fmt: skip
    assert list(rows.table.index) == [4]
    assert said(rows, "第 2–3 行")


def test_a_header_of_two_rows_without_merged_cells() -> None:
    text = "巷道编号,巷长,,巷道名称\n,姓名,电话,\nX1,甲,1380,文明巷\n"
    rows = read(("a.csv", text.encode()), known=LANES)
    assert list(rows.table.columns) == ["巷道编号", "姓名", "电话", "巷道名称"]
    assert cells(rows) == [["X1", "甲", "1380", "文明巷"]]


def test_repeated_and_missing_headers() -> None:
    rows = read(("a.csv", "编号,名称,名称,,\n1,a,b,,\n2,c,d,e,\n".encode()), known=LANES)
    assert list(rows.table.columns) == ["编号", "名称", "名称（2）"]
    assert said(rows, "第 4 列没有表头，其中 1 个单元格未读入（第 3 行）")


def test_values_of_cells_as_people_read_them() -> None:
    sheet: list[list[object]] = [["编号", "名称"]]
    expected = {
        12: "12", -0.5: "-0.5", 104.92: "104.92", 1e-7: "0.0000001", 0.1 + 0.2: "0.3",
        621202100005001: "621202100005001", True: "是", "00123": "00123", " a\u200b\ufeff\u3000": "a",
        date(2026, 1, 2): "2026-01-02", datetime(2026, 1, 2, 3, 4, 5): "2026-01-02 03:04:05",
        datetime(2026, 1, 2, 10, 30): "2026-01-02 10:30:00", time(10, 30): "10:30:00",
        timedelta(hours=30, minutes=5): "30:05:00", "多行\n文字": "多行\n文字", "  ": None, "NA": "NA",
    }  # fmt: skip
    sheet += [[f"R{n}", value] for n, value in enumerate(expected)]
    rows = read(("a.xlsx", workbook(sheet)), known=LANES)
    assert [row[1] for row in cells(rows)] == list(expected.values())


def test_a_date_in_the_chinese_format_of_excel_and_a_percentage() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["编号", "日期", "比例"])
    sheet.append(["1", 46024, 0.25])
    sheet["B2"].number_format = '[$-804]yyyy"年"m"月"d"日"'
    sheet["C2"].number_format = "0%"
    assert cells(read(("a.xlsx", saved(book)), known=REPORTS)) == [["1", "2026-01-02", "0.25"]]


def test_what_excel_has_lost_is_said() -> None:
    rows = read(
        ("a.xlsx", workbook([["编号", "名称", "长度"], [62120210000500123, "#N/A", "=1+1"]])),
        known=LANES,
    )
    code, name, length = cells(rows)[0]
    assert len(code) == 17
    assert code.startswith("621202100005001")
    assert (name, length) == (None, None)
    assert said(rows, "A 列有 1 个单元格把超过 15 位的编号存成了数字")
    assert said(rows, "B2 1 个单元格是错误值")
    assert said(rows, "1 个公式没有算出的结果")
    rounded = read(("a.csv", "编号,名称\n6.21202E+16,文明巷\n".encode()), known=LANES)
    assert said(rounded, "1 个单元格是科学计数法")


def test_macros_are_not_run_but_mentioned() -> None:
    content = workbook([["编号", "名称"], ["1", "a"]])
    with zipfile.ZipFile(file := io.BytesIO(content), "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"\0")
    rows = read(("a.xlsm", file.getvalue()), known=LANES)
    assert cells(rows) == [["1", "a"]]
    assert said(rows, "宏没有运行")


def test_which_sheet_is_read() -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].title = "填写说明"
    for name, rows in {
        "人员": [["姓名", "电话"], ["甲", "1"]],
        "巷道": [["巷道编号", "巷道名称"], ["X1", "文明巷"]],
        "旧巷道": [["巷道编号", "巷道名称", "长度"], ["X0", "旧巷", 1]],
        "空": [],
    }.items():
        for row in rows:
            book[name].append(row) if name in book.sheetnames else book.create_sheet(name).append(
                row
            )
    book.worksheets[0].append(["巷道编号", "巷道名称", "长度", "社区"])
    book["旧巷道"].sheet_state = "hidden"
    content = saved(book)
    rows = read(("a.xlsx", content), known=LANES)
    assert (rows.layer, cells(rows)) == ("巷道", [["X1", "文明巷"]])
    assert rows.layers == ("填写说明", "人员", "巷道", "旧巷道")
    assert said(rows, "没有读取：人员、旧巷道（隐藏）")
    assert cells(read(("a.xlsx", content), known=LANES, sheet="旧巷道")) == [["X0", "旧巷", "1"]]


def test_formats_down_to_the_last_cell_are_no_data() -> None:
    content = workbook([["编号", "名称"], ["1", "a"]])
    styled = b'<row r="1048576"><c r="XFD1048576" s="0"/></row></sheetData>'
    content = patched(content, "xl/worksheets/sheet1.xml", b"</sheetData>", styled)
    content = patched(content, "xl/worksheets/sheet1.xml", b"A1:B2", b"A1:XFD1048576")
    assert cells(read(("a.xlsx", content), known=LANES)) == [["1", "a"]]


@pytest.mark.parametrize("name", ["lanes.xls", "lanes.et"])
def test_an_old_workbook(name: str) -> None:
    content = (Path(__file__).parent / "files" / "lanes.xls").read_bytes()
    rows = read((name, content), known=LANES)
    assert (rows.kind, rows.layer) == ("xls", "巷道台账")
    assert list(rows.table.columns) == ["巷道编号", "巷道名称", "社区", "登记日期", "长度(米)"]
    assert list(rows.table.index) == [3, 4]
    assert cells(rows) == [
        ["621202100005001", "南桥巷", "中山街社区", "2026-03-01", "120"],
        ["621202100005002", "北山巷", "中山街社区", "2026-03-02", "80.5"],
    ]
    assert said(rows, "第 5 行“填表人：张三”")


def test_two_hundred_columns() -> None:
    header = [f"字段{n}" for n in range(200)]
    rows = read(("a.xlsx", workbook([header, [*map(str, range(200))]])))
    assert list(rows.table.columns) == header
    assert cells(rows) == [[str(n) for n in range(200)]]


# Text

TABLE = "任务号,小类名称,发现时间,地址\nW1,暴露垃圾,2026-03-01 09:05,文明巷12号\nW2,占道经营,,\n"


@pytest.mark.parametrize(
    ("encoding", "found"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("gb18030", "gb18030"), ("utf-16", "utf-16")],
)
@pytest.mark.parametrize("separator", [",", "\t", ";", "、", "，", "|"])
def test_encodings_and_separators(encoding: str, found: str, separator: str) -> None:
    content = TABLE.replace(",", separator).encode(encoding)
    for name, data in {
        "a.csv": content,
        "a.txt": content,
        "a.csv.gz": gzip.compress(content),
    }.items():
        rows = read((name, data), known=REPORTS)
        assert (rows.kind, rows.encoding) == ("csv", found)
        assert cells(rows) == [
            ["W1", "暴露垃圾", "2026-03-01 09:05", "文明巷12号"], ["W2", "占道经营", None, None],
        ]  # fmt: skip
        assert list(rows.table.index) == [2, 3]


def test_line_numbers_are_those_of_the_file() -> None:
    text = '城关镇\n\n编号,名称,描述\n1,"文明,巷","第一行\n第二行\r\n第三行"\n\n2,建设巷,说\n合计,2,\n\n\n'
    rows = read(("a.csv", text.encode()), known=LANES)
    assert list(rows.table.index) == [4, 8]
    assert cells(rows) == [["1", "文明,巷", "第一行\n第二行\n第三行"], ["2", "建设巷", "说"]]
    assert said(rows, "第 9 行“合计 2”")


def test_rows_of_uneven_length() -> None:
    rows = read(("a.csv", "编号,名称\n1\n2,b,c,d\n3,c\n".encode()), known=LANES)
    assert cells(rows) == [["1", None], ["2", "b"], ["3", "c"]]
    assert said(rows, "第 3 列没有表头，其中 1 个单元格未读入（第 3 行）")


@pytest.mark.parametrize(
    ("last", "is_data"),
    [
        ("负责人,甲", True), ("合计,", False), ("小 计：,3", False), ("备注,", False), ("填表人,乙,审核人,丙", False),
        ("制表单位（盖章）：,", False), ("注：以实地为准,", False), ("注意事项,见附件", True), ("总计划,一", True),
    ],
)  # fmt: skip
def test_what_the_last_row_is(last: str, is_data: bool) -> None:
    text = f"岗位,姓名,电话,单位\n网格员,乙,1,社区\n{last}\n"
    rows = read(("a.csv", text.encode()), known=headers(TABLES["duties"]))
    assert len(rows.table) == 1 + is_data
    assert said(rows, "第 3 行") != is_data


def test_spellings_that_programs_give_to_codes() -> None:
    text = 'sep=;\n编号;名称\n="00123";文明巷\n621202100005001\t;5" 管\n'
    rows = read(("a.csv", text.encode()), known=LANES)
    assert cells(rows) == [["00123", "文明巷"], ["621202100005001", '5" 管']]
    assert list(rows.table.index) == [3, 4]


def test_a_csv_named_xls() -> None:
    rows = read(("导出.xls", TABLE.encode("gb18030")), known=REPORTS)
    assert rows.kind == "csv"
    assert len(rows.table) == 2
    assert said(rows, "内容其实是文本表格")


def test_a_header_nobody_knows() -> None:
    rows = read(("a.csv", "表一,,\n甲,乙,丙\n1,2,3\n".encode()), known=LANES)
    assert list(rows.table.columns) == ["甲", "乙", "丙"]
    assert said(rows, "没有找到认识的表头，把第 2 行当作表头")


# Any text of any language, but for controls and halves of characters.
_TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\r\t\",;'"), max_size=8
)
_CHINESE = st.text("中山街道南桥路社区文明巷暴露垃圾 ,\"\n'、;1aé，", max_size=8)
_HEADERS = ["编号", "名称", "别名", "社区", "长度"]


@st.composite
def tables(draw: st.DrawFn, text: st.SearchStrategy[str]) -> list[list[str]]:
    width = draw(st.integers(1, 4))
    rows = draw(st.lists(st.lists(text, min_size=width, max_size=width), min_size=1, max_size=12))
    return [_HEADERS[: width + 1], *([f"R{n}", *row] for n, row in enumerate(rows))]


def expected(table: list[list[str]]) -> list[list[str | None]]:
    """The documented normalisation: no marks, \\n for every line end, no outer blanks."""
    unmarked = str.maketrans("", "", MARKS)
    return [
        [
            t.translate(unmarked).replace("\r\n", "\n").replace("\r", "\n").strip() or None
            for t in row
        ]
        for row in table[1:]
    ]


def as_csv(table: list[list[str]], encoding: str) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(table)
    return text.getvalue().encode(encoding)


def lines_before(table: list[list[str]]) -> list[int]:
    """The line on which each row of a CSV starts, counted as an editor does."""
    plain = [
        as_csv([row], "utf-8").decode().replace("\r\n", "\n").replace("\r", "\n") for row in table
    ]
    return (1 + np.cumsum([0, *(text.count("\n") for text in plain)]))[1:-1].tolist()


@given(tables(_TEXT))
@settings(max_examples=60, deadline=None)
def test_any_table_survives_csv(table: list[list[str]]) -> None:
    for rows in (
        read(("a.csv", as_csv(table, "utf-8-sig")), known=LANES),
        read(("a.csv", as_csv(table, "gb18030")), known=LANES, encoding="gb18030"),
    ):
        assert cells(rows) == expected(table)
        assert rows.table.index.tolist() == lines_before(table)


@given(tables(_CHINESE))
@settings(max_examples=60, deadline=None)
def test_chinese_in_gb18030_is_recognised(table: list[list[str]]) -> None:
    rows = read(("a.csv", as_csv(table, "gb18030")), known=LANES)
    assert rows.encoding == "gb18030"
    assert cells(rows) == expected(table)


@given(tables(_TEXT))
@settings(max_examples=40, deadline=None)
def test_any_table_survives_xlsx(table: list[list[str]]) -> None:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(table):
            for column, text in enumerate(row):
                sheet.write_string(number, column, text)
    rows = read(("a.xlsx", content.getvalue()), known=LANES)
    assert cells(rows) == expected(table)
    assert rows.table.index.tolist() == list(range(2, len(table) + 1))


# Layers


@pytest.fixture
def lanes() -> gpd.GeoDataFrame:
    shapes = [
        shapely.box(500_000 + 10 * n, 3_696_000, 500_008 + 10 * n, 3_696_100) for n in range(3)
    ]
    shapes.append(shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(2, 2, 3, 3)]))
    return gpd.GeoDataFrame(
        {
            "巷道编号": ["X1", "X2", "X3", None],
            "巷道名称": ["文明巷", "南桥巷", "北山巷" * 40, "水子山"],
            "户数": pd.array([12, 3, None, 0], dtype="Int64"),
            "长度": [210.5, 80.0, np.nan, 1e-7],
        },
        geometry=shapes,
        crs="EPSG:4544",
    )


LANE_TEXTS = [["12", "210.5"], ["3", "80"], [None, None], ["0", "0.0000001"]]


def zipped(folder: Path, *suffixes: str, stem: str = "lanes", name: str = "巷道") -> bytes:
    """Files of a folder as Chinese Windows packs them: names in GBK, and not said so."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for suffix in suffixes:
            archive.writestr(f"AAAA/BBBB{suffix}", (folder / f"{stem}{suffix}").read_bytes())
    return out.getvalue().replace(b"AAAA/BBBB", f"资料/{name}".encode("gbk"))


@pytest.mark.filterwarnings("ignore:Could not decode error message:RuntimeWarning")  # on writing
@pytest.mark.parametrize("encoding", ["GB18030", "UTF-8"])
@pytest.mark.parametrize("cpg", [None, "UTF-8", "GBK", "ISO-8859-1", "936", "nonsense"])
def test_shapefiles(
    tmp_path: Path, lanes: gpd.GeoDataFrame, encoding: str, cpg: str | None
) -> None:
    pyogrio.write_dataframe(lanes, tmp_path / "lanes.shp", encoding=encoding)
    (tmp_path / "lanes.shp").rename(tmp_path / "lanes.SHP")
    (tmp_path / "lanes.cpg").unlink(missing_ok=True)
    if cpg:
        (tmp_path / "lanes.CPG").write_text(cpg)
    rows = read(tmp_path / "lanes.SHP", known=LANES)
    assert (rows.kind, rows.crs, rows.encoding) == ("shp", "EPSG:4544", encoding.lower())
    # UTF-8 names and texts are cut in the middle of a character by the format's limits.
    cut = encoding == "UTF-8"
    assert (
        list(rows.table.columns) == ["巷道编", "巷道名", "户数", "长度"]
        if cut
        else [*lanes.columns][:4]
    )
    assert [row[2:] for row in cells(rows)] == [[row[0], row[1]] for row in LANE_TEXTS]
    assert rows.table.iloc[:2, 1].tolist() == ["文明巷", "南桥巷"]
    assert ("北山巷" * 40).startswith(rows.table.iloc[2, 1])
    assert rows.geometry is not None
    assert shapely.equals(rows.geometry, lanes.geometry.to_numpy()).all()
    assert list(rows.table.index) == [1, 2, 3, 4]


def test_a_zipped_shapefile(tmp_path: Path, lanes: gpd.GeoDataFrame) -> None:
    pyogrio.write_dataframe(lanes, tmp_path / "lanes.shp", encoding="GB18030")
    content = zipped(tmp_path, ".shp", ".dbf", ".prj")
    rows = read(("图层.zip", content), known=LANES)
    assert cells(rows)[0] == ["X1", "文明巷", "12", "210.5"]
    assert rows.crs == "EPSG:4544"
    assert said(rows, "读取了压缩包里的“巷道.shp”")
    assert said(rows, "缺少可用的 .shx")


def test_a_zipped_table_beside_a_readme(tmp_path: Path) -> None:
    (tmp_path / "lanes.csv").write_text(TABLE, encoding="gb18030")
    (tmp_path / "lanes.txt").write_text("请先阅读")
    rows = read(("a.zip", zipped(tmp_path, ".csv", ".txt")), known=REPORTS)
    assert len(rows.table) == 2


def test_geopackage(tmp_path: Path, lanes: gpd.GeoDataFrame) -> None:
    path = tmp_path / "城关镇.gpkg"
    when = pd.to_datetime(["2026-03-01T09:05", None, "2026-03-02", "2026-03-03"], format="ISO8601")
    pyogrio.write_dataframe(pd.DataFrame({"姓名": ["甲"]}), path, layer="人员")
    pyogrio.write_dataframe(lanes.assign(时间=when), path, layer="巷道", append=True)
    rows = read(path, known=LANES)
    assert (rows.kind, rows.layer, rows.layers) == ("gpkg", "巷道", ("巷道", "人员"))
    assert rows.crs == "EPSG:4544"
    assert cells(rows)[0] == ["X1", "文明巷", "12", "210.5", "2026-03-01 09:05:00+00:00"]
    assert cells(rows)[2] == ["X3", "北山巷" * 40, None, None, "2026-03-02 00:00:00+00:00"]
    assert rows.geometry is not None
    assert shapely.equals(rows.geometry, lanes.geometry.to_numpy()).all()
    assert said(rows, "没有读取：人员")
    people = read((path.name, path.read_bytes()), known=LANES, layer="人员")
    assert (people.geometry, people.crs, cells(people)) == (None, None, [["甲"]])


def test_a_geopackage_that_another_program_has_open(tmp_path: Path) -> None:
    """What QGIS has not yet written back lies in a second file."""
    path = tmp_path / "a.gpkg"
    pyogrio.write_dataframe(pd.DataFrame({"巷道名称": ["旧名"]}), path, layer="巷道")
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("UPDATE 巷道 SET 巷道名称 = '新名'")
        other.commit()
        assert set(read(path, known=LANES).table["巷道名称"]) == {"新名"}


def test_geojson_agrees_with_gdal(tmp_path: Path, lanes: gpd.GeoDataFrame) -> None:
    path = tmp_path / "lanes.geojson"
    wgs84 = lanes.to_crs(4326)
    pyogrio.write_dataframe(wgs84, path, driver="GeoJSON", COORDINATE_PRECISION=15)
    rows = read(path, known=LANES)
    assert (rows.kind, rows.crs, rows.encoding) == ("geojson", "EPSG:4326", "utf-8")
    assert [row[2:] for row in cells(rows)] == LANE_TEXTS
    assert rows.geometry is not None
    assert shapely.equals_exact(rows.geometry, gpd.read_file(path).geometry.to_numpy(), 1e-12).all()


def feature(properties: dict[str, Any] | None, shape: Any, **members: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": shape, **members}


def test_properties_of_geojson_stay_what_they_are() -> None:
    point = {"type": "Point", "coordinates": [104.92, 33.39, 1020]}
    document = {
        "features": [
            feature(
                {"日期": "2026/1/2", "号": 62120210000500500123, "对": True, "嵌": {"甲": [1]}},
                point,
                id=7,
            ),
            feature({"号": "00", "新": 1.50}, None),
            feature(None, {"type": "Polygon", "coordinates": [[[0, 0], [1, 0]]]}),
        ],
        "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4490"}},
        "type": "FeatureCollection",
    }
    rows = read(("a.json", json.dumps(document, ensure_ascii=False).encode("gb18030")))
    assert (rows.crs, rows.encoding) == ("EPSG:4490", "gb18030")
    assert list(rows.table.columns) == ["id", "日期", "号", "对", "嵌", "新"]
    assert cells(rows) == [
        ["7", "2026/1/2", "62120210000500500123", "是", '{"甲": [1]}', None],
        [None, None, "00", None, None, "1.5"],
        [None] * 6,
    ]
    assert rows.geometry is not None
    assert rows.geometry[0].wkt == "POINT (104.92 33.39)"
    assert list(rows.geometry[1:]) == [None, None]
    assert said(rows, "第 3 个要素（共 1 个）的图形无法读取")


@pytest.mark.parametrize(
    ("name", "crs"),
    [
        ("EPSG:4544", "EPSG:4544"), ("urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326"),
        ("urn:ogc:def:crs:EPSG::4523", "EPSG:4523"), ("EPSG:999999", None), ("/etc/passwd", None),
        ("http://www.opengis.net/def/crs/EPSG/0/4490", "EPSG:4490"),
    ],
)  # fmt: skip
def test_coordinate_systems_that_geojson_names(name: str, crs: str | None) -> None:
    document = {**feature({"a": 1}, None), "crs": {"type": "name", "properties": {"name": name}}}
    rows = read(("a.geojson", json.dumps(document).encode()))
    assert rows.crs == crs
    assert said(rows, "需要指定坐标系") == (crs is None)


KML = """<?xml version="1.0" encoding="GB2312"?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document><name>城关镇</name>
<Folder><name>巷道</name><Style id="s"/>
<Placemark><name>文明巷</name><description><![CDATA[<b>东口</b>]]></description>
<ExtendedData><Data name="编号"><value>001</value></Data><Data name="日期"><value>2026/1/2</value></Data>
</ExtendedData><MultiGeometry><Polygon><outerBoundaryIs><LinearRing><coordinates>
0,0,5 4,0,5 4,4,5 0,4,5 0,0,5</coordinates></LinearRing></outerBoundaryIs><innerBoundaryIs><LinearRing>
<coordinates>1,1 2,1 2,2 1,1</coordinates></LinearRing></innerBoundaryIs></Polygon></MultiGeometry></Placemark>
<Placemark><name>南桥巷</name><LineString><coordinates>104.9, 33.3 104.91, 33.31</coordinates></LineString>
</Placemark></Folder>
<Folder><name>设施</name><Placemark><name>公厕</name><ExtendedData><SchemaData schemaUrl="#s">
<SimpleData name="编号">G1</SimpleData></SchemaData></ExtendedData><Point><coordinates>104.9,33.3</coordinates>
</Point></Placemark><Placemark><name>坏点</name><Point><coordinates>x,y</coordinates></Point></Placemark>
<Placemark><name>无图</name></Placemark></Folder></Document></kml>"""


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_kml_and_kmz(encoding: str) -> None:
    content = KML.encode(encoding)
    with zipfile.ZipFile(kmz := io.BytesIO(), "w") as archive:
        archive.writestr("files/icon.png", b"\x89PNG")
        archive.writestr("doc.kml", content)
    for name, data in {"a.kml": content, "a.kmz": kmz.getvalue()}.items():
        rows = read((name, data), known=LANES)
        assert (rows.kind, rows.crs, rows.layers) == ("kml", "EPSG:4326", ("巷道", "设施"))
        assert list(rows.table.columns) == ["文件夹", "name", "description", "编号", "日期"]
        assert cells(rows) == [
            ["巷道", "文明巷", "<b>东口</b>", "001", "2026/1/2"], ["巷道", "南桥巷", None, None, None],
            ["设施", "公厕", None, "G1", None], ["设施", "坏点", None, None, None],
            ["设施", "无图", None, None, None],
        ]  # fmt: skip
        assert rows.geometry is not None
        assert shapely.to_wkt(rows.geometry[:3], rounding_precision=3).tolist() == [
            "POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0), (1 1, 2 1, 2 2, 1 1))",
            "LINESTRING (104.9 33.3, 104.91 33.31)",
            "POINT (104.9 33.3)",
        ]
        assert list(rows.geometry[3:]) == [None, None]
        assert said(rows, "第 4 个要素（共 1 个）的图形无法读取")
    part = read(("a.kml", content), layer="设施")
    assert part.layer == "设施"
    assert part.table["name"].tolist() == ["公厕", "坏点", "无图"]
