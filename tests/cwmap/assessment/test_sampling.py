"""The mock sampler: known sizes, a seed, and plain words where something is not known or too few."""

from collections import Counter

import pytest

from cwmap.assessment import sampling
from cwmap.errors import CwmapError
from cwmap.town import Town


def test_the_known_sizes_and_no_others() -> None:
    sizes = sampling.load()
    assert not sizes.verified
    assert sizes.places == (161, 215, 267)
    assert sizes.sanitation == (61, 79, 99)
    known = {s.key: s.sizes for s in sizes.strata if s.sizes}
    assert known == {
        "main_road": (8, 12, 15), "street_office": (1, 2, 2), "community": (2, 3, 4),
    }  # fmt: skip


@pytest.mark.parametrize(("residents", "roads"), [(499_999, 8), (500_000, 12), (2_000_000, 15)])
def test_the_size_of_the_city_decides(demo_town: Town, residents: int, roads: int) -> None:
    sample = sampling.draw(demo_town, sampling.load(), 1, residents)
    assert Counter(sample.frame["class"])["main_road"] == roads
    mine = sample.frame[sample.frame["class"] == "main_road"]["id"].str.removeprefix("lanes/")
    assert set(demo_town.layers["lanes"].loc[mine, "kind"]) <= {"main", "secondary"}


def test_the_same_seed_draws_the_same(demo_town: Town) -> None:
    sizes = sampling.load()
    one, again, other = (
        sampling.draw(demo_town, sizes, seed, own={"lane": 20}).frame for seed in (4, 4, 5)
    )
    assert one.equals(again)
    assert not one.equals(other)
    assert one["id"].is_unique
    # A stratum more does not change what the others draw.
    fewer = sampling.draw(demo_town, sizes, 4).frame
    assert fewer["id"].tolist() == [
        i for i, c in zip(one["id"], one["class"], strict=True) if c != "lane"
    ]


def test_each_place_is_as_likely_as_another(demo_town: Town) -> None:
    sizes = sampling.load()
    drawn = Counter(
        place
        for seed in range(150)
        for place in sampling.draw(demo_town, sizes, seed).frame.query("`class` == 'main_road'")[
            "id"
        ]
    )
    roads = demo_town.layers["lanes"]["kind"].isin(["main", "secondary"]).sum()
    wanted = 150 * 8 / roads
    assert len(drawn) == roads
    assert max(abs(n - wanted) for n in drawn.values()) < 4.5 * wanted**0.5


def test_what_is_too_few_or_not_known_is_said(demo_town: Town) -> None:
    sample = sampling.draw(demo_town, sampling.load(), 1, own={"market": 9, "toilet": 0})
    said = "\n".join(sample.notes)
    assert "农贸市场应抽 9 处，全镇只有 5 处" in said
    assert "161" in said
    assert "居民小区" in said
    assert "公共厕所" not in said
    assert Counter(sample.frame["class"])["market"] == 5
    for wrong in ({"bank": 1}, {"lane": -1}):
        with pytest.raises(CwmapError):
            sampling.draw(demo_town, sampling.load(), 1, own=wrong)
