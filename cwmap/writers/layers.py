"""The layers that go out (design, section 6): their columns, and their rows for a filter."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from cwmap import figures
from cwmap.errors import UnknownName
from cwmap.filters import Filter
from cwmap.privacy import masked
from cwmap.store import Workspace
from cwmap.tables import AREAS, CELLS, COMMUNITIES, FACILITIES, LANES, UNITS, Column
from cwmap.town import Town
from cwmap.trends import emerging, hotspots
from cwmap.writers import cases, missing, rosters
from geo.coordinates import transform_geometries
from geo.heat import contours, nice_levels

LAYERS: dict[str, str] = {
    "reports": "问题", "lanes": "巷道", "cells": "网格", "heat": "热力", "facilities": "设施",
    "units": "责任单元", "communities": "社区", "areas": "片区", "duties": "责任", "ranking": "考核排名",
    "tasks": "任务", "gaps": "缺口", "sites": "选址",
}  # fmt: skip
BY_RULES = ("tasks", "ranking", "gaps", "sites")
"""Layers that also follow the rules of the workspace, which change without a revision."""
HEAT_STEPS = 6
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
    **cases.COLUMNS,
    **rosters.COLUMNS,
    **missing.COLUMNS,
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
    "units": (
        UNITS["unit_id"], UNITS["name"], UNITS["kind"], COMMUNITIES["community_id"],
        UNITS["demonstration"], UNITS["address"], UNITS["note"],
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


def layer_scope(town: Town, layer: str, question: Filter) -> str:
    """Which rows a layer has under a filter, in one line, for the page and for the file."""
    if layer in rosters.COLUMNS:
        return rosters.roster_scope(town, layer, question)
    if layer in ("facilities", "units"):
        return f"全部{LAYERS[layer]}，不受筛选影响"
    return {
        "reports": "只有符合筛选的问题；没有位置的也在其中，图形留空",
        "tasks": "符合筛选的问题各有一件任务；没有位置的也在其中，图形留空",
        "heat": "由符合筛选、有位置的问题算出",
        "gaps": "全部片区的每类设施；筛选只影响需求类问题的件数",
        "sites": "全镇的建议点位；筛选里只选了一个片区时是那个片区的，其他条件不影响",
    }.get(layer, f"全部{LAYERS[layer]}；问题数和由它算出的各列只计符合筛选的问题")


def layer_columns(town: Town, layer: str) -> tuple[Column, ...]:
    """Columns of a layer in order, with the Chinese words for their values."""
    groups = {group.key: group.name for group in town.categories.groups}
    columns = _COLUMNS[layer]
    if layer in cases.COLUMNS:
        columns = tuple(replace(c, labels=groups) if c.name == "group" else c for c in columns)
    return (*columns, *_PLACE)


def layer_frame(
    town: Town, workspace: Workspace, layer: str, question: Filter, bandwidth_m: float | None = None
) -> gpd.GeoDataFrame:
    """Rows of a layer for a filter: columns as `layer_columns` and geometry, in EPSG:4326.

    Reports and tasks are those of the filter, as `case_frame`. Other layers are whole, and count
    the reports of the filter; duties and ranking are of its end (`cwmap.writers.rosters`).
    `UnknownName` for a layer, category or place that does not exist.
    """
    layer = layer_name(layer)
    if layer in cases.COLUMNS:
        return case_frame(town, workspace, layer, town.selected(town.view(question)))
    if layer in rosters.COLUMNS:
        rows = rosters.roster_rows(town, workspace, layer, question)
    elif layer in missing.COLUMNS:
        rows = missing.missing_rows(town, workspace, layer, question)
    elif layer == "heat":
        rows = _bands(town, question, bandwidth_m)
    elif layer in ("facilities", "units"):
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
    return _framed(town, layer, rows)


def kept_frame(
    town: Town, workspace: Workspace, layer: str, question: Filter, bandwidth_m: float | None = None
) -> gpd.GeoDataFrame:
    """As `layer_frame`; kept with the town where only the town and the filter decide it.

    Not of the reports, which may be a million.
    """

    def make() -> gpd.GeoDataFrame:
        return layer_frame(town, workspace, layer, question, bandwidth_m)

    if layer in cases.COLUMNS or layer in BY_RULES:  # what is slow in the rules' is kept by them
        return make()
    return town.kept(("layer", layer, question, bandwidth_m), make)


def case_frame(
    town: Town, workspace: Workspace, layer: str, chosen: cases.Positions
) -> gpd.GeoDataFrame:
    """Rows of `reports` or `tasks` at these positions in `town.reports`, as `layer_frame` gives them.

    The reports' own shapes, None for those without a place; local times. `cases.Outdated` if the
    store holds another revision.
    """
    return _framed(town, layer, cases.case_rows(town, workspace, layer, chosen))


def _framed(town: Town, layer: str, rows: pd.DataFrame) -> gpd.GeoDataFrame:
    """The columns of a layer, without personal data: phone numbers in texts are masked.

    lon, lat: a point in each shape.
    """
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


def layer_notes(
    town: Town, layer: str, question: Filter, workspace: Workspace | None = None
) -> tuple[str, ...]:
    """Which rows a layer has, how they were computed, and what their reader must know.

    workspace: whose own rules count, else the shipped ones.
    """
    return (layer_scope(town, layer, question), *_more_notes(town, layer, question, workspace))


def _more_notes(
    town: Town, layer: str, question: Filter, workspace: Workspace | None
) -> tuple[str, ...]:
    if layer in ("reports", "tasks", "facilities", "units"):
        return ()
    if layer in rosters.COLUMNS:
        return rosters.roster_notes(town, layer, question)
    if layer in missing.COLUMNS:
        return missing.missing_notes(town, workspace, layer, question)
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
