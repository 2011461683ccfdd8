"""An open town: the workspace's rows as arrays, what words mean in it, and who waits for whom."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely

from cwmap import importing
from cwmap import town as towns
from cwmap.errors import UnknownName
from cwmap.filters import Filter
from cwmap.store import Merged, Workspace
from cwmap.tables import PLACES, TABLES
from cwmap.town import PLACED, STATUSES, Keeper, Town, keeper, open_town
from geo.coordinates import from_wgs84

Degrees = Callable[..., list[Any]]


def change(workspace: Workspace, **tables: pd.DataFrame) -> int:
    with workspace.changing() as under_way:
        for name, rows in tables.items():
            importing.merge(under_way, name, rows)
        return under_way.finish("import", "reports", "x", Merged(1, 0, 0), 0)


def reports(*ids: str, **columns: Any) -> pd.DataFrame:
    least = {"category": "06010", "status": "open", "reported_at": pd.Timestamp("2026-03-01 01:05")}
    return pd.DataFrame({"report_id": list(ids), **least, **columns})


def lanes(degrees: Degrees, *names: str) -> pd.DataFrame:
    shapes = degrees(*(shapely.box(0, 50 * k, 100, 50 * k + 5) for k in range(len(names))))
    ids = [f"X{k}" for k in range(len(names))]
    return pd.DataFrame({"lane_id": ids, "name": list(names), "geometry": shapes})


# What a town holds -----------------------------------------------------------------------------


def test_a_town_holds_what_its_workspace_holds(demo_town: Town, demo_workspace: Workspace) -> None:
    rows = demo_workspace.read("reports").sort_values(
        ["reported_at", "report_id"], ignore_index=True
    )
    found = demo_town.reports
    assert found.ids.tolist() == rows["report_id"].to_list()
    for codes, words, column in (
        (found.category, demo_town.codes, "category"), (found.source, demo_town.sources, "source"),
        (found.status, STATUSES, "status"), (found.placed, PLACED, "placed_by"),
        *((found.place[n], demo_town.layers[n].index, TABLES[n].key) for n in PLACES),
    ):  # fmt: skip
        assert [words[c] if c >= 0 else None for c in codes] == rows[column].to_list()
    local = rows["reported_at"].dt.tz_localize("UTC").dt.tz_convert("Asia/Shanghai").dt.date
    assert [demo_town.first_day + timedelta(days=int(d)) for d in found.day] == local.to_list()
    assert demo_town.first_day == local.min()
    shapes = rows["geometry"].to_numpy()
    points = shapely.get_type_id(shapes) == 0
    x, y = from_wgs84(shapely.get_x(shapes), shapely.get_y(shapes), demo_town.settings.crs)
    np.testing.assert_array_equal(found.x[points], x[points])
    np.testing.assert_array_equal(found.y[points], y[points])
    wide = np.flatnonzero(shapely.get_type_id(shapes) > 0)
    assert sorted(found.shapes) == wide.tolist()
    assert len(wide) > 0
    assert all(found.shapes[i].equals(shapes[i]) for i in wide)
    assert np.isfinite(found.x[wide]).all()
    assert np.isnan(found.x[shapely.is_missing(shapes)]).all()
    for name in PLACES:
        assert demo_town.layers[name].index.is_monotonic_increasing
        assert demo_town.layers[name].crs.to_epsg() == 4326


def test_lanes_and_cells_know_their_community(workspace: Workspace, degrees: Degrees) -> None:
    home = degrees(shapely.box(-10, -10, 110, 30), shapely.box(-10, 30, 110, 90))
    communities = pd.DataFrame(
        {"community_id": ["C1", "C2"], "name": ["甲社区", "乙社区"], "geometry": home}
    )
    stated = lanes(degrees, "文明巷", "中山街", "北街").assign(community_id=[None, "甲", "远社区"])
    cells = pd.DataFrame({"cell_id": ["G1"], "geometry": home[1:]})
    change(workspace, communities=communities, lanes=stated, cells=cells)
    town = open_town(workspace)
    assert town.layers["lanes"]["community_id"].to_list() == ["C1", "C1", "远社区"]
    assert town.layers["cells"]["community_id"].to_list() == ["C2"]
    # What the file said stays as it is in the workspace.
    assert workspace.read("lanes")["community_id"].to_list() == [None, "甲", "远社区"]


def test_an_empty_workspace_opens(workspace: Workspace) -> None:
    town = open_town(workspace)
    assert len(town.reports) == 0
    assert town.first_day == town.as_of
    west, south, east, north = town.bounds
    assert west < east
    assert south < north
    assert town.selected(town.view(Filter())).tolist() == []


def test_the_bounds_are_of_what_there_is(workspace: Workspace, degrees: Degrees) -> None:
    (place,) = degrees(shapely.Point(50, 2))
    change(workspace, reports=reports("A", "B", geometry=[place, None]))
    assert open_town(workspace).bounds == pytest.approx((place.x, place.y, place.x, place.y))
    without = pd.DataFrame({"facility_id": ["F"], "kind": "toilet", "geometry": [None]})
    change(workspace, facilities=without)
    assert open_town(workspace).bounds == pytest.approx((place.x, place.y, place.x, place.y))
    change(workspace, lanes=lanes(degrees, "文明巷"))
    assert open_town(workspace).bounds == pytest.approx(
        open_town(workspace).layers["lanes"].total_bounds
    )


# Words -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def worded(tmp_path_factory: pytest.TempPathFactory, degrees: Degrees) -> Town:
    from cwmap.store import Settings

    workspace = Workspace.create(tmp_path_factory.mktemp("worded") / "w", Settings())
    local = pd.DataFrame({"category": ["L101"], "name": ["楼道开会"], "group": ["road"]})
    rows = reports(
        "A", "B", "C", "D", "E", category=["06013", "06049", "L101", "06010", "99999"],
        source=["巡查", "热线", "巡查", None, "巡查"],
    )  # fmt: skip
    change(workspace, categories=local, lanes=lanes(degrees, "文明巷", "中山街"), reports=rows)
    return open_town(workspace)


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ({"category": ("06013",)}, "A"), ({"category": ("道路破损",)}, "A"),
        ({"category": ("road",)}, "ABC"), ({"category": ("路面坑洼",)}, "ABC"),  # the group's name
        ({"category": ("L101", "garbage")}, "CD"), ({"category": ("楼道开会",)}, "C"),
        ({"category": ("99999",)}, "E"), ({"category": ("dust",)}, ""),
        ({"category": ("08004",)}, ""), ({"source": ("热线",)}, "B"),
        ({"source": ("巡查", "热线")}, "ABCE"), ({}, "ABCDE"), ({"status": ("fixed",)}, ""),
    ],
)  # fmt: skip
def test_what_words_of_a_filter_mean(worded: Town, words: dict[str, Any], left: str) -> None:
    found = worded.reports.ids[worded.selected(worded.view(Filter(**words)))]
    assert sorted(found) == list(left)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"category": ("飞碟",)}, "飞碟"), ({"lane": ("无名巷",)}, "巷道里没有“无名巷”"),
        ({"area": ("P9",)}, "片区里没有"), ({"community": ("C9",)}, "社区里没有"),
        ({"source": ("梦",)}, "现有的来源：巡查、热线"),
    ],
)  # fmt: skip
def test_words_that_mean_nothing_are_told(
    worded: Town, words: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UnknownName, match=sentence):
        worded.view(Filter(**words))


def test_a_place_is_meant_by_its_id_or_its_name(worded: Town) -> None:
    assert (
        worded.view(Filter(lane=("X0",))).spots == worded.view(Filter(lane=("文明巷",))).spots
    ).all()


def test_an_answer_is_made_once_and_the_oldest_are_let_go(worded: Town) -> None:
    made: list[int] = []

    def make(number: int) -> int:
        made.append(number)
        return number

    for number in [*range(5), *range(5), *range(towns.KEPT + 5), 0]:
        assert worded.kept(("n", number), lambda n=number: make(n)) == number
    assert made == [*range(5), *range(5, towns.KEPT + 5), 0]


# Who waits for whom ----------------------------------------------------------------------------


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, list[int]]]:
    """Opening a town waits for the event; the revisions that were opened, before the wait."""
    go, opened = threading.Event(), list[int]()
    go.set()

    def open_slowly(workspace: Workspace) -> Town:
        town = open_town(workspace)
        opened.append(town.revision)
        assert go.wait(20)
        return town

    monkeypatch.setattr(towns, "open_town", open_slowly)
    yield go, opened
    go.set()


def test_viewers_never_wait_for_a_newer_town(workspace: Workspace, slow: Any) -> None:
    go, opened = slow
    change(workspace, reports=reports("A"))
    keep = Keeper(workspace.folder)
    old = keep.town()
    assert not keep.refreshing
    go.clear()
    change(workspace, reports=reports("B"))
    for _ in range(20):
        assert keep.town() is old  # at once: the newer one is not ready
    assert wait_for(lambda: opened == [1, 2])
    assert keep.refreshing
    change(workspace, reports=reports("C"))
    assert keep.town() is old
    go.set()
    assert wait_for(lambda: keep.town().revision == 3)
    assert opened == [1, 2, 3]  # one after the other, none twice


def test_who_needs_the_last_revision_waits_for_it(workspace: Workspace, slow: Any) -> None:
    go, opened = slow
    change(workspace, reports=reports("A"))
    keep = Keeper(workspace.folder)
    keep.town()
    go.clear()
    change(workspace, reports=reports("B"))
    keep.town()  # starts to build revision 2
    assert wait_for(lambda: opened == [1, 2])
    change(workspace, reports=reports("C"))
    found: list[Town] = []
    waiting = threading.Thread(target=lambda: found.append(keep.fresh()))
    waiting.start()
    time.sleep(0.05)
    assert not found
    go.set()
    waiting.join(20)
    assert [t.revision for t in found] == [3]  # not the 2 that was under way
    assert len(found[0].reports) == 3
    assert opened == [1, 2, 3]


def test_the_first_viewers_share_one_town(workspace: Workspace, slow: Any) -> None:
    _, opened = slow
    change(workspace, reports=reports("A"))
    keep = Keeper(workspace.folder)
    found: list[Town] = []
    threads = [threading.Thread(target=lambda: found.append(keep.town())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(t) for t in found}) == 1
    assert opened == [1]
    assert keeper(workspace.folder) is keeper(workspace.folder / ".." / workspace.folder.name)


def test_a_town_stays_as_it_was_opened(workspace: Workspace) -> None:
    change(workspace, reports=reports("A"))
    town = open_town(workspace)
    change(workspace, reports=reports("A", "B", status="fixed"))
    assert (len(town.reports), town.revision) == (1, 1)
    assert open_town(workspace).revision == 2


def wait_for(condition: Callable[[], bool]) -> bool:
    for _ in range(400):
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_a_slow_answer_holds_nobody_up_and_is_made_once(demo_town: Town) -> None:
    begun, go_on = threading.Event(), threading.Event()
    made: list[str] = []

    def slow() -> str:
        begun.set()
        assert go_on.wait(20)
        made.append("slow")
        return "slow"

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(demo_town.kept, "a slow question", slow)
        assert begun.wait(20)
        assert demo_town.kept("another question", lambda: "quick") == "quick"
        second = pool.submit(demo_town.kept, "a slow question", slow)
        go_on.set()
        assert (first.result(20), second.result(20)) == ("slow", "slow")
    assert made == ["slow"]


def test_an_answer_that_failed_is_asked_again(demo_town: Town) -> None:
    with pytest.raises(ZeroDivisionError):
        demo_town.kept("a question that fails", lambda: 1 // 0)
    assert demo_town.kept("a question that fails", lambda: 1) == 1
