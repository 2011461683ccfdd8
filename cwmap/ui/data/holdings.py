"""What the workspace holds: its tables, its last changes, and the layers to take out."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from cwmap import server
from cwmap.inventory import inventory
from cwmap.tables import REPORTS, TABLES
from cwmap.town import Town

ACTIONS = {
    "import": "导入", "demo": "生成示例", "task": "办理任务", "enter": "填报检查", "settings": "修改设置",
}  # fmt: skip


def draw(town: Town) -> None:
    """Tables with their rows, how reports were placed, and the last changes."""
    workspace = server.open_keeper().workspace
    facts = inventory(workspace)
    boxes = "".join(
        f"<div class='{'' if number else 'none'}'><b>{number:,}</b><span>{TABLES[name].label}</span></div>"
        for name, number in facts["tables"].items()
    )
    st.html(f'<div class="cw-facts">{boxes}</div>')
    placed = facts["placed"]
    total = sum(placed.values())
    if total:
        words = "，".join(
            f"{REPORTS['placed_by'].shown(by)} {n:,} 件（{n / total:.1%}）"
            for by, n in placed.items()
            if n
        )
        st.html(f'<p class="cw-empty">问题归属：{words}。</p>')
    changes = workspace.revisions(10)
    if not changes.empty:
        at = pd.to_datetime(changes["at"], format="ISO8601", utc=True)
        shown = pd.DataFrame(
            {
                "版本": changes["revision"],
                "时间": at.dt.tz_convert(town.settings.timezone).dt.strftime("%Y-%m-%d %H:%M"),
                "动作": changes["action"].map(ACTIONS).fillna(changes["action"]),
                "表": changes["table"].map(lambda n: TABLES[n].label if n in TABLES else n),
                "文件": changes["file"], "新增": changes["added"], "更新": changes["updated"],
                "未变": changes["unchanged"], "移除": changes["removed"], "未收录": changes["rejected"],
            }
        )  # fmt: skip
        st.dataframe(shown, hide_index=True, key="changes")
