"""A file into the workspace: all of it or nothing, the same result twice, and what follows is true."""

import contextlib
import io
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
import shapely
from click.testing import CliRunner, Result
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from cwmap import cli, figures, importing, placing, replacement, templates
from cwmap.duties import coverage
from cwmap.duties.posting import lane_boards
from cwmap.errors import CwmapError
from cwmap.filters import Filter
from cwmap.importing import Imported, Question, Understood
from cwmap.store import Settings, Workspace
from cwmap.tasks import tasks
from cwmap.town import open_town

ROOT = Path(__file__).resolve().parents[2]
HEADERS = ("问题编号", "问题类别", "上报时间", "状态", "办结时间", "经度", "纬度", "所在巷道")
PLACED = ["report_id", "lane_id", "cell_id", "community_id", "area_id", "placed_by", "distance_m"]

Degrees = Callable[..., list[Any]]


def csv(*rows: tuple[Any, ...], headers: tuple[str, ...] = HEADERS) -> tuple[str, bytes]:
    frame = pd.DataFrame(rows, columns=list(headers)[: len(rows[0])])
    return "问题.csv", frame.to_csv(index=False).encode("utf-8-sig")


def understand(
    workspace: Workspace, name: str, source: Any, coords: str = "wgs84", **options: Any
) -> Understood:
    return importing.understand(workspace, name, source, Question(coords=coords, **options))


def take(workspace: Workspace, name: str, source: Any, **options: Any) -> Imported:
    done = importing.store(workspace, understand(workspace, name, source, **options), "x.csv")
    assert done.read == done.added + done.updated + done.unchanged + done.rejected
    return done


def layer(tmp_path: Path, shapes: list[Any], **columns: Any) -> Path:
    path = tmp_path / f"{len(list(tmp_path.glob('*.geojson')))}.geojson"
    gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4326").to_file(path)
    return path


@pytest.fixture
def lanes(workspace: Workspace, tmp_path: Path, degrees: Degrees) -> Path:
    shapes = degrees(shapely.box(0, 0, 100, 5), shapely.box(0, 50, 100, 55))
    path = layer(tmp_path, shapes, lane_id=["X1", "X2"], name=["文明巷", "中山街"])
    assert take(workspace, "lanes", path).added == 2
    return path


def places(degrees: Degrees, *points: tuple[float, float]) -> list[tuple[str, str]]:
    shapes = degrees(*[shapely.Point(p) for p in points])
    return [(f"{s.x:.8f}", f"{s.y:.8f}") for s in shapes]


def report(
    key: str, place: tuple[str, str] = ("", ""), category: str = "路面坑洼", lane: str = ""
) -> Any:
    return (key, category, "2026-03-01 09:05", "待处理", "", *place, lane)


# What an import does ---------------------------------------------------------------------------


def test_reports_are_stored_with_their_places(
    workspace: Workspace, lanes: Path, degrees: Degrees
) -> None:
    inside, beside, far = places(degrees, (50, 2), (50, 15), (900, 900))
    done = take(workspace, "reports", csv(
        report("A", inside), report("B", beside), report("C", far), report("D", lane="中山街"),
        report("E", far, lane="中山街")))  # fmt: skip
    assert (done.added, done.revision) == (5, 2)
    read = workspace.read("reports", PLACED)
    assert read["lane_id"].to_list() == ["X1", "X1", None, "X2", "X2"]
    assert read["placed_by"].to_list() == ["within", "nearest", "unplaced", "name", "name"]
    np.testing.assert_allclose(read["distance_m"][:2], [0, 10], atol=0.01)
    assert read["distance_m"][2:4].isna().all()


