"""The demo's units and inspections: invented, whole, and with the patterns that they are said to have."""

import pandas as pd
import shapely

from cwmap.assessment.scoring import Rules
from cwmap.assessment.visits import visits
from cwmap.demo import DemoTown, make
from cwmap.town import Town
from cwmap.units import find, units


def test_units(demo_rows: DemoTown) -> None:
    frame = demo_rows.tables["units"]
    count = frame["kind"].value_counts()
    for kind, least in (
        ("compound", 15), ("compound_unmanaged", 10), ("compound_none", 10), ("restaurant", 40),
        ("site", 8), ("channel", 8),
    ):  # fmt: skip
        assert count[kind] >= least
    assert frame["name"].is_unique
    assert (frame["note"] == "示例：虚构").all()
    assert frame.geometry.is_valid.all()
    assert set(frame["community_id"]) <= set(demo_rows.tables["communities"]["community_id"])
    assert frame["name"].eq("滨河三无小区").any()
    flat = frame[frame["kind"].str.startswith("compound")].to_crs(demo_rows.crs)
    overlaps = shapely.STRtree(flat.geometry.to_numpy()).query(
        flat.geometry.to_numpy(), "intersects"
    )
    assert len(overlaps[0]) == len(flat)  # each only itself


def test_every_inspection_finds_its_unit(demo_town: Town, rules: Rules) -> None:
    table = demo_town.registers["inspections"]
    assert find(demo_town, table["unit"]).notna().all()
    assert table["inspector"].str.fullmatch(r".某某").all()
    told = visits(demo_town, rules)
    wrong = told.problems["inspection_id"].nunique() / len(table)
    assert 0 < wrong < 0.02
    assert demo_town.layers["units"].index.is_unique
    assert len(units(demo_town)) > 300


def test_a_year_has_two_thousand_visits_and_the_planted_patterns(rules: Rules) -> None:
    town = make(reports=400, seed=2)
    table = town.tables["inspections"]
    local = table["inspected_at"] + pd.Timedelta(hours=8)
    moment = pd.DataFrame({"unit": table["unit"], "at": local, "found": table["findings"]})
    seen = moment.groupby(["unit", "at"], as_index=False)["found"].sum()
    assert 1_900 <= len(seen) <= 2_000
    span = local.max() - local.min()
    assert pd.Timedelta(days=350) < span < pd.Timedelta(days=366)
    day = seen["at"].dt.day_of_week
    busy = seen["unit"].isin(seen["unit"].value_counts().head(24).index)  # seen every week
    assert seen[busy & (day == 5)]["found"].mean() < 0.7 * seen[busy & (day < 4)]["found"].mean()
    often = seen[busy].groupby("unit")["found"].mean()
    assert often.max() > 3 * often.min()
    assert table["kind"].dropna().isin(set(rules.of_kind)).all()


def test_a_demo_of_one_day_has_inspections_too() -> None:
    table = make(reports=1, days=1).tables["inspections"]
    assert len(table)
    assert (table["inspected_at"] + pd.Timedelta(hours=8)).dt.date.nunique() == 1
