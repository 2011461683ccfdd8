"""A small town with hostile texts and shapes of every kind, stored once, and a way to export it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely

from cwmap import export, importing
from cwmap.filters import Filter
from cwmap.store import Merged, Settings, Workspace
from cwmap.town import Town, open_town

Made = Callable[..., Path]

CRS = "EPSG:4544"
CORNER = np.array([492_000.0, 3_696_000.0])


HOSTILE = {
    "H1": "=cmd|' /C calc'!A0", "H2": "+86-1", "H3": "@SUM(1+1)", "H4": "\"双引号\"与'单引号'",
    "H5": "😀🏚️", "H6": "左\t右", "H7": "𠮷野家门口", "H8": "\u202eمرحبا", "H9": "第一行\n第二行",
    "H10": "</script><b>&amp;", "H11": "]]>&lt;", "H12": "-2+3", "H13": "长" * 300, "H14": "'=1",
    "H15": "逗号,分号;", "H16": "\u200bzero\u00a0width",
}  # fmt: skip


ROLES = ("leader", "secretary", "grid_officer", "cleaner", "unit")
TABLES = (
    "communities", "areas", "cells", "lanes", "facilities", "units", "reports", "duties",
    "inspections", "tasks",
)  # fmt: skip
LINE = [(250.0, 50.0), (350.0, 60.0)]
YARD = [(410.0, 410.0), (460.0, 410.0), (460.0, 470.0), (410.0, 470.0)]


def degrees(*shapes: Any) -> list[Any]:
    """Shapes in metres from the corner of the town, by pyproj alone."""
    to = pyproj.Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform
    return [
        None if s is None else shapely.transform(s, lambda c: np.stack(to(*(c + CORNER).T), 1))
        for s in shapes
    ]  # fmt: skip


def box(x: float, y: float, width: float, height: float) -> Any:
    return shapely.box(x, y, x + width, y + height)


def rows(table: str) -> pd.DataFrame:
    random = np.random.default_rng(5)
    if table == "lanes":
        names = ["文明巷", "中山街", "=HYPERLINK(1)", "北巷", "江滨路", "无事巷"]
        shapes = [box(0, 100 * k + 45, 600, 10) for k in range(6)]
        return pd.DataFrame(
            {"lane_id": [f"X{k:03}" for k in range(6)], "name": names, "community_id": "621202100005",
             "geometry": degrees(*shapes)}
        )  # fmt: skip
    if table == "cells":
        grid = [(100 * i, 100 * j) for j in range(6) for i in range(6)]
        ids = [f"6212021000050{k:02}" for k in range(36)]
        shapes = degrees(*(box(x, y, 100, 100) for x, y in grid))
        return pd.DataFrame({"cell_id": ids, "name": None, "geometry": shapes})
    if table in ("communities", "areas"):
        key, place = (
            ("community_id", "621202100005") if table == "communities" else ("area_id", "P01")
        )
        shape = degrees(box(0, 0, 600, 600) if table == "communities" else box(0, 0, 300, 300))
        return pd.DataFrame({key: [place], "name": ["中山街社区"], "geometry": shape})
    if table == "facilities":
        shapes = degrees(shapely.Point(50, 80), box(200, 160, 30, 30), None, shapely.Point(10, 10))
        return pd.DataFrame(
            {"facility_id": ["S1", "S2", "S3", "S4"], "kind": ["toilet", "market", "market", "bin"],
             "name": ["公厕", "滨河市场", None, "电话 13912345678"], "standard": ["yes", "no", None, None],
             "floor_m2": [30.0, 1200, np.nan, np.nan], "capacity": [8.0, 60, np.nan, np.nan],
             "geometry": shapes}
        )  # fmt: skip
    if table == "units":
        return pd.DataFrame(
            {"unit_id": ["U1", "U2"], "name": ["滨河小区", "\"工\"地"], "kind": ["compound_none", "site"],
             "demonstration": ["yes", None], "note": ["电话 13912345678", "=1+1"],
             "geometry": degrees(box(420, 420, 60, 60), shapely.Point(520, 520))}
        )  # fmt: skip
    if table == "duties":
        held = [*ROLES, "cleaner", "grid_officer", "cleaner"]
        full = {"post": "巷口", "duty": "清扫", "hours": "06:00-12:00"}
        places = ["文明巷"] * len(ROLES) + ["中山街", "滨河小区", "不存在的巷"]
        return pd.DataFrame(
            {"duty_id": [f"D{k}" for k in range(len(held))], "lane": places, "role": held,
             "person": ["赵甲", "钱乙", "孙丙 13912345678", "=李丁", None, "周戊", "吴己", "郑庚"],
             "phone": "18809391234", "organisation": "\u202e单位😀", **full,
             "standard": ["六无六净"] * 6 + [None, "六净"], "since": pd.Timestamp("2026-01-01T16:00")}
        )  # fmt: skip
    if table == "inspections":
        seen = ["文明巷", "中山街", "滨河小区", "北巷", "江滨路"]
        days = pd.Timestamp("2026-04-06T02:00") + pd.to_timedelta(np.arange(10) % 5, unit="D")
        return pd.DataFrame(
            {"inspection_id": [f"J{k}" for k in range(10)], "unit": seen * 2, "inspected_at": days,
             "level": "daily", "item": ["暴露垃圾"] * 6 + [None] * 4, "findings": [5] * 6 + [0] * 4,
             "inspector": "赵举报", "note": "电话 13912345678"}
        )  # fmt: skip
    if table == "tasks":
        return pd.DataFrame(
            {"task_id": ["H1", "H2"], "state": ["handling", "handling"], "owner": ["=住建局", "城管😀"],
             "helpers": ["电信公司、供电公司 13912345678", None], "handler": "赵举报",
             "due_at": [pd.NaT, pd.Timestamp("2026-12-01T01:00")]}
        )  # fmt: skip
    # Reports: a crowd in the south-west, hostile texts, a stretch, a yard and two without a place.
    n = 90
    at = np.concatenate([random.uniform(0, 150, (50, 2)), random.uniform(0, 600, (n - 50, 2))])
    shapes = degrees(
        *(shapely.Point(p) for p in at), shapely.LineString(LINE), shapely.Polygon(YARD), None, None
    )
    total = len(shapes)
    hostile = [*HOSTILE.values()] + ["普通描述，请联系 13912345678 或 0939-8212345"] * (
        total - len(HOSTILE)
    )
    status = np.resize(["open", "assigned", "fixed", "verified", "verified", "rejected"], total)
    reported = pd.Timestamp("2026-01-01T17:30") + pd.to_timedelta(np.arange(total) * 30, unit="h")
    return pd.DataFrame(
        {
            "report_id": [*HOSTILE, *(f"W{k:014}" for k in range(total - len(HOSTILE)))],
            "category": np.resize(["06013", "06010", "09006", "L001"], total),
            "reported_at": reported.astype("M8[us]"), "status": status,
            "closed_at": (reported + pd.Timedelta("5h")).where(np.isin(status, ["fixed", "verified"])),
            "description": hostile, "source": np.resize(["巡查", "群众上报"], total),
            "reporter": "赵举报", "phone": "18809391234", "department": "城管",
            "lane_name": [None] * (total - 1) + ["文明巷"], "geometry": shapes,
        }
    )  # fmt: skip


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("export") / "workspace"
    workspace = Workspace.create(folder, Settings(name="测试镇", crs=CRS, synthetic=True))
    with workspace.changing() as change:
        for table in TABLES:
            importing.merge(change, table, rows(table))
        change.finish("import", "reports", "test", Merged(0, 0, 0), 0)
    return workspace


@pytest.fixture(scope="session")
def town(workspace: Workspace) -> Town:
    return open_town(workspace)


@pytest.fixture(scope="session")
def hostile() -> dict[str, str]:
    """Report id → its description."""
    return HOSTILE


@pytest.fixture
def made(town: Town, workspace: Workspace, tmp_path: Path) -> Made:
    """Export a layer to a file of this name in `tmp_path`."""

    def make(layer: str, name: str, question: Filter | None = None, **options: Any) -> Path:
        path = tmp_path / name
        done = export.export(town, workspace, layer, path, question or Filter(), **options)
        assert done.as_dict() == {"layer": layer, "features": done.features, "file": str(path)}
        return path

    return make
