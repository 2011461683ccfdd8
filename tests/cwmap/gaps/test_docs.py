"""docs/gaps.md says what the code and the shipped norms do."""

from pathlib import Path

from cwmap.gaps import priority, siting
from cwmap.gaps.facilities import Norms
from cwmap.gaps.gaps import VERDICTS
from cwmap.gaps.reach import _DOOR_M

TEXT = (Path(__file__).parents[3] / "docs/gaps.md").read_text(encoding="utf-8")


def test_the_numbers_in_the_docs_are_those_in_force(norms: Norms) -> None:
    walk, weights = norms.walk, norms.weights
    for said in (
        f"不超过 {walk.snap_m:g} 米（`snap_m`）", f"不超过 {walk.join_m:g} 米（`join_m`）",
        f"绕行系数 {walk.detour:g}（`detour`", f"不到 {norms.majority:.0%}（`majority`）",
        f"按 {norms.below_standard:g}（`below_standard`）", f"默认 {weights.share:g}",
        f"上下 {weights.swing:g}（`swing`）", f"{priority._TRIED} 个值", f"最多算 {priority.FARTHEST:g}",
        f"不超过 {norms.candidates} 个", "、".join(f"{w:g}" for w in norms.zones),
        f"每 {_DOOR_M:g} 米算一个入口",
    ):  # fmt: skip
        assert said in TEXT
    assert siting._FINEST == 6
    assert "六分之一" in TEXT
    for word in VERDICTS.values():
        assert f"**{word}**" in TEXT


def test_the_table_of_norms_is_the_shipped_one(norms: Norms) -> None:
    rows = [line for line in TEXT.split("\n") if line.startswith("| ")][1:]
    for facility in norms.facilities.values():
        mine = [row for row in rows if row.startswith(f"| {facility.name} |")]
        for norm in facility.norms:
            numbers = [f"{v:g}" for v in (norm.low, norm.high) if v is not None]
            row = next(r for r in mine if norm.standard.split(" ")[0] in r and numbers[-1] in r)
            assert row.endswith("| 是 |" if norm.verified else "| 否 |")
