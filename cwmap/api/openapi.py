"""What the features interface is, for programs: OpenAPI 3.0, and columns as JSON types and values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from cwmap import __version__
from cwmap.api.asking import CRS84, LIMIT, MOST
from cwmap.api.cql import LANGUAGES, LONGEST, TEXT
from cwmap.api.offered import Layer
from cwmap.tables import Column

MEDIA_TYPE = "application/vnd.oai.openapi+json;version=3.0"
_NUMBERS = {"number": "number", "integer": "integer"}
_WORDS = {
    "from": "起始日期（含），如 2026-03-01", "to": "截止日期（含），如 2026-03-31",
    "category": "类别代码、名称或分组，多个用逗号分隔",
    "status": "状态：open、assigned、fixed、verified、rejected，多个用逗号分隔",
    "area": "片区编号或名称", "community": "社区编号或名称", "cell": "网格编码", "lane": "巷道编号或名称",
    "source": "来源",
}  # fmt: skip
_WHERE: dict[str, Any] = {
    "name": "f",
    "in": "query",
    "schema": {"type": "string", "enum": ["json"]},
}
_PAGE: list[dict[str, Any]] = [
    {"name": "bbox", "in": "query", "style": "form", "explode": False,
     "description": "西,南,东,北（WGS 84 经纬度）；没有位置的要素不在其中",
     "schema": {"type": "array", "minItems": 4, "maxItems": 6, "items": {"type": "number"}}},
    {"name": "datetime", "in": "query", "schema": {"type": "string"},
     "description": "RFC 3339 时间或区间（可用 .. 表示不限）；对问题和任务是上报时间，其他图层没有时间"},
    {"name": "limit", "in": "query", "style": "form", "explode": False,
     "schema": {"type": "integer", "minimum": 1, "maximum": MOST, "default": LIMIT}},
    {"name": "offset", "in": "query", "schema": {"type": "integer", "minimum": 0, "default": 0}},
    {"name": "filter", "in": "query", "schema": {"type": "string", "maxLength": LONGEST},
     "description": "CQL2 条件，如 status = 'open' AND lane_id IN ('X001', 'X002')；字段见 queryables"},
    {"name": "filter-lang", "in": "query", "description": "cql-text 是 cql2-text 在草案里的名字",
     "schema": {"type": "string", "enum": list(LANGUAGES), "default": TEXT}},
    {"name": "filter-crs", "in": "query",
     "schema": {"type": "string", "format": "uri", "enum": [CRS84], "default": CRS84}},
]  # fmt: skip


def described(column: Column) -> dict[str, Any]:
    """A column as a JSON schema."""
    kind: dict[str, Any] = {"type": _NUMBERS.get(column.kind, "string"), "title": column.header}
    if column.kind == "time":
        kind["format"] = "date-time"
    if column.labels:
        kind["enum"] = list(column.labels)
        kind["description"] = "；".join(f"{value} {name}" for value, name in column.labels.items())
    return kind


def values(column: pd.Series) -> list[Any]:
    """Values as JSON takes them; None for nothing. Times with their offset."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return [None if pd.isna(moment) else moment.isoformat() for moment in column]
    return [None if pd.isna(value) else value for value in column.tolist()]


def document(layers: Iterable[Layer], base: str, title: str, notice: str) -> dict[str, Any]:
    """The interface at `base`."""
    found = list(layers)
    paths: dict[str, Any] = {
        "/": _get("接口首页", "LandingPage"), "/conformance": _get("遵循的标准", "Conformance"),
        "/api": _get("接口描述", "Api"), "/collections": _get("全部图层", "Collections"),
    }  # fmt: skip
    for layer in found:
        home = f"/collections/{layer.name}"
        one = {"name": "featureId", "in": "path", "required": True, "schema": {"type": "string"}}
        paths |= {
            home: _get(f"{layer.title}：说明", f"{layer.name}.about"),
            f"{home}/schema": _get(f"{layer.title}：字段", f"{layer.name}.schema"),
            f"{home}/queryables": _get(f"{layer.title}：可查询的字段", f"{layer.name}.queryables"),
            f"{home}/items": _get(
                f"{layer.title}：要素", f"{layer.name}.items", [*_PAGE, *_asked(layer)],
                "application/geo+json",
            ),
            f"{home}/items/{{featureId}}": _get(
                f"{layer.title}：一个要素", f"{layer.name}.item", [one], "application/geo+json"
            ),
        }  # fmt: skip
    return {
        "openapi": "3.0.3",
        "info": {"title": title, "description": notice, "version": __version__},
        "servers": [{"url": base}],
        "paths": paths,
        "components": {"schemas": {"exception": _EXCEPTION}},
    }


_EXCEPTION = {
    "type": "object", "required": ["code"],
    "properties": {"code": {"type": "string"}, "description": {"type": "string"}},
}  # fmt: skip


def _get(
    summary: str, operation: str, parameters: Iterable[dict[str, Any]] = (),
    media_type: str = "application/json",
) -> dict[str, Any]:  # fmt: skip
    said = {"application/json": {"schema": {"$ref": "#/components/schemas/exception"}}}
    good = {"description": "结果", "content": {media_type: {"schema": {"type": "object"}}}}
    return {
        "get": {
            "summary": summary, "operationId": operation, "parameters": [*parameters, _WHERE],
            "responses": {
                "200": good,
                "default": {"description": "不能回答的原因", "content": said},
            },
        }
    }  # fmt: skip


def _asked(layer: Layer) -> list[dict[str, Any]]:
    """The words of a filter and the columns that can be asked for by value."""
    found = [
        {"name": w, "in": "query", "description": _WORDS[w], "schema": {"type": "string"}}
        for w in layer.words
    ]
    return found + [
        {"name": c.name, "in": "query", "description": c.label, "schema": {"type": "string"}}
        for c in layer.valued
    ]
