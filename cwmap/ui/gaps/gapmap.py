"""缺口: cells by who is served, service areas, facilities, stretches and pins on the map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import shapely

from cwmap.captions import filter_caption
from cwmap.colours import STANDING_COLOURS, VERDICT_COLOURS
from cwmap.gaps import catchments, gaps, gapspots, reach, siting, spacing
from cwmap.gaps.asking import Asked
from cwmap.gaps.facilities import Facility, Norm, Norms
from cwmap.gaps.homes import UNITS
from cwmap.gaps.walks import Shapes
from cwmap.town import Town
from cwmap.ui import map as town_map
from cwmap.ui.gaps import gapsites
from cwmap.ui.look import Look
from cwmap.ui.scene import FACILITY_ICONS
from cwmap.ui.shown import Key, Shown, State
from geo.coordinates import to_wgs84, transform_geometries

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

_SPOTS = {
    "light": {"both": "#b2182b", "gap": "#e9b949", "hot": "#7b4fa3", "empty": "#9aa7b0"},
    "dark": {"both": "#ff6b57", "gap": "#e9c46a", "hot": "#bb8fce", "empty": "#5d6b75"},
}
_SUPPLY = {"bad": "没有", "fair": "低于标准", "good": "达到标准"}

Ramp = Mapping[str, Mapping[str, str]]


def shown(town: Town, now: Asked, view: str, look: Look) -> Shown:
    """The map of a view of the page; one that has none of its own has that of the verdicts."""
    if view == "sites" and now.norm:
        found = gapsites.plans(town, now, now.norm).shown
        return _verdicts(town, now, look, "下一处放在哪里", {"pins": _pins(found)})
    if view == "spots":
        return _spots(town, now, look)
    if view == "supply":
        return _supply(town, now, look)
    return _verdicts(town, now, look)


def _verdicts(
    town: Town, now: Asked, look: Look, title: str = "谁有服务", more: State | None = None
) -> Shown:
    """Cells by the share that is served, with what serves them."""
    frame = gaps.served(town, now.norms, now.facility, now.norm, "cells")
    classes = gaps.verdicts(frame, now.norms.majority)
    unit = UNITS[gaps.unit_of(town, now.norms, now.norm)]
    good, bad = ("达标服务", "，未达标 {:.0%}") if now.norm else ("间距符合", "")
    said = [
        EMPTY if np.isnan(share) else f"{total:,.0f} {unit}，{good} {share:.0%}{bad.format(half / total)}"
        for total, share, half in zip(
            frame["total"], frame["share"], frame["below_standard"], strict=True
        )
    ]  # fmt: skip
    counts = gaps.demand(town, now.facility, now.question, "cells")["demand"]
    words = WORDS if now.norm else SPACING_WORDS
    base = _cells(now, pd.Series(classes, frame.index), VERDICT_COLOURS, words, counts, said, look)
    if not now.norm:
        base["cells"]["opacity"] = _FAINT  # the stretches themselves are drawn over it
    note = (
        f"圈内：步行 {now.judged.norms[0].limit:,.0f} 米以内（绿实线达标，红虚线未达标）" if now.norm
        else "红色线段：间距超过标准的路段"
    )  # fmt: skip
    key = Key.of(now.facility.name, _some(VERDICT_COLOURS, words), list(words.values()))
    return _shown(town, now, title, base | _around(town, now) | (more or {}), key, note)


def _spots(town: Town, now: Asked, look: Look) -> Shown:
    """Cells by whether a gap and a hot spot fall together."""
    found = overlay(town, now)
    cells, unit = found.cells, UNITS[found.unit]
    said = [
        EMPTY if np.isnan(share) else f"{total:,.0f} {unit}，达标服务 {share:.0%}"
        for total, share in zip(cells["total"], cells["share"], strict=True)
    ]
    painted = _cells(now, cells["where"], _SPOTS, gapspots.WHERE, cells["reports"], said, look)
    key = Key.of("缺口与热点", _SPOTS, list(gapspots.WHERE.values()))
    note = f"热点：{now.facility.demand_name or '—'}，95% 等水平，置换检验"
    return _shown(town, now, "缺口与热点", painted, key, note)


def overlay(town: Town, now: Asked) -> gapspots.Overlay:
    """Gaps and hot spots laid over each other."""
    key = now.norm.key if now.norm else None
    return gapspots.overlay(town, now.norms, now.facility.kind, now.question, key)


def _supply(town: Town, now: Asked, look: Look) -> Shown:
    """Cells by what there is for a thousand people."""
    key = now.norm.key if now.norm else None
    by_cell = catchments.catchments(town, now.norms, now.facility.kind, "cells", key)
    access = by_cell.frame["access" if now.norm else "per_1000"]
    low = by_cell.norm.low if by_cell.norm else None
    words = _SUPPLY if low else {"bad": "没有", "good": "有"}
    classes = np.select(
        [access.isna(), access <= 0, access < (low or 0)], ["", "bad", "fair"], "good"
    )
    said = [EMPTY if np.isnan(a) else f"每千人 {a:,.1f}（{by_cell.what}）" for a in access]
    counts = gaps.demand(town, now.facility, now.question, "cells")["demand"]
    painted = _cells(
        now, pd.Series(classes, access.index), STANDING_COLOURS, words, counts, said, look
    )
    title = f"每千人{by_cell.what}"
    note = by_cell.norm.said if by_cell.norm else "没有查到这类设施的人均标准，只列数"
    ramps = _some(STANDING_COLOURS, words)
    return _shown(
        town, now, title, painted | _around(town, now), Key.of(title, ramps, list(words.values())), note
    )  # fmt: skip


def _shown(town: Town, now: Asked, title: str, painted: State, key: Key, note: str) -> Shown:
    said = filter_caption(town, now.question)
    return Shown(f"{now.facility.name}：{title}", painted, key, said, note)


def _some(ramps: Ramp, classes: Mapping[str, str]) -> dict[str, list[str]]:
    """The colours of these classes, in their order."""
    return {theme: [ramp[c] for c in classes] for theme, ramp in ramps.items()}


def _cells(
    now: Asked, classes: pd.Series, ramps: Ramp, words: Mapping[str, str], counts: pd.Series,
    said: Sequence[str], look: Look,
) -> State:  # fmt: skip
    """Cells of named classes, the area in hand outlined."""
    order, spoken = list(words), list(dict.fromkeys(said))
    codes = [order.index(c) if c in order else -1 for c in classes]
    at = {word: k for k, word in enumerate(spoken)}
    values = {
        "classes": "".join("-" if k < 0 else str(k) for k in codes), "colours": _some(ramps, words),
        "counts": [int(n) for n in counts], "rates": [None] * len(codes), "unit": "",
        "words": spoken, "said": [at[s] for s in said], "opacity": 0.5, "edge": True,
    }  # fmt: skip
    found = town_map.classed_state("cells", values, look, ())
    if now.spot:
        found["chosen"] = {"layer": now.judged.layer, "ids": [now.spot]}
    return found


def _around(town: Town, now: Asked) -> State:
    """What serves: facilities, their service areas or the stretches without."""
    norms, facility, norm = now.norms, now.facility, now.norm
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
    found: State = {"dots" if len(items) > _DOTS else "marks": marks}
    if norm:
        return found | {"zones": _zones(town, norms, facility, norm)}
    return found | {"stretches": _stretches(town, norms, facility)}


def _zones(town: Town, norms: Norms, facility: Facility, norm: Norm) -> list[State]:
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


def _stretches(town: Town, norms: Norms, facility: Facility) -> State:
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


def _pins(plan: siting.Placed) -> list[State]:
    """A plan's places, to be moved."""
    unit = UNITS[plan.unit]
    return [
        {
            "at": [round(row.lat, 6), round(row.lon, 6)], "number": str(row.order), "name": row.name,
            "said": row.problem or f"新增服务 {row.adds:,.0f} {unit}；拖动看变化",
        }
        for row in plan.frame.itertuples(index=False)
    ]  # fmt: skip
