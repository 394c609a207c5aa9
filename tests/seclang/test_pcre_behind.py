"""A look-behind that is told without one finds the same values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.errors import OperatorError
from riskengine.seclang.operators_rx import compile_pattern
from riskengine.seclang.pcre_behind import without_look_behind

# Rule 920120 of CRS 3.3.
ENTITIES = (
    rb"(?<!&(?:[aAoOuUyY]uml)|&(?:[aAeEiIoOuU]circ)|&(?:[eEiIoOuUyY]acute)|&(?:[aAeEiIoOuU]grave)"
    rb"|&(?:[cC]cedil)|&(?:[aAnNoO]tilde)|&(?:amp)|&(?:apos));|['\"=]"
)
WORDS = [
    *(b"&%cuml" % c for c in b"aAoOuUyY"),
    *(b"&%ccirc" % c for c in b"aAeEiIoOuU"),
    *(b"&%cacute" % c for c in b"eEiIoOuUyY"),
    *(b"&%cgrave" % c for c in b"aAeEiIoOuU"),
    *(b"&%ccedil" % c for c in b"cC"),
    *(b"&%ctilde" % c for c in b"aAnNoO"),
    b"&amp",
    b"&apos",
]
pieces = st.sampled_from(
    [
        b";",
        b"&amp;",
        b"&amp",
        b"amp;",
        b"&&amp;",
        b"&auml;",
        b"uml;",
        b"&aacute;",
        b"\n",
        b"x",
        b"'",
    ]
)


@given(parts=st.lists(pieces | st.sampled_from(WORDS).map(lambda word: word + b";"), max_size=8))
def test_it_is_found_in_the_same_values(parts: list[bytes]) -> None:
    value = b"".join(parts)
    ends = [value[:at] for at, sign in enumerate(value) if sign == ord(";")]
    expected = any(sign in value for sign in b"'\"=") or any(
        not before.endswith(tuple(WORDS)) for before in ends
    )
    assert (compile_pattern(ENTITIES).search(value) is not None) is expected


@given(value=st.lists(st.sampled_from(b"abc;"), max_size=9).map(bytes))
def test_words_within_words_are_told_apart(value: bytes) -> None:
    expected = any(
        not value[:at].endswith((b"ab", b"cab", b"c"))
        for at, sign in enumerate(value)
        if sign == ord(";")
    )
    found = compile_pattern(rb"(?<!ab|cab|c);").search(value)
    assert (found is not None) is expected


@pytest.mark.parametrize(
    "pattern",
    [rb"(?<!a+);", rb"(?<!x(?:a|b)y);", rb"x(?<!a);", rb"(?<=a);", rb"(?<!a)b", rb"(?!a)"],
)
def test_other_look_around_is_refused_as_ever(pattern: bytes) -> None:
    assert without_look_behind(pattern) == pattern
    with pytest.raises(OperatorError, match="look-around"):
        compile_pattern(pattern)
