"""How sure an order is: against oracles and by simulation."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cwmap.assessment import fairness
from cwmap.assessment.scoring import Rules
from cwmap.assessment.visits import Visits, places, visits
from cwmap.town import Town


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5)), max_size=30))
@settings(deadline=None)
def test_ranks_are_pandas_ranks(rows: list[tuple[str, int]]) -> None:
    frame = pd.DataFrame(rows, columns=["group", "score"])
    wanted = frame.groupby("group")["score"].rank(method="min", ascending=False)
    assert fairness.rank_within(frame["group"], frame["score"]).tolist() == wanted.tolist()


def seen_of(
    scores: dict[str, list[float]], weights: dict[str, list[float]] | None = None
) -> Visits:
    rows = [
        (unit, score, (weights or {}).get(unit, [1.0] * len(mine))[k])
        for unit, mine in scores.items()
        for k, score in enumerate(mine)
    ]
    frame = pd.DataFrame(rows, columns=["unit", "score", "weight"])
    frame = frame.assign(kind="lane", day=pd.Timestamp("2026-01-01"))
    return Visits(frame, pd.DataFrame(), pd.Series(dtype=float), pd.DataFrame())


def test_scatter_is_the_analysis_of_variance() -> None:
    scores = {"a": [90.0, 80, 85], "b": [60.0, 70], "c": [95.0], "d": [75.0, 77, 73, 71]}
    told = fairness.scatter(seen_of(scores), date(2026, 1, 2)).loc["lane"]
    n = np.array([len(v) for v in scores.values()])
    every = np.concatenate([*scores.values()])
    inner = sum(((np.array(v) - np.mean(v)) ** 2).sum() for v in scores.values())
    outer = sum(len(v) * (np.mean(v) - every.mean()) ** 2 for v in scores.values())
    within = inner / (len(every) - 4)
    spare = (len(every) - (n**2).sum() / len(every)) / 3
    assert told["within"] == pytest.approx(within)
    assert told["between"] == pytest.approx((outer / 3 - within) / spare)
    assert fairness.scatter(seen_of({"a": [90.0]}), date(2026, 1, 2))["within"].isna().all()


def test_means_weigh_visits() -> None:
    seen = seen_of({"b": [50.0, 80.0], "a": [70.0]}, {"b": [3.0, 1.0], "a": [2.0]})
    told = fairness.means(seen.frame)
    assert told.index.tolist() == ["a", "b"]
    assert told["score"].tolist() == [70, 57.5]
    assert told["effective"].tolist() == [1, 16 / 10]


@pytest.mark.parametrize(("known", "least"), [(True, 0.88), (False, 0.83)])
def test_how_often_the_truth_lies_within_the_interval(known: bool, least: float) -> None:
    """Nine times in ten, and a little less where the variances are estimated from few visits."""
    rng = np.random.default_rng(5)
    hit = rank_hit = total = 0
    for _ in range(120):
        truth = rng.normal(70, 6, 25)
        number = rng.integers(1, 6, 25)
        scores = {f"u{k:02}": list(truth[k] + rng.normal(0, 8, n)) for k, n in enumerate(number)}
        seen = seen_of(scores)
        units = fairness.means(seen.frame).assign(kind="lane", group="巷道")
        units["rank"] = fairness.rank_within(units["group"], units["score"])
        spread = pd.DataFrame({"within": [64.0], "between": [36.0]}, index=["lane"])
        if not known:
            spread = fairness.scatter(seen, date(2026, 1, 2))
        sure = fairness.sureness(units, spread)
        hit += int(((sure["low"] <= truth) & (truth <= sure["high"])).sum())
        real = (-truth).argsort().argsort() + 1
        rank_hit += int(((sure["rank_low"] <= real) & (real <= sure["rank_high"])).sum())
        total += 25
    assert least < hit / total < 0.92
    assert least < rank_hit / total < 0.95


def test_few_visits_are_drawn_towards_the_group() -> None:
    seen = seen_of(
        {
            "one": [100.0],
            "many": [95.0] * 6 + [97.0] * 6,
            "low": [60.0, 70, 65, 62],
            "mid": [80.0, 70],
        }
    )
    units = fairness.means(seen.frame).assign(kind="lane", group="巷道")
    units["rank"] = fairness.rank_within(units["group"], units["score"])
    spread = pd.DataFrame({"within": [100.0], "between": [100.0]}, index=["lane"])
    sure = fairness.sureness(units, spread)
    pulled = (units["score"] - sure["shrunk"]).abs()
    assert pulled["one"] > 3 * pulled["many"]
    assert sure["high"].max() <= 100
    assert sure["better_than_next"].isna().sum() == 1
    # First in rank, but seen once: no more likely the better one than the unit seen twelve times.
    assert sure["better_than_next"]["one"] < 0.5


def test_weighing_by_length_spares_the_long_ones(demo_town: Town, rules: Rules) -> None:
    told = fairness.by_length(demo_town, rules, date(2026, 5, 1), date(2026, 10, 31))
    known = places(demo_town, rules)
    typical = known["length_m"].groupby(known["kind"]).median()[told["kind"]].to_numpy()
    longer = told["length_m"] > typical
    assert (told["score_by_length"] >= told["score"])[longer].all()
    assert (told["score_by_length"] <= told["score"])[~longer].all()
    assert told["score_by_length"].between(0, 100).all()
    assert (told["score_by_length"] != told["score"]).any()
    seen = visits(demo_town, rules).frame
    unit = told.index[0]
    found = seen[(seen["unit"] == unit) & (seen["day"] >= "2026-05-01")]["findings"].mean()
    assert told["findings_per_100m"].iloc[0] == pytest.approx(
        found / told["length_m"].iloc[0] * 100
    )
