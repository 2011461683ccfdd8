"""Visits and their points: worked examples, an oracle, and that each point can be traced."""

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cwmap.assessment.scoring import Rules
from cwmap.assessment.visits import Visits, visits
from cwmap.town import Town

Inspected = Callable[..., Town]
LANE, AT = "lanes/X110", "2026-10-01 09:05"


def lane_row(town: Town, **given: Any) -> dict[str, Any]:
    name = town.layers["lanes"]["name"]["X110"]
    return {"unit": name, "inspected_at": AT} | given


def only(seen: Visits) -> pd.Series:
    assert len(seen.frame) == 1
    return seen.frame.iloc[0]


def score(inspected: Inspected, rules: Rules, town: Town, *rows: dict[str, Any]) -> float:
    return float(only(visits(inspected([lane_row(town, **r) for r in rows]), rules))["score"])


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([{"item": None}], 100),
        ([{"item": "暴露垃圾", "findings": 0}], 100),
        ([{"item": "暴露垃圾"}], 97),
        ([{"item": "XD01", "findings": 2}, {"item": " 垃圾乱扔 "}], 91),
        ([{"item": "暴露垃圾", "findings": 50}], 82),  # the item's cap of 18
        # 18 + 16 + 12 are over the part's cap of 45.
        ([{"item": i, "findings": 50} for i in ("XD01", "XD02", "XD03")], 55),
        ([{"item": "路面破损", "findings": 3}, {"item": "志愿清扫"}], 98),
        ([{"item": "志愿清扫", "findings": 9}], 100),
        ([{"item": "06010", "findings": 1}], 97),  # a report category that counts as the item
        ([{"item": "从没听说过", "findings": 4}], 100),
        ([{"item": "暴露垃圾", "points": 30}], 70),  # as written, beside the caps
        ([{"item": "从没听说过", "points": 2.5}], 97.5),
        ([{"item": None, "points": 4}, {"item": None, "points": -1}], 97),
        ([{"item": "暴露垃圾", "points": 100}, {"item": "XD02"}], 0),
        ([{"item": None, "findings": 3}], 100),
    ],
)  # fmt: skip
def test_worked_examples(
    inspected: Inspected, rules: Rules, demo_town: Town, rows: list[dict[str, Any]], wanted: float
) -> None:
    assert score(inspected, rules, demo_town, *rows) == wanted


def test_a_red_line_holds_whatever_else_was_found(inspected: Inspected, rules: Rules) -> None:
    rows = [
        {"unit": "滨河市场", "inspected_at": AT, "item": "活禽交易"},
        {"unit": "滨河市场", "inspected_at": AT, "item": "示范摊区"},
    ]
    visit = only(visits(inspected(rows), rules))
    assert (visit["score"], visit["red"]) == (59, True)
    assert visit["unit"].startswith("facilities/")


def test_what_cannot_be_taken_as_written_is_listed(
    inspected: Inspected, rules: Rules, demo_town: Town
) -> None:
    rows = [
        lane_row(demo_town, inspection_id="A", item="从没听说过"),
        lane_row(demo_town, inspection_id="B", item=None, findings=3),
        lane_row(demo_town, inspection_id="C", item="志愿清扫", points=2),
        lane_row(demo_town, inspection_id="D", kind="market", item="暴露垃圾"),
        {"unit": "不存在巷", "inspection_id": "E", "inspected_at": AT, "kind": "lane", "item": "XD01"},
        {"unit": "不存在巷", "inspection_id": "F", "inspected_at": "2026-10-02 08:00", "item": "XD01"},
    ]  # fmt: skip
    seen = visits(inspected(rows), rules)
    told = seen.problems.groupby("inspection_id")["problem"].agg("；".join)
    assert set(told.index) == set("ABCDEF")
    for row, words in zip(
        "ABCDEF", ("没有扣分", "没有扣分项目", "加分", "巷道", "编号", "没有评分"), strict=True
    ):
        assert words in told[row]
    unknown = seen.frame[seen.frame["unit"].isna()]
    assert unknown["name"].tolist() == ["不存在巷"] * 2
    assert unknown["score"].iloc[0] == 97
    assert np.isnan(unknown["score"].iloc[1])


def test_batches_make_visits(inspected: Inspected, rules: Rules, demo_town: Town) -> None:
    rows = [
        lane_row(demo_town, visit="一", item="XD01"),
        lane_row(demo_town, visit="一", inspected_at="2026-10-01 09:50", item="XD02", level="weekly"),
        lane_row(demo_town, visit="一", inspected_at="2026-10-02 09:50", item="XD02"),
        lane_row(demo_town, item="XD01"),
        lane_row(demo_town, unit="滨河市场", visit="一", item="SC11"),
    ]  # fmt: skip
    frame = visits(inspected(rows), rules).frame
    assert len(frame) == 4
    joint = frame[(frame["unit"] == LANE) & (frame["level"] == "weekly")].iloc[0]
    assert (joint["score"], str(joint["inspected_at"])) == (93, "2026-10-01 09:05:00")
    assert joint["weight"] == rules.levels["weekly"]


