"""docs/assessment.md says what the code and the shipped rules do."""

from pathlib import Path

from cwmap.assessment import fairness, revisits, sampling
from cwmap.assessment.revisits import Weights
from cwmap.assessment.rewards import Rewards
from cwmap.assessment.scoring import Rules
from cwmap.tables import INSPECTIONS

TEXT = (Path(__file__).parents[3] / "docs/assessment.md").read_text(encoding="utf-8")


def test_the_numbers_in_the_docs_are_those_in_force(rules: Rules, rewards: Rewards) -> None:
    level = INSPECTIONS["level"]
    for name, weight in rules.levels.items():
        assert f"{level.shown(name)} {weight:g}" in TEXT
    for reward in rewards.rules:
        if reward.code != "black_weeks":
            assert f"{reward.name} {reward.points:+g}".replace("-", "−") in TEXT
    assert "一月两周上黑榜 −3" in TEXT
    sizes = sampling.load()
    for numbers in (sizes.places, sizes.sanitation, *(s.sizes for s in sizes.strata if s.sizes)):
        assert "、".join(f"{n}" for n in numbers) in TEXT
    weights = Weights()
    assert f"近 {revisits.LOOK_BACK_DAYS} 天" in TEXT
    assert f"周期 {weights.cycle_days:g} 天" in TEXT
    for label, weight in (("风险", weights.risk), ("等待", weights.wait), ("未处置", weights.open)):
        assert any(
            line.startswith(f"| {label} |") and line.endswith(f"| {weight:g} |")
            for line in TEXT.split("\n")
        )
    assert f"抽样 {fairness.DRAWS:,} 次" in TEXT