def test_a_dry_run_says_what_would_happen_and_changes_nothing(
    workspace: Workspace, lanes: Path, degrees: Degrees
) -> None:
    (inside,) = places(degrees, (50, 2))
    take(workspace, "reports", csv(report("A", inside), report("B", inside)))
    before = workspace.read("reports")
    source = csv(
        report("A", inside, "井盖破损"),
        report("B", inside),
        report("C"),
        report("D", category="飞碟"),
    )
    understood = understand(workspace, "reports", source)
    with contextlib.closing(sqlite3.connect(workspace.folder / "town.gpkg")) as other:
        other.execute("BEGIN IMMEDIATE")  # even while somebody writes
        said = importing.preview(workspace, understood)
    pd.testing.assert_frame_equal(workspace.read("reports"), before)
    assert workspace.revision() == said.revision == 2
    done = importing.store(workspace, understood, "x.csv")
    assert (said.added, said.updated, said.unchanged, said.rejected) == (1, 1, 1, 1)
    assert said.as_dict() | {"revision": 3} == done.as_dict()


def test_a_file_without_places_leaves_the_places_as_they_are(
    workspace: Workspace, lanes: Path, degrees: Degrees
) -> None:
    (inside,) = places(degrees, (50, 2))
    take(workspace, "reports", csv(report("A", inside), report("B", inside)))
    before = workspace.read("reports", [*PLACED, "geometry"])
    done = take(
        workspace,
        "reports",
        csv(("A", "路面坑洼", "2026-03-01 09:05", "已结案", "2026-03-02"), report("B")[:5]),
    )
    assert (done.updated, done.unchanged) == (1, 1)
    pd.testing.assert_frame_equal(workspace.read("reports", [*PLACED, "geometry"]), before)
    assert workspace.read("reports", ["status"])["status"].to_list() == ["verified", "open"]


def test_of_rows_with_one_id_the_last_counts_and_all_are_counted(workspace: Workspace) -> None:
    source = csv(
        report("A"),
        report("A"),
        report("B", category="井盖破损"),
        report("B"),
        report("C", category=""),
    )
    done = take(workspace, "reports", source)
    assert (done.read, done.added, done.unchanged, done.rejected) == (5, 2, 2, 1)
    assert any("以后一行为准" in note for note in done.notes)
    again = take(workspace, "reports", source)
    assert (again.added, again.updated, again.unchanged, again.rejected) == (0, 0, 4, 1)
    assert again.revision == done.revision
    assert set(workspace.read("reports", ["category"])["category"]) == {"06013"}


# Lanes of the property below: in degrees, so that no projection stands between rows and places.
BOXES = [shapely.box(104.90, 33.40, 104.91, 33.41), shapely.box(104.905, 33.40, 104.92, 33.41)]
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["路面坑洼", "06010", "暴露垃圾", "无此类别", ""]),
        st.sampled_from(["2026-03-01", "2026年3月2日 8:00", "昨天"]),
        st.sampled_from(["待处理", "已结案", ""]), st.sampled_from(["", "2026-03-05"]),
        st.sampled_from(["104.905", "104.915", "104.99", "", "104°54′18″"]),
        st.sampled_from(["33.405", "33.41", ""]), st.sampled_from(["", "一巷", "无名巷"]),
    ),
    min_size=1, max_size=15,
)  # fmt: skip


@settings(deadline=None, max_examples=3, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(ROWS, st.randoms())
def test_the_order_of_rows_does_not_matter_and_twice_is_once(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], chance: random.Random
) -> None:
    found = [(f"R{i}", *row) for i, row in enumerate(rows)]
    mixed = chance.sample(found, len(found))
    tables = []
    for order in (found, mixed):
        folder = tmp_path_factory.mktemp("w")
        workspace = Workspace.create(folder / "workspace", Settings())
        take(workspace, "lanes", layer(folder, BOXES, lane_id=["X1", "X2"], name=["一巷", "二巷"]))
        done = take(workspace, "reports", csv(*order))
        again = take(workspace, "reports", csv(*found))
        assert (again.added, again.updated, again.rejected) == (0, 0, done.rejected)
        assert workspace.revision() == (2 if done.added else 1)
        tables.append(workspace.read("reports"))
        workspace.close()
    pd.testing.assert_frame_equal(*tables)


