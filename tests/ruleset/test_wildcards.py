"""`*` in attribute patterns."""

import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.ruleset.wildcards import Wildcard


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("foo", "foo", True),
        ("foo", "foobar", False),
        ("foo*", "foo", True),
        ("foo*", "foobar", True),
        ("foo*", "afoo", False),
        ("*", "", True),
        ("bar*b", "bar-b", True),
        ("bar*b", "barb", True),
        ("ab*ba", "aba", False),  # an end may not use what the beginning used
        ("foo*bar*baz", "foo1bar2baz", True),
        ("foo*bar*baz", "foo1baz2bar", False),
        ("a.c", "abc", False),
        ("a?c", "abc", False),
    ],
)
def test_star_stands_for_any_text_and_nothing_else_is_special(
    pattern: str, text: str, fits: bool
) -> None:
    assert Wildcard(pattern).matches(text) is fits


@given(st.text("ab*", max_size=8), st.text("ab", max_size=10))
def test_agrees_with_the_standard_library(pattern: str, text: str) -> None:
    expected = re.fullmatch(fnmatch.translate(pattern), text) is not None
    assert Wildcard(pattern).matches(text) is expected
