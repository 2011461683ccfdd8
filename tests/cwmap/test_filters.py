"""A filter and its link mean each other."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cwmap.errors import CwmapError
from cwmap.filters import LISTS, Filter
from cwmap.tables import REPORTS

WORDS = st.text(
    st.characters(exclude_characters=",", exclude_categories=("Cs", "Zs", "Cc", "Zl", "Zp")),
    min_size=1,
)
LISTED = st.lists(WORDS, unique=True, max_size=4).map(tuple)
DAYS = st.none() | st.dates()


@st.composite
def filters(draw: st.DrawFn) -> Filter:
    start, end = draw(DAYS), draw(DAYS)
    if start and end and start > end:
        start, end = end, start
    values = {word: draw(LISTED) for word in LISTS if word != "status"}
    status = draw(st.lists(st.sampled_from(list(REPORTS["status"].choices)), unique=True))
    return Filter(start=start, end=end, status=tuple(status), **values)


@given(filters())
def test_a_link_means_the_same_filter(question: Filter) -> None:
    assert Filter.from_query(question.to_query()) == question


@given(filters())
def test_only_the_empty_filter_is_open(question: Filter) -> None:
    assert question.is_open == (question == Filter())


def test_the_period_before_is_as_long_and_ends_the_day_before() -> None:
    question = Filter(start=date(2026, 3, 1), end=date(2026, 3, 31), category=("road",))
    before = question.before()
    assert before == Filter(start=date(2026, 1, 29), end=date(2026, 2, 28), category=("road",))
    assert Filter(start=date(2026, 3, 1)).before() is None


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"from": "2026-02-30"}, "看不懂日期“2026-02-30”"),
        ({"from": "last week"}, "看不懂日期"),
        ({"from": "2026-03-02", "to": "2026-03-01"}, "晚于截止日期"),
        ({"status": "open,lost"}, "没有“lost”这种状态"),
    ],
)
def test_a_bad_word_is_answered_with_a_sentence(query: dict[str, str], sentence: str) -> None:
    with pytest.raises(CwmapError, match=sentence):
        Filter.from_query(query)
