"""A caseless pattern finds in a value what the pattern finds in its lower case."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskengine.seclang.caseless import caseless, is_caseless
from tests.seclang.test_restricted import found, patterns_of

PIECES = [
    b"a", b"B", b"=", b".", b"[ab]", b"[^a]", b"[^B]", b"[A-Z]", b"[^a-z]", rb"\d", rb"\w", rb"\W",
    rb"[\W_]", rb"[\s\S]", rb"\x{41}", rb"\b", rb"\B", rb"\A", b"^", rb"\z", rb"[\x41-\x7f]",
]  # fmt: skip
patterns = patterns_of(PIECES)
values = st.text(st.sampled_from("aAbBzZ1_-="), min_size=1, max_size=8).map(str.encode)


@settings(max_examples=400, deadline=None)
@given(pattern=patterns, value=values, flags=st.sampled_from([b"", b"(?i)"]))
def test_both_find_the_same(pattern: bytes, value: bytes, flags: bytes) -> None:
    made = caseless(flags + pattern)
    if made is not None:
        lower = value.lower()
        assert found(made, value) == found(made, lower) == found(flags + pattern, lower)


@pytest.mark.parametrize(
    ("pattern", "made"),
    [
        (rb"^session[_-]id", rb"(?i)^session[_-]id"),
        (rb"(?i)select", rb"(?i)select"),
        (rb"\d+[.:]\d+", rb"\d+[.:]\d+"),
        (rb"(?:via|originating-IP):", rb"(?i)(?:via)\x3a"),
        (rb"OPTIONS", None),
        (rb"(?i:file)://", None),
        (rb"a(?=b)", None),
    ],
)
def test_capital_letters_are_never_found(pattern: bytes, made: bytes | None) -> None:
    assert caseless(pattern) == made


def test_what_is_not_about_case_is_caseless_already() -> None:
    assert is_caseless(rb"(?i)union\s+select")
    assert is_caseless(rb"[^\x21-\x40]:")
    assert not is_caseless(b"union")
