"""考核: what each of its views puts on the map, beside it and into the legend."""

from __future__ import annotations

from collections.abc import Callable

from cwmap.assessment import assessment, bulletin
from cwmap.assessment.assessment import Period
from cwmap.town import Town
from cwmap.ui import state
from cwmap.ui.assessment import bulletins, inspecting, revisiting, rulebook, scorelist, scoremap
from cwmap.ui.view import View

VIEWS = {
    "week": "周评比", "day": "督导通报", "month": "月奖惩", "fair": "公平", "revisit": "复查", "model": "样板",
    "sample": "抽样", "enter": "填报", "rules": "细则",
}  # fmt: skip


def view(town: Town, name: str) -> View:
    """The view of this name."""
    return _VIEWS[name](town)


def _scored(
    town: Town, period: Period, step: scorelist.Step, title: str, panel: Callable[[], None]
) -> View:
    """A view of the scores of a period; a unit's card takes the panel's place."""
    ranking = assessment.ranking(town, scorelist.rules(), period)
    picked = state.look().picked

    def beside() -> None:
        scorelist.day_bar(town, step)
        if picked and picked[0] in ("lanes", "units", "facilities"):
            scorelist.card(town, "/".join(picked), period, ranking)
        else:
            panel()

    shown = scoremap.shown(town, ranking, title, period.label, state.look())
    return View(shown, beside, lambda: scoremap.legend(title, period.label))


def _week(town: Town) -> View:
    found = assessment.week(town, scorelist.rules(), scorelist.day(town))
    return _scored(town, found.period, "week", "周评比得分", lambda: scorelist.week(town, found))


def _day(town: Town) -> View:
    day = scorelist.day(town)
    found = bulletin.bulletin(town, scorelist.rules(), day)
    return _scored(town, Period(day, day), "day", "当日得分", lambda: bulletins.draw(found))


def _month(town: Town) -> View:
    day = scorelist.day(town)
    found = assessment.month(town, scorelist.rules(), scorelist.reward_rules(), day)
    return _scored(town, found.period, "month", "月得分", lambda: scorelist.month(town, found))


def _fair(town: Town) -> View:
    period = assessment.month_of(scorelist.day(town))
    return _scored(town, period, "month", "月得分", lambda: scorelist.by_length(town, period))


def _revisit(town: Town) -> View:
    route = revisiting.route(town)
    return View(
        revisiting.shown(town, route), lambda: revisiting.listing(town, route),
        lambda: revisiting.legend(town),
    )  # fmt: skip


def _model(town: Town) -> View:
    return View(
        revisiting.models_shown(town), lambda: revisiting.models(town), revisiting.models_legend
    )


def _sample(town: Town) -> View:
    drawn = revisiting.sample(town)
    return View(
        revisiting.sample_shown(town, drawn), lambda: revisiting.sampled(town, drawn),
        revisiting.sample_legend,
    )  # fmt: skip


def _enter(town: Town) -> View:
    return _this_week(town, lambda: inspecting.form(town))


def _rules(town: Town) -> View:
    return _this_week(town, rulebook.draw)


def _this_week(town: Town, panel: Callable[[], None]) -> View:
    """The week's scores beside something else."""
    period, title = assessment.week_of(scorelist.day(town)), "本周得分"
    ranking = assessment.ranking(town, scorelist.rules(), period)
    shown = scoremap.shown(town, ranking, title, period.label, state.look())
    return View(shown, panel, lambda: scoremap.legend(title, period.label))


_VIEWS: dict[str, Callable[[Town], View]] = {
    "week": _week, "day": _day, "month": _month, "fair": _fair, "revisit": _revisit, "model": _model,
    "sample": _sample, "enter": _enter, "rules": _rules,
}  # fmt: skip
