"""The store: all or nothing, whoever reads or writes meanwhile; and a file that others can open."""

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from cwmap.errors import WorkspaceError
from cwmap.storage import change, geopackage, rows
from cwmap.storage.settings import checked
from cwmap.store import Derived, Merged, Settings, Workspace, column, read_columns, read_table
from cwmap.tables import REPORTS, TABLES

ROOT = Path(__file__).resolve().parents[2]
UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
"""An example makes workspaces on disk: to look for a smaller one would take minutes."""


@pytest.fixture(scope="module", autouse=True)
def _small_chunks() -> Iterator[None]:
    """So that a few rows are several chunks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "CHUNK", 5)
        patch.setattr(rows, "_FETCHED", 4)
        patch.setattr(change, "CHUNK", 3)
        yield


@contextlib.contextmanager
def fresh() -> Iterator[Workspace]:
    """An empty workspace for one example."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.create(Path(folder), Settings())
        yield workspace
        workspace.close()


def reports(ids: list[str], **columns: Any) -> pd.DataFrame:
    """Reports with what every report has, and more."""
    least = {"category": "06010", "reported_at": pd.Timestamp("2026-03-01 01:05"), "status": "open"}
    return pd.DataFrame({"report_id": ids, **least, **columns})


def merged(workspace: Workspace, frame: pd.DataFrame, defaulted: tuple[str, ...] = ()) -> Merged:
    with workspace.changing() as change:
        done = change.merge("reports", frame, defaulted)
        change.finish("import", "reports", "x.csv", done, 0)
    return done


# Values ----------------------------------------------------------------------------------------

TEXT = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
MOMENT = st.datetimes(
    pd.Timestamp("1990-01-01").to_pydatetime(), pd.Timestamp("2040-01-01").to_pydatetime()
).map(lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000))
PLACE = st.none() | st.tuples(st.floats(-180, 180), st.floats(-90, 90)).map(shapely.Point)
SPREAD = st.sampled_from(
    [
        shapely.LineString([(104.9, 33.4), (104.91, 33.4)]),
        shapely.Polygon([(104.9, 33.4), (104.91, 33.4), (104.9, 33.41)]),
    ]
)
ROW = st.fixed_dictionaries(
    {
        "category": st.text("0123456789L", min_size=1, max_size=5),
        "reported_at": MOMENT, "status": st.sampled_from(["open", "verified"]),
        "closed_at": st.none() | MOMENT, "address": TEXT, "lane_name": TEXT, "phone": TEXT,
        "distance_m": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "geometry": PLACE | SPREAD,
    }
)  # fmt: skip
FRAMES = st.dictionaries(st.text("ABC123", min_size=1, max_size=3), ROW, min_size=1, max_size=12)


