"""How the map is looked at: its surface, its layers, what is chosen; kept in the address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cwmap.export import WIDEST_M

SURFACES = {"heat": "热力", "lanes": "巷道", "cells": "网格", "none": "仅底图"}
OVERLAYS = {"reports": "问题点", "facilities": "设施", "areas": "片区", "communities": "社区"}
PICKED = ("lanes", "cells", "reports", "units", "facilities")


@dataclass(frozen=True)
class Look:
    """What the map shows. `bandwidth_m`: None is the town's own; `picked`: (layer, id) clicked."""

    surface: str = "heat"
    show: tuple[str, ...] = ("reports", "areas")
    bandwidth_m: int | None = None
    picked: tuple[str, str] | None = None

    @property
    def lane(self) -> list[str]:
        """The lane that is picked, if it is one."""
        return [self.picked[1]] if self.picked and self.picked[0] == "lanes" else []

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Look:
        """From a link; words that mean nothing are left out."""
        plain = cls()
        surface = query.get("surface", plain.surface)
        show = plain.show
        if "show" in query:
            show = tuple(word for word in OVERLAYS if word in query["show"].split(","))
        width = query.get("bandwidth", "")
        layer, _, place_id = query.get("pick", "").partition(":")
        return cls(
            surface=surface if surface in SURFACES else plain.surface,
            show=show,
            bandwidth_m=int(width) if width.isdecimal() and 0 < int(width) <= WIDEST_M else None,
            picked=(layer, place_id) if layer in PICKED and place_id else None,
        )

    def to_query(self) -> dict[str, str]:
        """The shortest query that means this look."""
        plain = Look()
        query = {}
        if self.surface != plain.surface:
            query["surface"] = self.surface
        if set(self.show) != set(plain.show):
            query["show"] = ",".join(self.show)
        if self.bandwidth_m:
            query["bandwidth"] = str(self.bandwidth_m)
        if self.picked:
            query["pick"] = ":".join(self.picked)
        return query
