"""The layers `gaps` and `sites` say what the page says."""

import numpy as np
import pandas as pd

from cwmap.filters import Filter
from cwmap.gaps import facilities, gaps, siting
from cwmap.store import Workspace
from cwmap.town import Town
from cwmap.writers.layers import layer_columns, layer_frame, layer_notes

GAPS = {
    "area_id", "facility_kind", "inside", "inside_of_standard", "nearest_m", "population", "served",
    "served_share", "demand", "verdict", "reason",
}  # fmt: skip
SITES = {"facility_kind", "order", "lon", "lat", "adds_population", "served_share_after"}


def test_gaps(demo_town: Town, demo_workspace: Workspace) -> None:
    frame = layer_frame(demo_town, demo_workspace, "缺口", Filter())
    assert set(frame.columns) >= GAPS
    assert set(frame.columns) == {c.name for c in layer_columns(demo_town, "gaps")} | {"geometry"}
    assert len(frame) == len(demo_town.layers["areas"]) * 4
    norms = facilities.load(demo_workspace.folder)
    for kind, mine in frame.groupby("facility_kind"):
        page = gaps.gaps(demo_town, norms, str(kind), Filter()).frame
        mine = mine.set_index("area_id").loc[page.index]
        for name in GAPS - {"area_id", "facility_kind"}:
            pd.testing.assert_series_equal(
                mine[name], page[name], check_names=False, check_dtype=False, check_index=False
            )
    assert frame.geometry.geom_type.isin(["Polygon", "MultiPolygon"]).all()
    notes = layer_notes(demo_town, "gaps", Filter(), demo_workspace)
    assert any("GB 55013-2021，5.0.1" in note for note in notes)
    assert len(set(notes)) == len(notes)


def test_sites(demo_town: Town, demo_workspace: Workspace) -> None:
    frame = layer_frame(demo_town, demo_workspace, "sites", Filter())
    assert set(frame.columns) >= SITES
    norms = facilities.load(demo_workspace.folder)
    for kind, mine in frame.groupby("facility_kind"):
        plan = siting.proposal(demo_town, norms, str(kind)).placed.frame
        assert mine["order"].tolist() == plan["order"].tolist() == [1, 2, 3]
        np.testing.assert_allclose(mine[["lon", "lat"]], plan[["lon", "lat"]])
        np.testing.assert_allclose(mine["adds_population"], plan["adds"])
        assert (mine["served_share_after"].diff().dropna() > 0).all()
    assert set(frame["facility_kind"]) == {"market", "toilet", "sorting_station"}
    inside = layer_frame(demo_town, demo_workspace, "sites", Filter(area=("P01",)))
    area = demo_town.layers["areas"].geometry["P01"]
    assert inside.geometry.within(area.buffer(1e-6)).all()
    assert any("已证明" in n for n in layer_notes(demo_town, "sites", Filter(), demo_workspace))
