"""Two-step floating catchment against the formula on a full table."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.catchment import two_step_floating_catchment, zone_weights
from geo.network import Network
from geo.walking import Pairs, pairs, snap


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32), homes=st.integers(0, 20), markets=st.integers(0, 6),
    weights=st.sampled_from([None, [1, 0.68, 0.22], [1, 0.42, 0.09]]),
)  # fmt: skip
def test_access_is_that_of_the_formula_and_shares_out_all_supply(seed, homes, markets, weights):
    rng = np.random.default_rng(seed)
    cost = rng.integers(0, 20, (homes, markets)) * 50.0
    upto = [200.0, 400.0, 600.0] if weights else [500.0]
    origin, market = np.nonzero(cost <= 800)
    found = Pairs(origin, market, cost[origin, market], cost.shape)
    people, supply = rng.integers(0, 3, homes) * 100.0, rng.uniform(0, 2000, markets)
    access = two_step_floating_catchment(found, people, supply, upto, weights)

    weight = np.zeros(cost.shape)
    for upper, value in reversed(list(zip(upto, weights or [1.0], strict=True))):
        weight[cost <= upper] = value
    demand = (people[:, None] * weight).sum(axis=0)
    ratio = np.array([s / d if d else np.nan for s, d in zip(supply, demand, strict=True)])
    np.testing.assert_allclose(access.of_facility, ratio)
    np.testing.assert_allclose(access.of_place, (weight * np.nan_to_num(ratio)).sum(axis=1))
    given_out = (people * access.of_place).sum()
    assert given_out == pytest.approx(supply[demand > 0].sum())


def test_on_a_street():
    network = Network.build([shapely.LineString([(0, 0), (2000, 0)])])
    homes = snap(network, [0, 500, 900, 1500], [0] * 4, limit_m=1)
    markets = snap(network, [400, 1000], [0] * 2, limit_m=1)
    access = two_step_floating_catchment(
        pairs(network, homes, markets, 500), [100, 300, 200, 0], [1200, 500], upto=[500]
    )
    # The first market has 600 people within 500 m, the second 500.
    np.testing.assert_allclose(access.of_facility, [2, 1])
    np.testing.assert_allclose(access.of_place, [2, 3, 3, 1])


def test_what_is_wrong_is_said():
    assert zone_weights([0, 500, 500.1, np.inf], [500]).tolist() == [1, 1, 0, 0]
    none = Pairs(*np.empty((2, 0), int), np.empty(0), (2, 1))
    for people, supply in (([1], [1]), ([1, -1], [1]), ([1, np.nan], [1]), ([1, 1], [[1]])):
        with pytest.raises(ValueError, match=r"people|supply"):
            two_step_floating_catchment(none, people, supply, [500])
    for upto, weights in (([], None), ([2, 1], None), ([1, 2], [1]), ([1], [-1]), ([1], [np.nan])):
        with pytest.raises(ValueError, match="zone"):
            zone_weights([1.0], upto, weights)
