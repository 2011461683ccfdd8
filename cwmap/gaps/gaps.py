"""What is missing (缺口): a verdict for each area and facility kind, in one sentence with its figures.

Who is served comes from `cwmap.gaps.reach` (or `cwmap.gaps.spacing`, for kinds with a norm of spacing only),
what the street says from the reports of the kind's demand categories, which gap comes first from
`cwmap.gaps.priority`. Formulas: docs/gaps.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import shapely

from cwmap import figures
from cwmap.errors import CwmapError
from cwmap.filters import Filter
from cwmap.gaps import reach, spacing
from cwmap.gaps.facilities import Facility, Norm, Norms
from cwmap.gaps.homes import UNITS, Unit, homes, located
from cwmap.gaps.priority import Steadiness, scores, steadiness, unmet
from cwmap.gaps.walks import metric, walks
from cwmap.residents import residents
from cwmap.town import Town
from cwmap.trends.hotspots import everywhere

VERDICTS = {
    "gap": "缺口", "below_standard": "有设施但未达标", "part": "部分缺口", "met": "达标",
    "unknown": "无法判断",
}  # fmt: skip
"""gap: fewer than `Norms.majority` are served, by whatever facility; below_standard: the majority is,
but only with those below standard; part: some are not served; met: all are. unknown: nobody known
to live there, or no lane that a norm is for."""
_WITHIN = {"areas": "片区内", "communities": "社区内", "cells": "网格内"}


@dataclass(frozen=True, eq=False)
class Gaps:
    """The verdicts of one facility kind over the places of a layer, the most urgent first.

    frame: index the places' ids; name; inside, inside_of_standard: facilities in it; nearest_m,
    total, of_standard, below_standard, beyond, share as `cwmap.gaps.reach.served`, in `unit`; population,
    served: people, NaN where the unit is another; served_share; demand: reports, demand_ratio: their
    number per hectare ÷ the town's, NaN where no category speaks for the kind; unmet, unmet_per_ha,
    score: see `cwmap.gaps.priority`; priority: 1, 2, …, 0 where all are served; verdict, reason.
    town: the same figures of the whole town. problems: facilities that nobody can walk to.
    """

    facility: Facility
    norms: tuple[Norm, ...]
    layer: str
    unit: Unit
    frame: pd.DataFrame
    town: pd.Series
    problems: pd.DataFrame
    steadiness: Steadiness | None
    notes: tuple[str, ...]

    @property
    def concerned(self) -> pd.Series:
        """Whom it concerns: those without a facility of standard within the norm, in `unit`."""
        return self.frame["beyond"] + self.frame["below_standard"]

    @property
    def urgent(self) -> pd.DataFrame:
        """The places with a priority."""
        return self.frame[self.frame["priority"] > 0]


def judged_layer(town: Town) -> str:
    """Areas are judged; where a town has none, its communities."""
    return "areas" if len(town.layers["areas"]) else "communities"


def facility_of(norms: Norms, kind: str) -> Facility:
    """The facility kind of this word; CwmapError where the norms have none for it."""
    if kind not in norms.facilities:
        known = "、".join(f"{k}（{f.name}）" for k, f in norms.facilities.items())
        raise CwmapError(f"配置标准里没有“{kind}”这类设施；可用的有：{known}。")
    return norms.facilities[kind]


def gaps(
    town: Town, norms: Norms, kind: str, question: Filter, norm_key: str | None = None,
    layer: str | None = None,
) -> Gaps:  # fmt: skip
    """The verdicts of a facility kind. question: its period, status and source choose the reports.

    norm_key: one of the kind's radii, else the usual one.
    """
    facility = facility_of(norms, kind)
    layer = layer or judged_layer(town)
    asked = everywhere(replace(question, category=()))
    key = ("gaps", norms.version, norms.walk, norms.weights, kind, norm_key, asked, layer)
    return town.kept(key, lambda: _gaps(town, norms, facility, asked, norm_key, layer))


def judged_at(town: Town, layer: str, place_id: str, judged: str | None = None) -> str | None:
    """The judged place (of layer `judged`) that a cell, lane or facility lies in; None for none."""
    at = town.layers[layer].index.get_loc(place_id)
    middle = shapely.point_on_surface(metric(town, layer)[at])
    judged = judged or judged_layer(town)
    where = int(located(town, shapely.get_x([middle]), shapely.get_y([middle]))[judged][0])
    return str(town.layers[judged].index[where]) if where >= 0 else None


def served(
    town: Town, norms: Norms, facility: Facility, norm: Norm | None, layer: str
) -> pd.DataFrame:
    """As `cwmap.gaps.reach.served`, by the norm of walking distance, else by those of spacing."""
    if norm:
        return reach.served(town, norms, facility, norm, layer)
    return spacing.served(town, norms, facility, layer)


def unit_of(town: Town, norms: Norms, norm: Norm | None) -> Unit:
    """What `served` counts."""
    return homes(town, norms).unit if norm else "side_m"


def demanded(facility: Facility, question: Filter) -> Filter:
    """The reports that speak for the want of a kind, anywhere in town."""
    return everywhere(replace(question, category=facility.demand))


def demand(town: Town, facility: Facility, question: Filter, layer: str) -> pd.DataFrame:
    """demand: reports of each place that speak for the kind's want; demand_ratio: see `Gaps`."""
    frame = town.layers[layer]
    if not facility.demand:
        return pd.DataFrame({"demand": 0, "demand_ratio": np.nan}, frame.index)
    view = town.view(demanded(facility, question))
    counts = figures.place_counts(town, view, layer)["reports"]
    # The unit cells are the ground that is managed; areas are only its themes.
    ground = next((g for g in ("cells", "communities", layer) if len(town.layers[g])), layer)
    everything = figures.place_counts(town, view, ground)["reports"].sum()
    mean = everything / town.layers[ground]["area_m2"].sum() if everything else np.nan
    return pd.DataFrame({"demand": counts, "demand_ratio": counts / frame["area_m2"] / mean})


