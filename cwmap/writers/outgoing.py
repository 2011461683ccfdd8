"""A layer on its way out: its rows, its colours, and what must be said of it in every file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import shapely

from cwmap import __version__
from cwmap.captions import SYNTHETIC, filter_caption
from cwmap.filters import Filter
from cwmap.tables import Column
from cwmap.town import Town
from cwmap.writers.layers import LAYERS
from cwmap.writers.qgis_style import GEOMETRIES, Geometry
from cwmap.writers.symbology import Symbology

INVENTED = "全部内容为虚构，不得用于工作"
INTERNAL = "内部工作用图；向社会公开展示前须依法送审并标注审图号"

POINTS = ("reports", "tasks", "facilities", "units", "sites")
"""Layers of points, in the main."""
UNFILTERED = ("facilities", "units", "duties", "ranking")
"""Layers among which a filter of reports does not choose, and in which it counts nothing."""


@dataclass(frozen=True)
class Outgoing:
    """See the module. `frame` is in the system of the file; its crs is None for GCJ-02 and BD-09.

    facts: the metadata, JSON-able, with English keys.
    """

    layer: str
    frame: gpd.GeoDataFrame
    columns: tuple[Column, ...]
    look: Symbology
    facts: dict[str, Any]

    @property
    def title(self) -> str:
        """Chinese name of the layer, marked where its data are invented."""
        return str(self.facts["title"])

    @property
    def kinds(self) -> list[Geometry]:
        """The kinds of shapes in it, in the order of GEOMETRIES; of an empty one those it would have."""
        return kinds_of(self.layer, self.frame)

    @property
    def about(self) -> list[tuple[str, str]]:
        """The metadata for people: Chinese labels and texts."""
        facts = self.facts
        rows = [("图层", self.title), ("城镇", facts["town"])]
        if "filter" in facts:
            rows.append(("筛选", facts["caption"]))
        rows += [("数据截至", facts["as_of"]), ("要素数", f"{facts['features']:,}")]
        if "bandwidth_m" in facts:
            rows.append(("核密度", f"四次核，带宽 {facts['bandwidth_m']:g} 米，单位：件/公顷"))
        rows += [
            ("坐标系", facts["crs"]),
            ("数据版本", str(facts["revision"])),
            ("软件", facts["software"]),
        ]
        rows += [("使用范围", INTERNAL)]
        rows += [(SYNTHETIC, INVENTED)] if facts["synthetic"] else []
        return [*rows, *(("注意", note) for note in facts["notes"])]

    @property
    def sentence(self) -> str:
        """The same in one line."""
        return "；".join(f"{label}：{text}" for label, text in self.about)


def kinds_of(layer: str, frame: gpd.GeoDataFrame) -> list[Geometry]:
    """The kinds of shapes in a layer's frame, in the order of GEOMETRIES."""
    dimensions = shapely.get_dimensions(frame.geometry.to_numpy(object))
    found = [kind for at, kind in enumerate(GEOMETRIES) if (dimensions == at).any()]
    return found or ["point" if layer in POINTS else "polygon"]


def facts_of(
    town: Town, layer: str, question: Filter, features: int, crs: str, notes: tuple[str, ...],
    bandwidth_m: float | None,
) -> dict[str, Any]:  # fmt: skip
    """The metadata of a layer. `bandwidth_m`: of heat, else None."""
    marks = [] if crs.startswith("EPSG") else [crs]
    marks += [SYNTHETIC] if town.settings.synthetic else []
    title = LAYERS[layer] + (f"（{'，'.join(marks)}）" if marks else "")
    facts: dict[str, Any] = {"title": title, "layer": layer, "town": town.settings.name}
    if layer not in UNFILTERED:
        start, end = question.start or town.first_day, question.end or town.as_of
        facts |= {
            "filter": question.to_query(), "period": [str(start), str(end)],
            "caption": filter_caption(town, question),
        }  # fmt: skip
    if bandwidth_m is not None:
        facts |= {"kernel": "quartic", "bandwidth_m": bandwidth_m, "unit": "reports per hectare"}
    return facts | {
        "as_of": str(town.as_of), "features": features, "crs": crs, "revision": town.revision,
        "software": f"cwmap {__version__}", "synthetic": town.settings.synthetic,
        "notice": f"{SYNTHETIC}：{INVENTED}" if town.settings.synthetic else INTERNAL, "notes": list(notes),
    }  # fmt: skip


def as_texts(facts: Mapping[str, Any]) -> dict[str, str]:
    """Facts for a format that keeps them text by text."""
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in facts.items()
    }
