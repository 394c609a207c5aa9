"""Large patterns taken apart find no less, and mostly no more."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.seclang.pattern_parts import Piece, parts_of, pieces_of, weakened

_STREWN = b"[^a-z]*"
_WORD = _STREWN.join([b"%c" % letter for letter in b"busyboxes"] + [b" "])
EVASIVE = b"(?i)(?:;|^|%s)[ (]*(?:cat|ls|p(?:ing|s)|who)" % _WORD


def test_words_are_set_apart_from_signs_and_from_what_follows() -> None:
    assert pieces_of(EVASIVE, lambda _: True) == [
        Piece(b"(?i)(?:;|^)[ (]*(?:cat|ls|p(?:ing|s)|who)"),
        Piece(b"(?i)(?:%s)" % _WORD, exact=False),
    ]


def test_what_follows_signs_is_halved_until_it_is_accepted() -> None:
    pieces = pieces_of(EVASIVE, lambda pattern: len(pattern) <= 36)
    assert [piece.pattern for piece in pieces if piece.exact] == [
        b"(?i)(?:;|^)[ (]*(?:cat|ls)",
        b"(?i)(?:;|^)[ (]*(?:p(?:ing|s)|who)",
    ]


def test_a_pattern_stays_whole_where_that_is_not_enough() -> None:
    assert pieces_of(EVASIVE, lambda pattern: len(pattern) <= 20) == [Piece(EVASIVE)]


@pytest.mark.parametrize(
    "pattern",
    [
        b"(?i)select|union",
        b"(?i)\\b(?:cat|ls)\\b",
        b"(?:a*b*c*d*e*f*g*h*|i)?j",
        b"(?:a*b*c*d*e*f*g*h*|i*j*k*l*m*n*o*p*)q",
        b"[a-z]+",
        b"",
    ],
)
def test_other_patterns_stay_whole(pattern: bytes) -> None:
    assert pieces_of(pattern, lambda _: True) == [Piece(pattern)]


@pytest.mark.parametrize("size", [30, 60, 200])
@given(
    value=st.lists(
        st.sampled_from(
            [";", "b-u-s-y-b-o-x-e-s- ", "BusyBoxes ", "(", "cat", "ls", "ping", "WHO", "-"]
        )
    ).map(lambda texts: "".join(texts).encode())
)
def test_pieces_find_all_that_the_pattern_finds(size: int, value: bytes) -> None:
    pieces = pieces_of(EVASIVE, lambda pattern: len(pattern) <= size)
    found = [piece for piece in pieces if re.search(piece.pattern, value, re.DOTALL)]
    whole = re.search(EVASIVE, value, re.DOTALL) is not None
    assert bool(found) or not whole
    assert whole or not any(piece.exact for piece in found)


@given(value=st.text("abc<>=! x", max_size=24).map(str.encode))
def test_ever_weaker_patterns_find_all_that_the_pattern_finds(value: bytes) -> None:
    pattern = b"<[abc]{0,1}x*(?:aaaaaaaaaa|a+|b+c?|<)!?(?:=x|=b{0,3}|aaaaaaaaaaa)>"
    weaker = weakened(pattern)
    assert len(weaker) > 1
    if re.search(pattern, value):
        assert all(re.search(one, value) for one in weaker)


def test_parts_are_what_stands_side_by_side() -> None:
    assert parts_of(rb"(?i)a(?:b|c(d))*[\]x]{2,3}\(+?e") == [
        b"(?i)", b"a", b"(?:b|c(d))*", rb"[\]x]{2,3}", rb"\(+?", b"e",
    ]  # fmt: skip
    assert parts_of(b"a|b") == [b"a|b"]