def _gaps(
    town: Town, norms: Norms, facility: Facility, question: Filter, norm_key: str | None, layer: str
) -> Gaps:  # fmt: skip
    norm = facility.radius(norm_key)
    unit = unit_of(town, norms, norm)
    frame = served(town, norms, facility, norm, layer)
    if not norm:  # no norm limits how far one walks, but it is known
        frame["nearest_m"] = reach.nearest_m(town, norms, facility, layer)
    people = frame["total"] if unit == "people" else residents(town, layer)
    index = frame.index
    frame = frame.assign(
        name=[figures.place_name(town, layer, str(i)) for i in index],
        **_inside(town, norms, facility, layer), population=people,
        served=frame["of_standard"] if unit == "people" else np.nan, served_share=frame["share"],
        **demand(town, facility, question, layer),
        unmet=unmet(town, norms, facility, norm, layer) if norm else frame["beyond"],
    )  # fmt: skip
    frame["unmet_per_ha"] = frame["unmet"] / (town.layers[layer]["area_m2"] / 10_000)
    frame["verdict"] = verdicts(frame, norms.majority)
    frame["score"] = scores(frame["unmet_per_ha"], frame["demand_ratio"], norms.weights.share)
    wanting = frame["verdict"].isin(["gap", "below_standard", "part"])
    order = frame["score"].where(wanting, -1.0).sort_values(ascending=False, kind="stable").index
    frame = frame.loc[order]
    wanting = wanting.loc[order]
    frame["priority"] = np.where(wanting, np.cumsum(wanting), 0)
    frame["reason"] = [
        _sentence(row, facility, norm, unit, layer) for row in frame.to_dict("records")
    ]
    town_row = served(town, norms, facility, norm, "town").iloc[0]
    some = frame[wanting]
    return Gaps(
        facility, (norm,) if norm else facility.of("spacing"), layer, unit, frame, town_row,
        reach.stock(town, norms, facility.kind).problems,
        steadiness(some["unmet_per_ha"], some["demand_ratio"], norms.weights),
        _notes(town, norms, facility, norm),
    )  # fmt: skip


