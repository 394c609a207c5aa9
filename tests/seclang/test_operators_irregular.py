"""Patterns with look-ahead and back-references: what PCRE finds, in a bounded number of steps."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskengine.errors import OperatorError
from riskengine.seclang.operators_irregular import REACH, SHORT
from riskengine.seclang.operators_rx import match_pattern, pattern_finder
from riskengine.seclang.pcre_weaker import is_irregular, weaker, without_leading

# Rule 942130 of CRS 3.3: two words that are the same, or are not.
SAME_WORDS = (
    rb"(?i:[\s'\"`()]*?\b([\d\w]+)\b[\s'\"`()]*?(?:<(?:=(?:[\s'\"`()]*?(?!\b\1\b)[\d\w]+|"
    rb">[\s'\"`()]*?(?:\b\1\b))|>?[\s'\"`()]*?(?!\b\1\b)[\d\w]+)|(?:not\s+(?:regexp|like)|is\s+not|"
    rb">=?|!=|\^)[\s'\"`()]*?(?!\b\1\b)[\d\w]+|(?:(?:sounds\s+)?like|r(?:egexp|like)|=)"
    rb"[\s'\"`()]*?(?:\b\1\b)))"
)
PATTERNS = [
    SAME_WORDS,
    rb"(\w+)=\1",
    rb"(['\"]).*?\1",
    rb"(?i)(a|b)+=(?:\1|x)",
    rb"(a)?(b)?=(?!\2)\w",
    rb"^(\w)(\w)?=\1$",
    rb"a(?!b)\w*=",
    rb"(?=\w*1)[ab1]+=(?=b)",
    rb"(?:(\w)\1)+=",
]
PIECES = ["a", "b", "A", "ab", "1", "=", "=", "<", ">", "!=", "'", '"', " ", "(", "\n",
          " like ", " is not ", " not regexp ", "sounds like"]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join).map(str.encode)
LEADING = b" \t\n\r\x0b\x0c'\"`()"

CPU_MAX_S = 10
"""Ten times what the longest takes here; a backtracking engine would need years."""


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(deadline=None)
@given(text=TEXTS)
def test_short_value_holds_what_a_backtracking_engine_finds(pattern: bytes, text: bytes) -> None:
    judged = judge(pattern, text)
    found = pattern_finder(pattern)(text)
    assert (found is None) == (judged is None)
    if found is not None and judged is not None:
        assert found.text == (judged[0].lstrip(LEADING) if pattern == SAME_WORDS else judged[0])
        assert found.captures[1:] == tuple(group or b"" for group in judged.groups())


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(deadline=None)
@given(before=TEXTS, text=TEXTS)
def test_long_value_holds_what_a_backtracking_engine_finds(
    pattern: bytes, before: bytes, text: bytes
) -> None:
    value = before + b"." * (SHORT + 1) + text
    found = pattern_finder(pattern)(value)
    assert (found is None) == (judge(pattern, value) is None)


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(deadline=None)
@given(text=TEXTS)
def test_weaker_pattern_is_found_wherever_the_pattern_is(pattern: bytes, text: bytes) -> None:
    weak = weaker(pattern)
    assert is_irregular(pattern)
    assert not is_irregular(weak)
    assert judge(pattern, text) is None or pattern_finder(weak)(text) is not None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"1=1", b"1=1"),
        (b"' or 'x' = 'X", b"x' = 'X"),
        (b"id=5 and 2<>3", b"2<>3"),
        (b"a=b&c=d", None),
        (b"1 is not 1", None),
        (b"11=1", None),
        (b"x" * SHORT + b" 1=1", b"1=1"),
        (b"1=" + b" " * REACH + b"1", b"1=" + b" " * REACH + b"1"),
        (b"x=" + b" " * (REACH // 4) + b"y", None),
    ],
)
def test_words_are_compared_as_rule_942130_means_it(value: bytes, text: bytes | None) -> None:
    found = pattern_finder(SAME_WORDS)(value)
    assert (found.text if found is not None else None) == text


@pytest.mark.parametrize(
    "pattern", [rb"(?P<w>\w+)=\k{w}\b", rb"(\w+)=\g{1}\b", rb"(x?)(\w+)=\1\g{-1}\b"]
)
def test_references_may_be_written_in_every_way(pattern: bytes) -> None:
    find = pattern_finder(pattern)
    assert find(b"a shop=shop b") is not None
    assert find(b"a shop=ship b") is None


@pytest.mark.parametrize("far", [REACH, 8 * REACH])
def test_padding_hides_nothing(far: int) -> None:
    find = pattern_finder(SAME_WORDS)
    assert find(b"1" + b" " * far + b"= 1") is not None
    assert find(b"a=b " * 20_000 + b"1=1") is not None


@pytest.mark.slow
@pytest.mark.parametrize("seed", [b"a=b ", b" ", b"a ", b"a", b"a'", b"a=", b"a<", b"'", b"<=> ",
                                  b"is not ", b"a not like "], ids=ascii)  # fmt: skip
@pytest.mark.parametrize("length", [SHORT, 1 << 12, 1 << 16, 1 << 20])
def test_rule_942130_is_linear(seed: bytes, length: int) -> None:
    find = pattern_finder(SAME_WORDS)
    value = seed * (length // len(seed))
    started = time.process_time()
    for _ in range((1 << 20) // length if length == SHORT else 1):
        find(value)
        find(value[:-3] + b"=bx")
    assert time.process_time() - started < CPU_MAX_S


@pytest.mark.parametrize("length", [24, SHORT, 1 << 12, 1 << 18])
@pytest.mark.parametrize(
    "pattern",
    [rb"(a+)+b\1", rb"(a|a)*(?!a)b", rb"(a|aa)+(?=c)", rb"(.*)(.*)(.*)(.*)x\1", rb"((a?){30})\1b"],
)
def test_pattern_that_ruins_a_backtracking_engine_takes_bounded_steps(
    pattern: bytes, length: int
) -> None:
    find = pattern_finder(pattern)
    started = time.process_time()
    find(b"a" * length)
    find(b"a" * (length - 1) + b"b")
    find(b"a" * (length - 1) + b"x")
    assert time.process_time() - started < CPU_MAX_S


def test_what_takes_too_many_steps_counts_as_found() -> None:
    find = pattern_finder(rb"(a+)+(?!x)\1b")
    assert find(b"a" * 30 + b"b") is not None
    assert find(b"a" * 30) is None, "the weaker pattern is not there: no step is taken"


@pytest.mark.parametrize(
    ("pattern", "without"),
    [
        (rb"[ '\"]*?a\1", rb"a\1"),
        (rb"(?i:[ab]*x)", rb"(?i:x)"),
        (rb"(?i:[ab]*x){2}", rb"(?i:[ab]*x){2}"),
        (rb"[ab]*+x", rb"[ab]*+x"),
        (rb"[ab]+x", rb"[ab]+x"),
        (rb"(?:[ab]*x)y", rb"(?:[ab]*x)y"),
    ],
)
def test_repeated_set_at_the_beginning_is_left_out(pattern: bytes, without: bytes) -> None:
    assert without_leading(pattern) == without


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (rb"(a\1)", r"refers \(\\1 at byte 2\) to something else than one of nine groups"),
        (rb"\2(a)(b)", r"refers \(\\2 at byte 0\)"),
        (rb"(a)\12", r"refers \(\\1 at byte 3\)"),
        (rb"(a)\1(?<=b)", "look-around"),
        (rb"(a)\1(?R)", "recursion"),
        (rb"(a)\1(b", "missing \\)"),
        (rb"(a{2,1})\1", "invalid repetition size"),
    ],
)
def test_what_cannot_be_had_is_refused_with_its_cause(pattern: bytes, message: str) -> None:
    with pytest.raises(OperatorError, match=message):
        pattern_finder(pattern)


def test_no_pattern_that_a_request_had_a_hand_in_is_searched_by_steps() -> None:
    assert match_pattern(b"aa", rb"(a)a") is not None
    assert match_pattern(b"aa", rb"(a)\1") is None


def judge(pattern: bytes, text: bytes) -> re.Match[bytes] | None:
    """What Python finds; its `$` also matches before a last newline, ours does not."""
    return re.search(re.sub(rb"\$\Z", rb"\\Z", pattern), text, re.DOTALL)
