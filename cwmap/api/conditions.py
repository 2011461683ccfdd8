"""Conditions asked of columns, with the three truth values of CQL2 and SQL.

What is compared with nothing is neither true nor false, nor is its opposite: Arrow's nulls and Kleene
logic. Supported are the classes of `CLASSES`; anything else is refused in a sentence.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from shapely.geometry.base import BaseGeometry

from cwmap.api.answering import Refused
from cwmap.api.asking import box_of, moments_of
from cwmap.api.cql import Condition
from cwmap.cube import Mask
from cwmap.tables import Column
from cwmap.town import Town

CLASSES = (
    "cql2-text", "cql2-json", "basic-cql2", "advanced-comparison-operators", "basic-spatial-functions",
    "basic-spatial-functions-plus",
)  # fmt: skip
"""Conformance classes of CQL2 that hold here."""
GEOMETRY = "geometry"
"""The name by which a condition asks for the shape of a feature."""

Kind = Literal["text", "number", "time"]
_MOMENT = pa.timestamp("us")  # UTC
_KINDS: dict[Kind, tuple[str, str]] = {
    "text": ("文字", "'文字'"), "number": ("数字", "数字"), "time": ("时间", "TIMESTAMP('2026-03-01T00:00:00Z')"),
}  # fmt: skip
_SHAPES = (
    "Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon",
    "GeometryCollection",
)  # fmt: skip
_OFFERED = "= <> < > <= >=、AND、OR、NOT、LIKE、BETWEEN、IN、IS NULL、S_INTERSECTS"


@dataclass(frozen=True)
class Features:
    """What a condition is asked of.

    columns: those that may be asked for; values: of one of them, for each feature; touching: which
    features touch a region in EPSG:4326; placed: which have a place at all.
    """

    columns: Mapping[str, Column]
    values: Callable[[str], pd.Series]
    touching: Callable[[BaseGeometry], Mask]
    placed: Mask


@dataclass(frozen=True)
class _Operand:
    """Something to compare: a column or one value, of a day its first and last moment."""

    kind: Kind
    first: Any
    last: Any


def holds(condition: Condition, features: Features, town: Town) -> Mask:
    """The features that a condition is true of; `Refused` for what it cannot mean here."""
    try:
        truth = _Asking(features, town).truth(condition)
    except RecursionError as error:
        raise Refused("filter 的嵌套太深；请少用几层括号。") from error
    if isinstance(truth, pa.Scalar):
        return np.full(len(features.placed), bool(truth.as_py()))
    return np.asarray(pc.fill_null(truth, False).to_numpy(zero_copy_only=False), bool)


def equality(column: Column, text: str) -> Condition:
    """The condition that a column holds a value, written as in an address."""
    value: str | float = text
    if column.kind in ("number", "integer"):
        try:
            value = float(text)
        except ValueError as error:
            raise Refused(f"{column.name} 要写数字，不能是“{text}”。") from error
    return {"op": "=", "args": [{"property": column.name}, value]}


class _Asking:
    """One condition being asked; truth is an Arrow array or scalar of true, false and null."""

    def __init__(self, features: Features, town: Town) -> None:
        self.features, self.town = features, town
        self._columns: dict[str, _Operand] = {}

    def truth(self, node: Condition) -> Any:
        """Of a condition or a part of one."""
        match node:
            case bool():
                return pa.scalar(node)
            case {"op": "and" | "or" as joined, "args": [_, _, *_] as parts}:
                join = pc.and_kleene if joined == "and" else pc.or_kleene
                return reduce(join, [self.truth(part) for part in parts])
            case {"op": "not", "args": [part]}:
                return pc.invert(self.truth(part))
            case {"op": str(sign), "args": [left, right]} if sign in _COMPARED:
                return _COMPARED[sign](*self._alike(left, right))
            case {"op": "between", "args": [_, _, _] as nodes}:
                value, low, high = self._alike(*nodes)
                return pc.and_kleene(_COMPARED[">="](value, low), _COMPARED["<="](value, high))
            case {"op": "in", "args": [part, [_, *_] as wanted]}:
                return self._in(part, wanted)
            case {"op": "like", "args": [part, pattern]}:
                return self._like(part, pattern)
            case {"op": "isNull", "args": [{"property": "geometry"}]}:
                return pa.array(~self.features.placed)
            case {"op": "isNull", "args": [part]}:
                return pc.is_null(self._column(part).first)
            case {"op": "s_intersects", "args": [{"property": "geometry"}, shape]}:
                return self._intersects(shape)
            case {"op": "s_intersects", "args": [shape, {"property": "geometry"}]}:
                return self._intersects(shape)
        raise Refused(f"{_said(node)} 不是这里能用的条件；能用的有：{_OFFERED}。")

    def _in(self, node: Condition, wanted: list[Condition]) -> Any:
        if any(_name(each) for each in wanted):
            raise Refused("IN 的括号里只能写值，如 IN ('X001', 'X002')。")
        value, *options = self._alike(node, *wanted)
        if value.kind == "time":  # a day is more than one moment
            return reduce(pc.or_kleene, [_same(value, each) for each in options])
        known = pc.is_in(value.first, pa.array([each.first.as_py() for each in options]))
        return pc.if_else(pc.is_valid(value.first), known, pa.scalar(None, pa.bool_()))

    def _like(self, node: Condition, pattern: Condition) -> Any:
        column = self._column(node)
        if column.kind != "text" or not isinstance(pattern, str):
            raise Refused("LIKE 只能用于文字字段，样式写在单引号里，如 name LIKE '%北街%'。")
        return pc.match_like(column.first, pattern)

    def _intersects(self, shape: Condition) -> Any:
        return pa.array(self.features.touching(_region(shape)), mask=~self.features.placed)

    def _alike(self, *nodes: Condition) -> list[_Operand]:
        """Operands that can be compared with each other; the column says what a value means."""
        columns = [self._column(node) if _name(node) else None for node in nodes]
        kinds = {column.kind for column in columns if column}
        if not kinds:
            raise Refused("比较的一边要是字段，如 status = 'open'；字段不能套函数或算式。")
        if len(kinds) > 1:
            raise Refused(f"{'和'.join(sorted(_KINDS[k][0] for k in kinds))}字段不能互相比较。")
        kind = kinds.pop()
        return [
            column or self._value(node, kind) for node, column in zip(nodes, columns, strict=True)
        ]

    def _column(self, node: Condition) -> _Operand:
        name = _name(node)
        if name is None:
            raise Refused(f"{_said(node)} 不是字段；字段写在比较的左边，不能套函数或算式。")
        column = self.features.columns.get(name)
        if column is None:
            known = "、".join(self.features.columns)
            raise Refused(f"“{name}”不能这样查询；可用的字段：{known}（图形用 {GEOMETRY}）。")
        if name not in self._columns:
            self._columns[name] = _of_column(column, self.features.values(name))
        return self._columns[name]

    def _value(self, node: Condition, kind: Kind) -> _Operand:
        match node:
            case None:
                raise Refused("和空值比较请写 IS NULL 或 IS NOT NULL。")
            # Text is what GDAL sends, and an address's parameters.
            case {"timestamp": str(text)} | {"date": str(text)} | str(text) if kind == "time":
                first, last = (pa.scalar(end, _MOMENT) for end in moments_of(text, self.town))
                return _Operand(kind, first, last)
            case str() if kind == "text":
                return _Operand(kind, pa.scalar(node), pa.scalar(node))
            case int() | float() if kind == "number" and _is_number(node):
                return _Operand(kind, pa.scalar(float(node)), pa.scalar(float(node)))
        what, example = _KINDS[kind]
        raise Refused(f"{_said(node)} 不是{what}，不能和{what}字段比较；请写{example}。")


def _before(left: _Operand, right: _Operand) -> Any:
    return pc.less(left.last, right.first)


def _apart(left: _Operand, right: _Operand) -> Any:
    return pc.or_kleene(_before(left, right), _before(right, left))


def _same(left: _Operand, right: _Operand) -> Any:
    return pc.invert(_apart(left, right))


_COMPARED: dict[str, Callable[[_Operand, _Operand], Any]] = {
    "=": _same, "<>": _apart, "<": _before, ">": lambda a, b: _before(b, a),
    ">=": lambda a, b: pc.invert(_before(a, b)), "<=": lambda a, b: pc.invert(_before(b, a)),
}  # fmt: skip


def _of_column(column: Column, values: pd.Series) -> _Operand:
    if column.kind == "time":
        utc = pd.to_datetime(values, utc=True).dt.tz_localize(None)
        found = pa.array(utc.to_numpy("datetime64[us]"), _MOMENT)
        return _Operand("time", found, found)
    if column.kind in ("number", "integer"):
        found = pa.array(values.to_numpy(float, na_value=np.nan), from_pandas=True)
        return _Operand("number", found, found)
    found = pa.array(values, pa.string(), from_pandas=True)
    return _Operand("text", found, found)


def _is_number(value: float) -> bool:
    return not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _name(node: Condition) -> str | None:
    name = node.get("property") if isinstance(node, dict) else None
    return name if isinstance(name, str) else None


def _region(node: Condition) -> BaseGeometry:
    """A shape in EPSG:4326, of a box or of GeoJSON."""
    if isinstance(node, dict) and isinstance(node.get("bbox"), list):
        return box_of(node["bbox"])
    shape = None
    if isinstance(node, dict) and node.get("type") in _SHAPES:
        shape = shapely.from_geojson(json.dumps(node), on_invalid="ignore")
    if shape is None or shape.is_empty or not math.isfinite(sum(shape.bounds)):
        raise Refused(
            f"{_said(node)} 不是图形；请写 BBOX(西,南,东,北) 或 WKT，如 POINT(104.92 33.39)。"
        )
    if not shape.is_valid:
        raise Refused("filter 里的图形自相交或没有闭合；请改正后再查。")
    return shapely.force_2d(shape)


def _said(node: Condition) -> str:
    """A part of a condition as a sentence shows it."""
    text = node if isinstance(node, str) else json.dumps(node, ensure_ascii=False, default=str)
    return f"“{text if len(text) <= 40 else text[:40] + '…'}”"
