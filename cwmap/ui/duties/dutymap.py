"""责任: lanes and other units coloured by who answers for them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from cwmap import figures, units
from cwmap.colours import CATEGORICAL, STANDING_COLOURS, told_apart
from cwmap.duties import duties
from cwmap.filters import Filter
from cwmap.town import Town
from cwmap.ui import map as town_map
from cwmap.ui.assessment import scoremap
from cwmap.ui.look import Look
from cwmap.ui.shown import Key, Shown

_STANDING = dict(zip(duties.WORDS, STANDING_COLOURS["light"].items(), strict=True))
NOBODY = "没有登记"


def shown(town: Town, mode: str, day: date, question: Filter, look: Look) -> Shown:
    """A colour for each holder, all lanes of the one in hand outlined."""
    labels = duties.labels(town, mode, day)
    names = pd.Series([_name(town, mode, label) for label in labels], labels.index)
    codes, ramps = _colours(town, mode, labels)
    lanes = (units.units(town)["layer"] == "lanes").to_numpy()
    words = list(dict.fromkeys(names[lanes]))
    values = {
        "classes": "".join("-" if k < 0 else chr(48 + k) for k in codes[lanes]), "colours": ramps,
        "counts": figures.lanes(town, question)["reports"].tolist(),
        "rates": [None] * int(lanes.sum()), "unit": "", "words": words,
        "said": [words.index(name) for name in names[lanes]], "opacity": 0.95, "edge": False,
    }  # fmt: skip
    painted = town_map.classed_state("lanes", values, look, _together(labels, look.picked))
    marked = painted | {"marks": _marks(town, codes, ramps, names, labels)}
    key = Key(f"责任：{duties.MODES[mode]}（一色一家）")
    if mode == "complete":
        key = Key.of("责任登记", STANDING_COLOURS, list(duties.WORDS.values()))
    return Shown(f"责任：{duties.MODES[mode]}", marked, key, f"{day:%Y-%m-%d} 在册")


def _colours(
    town: Town, mode: str, labels: pd.Series
) -> tuple[pd.Series, dict[str, list[str]]]:  # fmt: skip
    """Class of each unit, −1 for none, and the colours: of standing, else such that neighbours differ."""
    if mode == "complete":
        codes = labels.map(list(duties.WORDS).index)
        return codes, {theme: list(ramp.values()) for theme, ramp in STANDING_COLOURS.items()}
    centres = units.centres(town)
    told = [label if isinstance(label, str) else None for label in labels]
    shades = told_apart(
        told, centres["x"].to_numpy(), centres["y"].to_numpy(), len(CATEGORICAL["light"])
    )
    codes = pd.Series(
        [-1 if label is None else shades.get(label, -1) for label in told], labels.index
    )
    return codes, {theme: list(ramp) for theme, ramp in CATEGORICAL.items()}


def _marks(
    town: Town, codes: pd.Series, ramps: dict[str, list[str]], names: pd.Series, labels: pd.Series
) -> list[dict[str, Any]]:  # fmt: skip
    """Compounds, markets and the like that the register names, as marks of the map."""
    frame = units.units(town)
    found = []
    for layer in ("units", "facilities"):
        mine = frame.index[((frame["layer"] == layer) & labels.notna()).to_numpy()]
        mine = mine[mine.isin(duties.register(town).rows["unit"])]
        lat, lon = scoremap.degrees(town, mine)
        items = [
            [a, o, int(codes[unit]), frame.loc[unit, "name"], names[unit], frame.loc[unit, "id"]]
            for a, o, unit in zip(lat, lon, mine, strict=True) if np.isfinite(a)
        ]  # fmt: skip
        found.append({"layer": layer, "colours": ramps, "items": items})
    return found


def _name(town: Town, mode: str, label: object) -> str:
    return duties.label_name(town, mode, label) if isinstance(label, str) else NOBODY


def _together(labels: pd.Series, picked: tuple[str, str] | None) -> list[str]:
    """The lane in hand with all lanes of the same holder."""
    unit = "/".join(picked) if picked else ""
    if unit not in labels.index:
        return []
    label = labels[unit]
    if not isinstance(label, str) or label in duties.WORDS:
        return [unit.partition("/")[2]] if unit.startswith("lanes/") else []
    same = labels.index[(labels == label).to_numpy()]
    return [str(u).partition("/")[2] for u in same if str(u).startswith("lanes/")]


def legend(town: Town, mode: str, day: date) -> None:
    """What the colours mean, and how many there are of each."""
    labels = duties.lane_labels(town, mode, day)
    if mode == "complete":
        counts = labels.value_counts()
        boxes = "".join(
            f'<span><i class="cw-{key}" style="--light:{colour}"></i>'
            f"<em>{duties.WORDS[word]} {counts.get(word, 0):,} 条</em></span>"
            for word, (key, colour) in _STANDING.items()
        )
        body = f'<div class="cw-swatches cw-standing">{boxes}</div>'
    else:
        held = labels.dropna()
        body = (
            f"<p>{held.nunique():,} 个{escape(_kind(mode))}，分管 {len(held):,} 条巷道；颜色只用来区分相邻的，"
            f"悬停看名字，点一下看其全部巷道</p>"
        )
        empty = int(np.sum(labels.isna()))
        body += f"<p>{empty:,} 条{NOBODY}（不着色）</p>" if empty else ""
    st.html(
        f'<div class="cw-legend"><b>{duties.MODES[mode]}</b><small>{day:%Y-%m-%d}</small>{body}</div>'
    )


def _kind(mode: str) -> str:
    words: Mapping[str, str] = {"community": "社区", "unit": "单位"}
    return words.get(mode, duties.MODES[mode])
