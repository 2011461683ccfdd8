"""The duty register by day: who holds a lane, what is missing, and what cannot be right."""

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from cwmap import importing, units
from cwmap.demo import contradictions, plan
from cwmap.duties import coverage, duties
from cwmap.filters import Filter
from cwmap.store import Merged, Workspace
from cwmap.town import Town, open_town

PLANTED = contradictions.planted(plan.draw())


def names_of(frame: pd.DataFrame) -> set[str]:
    return set(frame["name"])


def test_every_planted_fault_of_the_demo_register_is_found(demo_town: Town) -> None:
    found = coverage.coverage(demo_town)
    chiefs = found.contradictions[found.contradictions["role"] == "leader"]
    assert names_of(chiefs) == set(PLANTED["two_chiefs"])
    assert chiefs["holders"].str.contains("钱某某、申某某").all()
    assert set(found.contradictions["role"]) == {"leader"}  # and nothing else is called one
    heavy = found.overloaded[
        found.overloaded["holder"].str.endswith(PLANTED["overloaded"]["phone"])
    ]
    assert heavy["units"].tolist() == [len(PLANTED["overloaded"]["lanes"])]
    far = found.scattered[found.scattered["holder"].str.endswith(PLANTED["scattered"]["phone"])]
    assert far["units"].tolist() == [2]
    assert set(found.unknown["lane"]) == set(PLANTED["not_on_the_map"])


def test_missing_posts_are_those_that_nobody_holds(demo_town: Town, demo_rows: Any) -> None:
    table = demo_rows.tables["duties"]
    lanes = demo_rows.tables["lanes"].set_index("name")["lane_id"]
    held = {
        (f"lanes/{lanes[n]}", r)
        for n, r in zip(table["lane"], table["role"], strict=True)
        if n in lanes
    }
    wanted = {(f"lanes/{i}", role) for i in lanes for role in duties.EXPECTED}
    found = coverage.coverage(demo_town)
    assert set(zip(found.missing["unit"], found.missing["role"], strict=True)) == wanted - held
    assert found.filled_share == pytest.approx(1 - len(wanted - held) / len(wanted))
    whole = duties.lane_labels(demo_town, "complete")
    lacking = {unit.partition("/")[2] for unit, _ in wanted - held}
    assert set(whole.index[whole != "whole"]) == lacking


def test_a_past_day_has_the_people_of_that_day(demo_town: Town) -> None:
    new = pd.Timestamp(contradictions.SUCCESSION).date()
    lanes = demo_town.layers["lanes"].reset_index().set_index("name")["lane_id"]
    for name in PLANTED["succeeded"]:
        unit = f"lanes/{lanes[name]}"
        now = duties.people(demo_town, unit, new)
        before = duties.people(demo_town, unit, date(2026, 2, 28))
        officer = now[now["role"] == "grid_officer"]
        assert officer["person"].tolist() == ["郝某某"]
        earlier = before.loc[before["role"] == "grid_officer", "person"]
        assert "郝某某" not in set(earlier)


def test_each_report_goes_to_the_holder_of_its_day(demo_town: Town) -> None:
    """Against a slow look into the register, report by report."""
    chosen = np.arange(0, len(demo_town.reports), 7)
    rows = duties.register(demo_town).rows
    lanes = demo_town.layers["lanes"].index
    for role in ("grid_officer", "leader"):
        found = duties.holders_of_reports(demo_town, role, chosen)
        mine = rows[rows["role"] == role]
        for at, holder in zip(chosen, found, strict=True):
            place = demo_town.reports.place["lanes"][at]
            day = pd.Timestamp(demo_town.first_day) + pd.Timedelta(
                days=int(demo_town.reports.day[at])
            )
            valid = mine[
                (mine["lane_id"] == (lanes[place] if place >= 0 else None))
                & (mine["since"].isna() | (mine["since"] <= day))
                & (mine["until"].isna() | (mine["until"] >= day))
            ]
            assert holder == (valid["holder"].iloc[0] if len(valid) else None)
    load = duties.load(demo_town, Filter(), "grid_officer")
    told = duties.holders_of_reports(demo_town, "grid_officer", np.arange(len(demo_town.reports)))
    assert load["reports"].sum() == sum(h is not None for h in told)


