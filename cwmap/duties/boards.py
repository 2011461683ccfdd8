"""Lane boards (公示牌): who answers for a lane, posted at its entrance, one page a lane."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import segno

from cwmap.errors import CwmapError
from cwmap.printing import pictures, render

Size = Literal["A3", "A4"]
SIZES_MM: dict[Size, tuple[int, int]] = {"A3": (297, 420), "A4": (210, 297)}
"""Short and long side of the paper (ISO 216)."""

_DETAILS = {"post": "定岗", "duty": "定责", "hours": "定时段", "standard": "定标准"}
_QUIET_MODULES = 4
_PIXELS_A_MODULE = 4


@dataclass(frozen=True)
class Person:
    """Who fills a role (定人), and the other four 定; what is not known is "".

    role: in Chinese, as it is printed. name: "" if nobody fills the role (printed as 暂缺); a unit
    that answers as a whole (包抓单位) is a name. phone: printed as given, so masked or left out by
    the caller as the office decides. post 定岗, duty 定责, hours 定时段, standard 定标准.
    """

    role: str
    name: str = ""
    phone: str = ""
    organisation: str = ""
    post: str = ""
    duty: str = ""
    hours: str = ""
    standard: str = ""


@dataclass(frozen=True)
class Board:
    """What a board says. length_m: metres or None; kind: Chinese label of the lane's kind.

    url: what the QR code opens, "" for no code; hotline and office are left out where "".
    synthetic: the numbers and names are made up, so the board is marked 示例.
    """

    lane_id: str
    title: str
    community: str
    length_m: float | None
    kind: str
    people: tuple[Person, ...]
    hotline: str
    office: str
    url: str
    synthetic: bool
    issued: date


def boards(items: Sequence[Board], size: Size = "A3", *, landscape: bool = True) -> bytes:
    """A PDF of one page a board, in the order given; the same boards give the same bytes.

    Raises CwmapError if there is no board, or a character that cannot be printed.
    """
    content, codes = _content(items, size, landscape)
    return render("board.typ", content, dated=max(item.issued for item in items), files=codes)


def preview(item: Board, size: Size = "A3", *, landscape: bool = True, ppi: float = 72) -> bytes:
    """The same page as a PNG, for the screen."""
    content, codes = _content([item], size, landscape)
    return pictures("board.typ", content, ppi=ppi, files=codes)[0]


def _content(
    items: Sequence[Board], size: Size, landscape: bool
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What the template prints, and the QR codes by file name."""
    if not items:
        raise CwmapError("没有要印的公示牌，请先选择至少一条巷道。")
    short, long = SIZES_MM[size]
    codes = {f"code-{n}.png": _code(item.url) for n, item in enumerate(items) if item.url}
    content = {
        "title": items[0].title if len(items) == 1 else f"责任公示牌（{len(items)} 块）",
        "width_mm": long if landscape else short,
        "height_mm": short if landscape else long,
        "boards": [
            _page(item, f"code-{n}.png" if item.url else None) for n, item in enumerate(items)
        ],
    }
    return content, codes


def _page(item: Board, code: str | None) -> dict[str, Any]:
    facts = (item.community, item.kind, _length(item.length_m), f"编号 {item.lane_id}")
    return {
        "title": item.title,
        "facts": [fact for fact in facts if fact],
        "people": [_person(person) for person in item.people or (Person("责任人"),)],
        "hotline": item.hotline,
        "code": code,
        "office": item.office,
        "issued": f"公示日期　{item.issued.year} 年 {item.issued.month} 月 {item.issued.day} 日",
        "synthetic": item.synthetic,
    }


def _person(person: Person) -> dict[str, Any]:
    return {
        "role": person.role,
        "name": person.name.strip(),
        "organisation": person.organisation,
        "phone": person.phone,
        "details": [
            (label, getattr(person, field))
            for field, label in _DETAILS.items()
            if getattr(person, field)
        ],
    }


def _length(length_m: float | None) -> str:
    """In whole metres; "" where it is not known."""
    return f"全长 {length_m:,.0f} 米" if length_m is not None and length_m >= 1 else ""


def _code(url: str) -> bytes:
    """A QR code as a PNG with its quiet zone; error correction M or better (ISO/IEC 18004)."""
    out = io.BytesIO()
    segno.make_qr(url, error="m").save(
        out, kind="png", scale=_PIXELS_A_MODULE, border=_QUIET_MODULES
    )
    return out.getvalue()
