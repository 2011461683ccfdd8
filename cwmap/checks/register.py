"""A duty register with a column for each role (横排台账) → one with a row for each role.

Sheets say 网格员 | 电话 | 保洁员 | 电话, or 网格员·姓名 | 网格员·电话, or 网格员 with name and number in
one cell, several people in one cell. Nothing that a cell says is lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from cwmap.checks.values import clean
from cwmap.reading import Rows
from cwmap.tables import DUTIES, ROLE, headers, normalise

ROLES = {
    normalise(word + part): "role"
    for role, words in ROLE.choices.items()
    for word in (ROLE.shown(role), *words)
    for part in (
        "",
        "·姓名",
        "·电话",
        "·联系电话",
        "·单位",
    )  # as reading joins a header of two rows
}
"""What a column of a role may be called, so that reading finds the header row."""
_PHONE = re.compile(r"(?<!\d)(?:1\d{2}[ -]?\d{4}[ -]?\d{4}|0\d{2,3}[- ]?\d{7,8}|\d{7,8})(?!\d)")
_APART = re.compile(r"[、,，;；/|\n]+")
_AROUND = " \t:：()（）[]【】-—"
_AGAIN = re.compile(r"（\d+）$")
"""What reading puts behind a header that comes again."""
_PERSON = ("", "姓名", "名字", "人员", "责任人", "负责人", "名单")
_NOBODY = ("", "无", "暂无", "暂缺", "空缺", "缺", "-", "—", "/")
_WORDS = sorted(
    ((word, role) for role, words in ROLE.choices.items() for word in (ROLE.shown(role), *words)),
    key=lambda pair: -len(pair[0]),
)
"""Words of each role, the longest first: 社区党支部书记 before 书记."""


@dataclass
class _Block:
    """The columns of one role: header of the person's, and of others by column of the table."""

    role: str
    person: str | None = None
    others: dict[str, str] = field(default_factory=dict)


def unfolded(rows: Rows, mapping: Mapping[str, str] | None = None) -> Rows:
    """The register with a row for each role, under the table's own headers; index as in the file.

    The same object where the sheet has a column 岗位 already, or no column of a role.
    """
    names = [str(header) for header in rows.table.columns]
    told = {k for pair in (mapping or {}).items() for k in pair}
    known = headers(DUTIES)
    if any(known.get(normalise(name)) == "role" for name in names) or "role" in told:
        return rows
    blocks, shared = _blocks(names, known, mapping or {})
    if not blocks:
        return rows
    cells = {name: clean(rows.table[name]).fillna("").tolist() for name in names}
    lines = [
        (row, entry)
        for at, row in enumerate(rows.table.index)
        for block in blocks
        for entry in _entries(block, {name: cells[name][at] for name in names}, shared)
    ]
    table = pd.DataFrame(
        [entry for _, entry in lines], index=[row for row, _ in lines],
        columns=[DUTIES[name].label for name in _order(blocks, shared)], dtype="str",
    )  # fmt: skip
    note = f"横排的台账：{len(rows.table):,} 行按岗位展开为 {len(table):,} 条责任"
    return replace(rows, table=table, geometry=None, notes=(*rows.notes, note))


def _blocks(
    names: Sequence[str], known: Mapping[str, str], mapping: Mapping[str, str]
) -> tuple[list[_Block], dict[str, str]]:
    """Columns of each role, and header → column of what is said once for all roles of a row."""
    blocks: dict[str, _Block] = {}
    shared: dict[str, str] = {}
    last: _Block | None = None
    chosen = {**mapping, **{v: k for k, v in mapping.items()}}
    for name in names:
        role, rest = _role(name)
        column = known.get(normalise(chosen.get(name, rest if role else _AGAIN.sub("", name))), "")
        if role and (rest in _PERSON or column == "person"):
            last = blocks.setdefault(role, _Block(role))
            last.person = last.person or name
        elif role and column:
            last = blocks.setdefault(role, _Block(role))
            last.others.setdefault(column, name)
        elif column in ("phone", "person", "organisation") and last and column not in last.others:
            last.others[column] = name  # 电话 behind a role's column belongs to that role
        elif column and column != "phone" and column not in shared.values():
            shared[name] = column
    return [b for b in blocks.values() if b.person or b.others], shared


def _role(header: str) -> tuple[str, str]:
    """The role that a header begins with and what follows it; "" for none."""
    text = re.sub(r"[\W_]+", "", _AGAIN.sub("", header))
    for word, role in _WORDS:
        if text.startswith(word):
            return role, text.removeprefix(word)
    return "", text


def _order(blocks: Sequence[_Block], shared: Mapping[str, str]) -> list[str]:
    there = {"lane", "role", "person", "phone", *shared.values()}
    there |= {name for block in blocks for name in block.others}
    there |= {"organisation"} if any(b.role == "unit" for b in blocks) else set()
    return [column.name for column in DUTIES.filled if column.name in there]


def _entries(
    block: _Block, cells: Mapping[str, str], shared: Mapping[str, str]
) -> Iterator[dict[str, str]]:
    """One entry a person of a row's role; none where nobody is named."""
    own = {name: cells[header] for name, header in block.others.items()}
    common = {column: cells[header] for header, column in shared.items()}
    text = cells[block.person] if block.person else own.get("person", "")
    people = [p for p in _people(text, own.get("phone", "")) if any(p)]
    if not people and own.get("organisation"):
        people = [("", "")]
    for person, phone in people:
        entry = common | own | {"role": ROLE.shown(block.role), "person": person, "phone": phone}
        if block.role == "unit" and person and not own.get("organisation"):
            entry |= {"organisation": person, "person": ""}
        yield {DUTIES[name].label: value for name, value in entry.items() if value}


def _people(text: str, phones: str) -> Iterator[tuple[str, str]]:
    """Names with their numbers: 张三13800000001、李四（13800000002）, or the numbers beside them."""
    beside = [p for p in _APART.split(phones) if p.strip()]
    parts = [part for part in _APART.split(text) if part.strip(_AROUND)]
    for at, part in enumerate(parts):
        inside = _PHONE.search(part)
        name = _PHONE.sub("", part).strip(_AROUND)
        number = inside[0] if inside else beside[at] if at < len(beside) else ""
        if name not in _NOBODY:
            yield name, number.strip()