# Rejects and categories ------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["xlsx", "csv"])
def test_rejects_are_mended_and_go_in(workspace: Workspace, tmp_path: Path, ending: str) -> None:
    source = csv(
        report("A"),
        report("B", category="飞碟降落"),
        (*report("=C")[:2], "2026-02-30", *report("C")[3:]),
    )
    understood = understand(workspace, "reports", source)
    assert importing.store(workspace, understood, "x.csv").rejected == 2
    path = tmp_path / f"rejects.{ending}"
    importing.write_rejects(understood, path)
    again = take(workspace, "reports", path)  # as they are, they are rejected again
    assert (again.read, again.rejected) == (2, 2)
    sheet = (
        pd.read_excel(path, dtype=str, engine="calamine")
        if ending == "xlsx"
        else pd.read_csv(path, dtype=str)
    )
    assert sheet.columns.to_list() == [*HEADERS, "问题说明"]
    assert "未知类别" in sheet["问题说明"][0]
    if ending == "xlsx":  # as a person would: in the sheet itself
        book = openpyxl.load_workbook(path)
        for row in book.worksheets[0].iter_rows(min_row=2):
            row[1].value, row[2].value = "暴露垃圾", "2026-03-02"
        book.save(path)
    else:
        sheet.assign(问题类别="暴露垃圾", 上报时间="2026-03-02").to_csv(path, index=False)
    done = take(workspace, "reports", path)
    assert (done.added, done.rejected) == (2, 0)
    assert workspace.read("reports", ["report_id"])["report_id"].to_list() == ["=C", "A", "B"]


def test_rejects_of_a_layer_keep_their_shapes(
    workspace: Workspace, tmp_path: Path, degrees: Degrees
) -> None:
    bow = shapely.Polygon([(0, 0), (10, 0), (10, 10), (0, 10)])
    understood = understand(
        workspace, "lanes", layer(tmp_path, degrees(bow, bow), 名称=["", "中山街"])
    )
    assert importing.store(workspace, understood, "x").rejected == 1
    out = io.BytesIO()
    importing.write_rejects(understood, out)
    sheet = pd.read_excel(out, dtype=str, engine="calamine").assign(名称="文明巷")
    mended = io.BytesIO()
    sheet.to_excel(mended, index=False)
    assert take(workspace, "lanes", ("改.xlsx", mended.getvalue())).added == 1
    shapes = workspace.read("lanes")["geometry"].to_numpy()
    assert shapely.hausdorff_distance(*shapes) < 1e-8


def test_unknown_categories_are_rejected_or_registered(workspace: Workspace) -> None:
    source = csv(
        report("A", category="开会迟到"),
        report("B", category="开会 迟到"),
        report("C", category=""),
    )
    assert take(workspace, "reports", source).rejected == 3
    assert workspace.read("categories").empty
    done = take(workspace, "reports", source, add_categories=True)
    assert (done.added, done.rejected) == (3, 0)
    local = workspace.read("categories")
    assert local["name"].to_list() == ["开会 迟到"]
    found = workspace.read("reports", ["category"])["category"].to_list()
    assert found == [*local["category"].to_list() * 2, "L999"]
    # Registered, it is a category like any other.
    assert take(workspace, "reports", csv(report("D", category="开会迟到"))).added == 1


def test_a_code_that_another_import_took_meanwhile_is_not_given_a_second_meaning(
    workspace: Workspace,
) -> None:
    mine = understand(workspace, "reports", csv(report("A", category="甲类")), add_categories=True)
    take(workspace, "reports", csv(report("B", category="乙类")), add_categories=True)
    before = workspace.read("categories")
    with pytest.raises(CwmapError, match="重新检查"):
        importing.store(workspace, mine, "x.csv")
    pd.testing.assert_frame_equal(workspace.read("categories"), before)
    assert len(workspace.read("reports")) == 1
    assert (
        take(workspace, "reports", csv(report("A", category="甲类")), add_categories=True).added
        == 1
    )
    assert workspace.read("categories")["name"].to_list() == ["乙类", "甲类"]


