"""Open311 GeoReport v2, reading only: reports for other offices' programs, without personal data.

https://wiki.open311.org/GeoReport_v2. XML, which it requires, and JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import numpy.typing as npt
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cwmap.api.answering import HEADERS, Asked, Make, Opener, Refused, answered, as_json
from cwmap.api.asking import moments_of
from cwmap.api.openapi import values
from cwmap.cube import Mask
from cwmap.norms import Category
from cwmap.tables import STATUS
from cwmap.town import OPEN, Town
from cwmap.workbook import legal
from cwmap.writers.layers import case_frame

ROOT = "/cwmap/open311"
MOST = 1_000
"""Requests of an answer, by default and at most."""
SPAN = np.timedelta64(90, "D")
"""The longest period of an answer, and the one of a question without a start or an end."""
_SECOND = np.timedelta64(1, "s")

Row = dict[str, Any]
Positions = npt.NDArray[np.intp]


def routes(opener: Opener) -> list[BaseRoute]:
    """The routes under `ROOT`."""
    ways: dict[str, Make] = {
        "/discovery": _discovery, "/v2/services": _services, "/v2/services/{code}": _service,
        "/v2/requests": _requests, "/v2/requests/{ids}": _requests,
    }  # fmt: skip
    known: list[BaseRoute] = [
        Route(f"{ROOT}{path}.{{ending}}", answered(opener, ROOT, make, refusal))
        for path, make in ways.items()
    ]
    return [*known, Route(f"{ROOT}/{{rest:path}}", answered(opener, ROOT, _nothing, refusal))]


def refusal(request: Request, refused: Refused) -> Response:
    """Errors as the specification lists them."""
    rows = [{"code": refused.status, "description": str(refused)}]
    ending = request.path_params.get("ending", "json")
    return _answer(ending, "errors", "error", rows, refused.status)


def _answer(
    ending: str, root: str, element: str, rows: Sequence[Row], status: int = 200
) -> Response:
    """A list of rows."""
    top = ET.Element(root)
    for row in rows:
        _fill(ET.SubElement(top, element), row)
    return _written(ending, rows, top, status)


def _one(ending: str, root: str, row: Row) -> Response:
    """One row."""
    top = ET.Element(root)
    _fill(top, row)
    return _written(ending, row, top)


def _written(ending: str, plain: Any, tree: ET.Element, status: int = 200) -> Response:
    if ending == "xml":
        body = ET.tostring(tree, "utf-8", xml_declaration=True)
        return Response(body, status, HEADERS, "text/xml; charset=utf-8")
    return Response(as_json(plain), status, HEADERS, "application/json; charset=utf-8")


def _fill(parent: ET.Element, content: Any) -> None:
    """A row as elements, a list (`formats`) as elements of the singular (`format`), else text."""
    if isinstance(content, dict):
        for name, value in content.items():
            _fill(ET.SubElement(parent, name), value)
    elif isinstance(content, list):
        for each in content:
            _fill(ET.SubElement(parent, parent.tag.removesuffix("s")), each)
    elif content is not None:
        parent.text = str(content).lower() if isinstance(content, bool) else legal(str(content))


def _ending(asked: Asked) -> str:
    if asked.path["ending"] not in ("json", "xml"):
        raise Refused(f"没有“{asked.path['ending']}”格式；请用 .json 或 .xml。", 404)
    return asked.path["ending"]


def _discovery(asked: Asked) -> Response:
    """How a program finds the interface (Open311 service discovery)."""
    changed = str(asked.town.as_of)
    endpoint = {
        "specification": "http://wiki.open311.org/GeoReport_v2", "url": f"{asked.base}/v2",
        "changeset": changed, "type": "production", "formats": ["text/xml", "application/json"],
    }  # fmt: skip
    facts: Row = {
        "changeset": changed, "contact": asked.town.settings.name, "key_service": "不需要密钥",
        "endpoints": [endpoint],
    }  # fmt: skip
    return _one(_ending(asked), "discovery", facts)


def _services(asked: Asked) -> Response:
    rows = [_described(asked.town, each) for each in asked.town.categories.codes.values()]
    return _answer(_ending(asked), "services", "service", rows)


def _service(asked: Asked) -> Response:
    """A service has no questions of its own, so that there is nothing to define."""
    row = {"service_code": _code(asked.town, asked.path["code"], 404), "attributes": list[Row]()}
    return _one(_ending(asked), "service_definition", row)


def _described(town: Town, category: Category) -> Row:
    group = town.categories.group_of(category.code)
    return {
        "service_code": category.code, "service_name": category.name,
        "description": f"{group.name}：{category.name}", "metadata": False, "type": "realtime",
        "keywords": ",".join(category.aliases), "group": group.name,
    }  # fmt: skip


def _code(town: Town, code: str, status: int) -> str:
    if code not in town.categories.codes and code not in town.codes:
        raise Refused(f"没有“{code}”这个 service_code；请用 services 里的代码。", status)
    return code


def _requests(asked: Asked) -> Response:
    ending, query = _ending(asked), asked.request.query_params
    ids = asked.path.get("ids") or query.get("service_request_id")
    if ids:  # the other arguments do not count then
        chosen = _of_ids(asked, ids)
    else:
        chosen = _chosen(asked)[::-1]  # the newest first
        page, size = _number(query, "page", 1), min(_number(query, "page_size", MOST), MOST)
        chosen = chosen[(page - 1) * size : page * size]
    return _answer(ending, "service_requests", "request", _rows(asked, chosen))


def _of_ids(asked: Asked, ids: str) -> Positions:
    wanted = [word.strip() for word in ids.split(",")][:MOST]
    chosen = np.flatnonzero(np.isin(asked.town.reports.ids, wanted))
    if "ids" in asked.path and not len(chosen):
        raise Refused(f"没有编号为“{ids}”的问题；请检查 service_request_id。", 404)
    return chosen


def _chosen(asked: Asked) -> Positions:
    """Positions of the reports that a question means, the first reported first."""
    query, town = asked.request.query_params, asked.town
    first, last = _period(query, town)
    reported = town.reports.reported
    a, b = np.searchsorted(reported, first, "left"), np.searchsorted(reported, last, "right")
    keep = np.ones(b - a, bool)
    if query.get("service_code"):
        codes = [_code(town, code.strip(), 400) for code in query["service_code"].split(",")]
        keep &= np.isin(np.array(town.codes, object), codes)[town.reports.category[a:b]]
    if query.get("status"):
        keep &= _of_status(town, query["status"])[a:b]
    chosen: Positions = np.flatnonzero(keep) + a
    return chosen


def _of_status(town: Town, text: str) -> Mask:
    words = [word.strip() for word in text.split(",")]
    if not set(words) <= {"open", "closed"}:
        raise Refused(f"没有“{text}”这种状态；请用 open（未办结）或 closed（已处置、不受理）。")
    running = np.isin(town.reports.status, OPEN)
    mask: Mask = (running & ("open" in words)) | (~running & ("closed" in words))
    return mask


def _period(query: Mapping[str, str], town: Town) -> tuple[np.datetime64, np.datetime64]:
    """First and last moment; without a date the 90 days up to now, or to the data's last day."""
    ends = {
        name: moments_of(query[name], town)
        for name in ("start_date", "end_date")
        if query.get(name)
    }
    first = ends["start_date"][0] if "start_date" in ends else None
    last = ends["end_date"][1] if "end_date" in ends else None
    if first is None:
        last = town.reports.until if last is None else last
        return last - SPAN, last
    last = first + SPAN if last is None else last
    if first > last:
        raise Refused("start_date 晚于 end_date；请交换两个时间。")
    if last - first > SPAN + _SECOND:
        raise Refused("一次最多查 90 天；请缩短 start_date 到 end_date 的时段，分几次查。")
    return first, last


