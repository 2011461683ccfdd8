from collections.abc import Callable
from datetime import date

import geopandas as gpd
import numpy as np
import pytest
import scipy.sparse
import scipy.stats
from esda.getisord import G_Local
from libpysal.weights import WSP

from cwmap import figures
from cwmap.demo import DemoTown
from cwmap.errors import CwmapError
from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.town import Town
from cwmap.trends.hotspots import Method, hotspots
from cwmap.writers import layers
from geo.hotspots import permutation_p

EVER = Filter()


def touching(town: Town, layer: str, distance_m: float = 0.5) -> np.ndarray:
    """Neighbours by geopandas alone, (n, n)."""
    metric = town.layers[layer].geometry.to_crs(town.settings.crs).reset_index(drop=True)
    near = gpd.sjoin(
        gpd.GeoDataFrame(geometry=metric), gpd.GeoDataFrame(geometry=metric),
        predicate="dwithin", distance=distance_m,
    )  # fmt: skip
    matrix = np.zeros((len(metric), len(metric)), bool)
    matrix[near.index, near["index_right"]] = True
    np.fill_diagonal(matrix, False)
    return matrix


def by_hand(p: np.ndarray) -> np.ndarray:
    """Benjamini and Hochberg's q from its definition."""
    n = len(p)
    return np.array([min(n * v / (p <= v).sum() for v in p[p >= own]) for own in p]).clip(max=1)


@pytest.mark.parametrize(
    ("method", "layer", "distance_m"),
    [
        (Method(), "cells", 0.5),
        (Method(neighbourhood=120.0), "cells", 120.0),
        (Method(units="lanes"), "lanes", 0.5),
    ],
)
def test_gi_star_is_that_of_esda(
    demo_town: Town, method: Method, layer: str, distance_m: float
) -> None:
    units = hotspots(demo_town, EVER, method).units
    if layer == "cells":
        values = figures.cells(demo_town, EVER)["reports"]
    else:
        values = figures.lanes(demo_town, EVER)["rate_shrunk"]
    near = touching(demo_town, layer, distance_m)
    weights = WSP(scipy.sparse.csr_matrix(near.astype(float))).to_W(silence_warnings=True)
    esda = G_Local(values.to_numpy(float), weights, transform="B", permutations=0, star=True)
    np.testing.assert_allclose(units["gi_z"], esda.Zs, rtol=0, atol=1e-9)
    p = 2 * scipy.stats.norm.sf(np.abs(esda.Zs))
    np.testing.assert_allclose(units["gi_p"], p, rtol=0, atol=1e-12)
    np.testing.assert_allclose(units["gi_q"], by_hand(p), rtol=0, atol=1e-12)
    sure = units["gi_q"] <= 0.01
    assert set(units["hotspot"][sure & (units["gi_z"] > 0)]) <= {"hot99"}
    assert (units["hotspot"] == "hot99").sum() == (sure & (units["gi_z"] > 0)).sum()
    assert (units["hotspot"] == "none").sum() == (units["gi_q"] > 0.1).sum()


@pytest.mark.parametrize("units", ["cells", "lanes"])
def test_counts_and_expectations_add_up(demo_town: Town, units: str) -> None:
    found = hotspots(demo_town, EVER, Method(units=units)).units
    own = found[["reports", "expected"]].to_numpy(float)
    around = touching(demo_town, units) + np.eye(len(found))
    np.testing.assert_allclose(found[["nearby", "nearby_expected"]], around @ own, atol=1e-9)
    assert found["reports"].sum() == pytest.approx(found["expected"].sum())
    assert found["reports"].sum() == (demo_town.reports.place[units] >= 0).sum()
    if units == "lanes":
        length = demo_town.layers["lanes"]["length_m"]
        np.testing.assert_allclose(
            found["expected"] / found["expected"].sum(), length / length.sum()
        )


