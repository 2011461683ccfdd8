"""The desk of a meeting (会议): one town, the office's rules, and what was done to its tasks."""

from __future__ import annotations

from datetime import date
from functools import cached_property
from typing import Any

from cwmap import photos
from cwmap.assessment import scoring, visits
from cwmap.filters import Filter
from cwmap.gaps import facilities
from cwmap.meeting import agenda
from cwmap.meeting.agenda import Agenda, Step
from cwmap.norms import split_words
from cwmap.store import Workspace, column
from cwmap.tasks import routing, steps
from cwmap.town import Town
from cwmap.trends.spots import Spots, kept_spots


class Desk:
    """What the steps are told from: one town, the office's rules, and what was done to its tasks.

    Each answer is made once, so that the steps of a meeting agree with each other.
    """

    def __init__(self, town: Town, workspace: Workspace) -> None:
        self.town = town
        self.workspace = workspace
        self.routing = routing.load(workspace.folder, town.categories)
        self.scoring = scoring.load(workspace.folder)
        self.norms = facilities.load(workspace.folder)

    def spots(self, question: Filter) -> Spots:
        """Hot spots of a filter, the usual way, with those in charge of their lanes."""
        return kept_spots(self.town, self.workspace, question)

    @cached_property
    def repaired(self) -> tuple[dict[str, Any], ...]:
        """Tasks with pictures of before and after, the last dealt with first.

        Each: task_id, category, lane_id, reported_at, at (naive UTC), note, before and after (names).
        """
        events = self.town.kept("events", lambda: steps.events(self.workspace))
        fixed = events[events["action"].isin(["fix", "close"]) & events["photo"].notna()]
        fixed = fixed.drop_duplicates("task_id", keep="last").set_index("task_id")
        names = ["report_id", "category", "lane_id", "reported_at", "photo"]
        rows = self.workspace.read(
            "reports", names, column("report_id", "reports").in_(list(fixed.index))
        )
        found = []
        for row in rows.rename(columns={"report_id": "task_id"}).to_dict("records"):
            event = fixed.loc[row["task_id"]]
            before, after = self._first(row.pop("photo")), self._first(event["photo"])
            if before and after:
                note = event["note"].strip("。 ") if isinstance(event["note"], str) else None
                found.append(
                    {
                        **row,
                        "at": event["at"],
                        "note": note or None,
                        "before": before,
                        "after": after,
                    }
                )
        return tuple(sorted(found, key=lambda f: (f["at"], f["task_id"]), reverse=True))

    def _first(self, names: object) -> str:
        """The first photo of a cell of names that is there."""
        words = split_words(names) if isinstance(names, str) else ()
        return next((n for n in words if photos.path(self.workspace.folder, n)), "")

    def usual(self) -> Agenda:
        """The agenda that makes itself, of what this town has."""
        found = self.spots(agenda.question(self.town, Step("spot-1")))
        return agenda.usual(len(found.items), bool(self.repaired))

    @property
    def inspected(self) -> date:
        """The last day with an inspection, else the last of the records."""
        seen = visits.visits(self.town, self.scoring).frame
        return seen["day"].max().date() if len(seen) else self.town.as_of
