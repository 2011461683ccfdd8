"""Columns of text → columns of values, with the problems of each cell; the rules between columns.

Findings go by position of the row; every series keeps its index.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from cwmap.checks.findings import Findings
from cwmap.checks.moments import times
from cwmap.checks.values import Parsed, Unreadable, choices, header_factor, meant, numbers, words
from cwmap.errors import CwmapError
from cwmap.norms import OTHER_CATEGORY, Categories
from cwmap.tables import EXAMPLE, Column, Table, normalise

Typed = dict[str, pd.Series]

_EARLIEST = datetime(1990, 1, 1)
_AHEAD = timedelta(days=1)  # clocks and zones differ
_LOST_DIGITS = r"[0-9](?:\.[0-9]+)?[eE]\+[0-9]{1,2}"
_FREE_CODES = [f"L{number}" for number in range(500, 999)]  # of categories that an import adds
_SUGGESTED = 200  # distinct unknown words that are compared with the known ones
_REMEDIES = {
    "time": "请写成 2026-03-01 09:05 或 2026年3月1日",
    "number": "请只写数字，如 210",
    "integer": "请只写整数，如 320",
}
_OWN_CODE = re.compile(r"L[0-9A-Za-z]+")


def typed(
    table: Table,
    headers: Mapping[str, str],
    texts: Typed,
    findings: Findings,
    *,
    categories: Categories,
    zone: str,
    now: datetime,
    add: bool,
) -> tuple[Typed, pd.DataFrame]:
    """Values of every column of cleaned text, and rows for `categories` of new ones.

    headers: column → header. zone: of times without one. now: naive UTC. add: see `category`.
    Text becomes str or None, numbers float, times datetime64[us] UTC. CwmapError: a header's unit
    does not fit its column; so many unknown categories that the column must be a wrong one.
    """
    new = pd.DataFrame(columns=["category", "name", "group"], dtype=object)
    values: Typed = {}
    for name, text in texts.items():
        column, header = table[name], headers[name]
        if column.kind == "category":
            values[name], new = category(header, text, findings, categories, add=add)
        else:
            values[name] = _column(column, header, text, findings, zone, now)
    if table.key in texts:
        left = texts[table.key].eq(EXAMPLE).to_numpy()
        why, remedy = f"编号仍是“{EXAMPLE}”，但内容已改动", "请改成自己的编号，或清空这一格"
        findings.add(left, headers[table.key], texts[table.key], why, remedy)
    if table.name == "reports":
        _in_order(values, headers, texts, findings, zone)
    elif table.name == "categories":
        _local_categories(values, headers, findings, categories)
    return values, new


def _column(
    column: Column, header: str, text: pd.Series, findings: Findings, zone: str, now: datetime
) -> pd.Series:
    if column.kind in ("text", "photo", "id"):
        values = text.astype(object).where(text.notna(), None)
        unread: set[int] = set()
        if column.kind == "id":
            lost = text.str.fullmatch(_LOST_DIGITS).eq(True).to_numpy()
            why = "编号已被表格软件改成科学计数，末尾数字丢失"
            findings.add(lost, header, text, why, "请把该列设为文本格式，从原系统重新导出")
    else:
        text = meant(text)
        parsed = _parsed(column, header, text, zone)
        values = pd.Series(parsed.values, text.index, dtype=parsed.values.dtype)
        unread = set(parsed.reasons)
        remedy = _REMEDIES.get(column.kind) or f"可用的有：{'、'.join(column.labels.values())}"
        findings.add(parsed.reasons, header, text, remedy=remedy)
        findings.add(parsed.notes, header, text, remedy="请核对", level="warning")
        _within(column, header, text, values, findings, now)
    if column.required:
        empty = values.isna().to_numpy(copy=True)
        empty[list(unread)] = False
        findings.add(empty, header, None, f"缺少{column.label}", "这一列必须填写")
    return values


def _parsed(column: Column, header: str, text: pd.Series, zone: str) -> Parsed:
    if column.kind == "time":
        return times(text, zone)
    if column.kind in ("number", "integer"):
        try:
            return numbers(text, column.unit, header_factor(header, column.unit))
        except Unreadable as error:
            raise CwmapError(f"{error}；请换算后改写表头再导入。") from error
    known = choices(column.choices, column.labels)
    return words(text, lambda word: known.get(normalise(word)), "看不懂的词")


def _within(
    column: Column,
    header: str,
    text: pd.Series,
    values: pd.Series,
    findings: Findings,
    now: datetime,
) -> None:
    if column.kind == "time":
        early = (values < _EARLIEST).to_numpy()
        findings.add(early, header, text, "早于 1990 年", "请核对年份")
        if column.happened:
            late = (values > now + _AHEAD).to_numpy()
            findings.add(late, header, text, "晚于现在", "请核对日期，还没有发生的不能导入")
    elif column.kind in ("number", "integer"):
        low = -np.inf if column.minimum is None else column.minimum
        high = np.inf if column.maximum is None else column.maximum
        outside = ((values < low) | (values > high)).to_numpy()
        why = f"应在 {low:,.10g} 到 {high:,.10g} {column.unit}之间"
        findings.add(outside, header, text, why, "请核对数字和单位")
        if column.kind == "integer":
            broken = (values.notna() & (values != values.round())).to_numpy()
            findings.add(broken, header, text, "不是整数", _REMEDIES["integer"])


def category(
    header: str, text: pd.Series, findings: Findings, known: Categories, *, add: bool
) -> tuple[pd.Series, pd.DataFrame]:
    """Category codes, and rows for the table `categories` of the codes that are new.

    add: an unknown word becomes a category of its own, an empty cell 其他问题; else both are rejected.
    """
    text = meant(text)
    cells = text.to_numpy(object)
    parsed = words(text, known.find, "未知类别")
    values = pd.Series(parsed.values, text.index, dtype=object)
    unknown = list(parsed.reasons)
    new = _new_codes(sorted(set(cells[unknown])), known) if add else {}
    if new:
        values.iloc[unknown] = [new[cells[at]][0] if cells[at] in new else None for at in unknown]
        unknown = [at for at in unknown if cells[at] not in new]
    remedies: dict[str, str] = {}
    for word in dict.fromkeys(cells[unknown]):
        near = known.suggest(word) if len(remedies) < _SUGGESTED else None
        remedies[word] = (f"是否为“{near}”？" if near else "") + (
            "请改为已有类别的代码或名称，或用 --add-categories 登记为本地类别"
        )
    reasons = dict.fromkeys(unknown, "未知类别")
    findings.add(reasons, header, text, remedy=lambda at: remedies[cells[at]])
    empty = text.isna().to_numpy()
    if add:
        values[empty] = OTHER_CATEGORY
        name = known.name(OTHER_CATEGORY)
        findings.add(empty, header, None, f"没有类别，记为“{name}”", "请补上类别", "warning")
    else:
        remedy = "请补上类别，或用 --add-categories 记为“其他问题”"
        findings.add(empty, header, None, "缺少问题类别", remedy)
    group = known.group_of(OTHER_CATEGORY).name
    rows = pd.DataFrame(
        list(dict.fromkeys(new.values())), columns=["category", "name"], dtype=object
    )
    return values, rows.assign(group=group)


def _new_codes(unknown: list[str], known: Categories) -> dict[str, tuple[str, str]]:
    """Code and name for each word, in their order; words that differ in blanks or width share one."""
    names: dict[str, str] = {}
    for word in unknown:
        if normalise(word):
            names.setdefault(normalise(word), word)
    free = [code for code in _FREE_CODES if code not in known.codes]
    if len(names) > len(free):
        raise CwmapError(
            f"类别列里有 {len(names)} 种未知的写法，超出可登记的 {len(free)} 种，多半是选错了列；"
            "请用 --map 指明哪一列是问题类别。"
        )
    codes = dict(zip(names, free, strict=False))
    words = {word: normalise(word) for word in unknown}
    return {word: (codes[plain], names[plain]) for word, plain in words.items() if plain in codes}


def status(columns: Typed, index: pd.Index) -> pd.Series:
    """The status of reports: where none is given, verified if a closing time is, else open."""
    nothing = pd.Series(None, index, dtype=object)
    closed = columns.get("closed_at", nothing).notna()
    implied = pd.Series(np.where(closed, "verified", "open"), index, dtype=object)
    return columns.get("status", nothing).fillna(implied)


def _in_order(
    columns: Typed, headers: Mapping[str, str], texts: Typed, findings: Findings, zone: str
) -> None:
    """Warn where a report is closed or due before it was made; a bare day means all of that day."""
    for name, label in (("closed_at", "办结时间"), ("due_at", "截止时间")):
        if name not in columns:
            continue
        later, first = columns[name], columns["reported_at"]
        before = (later < first).to_numpy(copy=True)
        at = np.flatnonzero(before)
        local = [
            values.iloc[at].dt.tz_localize("UTC").dt.tz_convert(ZoneInfo(zone)).dt.tz_localize(None)
            for values in (later, first)
        ]
        bare = local[0] == local[0].dt.normalize()
        before[at] = (~bare | (local[0] < local[1].dt.normalize())).to_numpy()
        findings.add(
            before, headers[name], texts[name], f"{label}早于上报时间", "请核对两个时间", "warning"
        )


def _local_categories(
    columns: Typed, headers: Mapping[str, str], findings: Findings, known: Categories
) -> None:
    """Check a town's own categories; `group` becomes the group's name."""
    codes, names = columns["category"], columns["name"]
    strange = [
        isinstance(code, str) and code not in known.codes and not _OWN_CODE.fullmatch(code)
        for code in codes
    ]
    findings.add(
        np.array(strange, bool), headers["category"], codes,
        "不是已有的类别代码，也不是本地代码", "本地代码请以 L 开头，如 L101",
    )  # fmt: skip
    if "group" in columns:
        words = columns["group"].tolist()
        found = {word: known.find_group(word) for word in set(words) if word}
        wrong = np.array([bool(word) and found[word] is None for word in words], bool)
        remedy = f"可用的分组：{'、'.join(group.name for group in known.groups)}"
        findings.add(wrong, headers["group"], columns["group"], "没有这个分组", remedy)
        named = [group.name if (group := found.get(word)) else None for word in words]
        columns["group"] = pd.Series(named, codes.index, dtype=object)
    moved = {}
    for at, (code, name) in enumerate(zip(codes, names, strict=True)):
        meant_before = known.find(name) if isinstance(name, str) else None
        if meant_before not in (None, code):
            moved[at] = f"“{name}”原来指 {meant_before}，以后指 {code}"
    findings.add(moved, headers["name"], names, remedy="如不是有意，请换一个名称", level="warning")
