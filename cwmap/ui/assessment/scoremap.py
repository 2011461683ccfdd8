"""考核: lanes and other units on the map, coloured by their score."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from cwmap import units
from cwmap.colours import SCORE_COLOURS, SCORE_STEPS
from cwmap.town import Town
from cwmap.ui import map as town_map
from cwmap.ui.look import Look
from cwmap.ui.shown import Key, Shown

UNSEEN = "本期没有检查"


def shown(town: Town, ranking: pd.DataFrame, title: str, when: str, look: Look) -> Shown:
    """Lanes filled, other units as marks; `ranking` as of the assessment, `when`: its period."""
    lanes = town.layers["lanes"].index
    scores = ranking["score"]
    mine = scores.reindex("lanes/" + lanes)
    said = [_said(ranking, unit) for unit in mine.index]
    spoken = list(dict.fromkeys(said))
    values = {
        "classes": "".join("-" if k < 0 else str(k) for k in classes(mine)), "colours": ramps(),
        "counts": ranking["findings"].reindex(mine.index).fillna(0).astype(int).tolist(),
        "rates": [None] * len(mine), "unit": "", "words": spoken,
        "said": [spoken.index(s) for s in said], "opacity": 0.95, "edge": False,
    }  # fmt: skip
    painted = town_map.classed_state("lanes", values, look, look.lane)
    key = Key.of(f"得分（不着色的{UNSEEN}）", SCORE_COLOURS, list(_names().values()))
    return Shown(title, painted | {"marks": marks(town, ranking)}, key, when, "检查得分，满分 100")


def marks(town: Town, ranking: pd.DataFrame) -> list[dict[str, Any]]:
    """Units that are no lanes and were visited, as marks of the map."""
    frame = units.units(town)
    found = []
    for layer in ("units", "facilities"):
        mine = frame.index[(frame["layer"] == layer).to_numpy()].intersection(ranking.index)
        lat, lon = degrees(town, mine)
        items = [
            [a, o, k, frame.loc[unit, "name"], _said(ranking, unit), frame.loc[unit, "id"]]
            for a, o, k, unit in zip(
                lat, lon, classes(ranking.loc[mine, "score"]), mine, strict=True
            )
            if np.isfinite(a)
        ]
        found.append({"layer": layer, "colours": ramps(), "items": items})
    return found


def degrees(town: Town, mine: pd.Index) -> tuple[list[float], list[float]]:
    """Latitude and longitude of a point in each of these units."""
    centre = units.centres(town).loc[mine].round(6)
    return centre["lat"].tolist(), centre["lon"].tolist()


def classes(scores: pd.Series) -> list[int]:
    """Position of each score in `SCORE_COLOURS`, −1 for none."""
    at = np.searchsorted(SCORE_STEPS, scores.to_numpy(float), side="right")
    return [-1 if missing else int(k) for k, missing in zip(at, scores.isna(), strict=True)]


def ramps() -> dict[str, list[str]]:
    """Colours of `classes` by theme."""
    return {theme: list(ramp.values()) for theme, ramp in SCORE_COLOURS.items()}


def _said(ranking: pd.DataFrame, unit: str) -> str:
    if unit not in ranking.index:
        return UNSEEN
    row = ranking.loc[unit]
    return f"{row['score']:.1f} 分，{row['group']}第 {row['rank']} 名，检查 {row['visits']} 次"


def legend(title: str, when: str) -> None:
    """What the colours of scores mean."""
    names = _names()
    boxes = "".join(
        f'<span><i class="cw-score-{key}" style="--light:{colour}"></i><em>{names[key]}</em></span>'
        for key, colour in SCORE_COLOURS["light"].items()
    )
    st.html(
        f'<div class="cw-legend"><b>{title}</b><small>{when}</small>'
        f'<div class="cw-swatches cw-standing">{boxes}</div>'
        f"<p>满分 100；不着色的{UNSEEN}，不等于满分</p></div>"
    )


def _names() -> dict[str, str]:
    edges = [f"{SCORE_STEPS[0]:g} 以下", *(f"{s:g} 起" for s in SCORE_STEPS)]
    return dict(zip(SCORE_COLOURS["light"], edges, strict=True))
