"""OGC API – Features: what QGIS, ArcGIS and GDAL read live.

Part 1: Core (OGC 17-069r4) and Part 3: Filtering (OGC 19-079r2).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import geopandas as gpd
import pandas as pd
import shapely
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cwmap.api import landing, openapi
from cwmap.api.answering import HEADERS, Asked, Make, Opener, Refused, answered, as_json
from cwmap.api.asking import CRS84, parameters, question_of
from cwmap.api.conditions import CLASSES, GEOMETRY
from cwmap.api.offered import Layer, collection, extent
from cwmap.captions import SYNTHETIC
from cwmap.filters import Filter
from cwmap.tables import Column
from cwmap.writers.layers import LAYERS, layer_columns
from cwmap.writers.outgoing import INTERNAL, INVENTED, kinds_of
from cwmap.writers.preview import preview
from cwmap.writers.qgis_layers import Live, definition
from cwmap.writers.symbology import lasting

ROOT = "/cwmap/ogc"
JSON, GEOJSON, SCHEMA = "application/json", "application/geo+json", "application/schema+json"
HTML, QLR = "text/html; charset=utf-8", "application/x-qgis-layer-definition"
_QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
_PARTS = {
    "ogcapi-features-1": ("core", "geojson", "oas30"),
    "ogcapi-features-3": ("queryables", "filter", "features-filter"),
    "cql2": CLASSES,
}
CONFORMANCE = [
    f"http://www.opengis.net/spec/{part}/1.0/conf/{name}"
    for part, names in _PARTS.items()
    for name in names
]
_SHAPE = {GEOMETRY: {"title": "图形", "format": "geometry-any"}}

Link = dict[str, str]


def routes(opener: Opener) -> list[BaseRoute]:
    """The routes under `ROOT`; what lies there and is none of them is told so."""
    ways: dict[str, Make] = {
        "": _landing, "/": _landing, "/conformance": _conformance, "/api": _api,
        "/qgis.qlr": _for_qgis, "/collections": _collections, "/collections/{name}": _collection,
        "/collections/{name}/schema": _schema, "/collections/{name}/queryables": _queryables,
        "/collections/{name}/items": _items, "/collections/{name}/items/{feature_id:path}": _item,
        "/{rest:path}": _nothing,
    }  # fmt: skip
    return [
        Route(f"{ROOT}{path}", answered(opener, ROOT, make, refusal)) for path, make in ways.items()
    ]


def refusal(_request: Request, refused: Refused) -> Response:
    """An exception as Part 1 describes it (clause 7.5)."""
    said = {"code": refused.code, "description": str(refused)}
    return Response(as_json(said), refused.status, HEADERS, JSON)


def _answer(value: Any, media_type: str = JSON) -> Response:
    return Response(as_json(value), headers=HEADERS, media_type=media_type)


def _link(href: str, rel: str, media_type: str = JSON, title: str = "") -> Link:
    return {"href": href, "rel": rel, "type": media_type} | ({"title": title} if title else {})


def _landing(asked: Asked) -> Response:
    query, base = parameters(asked.request, formats=("json", "html")), asked.base
    accepted = asked.request.headers.get("accept", "")
    if query.get("f") == "html" or ("f" not in query and "text/html" in accepted):
        page = landing.page(asked.town, base)
        return Response(page, headers=HEADERS, media_type=HTML)
    links = [
        _link(f"{base}?f=json", "self", title="本页"),
        _link(f"{base}?f=html", "alternate", HTML, "给人看的说明"),
        _link(f"{base}/api", "service-desc", openapi.MEDIA_TYPE, "接口描述"),
        _link(f"{base}?f=html", "service-doc", HTML, "接口说明"),
        _link(f"{base}/conformance", "conformance", title="遵循的标准"),
        _link(f"{base}/collections", "data", title="图层"),
    ]
    return _answer({"title": _title(asked), "description": _notice(asked), "links": links})


def _conformance(asked: Asked) -> Response:
    parameters(asked.request)
    return _answer({"conformsTo": CONFORMANCE})


def _api(asked: Asked) -> Response:
    parameters(asked.request)
    layers = [_layer(asked, name) for name in LAYERS]
    described = openapi.document(layers, asked.base, _title(asked), _notice(asked))
    return _answer(described, openapi.MEDIA_TYPE)


def _for_qgis(asked: Asked) -> Response:
    """All layers for QGIS, coloured as on the pages."""
    parameters(asked.request)
    groups, layers = asked.town.categories.groups, []
    for name, title in LAYERS.items():
        found = preview(asked.town, asked.workspace, name, Filter())
        look = lasting(found.look, name, groups)
        kinds = kinds_of(name, found.sample)
        layers.append(Live(name, title, layer_columns(asked.town, name), look, kinds))
    body = definition(layers, _title(asked), asked.base)
    file = {"Content-Disposition": "attachment; filename=cwmap.qlr"}
    return Response(body, headers=HEADERS | file, media_type=QLR)


def _collections(asked: Asked) -> Response:
    parameters(asked.request)
    links = [_link(f"{asked.base}/collections", "self")]
    every = [_about(asked, _layer(asked, name)) for name in LAYERS]
    return _answer({"links": links, "collections": every})


def _collection(asked: Asked) -> Response:
    parameters(asked.request)
    return _answer(_about(asked, _layer(asked)))


def _schema(asked: Asked) -> Response:
    """Types of the columns, so that a program need not guess them from the first features."""
    parameters(asked.request)
    layer = _layer(asked)
    return _described(asked, layer, "schema", layer.columns)


def _queryables(asked: Asked) -> Response:
    """Columns that a condition can ask for."""
    parameters(asked.request)
    layer = _layer(asked)
    return _described(asked, layer, "queryables", layer.queryables)


def _described(asked: Asked, layer: Layer, kind: str, columns: tuple[Column, ...]) -> Response:
    return _answer(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
            "$id": f"{asked.base}/collections/{layer.name}/{kind}", "title": layer.title,
            "properties": _SHAPE | {c.name: openapi.described(c) for c in columns},
            "additionalProperties": False,
        },
        SCHEMA,
    )  # fmt: skip


def _items(asked: Asked) -> Response:
    layer = _layer(asked)
    names = [column.name for column in layer.valued]
    question = question_of(asked.request, asked.town, layer.words, names)
    found = layer.find(question)
    page = found[question.offset : question.offset + question.limit]
    frame = layer.rows(question, page)
    links = [
        _link(_turned(asked, layer, None), "self", GEOJSON),
        _link(f"{asked.base}/collections/{layer.name}", "collection"),
    ]
    after = question.offset + question.limit
    if after < len(found):
        links.append(_link(_turned(asked, layer, after), "next", GEOJSON, "下一页"))
    if question.offset:
        before = max(0, min(question.offset, len(found)) - question.limit)
        links.append(_link(_turned(asked, layer, before), "prev", GEOJSON, "上一页"))
    facts = {
        "timeStamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "numberMatched": len(found),
        "numberReturned": len(frame), "links": links,
    }  # fmt: skip
    features = ",".join(_features(layer, frame))
    body = f'{{"type":"FeatureCollection",{as_json(facts)[1:-1]},"features":[{features}]}}'
    return Response(body, headers=HEADERS, media_type=GEOJSON)


def _item(asked: Asked) -> Response:
    parameters(asked.request)
    layer, feature_id = _layer(asked), asked.path["feature_id"]
    frame = layer.one(feature_id)
    if not len(frame):
        raise Refused(f"{layer.title}里没有“{feature_id}”；请用 items 里的 id。", 404, "NotFound")
    home = f"{asked.base}/collections/{layer.name}"
    links = [
        _link(f"{home}/items/{quote(feature_id, safe='')}", "self", GEOJSON),
        _link(home, "collection"),
    ]
    body = f'{{"links":{as_json(links)},{next(_features(layer, frame))[1:]}'
    return Response(body, headers=HEADERS, media_type=GEOJSON)


def _nothing(_asked: Asked) -> Response:
    raise Refused("没有这个地址；请从接口首页 /cwmap/ogc 的链接开始。", 404, "NotFound")


def _layer(asked: Asked, name: str | None = None) -> Layer:
    name = name or asked.path["name"]
    try:
        return collection(asked.town, asked.workspace, name)
    except KeyError as error:
        known = "、".join(LAYERS)
        raise Refused(f"没有名为“{name}”的图层；可用的有：{known}。", 404, "NotFound") from error


def _about(asked: Asked, layer: Layer) -> dict[str, Any]:
    """A collection's own description."""
    home, town = f"{asked.base}/collections/{layer.name}", asked.town
    reach: dict[str, Any] = {"spatial": {"bbox": [extent(town)], "crs": CRS84}}
    if layer.moment and len(town.reports):
        ends = [pd.Timestamp(t).isoformat() + "Z" for t in town.reports.reported[[0, -1]]]
        reach["temporal"] = {"interval": [ends]}
    return {
        "id": layer.name, "title": _marked(asked, layer.title), "description": _notice(asked),
        "itemType": "feature", "extent": reach, "crs": [CRS84],
        "links": [
            _link(home, "self"), _link(f"{home}/items", "items", GEOJSON, layer.title),
            _link(f"{home}/schema", "describedby", SCHEMA),
            _link(f"{home}/queryables", _QUERYABLES, SCHEMA),
        ],
    }  # fmt: skip


