"""Day, week and month: ranks, lists, rewards, and that the order of rows does not matter."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cwmap.assessment import assessment, scoring
from cwmap.assessment.assessment import Period, month_of, quarter_of, week_of
from cwmap.assessment.bulletin import bulletin
from cwmap.assessment.rewards import Rewards
from cwmap.assessment.scoring import Rules
from cwmap.assessment.visits import between, places, visits
from cwmap.town import Town

Inspected = Callable[..., Town]
MONDAY = date(2027, 3, 1)


def lanes_of_one_group(town: Town, rules: Rules, number: int) -> list[str]:
    known = places(town, rules)
    lanes = known[(known["kind"] == "lane") & (known["layer"] == "lanes")]
    group = lanes["group"].value_counts().index[0]
    return [str(i) for i in lanes[lanes["group"] == group]["id"][:number]]


def row(lane: str, day: str, points: float | None, **given: Any) -> dict[str, Any]:
    stated = {"points": points} if points else {"item": None}
    return {"unit": lane, "inspected_at": f"{day} 09:00"} | stated | given


def test_periods() -> None:
    assert week_of(date(2027, 3, 7)) == Period(MONDAY, date(2027, 3, 7))
    assert month_of(date(2028, 2, 9)) == Period(date(2028, 2, 1), date(2028, 2, 29))
    assert quarter_of(date(2026, 12, 31)) == Period(date(2026, 10, 1), date(2026, 12, 31))
    assert assessment.before(month_of(date(2027, 3, 5))) == month_of(date(2027, 2, 1))
    assert assessment.before(week_of(MONDAY)).last == date(2027, 2, 28)


def test_a_week_by_hand(inspected: Inspected, rules: Rules, demo_town: Town) -> None:
    a, b, c, d = lanes_of_one_group(demo_town, rules, 4)
    town = inspected(
        [
            row(a, "2027-03-01", 20), row(a, "2027-03-03", 50, level="weekly"),  # (80 + 2·50) / 3
            row(b, "2027-03-02", 5), row(c, "2027-03-02", 5), row(d, "2027-03-07", 30),
            row(a, "2027-02-24", None), row(b, "2027-02-24", 60), row(c, "2027-03-08", 99),
        ]
    )  # fmt: skip
    week = assessment.week(town, rules, MONDAY)
    ranking = week.ranking.set_index("name")
    names = demo_town.layers["lanes"]["name"]
    assert ranking.loc[names[a], "score"] == 60
    assert ranking["score"].tolist() == [95, 95, 70, 60]
    assert ranking["rank"].tolist() == [1, 1, 3, 4]
    change = ranking["change"]
    assert change[names[a]] == 1 - 4
    assert change[names[b]] == 2 - 1
    assert change[[names[c], names[d]]].isna().all()
    assert ranking["deductions"].tolist() == [5, 5, 30, 70]
    assert set(week.red["name"]) == {names[b], names[c]}
    assert week.black["name"].tolist() == [names[a]]
    traced = assessment.trace(town, rules, week.period, f"lanes/{a}")
    assert traced["points"].tolist() == [20, 50]
    assert traced["inspections"].tolist() == [("J00000",), ("J00001",)]
    # Whoever was not visited is named and has no score.
    assert len(week.unvisited) + 4 == len(places(town, rules))
    assert not set(week.unvisited.index) & set(week.ranking.index)
    assert ((week.ranking["low"] <= week.ranking["shrunk"]) & (week.ranking["high"] <= 100)).all()


ROWS = st.lists(
    st.tuples(
        st.integers(0, 5), st.sampled_from(["2027-03-01", "2027-03-02", "2027-02-24"]),
        st.sampled_from(["XD01", "XD02", "XD11", "暴露垃圾", None, "x"]), st.integers(0, 9),
        st.none() | st.integers(-20, 90), st.sampled_from(["daily", "monthly", None]),
        st.sampled_from([None, "一", "二"]),
    ),
    min_size=1, max_size=20,
)  # fmt: skip


@given(ROWS, st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_the_order_of_rows_changes_nothing(
    inspected: Inspected, rules: Rules, demo_town: Town, drawn: list[Any], random: Any
) -> None:
    lanes = lanes_of_one_group(demo_town, rules, 6)
    rows = [
        {"inspection_id": f"I{n:03}", "unit": lanes[k], "inspected_at": f"{day} 09:00", "item": item,
         "findings": number, "points": points, "level": level, "visit": batch}
        for n, (k, day, item, number, points, level, batch) in enumerate(drawn)
    ]  # fmt: skip
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, other = (
        assessment.ranking(inspected(r), rules, week_of(MONDAY)) for r in (rows, shuffled)
    )
    pd.testing.assert_frame_equal(one, other)
    assert one["score"].between(0, 100).all()
    again = one.groupby("group")["score"].rank(method="min", ascending=False)
    assert (again == one["rank"]).all()


def test_rewards_of_a_month_lead_back_to_their_visits(
    demo_town: Town, rules: Rules, rewards: Rewards
) -> None:
    given_any = False
    for day in (date(2026, 8, 15), date(2026, 9, 15), date(2026, 10, 15)):
        month = assessment.month(demo_town, rules, rewards, day)
        seen = visits(demo_town, rules)
        assert month.ranking["score"].between(0, 100).all()
        totals = month.rewards.groupby("unit")["points"].sum()
        assert month.ranking["reward"].sum() == totals.reindex(month.ranking.index).sum()
        for unit, code, chosen in month.rewards[["unit", "code", "visits"]].itertuples(index=False):
            span = quarter_of(day) if code == "best_chief" else month.period
            mine = between(seen, span.first, span.last)
            mine = mine[mine["unit"] == unit]
            wanted = mine[mine["red"]] if code == "red_line" else mine
            assert list(chosen) == list(wanted.index)
            assert len(chosen)
            given_any = True
        assert ("best_chief" in set(month.rewards["code"])) <= (day.month % 3 == 0)
    assert given_any


def test_flags_by_hand(
    inspected: Inspected, rules: Rules, rewards: Rewards, demo_town: Town
) -> None:
    a, b, c, d = lanes_of_one_group(demo_town, rules, 4)
    days = ("2027-02-03", "2027-02-17")
    town = inspected(
        [row(lane, day, points) for day in days for lane, points in ((a, 1), (b, 20), (c, 60))]
        + [row(d, "2027-02-03", None)]  # one visit is too few for a flag
    )
    month = assessment.month(town, rules, rewards, date(2027, 2, 10))
    got = {(r.unit, r.code): r.points for r in month.rewards.itertuples()}
    assert got == {
        (f"lanes/{a}", "red_flag"): 5, (f"lanes/{c}", "yellow_flag"): -5,
        (f"lanes/{c}", "black_weeks"): -3,
    }  # fmt: skip
    assert month.ranking["reward"][f"lanes/{c}"] == -8
    assert month.town == pytest.approx(np.mean([100, 99, 80, 40]))


def test_weights_of_categories_make_the_towns_score(inspected: Inspected, rules: Rules) -> None:
    town = inspected(
        [
            {"unit": "滨河市场", "inspected_at": "2027-03-01 08:00", "item": None, "points": 40},
            {"unit": "教场市场", "inspected_at": "2027-03-01 08:00", "item": None, "points": 20},
            {"unit": "X110", "inspected_at": "2027-03-01 08:00", "item": None},
        ]
    )
    week = week_of(MONDAY)
    frame = assessment.ranking(town, rules, week)
    assert assessment.town_score(rules, frame) == round((0.15 * 70 + 0.25 * 100) / 0.4, 2)
    homes = assessment.communities(town, rules, week)
    assert homes["visited"].sum() == 3
    assert homes["units"].sum() == places(town, rules)["community_id"].notna().sum()
    assert homes["score"].notna().sum() == (homes["visited"] > 0).sum()


def test_a_bulletin_tells_what_its_numbers_say(demo_town: Town, rules: Rules) -> None:
    seen = visits(demo_town, rules)
    day = seen.frame["day"].value_counts().index[0].date()
    told = bulletin(demo_town, rules, day)
    assert told.by_unit["findings"].sum() == told.visits["findings"].sum()
    assert told.by_community["points"].sum() == pytest.approx(seen.cost[told.visits.index].sum())
    assert f"检查 {len(told.visits)} 次" in told.sentences[0]
    for name in told.visits["name"]:
        assert any(line.startswith(f"{name}（") for line in told.sentences)
    assert bulletin(demo_town, rules, date(2020, 1, 1)).sentences == ("1月1日没有检查记录。",)


def test_no_inspections_at_all(inspected: Inspected, rules: Rules, rewards: Rewards) -> None:
    town = inspected([])
    assert assessment.week(town, rules, MONDAY).ranking.empty
    month = assessment.month(town, rules, rewards, MONDAY)
    assert np.isnan(month.town)
    assert month.rewards.empty
    assert len(month.unvisited) == len(places(town, rules))


def test_another_version_of_the_rules_is_another_answer(demo_town: Town, rules: Rules) -> None:
    lenient = scoring.check(scoring.text().replace("each = 3, cap = 18", "each = 1, cap = 18"))
    period = month_of(date(2026, 10, 1))
    strict, mild = (assessment.ranking(demo_town, r, period) for r in (rules, lenient))
    assert (mild["score"].sort_index() >= strict["score"].sort_index()).all()
    assert mild["score"].sum() > strict["score"].sum()
    assert assessment.ranking(demo_town, replace(rules), period) is strict
