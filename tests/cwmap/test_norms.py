import re

import pandas as pd
import pytest

from cwmap.errors import CwmapError
from cwmap.norms import OTHER_CATEGORY, OTHER_GROUP, Categories
from cwmap.tables import normalise

LOCAL = pd.DataFrame(
    [
        ("L101", "楼道堆物", "卫生死角/暴露垃圾", "楼道杂物、楼道乱堆", 12.0),
        ("06013", "道路坑洼", None, None, 8.0),
        ("L102", "飞线充电", None, "飞线", None),
    ],
    columns=["category", "name", "group", "aliases", "limit_h"],
).astype({"group": object})


@pytest.fixture(scope="module")
def shipped() -> Categories:
    return Categories.load()


def test_every_word_means_exactly_one_category(shipped):
    owners: dict[str, set[str]] = {}
    for code, category in shipped.codes.items():
        for word in category.words:
            owners.setdefault(normalise(word), set()).add(code)
    assert {word: codes for word, codes in owners.items() if len(codes) > 1} == {}
    assert all(shipped.find(word) == next(iter(codes)) for word, codes in owners.items())


def test_a_group_name_means_a_category_of_that_group(shipped):
    for group in shipped.groups:
        assert shipped.group_of(shipped.find(group.name)) == group


def test_every_code_has_a_group_and_a_limit(shipped):
    assert len(shipped.codes) > 100
    for code in shipped.codes:
        assert shipped.limit(code).amount > 0
        assert shipped.group_of(code) in shipped.groups
        assert re.fullmatch(r"#[0-9A-F]{6}", shipped.group_of(code).colour)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("06010", "06010"),
        ("6010", "06010"),  # a spreadsheet took it for a number
        ("暴露垃圾", "06010"),
        (" 暴露 垃圾 ", "06010"),
        ("生活垃圾", "06010"),
        ("暴露垃圾(市容)", "06010"),
        ("01-10", "06010"),
        ("0110", "06010"),
        ("０１－１０", "06010"),
        ("62120206010", "06010"),
        ("CJT214:01-02", "06010"),
        ("cjt214:01-02", "06010"),
        ("01-02", "06002"),  # GB/T 30428.2, never CJ/T 214
        ("OTHER", OTHER_CATEGORY),
        ("62120299999", None),
        ("暴露", None),
        ("01-99", None),
        ("", None),
    ],
)
def test_find(shipped, text, code):
    assert shipped.find(text) == code


def test_suggest_names_the_nearest_or_nothing(shipped):
    assert shipped.suggest("暴露的垃圾") == "暴露垃圾"
    assert shipped.suggest("Sanitation Code Violation") is None


def test_groups_by_key_name_or_part_of_the_name(shipped):
    for word in ("garbage", "卫生死角/暴露垃圾", "卫生死角", "暴露 垃圾"):
        assert shipped.find_group(word).key == "garbage"
    assert shipped.find_group("天空") is None


def test_no_word_means_two_groups(shipped):
    words = [normalise(w) for g in shipped.groups for w in {g.key, g.name, *g.name.split("/")}]
    assert len(words) == len(set(words))


def test_a_code_no_longer_in_force_falls_to_other(shipped):
    assert shipped.group_of("99999").key == OTHER_GROUP
    assert shipped.name("99999") == "99999"


def test_local_categories(shipped):
    town = shipped.with_local(LOCAL)
    assert town.find("楼道杂物") == "L101"
    # The town took this word from 乱堆杂物.
    assert shipped.find("楼道堆物") == "06036"
    assert town.find("楼道堆物") == "L101"
    assert town.find("飞线") == "L102" != shipped.find("飞线")
    assert town.group_of("L101").key == "garbage"
    assert town.group_of("L102").key == OTHER_GROUP
    # Its own limit and name for a known code; the old words still mean it.
    assert (str(town.limit("06013")), town.name("06013")) == ("8 工作时", "道路坑洼")
    assert town.find("道路破损") == town.find("01-13") == town.find("道路坑洼") == "06013"
    assert town.group_of("06013") == shipped.group_of("06013")
    assert town.limit("L102") == town.group_of("L102").limit
    # The shipped ones are as they were.
    assert shipped.find("L101") is None
    assert shipped.limit("06013") == shipped.group_of("06013").limit


def test_a_local_name_cannot_take_a_code(shipped):
    rows = pd.DataFrame({"category": ["L300"], "name": ["06013"]})
    assert shipped.with_local(rows).find("06013") == "06013"


GROUPS = "".join(
    f'[[group]]\nkey="{key}"\nname="{key}"\nicon="x"\ncolour="#000000"\nlimit="24 工作时"\n'
    for key in ("road", OTHER_GROUP)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[group]\n", "第 1 行"),
        (GROUPS + "[[category]]\nname = 3\n", "第 1 个 [[category]]缺少 code"),
        (GROUPS + '[[category]]\ncode="1"\nname="a"\ngroup="sky"\n', "第 1 个 [[category]]（1）"),
        (GROUPS.replace("24", "-1", 1), "第 1 个 [[group]]：时限“-1 工作时”"),
        (GROUPS.split("[[group]]")[1].join(["[[group]]", ""]), f'key = "{OTHER_GROUP}"'),
        (
            GROUPS
            + '[[category]]\ncode="1"\nname="a"\ngroup="road"\n'
            + '[[category]]\ncode="2"\nname="b"\ngroup="road"\naliases=["A"]\n',
            "“a”同时指 1、2",
        ),
        (
            GROUPS + '[[category]]\ncode="1"\nname="a"\ngroup="road"\n' * 2,
            "第 2 个 [[category]]的代码 1 重复",
        ),
    ],
)
def test_a_wrong_file_is_named_with_its_entry(tmp_path, text, said):
    path = tmp_path / "categories.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CwmapError) as error:
        Categories.load(path)
    assert said in str(error.value)
    assert "categories.toml" in str(error.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(CwmapError, match="读不到类别表"):
        Categories.load(tmp_path / "none.toml")
