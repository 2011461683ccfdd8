"""One declaration a column: what is made from it agrees with it."""

from collections import Counter
from pathlib import Path

import pytest

from cwmap.dictionary import markdown
from cwmap.errors import UnknownName
from cwmap.tables import TABLES, headers, normalise, table

DOCS = Path(__file__).parents[2] / "docs" / "tables.md"


def test_the_data_dictionary_is_of_today() -> None:
    assert DOCS.read_text(encoding="utf-8") == markdown()


@pytest.mark.parametrize("name", TABLES)
def test_no_header_means_two_columns_of_a_table(name: str) -> None:
    words = [
        (normalise(word), column.name)
        for column in TABLES[name].filled
        for word in {column.name, column.label, column.header, *column.aliases}
    ]
    meanings = Counter(word for word, _ in set(words))
    assert [word for word, number in meanings.items() if number > 1] == []


@pytest.mark.parametrize("name", TABLES)
def test_choices_are_told_apart(name: str) -> None:
    for column in TABLES[name].columns:
        words = Counter(
            word
            for value, aliases in column.choices.items()
            for word in {normalise(w) for w in (value, column.shown(value), *aliases)}
        )
        assert [word for word, number in words.items() if number > 1] == [], column.name


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("任务号", "report_id"), ("TASKID", "report_id"), ("service_request_id", "report_id"),
        ("小类", "category"), ("INFOSCNAME", "category"), ("service_name", "category"),
        ("DISCOVERTIME", "reported_at"), ("requested_datetime", "reported_at"),
        ("COORDX", "lon"), ("long", "lon"), ("经度(°)", "lon"), (" 纬 度 ", "lat"),
        ("STREETNAME", "street"), ("COMMUNITYNAME", "community"), ("EXECUTEDEPTNAME", "department"),
    ],
)  # fmt: skip
def test_headers_of_other_systems_are_known(header: str, column: str) -> None:
    assert headers(TABLES["reports"])[normalise(header)] == column


def test_an_unknown_table_names_the_known_ones() -> None:
    assert table("巷道") is TABLES["lanes"]
    with pytest.raises(UnknownName, match="reports（问题）"):
        table("nonsense")
