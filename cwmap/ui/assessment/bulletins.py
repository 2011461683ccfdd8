"""考核: the bulletin of a day (督导通报)."""

from __future__ import annotations

from html import escape

import streamlit as st

from cwmap.assessment.bulletin import Bulletin

MOST = 40


def draw(found: Bulletin) -> None:
    """What was found on the day, in figures and sentences; to be copied into a message."""
    seen = found.visits
    facts = (
        ("检查", f"{len(seen):,} 次"), ("发现", f"{int(seen['findings'].sum()):,} 处"),
        ("扣分", f"{seen['points'].sum():g}"),
    )  # fmt: skip
    boxes = "".join(f"<div><b>{value}</b><span>{name}</span></div>" for name, value in facts)
    lines = "".join(f"<p>{escape(line)}</p>" for line in found.sentences[:MOST])
    more = f"<p>……共 {len(found.sentences):,} 句</p>" if len(found.sentences) > MOST else ""
    st.html(
        f'<div class="cw-card"><div class="cw-three">{boxes}</div><h4>通报</h4>{lines}{more}</div>'
    )
    st.download_button(
        "保存通报（文本）", "\n".join(found.sentences), f"督导通报_{found.day:%Y%m%d}.txt",
        on_click="ignore", icon=":material/download:",
    )  # fmt: skip
    if len(found.problems):
        rows = "".join(
            f"<li><b>{escape(p.inspection_id)}</b><p>{escape(p.problem)}</p></li>"
            for p in found.problems.itertuples(index=False)
        )
        st.html(f'<div class="cw-card cw-past"><h4>填写有误的记录</h4><ul>{rows}</ul></div>')
