"""What a layer's file will hold, before it is made: how many features, the first of them, their colours."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np

from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.town import Town
from cwmap.writers import cases
from cwmap.writers.layers import BY_RULES, case_frame, kept_frame
from cwmap.writers.symbology import Symbology, symbology

FIRST = 8
"""Rows from the file's beginning that are always there."""
SAMPLE = 1_500
"""Reports or tasks of which a preview is made, evenly over all of them."""


@dataclass(frozen=True)
class Preview:
    """`sample`: features as `layer_frame` gives them, the file's first ones first; all, if `whole`.

    features: how many the file will hold; unplaced: of them, without a shape. look: the classes of
    `sample`.
    """

    features: int
    unplaced: int
    sample: gpd.GeoDataFrame
    look: Symbology

    @property
    def whole(self) -> bool:
        """Whether nothing is left out."""
        return len(self.sample) == self.features


def preview(
    town: Town, workspace: Workspace, layer: str, question: Filter, bandwidth_m: float | None = None
) -> Preview:
    """A preview of a layer, kept with the town as `kept_frame`; quick at a million reports."""

    def make() -> Preview:
        return _made(town, workspace, layer, question, bandwidth_m)

    if layer in BY_RULES:
        return make()
    return town.kept(("preview", layer, question, bandwidth_m), make)


def _made(
    town: Town, workspace: Workspace, layer: str, question: Filter, bandwidth_m: float | None
) -> Preview:
    if layer in cases.COLUMNS:
        chosen = town.selected(town.view(question))
        at = np.linspace(0, len(chosen) - 1, min(SAMPLE, len(chosen))).astype(np.intp)
        at = np.union1d(at, np.arange(min(FIRST, len(chosen))))
        frame = case_frame(town, workspace, layer, chosen[at])
        features, unplaced = len(chosen), int(np.isnan(town.reports.x[chosen]).sum())
    else:
        frame = kept_frame(town, workspace, layer, question, bandwidth_m)
        features, unplaced = len(frame), int(frame.geometry.isna().sum())
    return Preview(features, unplaced, frame, symbology(layer, frame, town.categories.groups))