# What follows from a change --------------------------------------------------------------------


def test_new_boundaries_place_all_reports_anew_in_the_same_change(
    workspace: Workspace, lanes: Path, tmp_path: Path, degrees: Degrees
) -> None:
    first, second = places(degrees, (50, 2), (50, 52))
    take(
        workspace,
        "reports",
        csv(report("A", first), report("B", second), report("C", lane="中山街")),
    )
    assert workspace.read("reports", ["lane_id"])["lane_id"].to_list() == ["X1", "X2", "X2"]
    swapped = degrees(shapely.box(0, 50, 100, 55), shapely.box(0, 0, 100, 5))
    done = take(
        workspace,
        "lanes",
        layer(tmp_path, swapped, lane_id=["X1", "X2"], name=["文明巷", "中山街"]),
    )
    assert (done.updated, done.revision) == (2, 3)
    assert workspace.read("reports", ["lane_id"])["lane_id"].to_list() == ["X2", "X1", "X2"]
    whole = degrees(shapely.box(-10, -10, 110, 20))
    take(workspace, "communities", layer(tmp_path, whole, community_id=["C1"], name=["中山街社区"]))
    take(workspace, "areas", layer(tmp_path, whole, area_id=["P1"], name=["片区"]))
    take(workspace, "cells", layer(tmp_path, whole, cell_id=["G1"]))
    read = workspace.read("reports", PLACED)
    for key, found in (("community_id", "C1"), ("area_id", "P1"), ("cell_id", "G1")):
        assert read[key].to_list() == [found, None, found]  # C lies where its lane does
    assert workspace.revision() == 6
    for key in "ABC":  # where a report belongs is no change of the report
        assert workspace.history(key).empty


