"""Workbooks go out to the units and come back: nothing is overwritten, nothing is lost."""

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.drawing.image import Image as Drawn
from PIL import Image

from cwmap import importing, photos
from cwmap.errors import CwmapError
from cwmap.importing import Imported, Question
from cwmap.store import Workspace
from cwmap.tasks import steps
from cwmap.tasks.unitbook import SHEET, WORDS, write_unit_book
from cwmap.town import open_town

ROADS, BINS = "住建局", "环卫所"


def out(workspace: Workspace, unit: str = ROADS) -> openpyxl.Workbook:
    target = io.BytesIO()
    write_unit_book(open_town(workspace), workspace, unit, target)
    return openpyxl.load_workbook(target)


def columns(book: openpyxl.Workbook) -> dict[str, int]:
    return {cell.value: at for at, cell in enumerate(book[SHEET][1], start=1)}


def fill(book: openpyxl.Workbook, task_id: str, **cells: object) -> int:
    """Write cells of a task's row by header; returns the row's number."""
    at, sheet = columns(book), book[SHEET]
    row = next(r for r in range(2, sheet.max_row + 1) if sheet.cell(r, 1).value == task_id)
    for header, value in cells.items():
        sheet.cell(row, at[header]).value = value
    return row


def saved(book: openpyxl.Workbook) -> bytes:
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def back(workspace: Workspace, book: openpyxl.Workbook | bytes) -> Imported:
    content = book if isinstance(book, bytes) else saved(book)
    understood = importing.understand(workspace, "tasks", ("回收.xlsx", content), Question())
    promised = importing.preview(workspace, understood)
    done = importing.store(workspace, understood, "回收.xlsx")
    assert (promised.added, promised.updated, promised.unchanged, promised.rejected) == (
        done.added, done.updated, done.unchanged, done.rejected,
    )  # fmt: skip
    assert done.read == done.added + done.updated + done.unchanged + done.rejected
    return done


def texts(book: openpyxl.Workbook) -> list[list[object]]:
    return [[cell.value for cell in row] for row in book[SHEET].iter_rows()]


def states(workspace: Workspace) -> dict[str, str]:
    return dict(workspace.read("tasks")[["task_id", "state"]].itertuples(index=False))


def test_the_workbook(town_of_tasks: Workspace) -> None:
    book = out(town_of_tasks, BINS)
    assert book.sheetnames == [SHEET, "责任清单", "说明"]
    sheet, at = book[SHEET], columns(book)
    assert sheet.max_row == 1 + 18  # 20 odd ones, two of which have not been sent out
    assert sheet.cell(2, at["问题描述"]).value == "坑洼，电话 138****5678"
    assert sheet.protection.sheet
    assert sheet.cell(2, 1).protection.locked
    assert not sheet.cell(2, at["任务状态"]).protection.locked
    version = openpyxl.utils.get_column_letter(at["版本"])
    assert sheet.column_dimensions[version].hidden
    assert any("另有 2 件" in str(row[1].value) for row in book["说明"].iter_rows())
    due = [sheet.cell(r, at["整改期限"]).value for r in range(2, sheet.max_row + 1)]
    assert due == sorted(due)  # all are overdue: the longest first
    roads = out(town_of_tasks, ROADS)[SHEET]
    cell = roads.cell(2, at["问题描述"])
    assert cell.value == "=1+1"
    assert cell.data_type == "s"
    with pytest.raises(CwmapError, match="没有“林业局”"):
        out(town_of_tasks, "林业局")


def test_what_the_unit_did(town_of_tasks: Workspace) -> None:
    book = out(town_of_tasks)
    fill(
        book,
        "W004",
        任务状态="处置完成",
        处置情况="已填平",
        处置人="李某某",
        处置时间="2026-04-01 10:30",
    )
    fill(book, "W006", 任务状态="处置中")
    fill(book, "W008", 任务状态="退回", 处置情况="属供电公司")
    fill(book, "W010", 处置情况="等材料")
    done = back(town_of_tasks, book)
    assert (done.added, done.updated, done.unchanged, done.problems) == (4, 0, 14, [])
    assert states(town_of_tasks) == {
        "W004": "checking", "W006": "handling", "W008": "returned", "W010": "dispatched",
    }  # fmt: skip
    row = town_of_tasks.read("tasks").iloc[0]
    assert row["handled_at"] == pd.Timestamp("2026-04-01 02:30")
    assert (row["handler"], row["note"]) == ("李某某", "已填平")
    report = town_of_tasks.read("reports").set_index("report_id").loc["W004"]
    assert (report["status"], report["closed_at"]) == ("fixed", row["handled_at"])
    assert steps.history(town_of_tasks, "W004")["who"].tolist() == [None, "住建局 李某某"]
    again = back(town_of_tasks, book)  # the same file a second time
    assert (again.added, again.updated, again.unchanged, again.problems) == (0, 0, 18, [])
    assert again.revision == done.revision
    assert len(steps.events(town_of_tasks)) == 4