def test_the_second_method_is_named_where_it_disagrees(demo_town: Town) -> None:
    found = hotspots(demo_town, EVER)
    near = scipy.sparse.csr_array(touching(demo_town, "cells"))
    counts = figures.cells(demo_town, EVER)["reports"]
    p = permutation_p(counts, near, 99_999, 0, conditional=False)
    q = scipy.stats.false_discovery_control(p)
    np.testing.assert_allclose(found.units["gi_q_permuted"], q)
    hot = found.units["gi_z"] > 0
    assert (found.units["confirmed"].isin(["hot99", "hot95"]) == ((q <= 0.05) & hot)).all()
    alone = int(((found.units["gi_q"] <= 0.05) & (q > 0.05)).sum())
    assert alone > 0
    assert f"{alone} 个网格只有正态近似判为热点" in found.notes[0]
    conditional = hotspots(demo_town, EVER, Method(permutations=9_999, shuffle="others")).units
    np.testing.assert_allclose(conditional["gi_p"], permutation_p(counts, near, 9_999, 0))
    assert conditional["hotspot"].equals(conditional["confirmed"])


def test_nothing_is_claimed_where_nothing_is_planted(
    demo_town: Town, scattered: Callable[[Town, int], Town]
) -> None:
    """As skewed as the demo, but shuffled: a false discovery in at most 5 % of the towns."""
    confirmed, normal = [], []
    for seed in range(10):
        units = hotspots(scattered(demo_town, seed), EVER).units
        confirmed.append((units["gi_q_permuted"] <= 0.05).any())
        normal.append((units["gi_q"] <= 0.05).any())
    assert sum(confirmed) <= 2  # more than 2 of 10 at 5 %: 1 in 100
    assert sum(normal) >= 5  # why the normal approximation is not enough


def test_the_planted_cluster_is_found(demo_town: Town, demo_rows: DemoTown) -> None:
    planted = next(c for c in demo_rows.truth["clusters"] if c["key"] == "stalls_no_market")
    units = hotspots(demo_town, Filter(category=(planted["category_group"],))).units
    hot = set(units.index[units["confirmed"].str.startswith("hot")])
    assert len(hot & set(planted["cell_ids"])) >= 0.75 * len(planted["cell_ids"])
    near = touching(demo_town, "cells")[units.index.isin(planted["cell_ids"])].any(axis=0)
    around = set(units.index[near]) | set(planted["cell_ids"])
    assert len(hot - around) <= 0.1 * len(hot)


def test_patrols_only_is_a_filter_of_sources(demo_town: Town, altered: Callable[..., Town]) -> None:
    found = hotspots(demo_town, EVER, Method(patrol_only=True))
    assert found.question.source == ("巡查", "暗访")
    same = hotspots(demo_town, Filter(source=("巡查", "暗访")))
    assert found.units.equals(same.units)
    assert "只看巡查类来源" in found.caption
    one = hotspots(demo_town, Filter(source=("暗访", "12345热线")), Method(patrol_only=True))
    assert one.question.source == ("暗访",)
    heard = demo_town.reports.source == demo_town.sources.index("12345热线")
    citizens = altered(
        demo_town, keep=heard, source=np.zeros(len(heard), np.int32), sources=("热线",)
    )
    with pytest.raises(CwmapError, match="巡查"):
        hotspots(citizens, EVER, Method(patrol_only=True))


def test_a_place_in_the_filter_does_not_make_the_rest_cold(demo_town: Town) -> None:
    area = demo_town.layers["areas"].index[0]
    inside, everywhere = hotspots(demo_town, Filter(area=(area,))), hotspots(demo_town, EVER)
    assert inside.units.equals(everywhere.units)
    assert inside.notes == (*everywhere.notes, "冷热点按全镇计算，不受地点筛选影响")


