"""The layers that go out (design, section 6): their columns, and their rows for a filter."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from cwmap import emerging, figures, hotspots
from cwmap.errors import CwmapError, UnknownName
from cwmap.filters import Filter
from cwmap.privacy import masked
from cwmap.store import Workspace, column, read_table, revision_of
from cwmap.tables import AREAS, CELLS, COMMUNITIES, FACILITIES, LANES, REPORTS, Column
from cwmap.town import LATE, OPEN, Town
from geo.coordinates import transform_geometries
from geo.heat import contours, nice_levels

LAYERS: dict[str, str] = {
    "reports": "问题", "lanes": "巷道", "cells": "网格", "heat": "热力", "facilities": "设施",
    "communities": "社区", "areas": "片区",
}  # fmt: skip
HEAT_STEPS = 6
_ASKED = 20_000  # ids that one query asks for; more are picked from the whole table
# Characters that no program shows and XML forbids.
_UNSEEN = dict.fromkeys([*(c for c in range(32) if chr(c) not in "\t\n\r"), 0xFFFE, 0xFFFF])

_PLACE = (Column("lon", "经度", "number"), Column("lat", "纬度", "number"))
_COUNTS = (
    Column("reports", "问题数", "integer"), Column("open", "待办", "integer"),
    Column("overdue", "超期", "integer"),
)  # fmt: skip
_RATES = (
    Column("rate_per_ha", "每公顷问题数", "number"),
    Column("residents", "常住人口", "number"),
    Column("rate_per_1000", "每千人问题数", "number"),
)
_COLUMNS: dict[str, tuple[Column, ...]] = {
    "reports": (
        REPORTS["report_id"], Column("category", "类别代码", "id"), Column("category_name", "问题类别"),
        Column("group", "问题分组", "choice"), REPORTS["reported_at"], REPORTS["status"],
        REPORTS["due_at"],
        Column("overdue", "超期未办", "choice", labels={"yes": "是", "no": "否"}),
        REPORTS["closed_at"], REPORTS["lane_id"], REPORTS["lane_name"], REPORTS["cell_id"],
        REPORTS["community_id"], REPORTS["area_id"], REPORTS["placed_by"], REPORTS["distance_m"],
        REPORTS["description"], REPORTS["address"], REPORTS["source"], REPORTS["department"],
    ),
    "lanes": (
        LANES["lane_id"], LANES["name"], LANES["community_id"], LANES["length_m"], LANES["area_m2"],
        *_COUNTS, Column("rate_per_100m", "每百米问题数", "number"),
        Column("rate_shrunk", "每百米问题数（收缩后）", "number"),
        Column("rate_low", "收缩后下限（90%）", "number"), Column("rate_high", "收缩后上限（90%）", "number"),
        Column("rank", "名次", "integer"),
    ),
    "cells": (
        CELLS["cell_id"], CELLS["name"], CELLS["area_m2"], *_COUNTS, *_RATES,
        Column("gi_z", "Gi* z 值", "number"), Column("gi_p", "Gi* p 值", "number"),
        Column("gi_q", "Gi* q 值", "number"),
        Column("hotspot", "冷热点", "choice", labels=hotspots.LABELS),
        Column("confirmed", "冷热点（置换检验）", "choice", labels=hotspots.LABELS),
        Column("trend", "时空类型", "choice", labels=emerging.LABELS),
        Column("direction", "升降", "choice", labels=emerging.DIRECTIONS),
    ),
    "heat": (
        Column("level_min", "密度下限", "number", unit="件/公顷"),
        Column("level_max", "密度上限", "number", unit="件/公顷"),
        Column("area_ha", "面积", "number", unit="公顷"),
    ),
    "facilities": (
        FACILITIES["facility_id"], FACILITIES["name"], FACILITIES["kind"], FACILITIES["standard"],
        FACILITIES["floor_m2"], FACILITIES["capacity"], FACILITIES["address"],
    ),
    "communities": (
        COMMUNITIES["community_id"], COMMUNITIES["name"], COMMUNITIES["area_m2"], *_COUNTS, *_RATES,
    ),
    "areas": (AREAS["area_id"], AREAS["name"], AREAS["note"], AREAS["area_m2"], *_COUNTS, *_RATES),
}  # fmt: skip


def layer_name(word: str) -> str:
    """The layer of this English or Chinese name; `UnknownName` says which exist."""
    for name, label in LAYERS.items():
        if word.strip().lower() in (name, label):
            return name
    known = "、".join(f"{name}（{label}）" for name, label in LAYERS.items())
    raise UnknownName(f"没有名为“{word}”的图层；可用的图层有：{known}。")


def layer_columns(town: Town, layer: str) -> tuple[Column, ...]:
    """Columns of a layer in order, with the Chinese words for their values."""
    groups = {group.key: group.name for group in town.categories.groups}
    return (
        *(replace(c, labels=groups) if c.name == "group" else c for c in _COLUMNS[layer]), *_PLACE
    )  # fmt: skip


def layer_frame(
    town: Town, workspace: Workspace, layer: str, question: Filter, bandwidth_m: float | None = None
) -> gpd.GeoDataFrame:
    """Rows of a layer for a filter: columns as `layer_columns` and geometry, in EPSG:4326.

    Reports are those of the filter, in the order of their days, with their own shapes (None for
    those without a place), local times and no personal data: phone numbers in texts are masked.
    Other layers are whole, and count the reports of the filter. lon, lat: a point in each shape.
    `UnknownName` for a layer, category or place that does not exist.
    """
    layer = layer_name(layer)
    if layer == "reports":
        rows = _reports(town, workspace, question)
    elif layer == "heat":
        rows = _bands(town, question, bandwidth_m)
    elif layer == "facilities":
        rows = pd.DataFrame(town.layers[layer]).reset_index()
    elif layer == "lanes":
        rows = figures.lanes(town, question).assign(geometry=_shapes(town, layer)).reset_index()
    elif layer == "cells":
        counted = figures.cells(town, question).assign(geometry=_shapes(town, layer))
        over_time = emerging.emerging(town, question).units[["trend", "direction"]]
        found = hotspots.hotspots(town, question).units[
            ["gi_z", "gi_p", "gi_q", "hotspot", "confirmed"]
        ]
        rows = counted.join([found, over_time]).reset_index()
    else:
        counted = figures.places(town, question, layer)
        own = pd.DataFrame(town.layers[layer])
        rows = own.join(counted.drop(columns=own.columns, errors="ignore")).reset_index()
    shapes = shapely.force_2d(rows["geometry"].to_numpy(object))
    inner = shapely.point_on_surface(shapes)
    rows = rows.assign(lon=shapely.get_x(inner), lat=shapely.get_y(inner))
    columns = {c.name: _typed(rows[c.name], c) for c in layer_columns(town, layer)}
    return gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4326").reset_index(drop=True)


def _typed(values: pd.Series, like: Column) -> pd.Series:
    if like.kind in ("number", "integer", "time"):
        return values
    text = values.astype("str").map(lambda t: t.translate(_UNSEEN), na_action="ignore")
    if like.kind == "text" and not like.name.endswith("_id"):
        text = text.map(masked, na_action="ignore")
    return text


def layer_notes(town: Town, layer: str, question: Filter) -> tuple[str, ...]:
    """How a layer was computed, from how many reports, and what its reader must know."""
    if layer in ("reports", "facilities"):
        return ()
    if layer == "heat":
        here = np.isfinite(town.reports.x[town.selected(town.view(question))])
        return (
            f"核密度由 {int(here.sum()):,} 件有位置的问题算出，栅格边长 {town.heat_grid.pixel_m:.1f} 米",
        )
    counted = int(figures.place_counts(town, town.view(question), layer)["reports"].sum())
    number = f"计入 {counted:,} 件（落在{LAYERS[layer]}里的）"
    if layer == "lanes":
        shrunk = "rate_shrunk 为每百米问题数经经验贝叶斯（Marshall 1991）向全镇平均收缩的值"
        return (f"{number}；{shrunk}，rate_low、rate_high 为其中间 90%，rank 按它排名",)
    people = "residents 为楼栋点或按面积分摊的常住人口，空值表示不知道，不是没有人"
    if layer != "cells":
        return (f"{number}；{people}",)
    found, over_time = hotspots.hotspots(town, question), emerging.emerging(town, question)
    return (people, found.caption, *found.notes, over_time.caption, *over_time.notes)


def _reports(town: Town, workspace: Workspace, question: Filter) -> pd.DataFrame:
    chosen = town.selected(town.view(question))
    ids = town.reports.ids[chosen]
    where = column("report_id", "reports").in_(ids.tolist()) if len(ids) <= _ASKED else None
    wanted = [c.name for c in REPORTS.stored if c in _COLUMNS["reports"]]
    with workspace.reading() as connection:
        if revision_of(connection) != town.revision:
            raise CwmapError("数据刚刚有更新；请稍候几秒，再导出一次。")
        rows = read_table(connection, REPORTS, [*wanted, "category", "geometry"], where)
    rows = rows.set_index("report_id", drop=False).loc[ids]
    late = np.isin(town.reports.status[chosen], OPEN) & (town.reports.lateness[chosen] == LATE)
    zone = town.settings.timezone
    times = {
        name: rows[name].dt.tz_localize("UTC").dt.tz_convert(zone)
        for name in ("reported_at", "due_at", "closed_at")
    }
    lane = rows["lane_id"].map(town.layers["lanes"]["name"]).fillna(rows["lane_name"])
    return rows.assign(
        **times, lane_name=lane, overdue=np.where(late, "yes", "no"),
        category_name=rows["category"].map(town.categories.name),
        group=rows["category"].map(lambda code: town.categories.group_of(code).key),
    )  # fmt: skip


def _bands(town: Town, question: Filter, bandwidth_m: float | None) -> pd.DataFrame:
    """Heat as polygons between the levels of the page's legend."""
    density = figures.heat(town, question, bandwidth_m)
    levels = nice_levels(float(density.max()), HEAT_STEPS)
    bands = contours(density, town.heat_grid.transform, levels) if levels else []
    low, high, areas = zip(*bands, strict=True) if bands else ((), (), ())
    metric = np.array(areas, object)
    return pd.DataFrame(
        {
            "level_min": np.array(low, float), "level_max": np.array(high, float),
            "area_ha": shapely.area(metric) / 10_000,
            "geometry": transform_geometries(metric, town.settings.crs, "EPSG:4326"),
        }
    )  # fmt: skip


def _shapes(town: Town, layer: str) -> npt.NDArray[np.object_]:
    shapes: npt.NDArray[np.object_] = town.layers[layer].geometry.to_numpy(object)
    return shapes
