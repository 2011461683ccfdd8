"""Phone numbers never leave whole, wherever they stand."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cwmap.privacy import masked


@given(st.text(), st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.text())
def test_no_mobile_number_survives(before: str, phone: str, after: str) -> None:
    text = f"{before} {phone} {after}"
    assert phone not in masked(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("13812341234", "138****1234"), ("电话13812341234转", "电话138****1234转"),
        ("138-1234-5678", "138****5678"), ("138 1234 5678", "138****5678"),
        ("+8613812341234", "+86138****1234"), ("86-138 1234 1234", "86-138****1234"),
        ("身份证621202198503071234", "身份证621202********1234"),
        ("62120219850307123X。", "62120219850307123X。".replace("19850307", "********")),
        ("621202202603010001", "621202202603010001"),  # a case number
        ("0939-8212345", "0939-82***45"), ("W2026030100123", "W2026030100123"),
        ("621202100005001", "621202100005001"), (None, ""),
    ],
)  # fmt: skip
def test_what_is_masked_and_what_is_not(text: object, shown: str) -> None:
    assert masked(text) == shown


@given(st.text(st.characters(exclude_categories=("Nd",))))
def test_text_without_digits_stays(text: str) -> None:
    assert masked(text) == text
    assert not re.search(r"\d", masked(text))
