"""The parameters of a question for features (OGC 17-069r4, clauses 7.15.2 to 7.15.5; 19-079r2)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry
from starlette.requests import Request

from cwmap.api.answering import Refused
from cwmap.api.cql import TEXT, Condition, condition_of
from cwmap.errors import CwmapError
from cwmap.filters import LISTS, Filter
from cwmap.town import Town

WORDS = ("from", "to", *LISTS)
"""Words of a filter, as in a page's address."""
LIMIT, MOST = 1_000, 10_000
"""Features of an answer: by default, and at most."""
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
"""The one coordinate system, WGS 84 as longitude and latitude; some programs ask for it by name."""
_SYSTEMS = ("crs", "bbox-crs", "filter-crs")
_GENERAL = ("f", "limit", "offset", "bbox", "datetime", "filter", "filter-lang", *_SYSTEMS)

_DAY = re.compile(r"(\d{4}-\d\d-\d\d)T?")  # GDAL writes the T of a time that it has not
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_WHOLE = re.compile(r"\d{1,15}", re.ASCII)

Period = tuple[np.datetime64 | None, np.datetime64 | None]


@dataclass(frozen=True)
class Question:
    """What of a collection is asked for.

    region: in EPSG:4326, None for everywhere, features without a place included. period: first and
    last moment (UTC), both included, None for open. equal: column → the text that it must hold.
    condition: in CQL2.
    """

    filter: Filter = field(default_factory=Filter)
    region: BaseGeometry | None = None
    period: Period = (None, None)
    equal: Mapping[str, str] = field(default_factory=dict)
    condition: Condition = True
    limit: int = LIMIT
    offset: int = 0


def question_of(
    request: Request, town: Town, words: Collection[str], columns: Collection[str]
) -> Question:
    """The question of a request for items; `Refused` for what it cannot mean.

    words: those of `WORDS` that the collection knows; columns: those that can be asked for by value.
    """
    query = parameters(request, (*_GENERAL, *words, *columns))
    language = query.get("filter-lang", TEXT)
    return Question(
        filter=_filter({w: query[w] for w in words if w in query}, town),
        region=_region(query["bbox"]) if "bbox" in query else None,
        period=period_of(query["datetime"], town) if "datetime" in query else (None, None),
        equal={c: query[c] for c in columns if c in query},
        condition=condition_of(query["filter"], language) if "filter" in query else True,
        limit=min(_whole(query, "limit", LIMIT, least=1), MOST),
        offset=_whole(query, "offset", 0, least=0),
    )


def parameters(
    request: Request, known: Collection[str] = ("f",), formats: Collection[str] = ("json",)
) -> dict[str, str]:
    """The request's parameters; `Refused` for unknown and repeated ones and for other formats."""
    pairs = request.query_params.multi_items()
    query = dict(pairs)
    unknown = [name for name in query if name not in known]
    if unknown:
        shown = "、".join(dict.fromkeys(known))
        raise Refused(f"没有“{unknown[0]}”这个参数；可用的参数：{shown}。", code="UnknownParameter")
    if len(query) < len(pairs):
        raise Refused("同一个参数写了不止一次；请只写一次，多个值用逗号分隔。")
    if query.get("f", "json") not in formats:
        raise Refused(f"不能给出“{query['f']}”格式；请用 f=json。")
    if any(query.get(name, CRS84) != CRS84 for name in _SYSTEMS):
        raise Refused(f"坐标系只能是 {CRS84}（WGS 84 经纬度）；其他坐标系请用导出。")
    return query


def _filter(query: Mapping[str, str], town: Town) -> Filter:
    try:
        question = Filter.from_query(query)
        town.view(question)  # what does not exist is told
    except (CwmapError, OverflowError) as error:
        message = str(error) if isinstance(error, CwmapError) else "日期超出了可用的范围。"
        raise Refused(message) from error
    return question


def _region(text: str) -> BaseGeometry:
    return box_of(text.split(","))


def box_of(words: Sequence[Any]) -> BaseGeometry:
    """The region of four or six numbers: west, south, (lowest,) east, north(, highest)."""
    try:
        numbers = [float(word) for word in words]
    except (TypeError, ValueError, OverflowError):
        numbers = []
    if len(numbers) == 6:  # heights do not matter
        numbers = [*numbers[:2], *numbers[3:5]]
    if len(numbers) != 4 or not np.isfinite(numbers).all():
        raise Refused(
            "bbox 要写四个数：西,南,东,北（WGS 84 经纬度），如 104.90,33.38,104.93,33.40。"
        )
    west, south, east, north = numbers
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise Refused("bbox 的经纬度超出范围，或者南北颠倒；顺序是西,南,东,北。")
    if west > east:  # across the antimeridian
        parts = [shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)]
        return shapely.MultiPolygon(parts)
    corners = [(west, south), (west, north), (east, north), (east, south)]
    return shapely.MultiPoint(corners).convex_hull  # a line or a point where it has no width


def period_of(text: str, town: Town) -> Period:
    """Moments of an RFC 3339 time or an interval of two, also open ('..' or nothing).

    A day alone means the whole day in the town's time. `Refused` for anything else.
    """
    ends = text.split("/")
    if len(ends) > 2:
        raise _unclear(text)
    bounds = [None if end in ("..", "") else moments_of(end, town) for end in ends]
    if bounds[0] is None and bounds[-1] is None:  # of nothing at all too
        raise _unclear(text)
    first, last = bounds[0] and bounds[0][0], bounds[-1] and bounds[-1][1]
    if first is not None and last is not None and first > last:
        raise Refused("datetime 的起点晚于终点；请交换两个时间。")
    return first, last


def moments_of(text: str, town: Town) -> tuple[np.datetime64, np.datetime64]:
    """The first and last moment (UTC) of an RFC 3339 time or a day; `Refused` for anything else."""
    zone = ZoneInfo(town.settings.timezone)
    try:
        if day := _DAY.fullmatch(text):
            first = datetime.fromisoformat(day[1]).replace(tzinfo=zone)
            return _utc(first), _utc(first + timedelta(days=1)) - np.timedelta64(1, "us")
        if _MOMENT.fullmatch(text):
            moment = _utc(datetime.fromisoformat(text.upper()))
            return moment, moment
    except (ValueError, OverflowError) as error:
        raise _unclear(text) from error
    raise _unclear(text)


def _utc(moment: datetime) -> np.datetime64:
    """A moment as times are kept: UTC without a zone."""
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def _unclear(text: str) -> Refused:
    return Refused(
        f"看不懂时间“{text}”；请写成 2026-03-01T00:00:00Z，或区间 2026-03-01T00:00:00+08:00/..。"
    )


def _whole(query: Mapping[str, str], name: str, usual: int, *, least: int) -> int:
    if name not in query:
        return usual
    if not _WHOLE.fullmatch(query[name]) or int(query[name]) < least:
        raise Refused(f"{name} 要写不小于 {least} 的整数，不能是“{query[name]}”。")
    return int(query[name])