def frame_of(found: dict[str, dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame([{"report_id": key, **row} for key, row in found.items()])
    times = {c: pd.to_datetime(frame[c]).astype("M8[us]") for c in ("reported_at", "closed_at")}
    return frame.assign(**times, distance_m=frame["distance_m"].astype(float))


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values("report_id").reset_index(drop=True)


@settings(deadline=None, max_examples=25, phases=UNSHRUNK)
@given(FRAMES, st.data())
def test_what_is_stored_is_read_back_and_the_order_of_rows_does_not_matter(
    found: dict[str, dict[str, Any]], data: st.DataObject
) -> None:
    frame = frame_of(found)
    tables = []
    for given_rows in (frame, frame.iloc[data.draw(st.permutations(range(len(frame))))]):
        with fresh() as workspace:
            assert merged(workspace, given_rows) == Merged(len(frame), 0, 0)
            assert merged(workspace, frame[::-1]) == Merged(0, 0, len(frame))
            tables.append(workspace.read("reports", list(frame.columns)))
            with workspace.reading() as connection:
                assert_same_in_columns(
                    read_columns(connection, REPORTS, list(frame.columns)), tables[-1]
                )
    pd.testing.assert_frame_equal(tables[0], tables[1])
    expected = frame.sort_values("report_id").reset_index(drop=True)
    for name in frame.columns:
        was, read = expected[name], tables[0][name]
        if name == "geometry":
            assert [s and s.wkb for s in read] == [s and s.wkb for s in was]
        elif was.dtype.kind in "Mf":
            pd.testing.assert_series_equal(read, was)
        else:
            assert read.to_list() == [v if isinstance(v, str) else None for v in was]


def assert_same_in_columns(columns: Any, read: pd.DataFrame) -> None:
    """The fast way of reading gives what the plain one gives."""
    for name in read.columns:
        if name == "geometry":
            lon, lat, shapes = geopackage.points(columns[name])
            np.testing.assert_array_equal(lon, shapely.get_x(read[name].to_numpy()))
            np.testing.assert_array_equal(lat, shapely.get_y(read[name].to_numpy()))
            wide = [i for i, s in enumerate(read[name]) if s is not None and s.geom_type != "Point"]
            assert [(i, shapes[i].wkt) for i in shapes] == [(i, read[name][i].wkt) for i in wide]
        elif read[name].dtype.kind == "M":
            times = columns[name].to_pandas().dt.tz_localize(None)
            pd.testing.assert_series_equal(times.astype("M8[us]"), read[name], check_names=False)
        elif read[name].dtype.kind == "f":
            np.testing.assert_array_equal(columns[name].to_numpy(), read[name].to_numpy())
        else:
            assert columns[name].to_pylist() == read[name].to_list()


def state(workspace: Workspace) -> pd.DataFrame:
    return workspace.read("reports", ["report_id", "status", "address", "closed_at"])


@settings(deadline=None, max_examples=20, phases=UNSHRUNK)
@given(FRAMES, FRAMES)
def test_an_update_changes_what_it_gives_and_the_history_tells_what_was(
    first: dict[str, dict[str, Any]], second: dict[str, dict[str, Any]]
) -> None:
    old, new = frame_of(first).set_index("report_id"), frame_of(second).set_index("report_id")
    given_columns = ["category", "reported_at", "status", "address", "geometry"]
    with fresh() as workspace:
        merged(workspace, old.reset_index())
        update = new[given_columns].reset_index()
        promised = workspace.compare("reports", update)
        assert merged(workspace, update) == promised
        read = workspace.read("reports").set_index("report_id")
        added = [key for key in new.index if key not in old.index]
        differing = {
            key: {c for c in given_columns if _told(old.loc[key, c]) != _told(new.loc[key, c])}
            for key in new.index if key in old.index
        }  # fmt: skip
        assert promised.added == len(added)
        assert promised.updated == sum(bool(columns) for columns in differing.values())
        for key, columns in differing.items():
            history = workspace.history(key)
            assert set(history["column"]) == columns
            assert (history["revision"] == 2).all()
            for line in history.itertuples():
                assert _told(read.loc[key, line.column]) == _told(new.loc[key, line.column])
                if line.column == "address":
                    was, is_now = old.loc[key, "address"], new.loc[key, "address"]
                    assert (line.old, line.new) == (_told(was), _told(is_now))
            # What the second file did not have is as it was.
            assert _told(read.loc[key, "phone"]) == _told(old.loc[key, "phone"])
        for key in added:
            assert workspace.history(key).empty


def _told(value: Any) -> Any:
    if isinstance(value, shapely.Geometry):
        return value.wkb
    return None if value is None or pd.isna(value) else value


@settings(deadline=None, max_examples=15, phases=UNSHRUNK)
@given(FRAMES, st.data())
def test_what_is_taken_out_is_kept_as_it_was(
    found: dict[str, dict[str, Any]], data: st.DataObject
) -> None:
    keys = data.draw(st.lists(st.sampled_from(sorted(found)), unique=True))
    with fresh() as workspace:
        merged(workspace, frame_of(found))
        before = workspace.read("reports").set_index("report_id")
        with workspace.changing() as under_way:
            gone = under_way.remove("reports", [*keys, "not there"])
            under_way.finish("import", "reports", "x", gone, 0)
        assert gone == Merged(0, 0, 0, len(keys))
        after = workspace.read("reports").set_index("report_id")
        pd.testing.assert_frame_equal(after, before.drop(index=keys), check_index_type=False)
        kept = workspace.removed("reports").set_index("report_id").drop(columns=["revision", "at"])
        for key in keys:
            assert [_told(v) for v in kept.loc[key]] == [_told(v) for v in before.loc[key]]
        assert len(kept) == workspace.removals("reports") == len(keys)


def test_columns_that_a_file_only_defaults_do_not_overwrite(workspace: Workspace) -> None:
    merged(workspace, reports(["A"], status="verified"))
    again = reports(["A", "B"], status="open")
    assert workspace.compare("reports", again, ["status"]) == Merged(1, 0, 1)
    assert merged(workspace, again, ("status",)) == Merged(1, 0, 1)
    assert workspace.read("reports")["status"].to_list() == ["verified", "open"]


def test_derived_columns_follow_what_they_are_made_from(workspace: Workspace) -> None:
    asked: list[int] = []

    def make(found: pd.DataFrame) -> pd.DataFrame:
        asked.append(len(found))
        return pd.DataFrame({"lane_id": found["address"].str.upper()}, index=found.index)

    derived = Derived(("address",), make)
    ids = [f"R{i}" for i in range(12)]
    with workspace.changing() as change:
        change.merge("reports", reports(ids, address=[f"a{i}" for i in range(12)]), derived=derived)
    assert workspace.read("reports").set_index("report_id")["lane_id"]["R7"] == "A7"
    asked.clear()
    with workspace.changing() as change:  # a file without an address: it is read from the store
        change.merge("reports", reports(["R7", "R8"], status=["fixed", "open"]), derived=derived)
    assert workspace.read("reports").set_index("report_id")["lane_id"]["R7"] == "A7"
    assert asked == [1]
    with workspace.changing() as change:
        shouted = Derived(("address",), lambda f: pd.DataFrame({"lane_id": f["address"] + "!"}))
        assert change.derive("reports", shouted) == 12
        assert change.derive("reports", shouted) == 0
    assert workspace.read("reports")["lane_id"].str.endswith("!").all()


# One change at a time --------------------------------------------------------------------------


def test_a_change_that_fails_leaves_nothing(workspace: Workspace) -> None:
    merged(workspace, reports(["A"]))
    before = state(workspace)

    def fail() -> None:
        with workspace.changing() as change:
            change.merge("reports", reports(["A", "B"], status="fixed"))
            change.set(name="别的镇")
            change.finish("import", "reports", "x", Merged(1, 1, 0), 0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    pd.testing.assert_frame_equal(state(workspace), before)
    assert workspace.revision() == 1
    assert workspace.settings().name == Settings().name
    assert workspace.history("A").empty


def test_a_reader_sees_one_state_while_others_write(workspace: Workspace) -> None:
    merged(workspace, reports(["A"]))
    with workspace.reading() as connection:
        before = read_table(connection, REPORTS, ["report_id", "status"])
        with workspace.changing() as change:
            change.merge("reports", reports(["A", "B"], status="fixed"))
            pd.testing.assert_frame_equal(
                read_table(connection, REPORTS, ["report_id", "status"]), before
            )
            assert len(state(workspace)) == 1  # another reader, while the writer is at work
            change.finish("import", "reports", "x", Merged(1, 1, 0), 0)
        pd.testing.assert_frame_equal(
            read_table(connection, REPORTS, ["report_id", "status"]), before
        )
    assert state(workspace)["status"].to_list() == ["fixed", "fixed"]


def test_a_second_writer_waits_for_the_first(workspace: Workspace) -> None:
    entered, leave = threading.Event(), threading.Event()

    def first() -> None:
        with workspace.changing() as change:
            entered.set()
            leave.wait(10)
            change.merge("reports", reports(["A"]))
            change.finish("import", "reports", "x", Merged(1, 0, 0), 0)

    thread = threading.Thread(target=first)
    thread.start()
    assert entered.wait(10)
    hurried = Workspace.open(workspace.folder, busy_s=0.05)
    with pytest.raises(WorkspaceError, match="另一个导入正在写入"), hurried.changing():
        pass
    threading.Timer(0.2, leave.set).start()
    with workspace.changing() as change:  # waits for the first to leave
        assert leave.is_set()
        assert len(change.read("reports")) == 1
        assert change.revision == 2
    thread.join()


WRITER = """
import os, sys, pandas as pd
from pathlib import Path
from cwmap.storage import rows
from cwmap.store import Workspace
rows.CHUNK = 100
def write():
    workspace = Workspace.open(Path(sys.argv[1]))
    while True:
        with workspace.changing() as change:
            ids = [f"{change.revision}-{i}" for i in range(300)]
            frame = pd.DataFrame({"report_id": ids, "category": "06010", "status": "open",
                                  "reported_at": pd.Timestamp("2026-03-01")})
            tell = lambda share: print(share, flush=True)
            done = change.merge("reports", frame, progress=tell)
            done += change.merge("reports", frame.assign(status="fixed"), progress=tell)
            change.finish("import", "reports", "x", done, 0)
for _ in sys.stdin:  # a line asks for a writer
    child = os.fork()
    if not child:
        print(os.getpid(), flush=True)
        write()
    os.waitpid(child, 0)
    print("dead", flush=True)
"""


def test_a_killed_writer_leaves_the_state_before_or_after(workspace: Workspace) -> None:
    chance, seen = random.Random(11), set()
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(workspace.folder)], cwd=ROOT, encoding="utf-8",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as writers:  # fmt: skip
        assert writers.stdin
        assert writers.stdout
        for _ in range(12):
            print(file=writers.stdin, flush=True)
            writer = int(writers.stdout.readline())
            for _ in range(chance.randrange(15)):  # 6 steps a change
                writers.stdout.readline()
            time.sleep(chance.uniform(0, 0.02))
            os.kill(writer, signal.SIGKILL)
            while writers.stdout.readline() != "dead\n":
                pass
            with contextlib.closing(sqlite3.connect(workspace.folder / "town.gpkg")) as file:
                assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                found = file.execute("SELECT count(*), sum(status = 'fixed') FROM reports")
                number, fixed = found.fetchone()
            revision = workspace.revision()
            assert number == (fixed or 0) == 300 * revision
            assert len(workspace.history(f"{revision}-0")) == min(revision, 1)
            seen.add(revision)
        writers.stdin.close()
    assert len(seen) > 1


# The file --------------------------------------------------------------------------------------

READER = """
import sys, warnings
warnings.simplefilter("error")
import pyogrio
for name, kind in pyogrio.list_layers(sys.argv[1]):
    frame = pyogrio.read_dataframe(sys.argv[1], layer=name)
    info = pyogrio.read_info(sys.argv[1], layer=name)
    print(name, kind, len(frame), info["crs"] if kind else "", sep="|")
"""


def test_the_file_is_a_geopackage_that_gdal_opens_without_a_warning(
    workspace: Workspace, degrees: Callable[..., list[Any]]
) -> None:
    shapes = degrees(shapely.box(0, 0, 9, 9), shapely.Point(1, 1), None)
    with workspace.changing() as change:
        lane = pd.DataFrame({"lane_id": ["X1"], "name": ["文明巷"], "geometry": shapes[:1]})
        change.merge("lanes", lane)
        frame = reports(["A", "B"], closed_at=[pd.NaT, pd.Timestamp("2026-03-02 01:02:03.004")])
        change.merge("reports", frame.assign(geometry=shapes[1:]))
        change.finish("import", "reports", "x", Merged(3, 0, 0), 0)
    # In a process of its own: two copies of SQLite in one undo each other's locks.
    done = subprocess.run(
        [sys.executable, "-c", READER, str(workspace.folder / "town.gpkg")],
        capture_output=True, encoding="utf-8",
    )  # fmt: skip
    assert done.stderr == ""
    found = {line.split("|")[0]: line.split("|")[1:] for line in done.stdout.splitlines()}
    system = {"cwmap_settings", "cwmap_revisions", "report_history", "task_events", "removed_rows"}
    assert set(TABLES) | system == set(found)
    assert found["lanes"] == ["MultiPolygon", "1", "EPSG:4326"]
    assert found["reports"] == ["Unknown", "2", "EPSG:4326"]
    workspace.close()
    with contextlib.closing(sqlite3.connect(workspace.folder / "town.gpkg")) as file:
        assert file.execute("PRAGMA application_id").fetchone() == (0x47504B47,)
        assert file.execute("PRAGMA foreign_key_check").fetchall() == []
        kinds = dict(file.execute("SELECT table_name, data_type FROM gpkg_contents").fetchall())
        assert kinds["reports"] == "features"
        assert kinds["duties"] == "attributes"
        times = file.execute("SELECT last_change FROM gpkg_contents").fetchall()
        assert all(len(t) == 24 and t.endswith("Z") for (t,) in times)
    assert [p.name for p in workspace.folder.iterdir()] == ["town.gpkg"]  # no log is left beside it


def test_what_qgis_edited_is_understood(workspace: Workspace) -> None:
    merged(workspace, reports(["A", "B"], geometry=[shapely.Point(104.9, 33.4), None]))
    with_envelope = (
        b"GP\0\x03" + (4326).to_bytes(4, "little")
        + np.array([104.8, 104.8, 33.3, 33.3]).tobytes() + shapely.Point(104.8, 33.3).wkb
    )  # fmt: skip
    with contextlib.closing(sqlite3.connect(workspace.folder / "town.gpkg")) as file:
        file.execute(
            "UPDATE reports SET geometry = ?, reported_at = ?, closed_at = ? WHERE report_id = 'B'",
            (with_envelope, "2026-03-05T08:00:00Z", "2026-03-05T20:00:00+08:00"),
        )
        file.commit()
    read = workspace.read("reports", ["report_id", "reported_at", "closed_at", "geometry"])
    assert read["reported_at"][1] == pd.Timestamp("2026-03-05 08:00")
    assert read["closed_at"][1] == pd.Timestamp("2026-03-05 12:00")
    assert read["geometry"][1].coords[0] == (104.8, 33.3)
    with workspace.reading() as connection:
        assert_same_in_columns(read_columns(connection, REPORTS, list(read)), read)


def test_the_newest_reports_come_first(workspace: Workspace) -> None:
    times = pd.to_datetime(["2026-03-01", "2026-03-03", "2026-03-02", "2026-03-03"]).as_unit("us")
    merged(workspace, reports(["A", "D", "C", "B"], reported_at=times))
    found = workspace.read("reports", ["report_id"], newest=3)
    assert found["report_id"].to_list() == ["B", "D", "C"]
    some = workspace.read("reports", ["report_id"], geopackage.among(
        column("report_id", "reports"), ["A", "C", "none", "'"]))  # fmt: skip
    assert some["report_id"].to_list() == ["A", "C"]


# Opening ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100, b"SQLite format 3\0" * 80])
def test_what_is_no_workspace_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "town.gpkg").write_bytes(content)
    with pytest.raises(WorkspaceError, match="已损坏或不是本软件的工作区"):
        Workspace.open(tmp_path)
    with pytest.raises(WorkspaceError, match="已有工作区"):
        Workspace.create(tmp_path, Settings())
    assert (tmp_path / "town.gpkg").read_bytes() == content


def test_a_damaged_page_is_told_where_it_is_met(workspace: Workspace) -> None:
    merged(workspace, reports([f"R{i:04}" for i in range(1500)], address="文明巷" * 20))
    workspace.close()
    path = workspace.folder / "town.gpkg"
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : -4096] = b"\xff" * (len(content) - 4096 - len(content) // 2)
    path.write_bytes(content)
    with pytest.raises(WorkspaceError, match="已损坏"):
        Workspace.open(workspace.folder).read("reports")


def test_a_newer_and_a_missing_workspace_are_told(workspace: Workspace, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(workspace.folder / "town.gpkg")) as file:
        file.execute("UPDATE cwmap_settings SET value = '99' WHERE key = 'version'")
        file.commit()
    with pytest.raises(WorkspaceError, match="升级本软件"):
        Workspace.open(workspace.folder)
    with pytest.raises(WorkspaceError, match="没有工作区"):
        Workspace.open(tmp_path / "nowhere")


def test_a_workspace_of_an_older_version_gets_what_it_lacks(workspace: Workspace) -> None:
    merged(workspace, reports(["A", "B"], description=["甲", "乙"]))
    before = workspace.read("reports")
    workspace.close()
    file = workspace.folder / "town.gpkg"
    with contextlib.closing(sqlite3.connect(file)) as old:
        for name in ("units", "inspections", "tasks", "task_events", "removed_rows"):
            for at in ("gpkg_geometry_columns", "gpkg_contents"):
                old.execute(f"DELETE FROM {at} WHERE table_name = ?", (name,))
            old.execute(f"DROP TABLE {name}")
        old.execute("ALTER TABLE duties DROP COLUMN standard")
        old.execute("ALTER TABLE cwmap_revisions DROP COLUMN removed")
        old.execute("UPDATE cwmap_settings SET value = '1' WHERE key = 'version'")
        old.execute("DELETE FROM cwmap_settings WHERE key = 'hours'")
        old.commit()
    again = Workspace.open(workspace.folder)
    assert set(again.counts()) == set(TABLES)
    pd.testing.assert_frame_equal(again.read("reports"), before)
    assert "standard" in again.read("duties")
    with again.changing() as made:
        made.set(hours="09:00-17:00")
        gone = made.remove("reports", ["A"])
        made.finish("import", "reports", "x", gone, 0)
    assert again.settings().hours == "09:00-17:00"
    assert again.revisions()["removed"].fillna(0).to_list() == [1, 0]
    assert again.removed("reports")["description"].to_list() == ["甲"]
    again.close()
    with contextlib.closing(sqlite3.connect(file)) as now:
        named = {n for (n,) in now.execute("SELECT table_name FROM gpkg_contents")}
        assert {"units", "inspections", "tasks", "task_events", "removed_rows"} <= named
        assert now.execute("PRAGMA foreign_key_check").fetchall() == []
    Workspace.open(workspace.folder).close()  # a second time there is nothing to do


def test_a_workspace_in_a_folder_of_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "武都 100%?#&工作区"
    Workspace.create(folder, Settings(name="城关镇"))
    assert Workspace.open(folder).settings().name == "城关镇"
    assert [p.name for p in tmp_path.iterdir()] == [folder.name]


def test_a_file_in_the_way_of_a_workspace_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkspaceError, match="无法在"):
        Workspace.create(tmp_path / "file", Settings())


@pytest.mark.parametrize(
    "crs", ["EPSG:4326", "EPSG:3857", "EPSG:4978", "EPSG:2225", "EPSG:3395", "EPSG:9", "4544", ""]
)
def test_a_system_without_true_metres_is_refused(tmp_path: Path, crs: str) -> None:
    with pytest.raises(WorkspaceError, match="EPSG:4544"):
        Workspace.create(tmp_path / "w", Settings(crs=crs))
    assert not (tmp_path / "w").exists()


def test_settings_are_kept(workspace: Workspace) -> None:
    assert checked(Settings(crs=" epsg:32648 ")).crs == "EPSG:32648"
    with pytest.raises(WorkspaceError, match="时区"):
        checked(Settings(timezone="Wudu"))
    with workspace.changing() as change:
        change.set(name="示例镇", synthetic=True)
        assert change.settings.name == "示例镇"
    assert workspace.settings() == Settings(name="示例镇", synthetic=True)
    with contextlib.closing(sqlite3.connect(workspace.folder / "town.gpkg")) as file:
        stored = dict(file.execute("SELECT key, value FROM cwmap_settings").fetchall())
    assert json.loads(stored["crs"]) == "EPSG:4544"
