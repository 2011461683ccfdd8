"""Siting against every possible choice, and against the published San Francisco answer."""

import os
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import geo.siting
from geo.siting import Standing, maximal_covering, set_covering

SHARED = Path(os.environ.get("CWMAP_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
SAN_FRANCISCO = SHARED / "sf_mclp"


def town(seed, rows, columns, whole):
    rng = np.random.default_rng(seed)
    covers = rng.random((rows, columns)) < rng.uniform(0.05, 0.6)
    weight = rng.integers(0, 20, rows) if whole else rng.exponential(1000, rows)
    return covers, weight.astype(float)


def covered(covers, weight, chosen):
    return weight[covers[:, list(chosen)].any(axis=1)].sum()


instances = {
    "seed": st.integers(0, 2**32),
    "rows": st.integers(0, 25),
    "columns": st.integers(0, 8),
    "whole": st.booleans(),
    "standing": st.integers(0, 2),
}


@settings(max_examples=80, deadline=None)
@given(**instances, sites=st.integers(0, 9), seconds=st.sampled_from([20.0, 0.0]))
def test_maximal_covering_is_the_best_of_all_choices(
    seed, rows, columns, whole, standing, sites, seconds
):
    covers, weight = town(seed, rows, columns, whole)
    fixed = list(range(min(standing, columns)))
    free = [site for site in range(columns) if site not in fixed]
    best = max(
        covered(covers, weight, [*fixed, *chosen])
        for chosen in combinations(free, min(sites, len(free)))
    )
    before = covers.copy(), weight.copy()
    plan = maximal_covering(covers, weight, sites=sites, fixed=fixed, time_limit_s=seconds)
    for given_in, kept in zip(before, (covers, weight), strict=True):
        np.testing.assert_array_equal(given_in, kept)
    assert len(plan.sites) <= sites
    assert not set(plan.sites) & set(fixed)
    assert plan.covered == pytest.approx(covered(covers, weight, [*fixed, *plan.sites]))
    assert plan.covered_before == pytest.approx(covered(covers, weight, fixed))
    assert plan.total == pytest.approx(weight.sum())
    assert plan.covered <= best * (1 + 1e-9)
    assert plan.bound >= best * (1 - 1e-9)
    assert plan.covered >= (1 - plan.gap) * plan.bound * (1 - 1e-9)
    if seconds:
        assert plan.proven
        assert plan.covered == pytest.approx(best)
    # What each adds, in the order given; every one adds something, and never more than the last.
    for k, gain in enumerate(plan.gain):
        upto = [covered(covers, weight, [*fixed, *plan.sites[:n]]) for n in (k, k + 1)]
        assert gain == pytest.approx(upto[1] - upto[0])
    assert (plan.gain > 0).all()
    assert (np.diff(plan.gain) <= 1e-9 * plan.total).all()


@settings(max_examples=80, deadline=None)
@given(**instances, seconds=st.sampled_from([20.0, 0.0]))
def test_set_covering_is_the_smallest_of_all_choices(seed, rows, columns, whole, standing, seconds):
    covers, weight = town(seed, rows, columns, whole)
    fixed = list(range(min(standing, columns)))
    free = [site for site in range(columns) if site not in fixed]
    coverable = covers.any(axis=1)
    least = next(
        size
        for size in range(len(free) + 1)
        if any(
            covers[coverable][:, [*fixed, *chosen]].any(axis=1).all()
            for chosen in combinations(free, size)
        )
    )
    plan = set_covering(covers, weight, fixed=fixed, time_limit_s=seconds)
    assert covers[coverable][:, [*fixed, *plan.sites]].any(axis=1).all()
    np.testing.assert_array_equal(plan.uncoverable, np.flatnonzero(~coverable))
    assert plan.covered == pytest.approx(weight[coverable].sum())
    assert plan.bound <= least <= len(plan.sites)
    if seconds:
        assert plan.proven
        assert len(plan.sites) == least


def test_an_answer_that_is_not_proven_says_so(monkeypatch):
    rng = np.random.default_rng(3)
    covers, weight = rng.random((120, 30)) < 0.1, rng.exponential(100, 120)
    best = maximal_covering(covers, weight, sites=6)
    fewest = set_covering(covers)
    assert best.proven
    assert fewest.proven
    stopped = geo.siting.OptimizeResult(x=None, mip_dual_bound=None)
    monkeypatch.setattr(geo.siting, "milp", lambda *_, **__: stopped)
    plan = maximal_covering(covers, weight, sites=6)
    assert not plan.proven
    assert plan.covered <= best.covered <= plan.bound
    assert plan.gap == pytest.approx(1 - plan.covered / plan.bound)
    assert plan.covered >= (1 - 1 / np.e) * best.covered  # what the greedy way is known for
    plan = set_covering(covers)
    assert not plan.proven
    assert plan.bound <= len(fewest.sites) <= len(plan.sites)


def test_equal_sites_are_taken_in_their_order():
    covers = np.kron(np.eye(3, dtype=bool), np.ones((4, 2), dtype=bool))  # two equals for each
    plan = maximal_covering(covers, sites=2)
    assert plan.sites.tolist() == [0, 2]
    assert plan.gain.tolist() == [4, 4]
    assert maximal_covering(covers, sites=6).sites.tolist() == [0, 2, 4]  # more add nothing


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32), rows=st.integers(0, 30), columns=st.integers(0, 6),
    add=st.booleans(), take=st.booleans(),
)  # fmt: skip
def test_moved_pin_equals_the_table_anew(seed, rows, columns, add, take):
    rng = np.random.default_rng(seed)
    cost = rng.integers(0, 20, (rows, columns)) * 50.0  # with ties and costs on the limit
    cost[cost > 800] = np.inf
    weight, limit = rng.integers(0, 9, rows), 500.0
    there = np.where(rng.random(rows) < 0.5, np.inf, rng.integers(0, 20, rows) * 50.0)
    site = None if add or not columns else int(rng.integers(columns))
    after = cost if site is None else np.delete(cost, site, axis=1)
    after = after if take else np.column_stack([after, there])
    standing = Standing.of(cost, weight, limit=limit)
    change = standing.moved(site, None if take else there)
    np.testing.assert_array_equal(change.cost, after.min(axis=1, initial=np.inf))
    was, now = (cost <= limit).any(axis=1), (after <= limit).any(axis=1)
    assert standing.covered == weight[was].sum()
    assert change.covered == weight[now].sum()
    np.testing.assert_array_equal(change.gained, np.flatnonzero(now & ~was))
    np.testing.assert_array_equal(change.lost, np.flatnonzero(was & ~now))


