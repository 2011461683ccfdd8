"""Rule files: whatever is wrong is told with its line, and nothing is lost when one is saved."""

import re
from pathlib import Path

import pandas as pd
import pytest

from cwmap import rulefile
from cwmap.assessment import rewards, sampling, scoring
from cwmap.errors import CwmapError
from cwmap.norms import Categories
from cwmap.shipped import shipped


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def swap(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


def test_positions_are_where_the_text_says() -> None:
    text = scoring.text()
    lines, found = text.split("\n"), rulefile.positions(text)
    values = scoring.load()
    for c, sheet in enumerate(values.sheets):
        assert f'"{sheet.key}"' in lines[found["category", c, "key"] - 1]
        for p, part in enumerate([name for name in sheet.parts if name != scoring.BONUS]):
            mine = [i for i in sheet.items if i.part == part]
            for n, item in enumerate(mine):
                at = found["category", c, "part", p, "items", n, "code"]
                assert f'"{item.code}"' in lines[at - 1]


def test_positions_pass_over_text_and_comments() -> None:
    text = '''a = """
[[no]]
b = 1 # } ]
"""
# [[no]]
c = "[[x]] {" # {
[[row]]
list = [
  { n = 1 }, { n = 2 },
  { n = 3, deep = [ { m = 1 } ] },
]
[row.more]
d = \'\'\'
e = 1\'\'\'
f = 2
[[row]]
n = 5
'''
    found = rulefile.positions(text)
    assert found["c",] == 6
    assert [found["row", 0, "list", k] for k in range(3)] == [9, 9, 10]
    assert found["row", 0, "more", "f"] == 15
    assert found["row", 1, "n"] == 17
    assert not {("b",), ("e",), ("no", 0)} & found.keys()


# What is done to the shipped text, the text whose line must be named, a part of the message.
CHANNEL = """weight = 0.05
bonus_cap = 0
source = "示例，镇可改"

[[category.part]]
name = "水面与岸坡\""""
WRONG = [
    ("each = 2, cap = 20, aliases = [\"垃圾外溢", "each = 30, cap = 20, aliases = [\"垃圾外溢",
     "SC11", "上限 20"),
    ('code = "XQ01"', 'code = "SC11"', 'aliases = ["垃圾乱扔", "垃圾未清运"], reports = ["06010"',
     "SC11 已用于"),
    ('name = "环境卫生"\ncap = 40', 'name = "环境卫生"\ncap = 41', 'key = "market"', "合计为 101"),
    ("weight = 0.15", "weight = 0.25", CHANNEL, "合计为 1.1"),
    ('reports = ["cobweb"]', 'reports = ["cobwebs"]', '"cobwebs"', "cobwebs"),
    ('aliases = ["无垃圾桶"', 'alias = ["无垃圾桶"', 'alias = ["无垃圾桶"', "不认识“alias”"),
    ("red_line = 59", "red_line = 100", "red_line = 100", "0 到 99"),
    ('aliases = ["飞线", "线缆杂乱"]', 'aliases = ["暴露垃圾"]', "XQ11", "已指"),
    ('reports = ["L020"]', 'reports = ["06010"]', "SC11", "只计入一项"),
    ('kinds = ["toilet"]', 'kinds = ["market"]', 'kinds = ["market"]\npoints = 100\nweight = 0.05',
     "出现了两次"),
    ("daily = 1", "dayly = 1", "dayly", "检查方式"),
    ("length_m = [150, 300, 600]", "length_m = [300, 150]", "length_m", "由小到大"),
    ("black = { places = 1, score = 75", "black = { places = 1, score = 95", "black = ", "低于红榜"),
    ("points = 100\nweight = 0.2\n", "points = 90\nweight = 0.2\n", "points = 90", "100 到 100"),
    ("each = 2, cap = 4, aliases = [\"示范摊区", "each = 2, cap = 14, aliases = [\"示范摊区", "SC-J1",
     "高于所在部分"),
    ('code = "GD01", ', "", "未设围挡", "缺少 code"),
    ('bonus_cap = 5\nsource = "项目：街长', 'bonus_cap = 0\nsource = "项目：街长', "门前五包示范段",
     "加分上限"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "where", "message"), WRONG, ids=[w[3] for w in WRONG])
def test_what_is_wrong_is_told_with_its_line(old: str, new: str, where: str, message: str) -> None:
    text = swap(scoring.text(), old, new)
    with pytest.raises(CwmapError) as error:
        scoring.check(text)
    told = re.match(r"考核细则第 (\d+) 行：", str(error.value))
    assert told
    assert message in str(error.value)
    wanted = line_of(text, where)
    # The line, or the header of the entry directly above it.
    assert wanted - 1 <= int(told[1]) <= wanted


@pytest.mark.parametrize("broken", ['name = "x', "name = “x”", "[[category]", "a = 1\na = 2"])
def test_broken_writing_is_told_with_its_line(broken: str) -> None:
    text = "# 细则\n\n" + broken
    with pytest.raises(CwmapError, match=r"第 [34] 行：写法有误"):
        scoring.check(text)


@pytest.mark.parametrize("text", ["", "name = 1", 'category = "x"', "category = [1]", "levels = 3"])
def test_nonsense_is_an_error_in_words(text: str) -> None:
    for check in (scoring.check, rewards.check, sampling.check):
        with pytest.raises(CwmapError, match=r"第 \d+ 行："):
            check(text)


def test_a_wrong_reward_or_sample_is_told_with_its_line() -> None:
    text = swap(rewards.text(), "points = -5", "points = 5.5")
    with pytest.raises(CwmapError, match=f"第 {line_of(text, 'points = 5.5')} 行：best 是奖励"):
        rewards.check(text)
    text = shipped("data/norms/sampling.toml").read_text(encoding="utf-8")
    text = swap(text, "sizes = [1, 2, 2]", "sizes = [1, 2]")
    with pytest.raises(
        CwmapError, match=f"第 {line_of(text, 'sizes = [1, 2]')} 行：sizes 应有 3 个"
    ):
        sampling.check(text)


def test_a_workspace_copy_wins_and_earlier_versions_are_kept(tmp_path: Path) -> None:
    first = swap(scoring.text(), 'name = "示例考核细则"', 'name = "一版"')
    second = swap(first, "一版", "二版")
    assert scoring.load(tmp_path).name == "示例考核细则"
    scoring.save(tmp_path, first)
    saved = scoring.save(tmp_path, second)
    assert saved == scoring.load(tmp_path)
    assert saved.name == "二版"
    assert scoring.text(tmp_path) == second
    with pytest.raises(CwmapError):
        scoring.save(tmp_path, second + "\nx = 1\n")
    assert scoring.text(tmp_path) == second
    kept = rulefile.history("assessment.toml", tmp_path)
    assert [path.read_text(encoding="utf-8") for path in kept] == [first]
    assert not list((tmp_path / "rules").glob("*.new"))


def test_a_damaged_copy_is_named(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    path = tmp_path / "rules" / "assessment.toml"
    path.write_bytes("name = '细则'".encode("gbk"))
    with pytest.raises(CwmapError, match="不是 UTF-8"):
        scoring.load(tmp_path)
    path.write_bytes("﻿".encode() + scoring.text().replace("\n", "\r\n").encode())
    assert scoring.load(tmp_path).name == "示例考核细则"  # as Windows' own editor writes it


def test_a_towns_own_categories_count_where_its_rules_say_so() -> None:
    own = pd.DataFrame([("L101", "飞线充电", "蜘蛛网", None, None)],
                       columns=["category", "name", "group", "aliases", "limit_h"])  # fmt: skip
    categories = Categories.load().with_local(own.astype(object))
    text = swap(scoring.text(), 'reports = ["L020"]', 'reports = ["L020", "L101"]')
    with pytest.raises(CwmapError, match="L101"):
        scoring.check(text)
    market, compound = scoring.check(text, categories).sheets[:2]
    assert market.of_report["L101"].code == "SC03"
    assert compound.of_report["L101"].name == "蜘蛛网"  # as one of its group
