"""What a brief stands on: the town, the filter, and the answers that several sections share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import pandas as pd

from cwmap.assessment import assessment, scoring
from cwmap.duties import coverage
from cwmap.duties.coverage import Coverage
from cwmap.filters import Filter
from cwmap.gaps import facilities
from cwmap.store import Workspace
from cwmap.tasks import indicators, routing, steps, tasks
from cwmap.town import Town
from cwmap.trends.spots import Spots, kept_spots


@dataclass(frozen=True, eq=False)
class Basis:
    """See the module. question: with a period; drawn: the day that the maps are dated."""

    town: Town
    workspace: Workspace
    question: Filter
    drawn: date

    @property
    def start(self) -> date:
        """First day of the period."""
        return self.question.start or self.town.first_day

    @property
    def end(self) -> date:
        """Last day of the period."""
        return self.question.end or self.town.as_of

    @cached_property
    def routing(self) -> routing.Routing:
        """The workspace's rules of who answers for what."""
        return routing.load(self.workspace.folder, self.town.categories)

    @cached_property
    def norms(self) -> facilities.Norms:
        """The workspace's norms of facilities."""
        return facilities.load(self.workspace.folder)

    @cached_property
    def rules(self) -> scoring.Rules:
        """The workspace's rules of the assessment."""
        return scoring.load(self.workspace.folder, self.town.categories)

    @cached_property
    def spots(self) -> Spots:
        """Hot spots of the filter, as the page tells them."""
        return kept_spots(self.town, self.workspace, self.question)

    @cached_property
    def counted(self) -> tasks.Counts:
        """Tasks of the filter by state, light and unit."""
        return tasks.counts(self.town, self.question, self.routing)

    @cached_property
    def events(self) -> pd.DataFrame:
        """What was done to tasks."""
        return steps.events(self.workspace)

    @cached_property
    def rates(self) -> indicators.Indicators:
        """Indicators of the period."""
        return indicators.indicators(self.town, self.events, self.start, self.end, self.routing)

    @cached_property
    def week(self) -> assessment.Week:
        """The comparison of the week in which the period ends."""
        return assessment.week(self.town, self.rules, min(self.end, self.town.as_of))

    @cached_property
    def coverage(self) -> Coverage:
        """The register on the period's last day."""
        return coverage.coverage(self.town, min(self.end, self.town.as_of))


def with_period(town: Town, question: Filter, days: int) -> Filter:
    """The filter with the last `days` up to its end, where it names no first day."""
    if question.start:
        return replace(question, end=question.end or town.as_of)
    end = question.end or town.as_of
    start = max(date.fromordinal(end.toordinal() - days + 1), min(town.first_day, end))
    return replace(question, start=start, end=end)