def test_problems_row_by_row(town_of_tasks: Workspace, do: Callable[..., int]) -> None:
    book = out(town_of_tasks)
    do("W016", "start", who="王某某")
    do("W018", "start", who="王某某")
    rows = {
        fill(book, "W004", 任务状态="飞了"): "看不懂",
        fill(book, "W006", 任务状态="结案"): "不能由“派遣”改为“结案”",
        fill(book, "W008", 任务状态="退回"): "原因",
        fill(book, "W010", 处置时间="2098-01-01"): "晚于现在",
        fill(book, "W012", 任务状态="处置完成", 处置情况="好", 处置时间="2025-01-01"): "早于上报",
        fill(book, "W014", 任务编号="W999"): "编号被改动",
        fill(book, "W016", 任务状态="处置完成", 处置情况="好"): "别人改动",
        fill(book, "W020", 处置时间="2026-04-01"): "状态却没有改",
        fill(book, "W022", 处置人="李某某"): "只填了处置人",
        fill(book, "W024", 任务状态="处置完成"): "照片",
        fill(book, "W028", 任务状态="结案", 版本=None): "版本",
        fill(book, "W030", 任务状态="处置中", 版本="1|别的单位|0|0"): "版本",
    }
    good = fill(book, "W026", 任务状态="处置中")
    assert fill(book, "W018") not in rows  # untouched here, changed there: nothing to say
    done = back(town_of_tasks, book)
    assert {p.row for p in done.problems} == set(rows)
    assert done.rejected == len(rows)
    for problem in done.problems:
        assert rows[problem.row] in problem.reason + problem.remedy, problem
        assert problem.remedy
        assert problem.level == "error"
    assert good
    assert states(town_of_tasks) == dict.fromkeys(("W016", "W018", "W026"), "handling")


def test_rejected_rows_are_mended_and_imported(town_of_tasks: Workspace, tmp_path: Path) -> None:
    book = out(town_of_tasks)
    fill(book, "W004", 任务状态="结案", 处置情况="好")
    fill(book, "W006", 任务状态="处置中")
    book.save(tmp_path / "a.xlsx")
    understood = importing.understand(town_of_tasks, "tasks", tmp_path / "a.xlsx", Question())
    importing.write_rejects(understood, tmp_path / "b.xlsx")
    importing.store(town_of_tasks, understood, "a.xlsx")
    mended = openpyxl.load_workbook(tmp_path / "b.xlsx")
    sheet = mended.worksheets[0]
    at = {cell.value: n for n, cell in enumerate(sheet[1], start=1)}
    assert sheet.max_row == 2
    assert "不能由" in str(sheet.cell(2, at["问题说明"]).value)
    sheet.cell(2, at["任务状态"]).value = "处置完成"
    mended.save(tmp_path / "b.xlsx")
    understood = importing.understand(town_of_tasks, "tasks", tmp_path / "b.xlsx", Question())
    done = importing.store(town_of_tasks, understood, "b.xlsx")
    assert (done.added, done.problems) == (1, [])
    assert states(town_of_tasks) == {"W004": "checking", "W006": "handling"}
    assert "住建局" in steps.history(town_of_tasks, "W004")["who"].tolist()[-1]


def test_pictures_in_the_row(town_of_tasks: Workspace) -> None:
    book = out(town_of_tasks)
    row = fill(book, "W004", 任务状态="处置完成")
    broken = fill(book, "W006", 任务状态="处置完成")
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40), "green").save(buffer, "PNG")
    name = photos.prepare(buffer.getvalue()).name
    picture = Drawn(buffer)
    picture.anchor = f"P{row}"
    book[SHEET].add_image(picture)
    sheet = saved(book)
    done = back(town_of_tasks, sheet)
    assert town_of_tasks.read("tasks")["photo"].tolist() == [name]
    assert photos.path(town_of_tasks.folder, name)
    assert [p.row for p in done.problems] == [broken]
    again = back(town_of_tasks, sheet)
    assert (again.added, again.updated, again.revision) == (0, 0, done.revision)


