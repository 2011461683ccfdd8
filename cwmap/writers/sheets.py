"""A layer as a table for people: Chinese headers and words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
import pandas as pd

from cwmap.tables import Column
from cwmap.workbook import write_sheet
from cwmap.writers.outgoing import Outgoing
from cwmap.writers.system import System
from geo.coordinates import from_wgs84

_TYPED = ("number", "integer", "time")


def worded(
    frame: gpd.GeoDataFrame, columns: Sequence[Column], system: System | None
) -> pd.DataFrame:
    """Rows as they stand in a sheet, in order: headers as columns, words for codes.

    With x and y in `system`, if it is not that of lon, lat.
    """
    table = pd.DataFrame(frame.drop(columns="geometry"))
    words = {c.name: table[c.name].map(c.shown, na_action="ignore") for c in columns if c.labels}
    shown = table.assign(**words).rename(columns={c.name: c.header for c in columns})
    if system and not system.lonlat:
        x, y = from_wgs84(table["lon"], table["lat"], system.name)
        shown = shown.assign(**{f"X（{system.label}）": x, f"Y（{system.label}）": y})
    return shown


def write_table(out: Outgoing, path: Path, system: System) -> None:
    """A .xlsx with its second sheet 说明, or a .csv and beside it …_说明.csv."""
    text = {c.header for c in out.columns if c.kind not in _TYPED}
    table = worded(out.frame, out.columns, system)
    write_sheet(path, table, headers={}, text_columns=text, about=out.about)
    if path.suffix == ".csv":  # it has no second sheet
        about = pd.DataFrame(out.about, columns=["项目", "内容"], dtype="str")
        beside = path.with_name(f"{path.stem}_说明.csv")
        write_sheet(beside, about, headers={}, text_columns=about.columns)
