"""The workbook that goes out to a unit (任务清单、责任清单) and comes back filled in (`cwmap.tasks.returns`)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from xlsxwriter.worksheet import Worksheet

from cwmap.duties import duties
from cwmap.errors import CwmapError
from cwmap.filters import Filter
from cwmap.privacy import masked
from cwmap.storage import geopackage
from cwmap.store import Workspace, column
from cwmap.tables import DUTIES, ROLE, TASKS
from cwmap.tasks import steps
from cwmap.tasks.returns import VERSION, Cells, stamp
from cwmap.tasks.routing import Routing
from cwmap.tasks.steps import WITH_UNIT
from cwmap.tasks.tasks import LIGHTS, Tasks, listed, tasks
from cwmap.town import Town
from cwmap.workbook import MAX_ROWS, Styles, Target, book, legal, write_about

SHEET = "任务清单"
WORDS = {
    "dispatched": "派遣", "handling": "处置中", "rework": "返工", "checking": "处置完成", "returned": "退回",
}  # fmt: skip
"""States as the drop-down offers them: those that a unit is given, and those that it may set."""

_READ_ONLY = ("category", "lane", "address", "description", "reported_at", "light", "opinion")
_EDITABLE = ("state", "note", "handled_at", "handler", "photo")
_HEADERS = {
    "category": "问题类别", "lane": "所在巷道", "address": "位置描述", "description": "问题描述",
    "reported_at": "上报时间", "light": "亮灯", "opinion": "最近意见",
    **{name: TASKS[name].label for name in ("task_id", "due_at", "owner", "helpers", *_EDITABLE)},
}  # fmt: skip
_ORDER = ("task_id", *_READ_ONLY[:5], "due_at", "light", "owner", "helpers", "opinion", *_EDITABLE)
_WIDTHS = {
    "task_id": 18, "address": 26, "description": 34, "opinion": 24, "note": 34, "photo": 24,
    "reported_at": 17, "due_at": 17, "handled_at": 17, "helpers": 20,
}  # fmt: skip
_DUTIES = ("unit", "role", "person", "phone", "post", "duty", "hours", "standard")


def write_unit_book(
    town: Town, workspace: Workspace, unit: str, target: Target, rules: Routing | None = None
) -> int:
    """Write a unit's workbook; returns the number of its tasks.

    Sheets: 任务清单, those of its tasks (as lead or helper) that wait for the unit, the most urgent
    first; 责任清单, its duties and the people of the lanes that it has taken on, phones masked; 说明.
    The columns to fill in are open, the others locked. CwmapError for a unit without tasks or duties.
    """
    all_tasks = tasks(town, rules)
    rows = _rows(town, workspace, unit, rules)
    mine = _duties(town, unit)
    waiting = _not_sent(all_tasks, unit)
    if rows.empty and mine.empty and not waiting:
        raise CwmapError(f"没有“{unit}”的任务和责任；请核对单位名称，应与任务的主办单位写法一致。")
    with book(target) as workbook:
        style = Styles(workbook)
        sheet = workbook.add_worksheet(SHEET)
        open_cell = workbook.add_format({"locked": False, "num_format": "@", "bg_color": "#FFF9E5"})
        open_time = workbook.add_format(
            {"locked": False, "num_format": "yyyy-mm-dd hh:mm", "bg_color": "#FFF9E5"}
        )
        _write(sheet, style, rows, {"handled_at": open_time}, open_cell)
        last = min(max(len(rows), 1), MAX_ROWS)
        sheet.data_validation(
            1, _ORDER.index("state"), last, _ORDER.index("state"),
            {"validate": "list", "source": list(WORDS.values()), "error_title": "不在选项中",
             "error_message": "请从下拉选项中选择。"},
        )  # fmt: skip
        at = len(_ORDER)
        sheet.set_column(at, at, 4, None, {"hidden": True})
        sheet.write_string(0, at, VERSION, style.header)
        for row, text in enumerate(rows["version"], start=1):
            sheet.write_string(row, at, legal(text))
        # Without a password: it keeps ids from being changed by accident, and pictures may go in.
        sheet.protect(
            "", {"objects": True, "autofilter": True, "format_columns": True, "format_rows": True}
        )
        _write_duties(workbook.add_worksheet("责任清单"), style, mine)
        about = _about(town, unit, len(rows), waiting)
        write_about(workbook.add_worksheet("说明"), style, about)
    return len(rows)


def _rows(town: Town, workspace: Workspace, unit: str, rules: Routing | None) -> pd.DataFrame:
    """The unit's tasks as text, as they go out, with their stamps."""
    _, rows = listed(town, Filter(), unit=unit, states=WITH_UNIT, number=None, rules=rules)
    ids = list(rows["task_id"])
    among = geopackage.among(column("report_id", "reports"), ids)
    told = workspace.read("reports", ["report_id", "address", "description"], among)
    told = told.set_index("report_id")
    past = steps.events(workspace, ids).dropna(subset="note").groupby("task_id")["note"].last()
    names = town.layers["lanes"]["name"]
    out = pd.DataFrame(
        {
            "task_id": rows["task_id"],
            "category": [town.categories.name(code) for code in rows["category"]],
            "lane": names.reindex(rows["lane_id"]).to_numpy(object),
            "address": told["address"].reindex(ids).map(masked).to_numpy(object),
            "description": told["description"].reindex(ids).map(masked).to_numpy(object),
            "reported_at": _local(town, rows["reported_at"]),
            "due_at": _local(town, rows["due_at"]),
            "light": np.array(LIGHTS, object)[rows["light"]],
            "owner": rows["owner"], "helpers": rows["helpers"],
            "opinion": past.reindex(ids).to_numpy(object),
            "state": [WORDS[state] for state in rows["state"]],
        }
    )  # fmt: skip
    for name in _EDITABLE[1:]:
        out[name] = None
    pairs = zip(rows["task_id"], rows["state"], strict=True)
    out["version"] = [stamp(town.revision, unit, i, Cells(state)) for i, state in pairs]
    return out


