"""One sequential ramp for everything that is counted, and its classes.

Lightness falls (light theme) or rises (dark theme) steadily from class to class, so that the ramp
reads in greyscale and to the colour-blind; a test holds it to that.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.spatial import cKDTree

RAMPS = {
    "light": ("#fbe8b0", "#f8c66b", "#ef934a", "#d7573f", "#a62648", "#63174d"),
    "dark": ("#3f2c5a", "#74316b", "#ad3d63", "#dd5f43", "#f39a52", "#fbdf8f"),
}
SPOT_COLOURS = {
    "light": {"hot99": "#b2182b", "hot95": "#e06a4c", "hot90": "#f6bfa1",
              "cold90": "#c3dcec", "cold95": "#7fb3d5", "cold99": "#3a78b0"},
    "dark": {"hot99": "#ff6b57", "hot95": "#c9503f", "hot90": "#7d3f38",
             "cold90": "#2c4a60", "cold95": "#3f76a0", "cold99": "#6fb1e0"},
}  # fmt: skip
"""Class of `geo.hotspots.CLASSES` → colour; what is not significant has none."""
TREND_COLOURS = {
    "light": {"new": "#e6007e", "consecutive": "#e0603f", "intensifying": "#7a0f2b",
              "persistent": "#b2182b", "diminishing": "#f2a37e", "oscillating": "#8e6bb0",
              "sporadic": "#e9c46a", "historical": "#9aa7b0"},
    "dark": {"new": "#ff4fa8", "consecutive": "#f08a5d", "intensifying": "#ff3b30",
             "persistent": "#d9534f", "diminishing": "#8c5a48", "oscillating": "#a98bd0",
             "sporadic": "#a98b3e", "historical": "#5d6b75"},
}  # fmt: skip
"""Class of change over time (`cwmap.trends.emerging`) → colour."""
CATEGORICAL = {
    "light": ("#3b7dd8", "#e08a1e", "#2f9e77", "#c2478f", "#8a6fd1", "#9aa336", "#c9503f", "#1f9fb5",
              "#a9763a", "#6b7a86", "#d8b11e", "#5b4b9a"),
    "dark": ("#6aa5f5", "#f0a94e", "#58c79c", "#e57fb8", "#b09af0", "#c3cc63", "#ec7f6c", "#55c6da",
             "#cfa06a", "#9fb0bd", "#ecd158", "#9a8ade"),
}  # fmt: skip
"""Colours that only tell places apart, such as who answers for them."""
SCORE_COLOURS = {
    "light": {"low": "#c0392b", "poor": "#e9973f", "fair": "#dccb5a", "good": "#7dba6a", "best": "#1d8a5f"},
    "dark": {"low": "#ff7a68", "poor": "#f0a94e", "fair": "#e6d86a", "good": "#8fd07a", "best": "#38c28a"},
}  # fmt: skip
"""Classes of a score of 100 points, the worst first; see `SCORE_STEPS`."""
SCORE_STEPS = (70, 80, 85, 90)
"""Scores at which the next class of `SCORE_COLOURS` begins."""
STANDING_COLOURS = {
    "light": {"good": "#2f9e77", "fair": "#e9b949", "bad": "#c0392b"},
    "dark": {"good": "#58c79c", "fair": "#e9c46a", "bad": "#ff7a68"},
}
"""In order, to be watched, not in order."""
VERDICT_COLOURS = {
    "light": {"gap": "#c0392b", "below_standard": "#8e5ea2", "part": "#e9b949", "met": "#2f9e77",
              "unknown": "#9aa7b0"},
    "dark": {"gap": "#ff7a68", "below_standard": "#bb8fce", "part": "#e9c46a", "met": "#58c79c",
             "unknown": "#5d6b75"},
}  # fmt: skip
"""Verdict of `cwmap.gaps.gaps` → colour."""
CLASSES = len(RAMPS["light"])
_SERIES = (1.0, 2.0, 5.0)
_STEPS = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 8.0)
_LEVELS = 96
_AROUND = 9  # places whose labels a label should not share its colour with

Floats = npt.NDArray[np.float64]


def breaks(maximum: float) -> list[float]:
    """Five class breaks of the series 1–2–5 up to `maximum`, lowest first; [] where all is nothing.

    Class k of a value is the number of breaks below it: (0, b0], (b0, b1], … above b4.
    """
    if not maximum > 0:
        return []
    steps: list[float] = []
    power = math.floor(math.log10(maximum)) + 1
    while len(steps) < CLASSES - 1:
        steps += [s * 10.0**power for s in reversed(_SERIES) if s * 10.0**power < maximum]
        power -= 1
    return sorted(float(f"{s:.1g}") for s in steps[: CLASSES - 1])


def even_breaks(maximum: float) -> list[float]:
    """Five evenly spaced class breaks below `maximum`, for a surface; [] where all is nothing."""
    if not maximum > 0:
        return []
    power = 10.0 ** math.floor(math.log10(maximum / (CLASSES - 1)))
    step = max(s * power for s in _STEPS if s * power * (CLASSES - 1) <= maximum)
    return [float(f"{step * k:.3g}") for k in range(1, CLASSES)]


def classes(values: npt.NDArray[np.float64], steps: list[float]) -> str:
    """One character a value: its class as a digit, "-" where the value is nothing or unknown."""
    if not steps:
        return "-" * len(values)
    known = np.nan_to_num(values, nan=0.0)
    codes = np.searchsorted(steps, known, side="left") + ord("0")
    return bytes(np.where(known > 0, codes, ord("-")).astype(np.uint8)).decode("ascii")


def heat_png(density: npt.NDArray[np.float32], steps: list[float], theme: str) -> bytes:
    """A density raster as a transparent PNG on the ramp; colours change evenly between `steps`."""
    position = np.zeros(density.shape)
    if steps:
        edges = [0.0, *steps, steps[-1] + steps[0]]
        position = np.interp(density, edges, np.linspace(0, 1, len(edges)))
    codes = np.round(position * (_LEVELS - 1)).astype(np.uint8)
    image = Image.fromarray(codes).convert("P")
    image.putpalette(_palette(theme))
    # Nothing stays clear, and the lowest class grows out of it softly.
    grow = np.linspace(0, 1, _LEVELS)
    alpha = np.round(255 * np.minimum(0.88, grow * 4)).astype(np.uint8)
    out = io.BytesIO()
    image.save(out, "PNG", transparency=bytes(alpha), compress_level=6)
    return out.getvalue()


def _palette(theme: str) -> list[int]:
    ramp = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in RAMPS[theme]], float)
    at = np.linspace(0, len(ramp) - 1, _LEVELS)
    channels = [np.interp(at, np.arange(len(ramp)), ramp[:, i]) for i in range(3)]
    return [round(v) for v in np.stack(channels, axis=1).ravel()]


def told_apart(labels: Sequence[str | None], x: Floats, y: Floats, colours: int) -> dict[str, int]:
    """A colour for each label, so that labels near each other differ; the same for the same input.

    labels: of places at x, y (metres), None for none. Each label in turn, in the order of its
    first place from west to east, takes the colour that its nearest labelled neighbours use least.
    """
    known = [at for at, label in enumerate(labels) if label is not None and np.isfinite(x[at])]
    order = sorted(known, key=lambda at: (x[at], y[at], at))
    names = list(dict.fromkeys(str(labels[at]) for at in order))
    if not names:
        return {}
    points = np.column_stack([x[known], y[known]])
    owner = np.array([names.index(str(labels[at])) for at in known])
    _, near = cKDTree(points).query(points, k=min(_AROUND, len(known)))
    beside = np.zeros((len(names), len(names)), int)
    np.add.at(
        beside, (np.repeat(owner, near.reshape(len(known), -1).shape[1]), owner[near].ravel()), 1
    )
    beside += beside.T
    chosen = np.full(len(names), -1)
    used = np.zeros(colours, int)
    for at in range(len(names)):
        clash = np.bincount(chosen[chosen >= 0], beside[at][chosen >= 0], minlength=colours)
        best = min(range(colours), key=lambda k: (clash[k], used[k], k))
        chosen[at] = best
        used[best] += 1
    return dict(zip(names, chosen.tolist(), strict=True))
