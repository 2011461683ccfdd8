"""Rows of the layers that say what is missing and where to put it: gaps and sites."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from cwmap.filters import Filter
from cwmap.gaps import facilities, siting
from cwmap.gaps.facilities import Norms
from cwmap.gaps.gaps import VERDICTS, Gaps, gaps
from cwmap.gaps.homes import UNITS
from cwmap.store import Workspace
from cwmap.tables import AREAS, FACILITIES, FACILITY_KIND, Column
from cwmap.town import Town

_KIND = Column("facility_kind", FACILITIES["kind"].label, "choice", labels=FACILITY_KIND.labels)
_UNIT = Column("unit", "计量", "choice", labels=UNITS)
COLUMNS: dict[str, tuple[Column, ...]] = {
    "gaps": (
        AREAS["area_id"], AREAS["name"], _KIND, Column("inside", "区内设施", "integer", unit="处"),
        Column("inside_of_standard", "区内达标设施", "integer", unit="处"),
        Column("nearest_m", "到最近达标设施步行", "number", unit="米"),
        Column("population", "常住人口", "number"), Column("served", "达标服务人口", "number"),
        Column("served_share", "达标服务比例", "number"), Column("demand", "需求类问题", "integer"),
        Column("verdict", "判断", "choice", labels=VERDICTS), Column("reason", "理由"),
        Column("priority", "优先级", "integer"), Column("score", "优先分", "number"),
        Column("demand_ratio", "为全镇均值倍数", "number"), _UNIT, Column("total", "合计", "number"),
        Column("below_standard", "只有未达标可用", "number"), Column("beyond", "没有服务", "number"),
        Column("norm", "采用的标准"),
    ),
    "sites": (
        _KIND, Column("order", "次序", "integer"), Column("name", "位置"),
        Column("source", "现状", "choice", labels=siting.SOURCES),
        Column("adds_population", "新增服务人口", "number"),
        Column("served_share_after", "之后的服务比例", "number"), _UNIT,
        Column("adds", "新增", "number"), Column("norm", "采用的标准"),
    ),
}  # fmt: skip
"""Layer → its columns; unit: of total, below_standard, beyond, adds."""


def missing_rows(town: Town, workspace: Workspace, layer: str, question: Filter) -> pd.DataFrame:
    """Rows of `gaps` (each area and kind) or `sites` (of each kind, a plan): `COLUMNS` and geometry."""
    norms = facilities.load(workspace.folder, town.categories)
    if layer == "gaps":
        parts = [_judged(town, gaps(town, norms, kind, question)) for kind in norms.facilities]
    else:
        parts = [_chosen(town, norms, kind, question) for kind in _with_radius(norms)]
    return pd.concat(parts, ignore_index=True)


def missing_notes(
    town: Town, workspace: Workspace | None, layer: str, question: Filter
) -> tuple[str, ...]:
    """The norms, how walking was measured, what was left out; each said once."""
    norms = facilities.load(workspace.folder if workspace else None, town.categories)
    if layer == "gaps":
        said = [note for k in norms.facilities for note in gaps(town, norms, k, question).notes]
    else:
        kinds = _with_radius(norms)
        said = [
            f"{norms.facilities[k].name}：{_plan(town, norms, k, question).said}" for k in kinds
        ]
        said += [note for k in kinds for note in gaps(town, norms, k, question).notes]
    return tuple(dict.fromkeys(said))


def _with_radius(norms: Norms) -> list[str]:
    return [kind for kind, facility in norms.facilities.items() if facility.radius()]


def _judged(town: Town, found: Gaps) -> pd.DataFrame:
    frame = found.frame.sort_index()
    shapes = town.layers[found.layer].geometry.reindex(frame.index)
    return frame.assign(
        area_id=frame.index, facility_kind=found.facility.kind, unit=found.unit,
        nearest_m=frame["nearest_m"].where(np.isfinite(frame["nearest_m"])),
        norm="；".join(norm.said for norm in found.norms), geometry=shapes.to_numpy(object),
    )  # fmt: skip


def _plan(town: Town, norms: Norms, kind: str, question: Filter) -> siting.Proposal:
    """The plan of a kind: in the filter's area if it has one, else in the whole town."""
    areas = town.layers["areas"]
    asked = areas.index[areas.index.isin(question.area) | areas["name"].isin(question.area)]
    return siting.proposal(town, norms, kind, area_id=str(asked[0]) if len(asked) == 1 else None)


def _chosen(town: Town, norms: Norms, kind: str, question: Filter) -> pd.DataFrame:
    placed = _plan(town, norms, kind, question).placed
    norm = norms.facilities[kind].radius()
    assert norm  # it is among `_with_radius`
    people = placed.frame["adds"] if placed.unit == "people" else np.nan
    return placed.frame.assign(
        facility_kind=kind, adds_population=people, unit=placed.unit, norm=norm.said,
        served_share_after=placed.frame["share_after"],
        geometry=gpd.GeoSeries(shapely.points(placed.frame["lon"], placed.frame["lat"])),
    )  # fmt: skip
