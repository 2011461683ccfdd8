"""Drawn pictures that stand for photos: a lane before it was cleaned and after. Nobody takes them for real."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from cwmap.photos import Photo, prepare

_SIZE = (960, 640)
_WALLS = ("#c9b79c", "#b8c4bb", "#d3b8a4")
_SHOWN = 60  # tasks with pictures


def pairs() -> list[tuple[Photo, Photo]]:
    """Pictures before and after, of three lanes."""
    return [
        (prepare(_lane(wall, seed=k, dirty=True)), prepare(_lane(wall, seed=k, dirty=False)))
        for k, wall in enumerate(_WALLS)
    ]


def hang(tables: dict[str, Any], events: pd.DataFrame) -> tuple[pd.DataFrame, list[Photo]]:
    """Put pictures into tables `reports`, `tasks` and `units`, in place; the events with theirs.

    Of the last tasks that were fixed, and of the demonstration points. Returns the events and the
    pictures that are to lie in the workspace.
    """
    shots = pairs()
    fixed = events[events["action"] == "fix"].drop_duplicates("task_id", keep="last").tail(_SHOWN)
    turn = {task: n % len(shots) for n, task in enumerate(fixed["task_id"])}
    before, after = ({task: shots[n][side].name for task, n in turn.items()} for side in (0, 1))
    tables["reports"]["photo"] = _named(tables["reports"]["report_id"], before)
    tables["tasks"]["photo"] = _named(tables["tasks"]["task_id"], after)
    pictures = _named(events["task_id"], after).where(events.index.isin(fixed.index), None)
    models = tables["units"].index[tables["units"]["demonstration"] == "yes"]
    for side, column in enumerate(("photo_before", "photo_after")):
        names = {unit: shots[n % len(shots)][side].name for n, unit in enumerate(models)}
        tables["units"][column] = _named(tables["units"].index.to_series(), names)
    return events.assign(photo=pictures), [photo for pair in shots for photo in pair]


def _named(keys: pd.Series, names: Mapping[Any, str]) -> pd.Series:
    return pd.Series([names.get(key) for key in keys], keys.index, dtype=object)


def _lane(wall: str, seed: int, *, dirty: bool) -> bytes:
    """A lane between two walls; dirty: with rubbish, small ads and hanging wires."""
    rng = np.random.default_rng(seed)
    width, height = _SIZE
    image = Image.new("RGB", _SIZE, "#dfe8ec")
    draw = ImageDraw.Draw(image)
    middle, far = width // 2, int(height * 0.46)
    draw.polygon([(0, 0), (middle - 70, far - 120), (middle - 70, far), (0, height)], fill=wall)
    draw.polygon(
        [(width, 0), (middle + 70, far - 120), (middle + 70, far), (width, height)], fill=wall
    )
    ground = "#8e8a80" if dirty else "#b9b5aa"
    draw.polygon(
        [(0, height), (middle - 70, far), (middle + 70, far), (width, height)], fill=ground
    )
    for k in range(3):
        x = 90 + 130 * k
        draw.rectangle([x, 190 + 26 * k, x + 60, 300 + 22 * k], fill="#7a6a58")
        draw.rectangle([width - x - 60, 190 + 26 * k, width - x, 300 + 22 * k], fill="#7a6a58")
    if dirty:
        _dirt(draw, rng)
    else:
        draw.rectangle([150, 470, 205, 560], fill="#2f9e77")
        draw.rectangle([215, 470, 270, 560], fill="#3b7dd8")
        draw.line([(middle, far + 20), (middle, height)], fill="#e9e6dc", width=6)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _dirt(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    width, height = _SIZE
    for _ in range(70):
        x, y = rng.uniform(180, 780), rng.uniform(420, height - 20)
        r = rng.uniform(5, 20)
        colour = str(rng.choice(["#5b4632", "#e8e4da", "#39424a", "#a5432f", "#6b7d3a"]))
        draw.ellipse([x - r, y - r * 0.6, x + r, y + r * 0.6], fill=colour)
    for _ in range(8):
        x, y = rng.choice([rng.uniform(20, 200), rng.uniform(760, 920)]), rng.uniform(120, 420)
        draw.rectangle([x, y, x + 34, y + 24], fill="#f5f0a8", outline="#b03a2e", width=2)
    for _ in range(6):
        a, b, sag = rng.uniform(20, 180), rng.uniform(20, 180), rng.uniform(30, 130)
        points = [
            (width * t, a * (1 - t) + b * t + 4 * sag * t * (1 - t)) for t in np.linspace(0, 1, 24)
        ]
        draw.line(points, fill="#2c3136", width=3)