def _local(town: Town, times: pd.Series) -> list[str | None]:
    local = times.dt.tz_localize("UTC").dt.tz_convert(town.settings.timezone)
    return [None if pd.isna(t) else f"{t:%Y-%m-%d %H:%M}" for t in local]


def _duties(town: Town, unit: str) -> pd.DataFrame:
    """Rows of the register that the unit has, and those of the lanes that it has taken on."""
    if town.registers["duties"].empty:
        return pd.DataFrame(columns=list(_DUTIES), dtype=object)
    rows = duties.register(town).on(town.as_of)
    own = rows["organisation"] == unit
    taken = rows.loc[own & (rows["role"] == "unit"), "unit"]
    mine = rows[own | rows["unit"].isin(taken)]
    shown = mine.assign(
        unit=mine["name"], role=[ROLE.shown(role) for role in mine["role"]],
        phone=[masked(phone) for phone in mine["phone"]],
    )  # fmt: skip
    return shown[list(_DUTIES)]


def _not_sent(all_tasks: Tasks, unit: str) -> int:
    """How many tasks are the unit's by the rules but not yet sent to it."""
    early = [steps.STATES.index(state) for state in ("reported", "accepted")]
    return int((all_tasks.of_unit(unit) & np.isin(all_tasks.state, early)).sum())


def _write(
    sheet: Worksheet, style: Styles, rows: pd.DataFrame, formats: dict[str, object], usual: object
) -> None:
    sheet.freeze_panes(1, 1)
    for at, name in enumerate(_ORDER):
        sheet.set_column(at, at, _WIDTHS.get(name, 12))
        sheet.write_string(0, at, _HEADERS[name], style.header)
        open_format = formats.get(name, usual) if name in _EDITABLE else None
        for row, text in enumerate(rows[name], start=1):
            if open_format is None:
                sheet.write_string(row, at, _text(text), style.wrapped)
            elif _text(text):
                sheet.write_string(row, at, _text(text), open_format)
            else:
                sheet.write_blank(row, at, None, open_format)
    sheet.autofilter(0, 0, max(len(rows), 1), len(_ORDER) - 1)


def _text(value: object) -> str:
    return legal(value) if isinstance(value, str) else ""


def _write_duties(sheet: Worksheet, style: Styles, mine: pd.DataFrame) -> None:
    sheet.freeze_panes(1, 0)
    for at, name in enumerate(_DUTIES):
        header = "责任单元" if name == "unit" else DUTIES[name].label
        sheet.set_column(at, at, 18)
        sheet.write_string(0, at, header, style.header)
        for row, text in enumerate(mine[name], start=1):
            sheet.write_string(row, at, _text(text), style.text)


def _about(town: Town, unit: str, number: int, waiting: int) -> list[tuple[str, str]]:
    hours = town.settings.hours.replace(",", "、")
    choose = "接办选“处置中”，办好选“处置完成”，不属于本单位的选“退回”并在“处置情况”里写明原因"
    lines = [
        ("单位", unit),
        ("任务", f"{number} 件待办，截至 {town.as_of:%Y-%m-%d}；紧急的在前"),
        ("怎么填", f"只填黄色的格子。“任务状态”从下拉里选：{choose}。"),
        ("照片", "办好后把照片插入该行，或在“处置后照片”里填文件名。"),
        ("不要改", "任务编号和隐藏的“版本”列用来核对，改了就不能导入；没有动过的行不受影响。"),
        ("交回", "填好后原样交回创卫办，在“数据”页按“任务”表导入。已被别人改动的任务会列出来，不会覆盖。"),
        ("期限", f"按工作时计，上班时间 {hours}。"),
    ]  # fmt: skip
    if waiting:
        lines.append(
            ("尚未派遣", f"另有 {waiting} 件按规则归本单位，创卫办还没有派遣，不在清单里。")
        )
    if town.settings.synthetic:
        lines.append(("示例", "本表为示例数据，人名、地名均为虚构。"))
    return lines
