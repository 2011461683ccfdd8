"""The rows of the layers that go out against the figures of the page and the store."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from cwmap import figures
from cwmap.errors import CwmapError, UnknownName
from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.town import Town
from cwmap.writers.layers import layer_frame


def test_the_numbers_are_those_of_the_page(town: Town, workspace: Workspace) -> None:
    question = Filter(start=date(2026, 2, 1), end=date(2026, 4, 1), category=("road", "06010"))
    total = figures.summary(town, question)
    reports = layer_frame(town, workspace, "reports", question)
    assert len(reports) == total.reports > 20
    assert (reports["overdue"] == "yes").sum() == total.overdue > 0
    assert reports["status"].isin(["open", "assigned"]).sum() == total.open
    local = reports["reported_at"].dt.tz_localize(None)
    assert local.between("2026-02-01", "2026-04-02", inclusive="left").all()
    stored = workspace.read("reports").set_index("report_id").loc[reports["report_id"]]
    instants = reports["reported_at"].dt.tz_convert("UTC").dt.tz_localize(None)
    assert (instants.to_numpy() == stored["reported_at"].to_numpy()).all()
    for layer, make in (("lanes", figures.lanes), ("cells", figures.cells)):
        frame, page = layer_frame(town, workspace, layer, question), make(town, question)
        assert frame.iloc[:, 0].tolist() == page.index.tolist()
        for name in page.columns.intersection(frame.columns).difference(["name", "community_id"]):
            np.testing.assert_array_equal(frame[name], page[name])
        key = frame.columns[0]
        counted = reports.groupby(key).size().reindex(frame[key], fill_value=0)
        assert frame["reports"].tolist() == counted.tolist()
    lane = reports.dropna(subset="lane_id").iloc[0]
    assert lane["lane_name"] == figures.place_name(town, "lanes", lane["lane_id"])


def test_rows_and_counts_are_of_one_revision(town: Town, workspace: Workspace) -> None:
    older = replace(town, revision=town.revision - 1)
    with pytest.raises(CwmapError, match="再导出一次"):
        layer_frame(older, workspace, "reports", Filter())


def test_names_of_layers(town: Town, workspace: Workspace) -> None:
    chinese = layer_frame(town, workspace, "巷道", Filter())
    pd.testing.assert_frame_equal(
        pd.DataFrame(chinese), pd.DataFrame(layer_frame(town, workspace, "lanes", Filter()))
    )
    with pytest.raises(UnknownName, match="heat（热力）"):
        layer_frame(town, workspace, "town", Filter())
