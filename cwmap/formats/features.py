"""A layer of features as it stands in a file: attributes as text, shapes, coordinate system."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import shapely
from pyproj.exceptions import CRSError

from cwmap.errors import UnreadableFile
from cwmap.formats.cells import (
    MAX_COLUMNS,
    MAX_ROWS,
    SURE_DIGITS,
    CellTexts,
    clean,
    unique,
    without_marks,
)

Shapes = npt.NDArray[np.object_]

_URN = re.compile(r"(?:urn:ogc:def:crs:)?EPSG:(?:[\d.]*:)?(\d{4,6})", re.IGNORECASE)
_URL = re.compile(r"https?://www\.opengis\.net/def/crs/EPSG/[\d.]+/(\d{4,6})", re.IGNORECASE)
_CRS84 = re.compile(
    r"(?:urn:ogc:def:crs:|https?://www\.opengis\.net/def/crs/)?OGC[:/][\d.]*[:/]?CRS84h?"
)
_WGS84_3D = 4979


@dataclass(frozen=True)
class Layer:
    """Features numbered from 1. `geometry`: 2-D, in the file's coordinates; None if it has none."""

    table: pd.DataFrame
    geometry: Shapes | None
    crs: str | None
    name: str | None = None
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    encoding: str | None = None


class Attributes:
    """Collects features that need not all have the same attributes."""

    def __init__(self) -> None:
        self._columns: dict[str, list[object]] = {}
        self.count = 0

    def add(self, feature: dict[str, object]) -> None:
        """The attributes of the next feature."""
        for label, value in feature.items():
            column = self._columns.setdefault(label, [])
            column += [None] * (self.count - len(column))
            column.append(value)
        self.count += 1
        if len(self._columns) > MAX_COLUMNS or self.count > MAX_ROWS:
            raise too_large()

    def table(self) -> tuple[pd.DataFrame, list[str]]:
        """Attributes as text, and notes."""
        columns = [c + [None] * (self.count - len(c)) for c in self._columns.values()]
        return table(list(self._columns), columns, self.count)


def too_large() -> UnreadableFile:
    """The error for more features or attributes than can be read."""
    return UnreadableFile(
        f"超过 {MAX_ROWS:,} 个要素或 {MAX_COLUMNS} 个字段，请删去不需要的内容后再导入"
    )


def table(
    labels: Sequence[str], columns: Sequence[Sequence[object]], count: int
) -> tuple[pd.DataFrame, list[str]]:
    """Columns of values as text under unique labels, rows numbered from 1; and notes."""
    texts, rows = CellTexts(), pd.RangeIndex(1, count + 1)
    names = unique([without_marks(label).strip() or "未命名" for label in labels])
    frame = pd.DataFrame(
        {
            name: clean(pd.Series(texts.column(values, at), rows, dtype="str"))
            for at, (name, values) in enumerate(zip(names, columns, strict=True))
        },
        rows,
    )
    frame.columns = pd.Index(names, dtype="str")
    notes = [
        f"字段“{names[at]}”有 {n} 个值超过 {SURE_DIGITS} 位却存成了小数，后几位可能已经丢失；"
        "请在原数据中把这一字段设为文本"
        for at, n in sorted(texts.long_columns.items())
    ]
    return frame, notes


def flat(shapes: Sequence[Any] | Shapes) -> Shapes:
    """Shapes without their heights, as an object array."""
    flat = np.empty(len(shapes), dtype=object)
    flat[:] = shapes
    result: Shapes = shapely.force_2d(flat)
    return result


def broken_note(broken: Sequence[int]) -> list[str]:
    """The note on features, by number, whose shape cannot be read."""
    if not broken:
        return []
    shown = "、".join(map(str, broken[:5])) + (" 等" if len(broken) > 5 else "")
    return [f"第 {shown} 个要素（共 {len(broken)} 个）的图形无法读取，按没有图形处理"]


def named_crs(name: str) -> str | None:
    """'EPSG:n' of a coordinate system that a file names (EPSG:4544, a URN); None if unknown."""
    if _CRS84.fullmatch(name):
        return "EPSG:4326"
    match = _URN.fullmatch(name) or _URL.fullmatch(name)
    return known_crs(f"EPSG:{match[1]}") if match else None


def known_crs(definition: str) -> str | None:
    """'EPSG:n' of a definition (WKT, also Esri's), if PROJ recognises it; the flat one of WGS 84."""
    # Nothing but these: PROJ would also take the name of a file.
    if not re.match(r"EPSG:\d+$|[A-Z]\w+ ?\[", definition):
        return None
    try:
        code = pyproj.CRS.from_user_input(definition).to_epsg()
    except CRSError:
        return None
    return f"EPSG:{4326 if code == _WGS84_3D else code}" if code else None