def test_what_is_wrong_is_said():
    covers = np.ones((3, 2), dtype=bool)
    with pytest.raises(ValueError, match="bools"):
        maximal_covering(np.ones((3, 2)), sites=1)
    with pytest.raises(ValueError, match="bools"):
        set_covering(np.ones(3, dtype=bool))
    for weight in ([1, 2], [1, -1, 1], [1, np.nan, 1]):
        with pytest.raises(ValueError, match="weight"):
            maximal_covering(covers, weight, sites=1)
    with pytest.raises(ValueError, match="sites"):
        maximal_covering(covers, sites=-1)
    with pytest.raises(ValueError, match="fixed"):
        maximal_covering(covers, sites=1, fixed=[2])
    with pytest.raises(ValueError, match="NaN"):
        Standing.of([[np.nan]], limit=1)
    standing = Standing.of(np.ones((3, 2)), limit=1)
    with pytest.raises(ValueError, match="no site 2"):
        standing.moved(2, None)
    with pytest.raises(ValueError, match="cost_there"):
        standing.moved(0, [1.0])


@pytest.fixture(scope="module")
def san_francisco():
    if not SAN_FRANCISCO.is_dir():
        pytest.skip(f"the published San Francisco data set is not at {SAN_FRANCISCO}")
    file = "SF_network_distance_candidateStore_16_censusTract_205_new.csv"
    table = pd.read_csv(SAN_FRANCISCO / file)
    table["site"] = table["name"].str.removeprefix("Store_").astype(int)
    cost = table.pivot_table(index="DestinationName", columns="site", values="distance")
    demand = table.groupby("DestinationName")["demand"].first()
    assert cost.shape == (205, 16)
    people = demand.loc[cost.index].to_numpy(float)
    return cost.fillna(np.inf).to_numpy() <= 5000, people, cost.columns.to_numpy()


def test_san_francisco_as_published(san_francisco):
    # spopt's test: four stores within 5,000 m leave 21 of 205 tracts, 89.756 % are covered.
    covers, people, stores = san_francisco
    answers = {1: 448_255, 2: 671_938, 3: 791_499, 4: 875_247, 5: 927_402}
    for sites, expected in answers.items():
        plan = maximal_covering(covers, people, sites=sites)
        assert plan.covered == expected
        assert plan.proven
    four = maximal_covering(covers, people, sites=4)
    assert four.total == 955_113
    reached = covers[:, four.sites].any(axis=1)
    assert (~reached).sum() == 21
    assert round(100 * reached.mean(), 3) == 89.756
    assert sorted(stores[four.sites]) == [2, 11, 12, 15]  # no other four cover as much
    assert four.gain.sum() == four.covered


def test_san_francisco_needs_eight_stores_for_all_that_can_be_covered(san_francisco):
    covers, people, _ = san_francisco
    plan = set_covering(covers, people)
    assert len(plan.sites) == plan.bound == 8
    assert covers[:, plan.sites].any(axis=1).sum() + len(plan.uncoverable) == 205
