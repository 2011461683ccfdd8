"""How a layer that goes out is coloured: the classes and colours of the map page (light theme)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from cwmap.colours import (
    CATEGORICAL,
    RAMPS,
    SCORE_COLOURS,
    SCORE_STEPS,
    STANDING_COLOURS,
    VERDICT_COLOURS,
    breaks,
)  # fmt: skip
from cwmap.duties import duties
from cwmap.gaps.gaps import VERDICTS
from cwmap.gaps.siting import SOURCES
from cwmap.norms import Group
from cwmap.tables import FACILITY_KIND, UNIT_KIND
from cwmap.writers.cases import LIGHT_NAMES

RATES = {"lanes": "rate_per_100m", "cells": "rate_per_ha"}
_ICONS = {
    "market": "市",
    "toilet": "厕",
    "sorting_station": "分",
    "transfer_station": "转",
    "other": "设",
}
_RAMP = RAMPS["light"]
_GROUND, _WHITE = "#f4f3ee", "#ffffff"
_FACILITY, _BELOW_STANDARD = "#2b6777", "#b2182b"
_DONE = "#8b8f93"  # a task that is dealt with
# Of a place without a report: a lane as on the base map, a cell left clear.
_NOTHING = {"lanes": ("#ffffff", "#d8d4c8", 1.0), "cells": ("#ffffff", "#d8d4c8", 0.0)}
_OPACITY = {"lanes": 0.95, "cells": 0.72}
_NO_END = 1e9
_OUTLINE = {"communities": ("#8b8f93", 1.0, True), "areas": ("#0f6e6e", 2.2, False)}


@dataclass(frozen=True)
class Class:
    """One entry of the legend. Its `value`, or its numbers from `lower` to `upper`, both included.

    `opacity` is of the fill; `mark` and `icon` (one character) are of points. Areas of a class with
    a mark are pale with a strong outline, unless it `fills` them.
    """

    label: str
    colour: str
    edge: str
    value: str = ""
    lower: float = 0.0
    upper: float = 0.0
    opacity: float = 1.0
    edge_px: float = 0.6
    dashed: bool = False
    mark: Literal["", "circle", "square"] = ""
    size_px: float = 0.0
    icon: str = ""
    fills: bool = False


def _marks(names: Mapping[str, str], colours: Iterable[str], *, fills: bool = False) -> list[Class]:
    """A class for each word, in the order of the colours."""
    return [
        Class(
            name, colour, _WHITE, word, opacity=0.95, mark="circle", size_px=12, fills=fills
        )
        for (word, name), colour in zip(names.items(), colours, strict=False)
    ]  # fmt: skip


_STANDING = tuple(STANDING_COLOURS["light"].values())
_NAMED = {
    "units": ("kind", _marks(UNIT_KIND.labels, CATEGORICAL["light"])),
    "tasks": ("light", _marks(LIGHT_NAMES, (*_STANDING, _DONE))),
    "duties": ("standing", _marks(duties.WORDS, _STANDING, fills=True)),
    "sites": ("source", _marks(SOURCES, CATEGORICAL["light"])),
    "gaps": (
        "verdict",
        [
            Class(VERDICTS[word], colour, _WHITE, word, opacity=0.5, edge_px=1.5)
            for word, colour in VERDICT_COLOURS["light"].items()
        ],
    ),
}
"""Layers coloured by the words of one column, with their classes."""


@dataclass(frozen=True)
class Symbology:
    """The classes of a layer; the first that fits a feature holds.

    kind: of the `attribute` (a column, or a QGIS expression of columns) the classes take "ranges" of
    a number or "values" of a text, or there is "one" class for all. index: the class of each
    feature, (n,), −1 for none. parts: where features lie on each other, the column that parts
    them and its words, the part that is seen at first before the others.
    """

    kind: Literal["ranges", "values", "one"]
    attribute: str
    classes: tuple[Class, ...]
    index: npt.NDArray[np.intp]
    parts: tuple[str, Mapping[str, str]] | None = None

    def seen(self, frame: gpd.GeoDataFrame) -> npt.NDArray[np.bool_]:
        """(n,) which features are seen at first."""
        if not self.parts:
            return np.ones(len(frame), bool)
        column, words = self.parts
        return np.asarray(frame[column] == next(iter(words), ""), bool)


def lasting(look: Symbology, layer: str, groups: tuple[Group, ...]) -> Symbology:
    """The same for a layer that changes: all classes that may come, and no number too high for the last."""
    if look.kind == "ranges":
        *lower, last = look.classes
        return replace(look, classes=(*lower, replace(last, upper=_NO_END)))
    every = {"reports": _group_classes(groups), "facilities": _facility_classes()}
    every |= {name: classes for name, (_, classes) in _NAMED.items()}
    return replace(look, classes=tuple(every.get(layer, look.classes)))


def symbology(layer: str, frame: gpd.GeoDataFrame, groups: tuple[Group, ...]) -> Symbology:
    """How `frame` (columns as in `cwmap.writers.layers`) is coloured; `groups`: of the categories in force."""
    if layer in RATES:
        return _ranges(RATES[layer], frame, _rate_classes(layer, frame[RATES[layer]]))
    if layer == "heat":
        bands = [
            Class(f"{low:g}–{high:g}", colour, colour, lower=low, upper=high, opacity=0.75)
            for colour, low, high in zip(
                _RAMP[-len(frame) :], frame["level_min"], frame["level_max"], strict=False
            )
        ]
        return _ranges("level_max", frame, bands)
    if layer == "reports":
        return _values("group", frame["group"], _group_classes(groups))
    if layer == "facilities":
        key = frame["kind"] + np.where(frame["standard"] == "no", "-no", "")
        return _values("\"kind\" || if(\"standard\"='no', '-no', '')", key, _facility_classes())
    if layer in _NAMED:
        attribute, kinds = _NAMED[layer]
        found = _values(attribute, frame[attribute], kinds)
        return replace(found, parts=_parts(frame)) if layer == "gaps" else found
    if layer == "ranking":
        return _scores(frame["score"])
    colour, width, dashed = _OUTLINE[layer]
    outline = Class("", colour, colour, opacity=0.0, edge_px=width, dashed=dashed)
    return Symbology("one", "", (outline,), np.zeros(len(frame), np.intp))


def _group_classes(groups: tuple[Group, ...]) -> list[Class]:
    return [
        Class(g.name, g.colour, _WHITE, g.key, opacity=0.95, mark="circle", size_px=12)
        for g in groups
    ]


def _parts(frame: gpd.GeoDataFrame) -> tuple[str, Mapping[str, str]]:
    """A place is there once for each kind of facility."""
    there = set(frame["facility_kind"])
    return "facility_kind", {k: name for k, name in FACILITY_KIND.labels.items() if k in there}


def _scores(scores: pd.Series) -> Symbology:
    """A score in the classes of the page; as texts, for lanes and points share them."""
    colours = SCORE_COLOURS["light"]
    labels = (f"{SCORE_STEPS[0]:g} 分以下", *(f"{step:g} 分起" for step in SCORE_STEPS))
    names = dict(zip(colours, labels, strict=True))
    steps = reversed(list(zip(list(colours)[1:], SCORE_STEPS, strict=True)))
    cases = " ".join(f"WHEN \"score\">={step:g} THEN '{key}'" for key, step in steps)
    at = np.searchsorted(SCORE_STEPS, scores.to_numpy(float), side="right")
    words = pd.Series(np.array(list(colours), object)[at], scores.index, dtype="str")
    return _values(
        f"CASE {cases} ELSE '{next(iter(colours))}' END",
        words,
        _marks(names, colours.values(), fills=True),
    )


def _rate_classes(layer: str, rates: pd.Series) -> list[Class]:
    most = float(np.nanmax(rates.to_numpy(float), initial=0.0))
    bounds = [0.0, *breaks(most), most] if most > 0 else []
    colour, edge, opacity = _NOTHING[layer]
    return [Class("没有问题", colour, edge, opacity=opacity)] + [
        Class(
            f"{bounds[k]:g}–{bounds[k + 1]:g}" if k < len(_RAMP) - 1 else f"{bounds[k]:g} 以上",
            _RAMP[k], _GROUND, lower=bounds[k], upper=bounds[k + 1], opacity=_OPACITY[layer],
        )
        for k in range(len(bounds) - 1)
    ]  # fmt: skip


def _facility_classes() -> list[Class]:
    found = []
    for kind, name in FACILITY_KIND.labels.items():
        icon = _ICONS.get(kind, "")  # a bin is a dot: there are hundreds
        plain, edge = (_FACILITY, _WHITE) if icon else ("#7fc79e", "#1b7f4b")
        for value, label, colour in (
            (kind, name, plain), (f"{kind}-no", f"{name}（未达标）", _BELOW_STANDARD),
        ):  # fmt: skip
            found.append(
                Class(
                    label, colour, edge, value, mark="square" if icon else "circle",
                    size_px=24 if icon else 6, icon=icon,
                )
            )  # fmt: skip
    return found


def _ranges(attribute: str, frame: gpd.GeoDataFrame, classes: list[Class]) -> Symbology:
    numbers = frame[attribute].to_numpy(float)
    index = np.full(len(numbers), -1, np.intp)
    for k in reversed(range(len(classes))):  # the first that fits is written last
        index[(classes[k].lower <= numbers) & (numbers <= classes[k].upper)] = k
    return Symbology("ranges", attribute, tuple(classes), index)


def _values(attribute: str, words: pd.Series, classes: list[Class]) -> Symbology:
    """Of all classes those that occur."""
    present = tuple(c for c in classes if (words == c.value).any())
    index = pd.Index([c.value for c in present], dtype="str").get_indexer(words)
    return Symbology("values", attribute, present, index.astype(np.intp))