def test_boundaries_that_cannot_be_applied_change_nothing(
    workspace: Workspace,
    lanes: Path,
    degrees: Degrees,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (inside,) = places(degrees, (50, 2))
    take(workspace, "reports", csv(report("A", inside)))
    before = workspace.read("lanes"), workspace.read("reports")
    understood = understand(
        workspace,
        "lanes",
        layer(tmp_path, degrees(shapely.box(0, 0, 1, 1)), lane_id=["X1"], name=["新巷"]),
    )

    def fail(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(placing.Places, "place", fail)
    with pytest.raises(MemoryError):
        importing.store(workspace, understood, "x")
    pd.testing.assert_frame_equal(workspace.read("lanes"), before[0])
    pd.testing.assert_frame_equal(workspace.read("reports"), before[1])
    assert workspace.revision() == 2


def test_lengths_that_somebody_stated_survive_new_shapes(
    workspace: Workspace, tmp_path: Path, degrees: Degrees
) -> None:
    short, long = degrees(shapely.box(0, 0, 100, 4), shapely.box(0, 0, 200, 4))
    names = {"lane_id": ["X1", "X2"], "name": ["甲巷", "乙巷"]}
    take(workspace, "lanes", layer(tmp_path, [short, short], **names, 长度=["120", ""]))
    assert workspace.read("lanes", ["length_m"])["length_m"].to_list() == [120.0, 100.0]
    take(workspace, "lanes", layer(tmp_path, [long, long], **names))
    read = workspace.read("lanes", ["length_m", "area_m2"])
    assert read["length_m"].to_list() == [120.0, 200.0]
    np.testing.assert_allclose(read["area_m2"], 800, atol=0.02)


@pytest.mark.parametrize(
    ("length", "width"), [(100, 4), (37.5, 6), (12, 11.9), (10, 10), (1000, 1)]
)
def test_the_length_of_a_strip(length: float, width: float) -> None:
    strip = shapely.affinity.rotate(shapely.box(0, 0, length, width), 33)
    assert importing.lane_length_m(np.array([strip], object))[0] == pytest.approx(length, abs=0.011)


def test_a_second_import_waits_and_sees_what_the_first_did(
    workspace: Workspace, lanes: Path, degrees: Degrees
) -> None:
    (inside,) = places(degrees, (50, 2))
    halves = [csv(*(report(f"{k}{i}", inside) for i in range(400))) for k in "AB"]
    understood = [understand(workspace, "reports", half) for half in halves]
    threads = [
        threading.Thread(target=importing.store, args=(workspace, u, "x.csv")) for u in understood
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(workspace.read("reports")) == 800
    assert workspace.revisions()["revision"].to_list() == [3, 2, 1]
    assert workspace.revisions()["added"].to_list() == [400, 400, 2]


# A whole table replaced ------------------------------------------------------------------------


def replace(workspace: Workspace, name: str, source: Any) -> Imported:
    """Replace a table, after the check has told the same."""
    understood = importing.replacing(workspace, understand(workspace, name, source))
    said = importing.preview(workspace, understood)
    done = importing.store(workspace, understood, "x.csv")
    assert said.as_dict() | {"revision": done.revision} == done.as_dict()
    return done


def test_a_replacement_leaves_the_rows_of_the_file_and_keeps_the_others_in_the_history(
    workspace: Workspace, lanes: Path, tmp_path: Path, degrees: Degrees
) -> None:
    first, second = places(degrees, (50, 2), (50, 52))
    named = report("C", second, lane="中山街")
    take(workspace, "reports", csv(report("A", first), report("B", second), named))
    before = workspace.read("lanes")
    drawn = degrees(shapely.box(0, 0, 100, 5), shapely.box(0, 45, 100, 60))
    redrawn = layer(tmp_path, drawn, lane_id=["X1", ""], name=["文明巷", "中山南街"])
    added = take(workspace, "lanes", redrawn)  # as it was, beside the old one
    assert (added.added, added.updated, added.removed) == (1, 0, 0)

    done = replace(workspace, "lanes", redrawn)
    assert (done.read, done.unchanged, done.added, done.updated, done.removed) == (2, 2, 0, 0, 1)
    assert "整表替换，移除 1 条：X2 中山街" in done.notes
    key = workspace.read("lanes", ["lane_id"])["lane_id"].to_list()[0]
    assert workspace.read("lanes", ["lane_id"])["lane_id"].to_list() == [key, "X1"]
    assert workspace.read("reports", ["lane_id"])["lane_id"].to_list() == ["X1", key, key]
    newest = workspace.revisions(1).iloc[0]
    assert (newest["revision"], newest["removed"], newest["table"]) == (done.revision, 1, "lanes")
    gone = workspace.removed("lanes")
    assert (gone["revision"].to_list(), workspace.removals("lanes")) == ([done.revision], 1)
    pd.testing.assert_frame_equal(
        gone[before.columns], before[before["lane_id"] == "X2"].reset_index(drop=True)
    )

    again = replace(workspace, "lanes", redrawn)
    assert (again.removed, again.unchanged, again.revision) == (0, 2, done.revision)
    assert workspace.removals("lanes") == 1


def test_what_was_removed_comes_back_from_its_sheet(
    workspace: Workspace, lanes: Path, tmp_path: Path, degrees: Degrees
) -> None:
    headers = ("责任编号", "巷道", "岗位", "姓名", "联系电话", "起始日期")
    held = [("D1", "文明巷", "保洁员", "王某某", "13800000000", "2026-01-01"),
            ("D2", "中山街", "网格员", "李某某", "", "2026-02-01")]  # fmt: skip
    take(workspace, "duties", csv(*held, headers=headers))
    tables = {name: workspace.read(name) for name in ("lanes", "duties")}
    target = {name: importing.table(name) for name in tables}
    replacement.write_stored(workspace, target["duties"], ["D1"], tmp_path / "将移除.xlsx")
    replace(workspace, "lanes", layer(tmp_path, degrees(shapely.box(0, 0, 9, 9)), name=["新巷"]))
    assert replace(workspace, "duties", csv(held[1], headers=headers)).removed == 1
    assert workspace.removals("lanes") == 2
    for name, old in tables.items():
        path = tmp_path / f"{name}.xlsx"
        replacement.write_removed(workspace, target[name], path)
        take(workspace, name, path)
        now, key = workspace.read(name), target[name].key
        now = now[now[key].isin(old[key])].reset_index(drop=True)
        shapes = {c: list(frame.pop(c)) for frame in (old, now) for c in frame if c == "geometry"}
        hidden = {"phone"} & set(old)  # not written into sheets, but kept
        pd.testing.assert_frame_equal(
            now.drop(columns=hidden), old.drop(columns=hidden), atol=0.02, check_dtype=False
        )
        assert len(now) == 2
        assert name == "duties" or all(s is not None for s in shapes["geometry"])
    assert workspace.removed("duties")["phone"].to_list() == ["13800000000"]
    sheets = [
        pd.read_excel(tmp_path / f, dtype=str, engine="calamine")
        for f in ("将移除.xlsx", "duties.xlsx")
    ]
    assert all("13800000000" not in sheet.to_string() for sheet in sheets)
    assert sheets[0]["责任编号"].to_list() == ["D1"]


@pytest.mark.parametrize("name", ["reports", "inspections", "tasks", "categories", "backdrop"])
def test_what_was_reported_or_done_is_never_replaced(
    workspace: Workspace, tmp_path: Path, name: str
) -> None:
    with pytest.raises(CwmapError, match="不能整表替换，只能新增和更新"):
        importing.replacing(workspace, unfilled(workspace, name, tmp_path))


def test_a_file_with_rejected_rows_or_none_replaces_nothing(
    workspace: Workspace, lanes: Path, tmp_path: Path, degrees: Degrees
) -> None:
    boxes = degrees(shapely.box(0, 0, 9, 9), shapely.box(9, 0, 18, 9))
    faulty = understand(workspace, "lanes", layer(tmp_path, boxes, name=["新巷", ""]))
    with pytest.raises(CwmapError, match=r"1 行没有收录.*先改好这些行，或不用整表替换"):
        importing.replacing(workspace, faulty)
    with pytest.raises(CwmapError, match="没有可用的行"):
        importing.replacing(workspace, unfilled(workspace, "lanes", tmp_path))
    assert workspace.read("lanes", ["lane_id"])["lane_id"].to_list() == ["X1", "X2"]


def unfilled(workspace: Workspace, name: str, folder: Path) -> Understood:
    """What an untouched template is understood as: no rows at all."""
    path = folder / f"{name}.xlsx"
    templates.write_template(importing.table(name), path)
    return understand(workspace, name, path)


def test_rows_that_nobody_was_told_of_are_not_removed(
    workspace: Workspace, lanes: Path, tmp_path: Path, degrees: Degrees
) -> None:
    """Between the check and the yes, somebody else has added a lane."""
    mine = layer(tmp_path, degrees(shapely.box(0, 0, 100, 5)), lane_id=["X1"], name=["文明巷"])
    told = importing.replacing(workspace, understand(workspace, "lanes", mine))
    other = layer(tmp_path, degrees(shapely.box(0, 80, 100, 85)), lane_id=["X3"], name=["新巷"])
    take(workspace, "lanes", other)
    with pytest.raises(CwmapError, match="重新检查"):
        importing.store(workspace, told, "x")
    assert len(workspace.read("lanes")) == 3
    assert replace(workspace, "lanes", mine).removed == 2


FACILITIES = st.dictionaries(
    st.sampled_from("ABCDEFG"), st.sampled_from(["公厕", "市场", "废物箱"]), min_size=1, max_size=7
)


@settings(deadline=None, max_examples=10, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(st.lists(FACILITIES, min_size=2, max_size=4))
def test_after_every_replacement_the_table_is_the_file_and_nothing_is_lost(
    tmp_path_factory: pytest.TempPathFactory, files: list[dict[str, str]]
) -> None:
    workspace = Workspace.create(tmp_path_factory.mktemp("w") / "workspace", Settings())
    headers = ("设施编号", "设施名称", "类型", "经度", "纬度")
    lost: list[tuple[str, str]] = []
    old: dict[str, str] = {}
    for new in files:
        rows = [(key, name, "公厕", "104.92", "33.39") for key, name in new.items()]
        done = replace(workspace, "facilities", csv(*rows, headers=headers))
        lost += sorted((key, name) for key, name in old.items() if key not in new)
        assert done.removed == len(set(old) - set(new))
        read = workspace.read("facilities", ["facility_id", "name"])
        assert dict(read.to_numpy()) == new
        gone = workspace.removed("facilities")[["facility_id", "name"]]
        assert [tuple(row) for row in gone.to_numpy()] == lost
        old = new
    workspace.close()


def test_a_town_whose_lanes_were_redrawn_opens_and_answers(
    demo_workspace: Workspace, tmp_path: Path
) -> None:
    """Duties, tasks and units of lanes that are gone lead nowhere, and are told."""
    demo_workspace.close()  # folds the log into the file
    shutil.copytree(demo_workspace.folder, tmp_path / "town")
    workspace = Workspace.open(tmp_path / "town")
    lanes = workspace.read("lanes")
    kept = lanes.iloc[: len(lanes) // 2]
    path = layer(tmp_path, list(kept["geometry"]), lane_id=list(kept["lane_id"]),
                 name=list(kept["name"]))  # fmt: skip
    old = open_town(workspace)
    assert replace(workspace, "lanes", path).removed == len(lanes) - len(kept)
    town = open_town(workspace)
    assert list(town.layers["lanes"].index) == list(kept["lane_id"])
    assert len(town.reports) == len(old.reports)
    lost = coverage.coverage(town).unknown["lane"]
    assert set(lanes["name"][len(kept) :]) & set(lost)
    assert figures.summary(town, Filter()).reports == figures.summary(old, Filter()).reports
    assert len(lane_boards(town, list(kept["lane_id"]))) == len(kept)
    assert tasks.listed(town, Filter())[0] == tasks.listed(old, Filter())[0]


def test_the_command_says_what_goes_before_it_goes(
    workspace: Workspace, lanes: Path, tmp_path: Path, degrees: Degrees
) -> None:
    path = layer(tmp_path, degrees(shapely.box(0, 0, 100, 5)), lane_id=["X1"], name=["文明巷"])

    def run(*words: object) -> Result:
        folder = ["-w", workspace.folder, "--coords", "wgs84"]
        return CliRunner().invoke(cli.app, ["import", *map(str, [*words, *folder])])

    planned = run("lanes", path, "--replace", "--dry-run")
    assert "移除 1，" in planned.stdout
    assert "整表替换，移除 1 条：X2 中山街" in planned.stdout
    assert json.loads(run("lanes", path, "--dry-run", "--json").stdout)["removed"] == 0
    assert len(workspace.read("lanes")) == 2
    done = json.loads(run("lanes", path, "--replace", "--json").stdout)
    assert (done["removed"], done["unchanged"]) == (1, 1)
    assert workspace.read("lanes", ["lane_id"])["lane_id"].to_list() == ["X1"]


# Killed on the way -----------------------------------------------------------------------------

IMPORTER = """
import os, sys
from pathlib import Path
from cwmap import importing
from cwmap.storage import change, rows
from cwmap.store import Workspace
rows.CHUNK = change.CHUNK = 250
folder, name, file = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
workspace = Workspace.open(folder)
understood = importing.understand(workspace, name, file, importing.Question(coords="wgs84"))
workspace.close()
for _ in sys.stdin:  # a line asks for an import
    child = os.fork()
    if not child:
        print(os.getpid(), flush=True)
        tell = lambda text, share: print(share, flush=True)
        workspace = Workspace.open(folder)
        if sys.argv[4:] == ["replace"]:
            understood = importing.replacing(workspace, understood)
        importing.store(workspace, understood, "x.csv", tell)
        os._exit(0)
    os.waitpid(child, 0)
    print("dead", flush=True)
"""


def killed_imports(
    workspace: Workspace, *words: str | Path, attempts: int, steps_of_all: int
) -> Iterator[None]:
    """Import again and again, killed at some step; the last time to the end. Looked at after each."""
    chance = random.Random(5)
    with subprocess.Popen(
        [sys.executable, "-c", IMPORTER, str(workspace.folder), *map(str, words)], cwd=ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8",
    ) as importer:  # fmt: skip
        assert importer.stdin
        assert importer.stdout
        for attempt in range(attempts):
            print(file=importer.stdin, flush=True)
            child = int(importer.stdout.readline())
            steps = 0 if attempt == attempts - 1 else chance.randrange(1, steps_of_all + 1)
            for _ in range(steps):
                importer.stdout.readline()
            time.sleep(chance.uniform(0, 0.02))
            with contextlib.suppress(ProcessLookupError):
                if steps:
                    os.kill(child, signal.SIGKILL)
            while importer.stdout.readline() != "dead\n":
                pass
            yield
            with contextlib.closing(sqlite3.connect(workspace.folder / "town.gpkg")) as file:
                assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        importer.stdin.close()


def test_a_killed_import_leaves_the_state_before_or_after(
    workspace: Workspace, lanes: Path, degrees: Degrees, tmp_path: Path
) -> None:
    number = 4_000
    spots = places(degrees, (50, 2), (50, 52), (50, 15))
    source = tmp_path / "reports.csv"
    source.write_bytes(csv(*(report(f"R{i}", spots[i % 3]) for i in range(number)))[1])
    for _ in killed_imports(workspace, "reports", source, attempts=12, steps_of_all=18):
        read, revision = workspace.read("reports", PLACED), workspace.revision()
        assert (len(read), revision) in ((0, 1), (number, 2))
        assert read["placed_by"].isin(["within", "nearest"]).all()
    assert revision == 2


def test_a_killed_replacement_leaves_the_state_before_or_after(
    workspace: Workspace, degrees: Degrees, tmp_path: Path
) -> None:
    number = 1_000
    strips = degrees(*(shapely.box(0, 10 * i, 100, 10 * i + 5) for i in range(number)))
    middle = [shapely.point_on_surface(strip) for strip in strips[:number:5]]
    spots = [(f"{p.x:.8f}", f"{p.y:.8f}") for p in middle]
    drawn = {
        letter: layer(
            tmp_path, strips, lane_id=[f"{letter}{i}" for i in range(number)], name=["巷"] * number
        )
        for letter in "XY"
    }
    take(workspace, "lanes", drawn["X"])
    take(workspace, "reports", csv(*(report(f"R{i}", spot) for i, spot in enumerate(spots))))
    states = set()
    killed = killed_imports(workspace, "lanes", drawn["Y"], "replace", attempts=10, steps_of_all=6)
    for _ in killed:
        keys = workspace.read("lanes", ["lane_id"])["lane_id"].str[0]
        held = workspace.read("reports", ["lane_id"])["lane_id"].str[0]
        gone = workspace.removals("lanes")
        states.add((workspace.revision(), gone, *keys.unique(), *held.unique()))
        assert len(keys) == number
        assert states <= {(2, 0, "X", "X"), (3, number, "Y", "Y")}
    assert len(states) == 2
