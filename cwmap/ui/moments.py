"""Times as people of the town read them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from cwmap.town import Town


def local(town: Town, moment: Any) -> pd.Timestamp:
    """A moment (naive: UTC) on the town's clock, without a zone; NaT stays NaT."""
    at = pd.Timestamp(moment)
    if pd.isna(at):
        return at
    known = at.tz_localize("UTC") if at.tzinfo is None else at
    return known.tz_convert(town.settings.timezone).tz_localize(None)


def utc(town: Town, moment: Any) -> pd.Timestamp:
    """A moment on the town's clock as naive UTC."""
    return (
        pd.Timestamp(moment).tz_localize(town.settings.timezone).tz_convert("UTC").tz_localize(None)
    )


def shown(town: Town, moment: Any) -> str:
    """A moment to the minute; empty for none."""
    at = local(town, moment)
    return "" if pd.isna(at) else f"{at:%Y-%m-%d %H:%M}"
