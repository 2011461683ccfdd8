from datetime import UTC, datetime

import numpy as np
import openpyxl
import pandas as pd
import pytest

from cwmap.checking import Context, check
from cwmap.norms import Categories
from cwmap.reading import read
from cwmap.tables import EXAMPLE, TABLES, example, headers
from cwmap.templates import write_template

CONTEXT = Context(
    Categories.load(), "Asia/Shanghai", "EPSG:4544", np.array([], object),
    datetime(2026, 6, 1, tzinfo=UTC),
)  # fmt: skip


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_an_untouched_template_imports_nothing_and_says_so(tmp_path, table):
    path = tmp_path / f"{table.name}.xlsx"
    write_template(table, path)
    rows = read(path, known=headers(table))
    assert len(rows.table) == 1
    checked = check(rows, table, context=CONTEXT)
    assert (checked.read, len(checked.rows), checked.rejected) == (0, 0, [])
    assert [(p.row, p.level) for p in checked.problems] == [(2, "warning")]
    assert "示例行" in checked.problems[0].reason
    assert checked.ignored == []


@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_the_example_is_itself_a_good_row(tmp_path, table):
    """With an id of one's own the example is imported without any problem."""
    path = tmp_path / f"{table.name}.xlsx"
    write_template(table, path)
    rows = read(path, known=headers(table))
    header = next(h for h in rows.table.columns if h.startswith(table[table.key].label))
    rows.table[header] = "L777"
    column = next((h for h in rows.table.columns if h.startswith("图形WKT")), None)
    if column and table.shape == "polygon":
        rows.table[column] = "POLYGON ((104.92 33.39, 104.921 33.39, 104.921 33.391, 104.92 33.39))"
    elif column:
        assert rows.table[column].isna().all()
    checked = check(rows, table, context=CONTEXT, coords="wgs84")
    assert len(checked.rows) == 1, checked.problems
    assert not [p for p in checked.problems if p.level == "error"]
    filled = {name for name, text in example(table).items() if text} - {"lon", "lat", "wkt"}
    assert checked.rows.iloc[0].reindex(sorted(filled)).notna().all()


def test_an_example_that_was_filled_in_but_keeps_its_id_is_not_lost(tmp_path):
    path = tmp_path / "reports.xlsx"
    write_template(TABLES["reports"], path)
    book = openpyxl.load_workbook(path)
    sheet = book["问题"]
    places = {cell.value.rstrip("*"): cell.column for cell in sheet[1]}
    sheet.cell(2, places["位置描述"]).value = "中山街 3 号"
    sheet.cell(3, places["问题类别"]).value = "暴露垃圾"
    sheet.cell(3, places["上报时间"]).value = datetime(2026, 3, 5, 8, 30)
    book.save(path)
    checked = check(read(path), TABLES["reports"], context=CONTEXT, coords="wgs84")
    assert checked.read == 2
    assert checked.rejected == [2]
    assert [(p.row, p.column) for p in checked.problems] == [(2, "问题编号")]
    assert EXAMPLE in checked.problems[0].reason
    assert checked.rows["category"].tolist() == ["06010"]


def test_headers_drop_downs_and_rules(tmp_path):
    path = tmp_path / "reports.xlsx"
    table = TABLES["reports"]
    write_template(table, path)
    book = openpyxl.load_workbook(path)
    sheet = book["问题"]
    shown = [cell.value for cell in sheet[1]]
    assert shown == [c.header + "*" * c.required for c in table.filled]
    assert sheet["A2"].value == EXAMPLE
    lists = {}
    for rule in sheet.data_validations.dataValidation:
        if rule.type == "list":
            _, cells = rule.formula1.lstrip("=").split("!")
            words = [cell.value for (cell,) in book["选项"][cells.replace("$", "")]]
            lists[shown[next(iter(rule.sqref.ranges)).min_col - 1]] = words
            assert rule.errorStyle == "warning"  # an alias may be typed
    assert set(lists) == {"问题类别*", "状态"}
    assert lists["状态"] == ["待处理", "处置中", "待核查", "已办结", "不受理"]
    assert all(CONTEXT.categories.find(word) for word in lists["问题类别*"])
    assert book["选项"].sheet_state == "hidden"
    rules = [[cell.value for cell in row] for row in book["填表说明"].iter_rows(max_col=4)]
    assert [row[0] for row in rules[1 : len(shown) + 1]] == [c.header for c in table.filled]
    assert [row[1] == "必填" for row in rules[1 : len(shown) + 1]] == [
        c.required for c in table.filled
    ]


def test_polygon_tables_ask_for_no_longitude(tmp_path):
    path = tmp_path / "lanes.xlsx"
    write_template(TABLES["lanes"], path)
    shown = [cell.value for cell in openpyxl.load_workbook(path)["巷道"][1]]
    assert "经度" not in shown
    assert "图形WKT" in shown


def test_the_towns_own_categories_are_offered(tmp_path):
    own = CONTEXT.categories.with_local(pd.DataFrame({"category": ["L500"], "name": ["占道停车"]}))
    path = tmp_path / "reports.xlsx"
    write_template(TABLES["reports"], path, own)
    words = [
        row[0]
        for row in openpyxl.load_workbook(path)["选项"].iter_rows(
            values_only=True, min_col=2, max_col=2
        )
    ]
    assert "占道停车" in words
