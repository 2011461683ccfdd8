"""The demo town's own files by the command line, as a planner would: the town itself comes out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from click.testing import CliRunner

from cwmap.cli import app
from cwmap.demo import DemoTown, write_files
from cwmap.store import Workspace
from cwmap.tables import PLACES, REPORTS, TABLES

FILES = {
    "lanes": ("巷道.zip",), "communities": ("社区.geojson",), "cells": ("单元网格.gpkg",),
    "areas": ("片区.kml",), "facilities": ("设施.xlsx",),
    # Homes lie beside the lanes, so that these cannot tell the system.
    "population": ("人口.xlsx", "--coords", "wgs84"), "duties": ("责任台账.xlsx",),
    "backdrop": ("底图.gpkg",), "reports": ("问题台账.csv",),
    "units": ("责任单元.xlsx", "--coords", "wgs84"), "inspections": ("检查记录.xlsx", "--coords", "wgs84"),
}  # fmt: skip
DRAWN = "路段与范围问题.geojson"
WORDS = {
    "impossible_date": "这一天", "date_without_year": "没有年份", "no_time": "缺少上报时间",
    "unknown_category": "未知类别", "no_category": "缺少问题类别", "unknown_status": "看不懂的词",
    "coordinates_swapped": "经纬度颠倒", "latitude_missing": "缺少纬度", "not_a_coordinate": "不是坐标",
    "coordinates_zero": "坐标为 0", "far_away": "镇域之外",
    "closed_before_reported": "办结时间早于上报时间", "same_id_older": "重复，内容不同，以后一行为准",
}  # fmt: skip


def cwmap(*words: str) -> dict[str, Any]:
    done = CliRunner().invoke(
        app, [*words, "--json"], catch_exceptions=False, standalone_mode=False
    )
    assert done.exit_code == 0, done.output
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.fixture(scope="module")
def files(demo_rows: DemoTown, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write_files(demo_rows, folder)
    return folder


@pytest.fixture(scope="module")
def made(files: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, dict[str, Any]]:
    """The workspace and the answer of each import."""
    folder = tmp_path_factory.mktemp("made")
    where = ("-w", str(folder))
    cwmap("init", *where, "--name", "示例镇")
    answers = {
        table: cwmap("import", *where, table, str(files / file), *options)
        for table, (file, *options) in FILES.items()
    }
    answers["drawn"] = cwmap("import", *where, "reports", str(files / DRAWN))
    return Workspace.open(folder), answers


def test_every_file_goes_in_whole(made: Any, demo_rows: DemoTown) -> None:
    _, answers = made
    for table, answer in answers.items():
        assert answer["read"] == sum(
            answer[k] for k in ("added", "updated", "unchanged", "rejected")
        )
        if table not in ("reports", "drawn"):
            assert answer["added"] == answer["read"] == len(demo_rows.tables[table])
            assert answer["problems"] == []


def test_the_planted_faults_are_found_each_at_its_row_and_nothing_else(
    made: Any, files: Path
) -> None:
    _, answers = made
    dirt = json.loads((files / "truth.json").read_text(encoding="utf-8"))["dirt"]
    answer = answers["reports"]
    told: dict[int, list[str]] = {}
    for problem in answer["problems"]:
        told.setdefault(problem["row"], []).append(problem["reason"])
    for fault in dirt:
        reasons = told.pop(fault["row"], [])
        assert len(reasons) == (fault["must"] != "repeat"), fault
        assert all(WORDS[fault["kind"]] in reason for reason in reasons), (fault, reasons)
    assert told == {}
    must = pd.Series([fault["must"] for fault in dirt]).value_counts()
    assert answer["rejected"] == must["reject"]
    assert answer["unchanged"] == must["replace"] + must["repeat"]


def test_the_tables_are_those_of_the_town(
    made: Any, demo_workspace: Workspace, demo_rows: DemoTown
) -> None:
    workspace, _ = made
    warned = [f["report_id"] for f in demo_rows.truth["dirt"] if f["must"] == "warn"]
    for name, table in TABLES.items():
        if name == "tasks":  # nobody imports them whole: steps make them
            continue
        ours = demo_workspace.read(name).set_index(table.key)
        theirs = workspace.read(name).set_index(table.key).drop(index=warned, errors="ignore")
        if name == "duties":  # the file has no ids: content made them
            ours, theirs = (
                f.sort_values(["lane", "role", "person"], ignore_index=True) for f in (ours, theirs)
            )
        if name == "population":  # the file calls communities by name
            names = ours["community_id"].map(
                demo_workspace.read("communities").set_index("community_id")["name"]
            )
            ours = ours.assign(community_id=names)
        assert ours.index.equals(theirs.index), name
        for column in ours.columns:
            old, new = ours[column], theirs[column]
            if column == "geometry":
                moved = shapely.hausdorff_distance(old.to_numpy(), new.to_numpy())
                assert np.nan_to_num(moved).max(initial=0) < 2e-7, name
                assert (old.isna() == new.isna()).all()
            elif old.dtype.kind == "f":
                np.testing.assert_allclose(new, old, atol=0.01, err_msg=f"{name}.{column}")
            else:
                assert new.fillna("").to_list() == old.fillna("").to_list(), f"{name}.{column}"


def test_every_place_has_the_same_reports(
    made: Any, demo_workspace: Workspace, demo_rows: DemoTown
) -> None:
    workspace, _ = made
    warned = {f["report_id"] for f in demo_rows.truth["dirt"] if f["must"] == "warn"}
    keys = [*(TABLES[name].key for name in PLACES), "placed_by", "status", "category"]
    ours = demo_workspace.read("reports", ["report_id", *keys])
    theirs = workspace.read("reports", ["report_id", *keys])
    theirs = theirs[~theirs["report_id"].isin(warned)]
    assert len(ours) == 2_000
    for key in keys:
        assert ours[key].value_counts().to_dict() == theirs[key].value_counts().to_dict()


def test_importing_everything_again_changes_nothing(made: Any, files: Path) -> None:
    workspace, answers = made
    where, before = ("-w", str(workspace.folder)), workspace.revision()
    for table, (file, *options) in {**FILES, "drawn": (DRAWN,)}.items():
        name = "reports" if table == "drawn" else table
        again = cwmap("import", *where, name, str(files / file), *options)
        assert (again["added"], again["updated"]) == (0, 0), table
        assert again["unchanged"] + again["rejected"] == again["read"]
        assert again["problems"] == answers[table]["problems"]
        assert again["revision"] == before
    assert workspace.revision() == before
    changed = workspace.read("reports", ["report_id"])["report_id"].map(
        lambda key: len(workspace.history(key))
    )
    assert changed.sum() == 0


def test_a_status_column_holds_what_the_table_knows(made: Any) -> None:
    workspace, _ = made
    assert set(workspace.read("reports", ["status"])["status"]) <= set(REPORTS["status"].choices)
