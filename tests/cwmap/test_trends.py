"""Hot spots and trends of the demo town against their definitions, and when there are none."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.stats
import shapely

from cwmap import figures, importing
from cwmap.demo import DemoTown
from cwmap.filters import Filter
from cwmap.store import Merged, Settings, Workspace
from cwmap.town import Town, open_town
from cwmap.trends import MOST_WEEKS, hotspots, weekly

GROUP = Filter(category=("garbage", "street_market"))


def test_hot_spots_are_gi_star_of_the_counts_on_the_page(demo_town: Town) -> None:
    found = hotspots(demo_town, GROUP)
    counts = figures.cells(demo_town, GROUP)["reports"].to_numpy(float)
    metric = demo_town.layers["cells"].to_crs(demo_town.settings.crs).geometry.to_numpy()
    west, south, east, north = shapely.bounds(metric).T
    near = (west[:, None] <= east + 0.5) & (south[:, None] <= north + 0.5)
    near &= near.T  # boxes that come close; of these the shapes
    one, other = np.nonzero(near)
    near[one, other] = shapely.distance(metric[one], metric[other]) <= 0.5
    assert near.diagonal().all()  # each cell counts itself
    n, w = len(counts), near.sum(axis=1)
    spread = counts.std() * np.sqrt((n * w - w**2) / (n - 1))
    z = (near @ counts - counts.mean() * w) / spread
    cells = found.cells
    assert cells.index.tolist() == demo_town.layers["cells"].index.tolist()
    np.testing.assert_allclose(cells["gi_z"], z, atol=1e-9)
    p = 2 * scipy.stats.norm.sf(np.abs(z))
    np.testing.assert_allclose(cells["gi_p"], p, rtol=1e-6)
    np.testing.assert_allclose(cells["gi_q"], scipy.stats.false_discovery_control(p), rtol=1e-6)
    q = cells["gi_q"]
    assert (cells["hotspot"].eq("hot99") == ((q <= 0.01) & (z > 0))).all()
    assert (cells["hotspot"].eq("none") == (q > 0.1)).all()
    assert cells["hotspot"].eq("hot99").any()
    assert found.notes == ()


def test_weeks_are_whole_and_end_with_the_period(
    demo_town: Town, demo_workspace: Workspace
) -> None:
    end = demo_town.as_of - timedelta(days=10)
    question = replace(GROUP, end=end)
    weeks = weekly(demo_town, question)
    days = (end - demo_town.first_day).days + 1
    assert weeks.shape == (len(demo_town.layers["cells"]), min(days // 7, MOST_WEEKS))
    rows = demo_workspace.read("reports", ["category", "reported_at", "cell_id"])
    rows = rows[
        rows["category"].map(lambda c: demo_town.categories.group_of(c).key).isin(GROUP.category)
    ]
    local = rows["reported_at"].dt.tz_localize("UTC").dt.tz_convert(demo_town.settings.timezone)
    ago = (pd.Timestamp(end) - local.dt.tz_localize(None).dt.floor("D")).dt.days // 7
    for back in (0, 1, weeks.shape[1] - 1):
        expected = rows[ago == back].groupby("cell_id").size()
        expected = expected.reindex(demo_town.layers["cells"].index, fill_value=0)
        assert weeks[:, -1 - back].tolist() == expected.tolist()


def test_a_trend_needs_evidence(demo_town: Town) -> None:
    trend = hotspots(demo_town, Filter()).cells["trend"]
    series = weekly(demo_town, Filter())
    assert set(trend) <= {"increasing", "decreasing", "none"}
    assert (trend[series.sum(axis=1) == 0] == "none").all()
    weeks = np.arange(series.shape[1])
    for cell in np.argsort(-series.sum(axis=1))[:100]:
        # Kendall's tau-b has the same numerator, and nearly the same p without its correction.
        tau, p = scipy.stats.kendalltau(weeks, series[cell], method="asymptotic")
        if trend.iloc[cell] != "none":
            assert p < 0.06
            assert (trend.iloc[cell] == "increasing") == (tau > 0)
        else:
            assert p > 0.04


def test_what_cannot_be_told_is_left_open(demo_town: Town) -> None:
    start = demo_town.as_of - timedelta(days=20)
    short = hotspots(demo_town, Filter(start=start))
    assert short.cells["gi_z"].notna().all()
    assert short.cells["trend"].isna().all()
    assert short.notes == ("时段不足 8 周，没有判断趋势",)
    nothing = hotspots(demo_town, Filter(start=demo_town.as_of + timedelta(days=1)))
    assert nothing.cells[["gi_z", "gi_p", "gi_q", "hotspot", "trend"]].isna().all(axis=None)
    assert nothing.notes[0] == "各网格的问题数都相同，没有冷热点可言"


def test_a_place_does_not_make_its_surroundings_cold(demo_town: Town) -> None:
    area = demo_town.layers["areas"].index[0]
    within = hotspots(demo_town, replace(GROUP, area=(area,)))
    pd.testing.assert_frame_equal(within.cells, hotspots(demo_town, GROUP).cells)
    assert within.notes == ("冷热点和趋势按全镇网格计算，不受地点筛选影响",)


def test_few_cells_or_none(tmp_path: Path, demo_rows: DemoTown) -> None:
    workspace = Workspace.create(tmp_path / "w", Settings(crs=demo_rows.crs))
    for number in (0, 12):
        with workspace.changing() as change:
            importing.merge(change, "cells", demo_rows.tables["cells"].head(number))
            importing.merge(change, "reports", demo_rows.tables["reports"].head(300))
            change.finish("import", "cells", "", Merged(number, 0, 0), 0)
        found = hotspots(open_town(workspace), Filter())
        assert len(found.cells) == number
        assert found.cells["gi_z"].isna().all()
        assert found.notes[0] == f"单元网格只有 {number} 个，不足 30 个，没有计算冷热点"
