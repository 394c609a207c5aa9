from hypothesis import given, settings
from hypothesis import strategies as st

from riskengine.seclang.operators_rx import compile_pattern, pattern_finder
from riskengine.seclang.re2_spans import NOWHERE, spans_of, wrapped_spans_of
from tests.seclang.test_restricted import patterns

values = st.text(st.sampled_from("aAbB1_-=. "), max_size=8).map(str.encode)


@settings(max_examples=300, deadline=None)
@given(pattern=patterns, value=values)
def test_the_engine_says_what_the_wrapper_says(pattern: bytes, value: bytes) -> None:
    compiled = compile_pattern(pattern)
    assert list(spans_of(compiled)(value)) == wrapped_spans_of(compiled)(value)


def test_what_does_not_match_is_nowhere() -> None:
    assert spans_of(compile_pattern(b"a"))(b"b")[0] == NOWHERE
    assert spans_of(compile_pattern(b"a*"))(b"b")[0] == (0, 0)


def test_a_group_that_took_no_part_is_empty() -> None:
    found = pattern_finder(b"(a)|(b)")(b"xb")
    assert found is not None
    assert found.captures == (b"b", b"", b"b")
