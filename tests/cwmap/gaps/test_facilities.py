"""Norms as data: the shipped numbers, an office's own, and errors that name the line."""

from pathlib import Path

import pytest

from cwmap.errors import CwmapError
from cwmap.filters import Filter
from cwmap.gaps import facilities
from cwmap.gaps.facilities import Norms
from cwmap.gaps.gaps import gaps
from cwmap.shipped import shipped
from cwmap.town import Town

TEXT = shipped("data/norms/facilities.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("kind", "key", "measure", "low", "high", "standard", "clause", "verified"),
    [
        ("toilet", "toilet300", "radius", None, 300, "GB 55013-2021", "5.0.1", True),
        ("sorting_station", "collection120", "radius", None, 120, "GB 55013-2021", "3.2.2", True),
        ("bin", "bin_busy", "spacing", 30, 100, "GB/T 50337-2018", "4.4.2", True),
        ("bin", "bin_ordinary", "spacing", 100, 200, "GB/T 50337-2018", "4.4.2", True),
        ("bin", "bin_fringe", "spacing", 200, 400, "GB/T 50337-2018", "4.4.2", True),
        ("market", "market500", "radius", None, 500, "GB 50180-2018", "附录 C", False),
        ("market", "market1000", "radius", None, 1000, "GB 50180-2018", "十五分钟", False),
        ("market", "market_floor_per_1000", "floor_per_1000", 50, None, "北京市 2018", "50", True),
    ],
)
def test_the_shipped_norms(
    norms: Norms, kind: str, key: str, measure: str, low: float | None, high: float | None,
    standard: str, clause: str, verified: bool,
) -> None:  # fmt: skip
    norm = next(n for n in norms.facilities[kind].norms if n.key == key)
    assert (norm.measure, norm.low, norm.high, norm.verified) == (measure, low, high, verified)
    assert standard in norm.standard
    assert clause in norm.clause
    assert ("未核对条文" in norm.said) is not verified
    assert norm.source


def test_spacing_is_of_the_lane_itself_then_of_its_road_kind() -> None:
    text = TEXT.replace("roads = []", 'roads = []\nlanes = ["X7"]')
    found = facilities.parse("标准", text).facilities["bin"]
    limits = [
        n.limit if (n := found.spacing(i, road)) else None
        for i, road in (
            ("X1", "main"),
            ("X1", "branch"),
            ("X7", "main"),
            ("X1", "lane"),
            ("X1", None),
        )
    ]
    assert limits == [100, 200, 400, None, None]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("high = 300", 'high = "300"', "high 应为"),
        ("high = 300", "high = -1", "high 应为"),
        ("high = 300", "low = 300", "要有上限"),
        ("high = 300", "hihg = 300", "low 和 high 都没有"),
        ("low = 30\nhigh = 100", "low = 130\nhigh = 100", "大于 high"),
        ('kind = "bin"', 'kind = "toilet"', "出现了两次"),
        ('kind = "bin"', 'kind = "cinema"', "不存在"),
        ('"09001", "09005"', '"09001", "stall"', "没有问题类别或分组“stall”"),
        ("verified = false", 'verified = "no"', "true 或 false"),
        ('roads = ["main"]', 'roads = ["motorway"]', "motorway"),
        ("snap_m = 120", "snap_m = 0", "snap_m"),
        ("join_m = 15", 'join_m = 15\npaths = "没有.pbf"', "没有路网文件"),
        ("people = 0.5 ", "people = [", "写法有误"),
        ("detour = 1.3", "detour = 1.3\nspeed = 5", "不认识“speed”"),
        ("weights = [1.0, 0.68, 0.22]", "weights = [0]", "大于 0"),
    ],
)
def test_an_error_names_the_file_and_the_line(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    assert TEXT.count(old) >= 1
    own = tmp_path / "rules" / facilities.FILE
    own.parent.mkdir()
    own.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CwmapError, match=words) as error:
        facilities.load(tmp_path)
    changed = TEXT[: TEXT.index(old)].count("\n") + 1
    assert str(own) in str(error.value)
    line = int(str(error.value).split("第 ")[1].split(" 行")[0])
    assert changed - 12 <= line <= changed + 4  # the value, or the entry that it belongs to


def test_a_workspaces_own_norms_win_and_are_named(tmp_path: Path, demo_town: Town) -> None:
    text = TEXT.replace("high = 300", "high = 450").replace(
        'clause = "5.0.1"', 'clause = "本镇规定"'
    )
    norms = facilities.save(tmp_path, text)
    assert facilities.load(tmp_path) == norms
    judged = gaps(demo_town, norms, "toilet", Filter())
    assert judged.norms[0].limit == 450
    assert "450 米（GB 55013-2021，本镇规定" in judged.notes[0]
    assert (judged.frame["reason"].str.contains("出 450 m")).all()
    with pytest.raises(CwmapError, match=r"第 \d+ 行"):
        facilities.save(tmp_path, text.replace("[walk]", "[wolk]"))
    assert facilities.load(tmp_path) == norms  # a wrong text is not kept
