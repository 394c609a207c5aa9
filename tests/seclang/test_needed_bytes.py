"""Without any of the bytes that a pattern needs, it is not found."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskengine.seclang.needed_bytes import needed_bytes
from tests.seclang.test_restricted import found, patterns

values = st.text(st.sampled_from("aAbBzZ1_-=. '/"), max_size=8).map(str.encode)


@settings(max_examples=400, deadline=None)
@given(pattern=patterns, value=values, flags=st.sampled_from([b"", b"(?i)"]))
def test_nothing_is_found_without_them(pattern: bytes, value: bytes, flags: bytes) -> None:
    needed = needed_bytes(flags + pattern)
    if needed is not None and not needed & set(value):
        assert not found(flags + pattern, value)


@pytest.mark.parametrize(
    ("pattern", "needed"),
    [
        (rb"\beval\s*\(", b"("),
        (rb"(?:\$\{|%\{)x", b"$%"),
        (rb"(?i)or\s*=|a", b"Aa="),
        (rb"(?:\()?x*[^a]", None),
        (rb"(?=\()", None),
    ],
)
def test_the_rarest_are_chosen(pattern: bytes, needed: bytes | None) -> None:
    assert needed_bytes(pattern) == (needed and frozenset(needed))
