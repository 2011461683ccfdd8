"""A real client on a served dashboard: GDAL's driver for OGC API – Features reads every layer."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pyogrio
import pytest
import shapely

from cwmap.filters import Filter
from cwmap.store import Workspace
from cwmap.town import Town
from cwmap.writers.layers import LAYERS, layer_frame
from tests.cwmap.api.conftest import PHONES
from tests.journeys.dashboard import Served, serving


@pytest.fixture(scope="module")
def served(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    assert "OAPIF" in pyogrio.list_drivers()
    with serving(workspace.folder, tmp_path_factory.mktemp("served")) as dashboard:
        yield dashboard


SLOW = ("gaps", "sites")  # they walk the whole town first; test_features.py reads them


def source(served: Served, layer: str) -> str:
    return f"OAPIF:{served.url}/cwmap/ogc/collections/{layer}"


def test_gdal_reads_every_layer(served: Served, town: Town, workspace: Workspace) -> None:
    for layer in [name for name in LAYERS if name not in SLOW]:
        found = pyogrio.read_dataframe(source(served, layer))
        expected = layer_frame(town, workspace, layer, Filter())
        assert found.crs.to_epsg() == 4326
        assert set(expected.columns) <= set(found.columns)
        assert len(found) == len(expected)
        key = expected.columns[0]
        assert found[key].tolist() == expected[key].tolist()
        for have, want in zip(found.geometry, expected.geometry, strict=True):
            assert (have is None) == (want is None)
            assert have is None or have.equals(want)
        for name in expected.select_dtypes("number").columns:
            np.testing.assert_allclose(found[name].astype(float), expected[name].astype(float))
        text = found.to_csv()
        assert not any(secret in text for secret in PHONES)


def test_gdal_asks_for_a_part(served: Served, town: Town, workspace: Workspace) -> None:
    expected = layer_frame(town, workspace, "reports", Filter())
    west, south, east, north = expected.total_bounds
    box = (west, south, (west + east) / 2, (south + north) / 2)
    found = pyogrio.read_dataframe(source(served, "reports"), bbox=box)
    inside = expected[shapely.intersects(expected.geometry.to_numpy(), shapely.box(*box))]
    assert found["report_id"].tolist() == inside["report_id"].tolist() != []
    lane = expected["lane_id"].mode()[0]
    mine = pyogrio.read_dataframe(source(served, "reports"), where=f"lane_id = '{lane}'")
    assert len(mine) == (expected["lane_id"] == lane).sum() > 0
    late = "reported_at >= '2026-09-30T00:00:00Z'"
    newer = pyogrio.read_dataframe(source(served, "reports"), where=late)
    assert len(newer) == (expected["reported_at"] >= "2026-09-30T00:00:00Z").sum() > 0


def test_gdal_leaves_conditions_to_the_server(
    served: Served, town: Town, workspace: Workspace, tmp_path: Path
) -> None:
    every = layer_frame(town, workspace, "reports", Filter())
    on_lane, reported, closed = every["lane_id"].notna(), every["reported_at"], every["closed_at"]
    conditions = {
        "category LIKE '06%' AND NOT (lane_id IS NULL)":
            ("(category LIKE '06%') AND (NOT ((lane_id IS NULL)))", every["category"].str.startswith("06") & on_lane),
        "source = '巡查' OR department <> 'it''s'":
            ("(source = '巡查') OR (department <> 'it''s')", (every["source"] == "巡查") | every["department"].notna()),
        "reported_at >= '2026-08-01T00:00:00Z'":
            ("reported_at >= '2026-08-01T00:00:00Z'", reported >= "2026-08-01T00:00:00Z"),
        "closed_at < '2026-09-01' AND status = 'verified'":
            ("(closed_at < '2026-09-01T') AND (status = 'verified')",
             (closed < "2026-09-01T00:00:00+08:00") & (every["status"] == "verified")),
    }  # fmt: skip
    log = tmp_path / "gdal.log"  # GDAL opens one log in its life
    pyogrio.set_gdal_config_options({"CPL_DEBUG": "ON", "CPL_LOG": str(log)})
    try:
        found = [pyogrio.read_dataframe(source(served, "reports"), where=w) for w in conditions]
    finally:
        pyogrio.set_gdal_config_options({"CPL_DEBUG": None, "CPL_LOG": None})
    for features, (_, keep) in zip(found, conditions.values(), strict=True):
        assert features["report_id"].tolist() == every["report_id"][keep].tolist() != []
    pages = re.findall(r"Fetch\((\S+/items\S+)\)", log.read_text("utf-8"))
    asked = [parse_qs(urlsplit(page).query).get("filter", [""])[0] for page in pages]
    assert list(dict.fromkeys(filter(None, asked))) == [sent for sent, _ in conditions.values()]
