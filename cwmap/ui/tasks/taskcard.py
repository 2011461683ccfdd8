"""任务: one task, what became of it, and what the viewer may do to it."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from cwmap import figures, photos, server
from cwmap.access import Viewer
from cwmap.errors import CwmapError
from cwmap.norms import split_words
from cwmap.privacy import masked
from cwmap.store import column
from cwmap.tables import STATE
from cwmap.tasks import steps, tasks
from cwmap.tasks.steps import ACTIONS, Action
from cwmap.town import Town
from cwmap.ui import account, cards, frame, moments
from cwmap.ui.pictures import images
from cwmap.ui.tasks import tasklist

_DERIVED = {"report": "上报", "import": "导入更新"}
NO_PHOTO = '<p class="cw-empty">没有照片</p>'
_STEPS = ("reported", "accepted", "dispatched", "handling", "checking", "closed")


def card(town: Town, task_id: str) -> None:
    """All about one task."""
    cards.closing()
    row = _row(town, task_id)
    if row is None:
        st.html('<p class="cw-empty">这件任务已不在数据里，请关闭卡片。</p>')
        return
    workspace = server.open_keeper().workspace
    report = workspace.read(
        "reports", ["description", "address", "photo", "source"],
        column("report_id", "reports") == task_id,
    ).iloc[0]  # fmt: skip
    lane = row["lane_id"]
    place = figures.place_name(town, "lanes", lane) if isinstance(lane, str) else "未定位"
    facts = {
        "地点": " ".join(t for t in (place, report["address"]) if isinstance(t, str)),
        "情况": report["description"], "来源": report["source"],
        "主办": row["owner"], "协办": row["helpers"],
        "上报": moments.shown(town, row["reported_at"]),
        "期限": f"{moments.shown(town, row['due_at'])}　{tasklist.timing(row)}",
    }  # fmt: skip
    lines = "".join(
        f"<dt>{k}</dt><dd>{escape(masked(v))}</dd>"
        for k, v in facts.items()
        if isinstance(v, str) and v
    )
    light = {tasks.RED: "bad", tasks.YELLOW: "fair", tasks.GREEN: "good"}.get(row["light"], "")
    st.html(
        f'<div class="cw-card"><h2>{escape(town.categories.name(row["category"]))}</h2>'
        f'<p>{escape(task_id)} <span class="cw-light {light}">'
        f"{tasklist.lights_of(row['light'])} {STATE.shown(row['state'])}</span></p>"
        f"{_progress(row['state'])}<dl>{lines}</dl></div>"
    )
    past = steps.history(workspace, task_id)
    _photos(report["photo"], past)
    _actions(town, task_id, str(row["state"]), row)
    _past(town, past)


def _row(town: Town, task_id: str) -> dict[str, Any] | None:
    everything = tasks.tasks(town, tasklist.rules(town))
    at = np.flatnonzero(everything.ids == task_id)
    if not len(at):
        return None
    found: dict[str, Any] = tasks.rows_of(town, everything, at[:1]).iloc[0].to_dict()
    return found


def _progress(now: str) -> str:
    """The way of a task from 上报 to 结案, up to where it is."""
    if now in ("void", "returned", "rework"):
        at = {"void": -1, "returned": 1, "rework": 3}[now]
    else:
        at = _STEPS.index(now)
    parts = "".join(
        f'<li class="{"done" if k < at else "now" if k == at else ""}">{STATE.shown(name)}</li>'
        for k, name in enumerate(_STEPS)
    )
    return f'<ol class="cw-way">{parts}</ol>'


def _photos(before: object, past: pd.DataFrame) -> None:
    """Before and after, side by side."""
    after = [name for text in past["photo"] if isinstance(text, str) for name in split_words(text)]
    first = split_words(before) if isinstance(before, str) else ()
    sides = {
        word: images(names, f"{word}照片") for word, names in (("整改前", first), ("整改后", after))
    }
    if not any(sides.values()):
        return
    boxes = "".join(
        f"<figure><figcaption>{word}</figcaption>{shown or NO_PHOTO}</figure>"
        for word, shown in sides.items()
    )
    st.html(f'<div class="cw-card cw-sides">{boxes}</div>')


def _past(town: Town, past: pd.DataFrame) -> None:
    items = []
    for event in past.to_dict("records"):
        action = event["action"]
        name = ACTIONS[action].label if action in ACTIONS else _DERIVED.get(action, action)
        due = event["due_at"]
        words = [
            event["who"],
            "" if pd.isna(due) else f"期限 {moments.shown(town, due)}",
            event["note"],
        ]
        said = "　".join(escape(masked(w)) for w in words if isinstance(w, str) and w)
        items.append(
            f"<li><b>{escape(name)}</b><time>{moments.shown(town, event['at'])}</time><p>{said}</p></li>"
        )
    st.html(f'<div class="cw-card cw-past"><h4>经过</h4><ul>{"".join(items)}</ul></div>')


def _actions(town: Town, task_id: str, now: str, row: dict[str, Any]) -> None:
    """What the viewer may do, with what it needs."""
    viewer = account.viewer()
    if not viewer.may_act:
        return
    role: steps.Role = "office" if viewer.may_edit else "unit"
    if role == "unit" and viewer.unit not in (row["owner"], *split_words(row["helpers"])):
        return
    actions = {a.key: a for a in steps.allowed(now, role)}
    if not actions:
        return
    with st.container(key="cw-act"):
        chosen = st.pills(
            "办理", list(actions), format_func=lambda key: actions[key].label,
            key=f"act-{task_id}-{now}", label_visibility="collapsed",
        )  # fmt: skip
        if chosen:
            _form(town, task_id, actions[chosen], viewer, role, row)


def _form(
    town: Town, task_id: str, action: Action, viewer: Viewer, role: steps.Role,
    row: dict[str, Any],
) -> None:  # fmt: skip
    given: dict[str, Any] = {}
    with st.form(f"form-{task_id}-{action.key}", border=False):
        who = st.text_input("经办人", value=account.signature())
        if action.key == "assign":
            owners = sorted({*tasks.tasks(town, tasklist.rules(town)).owners, str(row["owner"])})
            known = st.selectbox("派给", owners, index=owners.index(str(row["owner"])))
            other = st.text_input("或派给另一个单位", placeholder="不在上面的，写在这里")
            given["owner"] = other.strip() or known
        if "due_at" in action.needs:
            ahead = moments.local(town, row["due_at"]) + timedelta(days=3)
            day = st.date_input(
                "新的期限", value=max(ahead.date(), datetime.now().date() + timedelta(days=1))
            )
            given["due_at"] = moments.utc(town, datetime.combine(day, time(18)))
        note = "原因" if "note" in action.needs else "情况说明"
        given["note"] = st.text_area(note, height=80)
        files: list[Any] = []
        if action.key in ("fix", "rework", "close"):
            files = st.file_uploader(
                "照片", type=["jpg", "jpeg", "png", "webp"], accept_multiple_files=True
            )
        if st.form_submit_button(action.label, type="primary", width="stretch"):
            _do(task_id, action, who, viewer, role, given, files)


def _do(
    task_id: str, action: Action, who: str, viewer: Viewer, role: steps.Role,
    given: dict[str, Any], files: list[Any],
) -> None:  # fmt: skip
    keeper = server.open_keeper()
    town = frame.town()
    account.sign(who)
    try:
        named = [photos.prepare(file.getvalue(), file.name) for file in files]
        kept = [photos.keep(keeper.workspace.folder, photo) for photo in named]
        steps.act(
            keeper.workspace, [task_id], action.key, who, role=role, unit=viewer.unit,
            photo="、".join(kept), base_revision=town.revision, **given,
        )  # fmt: skip
    except CwmapError as error:
        st.error(frame.plain(str(error)))
        return
    with st.spinner("正在更新…"):
        keeper.fresh()
    st.rerun()
