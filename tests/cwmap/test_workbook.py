import io
import zipfile
from datetime import datetime
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cwmap import workbook
from cwmap.checks.values import clean
from cwmap.errors import CwmapError
from cwmap.reading import read
from cwmap.workbook import write_sheet

DANGEROUS = [
    "=1+1",
    '=HYPERLINK("http://a")',
    "+86 138",
    "-",
    "@SUM(A1)",
    "\tx",
    "\r=1",
    "'=1",
    "''+1",
]
FRAME = pd.DataFrame(
    {
        "code": ["621202100005001", "06010", None, "0"],
        "count": [1, 20, 300, -4],
        "rate": [0.1, np.nan, 2e15, np.inf],
        "at": pd.to_datetime(["2026-03-01 09:05", None, "2026-03-02 00:00", "1899-01-01 00:00"]),
        "good": [True, False, True, None],
        "mixed": ["一", 2, 2.5, datetime(2026, 3, 1)],
    }
)
HEADERS = {"code": "编码", "count": "数量(个)", "at": "时间"}


def cells(path, sheet="数据"):
    return [[c.value for c in row] for row in openpyxl.load_workbook(path)[sheet].iter_rows()]


def test_xlsx_keeps_types_codes_and_dates(tmp_path):
    path = tmp_path / "out.xlsx"
    write_sheet(
        path, FRAME, headers=HEADERS, text_columns={"code"}, about=[("范围", "全镇"), ("=x", "=y")]
    )
    assert cells(path) == [
        ["编码", "数量(个)", "rate", "时间", "good", "mixed"],
        ["621202100005001", 1, 0.1, datetime(2026, 3, 1, 9, 5), "是", "一"],
        ["06010", 20, None, None, "否", 2],
        [None, 300, "2000000000000000", datetime(2026, 3, 2), "是", 2.5],
        ["0", -4, "inf", "1899-01-01", None, datetime(2026, 3, 1)],
    ]
    sheet = openpyxl.load_workbook(path)["数据"]
    assert sheet.freeze_panes == "A2"
    assert all(cell.font.bold for cell in sheet[1])
    assert sheet["A2"].number_format == "@"
    assert sheet["D2"].number_format == "yyyy-mm-dd hh:mm"
    assert sheet.column_dimensions["A"].width > 15
    assert cells(path, "说明") == [["范围", "全镇"], ["=x", "=y"]]
    assert [p.name for p in tmp_path.iterdir()] == ["out.xlsx"]


def test_an_open_file_gets_the_same_xlsx():
    out = io.BytesIO()
    write_sheet(out, FRAME, headers={}, text_columns=())
    assert cells(io.BytesIO(out.getvalue()))[1][0] == "621202100005001"


def test_nothing_becomes_a_formula_a_link_or_a_number(tmp_path):
    path = tmp_path / "out.xlsx"
    texts = [*DANGEROUS, "http://a.b", "mailto:a@b", "0012", "1e5", "_x0041_", "{=1}"]
    write_sheet(path, pd.DataFrame({"=a": texts}), headers={}, text_columns={"=a"})
    sheet = openpyxl.load_workbook(path)["数据"]
    assert {cell.data_type for cell in sheet["A"]} <= {"s", "inlineStr"}
    with zipfile.ZipFile(path) as archive:
        written = archive.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in written
    assert "hyperlink" not in written
    assert read(path).table["=a"].tolist()[-6:] == texts[-6:]


def test_csv_is_utf8_with_mark_and_harmless_to_a_spreadsheet(tmp_path):
    path = tmp_path / "out.csv"
    write_sheet(path, pd.DataFrame({"=文": DANGEROUS, "n": -1.0}), headers={}, text_columns={"=文"})
    raw = path.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf'=")
    lines = pd.read_csv(path, dtype="str", keep_default_na=False)
    assert not lines.iloc[:, 0].str.match(r"[=+\-@\t\r]").any()
    assert lines["n"].tolist() == ["-1"] * len(DANGEROUS)
    write_sheet(path, FRAME, headers=HEADERS, text_columns={"code"})
    text = path.read_text(encoding="utf-8-sig")
    assert text.splitlines()[1] == "621202100005001,1,0.1,2026-03-01 09:05:00,是,一"
    assert text.splitlines()[2] == "06010,20,,,否,2"


TEXT = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=12)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.one_of(TEXT, st.sampled_from(DANGEROUS[:5] + DANGEROUS[7:])), max_size=8))
def test_text_in_a_csv_comes_back_exactly(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("out") / "a.csv"
    frame = pd.DataFrame(
        {"问题编号": [f"k{i}" for i in range(len(texts))], "描述": texts}, dtype="str"
    )
    write_sheet(path, frame, headers={}, text_columns={"描述"})
    assert clean(read(path).table["描述"]).tolist() == texts


def test_what_a_spreadsheet_cannot_hold(tmp_path, monkeypatch):
    path = tmp_path / "out.xlsx"
    write_sheet(
        path,
        pd.DataFrame({"a": ["x\x00\x0b\ufffey\ud800"]}, dtype=object),
        headers={},
        text_columns={"a"},
    )
    assert cells(path)[1] == ["xy"]
    before = path.read_bytes()
    long = pd.DataFrame({"a": ["x", "x" * 32_768]})
    with pytest.raises(CwmapError, match="“甲”列第 3 行"):
        write_sheet(path, long, headers={"a": "甲"}, text_columns={"a"})
    monkeypatch.setattr(workbook, "MAX_ROWS", 2)
    with pytest.raises(CwmapError, match="3 行"):
        write_sheet(path, FRAME.head(3), headers={}, text_columns=())
    assert path.read_bytes() == before  # a failure leaves the old file
    assert [p.name for p in tmp_path.iterdir()] == ["out.xlsx"]
    write_sheet(
        tmp_path / "long.csv", FRAME, headers={}, text_columns=()
    )  # a CSV has no such limit


def test_errors_are_chinese(tmp_path):
    with pytest.raises(CwmapError, match="xlsx 或"):
        write_sheet(tmp_path / "out.ods", FRAME, headers={}, text_columns=())
    for name in ("none/out.xlsx", "none/out.csv"):
        with pytest.raises(CwmapError, match="写不了"):
            write_sheet(tmp_path / Path(name), FRAME, headers={}, text_columns=())


def test_an_empty_table_and_times_with_a_zone(tmp_path):
    path = tmp_path / "out.xlsx"
    write_sheet(path, FRAME.head(0), headers=HEADERS, text_columns=())
    assert cells(path) == [["编码", "数量(个)", "rate", "时间", "good", "mixed"]]
    moments = pd.DataFrame(
        {"t": pd.to_datetime(["2026-03-01 01:05:07Z"]).tz_convert("Asia/Shanghai")}
    )
    write_sheet(path, moments, headers={}, text_columns=())
    assert cells(path)[1] == [datetime(2026, 3, 1, 9, 5, 7)]
