"""A map as it is shown: what is painted, what its colours mean, and what must be said with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import numpy.typing as npt

from cwmap import figures
from cwmap.colours import even_breaks
from cwmap.filters import Filter
from cwmap.town import Town

State = dict[str, Any]
"""As `CWMap.paint` of static/map.js takes it."""
Ramps = Mapping[str, Mapping[str, str]] | Mapping[str, Sequence[str]]
"""theme (light, dark) → colours, by their classes or in order."""


@dataclass(frozen=True)
class Key:
    """What colours mean. classes: colour of the light theme, of the dark one, and its meaning."""

    title: str
    classes: tuple[tuple[str, str, str], ...] = ()

    @classmethod
    def of(cls, title: str, ramps: Ramps, words: Sequence[str]) -> Key:
        """The key of a ramp; where nothing is coloured (no words), the title alone."""
        if not words:
            return cls(title)
        light, dark = (_ordered(ramps[theme]) for theme in ("light", "dark"))
        return cls(title, tuple(zip(light, dark, words, strict=True)))


@dataclass(frozen=True)
class Shown:
    """said: filter, day or period that the map is of; note: how it was made. key: None for a bare map."""

    title: str
    state: State
    key: Key | None
    said: str = ""
    note: str = ""


def heat_of(town: Town, heat: Mapping[str, Any]) -> tuple[npt.NDArray[np.float32], list[float]]:
    """The density of the heat in a state, in reports per hectare, and the steps of its colours."""
    words = dict(parse_qsl(heat["query"]))
    density = figures.heat(town, Filter.from_query(words), float(words["bandwidth"]))
    return density, even_breaks(float(density.max(initial=0.0)))


def _ordered(ramp: Mapping[str, str] | Sequence[str]) -> list[str]:
    return list(ramp.values()) if isinstance(ramp, Mapping) else list(ramp)