def test_what_says_nothing_is_refused_in_a_sentence(
    demo_town: Town, altered: Callable[..., Town]
) -> None:
    n = len(demo_town.reports)
    few = hotspots(demo_town, Filter(start=date(2026, 10, 31), end=date(2026, 10, 31)))
    cells = demo_town.layers["cells"]
    small = altered(
        demo_town, layers={"cells": cells.head(20)}, cells=demo_town.reports.place["cells"] % 20
    )
    even = altered(demo_town, cells=np.arange(n) % len(cells), keep=np.arange(n) < len(cells))
    none = altered(demo_town, keep=np.zeros(n, bool))
    for found, why in (
        (few, "不足 30 件"), (hotspots(small, EVER), "20 个，不足 30 个"),
        (hotspots(even, EVER), "都相同"), (hotspots(none, EVER), "0 件"),
    ):  # fmt: skip
        assert why in found.refused
        assert found.refused in found.notes
        assert found.units[["gi_z", "gi_p", "gi_q", "hotspot", "confirmed"]].isna().all(axis=None)
        assert len(found.units) == len(found.units.index.unique())


def test_islands_and_missing_corrections_are_said(
    demo_town: Town, altered: Callable[..., Town]
) -> None:
    cells = demo_town.layers["cells"].copy()
    cells.loc[cells.index[:2], "geometry"] = None
    islands = hotspots(altered(demo_town, layers={"cells": cells}), EVER)
    assert "2 个网格没有相邻网格，只按自身判断" in islands.notes
    assert np.isfinite(islands.units["gi_z"]).all()
    bare = hotspots(demo_town, EVER, Method(fdr=False))
    assert any("未作多重检验校正" in note for note in bare.notes)
    assert "未作多重检验校正" in bare.caption
    assert (bare.units["hotspot"] != "none").sum() == (bare.units["gi_p"] <= 0.1).sum()


def test_every_choice_is_printed(demo_town: Town) -> None:
    caption = hotspots(demo_town, Filter(category=("road",)), Method(neighbourhood=150.0)).caption
    reports = int(figures.cells(demo_town, Filter(category=("road",)))["reports"].sum())
    for word in (
        f"网格 {len(demo_town.layers['cells']):,} 个", "公顷", "边到边 150 米以内", "权重为 1", "正态近似",
        "置换 99,999 次（种子 0）", "Benjamini–Hochberg", f"{reports:,} 件", str(demo_town.first_day),
        str(demo_town.as_of), demo_town.categories.find_group("road").name,
    ):  # fmt: skip
        assert word in caption


@pytest.mark.parametrize(
    "wrong", [{"neighbourhood": 0.0}, {"neighbourhood": 9_000.0}, {"permutations": 5}]
)
def test_methods_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(CwmapError):
        Method(**wrong)


def test_the_export_has_these_numbers(demo_town: Town, demo_workspace: Workspace) -> None:
    frame = layers.layer_frame(demo_town, demo_workspace, "cells", EVER).set_index("cell_id")
    units = hotspots(demo_town, EVER).units
    for name in ("gi_z", "gi_p", "gi_q"):
        np.testing.assert_array_equal(frame[name], units[name])
    assert list(frame["hotspot"]) == list(units["hotspot"])
    assert hotspots(demo_town, EVER).caption in layers.layer_notes(demo_town, "cells", EVER)
    lanes = layers.layer_notes(demo_town, "lanes", EVER)
    counted = f"计入 {figures.lanes(demo_town, EVER)['reports'].sum():,} 件"
    assert any(counted in note for note in lanes)


def test_ranked_rates_have_an_interval(demo_town: Town) -> None:
    ranked = figures.worst_lanes(demo_town, EVER, 216)
    assert (ranked["rate_low"] <= ranked["rate_shrunk"]).all()
    assert (ranked["rate_shrunk"] <= ranked["rate_high"]).all()
    width = (ranked["rate_high"] - ranked["rate_low"]) / ranked["rate_shrunk"]
    short, long = ranked["length_m"].nsmallest(20).index, ranked["length_m"].nlargest(20).index
    assert width[short].mean() > 1.5 * width[long].mean()
    empty = figures.lanes(demo_town, Filter(start=date(2027, 1, 1)))
    assert empty[["rate_low", "rate_high"]].isna().all(axis=None)