def _patrol_report(town: Town, rules: Rules) -> tuple[str, str, date, str, str]:
    """A patrol's report on a lane, alone in its item on that day: lane, id, day, item, code."""
    told = town.reports
    patrol = told.sources.index("巡查")
    lanes = town.layers["lanes"]
    seen: dict[tuple[int, int, str], list[int]] = {}
    for at in np.flatnonzero(
        (told.source == patrol) & (told.place["lanes"] >= 0) & (told.status < 4)
    ):
        lane = int(told.place["lanes"][at])
        kind = "lane" if lanes["kind"].iloc[lane] == "lane" else "street"
        item = rules.of_kind[kind].of_report.get(told.codes[told.category[at]])
        if item:
            seen.setdefault((lane, int(told.day[at]), item.code), []).append(int(at))
    (lane, day, item), (at, *_) = next(pair for pair in seen.items() if len(pair[1]) == 1)
    when = town.first_day + pd.Timedelta(days=day)
    return str(lanes.index[lane]), str(told.ids[at]), when, item, told.codes[told.category[at]]


def test_a_patrol_report_counts_once(inspected: Inspected, rules: Rules, demo_town: Town) -> None:
    lane, report, day, item, _ = _patrol_report(demo_town, rules)
    row = {"unit": lane, "inspected_at": f"{day} 09:00"}

    def found(*rows: dict[str, Any]) -> pd.DataFrame:
        seen = visits(inspected([row | r for r in rows]), rules).findings
        return seen[seen["code"] == item]

    alone = found({"item": None})
    assert alone["findings"].tolist() == [1]
    assert alone["reports"].tolist() == [(report,)]
    # The inspector's own row may be the same rubbish; with its id it surely is.
    assert found({"item": item, "findings": 1})["findings"].tolist() == [1]
    assert found({"item": item, "findings": 3})["findings"].tolist() == [3]
    joined = found({"item": item, "report_id": report})
    assert joined["findings"].tolist() == [1]
    assert joined["reports"].tolist() == [(report,)]
    other = found({"item": item, "inspected_at": f"{day - pd.Timedelta(days=1)} 09:00",
                   "report_id": report}, {"item": None})  # fmt: skip
    assert other["findings"].sum() == 1  # entered on another day: not again on its own


ITEMS = [
    "XD01",
    "XD02",
    "XD03",
    "XD04",
    "XD05",
    "XD11",
    "XD24",
    "XD21",
    "XD-J1",
    "没有的项目",
    None,
]
ROW = st.fixed_dictionaries(
    {
        "item": st.sampled_from(ITEMS), "findings": st.none() | st.integers(0, 40),
        "points": st.none() | st.none() | st.integers(-100, 100),
        "unit": st.sampled_from(["X110", "X111", "X112", "X113"]),
        "inspected_at": st.sampled_from([f"2027-01-{d:02} 0{h}:00" for d in (4, 5, 12) for h in (8, 9)]),
        "level": st.sampled_from([None, "daily", "weekly", "monthly"]),
    }
)  # fmt: skip


def by_hand(rules: Rules, rows: list[dict[str, Any]]) -> float:
    """The score of one visit, in plain steps."""
    sums: dict[str, float] = {}
    stated = 0.0
    for row in rows:
        item = rules.items.get(row["item"])
        if row["points"] is not None:
            stated += row["points"]
        elif item:
            number = 1 if row["findings"] is None else row["findings"]
            sums[item.code] = sums.get(item.code, 0) + number * item.each
    parts: dict[str, float] = {}
    for code, asked in sums.items():
        item = rules.items[code]
        parts[item.part] = parts.get(item.part, 0) + min(asked, item.cap)
    sheet = rules.of_kind["lane"]
    cost = sum(
        min(points, sheet.parts[part]) * (-1 if part == "加分项" else 1)
        for part, points in parts.items()
    )
    return min(100.0, max(0.0, 100 - cost - stated))


@given(st.lists(ROW, min_size=1, max_size=25))
@settings(max_examples=40, deadline=None)
def test_scores_agree_with_plain_steps_and_stay_within_bounds(
    inspected: Inspected, rules: Rules, rows: list[dict[str, Any]]
) -> None:
    seen = visits(inspected(rows), rules)
    assert seen.frame["score"].between(0, 100).all()
    for _, visit in seen.frame.iterrows():
        mine = [
            r for r in rows
            if f"lanes/{r['unit']}" == visit["unit"]
            and pd.Timestamp(r["inspected_at"]) == visit["inspected_at"]
        ]  # fmt: skip
        assert visit["score"] == pytest.approx(by_hand(rules, mine), abs=0.006)


def test_every_point_of_the_demo_leads_back_to_its_rows(demo_town: Town, rules: Rules) -> None:
    seen = visits(demo_town, rules)
    ids = set(demo_town.registers["inspections"]["inspection_id"])
    reports = set(demo_town.reports.ids)
    found = seen.findings
    assert all(i or r for i, r in zip(found["inspections"], found["reports"], strict=True))
    assert {i for row in found["inspections"] for i in row} <= ids
    assert {r for row in found["reports"] for r in row} <= reports
    lost = found.groupby("visit")["points"].sum().reindex(seen.frame.index, fill_value=0)
    limit = found.groupby("visit")["red_line"].min().reindex(seen.frame.index).fillna(100)
    wanted = np.minimum((100 - lost).clip(0, 100), limit)
    assert seen.frame["score"].to_numpy() == pytest.approx(wanted.to_numpy(), abs=0.006)
    assert seen.frame["unit"].notna().all()
