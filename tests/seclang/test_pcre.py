"""PCRE patterns in the words of RE2: the same matches, or a cause."""

import re
from pathlib import Path

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from riskengine.errors import OperatorError
from riskengine.seclang.operators_rx import compile_pattern, pattern_finder
from riskengine.seclang.pcre import to_re2

CRS = Path(__file__).parents[3] / "shared" / "data" / "crs" / "ruleset" / "rules"


@pytest.mark.parametrize(
    ("pattern", "translated"),
    [
        (b"a*+b++c?+d{2,3}+", b"a*b+c?d{2,3}"),
        (b"a*?b+?", b"a*?b+?"),
        (b"(?>ab|c)", b"(?:ab|c)"),
        (rb"\s\S\h\Z", rb"[\s\x0b][^\s\x0b][ \t]\n?\z"),
        (rb"[\s\h\b]", rb"[\s\x0b \t\x08]"),
        (rb"[]*+]\++", rb"[]*+]\++"),
        (rb"[^]+]+", rb"[^]+]+"),
        (rb"\*+\\++", rb"\*+\\+"),
        (rb"[[:alpha:]+]*", rb"[[:alpha:]+]*"),
        (rb"\x{ff}+\x41*", rb"\x{ff}+\x41*"),
        (rb"(?i:a)(?P<n>b)(?:c)(?m)d", rb"(?i:a)(?P<n>b)(?:c)(?m)d"),
    ],
)
def test_pattern_is_translated(pattern: bytes, translated: bytes) -> None:
    assert to_re2(pattern) == translated
    compile_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "construct"),
    [
        (b"a(?=b)", "look-around"),
        (b"a(?!b)", "look-around"),
        (b"(?<=a)b", "look-around"),
        (b"(?<!a)b", "look-around"),
        (rb"(a)\1", "a back-reference"),
        (rb"(?P<n>a)(?P=n)", "a back-reference"),
        (rb"(?<n>a)\k{n}", "a back-reference"),
        (b"(a(?1))", "recursion"),
        (b"(a)?(?(1)b)", "a condition"),
        (b"(?|a|b)", "a branch reset"),
        (b"(*FAIL)", "a backtracking verb"),
        (rb"\Ga", "an escape that only a backtracking engine has"),
    ],
)
def test_what_is_not_regular_is_refused_with_its_place(pattern: bytes, construct: str) -> None:
    with pytest.raises(OperatorError, match=rf"^the pattern has {construct} \(.* at byte \d+\)"):
        to_re2(pattern)


@pytest.mark.parametrize("pattern", [rb"[(?=]", rb"\(?=a", rb"[\1]x", rb"a\\1"])
def test_what_only_looks_irregular_is_taken(pattern: bytes) -> None:
    compile_pattern(pattern)


# The shapes in which the CRS writes possessive quantifiers; Python 3.11 knows them, so it judges.
POSSESSIVE = [
    rb"^[^;]+;\s*+charset\s*+=\s*+\"?utf-8\b\"?\s*+$",
    rb"[\"'`]\s*?[^?\w\s=.,;)(]++\s*?[(@\"'`]*?\s*?\w+\W+\w",
    rb"^(?>[a-z]+);(?>\d+|x)$",
]
TEXTS = st.text(alphabet="a;x1= \"'`@(\x0bcharset=utf-8", max_size=16).map(str.encode)


@pytest.mark.parametrize("pattern", POSSESSIVE)
@given(text=TEXTS)
def test_possession_changes_nothing_in_the_shapes_of_the_crs(pattern: bytes, text: bytes) -> None:
    # The judge's `$` also matches before a last newline; these texts have none.
    judged = re.compile(pattern, re.DOTALL).search(text)
    assert (pattern_finder(pattern)(text) is not None) == (judged is not None)


@pytest.mark.shared_data
@pytest.mark.skipif(not CRS.is_dir(), reason="the rule set is not here")
def test_every_pattern_of_the_crs_compiles() -> None:
    text = b"".join(path.read_bytes() for path in sorted(CRS.glob("*.conf")))
    joined = re.sub(rb"(?m)^\s*#.*$|\\\n", b"", text)
    patterns = {
        found.replace(b'\\"', b'"') for found in re.findall(rb'"!?@rx ((?:[^"\\]|\\.)*)"', joined)
    }
    assert len(patterns) > 250
    assert all(isinstance(compile_pattern(pattern), re2._Regexp) for pattern in patterns)
