"""The re-inspection plan: a short route with reasons, from what was known before the day."""

from collections.abc import Callable
from datetime import date

import pytest

from cwmap.assessment import revisits
from cwmap.assessment.revisits import Weights
from cwmap.assessment.scoring import Rules
from cwmap.errors import CwmapError, UnknownName
from cwmap.town import Town
from cwmap.units import units

Inspected = Callable[..., Town]
DAY, KINDS = date(2026, 10, 10), ("滨河市场", "三无小区", "lane", "河道沟渠")


def test_a_plan(demo_town: Town, rules: Rules) -> None:
    plan = revisits.plan(demo_town, rules, DAY, 12, KINDS)
    assert plan["order"].tolist() == list(range(1, 13))
    assert set(plan["kind"]) <= {"market", "compound_none", "lane", "channel"}
    assert set(plan[plan["kind"] == "market"]["name"]) <= {"滨河市场"}
    assert all(d is None or d < DAY for d in plan["last_visit"])
    assert plan["reasons"].str.len().gt(8).all()
    rest = revisits.plan(demo_town, rules, DAY, 1000, KINDS)
    others = rest["priority"].drop(plan.index)
    last_red = rest["reasons"].str.contains("红线")
    assert plan["priority"][~last_red[plan.index]].min() >= others[~last_red[others.index]].max()
    assert rest["priority"].between(0, 1).all()
    there = units(demo_town)
    assert len(rest) == (there["kind"].isin(["compound_none", "lane", "channel"])).sum() + 1
    again = revisits.plan(demo_town, rules, DAY, 12, reversed(KINDS))
    assert again.equals(plan)
    sheet = revisits.sheet(plan)
    assert sheet["检查对象"].tolist() == plan["name"].tolist()
    assert set(revisits.BLANKS) <= set(sheet)


def test_only_what_was_known_before_the_day_matters(
    inspected: Inspected, rules: Rules, demo_town: Town
) -> None:
    known = [
        {"unit": "X110", "inspected_at": "2026-10-01 09:00", "points": 40},
        {"unit": "X111", "inspected_at": "2026-10-02 09:00", "points": 2},
        {"unit": "X112", "inspected_at": "2026-09-02 09:00", "points": 2},
    ]
    later = [{"unit": "X111", "inspected_at": "2026-10-10 08:00", "points": 90}]
    one, other = (
        revisits.plan(inspected(rows), rules, DAY, 99, ["X110", "X111", "X112"])
        for rows in (known, known + later)
    )
    assert one.equals(other)
    assert one["days"].to_dict() == {"lanes/X110": 9, "lanes/X111": 8, "lanes/X112": 38}
    only_risk, only_wait = (
        revisits.plan(inspected(known), rules, DAY, 1, ["X110", "X111", "X112"], weights=w).index[0]
        for w in (Weights(1, 0, 0), Weights(0, 1, 0))
    )
    assert (only_risk, only_wait) == ("lanes/X110", "lanes/X112")


def test_a_broken_red_line_comes_first(inspected: Inspected, rules: Rules) -> None:
    town = inspected([{"unit": "滨河市场", "inspected_at": "2026-10-09 09:00", "item": "活禽宰杀"}])
    plan = revisits.plan(town, rules, DAY, 1, ["市场", "lane"])
    assert plan["name"].tolist() == ["滨河市场"]
    assert plan["reasons"].iloc[0].startswith("上次检查触碰红线")


def test_wrong_questions_are_told_in_words(demo_town: Town, rules: Rules) -> None:
    with pytest.raises(UnknownName, match="火星"):
        revisits.plan(demo_town, rules, DAY, 5, ["火星"])
    with pytest.raises(CwmapError, match="权重"):
        Weights(risk=-1)
    assert revisits.plan(demo_town, rules, DAY, 5, []).empty
    # Before anybody looked anywhere, waiting and open reports decide.
    assert len(revisits.plan(demo_town, rules, date(2020, 1, 1), 5, ["lane"])) == 5


def test_demonstrations(demo_town: Town) -> None:
    shown = revisits.demonstrations(demo_town)
    assert {"street", "lane", "compound", "compound_none", "toilet"} <= set(shown["kind"])
    assert shown["lon"].between(104, 106).all()
    layer = demo_town.layers["units"]
    assert len(shown) == (layer["demonstration"] == "yes").sum()
