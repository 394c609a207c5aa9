"""A restricted pattern finds what the pattern finds, in values of its alphabet."""

import hyperscan
import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from riskengine.seclang.pattern_database import ALPHABETS, compile_database
from riskengine.seclang.restricted import restricted
from riskengine.seclang.scan_patterns import Expressions
from riskengine.seclang.scanner import Scanner
from riskengine.seclang.value_kinds import alphabet_of, kinds_of

ALPHABET = b"aAbB1_-. /="
PIECES = [
    b"a", b"B", b"=", b"'", rb"\.", b".", b"[ab]", b"[^a]", b"[^'\"]", b"[A-Z]", rb"\d", rb"\W",
    rb"\s", rb"[\s\S]", rb"[\w;]", rb"\x{2f}", rb"\b", rb"\B", rb"\A", b"^", rb"\z",
    rb"[\x27-\x2f]",
]  # fmt: skip


def joined(parts: list[bytes]) -> bytes:
    return b"".join(parts)


def patterns_of(pieces: list[bytes]) -> st.SearchStrategy[bytes]:
    """Patterns put together from `pieces`: sequences, alternatives and repetitions."""
    return st.recursive(
        st.lists(st.sampled_from(pieces), min_size=1, max_size=3).map(joined),
        lambda inner: st.one_of(
            st.lists(inner, min_size=2, max_size=3).map(lambda many: b"(?:%s)" % b"|".join(many)),
            st.tuples(inner, st.sampled_from([b"*", b"+?", b"?", b"{2,3}"])).map(
                lambda pair: b"(%s)%s" % pair
            ),
            st.lists(inner, min_size=2, max_size=3).map(joined),
        ),
        max_leaves=6,
    )


patterns = patterns_of(PIECES)
values = st.text(st.sampled_from(ALPHABET.decode()), min_size=1, max_size=8).map(str.encode)


@settings(max_examples=400, deadline=None)
@given(pattern=patterns, value=values, flags=st.sampled_from([b"", b"(?i)"]))
def test_both_find_the_same(pattern: bytes, value: bytes, flags: bytes) -> None:
    simpler = restricted(flags + pattern, frozenset(ALPHABET))
    assert found(flags + pattern, value) == (simpler is not None and found(simpler, value))


def found(pattern: bytes, value: bytes) -> bool:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.dot_nl = True
    return re2.compile(pattern, options).search(value) is not None


@pytest.mark.parametrize(
    ("pattern", "simpler"),
    [
        (rb"['\"]\s*or|drop\s+table", rb"(?:drop(?:\x20){1,}table)"),
        (rb"['\"<]", None),
        (rb"(?i)sel(?:['\"]|ect)", rb"(?i)sel(?:ect)"),
        (rb"a['\"]*b", b"ab"),
        (rb"[^'\"]", b"."),
        (rb"(?=a)b", rb"(?=a)b"),
    ],
)
def test_what_needs_other_bytes_is_left_out(pattern: bytes, simpler: bytes | None) -> None:
    assert restricted(pattern, frozenset(ALPHABETS[1])) == simpler


WORDS = (rb"['\"]\s*or", rb"drop\s+table", rb"(?i)union|--", rb"^\d+\z", rb"\.\./", rb"[<>]|^a")


@settings(max_examples=300, deadline=None)
@given(
    value=st.one_of(
        st.binary(min_size=1, max_size=12),
        st.lists(
            st.sampled_from([b"' or", b"drop table", b"UNION", b"12", b"../", b"<", b"a", b";"]),
            min_size=1,
            max_size=3,
        ).map(joined),
    )
)
def test_whichever_database_is_asked_the_bits_are_the_same(value: bytes) -> None:
    compiled = COMPILED
    bits = {place: 1 << place for place in range(len(WORDS))}
    expected = sum(1 << place for place, word in enumerate(WORDS) if hyperscan_finds(word, value))
    scanner = Scanner(compiled, bits, 0)
    assert scanner.bits_in(value, alphabet_of(kinds_of(value))) == expected


COMPILED = compile_database([Expressions((word,), True) for word in WORDS])


def hyperscan_finds(pattern: bytes, value: bytes) -> bool:
    hits: list[int] = []
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=[pattern], ids=[0], flags=[hyperscan.HS_FLAG_DOTALL])
    database.scan(value, lambda *_: hits.append(1))
    return bool(hits)