def town_with(
    workspace: Workspace, shapes: list[Any], rows: list[dict[str, Any]], **tables: pd.DataFrame
) -> Town:
    """Lanes X0, X1 … named 零巷, 一巷 … and a register."""
    names = [f"{word}巷" for word in "零一二三四五六七八九"[: len(shapes)]]
    lanes = pd.DataFrame(
        {"lane_id": [f"X{k}" for k in range(len(shapes))], "name": names, "geometry": shapes}
    )
    frame = pd.DataFrame(rows, columns=list(rows[0]))
    frame.insert(0, "duty_id", [f"D{k}" for k in range(len(frame))])
    for name in ("since", "until"):
        if name in frame:
            frame[name] = pd.to_datetime(frame[name]).astype("datetime64[us]")
    with workspace.changing() as change:
        for name, table in tables.items():
            importing.merge(change, name, table)
        importing.merge(change, "lanes", lanes)
        importing.merge(change, "duties", frame)
        change.finish("import", "duties", "", Merged(0, 0, 0), 0)
    return open_town(workspace)


@pytest.fixture
def boxes(degrees: Callable[..., list[Any]]) -> list[Any]:
    return degrees(*(shapely.box(1000 * k, 0, 1000 * k + 100, 8) for k in range(3)))


def test_units_beside_lanes_and_whole_communities(
    workspace: Workspace, boxes: list[Any], degrees: Callable[..., list[Any]]
) -> None:
    community = pd.DataFrame(
        {
            "community_id": ["621202100005"], "name": ["中山街社区"],
            "geometry": degrees(shapely.box(-10, -10, 1200, 60)),
        }
    )  # fmt: skip
    compound = pd.DataFrame(
        {
            "unit_id": ["U1"], "name": ["河畔小区"], "kind": ["compound_none"],
            "geometry": degrees(shapely.Point(20, 30)),
        }
    )  # fmt: skip
    rows = [
        {"lane": "中山街", "role": "leader", "person": "张某某"},
        {"lane": " 河畔小区 ", "role": "grid_officer", "person": "李某某"},
        {"lane": "X2", "role": "grid_officer", "person": "李某某"},
        {"lane": "没有的巷", "role": "cleaner", "person": "王某某"},
    ]
    town = town_with(workspace, boxes, rows, communities=community, units=compound)
    found = duties.register(town)
    assert sorted(found.rows.loc[found.rows["role"] == "leader", "unit"]) == [
        "lanes/X0",
        "lanes/X1",
    ]
    assert set(found.rows.loc[found.rows["role"] == "grid_officer", "unit"]) == {
        "units/U1",
        "lanes/X2",
    }
    assert found.unknown["lane"].tolist() == ["没有的巷"]
    frame = units.units(town)
    assert frame.loc["units/U1", ["kind", "community_id"]].tolist() == [
        "compound_none",
        "621202100005",
    ]
    gaps = coverage.coverage(town).scattered
    gaps = gaps[gaps["role"] == "grid_officer"]
    assert gaps["units"].tolist() == [2]
    assert gaps["gap_m"].iloc[0] == pytest.approx(np.hypot(1980, 22), abs=0.2)


def test_the_next_holder_ends_the_one_before_and_a_cleaner_does_not(
    workspace: Workspace, boxes: list[Any]
) -> None:
    post = {"lane": "零巷", "role": "grid_officer"}
    rows = [
        post | {"person": "乙", "since": "2026-03-01", "until": None},
        post | {"person": "甲", "since": None, "until": None},
        post | {"person": "丙", "since": "2026-06-01", "until": "2026-06-30"},
        {"lane": "零巷", "role": "cleaner", "person": "丁", "since": "2026-01-01", "until": None},
        {"lane": "零巷", "role": "cleaner", "person": "戊", "since": "2026-02-01", "until": None},
    ]
    town = town_with(workspace, boxes, rows)

    def holding(day: str) -> list[str]:
        return duties.people(town, "lanes/X0", date.fromisoformat(day))["person"].tolist()

    assert holding("2025-12-31") == ["甲"]
    assert holding("2026-02-28") == ["甲", "丁", "戊"]
    assert holding("2026-03-01") == ["乙", "丁", "戊"]
    assert holding("2026-06-30") == ["丙", "丁", "戊"]
    assert holding("2026-07-01") == ["丁", "戊"]  # nobody was named after 丙
    assert coverage.coverage(town, date(2026, 3, 1)).contradictions.empty


