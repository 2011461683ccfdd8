"""Sites: against the town with the facility really built, against all choices, and moved pins."""

from collections import OrderedDict
from dataclasses import replace
from itertools import combinations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import Point

from cwmap.gaps import siting
from cwmap.gaps.facilities import Norms
from cwmap.gaps.reach import served
from cwmap.gaps.siting import place, proposal, shares_after
from cwmap.town import Town
from geo.coordinates import to_wgs84


def built(town: Town, plan: siting.Placed, kind: str) -> Town:
    """The town with a plan's facilities standing."""
    rows = gpd.GeoDataFrame(
        {"kind": kind, "standard": "yes", "name": plan.frame["name"]},
        geometry=gpd.points_from_xy(plan.frame["lon"], plan.frame["lat"]), crs="EPSG:4326",
        index=[f"N{n}" for n in plan.frame["order"]],
    )  # fmt: skip
    stands = pd.concat([town.layers["facilities"], rows])
    return replace(town, layers=town.layers | {"facilities": stands}, _kept=OrderedDict())


@pytest.mark.parametrize("kind", ["market", "toilet", "sorting_station"])
def test_a_plan_does_what_it_says_once_it_is_built(
    demo_town: Town, norms: Norms, kind: str
) -> None:
    facility = norms.facilities[kind]
    norm = facility.radius()
    assert norm
    found = proposal(demo_town, norms, kind)
    plan = found.placed
    assert found.proven
    assert len(plan.frame) == norms.sites
    assert plan.after - plan.before == pytest.approx(plan.frame["adds"].sum())
    town = built(demo_town, plan, kind)
    real = served(town, norms, facility, norm, "town").iloc[0]
    assert real["of_standard"] == pytest.approx(plan.after)
    assert real["share"] == pytest.approx(plan.frame["share_after"].iloc[-1])
    areas = served(town, norms, facility, norm, "areas")["share"]
    promised = shares_after(demo_town, norms, facility, norm, "areas", plan)
    pd.testing.assert_series_equal(areas, promised, check_names=False)
    before = served(demo_town, norms, facility, norm, "areas")["share"]
    pd.testing.assert_series_equal(
        before, shares_after(demo_town, norms, facility, norm, "areas", None), check_names=False
    )


def test_no_two_candidates_do_better(demo_town: Town, norms: Norms) -> None:
    few = replace(norms, candidates=25)
    facility = few.facilities["market"]
    norm = facility.radius()
    assert norm
    spots = siting.candidates(demo_town, few, facility, norm)
    assert 10 < len(spots) <= 25
    lon, lat = to_wgs84(spots["x"].to_numpy(), spots["y"].to_numpy(), demo_town.settings.crs)
    best = max(
        place(demo_town, few, facility, norm, [(lon[a], lat[a]), (lon[b], lat[b])]).after
        for a, b in combinations(range(len(spots)), 2)
    )
    # Another version of the norms is another plan: nothing kept is mixed up.
    own = replace(few, version="few")
    assert proposal(demo_town, own, "market", sites=2).placed.after == pytest.approx(best)


def test_sites_within_an_area_lie_in_it(demo_town: Town, norms: Norms) -> None:
    found = proposal(demo_town, norms, "market", sites=1, area_id="P01")
    row = found.placed.frame.iloc[0]
    area = demo_town.layers["areas"].geometry["P01"]
    assert area.buffer(1e-9).covers(Point(row["lon"], row["lat"]))
    assert row["adds"] > 0.5 * 7000


def test_given_candidates_are_the_only_ones_but_for_upgrades(demo_town: Town, norms: Norms) -> None:
    stands = demo_town.layers["facilities"]
    lots = stands[stands["kind"] == "toilet"].head(4).assign(kind="other", name="空地")
    lots.index = [f"K{n}" for n in range(4)]
    town = replace(
        demo_town, layers=demo_town.layers | {"facilities": pd.concat([stands, lots])},
        _kept=OrderedDict(),
    )  # fmt: skip
    facility = norms.facilities["market"]
    spots = siting.candidates(town, norms, facility, facility.radii["market500"])
    assert spots["source"].value_counts().to_dict() == {"given": 4, "upgrade": 1}
    assert proposal(town, norms, "market", sites=12).candidates == 5


def test_a_moved_pin_changes_what_is_served(demo_town: Town, norms: Norms) -> None:
    facility = norms.facilities["market"]
    norm = facility.radius()
    assert norm
    plan = proposal(demo_town, norms, "market", sites=2).placed
    pins = list(zip(plan.frame["lon"], plan.frame["lat"], strict=True))
    same = place(demo_town, norms, facility, norm, pins)
    np.testing.assert_array_equal(same.covers, plan.covers)
    there = place(demo_town, norms, facility, norm, [pins[0], (104.0, 33.0)])
    assert there.frame["problem"].tolist()[0] == ""
    assert "走不到" in there.frame["problem"].iloc[1]
    assert there.frame["adds"].tolist() == [plan.frame["adds"][0], 0]
    assert there.after < plan.after
    twice = place(demo_town, norms, facility, norm, [pins[0], pins[0]])
    assert twice.frame["adds"].tolist()[1] == 0
    none = place(demo_town, norms, facility, norm, [])
    assert (none.after, len(none.frame)) == (none.before, 0)


def test_nobody_to_serve(demo_town: Town, norms: Norms) -> None:
    empty = {name: demo_town.layers[name][:0] for name in ("population", "lanes", "backdrop")}
    town = replace(demo_town, layers=demo_town.layers | empty, _kept=OrderedDict())
    found = proposal(town, norms, "market")
    assert found.placed.frame.empty
    assert np.isnan(found.placed.share)
