"""The data dictionary, made from `cwmap.tables`: docs/tables.md is this text, and a test holds it."""

from __future__ import annotations

from cwmap.tables import TABLES, Column, Table

KINDS = {
    "id": "编号", "text": "文本", "integer": "整数", "number": "数", "time": "时间", "choice": "选项",
    "category": "类别", "place": "位置", "photo": "照片",
}  # fmt: skip

_HOW = (
    "由 `cwmap/tables.py` 生成（`python -m cwmap.dictionary > docs/tables.md`）。"
    "表头写“表头”或任何一个“也认”里的叫法都可以；带 * 的必填。\n"
)


def markdown() -> str:
    """All tables and columns as Markdown."""
    return "\n".join(["# 数据字典\n", _HOW, *(_table(t) for t in TABLES.values())])


def _table(table: Table) -> str:
    lines = [
        f"## {table.label} `{table.name}`\n",
        f"{table.purpose}。主键：`{table.key}`。\n",
        "| 列 | 表头 | 类型 | 规则 | 也认 |",
        "|---|---|---|---|---|",
        *(_column(c) for c in table.columns),
        "",
    ]
    return "\n".join(lines)


def _column(column: Column) -> str:
    header = f"{column.header}{' *' if column.required else ''}"
    rules = [column.rule] if column.rule else []
    if column.choices:
        rules.append("、".join(f"{column.shown(c)}（{c}）" for c in column.choices))
    if column.minimum is not None or column.maximum is not None:
        rules.append(f"{column.minimum or 0:g} 至 {column.maximum or 0:g}")
    if column.computed:
        rules.append("由软件计算")
    if column.private:
        rules.append("个人信息：显示时打码，不导出")
    words = "、".join(column.aliases)
    cells = (f"`{column.name}`", header, KINDS[column.kind], "；".join(rules), words)
    return "| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |"


if __name__ == "__main__":
    print(markdown(), end="")