def in_cells(sheet: bytes, row: int, header: int, picture: bytes) -> bytes:
    """The same workbook with a picture as WPS embeds it into a cell."""
    namespaces = (
        'xmlns:etc="http://www.wps.cn/officeDocument/2017/etCustomData" '
        'xmlns:xdr="http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing" '
        'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
        'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    )
    name = "ID_89E1B7C6F2A04D6C8B0C9F3B1D2E4A5F"
    book = openpyxl.load_workbook(io.BytesIO(sheet))
    book[SHEET].cell(row, header).value = "MARK"
    out, buffer = io.BytesIO(), io.BytesIO(saved(book))
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.namelist():
            part = old.read(entry)
            if entry.startswith("xl/worksheets/sheet1"):
                place = f"{openpyxl.utils.get_column_letter(header)}{row}"
                call = f'DISPIMG("{name}",1)'.replace('"', "&quot;")
                cell = rf'<c r="{place}"( s="\d+")? t="(?:s|inlineStr)">.*?</c>'
                told = rf'<c r="{place}"\1 t="str"><f>_xlfn.{call}</f><v>={call}</v></c>'
                text, times = re.subn(cell, told, part.decode())
                assert times == 1
                part = text.encode()
            new.writestr(entry, part)
        new.writestr(
            "xl/cellimages.xml",
            f"<etc:cellImages {namespaces}><etc:cellImage><xdr:pic><xdr:nvPicPr>"
            f'<xdr:cNvPr id="2" name="{name}" descr="现场"/></xdr:nvPicPr>'
            '<xdr:blipFill><a:blip r:embed="rId1"/></xdr:blipFill></xdr:pic></etc:cellImage>'
            "</etc:cellImages>",
        )
        new.writestr(
            "xl/_rels/cellimages.xml.rels",
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
            'relationships/image" Target="media/image9.png"/></Relationships>',
        )
        new.writestr("xl/media/image9.png", picture)
    return out.getvalue()


def test_pictures_in_the_cell_as_wps_has_them(town_of_tasks: Workspace) -> None:
    book = out(town_of_tasks)
    row = fill(book, "W004", 任务状态="处置完成")
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40), "blue").save(buffer, "PNG")
    sheet = in_cells(saved(book), row, columns(book)["处置后照片"], buffer.getvalue())
    done = back(town_of_tasks, sheet)
    assert done.problems == []
    name = photos.prepare(buffer.getvalue()).name
    assert town_of_tasks.read("tasks")["photo"].tolist() == [name]


def test_a_picture_that_is_none_is_named_with_its_row(town_of_tasks: Workspace) -> None:
    book = out(town_of_tasks)
    row = fill(book, "W004", 任务状态="处置完成", 处置情况="好")
    sheet = in_cells(saved(book), row, columns(book)["处置后照片"], b"GIF89a broken")
    done = back(town_of_tasks, sheet)
    assert [(p.row, p.column) for p in done.problems] == [(row, "处置后照片")]
    assert town_of_tasks.read("tasks").empty


def test_the_office_has_a_sheet_of_its_own(
    town_of_tasks: Workspace, do: Callable[..., int]
) -> None:
    do("W004", "fix", note="已填平")
    sheet = pd.DataFrame(
        {
            "任务编号": ["W000", "W004", "W006", "W008", "W010", "W012"],
            "任务状态": ["受理", "结案", "派遣", "处置", "作废", "派遣"],
            "主办单位": ["", "", "供电公司", "", "", ""],
            "整改期限": ["", "", "", "2099-01-01", "", ""],
            "处置情况": ["", "", "", "", "重复件", ""],
        }
    ).to_csv(index=False)
    source = ("任务.csv", sheet.encode())
    understood = importing.understand(town_of_tasks, "tasks", source, Question())
    done = importing.store(town_of_tasks, understood, "任务.csv")
    assert [(p.row, p.column) for p in done.problems] == [(5, "任务状态")]  # two things at once
    assert states(town_of_tasks) == {
        "W000": "accepted", "W004": "closed", "W006": "dispatched", "W010": "void",
    }  # fmt: skip
    assert (done.added, done.updated, done.unchanged) == (3, 1, 1)
    understood = importing.understand(town_of_tasks, "tasks", source, Question())
    again = importing.store(town_of_tasks, understood, "任务.csv")
    assert (again.added, again.updated, again.unchanged) == (0, 0, 5)


FILLED = st.fixed_dictionaries(
    {},
    optional={
        "任务状态": st.sampled_from([*WORDS.values(), "结案", "作废", "嗯", ""]),
        "处置情况": st.sampled_from(["好了", "=1+1", "", "  等 材料 ", "'x", "无"]),
        "处置人": st.sampled_from(["李某某", ""]),
        "处置时间": st.sampled_from(["2026-04-01 09:30", "2026-04-02", "2031-13-01", ""]),
        "处置后照片": st.sampled_from(["a.jpg、b.jpg", ""]),
    },
)


@settings(deadline=None, max_examples=5, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.integers(4, 39), FILLED, max_size=12), st.data())
def test_out_and_back_and_out(town_of_tasks: Workspace, filled: dict[int, Any], data: Any) -> None:
    """What comes back untouched changes nothing, whatever was done before; twice is as once."""
    unit = data.draw(st.sampled_from([ROADS, BINS]))
    mine = {f"W{n:03d}": cells for n, cells in filled.items() if (n % 2 == 0) == (unit == ROADS)}
    book = out(town_of_tasks, unit)
    there = {row[0] for row in texts(book)}
    for task_id, cells in mine.items():
        if task_id in there:
            fill(book, task_id, **cells)
    back(town_of_tasks, book)
    twice = back(town_of_tasks, book)
    assert (twice.added, twice.updated) == (0, 0)
    events = steps.events(town_of_tasks)
    fresh = out(town_of_tasks, unit)
    untouched = back(town_of_tasks, fresh)
    assert (untouched.added, untouched.updated, untouched.rejected) == (0, 0, 0)
    assert texts(out(town_of_tasks, unit)) == texts(fresh)
    pd.testing.assert_frame_equal(steps.events(town_of_tasks), events)
