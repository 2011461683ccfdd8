"""What the page shows of a file before it is made."""

from pathlib import Path

import pandas as pd
import pytest

from cwmap import export
from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.town import Town
from cwmap.writers import preview as previewing
from cwmap.writers.layers import LAYERS, layer_columns, layer_frame
from cwmap.writers.preview import FIRST, preview
from cwmap.writers.sheets import worded
from cwmap.writers.system import system_of


@pytest.mark.parametrize("layer", LAYERS)
def test_it_tells_what_the_file_will_hold(layer: str, town: Town, workspace: Workspace) -> None:
    question = Filter(status=("open", "verified"))
    frame, found = (
        layer_frame(town, workspace, layer, question),
        preview(town, workspace, layer, question),
    )
    assert found.features == len(frame) > 0
    assert found.unplaced == frame.geometry.isna().sum()
    assert found.whole
    pd.testing.assert_frame_equal(pd.DataFrame(found.sample), pd.DataFrame(frame))
    assert found.look.index.shape == (len(frame),)


@pytest.mark.parametrize("layer", ["reports", "tasks"])
def test_a_sample_begins_as_the_file_does(
    layer: str, town: Town, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previewing, "SAMPLE", 20)
    question = Filter(status=("open", "assigned", "fixed", "verified"))
    frame, found = (
        layer_frame(town, workspace, layer, question),
        preview(town, workspace, layer, question),
    )
    assert (found.features, found.whole) == (len(frame), False)
    assert 20 <= len(found.sample) < 20 + FIRST
    key = frame.columns[0]
    assert found.sample[key].tolist()[:FIRST] == frame[key].tolist()[:FIRST]
    last = frame.index[frame[key].isin(found.sample[key])]
    assert last.is_monotonic_increasing
    assert last.max() == len(frame) - 1  # spread over all of them


def test_rows_are_shown_as_they_will_be_written(
    town: Town, workspace: Workspace, tmp_path: Path
) -> None:
    path, system = tmp_path / "a.xlsx", system_of("bd09")
    export.export(town, workspace, "facilities", path, Filter(), crs="bd09")
    sheet = pd.read_excel(path, engine="openpyxl", dtype={"设施编号": str})
    found = preview(town, workspace, "facilities", Filter())
    shown = worded(found.sample.head(FIRST), layer_columns(town, "facilities"), system)
    assert shown.columns[-2:].tolist() == ["X（BD-09）", "Y（BD-09）"]
    pd.testing.assert_frame_equal(
        shown.astype(object).fillna(""),
        sheet.head(FIRST).astype(object).fillna(""),
        check_dtype=False,
    )
