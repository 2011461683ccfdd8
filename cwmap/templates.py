"""Fill-in sheets (填报模板): a table's Chinese headers, drop-downs, one example row and the rules."""

from __future__ import annotations

from collections.abc import Sequence

from xlsxwriter.utility import xl_range_abs

from cwmap.norms import Categories
from cwmap.tables import EXAMPLE, Column, Table, example
from cwmap.workbook import MAX_ROWS, Styles, Target, book, legal

_LISTS = "选项"
_RULES = "填表说明"
_KINDS = {
    "id": "编号，文本", "text": "文本", "photo": "文本", "integer": "整数", "number": "数字",
    "time": "日期或日期时间", "choice": "从下拉选项中选择", "category": "从下拉选项中选择，或填类别代码、别名",
    "place": "坐标",
}  # fmt: skip


def write_template(table: Table, target: Target, categories: Categories | None = None) -> None:
    """Write the fill-in sheet of a table as .xlsx, to a path or into an open file.

    categories: those offered in the drop-down; the shipped ones if not given. The example row is
    left out on import as long as it is not touched (`cwmap.checking`).
    """
    columns = [
        c for c in table.filled if not (table.shape == "polygon" and c.name in ("lon", "lat"))
    ]
    options = _options(columns, categories or Categories.load())
    with book(target) as workbook:
        style = Styles(workbook)
        sheet = workbook.add_worksheet(table.label)
        rules = workbook.add_worksheet(_RULES)
        lists = workbook.add_worksheet(_LISTS)
        lists.hide()
        sheet.freeze_panes(1, 0)
        sample = example(table)
        for at, column in enumerate(columns):
            header = column.header + ("*" if column.required else "")
            number_like = column.kind in ("integer", "number")
            cell_format = (
                style.minute if column.kind == "time" else None if number_like else style.text
            )
            sheet.set_column(at, at, max(12, 2 * len(header) + 4), cell_format)
            sheet.write_string(0, at, header, style.header)
            if sample[column.name]:
                sheet.write_string(1, at, sample[column.name], style.example)
            hint = {
                "input_title": column.label[:32],
                "input_message": legal(_rule(column))[:255],
                "error_type": "warning", "error_title": "不在选项中",
                "error_message": "可以填选项以外的别名；不认识的词在导入时会列出来。",
            }  # fmt: skip
            words = options.get(column.name)
            if words:
                lists.write_column(0, at, words)
                source = xl_range_abs(0, at, len(words) - 1, at)
                hint |= {"validate": "list", "source": f"='{_LISTS}'!{source}"}
            else:
                hint |= {"validate": "any"}
            sheet.data_validation(1, at, MAX_ROWS, at, hint)
        lines = [(c.header, "必填" if c.required else "", _rule(c), c.example) for c in columns]
        rules.set_column(0, 1, 16)
        rules.set_column(2, 2, 70)
        rules.set_column(3, 3, 28)
        for row, line in enumerate([("列", "必填", "怎么填", "示例"), *lines]):
            for at, text in enumerate(line):
                rules.write_string(row, at, legal(text), style.wrapped if row else style.header)
        notes = (
            f"“{table.label}”表：{table.purpose}。",
            f"第 2 行是示例，编号写着“{EXAMPLE}”，导入时自动略去；可以删掉。",
            "带 * 的列必填；其他列没有可以留空。列的顺序可以改，多余的列会被忽略。",
        )
        for row, note in enumerate(notes, start=len(lines) + 2):
            rules.write_string(row, 0, note)
        rules.freeze_panes(1, 0)


def _options(columns: Sequence[Column], categories: Categories) -> dict[str, list[str]]:
    """Column → the words of its drop-down."""
    options = {c.name: [c.shown(choice) for choice in c.choices] for c in columns if c.choices}
    for column in columns:
        if column.kind == "category":
            options[column.name] = [category.name for category in categories.codes.values()]
        elif column.name == "group":
            options[column.name] = [group.name for group in categories.groups]
    return options


def _rule(column: Column) -> str:
    """What to write into a column, in one line."""
    parts = [_KINDS[column.kind]]
    if column.unit:
        parts.append(f"单位：{column.unit}")
    if column.rule:
        parts.append(column.rule)
    if column.choices:
        parts.append("可选：" + "、".join(column.shown(choice) for choice in column.choices))
    if column.private:
        parts.append("个人信息，只在内部使用")
    return "；".join(parts)
