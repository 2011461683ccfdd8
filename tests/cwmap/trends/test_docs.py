from pathlib import Path

from cwmap.trends import emerging, hotspots
from geo.hotspots import CLASSES

TEXT = (Path(__file__).parents[3] / "docs/hotspots.md").read_text(encoding="utf-8")


def test_every_class_and_rule_is_explained() -> None:
    for name, label in emerging.LABELS.items():
        assert f"{label} `{name}`" in TEXT
    assert set(hotspots.LABELS) == set(CLASSES)
    assert all(f"`{name}`" in TEXT for name in CLASSES)
    assert all(f"“{word}”" in TEXT for word in hotspots.PATROL_WORDS)
    assert f"{hotspots.PERMUTATIONS:,} 次" in TEXT


def test_the_rules_are_in_their_order() -> None:
    table = TEXT[TEXT.index("## 4.") : TEXT.index("## 5.")]
    order = [table.index(f"`{name}` |") for name in
             ("new", "consecutive", "intensifying", "diminishing", "persistent", "oscillating",
              "sporadic", "historical", "none")]  # fmt: skip
    assert order == sorted(order)
