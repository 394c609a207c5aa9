"""Patterns that need no engine find what the engine finds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.seclang.operators_rx import engine_finder, pattern_finder
from riskengine.seclang.plain_patterns import plain_finder

PLAIN = (rb".", rb".*", rb"^.*", rb"^.*$", rb"\.([^.]+)$", rb"\.([^\.]+)$", rb"/([^/]+)$")
OTHERS = (rb".([^.]+)$", rb"\.([^/]+)$", rb"\.([^.]*)$", rb"\.([^.]+)", rb"..", rb"\.", b"")


@pytest.mark.parametrize("pattern", PLAIN)
@given(value=st.text("./a\n\\", max_size=8).map(str.encode))
def test_they_find_what_the_engine_finds(pattern: bytes, value: bytes) -> None:
    assert plain_finder(pattern) is not None
    assert pattern_finder(pattern)(value) == engine_finder(pattern)(value)


@pytest.mark.parametrize("pattern", OTHERS)
def test_others_are_left_to_the_engine(pattern: bytes) -> None:
    assert plain_finder(pattern) is None
