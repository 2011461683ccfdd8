"""Where the rows of a file are: columns or a layer's geometry → one EPSG:4326 shape a row, checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from cwmap.checks.findings import Findings
from cwmap.checks.georeference import NEAR_M, Decision, Ground, Lanes, decide, outlying
from cwmap.checks.values import Parsed, Unreadable, by_word, clean, meant, parse_number
from cwmap.errors import CwmapError
from cwmap.placing import repaired
from cwmap.reading import Rows
from cwmap.tables import COORDINATES, Table
from geo.coordinates import parse_degrees, transform_geometries

Geometries = npt.NDArray[np.object_]
_Type = shapely.GeometryType

_POINTS = (_Type.POINT,)
_LINES = (_Type.LINESTRING, _Type.LINEARRING, _Type.MULTILINESTRING)
_POLYGONS = (_Type.POLYGON, _Type.MULTIPOLYGON)
_CALLED = {
    _Type.POINT: "点", _Type.LINESTRING: "线", _Type.LINEARRING: "线", _Type.POLYGON: "面",
    _Type.MULTIPOINT: "多个点", _Type.MULTILINESTRING: "线", _Type.MULTIPOLYGON: "面",
    _Type.GEOMETRYCOLLECTION: "混合图形",
}  # fmt: skip
_INVALID = {
    "Self-intersection": "边界自相交", "Ring Self-intersection": "边界自相交",
    "Too few points in geometry component": "边界点太少", "Hole lies outside shell": "洞在外环之外",
    "Holes are nested": "洞套洞", "Nested holes": "洞套洞", "Nested shells": "面套面",
    "Interior is disconnected": "内部不连通", "Duplicate Rings": "有重复的环",
}  # fmt: skip
_PAIR = r"^[(\[（]?\s*([^,，;；()（）]+?)\s*[,，;；]\s*([^,，;；()（）]+?)\s*[)\]）]?$"
_WIDEST_M = 200.0
_FLAT = 1e-9  # area by the square of the circumference; a lane of 1 m by 1 km has 2e-4
_PLACELESS = ("reports", "population", "inspections")
"""Tables whose rows may go by the name of a lane, a community or a unit instead."""


@dataclass(frozen=True)
class Shapes:
    """Shapes by row, EPSG:4326, None where a row has none, and how their file was understood.

    `written`: the shapes as the file has them, before widening and repair; ids are made from these.
    """

    geometry: Geometries
    written: Geometries
    decision: Decision
    findings: Findings


def shapes(
    rows: Rows,
    matched: Mapping[str, str],
    table: Table,
    who: Callable[[int], str],
    *,
    ground: Ground,
    coords: str,
    lane_width_m: float | None,
) -> Shapes | None:
    """The shapes of a file's rows, or None if the file brings no place at all.

    matched: file header → column. who: what a message calls the row at a position. NeedsAnswer:
    the coordinate system would be a guess; CwmapError: lines for lanes without `lane_width_m`.
    """
    findings = Findings(rows.table.index)
    headers = {name: header for header, name in matched.items() if name in COORDINATES}
    if rows.geometry is not None and not shapely.is_missing(rows.geometry).all():
        where, written = "图形", shapely.force_2d(np.asarray(rows.geometry, dtype=object))
    elif headers:
        where, written = _from_columns(rows.table, headers, findings)
    else:
        return None
    written = written.copy()
    written[shapely.is_empty(written)] = None
    if shapely.is_missing(written).all() and not findings.failed.any():
        return None  # columns of a template that nobody filled in

    points = shapely.centroid(written)
    x, y = shapely.get_x(points), shapely.get_y(points)
    nowhere = (x == 0) & (y == 0)
    findings.add(nowhere, where, None, "坐标为 0，按没有坐标处理", "有坐标的话请补上", "warning")
    written[nowhere], x[nowhere], y[nowhere] = None, np.nan, np.nan

    decision = decide(x, y, asked=coords, declared=rows.crs, context=ground)
    place = _to_wgs84(written, decision)
    bounds = shapely.bounds(place)
    held = np.isfinite(bounds).all(axis=1) & (np.abs(bounds) <= [180, 90, 180, 90]).all(axis=1)
    lanes, far = Lanes(ground), np.zeros(len(place), bool)
    if lanes:
        middle = shapely.centroid(place)
        far = np.isfinite(x) & ~lanes.near(shapely.get_x(middle), shapely.get_y(middle))

    def at(row: int) -> str:
        return f"{x[row]:.10g}, {y[row]:.10g}"

    exchanged, other = outlying(x, y, decision, far, lanes)
    findings.add(exchanged, where, at, "经纬度颠倒（与本表其他行相反）", "请对调这一行的两个坐标")
    findings.add(other, where, at, "坐标的写法与本表其他行不同", "请改成与其他行相同的坐标系")
    lost = ~shapely.is_missing(written) & ~held & ~exchanged & ~other
    findings.add(lost, where, at, "坐标超出范围", "请核对这一行的坐标")
    place[~held] = None
    reason = f"位置在镇域之外（距已有巷道范围 {NEAR_M / 1000:g} 公里以上）"
    far &= held & ~findings.failed
    findings.add(far, where, at, reason, "请核对坐标和坐标系", "warning")

    # In the file's own coordinates: projecting bends what is a line there.
    flat = shapely.get_dimensions(written) == 2
    flat[flat] = [
        solid.area <= _FLAT * drawn.length**2
        for drawn, solid in zip(written[flat], repaired(written[flat]), strict=True)
    ]
    shaped = _shaped(place, flat, table, where, who, findings, ground.crs, lane_width_m)
    without = shapely.is_missing(shaped) & ~findings.failed
    if table.shape == "polygon":
        findings.add(without, where, who, "没有图形", f"{table.label}每一行都要有面")
    elif table.name not in _PLACELESS:
        why = "没有位置，不会显示在地图上"
        findings.add(without, where, who, why, "请补上坐标", "warning")
    return Shapes(shaped, place, decision, findings)


def _from_columns(
    table: pd.DataFrame, headers: Mapping[str, str], findings: Findings
) -> tuple[str, Geometries]:
    """Shapes as the columns lon, lat and wkt write them, and what to call the place of them."""
    nothing = pd.Series(None, table.index, dtype="str")
    text = {n: meant(clean(table[headers[n]])) if n in headers else nothing for n in COORDINATES}
    lon, lat, wkt = (text[name].reset_index(drop=True) for name in COORDINATES)
    geometry = np.full(len(table), None, dtype=object)
    drawn = wkt.notna().to_numpy(copy=True)
    if drawn.any():
        pair = wkt.str.extract(_PAIR)
        paired = pair.notna().all(axis=1).to_numpy()
        lon, lat = lon.mask(drawn, pair[0]), lat.mask(drawn, pair[1])
        drawn &= ~paired
        geometry[drawn] = shapely.from_wkt(wkt[drawn].to_numpy(object), on_invalid="ignore")
        unread = drawn & shapely.is_missing(geometry)
        remedy = "请写成“经度,纬度”，或 POINT、LINESTRING、POLYGON 开头的 WKT"
        findings.add(unread, headers["wkt"], wkt, "图形文字无法识别", remedy)
    numbers = []
    for name, column, label in (("lon", lon, "经度"), ("lat", lat, "纬度")):
        parsed = by_word(column, _degrees)
        header = headers.get(name) or headers.get("wkt") or label
        findings.add(parsed.reasons, header, column, remedy="请写成 104.92、104°55′12″ 或米数")
        half = column.isna().to_numpy() & (lat if name == "lon" else lon).notna().to_numpy()
        findings.add(
            half & ~drawn, header, None, f"只有一个坐标，缺少{label}", "请补上，或两个都留空"
        )
        numbers.append(parsed.values)
    x, y = numbers
    both = np.isfinite(x) & np.isfinite(y) & ~drawn
    geometry[both] = shapely.points(x[both], y[both])
    return "、".join(headers[name] for name in COORDINATES if name in headers), geometry


def _degrees(distinct: pd.Series) -> Parsed:
    plain = distinct.str.fullmatch(r"[+-]?[0-9]{1,9}(?:\.[0-9]*)?").to_numpy(bool)
    values = np.full(len(distinct), np.nan)
    values[plain] = pd.to_numeric(distinct[plain]).to_numpy(float)
    reasons = {}
    for at in np.flatnonzero(~plain):
        value = parse_degrees(distinct.iloc[at])
        if np.isnan(value):  # an easting as people write it: 492,556.8 or 492556.8米
            try:
                value = parse_number(distinct.iloc[at], "米")[0]
            except Unreadable:
                reasons[int(at)] = "不是坐标"
        if np.isinf(value):
            reasons[int(at)] = "坐标超出范围"
        values[at] = value
    return Parsed(values, reasons)


def _to_wgs84(written: Geometries, decision: Decision) -> Geometries:
    if decision.swapped:
        written = shapely.transform(written, lambda xy: xy[:, ::-1])
    return transform_geometries(written, decision.system)


def _shaped(
    place: Geometries,
    flat: npt.NDArray[np.bool_],
    table: Table,
    where: str,
    who: Callable[[int], str],
    findings: Findings,
    crs: str,
    lane_width_m: float | None,
) -> Geometries:
    """Shapes of the kinds that a table takes: lanes widened, collections opened, polygons mended."""
    place = place.copy()
    mixed = np.isin(shapely.get_type_id(place), (_Type.MULTIPOINT, _Type.GEOMETRYCOLLECTION))
    for at in np.flatnonzero(mixed):
        place[at], dropped = _opened(place[at])
        if dropped:
            findings.add(
                {int(at): "图形里除了面还有点或线，只保留了面"}, where, who, level="warning"
            )
    kinds = shapely.get_type_id(place)
    lines = np.isin(kinds, _LINES)
    if table.name == "lanes" and lines.any():
        place[lines] = _widened(place[lines], crs, lane_width_m)
        kinds[lines] = _Type.POLYGON
    allowed = _POLYGONS if table.shape == "polygon" else (*_POINTS, *_LINES, *_POLYGONS)
    wrong = (kinds >= 0) & ~np.isin(kinds, allowed)
    needed = (
        "面或中心线"
        if table.name == "lanes"
        else "面"
        if table.shape == "polygon"
        else "点、线或面"
    )
    reasons = {
        int(at): f"是{_CALLED[kinds[at]]}，{table.label}需要{needed}"
        for at in np.flatnonzero(wrong)
    }
    findings.add(reasons, where, who, remedy=f"请换成{needed}后再导入")
    place[wrong] = None
    polygons = np.isin(kinds, _POLYGONS) & ~wrong
    broken = polygons & ~flat & ~shapely.is_valid(place)
    if broken.any():
        why = shapely.is_valid_reason(place[broken])
        said = [_INVALID.get(re.sub(r"\[.*", "", str(w)).strip(), "边界有误") for w in why]
        place[broken] = repaired(place[broken])
        reasons = {
            int(at): f"{who(int(at))} 的图形无效（{text}），已自动修复"
            for at, text in zip(np.flatnonzero(broken), said, strict=True)
            if shapely.area(place[at]) > 0
        }
        findings.add(reasons, where, who, remedy="请在地图上核对修复后的边界", level="warning")
    flat = flat | polygons & (shapely.area(place) == 0)
    findings.add(flat, where, who, "图形没有面积", "请重新绘制这个面")
    place[flat] = None
    return place


def _opened(shape: BaseGeometry) -> tuple[BaseGeometry, bool]:
    """The one shape that a collection holds, or its polygons as one, and whether parts were left.

    A collection of neither comes back as it is.
    """
    parts = shapely.get_parts(shape)
    flat = parts[shapely.get_dimensions(parts) == 2]
    if len(parts) == 1:
        return parts[0], False
    return (shapely.union_all(flat), len(flat) < len(parts)) if len(flat) else (shape, False)


def _widened(lines: Geometries, crs: str, width_m: float | None) -> Geometries:
    if width_m is None:
        raise CwmapError(
            "文件里的巷道是线，不是面；请用 --where-lane-width 给出巷道宽度（米），如 --where-lane-width 4。"
        )
    if not 0 < width_m <= _WIDEST_M:
        raise CwmapError(f"巷道宽度 {width_m:g} 米不合理；请给出 0 到 {_WIDEST_M:g} 米之间的宽度。")
    metric = transform_geometries(lines, "EPSG:4326", crs)
    strips = shapely.buffer(metric, width_m / 2, cap_style="flat", join_style="round")
    return transform_geometries(strips, crs, "EPSG:4326")