def _number(query: Mapping[str, str], name: str, usual: int) -> int:
    text = query.get(name, "")
    if text and not (text.isascii() and text.isdecimal() and 0 < int(text) < 10**9):
        raise Refused(f"{name} 要写从 1 起的整数，不能是“{text}”。")
    return int(text) if text else usual


def _rows(asked: Asked, chosen: Positions) -> list[Row]:
    """Reports as service requests; `description` and `address` are masked already."""
    town = asked.town
    frame = case_frame(town, asked.workspace, "reports", chosen)
    columns = {str(name): values(frame[name]) for name in frame if name != "geometry"}
    due = _iso(town.reports.due[chosen])
    reported, closed = _iso(town.reports.reported[chosen]), _iso(town.reports.closed[chosen])
    records = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
    return [
        {
            "service_request_id": r["report_id"],
            "status": "open" if r["status"] in ("open", "assigned") else "closed",
            "status_notes": STATUS.shown(r["status"]), "service_name": r["category_name"],
            "service_code": r["category"], "description": r["description"],
            "agency_responsible": r["department"], "service_notice": None,
            "requested_datetime": begun, "updated_datetime": done or begun,
            "expected_datetime": until, "address": r["address"] or r["lane_name"],
            "address_id": r["lane_id"], "zipcode": None, "lat": r["lat"], "long": r["lon"],
            "media_url": None,
        }
        for r, begun, until, done in zip(records, reported, due, closed, strict=True)
    ]  # fmt: skip


def _iso(moments: npt.NDArray[np.datetime64]) -> list[str | None]:
    return [None if np.isnat(m) else f"{np.datetime_as_string(m, 's')}Z" for m in moments]


def _nothing(_asked: Asked) -> Response:
    raise Refused(f"没有这个地址；请用 {ROOT}/v2/services.json 或 {ROOT}/v2/requests.json。", 404)
