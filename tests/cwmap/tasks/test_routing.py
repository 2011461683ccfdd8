"""The rules of dispatch: what ships is sound, a town's own win, and errors name their line."""

from pathlib import Path

import pytest

from cwmap.errors import CwmapError
from cwmap.norms import Categories
from cwmap.tasks import routing
from cwmap.tasks.routing import Route

DEFAULT = '[default]\nlead = "创卫办"\n'


@pytest.fixture(scope="module")
def categories() -> Categories:
    return Categories.load()


def test_the_shipped_rules(categories: Categories) -> None:
    rules = routing.load(None, categories)
    assert rules.route("06013", categories) == Route("住建局")
    assert (
        rules.route("09005", categories).lead == rules.route("09006", categories).lead == "城管局"
    )
    assert rules.route("06010", categories).lead == "环卫所"
    cobweb = rules.route("06008", categories)
    assert cobweb.lead == "工信局"
    assert {
        "电信公司",
        "移动公司",
        "联通公司",
        "供电公司",
        "广电公司",
    } == set(cobweb.helpers)
    assert rules.route("06007", categories).lead == "城管局"  # a code goes before its group
    assert rules.route("06004", categories).lead == "住建局"
    assert rules.route("06022", categories) == rules.route("没有的", categories) == Route("创卫办")


def test_a_town_has_its_own(categories: Categories, tmp_path: Path) -> None:
    assert routing.load(tmp_path, categories) == routing.load(None, categories)
    (tmp_path / "rules").mkdir()
    own = tmp_path / "rules" / "routing.toml"
    own.write_text(DEFAULT + '[[rule]]\nfor = ["road"]\nlead = "市政所"\n', encoding="utf-8")
    rules = routing.load(tmp_path, categories)
    assert rules.route("06013", categories) == Route("市政所")
    assert rules.route("06010", categories) == Route("创卫办")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[default\n", 1, "写法有误"),
        (DEFAULT + '\n[[rule]]\nfor = ["天上"]\nlead = "住建局"\n', 5, "天上"),
        (DEFAULT + '[[rule]]\nfor = ["road"]\n', 3, "lead"),
        (DEFAULT + '[[rule]]\nfor = []\nlead = "甲"\n', 4, "空的"),
        (DEFAULT + '[[rule]]\nfor = "road"\nlead = "甲"\n', 4, "for"),
        (DEFAULT + '[[rule]]\nfor = ["road"]\nlead = "甲"\nhelper = ["乙"]\n', 6, "helper"),
        (DEFAULT + '[[rule]]\nfor = ["road"]\nlead = "甲"\nhelpers = ["甲"]\n', 6, "既是主办"),
        (DEFAULT + '[[rule]]\nfor = ["road"]\nlead = "甲"\n' * 2, 7, "写过"),
        ('[[rule]]\nfor = ["road"]\nlead = "甲"\n', 1, "default"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(
    categories: Categories, tmp_path: Path, text: str, line: int, said: str
) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "routing.toml").write_text(text, encoding="utf-8")
    with pytest.raises(CwmapError, match=said) as error:
        routing.load(tmp_path, categories)
    assert f"第 {line} 行" in str(error.value)