def _title(asked: Asked) -> str:
    return _marked(asked, f"{asked.town.settings.name} 创卫一张图")


def _marked(asked: Asked, title: str) -> str:
    return f"{title}（{SYNTHETIC}）" if asked.town.settings.synthetic else title


def _notice(asked: Asked) -> str:
    said = f"{SYNTHETIC}：{INVENTED}" if asked.town.settings.synthetic else INTERNAL
    return f"{said}；数据截至 {asked.town.as_of}，版本 {asked.town.revision}"


def _turned(asked: Asked, layer: Layer, offset: int | None) -> str:
    """The address of this request for items; with another offset, if one is given."""
    query = asked.request.query_params.multi_items()
    if offset is not None:
        query = [*(p for p in query if p[0] != "offset"), ("offset", str(offset))]
    words = f"?{urlencode(query)}" if query else ""
    return f"{asked.base}/collections/{layer.name}/items{words}"


def _features(layer: Layer, frame: gpd.GeoDataFrame) -> Iterator[str]:
    """Each row as a GeoJSON feature in text."""
    names = [column.name for column in layer.columns]
    values = zip(*(openapi.values(frame[column.name]) for column in layer.columns), strict=True)
    shapes = shapely.to_geojson(frame.geometry.to_numpy(object))
    for feature_id, row, shape in zip(layer.ids(frame), values, shapes, strict=True):
        properties = as_json(dict(zip(names, row, strict=True)))
        yield (
            f'{{"type":"Feature","id":{as_json(feature_id)},"geometry":{shape or "null"},'
            f'"properties":{properties}}}'
        )
