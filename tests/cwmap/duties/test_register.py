"""Duty registers as offices keep them: a row a role, or a row a lane with a column a role."""

import io
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from cwmap import importing
from cwmap.demo import DemoTown
from cwmap.store import Workspace
from cwmap.tables import DUTIES, ROLE
from cwmap.workbook import write_sheet

NO_QUESTION = importing.Question()


def book(*rows: list[Any], merged: tuple[str, ...] = ()) -> bytes:
    file = openpyxl.Workbook()
    sheet = file.active
    for row in rows:
        sheet.append(row)
    for cells in merged:
        sheet.merge_cells(cells)
    out = io.BytesIO()
    file.save(out)
    return out.getvalue()


def imported(workspace: Workspace, content: bytes) -> importing.Imported:
    source = ("台账.xlsx", content)
    return importing.store(
        workspace, importing.understand(workspace, "duties", source, NO_QUESTION), "台账.xlsx"
    )


def kept(workspace: Workspace) -> set[tuple[Any, ...]]:
    columns = ["lane", "role", "person", "phone", "organisation"]
    rows = workspace.read("duties", columns)
    return {tuple(None if pd.isna(v) else v for v in row) for row in rows.itertuples(index=False)}


def test_two_header_rows_and_several_people_in_a_cell(workspace: Workspace) -> None:
    content = book(
        ["城关镇巷长制责任台账"],
        ["序号", "巷道名称", "包社区领导", None, "网格员", None, "保洁员", None, "包抓单位", "监督电话"],
        [None, None, "姓名", "电话", "姓名", "电话", "姓名", "电话", None, None],
        [1, "文明巷", "张三", "13800000001", "李四", None, "王五、赵六", "13800000003、13800000004",
         "区住建局", "0939-8212345"],
        [2, "建设巷", None, None, "无", None, "钱七 13800000009", None, "区教育局", "0939-8212345"],
        [3, None, "孙八", None, None, None, None, None, None, None],
        merged=("A1:J1", "C2:D2", "E2:F2", "G2:H2"),
    )  # fmt: skip
    done = imported(workspace, content)
    assert kept(workspace) == {
        ("文明巷", "leader", "张三", "13800000001", None),
        ("文明巷", "grid_officer", "李四", None, None),
        ("文明巷", "cleaner", "王五", "13800000003", None),
        ("文明巷", "cleaner", "赵六", "13800000004", None),
        ("文明巷", "unit", None, None, "区住建局"),
        ("建设巷", "cleaner", "钱七", "13800000009", None),
        ("建设巷", "unit", None, None, "区教育局"),
    }
    assert [(p.row, p.column) for p in done.problems] == [(6, "巷道")]  # the row as the file has it
    assert "3 行按岗位展开为 8 条" in "".join(done.notes)
    assert done.read == done.added + done.rejected == 8
    assert imported(workspace, content).unchanged == 7


def test_one_header_row_with_repeated_phones(workspace: Workspace) -> None:
    content = book(
        ["街巷名称", "网格员", "联系电话", "保洁员", "联系电话", "社区书记", "作业时间"],
        [
            "文明巷",
            "李四",
            "13800000002",
            "王五\n赵六",
            "13800000003",
            "周九(13800000010)",
            "06:00-12:00",
        ],
    )
    imported(workspace, content)
    assert kept(workspace) == {
        ("文明巷", "grid_officer", "李四", "13800000002", None),
        ("文明巷", "cleaner", "王五", "13800000003", None),
        ("文明巷", "cleaner", "赵六", None, None),
        ("文明巷", "secretary", "周九", "13800000010", None),
    }
    assert set(workspace.read("duties")["hours"]) == {"06:00-12:00"}


def test_a_new_phone_is_no_new_holder(workspace: Workspace) -> None:
    head = ["巷道", "网格员", "电话"]
    imported(workspace, book(head, ["文明巷", "李四", "13800000002"]))
    done = imported(workspace, book(head, ["文明巷", "李四", "13900000002"]))
    assert (done.added, done.updated) == (0, 1)


def test_a_register_with_a_row_a_role_is_left_as_it_is(workspace: Workspace) -> None:
    content = book(
        ["巷道", "岗位", "姓名"], ["文明巷", "网格员", "李四"], ["文明巷", "主任", "王五"]
    )
    done = imported(workspace, content)
    assert kept(workspace) == {("文明巷", "grid_officer", "李四", None, None)}
    assert [(p.row, p.value) for p in done.problems] == [(3, "主任")]


@pytest.mark.parametrize("wide", [False, True])
def test_the_demo_register_in_both_layouts(
    workspace: Workspace, demo_rows: DemoTown, tmp_path: Path, *, wide: bool
) -> None:
    """More than 200 lanes; both layouts hold the same people."""
    table = demo_rows.tables["duties"].drop_duplicates(["lane", "role"])
    path = tmp_path / "台账.xlsx"
    if wide:
        parts = {"巷道名称": sorted(set(table["lane"]))}
        for role in ROLE.choices:
            mine = table[table["role"] == role].set_index("lane").reindex(parts["巷道名称"])
            who = mine["organisation"] if role == "unit" else mine["person"]
            parts |= {
                ROLE.shown(role): who.tolist(),
                f"{ROLE.shown(role)}电话": mine["phone"].tolist(),
            }
        sheet = pd.DataFrame(parts)
        write_sheet(path, sheet, headers={}, text_columns=set(sheet.columns))
    else:
        columns = ["lane", "role", "person", "phone", "organisation"]
        sheet = table[columns].assign(role=table["role"].map(ROLE.labels))
        names = {c: DUTIES[c].label for c in columns}
        write_sheet(path, sheet, headers=names, text_columns=set(columns))
    done = imported(workspace, path.read_bytes())
    assert done.problems == []
    assert done.added == len(table)
    assert len(set(table["lane"])) > 200
    people = table[table["role"] != "unit"]
    wanted = set(people[["lane", "role", "person", "phone"]].itertuples(index=False, name=None))
    found = workspace.read("duties", ["lane", "role", "person", "phone"])
    found = found[found["role"] != "unit"]
    assert set(found.itertuples(index=False, name=None)) == wanted
