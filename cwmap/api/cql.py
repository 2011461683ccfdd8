"""Conditions in CQL2 (OGC 21-065r2), from text or JSON to one tree: that of its JSON encoding.

The text is read by cql2, a parser that calls itself for every level of brackets and every operator:
too many end the process, and text that is wrong within n brackets takes 2ⁿ times as long to refuse.
What comes from the net is therefore measured first.
"""

from __future__ import annotations

import json
import re
from typing import Any

import cql2

from cwmap.api.answering import Refused

Condition = Any
"""A CQL2-JSON expression: what JSON can hold, not yet known to mean anything."""

TEXT, JSON = "cql2-text", "cql2-json"
LANGUAGES = (TEXT, JSON, "cql-text")
"""Of `filter-lang`; the last is the draft's name of the first, by which GDAL asks."""
LONGEST = 8_000
_OPERATORS = 100
"""Of the text, at most. On a thread of 1 MB the parser ends the process at 256 to 512."""
_WORK = 1 << 20
"""Length × 2^(depth of brackets), at most: about a second of the parser's time at worst."""

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_OPERATOR = re.compile(r"[-+*/^%=<>!]|\b(?:not|and|or|div|between|in|like|is)\b", re.IGNORECASE)
_PLACE = re.compile(r"--> (\d+):(\d+)")
_EXAMPLE = "文字用英文单引号括起来，如 status = 'open' AND lane_id IN ('X001', 'X002')"


def condition_of(text: str, language: str = TEXT) -> Condition:
    """The condition that a text means in one of `LANGUAGES`; `Refused` for what it cannot mean."""
    if language not in LANGUAGES:
        raise Refused(f"没有“{language}”这种条件语言；filter-lang 可以写 {TEXT} 或 {JSON}。")
    if len(text) > LONGEST:
        raise Refused(f"filter 太长：有 {len(text):,} 个字，最多 {LONGEST:,} 个；请拆成几次查询。")
    return _from_json(text) if language == JSON else _from_text(text)


def _from_json(text: str) -> Condition:
    try:
        tree = json.loads(text)
        # NaN, 1e999 and halves of a character are no values.
        json.dumps(tree, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise Refused("filter 不是正确的 JSON；请检查括号和引号，或改用 cql2-text。") from error
    return tree


def _from_text(text: str) -> Condition:
    bare = _QUOTED.sub("''", text)
    if len(_OPERATOR.findall(bare)) > _OPERATORS or len(bare) << _depth(bare) > _WORK:
        raise Refused("filter 里的条件或括号层数太多；请少写几个，同一字段的多个值用 IN (…)。")
    try:
        return cql2.parse_text(text).to_json()
    except cql2.ParseError as error:
        raise Refused(f"看不懂 filter{_place(error)}；{_EXAMPLE}。") from error
    except Exception as error:  # that is all it says of a bad geometry
        raise Refused("看不懂 filter 里的图形；请写成 POINT(104.92 33.39) 这样的 WKT。") from error


def _depth(bare: str) -> int:
    """How deep brackets are nested; no more than `_WORK` allows for."""
    depth = deepest = 0
    for sign in bare:
        depth += (sign == "(") - (sign == ")")
        deepest = max(deepest, depth)
    return min(deepest, _WORK.bit_length())


def _place(error: Exception) -> str:
    found = _PLACE.search(str(error))
    return f"第 {found[1]} 行第 {found[2]} 个字附近" if found else ""
