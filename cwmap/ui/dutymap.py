"""责任: lanes coloured by who answers for them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from cwmap import duties, figures, units
from cwmap.colours import CATEGORICAL, STANDING_COLOURS, told_apart
from cwmap.town import Town
from cwmap.ui import map as town_map
from cwmap.ui import state

_STANDING = dict(zip(duties.WORDS, STANDING_COLOURS["light"].items(), strict=True))
NOBODY = "没有登记"


def painted(town: Town, mode: str, day: date) -> dict[str, Any]:
    """The map for `CWMap.paint`: a colour for each holder, all lanes of the one in hand outlined."""
    labels = duties.labels(town, mode, day)
    names = [_name(town, mode, label) for label in labels]
    words = list(dict.fromkeys(names))
    values = {
        **_colours(town, mode, labels),
        "counts": figures.lanes(town, state.question())["reports"].tolist(),
        "rates": [None] * len(labels), "unit": "", "words": words,
        "said": [words.index(name) for name in names], "opacity": 0.95, "edge": False,
    }  # fmt: skip
    return town_map.classed_state(
        "lanes", values, state.look(), _together(labels), state.flight(town)
    )


def _colours(town: Town, mode: str, labels: pd.Series) -> dict[str, Any]:
    """Classes and colours: of standing for 到位情况, else such that neighbours differ."""
    if mode == "complete":
        order = list(duties.WORDS)
        codes = [order.index(label) for label in labels]
        ramps = {theme: list(ramp.values()) for theme, ramp in STANDING_COLOURS.items()}
    else:
        centres = units.centres(town).loc["lanes/" + labels.index]
        told = [label if isinstance(label, str) else None for label in labels]
        shades = told_apart(
            told, centres["x"].to_numpy(), centres["y"].to_numpy(), len(CATEGORICAL["light"])
        )
        codes = [-1 if label is None else shades.get(label, -1) for label in told]
        ramps = {theme: list(ramp) for theme, ramp in CATEGORICAL.items()}
    return {"classes": "".join("-" if k < 0 else chr(48 + k) for k in codes), "colours": ramps}


def _name(town: Town, mode: str, label: object) -> str:
    return duties.label_name(town, mode, label) if isinstance(label, str) else NOBODY


def _together(labels: pd.Series) -> list[str]:
    """The lane in hand with all lanes of the same holder."""
    picked = state.look().picked
    if not picked or picked[0] != "lanes" or picked[1] not in labels.index:
        return []
    label = labels[picked[1]]
    if not isinstance(label, str) or label in duties.WORDS:
        return [picked[1]]
    return [str(lane) for lane in labels.index[(labels == label).to_numpy()]]


def legend(town: Town, mode: str, day: date) -> None:
    """What the colours mean, and how many there are of each."""
    labels = duties.labels(town, mode, day)
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