def _inside(town: Town, norms: Norms, facility: Facility, layer: str) -> dict[str, np.ndarray]:
    frame = reach.stock(town, norms, facility.kind).frame
    at = located(town, frame["x"].to_numpy(float), frame["y"].to_numpy(float))[layer]
    size, good = len(town.layers[layer]), frame["standard"].to_numpy(bool)
    return {
        "inside": np.bincount(at[at >= 0], minlength=size),
        "inside_of_standard": np.bincount(at[(at >= 0) & good], minlength=size),
    }


def verdicts(frame: pd.DataFrame, majority: float) -> np.ndarray:
    """The verdict on each row of `served`."""
    total, good = frame["total"], frame["of_standard"]
    either = good + frame["below_standard"]
    nearly = 1e-9 * total  # sums of shares
    return np.select(
        [total <= 0, either < majority * total - nearly, good < majority * total - nearly,
         good < total - nearly],
        ["unknown", "gap", "below_standard", "part"], "met",
    )  # fmt: skip


def _sentence(
    row: Mapping[str, Any], facility: Facility, norm: Norm | None, unit: Unit, layer: str
) -> str:
    """「梁园—中山街：片区内无集贸市场，最近的达标市场步行 1,240 m，超出 500 m；… → 缺口，优先级 1」."""
    verdict = VERDICTS[row["verdict"]]
    if row["verdict"] == "unknown":
        why = "没有已知的住处" if norm else "没有适用间距标准的道路"
        return f"{row['name']}：{why}，{verdict}"
    parts = [
        f"{_WITHIN[layer]}{_stocked(row, facility)}，{_far(row, facility, norm)}",
        _concerned(row, norm, unit),
    ]
    if facility.demand:
        ratio = row["demand_ratio"]
        times = f"，为全镇均值的 {ratio:.1f} 倍" if np.isfinite(ratio) else ""
        parts.append(f"{facility.demand_name} {row['demand']:,} 件{times}")
    rank = f"，优先级 {row['priority']}" if row["priority"] else ""
    return f"{row['name']}：{'；'.join(parts)} → {verdict}{rank}"


def _stocked(row: Mapping[str, Any], facility: Facility) -> str:
    inside, good = row["inside"], row["inside_of_standard"]
    if not inside:
        return f"无{facility.name}"
    if not good:
        return f"有{facility.name} {inside} 处，均未达标"
    some = f"，其中达标 {good} 处" if good < inside else ""
    return f"有{facility.name} {inside} 处{some}"


def _far(row: Mapping[str, Any], facility: Facility, norm: Norm | None) -> str:
    far = row["nearest_m"]
    if np.isnan(far):
        return "居民到设施的距离不详"
    if np.isinf(far):
        return f"步行到不了任何达标的{facility.name}"
    said = f"最近的达标{facility.name}步行 {far:,.0f} m"
    if not norm:
        return said
    return f"{said}，{'超出' if far > norm.limit else '不超出'} {norm.limit:,.0f} m"


def _concerned(row: Mapping[str, Any], norm: Norm | None, unit: Unit) -> str:
    """Whom it concerns: those without a facility of standard within the norm."""
    number, half = row["beyond"] + row["below_standard"], row["below_standard"]
    what = "" if norm else "，间距超标"
    if not number:
        return f"{row['total']:,.0f} {UNITS[unit]}全部符合"
    below = f"（其中 {half:,.0f} {UNITS[unit]}只有未达标的可用）" if half else ""
    return f"涉及 {number:,.0f} {UNITS[unit]}{what}{below}"


def _notes(town: Town, norms: Norms, facility: Facility, norm: Norm | None) -> tuple[str, ...]:
    """How it was judged, and what its reader must know."""
    used = (norm,) if norm else facility.of("spacing")
    how = tuple(f"采用的标准：{n.said}" for n in used)
    how += ("步行距离为区内居民到最近达标设施的中位数；问题数与全镇均值按每公顷比较",)
    stock = reach.stock(town, norms, facility.kind)
    lost = stock.problems
    if len(lost):
        said = "；".join(f"{row['name']}{row['problem']}" for row in lost.to_dict("records"))
        how += (f"{len(lost)} 处{facility.name}没有计入：{said}",)
    how += (*stock.notes, *walks(town, norms).notes, *homes(town, norms).notes)
    return how if norm else (*how, *spacing.spacing(town, norms, facility).notes)
