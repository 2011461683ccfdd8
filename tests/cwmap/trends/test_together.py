from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse
from esda.moran import Moran_Local_BV
from libpysal.weights import WSP

from cwmap.errors import CwmapError, UnknownName
from cwmap.filters import Filter
from cwmap.town import Town
from cwmap.trends.hotspots import Method, hotspots, neighbours
from cwmap.trends.together import together

EVER = Filter()
STALLS, BINS = "street_market", "bins"


@pytest.fixture(scope="module")
def shared(demo_town: Town, altered: Callable[..., Town]) -> tuple[Town, np.ndarray]:
    """Stalls and bins crowd in one block, garbage and ads each in another; the rest is even."""
    random = np.random.default_rng(0)
    near = neighbours(demo_town, Method())
    middles = np.flatnonzero(np.diff(near.indptr) == 8)[[0, 40, 80]]
    blocks = [np.r_[m, near.indices[near.indptr[m] : near.indptr[m + 1]]] for m in middles]
    kind = np.array(
        [demo_town.categories.group_of(c).key for c in demo_town.codes], object
    )[demo_town.reports.category]  # fmt: skip
    cells = random.integers(len(demo_town.layers["cells"]), size=len(kind))
    for keys, block in zip(((STALLS, BINS), ("garbage",), ("small_ads",)), blocks, strict=True):
        crowded = np.isin(kind, keys) & (random.random(len(kind)) < 0.5)
        cells[crowded] = random.choice(block, int(crowded.sum()))
    return altered(demo_town, cells=cells), blocks[0]


def test_what_crowds_together_is_found(shared: tuple[Town, np.ndarray]) -> None:
    town, block = shared
    found = together(town, EVER, STALLS, BINS)
    hot = np.flatnonzero(found.units["both"].str.startswith("hot"))
    assert set(hot) >= set(block)
    near = neighbours(town, Method())
    assert set(hot) <= set(block) | set(near[block].indices)
    assert f"两类都明显偏多的有 {len(hot)} 个网格" in found.sentence
    assert f"{found.units['first'].iloc[hot].sum()} 件" in found.sentence


@pytest.mark.filterwarnings("ignore:The alternative hypothesis:DeprecationWarning")
def test_it_is_where_local_bivariate_moran_is_high_high(shared: tuple[Town, np.ndarray]) -> None:
    town, block = shared
    found = together(town, EVER, STALLS, BINS)
    near = scipy.sparse.csr_matrix(neighbours(town, Method()).astype(float))
    counts = found.units[["first", "second"]].to_numpy(float).T
    weights = WSP(near).to_W(silence_warnings=True)
    moran = Moran_Local_BV(*counts, weights, permutations=999, seed=1)
    high = (moran.q == 1) & (moran.p_sim <= 0.05)
    hot = found.units["both"].str.startswith("hot").to_numpy()
    assert high[block].all()
    assert high[hot].mean() > 0.5  # those beside the block may have few themselves
    assert not (moran.q[hot] == 3).any()


def test_p_is_the_larger_of_the_two(demo_town: Town) -> None:
    found = together(demo_town, EVER, STALLS, BINS)
    parts = [hotspots(demo_town, Filter(category=(c,))).units for c in (STALLS, BINS)]
    p = np.max([u["gi_p_permuted"].where(u["gi_z"] > 0, 1.0) for u in parts], axis=0)
    assert found.units["p"].tolist() == p.tolist()
    for part in parts:  # nowhere surer than either alone, before correction
        assert (found.units["p"] >= part["gi_p_permuted"]).all()
    assert found.units["first"].equals(parts[0]["reports"])
    swapped = together(demo_town, EVER, BINS, STALLS)
    assert swapped.units["q"].equals(found.units["q"])


@pytest.mark.parametrize(
    "pair", [(STALLS, "garbage"), ("garbage", "small_ads"), ("small_ads", BINS)]
)
def test_what_crowds_apart_is_not(shared: tuple[Town, np.ndarray], pair: tuple[str, str]) -> None:
    found = together(shared[0], EVER, *pair)
    assert (found.units["both"] == "none").all()
    assert "没有两类都明显偏多的网格" in found.sentence


def test_what_cannot_be_asked(demo_town: Town) -> None:
    with pytest.raises(UnknownName):
        together(demo_town, EVER, STALLS, "没有这类")
    with pytest.raises(CwmapError, match="相同"):
        together(demo_town, EVER, STALLS, "09006")
    few = together(demo_town, Filter(source=("暗访",)), STALLS, BINS)
    assert "不足 30 件" in few.refused
    assert few.units[["p", "q", "both"]].isna().all(axis=None)


def test_where_and_the_places_of_both(shared: tuple[Town, np.ndarray]) -> None:
    """Each kind's own hot units stay told apart; the shared block is one place with its reports."""
    town, block = shared
    found = together(town, EVER, STALLS, BINS)
    hot = [f.units["confirmed"].str.startswith("hot").to_numpy() for f in found.found]
    both = found.units["both"].str.startswith("hot").to_numpy()
    where = found.units["where"].to_numpy()
    assert ((where == "both") == both).all()
    assert ((where == "first") == (hot[0] & ~both)).all()
    assert ((where == "second") == (hot[1] & ~hot[0] & ~both)).all()
    ids = found.units.index[both]
    assert sorted(i for place in found.shared for i in place.unit_ids) == sorted(ids)
    first = found.shared[0]
    assert set(found.units.index[block]) <= set(first.unit_ids)
    assert first.first == found.units.loc[list(first.unit_ids), "first"].sum()
    assert first.second == found.units.loc[list(first.unit_ids), "second"].sum()
    assert first.name.endswith("一带")
