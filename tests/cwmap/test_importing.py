"""A file into the workspace: all of it or nothing, the same result twice, and what follows is true."""

import contextlib
import io
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
import shapely
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from cwmap import importing, placing
from cwmap.errors import CwmapError
from cwmap.importing import Imported, Question, Understood
from cwmap.store import Settings, Workspace

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


@settings(deadline=None, max_examples=8, phases=(Phase.explicit, Phase.reuse, Phase.generate))
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


IMPORTER = """
import os, sys
from pathlib import Path
from cwmap import importing
from cwmap.storage import rows
from cwmap.store import Workspace
rows.CHUNK = 250
folder, file = Path(sys.argv[1]), Path(sys.argv[2])
workspace = Workspace.open(folder)
understood = importing.understand(workspace, "reports", file, importing.Question(coords="wgs84"))
workspace.close()
for _ in sys.stdin:  # a line asks for an import
    child = os.fork()
    if not child:
        print(os.getpid(), flush=True)
        tell = lambda text, share: print(share, flush=True)
        importing.store(Workspace.open(folder), understood, "x.csv", tell)
        os._exit(0)
    os.waitpid(child, 0)
    print("dead", flush=True)
"""


def test_a_killed_import_leaves_the_state_before_or_after(
    workspace: Workspace, lanes: Path, degrees: Degrees, tmp_path: Path
) -> None:
    number, chance = 4_000, random.Random(5)
    spots = places(degrees, (50, 2), (50, 52), (50, 15))
    source = tmp_path / "reports.csv"
    source.write_bytes(csv(*(report(f"R{i}", spots[i % 3]) for i in range(number)))[1])
    with subprocess.Popen(
        [sys.executable, "-c", IMPORTER, str(workspace.folder), str(source)], cwd=ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8",
    ) as importer:  # fmt: skip
        assert importer.stdin
        assert importer.stdout
        for attempt in range(12):
            print(file=importer.stdin, flush=True)
            child = int(importer.stdout.readline())
            steps = 0 if attempt == 11 else chance.randrange(1, 19)  # 18 a whole import
            for _ in range(steps):
                importer.stdout.readline()
            time.sleep(chance.uniform(0, 0.02))
            with contextlib.suppress(ProcessLookupError):
                if steps:
                    os.kill(child, signal.SIGKILL)
            while importer.stdout.readline() != "dead\n":
                pass
            read, revision = workspace.read("reports", PLACED), workspace.revision()
            assert (len(read), revision) in ((0, 1), (number, 2))
            assert read["placed_by"].isin(["within", "nearest"]).all()
            with contextlib.closing(sqlite3.connect(workspace.folder / "town.gpkg")) as file:
                assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        importer.stdin.close()
    assert revision == 2
