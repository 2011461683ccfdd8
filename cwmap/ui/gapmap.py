"""缺口: cells by who is served, service areas, facilities, stretches and pins on the map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import shapely

from cwmap.colours import STANDING_COLOURS, VERDICT_COLOURS
from cwmap.gaps import gaps, reach, siting, spacing
from cwmap.gaps.facilities import Facility, Norm, Norms
from cwmap.gaps.homes import UNITS
from cwmap.gaps.walks import Shapes
from cwmap.town import Town
from cwmap.ui import map as town_map
from cwmap.ui import state
from cwmap.ui.scene import FACILITY_ICONS
from geo.coordinates import to_wgs84, transform_geometries

CLASSES = ("gap", "below_standard", "part", "met")
WORDS = {
    "gap": "不到一半有服务", "below_standard": "过半，但只有未达标的", "part": "过半有达标服务",
    "met": "全部有达标服务",
}  # fmt: skip
SPACING_WORDS = {
    "gap": "不到一半路侧间距符合", "part": "过半路侧间距符合", "met": "全部路侧间距符合",
}  # fmt: skip
EMPTY = "没有可评的"
_PLAIN_M = 3.0  # outlines of service areas are smoothed by this much
_FAINT = 0.22
_DOTS = 60  # more facilities than this are dots

Painted = dict[str, Any]
Chosen = tuple[str, str | None]
"""The layer that is judged and the place of it in hand."""


def painted(
    town: Town, norms: Norms, facility: Facility, norm: Norm | None, chosen: Chosen
) -> Painted:
    """The map of the verdicts: cells by the share that is served, with what serves them."""
    frame = gaps.served(town, norms, facility, norm, "cells")
    classes = gaps.verdicts(frame, norms.majority)
    unit = UNITS[gaps.unit_of(town, norms, norm)]
    good, bad = ("达标服务", "，未达标 {:.0%}") if norm else ("间距符合", "")
    said = [
        EMPTY if np.isnan(share) else f"{total:,.0f} {unit}，{good} {share:.0%}{bad.format(half / total)}"
        for total, share, half in zip(
            frame["total"], frame["share"], frame["below_standard"], strict=True
        )
    ]  # fmt: skip
    counts = gaps.demand(town, facility, state.question(), "cells")["demand"]
    base = cells(
        town, pd.Series(classes, frame.index), VERDICT_COLOURS, CLASSES, counts, said, chosen
    )
    if not norm:
        base["cells"]["opacity"] = _FAINT  # the stretches themselves are drawn over it
    return base | around(town, norms, facility, norm)


def cells(
    town: Town, classes: pd.Series, ramps: Mapping[str, Mapping[str, str]], order: Sequence[str],
    counts: pd.Series, said: Sequence[str], chosen: Chosen,
) -> Painted:  # fmt: skip
    """Cells of named classes, the area in hand outlined."""
    codes = [order.index(c) if c in order else -1 for c in classes]
    spoken = list(dict.fromkeys(said))
    at = {word: k for k, word in enumerate(spoken)}
    values = {
        "classes": "".join("-" if k < 0 else str(k) for k in codes),
        "colours": {theme: [ramp[c] for c in order] for theme, ramp in ramps.items()},
        "counts": [int(n) for n in counts], "rates": [None] * len(codes), "unit": "",
        "words": spoken, "said": [at[s] for s in said], "opacity": 0.5, "edge": True,
    }  # fmt: skip
    found = town_map.classed_state("cells", values, state.look(), (), state.flight(town))
    if chosen[1]:
        found["chosen"] = {"layer": chosen[0], "ids": [chosen[1]]}
    return found


def around(town: Town, norms: Norms, facility: Facility, norm: Norm | None) -> Painted:
    """What serves: facilities, their service areas or the stretches without."""
    there = reach.stock(town, norms, facility.kind).frame
    lon, lat = to_wgs84(there["x"].to_numpy(float), there["y"].to_numpy(float), town.settings.crs)
    icon = FACILITY_ICONS.get(facility.kind, "设")
    items = [
        [round(a, 6), round(o, 6), 0 if good else 1, name,
         f"{facility.name} · {'达标' if good else '未达标'}" + (f" · 没有计入：{why}" if why else ""), i, icon]
        for i, name, good, why, a, o in zip(
            there.index, there["name"], there["standard"], there["problem"], lat, lon, strict=True
        )
        if np.isfinite(a)
    ]  # fmt: skip
    colours = {theme: [c["good"], c["bad"]] for theme, c in STANDING_COLOURS.items()}
    marks = [{"layer": "facilities", "colours": colours, "items": items}]
    found: Painted = {"dots" if len(items) > _DOTS else "marks": marks}
    if norm:
        return found | {"zones": _zones(town, norms, facility, norm)}
    return found | {"stretches": _stretches(town, norms, facility)}


def _zones(town: Town, norms: Norms, facility: Facility, norm: Norm) -> list[Painted]:
    areas = reach.service_areas(town, norms, facility, norm)
    return [
        {
            "colours": {theme: c["good" if good else "bad"] for theme, c in STANDING_COLOURS.items()},
            "dash": None if good else "5 4", "polygons": _rings(town, areas[good]),
        }
        for good in (False, True)
    ]  # fmt: skip


def _rings(town: Town, shapes: Shapes) -> list[list[list[list[float]]]]:
    plain = shapely.simplify(shapes, _PLAIN_M)
    degrees = transform_geometries(plain, town.settings.crs, "EPSG:4326")
    return [
        [np.round(shapely.get_coordinates(ring)[:, ::-1], 5).tolist() for ring in (p.exterior, *p.interiors)]
        for p in shapely.get_parts(degrees)
    ]  # fmt: skip


def _stretches(town: Town, norms: Norms, facility: Facility) -> Painted:
    rows = spacing.spacing(town, norms, facility).stretches
    names = town.layers["lanes"]["name"]
    items = [
        [
            np.round(shapely.get_coordinates(row.geometry)[:, ::-1], 6).tolist(),
            f"{names[row.lane_id]}{spacing.SIDES[row.side]}",
            f"{row.length_m:,.0f} 米没有{facility.name}，标准不大于 {row.limit_m:,.0f} 米，缺 {row.add} 处",
            row.lane_id,
        ]
        for row in rows.itertuples()
    ]
    return {"colours": {t: c["bad"] for t, c in STANDING_COLOURS.items()}, "items": items}


def pins(plan: siting.Placed) -> list[Painted]:
    """A plan's places, to be moved."""
    unit = UNITS[plan.unit]
    return [
        {
            "at": [round(row.lat, 6), round(row.lon, 6)], "number": str(row.order), "name": row.name,
            "said": row.problem or f"新增服务 {row.adds:,.0f} {unit}；拖动看变化",
        }
        for row in plan.frame.itertuples(index=False)
    ]  # fmt: skip
