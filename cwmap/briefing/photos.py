"""Photos before and after (整治前后) of tasks that were dealt with, for a brief."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cwmap import figures, photos
from cwmap.briefing.parts import Pair, day_words
from cwmap.filters import Filter
from cwmap.norms import split_words
from cwmap.storage.geopackage import among
from cwmap.store import Workspace, column
from cwmap.tasks.steps import events
from cwmap.town import CLOSED, Town

MOST = 4


def pairs(
    town: Town, workspace: Workspace, question: Filter, number: int = MOST
) -> tuple[Pair, ...]:
    """The newest tasks of a filter that were dealt with and have a photo of both, at most `number`."""
    after = _after(workspace)
    if after.empty:
        return ()
    chosen = town.selected(town.view(question))
    chosen = chosen[np.isin(town.reports.status[chosen], CLOSED)]
    ids = town.reports.ids[chosen]
    here = np.isin(ids, after.index.to_numpy(object))
    wanted = [str(i) for i in ids[here]]
    rows = workspace.read(
        "reports", ["report_id", "photo"], among(column("report_id", "reports"), wanted)
    ).set_index("report_id")["photo"]
    found: list[Pair] = []
    for at, task in zip(chosen[here][::-1], reversed(wanted), strict=True):
        pair = _pair(town, workspace, int(at), rows.get(task), after[task])
        if pair:
            found.append(pair)
        if len(found) == number:
            break
    return tuple(found)


def _after(workspace: Workspace) -> pd.Series:
    """Names of the last photos that were handed in with each task; index: task_id."""
    done = events(workspace)
    done = done[done["photo"].notna() & (done["photo"] != "")]
    return done.groupby("task_id")["photo"].last()


def _pair(town: Town, workspace: Workspace, at: int, before: object, after: object) -> Pair | None:
    one, two = (_first(workspace, names) for names in (before, after))
    if one is None or two is None:
        return None
    lane = int(town.reports.place["lanes"][at])
    where = (
        figures.place_name(town, "lanes", str(town.layers["lanes"].index[lane]))
        if lane >= 0
        else ""
    )
    kind = town.categories.name(town.codes[int(town.reports.category[at])])
    day = pd.Timestamp(town.first_day) + pd.Timedelta(days=int(town.reports.day[at]))
    return Pair(" · ".join(filter(None, (where, kind, f"{day_words(day)}上报"))), one, two)


def _first(workspace: Workspace, names: object) -> bytes | None:
    """The first of the photos that is there."""
    for name in split_words(names) if isinstance(names, str) else ():
        path = photos.path(workspace.folder, name)
        if path:
            return path.read_bytes()
    return None