def test_two_at_the_same_time_are_a_contradiction(workspace: Workspace, boxes: list[Any]) -> None:
    rows = [
        {"lane": "一巷", "role": "leader", "person": p, "organisation": "区住建局"} for p in "甲乙"
    ] + [{"lane": "二巷", "role": "leader", "person": "甲", "organisation": "区住建局"}] * 2
    town = town_with(workspace, boxes, rows)
    found = coverage.coverage(town).contradictions
    assert found[["name", "holders"]].to_numpy().tolist() == [["一巷", "甲、乙"]]


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("06:00-12:00", [(360, 720)]), ("6时至12时30分", [(360, 750)]), ("8点到18点", [(480, 1080)]),
        ("05:30—11:30、13:00～18:30", [(330, 690), (780, 1110)]),
        ("22:00-次日6:00", [(1320, 1440), (0, 360)]), ("全天", [(0, 1440)]), ("24小时值守", [(0, 1440)]),
        ("每周五下午", []), ("25:00-26:00", []), ("", []), (None, []), ("6：00－9：00", [(360, 540)]),
    ],
)  # fmt: skip
def test_hours_as_people_write_them(text: str | None, minutes: list[tuple[int, int]]) -> None:
    assert list(coverage.spans(text)) == minutes


SPANS = st.lists(
    st.tuples(st.integers(0, 1439), st.integers(1, 1440)).filter(lambda s: s[0] < s[1])
)


@settings(deadline=None)
@given(SPANS)
def test_what_is_left_of_the_day_is_what_nobody_has(found: list[tuple[int, int]]) -> None:
    minute = np.zeros(1440, bool)
    for a, b in found:
        minute[a:b] = True
    free = np.zeros(1440, bool)
    left = coverage.left_of_day(found)
    for a, b in left:
        assert not free[a:b].any()
        free[a:b] = True
    day = np.zeros(1440, bool)
    day[slice(*coverage.DAY)] = True
    assert (free == (day & ~minute)).all()
    assert left == sorted(left)


def test_what_a_lane_is_coloured_by_has_a_name(demo_town: Town) -> None:
    for mode in duties.MODES:
        labels = duties.lane_labels(demo_town, mode)
        assert labels.index.equals(demo_town.layers["lanes"].index)
        for label in labels.dropna().unique():
            name = duties.label_name(demo_town, mode, label)
            assert name
            assert "\x1f" not in name
            assert "138" not in name  # a label tells people apart by their phone; it never shows it


def test_a_filter_counts_only_its_own_reports(demo_town: Town) -> None:
    some = Filter(category=("garbage",))
    load = duties.load(demo_town, some, "cleaner")
    assert 0 < load["reports"].sum() < duties.load(demo_town, Filter(), "cleaner")["reports"].sum()
    assert load["reports"].is_monotonic_decreasing
    metres = units.units(demo_town)["length_m"]
    rows = duties.register(demo_town).on(demo_town.as_of)
    one = rows[(rows["holder"] == load.index[0]) & (rows["role"] == "cleaner")]
    assert load["metres"].iloc[0] == pytest.approx(metres[one["unit"]].sum())


def test_a_town_without_lanes_and_a_register_that_finds_none(workspace: Workspace) -> None:
    empty = open_town(workspace)
    assert coverage.coverage(empty).filled_share is None
    assert all(duties.labels(empty, mode).empty for mode in duties.MODES)
    assert duties.load(empty, Filter()).empty
    with workspace.changing() as change:
        row = {"duty_id": ["D1"], "lane": ["没有的巷"], "role": ["cleaner"], "person": ["甲"]}
        importing.merge(change, "duties", pd.DataFrame(row))
        change.finish("import", "duties", "", Merged(0, 0, 0), 0)
    town = open_town(workspace)
    assert duties.register(town).rows.empty
    assert coverage.coverage(town).unknown["lane"].tolist() == ["没有的巷"]
