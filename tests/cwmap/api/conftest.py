"""A demo town with hostile reports in it, and its interfaces in this process."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import shapely
from starlette.applications import Starlette
from starlette.testclient import TestClient

from cwmap import importing, server
from cwmap.store import Merged, Workspace
from cwmap.town import Town, keeper, open_town

PHONES = ("13912345678", "18809391234", "0939-8212345", "赵举报")
HOSTILE = {
    "A/B?c=1&d#e": "</script><b>请联系 13912345678", "H 空格": "=cmd|' /C calc'!A0", "H%x": "😀𠮷\u202eمرحبا",
    "H4": "0939-8212345\n第二行\x0b\u2028", "H5": ']]>"\\',
}  # fmt: skip


def hostile(middle: tuple[float, float]) -> pd.DataFrame:
    lon, lat = middle
    shapes = [
        shapely.Point(lon, lat),
        shapely.LineString([(lon, lat), (lon + 0.002, lat + 0.001)]),
        shapely.box(lon - 0.004, lat, lon - 0.003, lat + 0.001).difference(
            shapely.box(lon - 0.0037, lat + 0.0003, lon - 0.0033, lat + 0.0006)
        ),
        None,
        shapely.Point(lon, lat),
    ]
    return pd.DataFrame(
        {
            "report_id": list(HOSTILE), "category": ["06013", "06010", "09006", "06013", "06010"],
            "reported_at": pd.Timestamp("2026-09-30T15:59:59"), "status": ["open"] * 4 + ["rejected"],
            "description": list(HOSTILE.values()), "address": "电话 18809391234 <i>",
            "reporter": "赵举报", "phone": "18809391234", "source": "巡查", "geometry": shapes,
        }
    )  # fmt: skip


@pytest.fixture(scope="session")
def workspace(demo_workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder: Path = tmp_path_factory.mktemp("api") / "workspace"
    shutil.copytree(demo_workspace.folder, folder)
    workspace = Workspace.open(folder)
    west, south, east, north = open_town(workspace).bounds
    rows = hostile(((west + east) / 2, (south + north) / 2))
    with workspace.changing() as change:
        importing.merge(change, "reports", rows)
        change.finish("import", "reports", "test", Merged(0, 0, 0), 0)
    return workspace


@pytest.fixture(scope="session")
def town(workspace: Workspace) -> Town:
    """The very one that answers, so that nothing is computed twice."""
    return keeper(workspace.folder).town()


@pytest.fixture
def client(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("CWMAP_WORKSPACE", str(workspace.folder))
    app = Starlette(routes=server.routes(), middleware=server.middleware([""]))
    with TestClient(app, raise_server_exceptions=True) as client:
        yield client
