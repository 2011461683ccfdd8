"""How a layer that goes out is coloured: the classes and colours of the map page (light theme)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from cwmap.colours import RAMPS, breaks
from cwmap.norms import Group
from cwmap.tables import FACILITY_KIND

Mark = Literal["circle", "square", "line", "area"]

RATES = {"lanes": "rate_per_100m", "cells": "rate_per_ha"}
ICONS = {"market": "市", "toilet": "厕", "sorting_station": "分", "transfer_station": "转", "other": "设"}
_RAMP = RAMPS["light"]
_PLAIN, _PLAIN_EDGE = "#ffffff", "#d8d4c8"  # a lane without a report
_FACILITY, _BELOW_STANDARD = "#2b6777", "#b2182b"
_OUTLINE = {"communities": "#8b8f93", "areas": "#0f6e6e"}


@dataclass(frozen=True)
class Class:
    """One entry of the legend. `value` or, inclusive, `lower` to `upper`; the first that fits holds.

    `opacity` is of the fill, 0 for an outline alone; `icon` a character on a square.
    """

    label: str
    colour: str
    edge: str
    value: str = ""
    lower: float = 0.0
    upper: float = 0.0
    opacity: float = 1.0
    mark: Mark = "area"
    icon: str = ""
    dashed: bool = False


@dataclass(frozen=True)
class Symbology:
    """Classes of a layer. `attribute` is a column or a QGIS expression of columns.

    kind: "ranges" of a number, "values" of a text, or "one" class for all. index: the class of each
    feature, (n,), −1 for none.
    """

    kind: Literal["ranges", "values", "one"]
    attribute: str
    classes: tuple[Class, ...]
    index: npt.NDArray[np.intp]


def symbology(layer: str, frame: gpd.GeoDataFrame, groups: tuple[Group, ...]) -> Symbology:
    """How `frame` (columns as in `cwmap.layers`) is coloured; `groups` of the categories in force."""
    if layer in RATES:
        opacity, edge = (0.95, _PLAIN_EDGE) if layer == "lanes" else (0.72, "#ffffff")
        rates = frame[RATES[layer]]
        return _ranges(RATES[layer], rates, _rate_classes(rates, opacity, edge))
    if layer == "heat":
        bounds = zip(frame["level_min"], frame["level_max"], strict=True)
        bands = [
            Class(f"{low:g}–{high:g} 件/公顷", _RAMP[k], _RAMP[k], lower=low, upper=high, opacity=0.75)
            for k, (low, high) in enumerate(bounds)
        ]
        return _ranges("level_max", frame["level_max"], bands)
    if layer == "reports":
        present = set(frame["group"])
        kinds = [
            Class(g.name, g.colour, "#ffffff", g.key, opacity=0.95, mark="circle")
            for g in groups if g.key in present
        ]  # fmt: skip
        return _values("group", frame["group"], kinds)
    if layer == "facilities":
        worse = frame["standard"].eq("no")
        key = frame["kind"] + worse.map({True: "-no", False: ""})
        present = set(key)
        kinds = [c for c in _facility_classes(FACILITY_KIND.labels) if c.value in present]
        return _values("\"kind\" || if(\"standard\" = 'no', '-no', '')", key, kinds)
    colour = _OUTLINE[layer]
    outline = Class("", colour, colour, opacity=0.0, dashed=layer == "communities")
    return Symbology("one", "", (outline,), np.zeros(len(frame), np.intp))


def _rate_classes(rates: pd.Series, opacity: float, edge: str) -> list[Class]:
    most = float(np.nanmax(rates.to_numpy(float), initial=0.0))
    steps = breaks(most)
    # Places without a report are drawn as the page's quiet base map does, or left clear.
    plain = 1.0 if edge == _PLAIN_EDGE else 0.0
    nothing = Class("没有问题", _PLAIN, _PLAIN_EDGE, opacity=plain)
    bounds = [0.0, *steps, most] if steps else []
    return [nothing] + [
        Class(
            f"{low:g}–{high:g}" if k < len(_RAMP) - 1 else f"{low:g} 以上",
            _RAMP[k], edge, lower=low, upper=high, opacity=opacity,
        )
        for k, (low, high) in enumerate(zip(bounds, bounds[1:], strict=False))
    ]  # fmt: skip


def _facility_classes(labels: Mapping[str, str]) -> list[Class]:
    found = [Class(labels["bin"], "#7fc79e", "#1b7f4b", "bin", mark="circle"),
             Class(f"{labels['bin']}（未达标）", _BELOW_STANDARD, "#1b7f4b", "bin-no", mark="circle")]
    for kind, icon in ICONS.items():
        found += [
            Class(labels[kind], _FACILITY, "#ffffff", kind, mark="square", icon=icon),
            Class(f"{labels[kind]}（未达标）", _BELOW_STANDARD, "#ffffff", f"{kind}-no", mark="square", icon=icon),
        ]
    return found


def _ranges(attribute: str, numbers: pd.Series, classes: list[Class]) -> Symbology:
    index = np.full(len(numbers), -1, np.intp)
    values = numbers.to_numpy(float)
    for k in reversed(range(len(classes))):
        index[(classes[k].lower <= values) & (values <= classes[k].upper)] = k
    return Symbology("ranges", attribute, tuple(classes), index)


def _values(attribute: str, words: pd.Series, classes: list[Class]) -> Symbology:
    index = pd.Index([c.value for c in classes], dtype="str").get_indexer(words.astype("str"))
    return Symbology("values", attribute, tuple(classes), index.astype(np.intp))
