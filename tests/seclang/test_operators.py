"""Truth tables of the operators, and what is refused with which words."""

from pathlib import Path

import pytest

from riskengine.errors import OperatorError
from riskengine.seclang.operators import COMPARISONS, PREPARED, REFUSED, compile_operator
from riskengine.seclang.operators_contract import Match

HERE = Path(__file__).parent

CASES = [
    ("rx", b"^a(b)?(c)$", b"ac", Match(b"ac", (b"ac", b"", b"c"))),
    ("rx", b"(?i)SELECT", b"a select", Match(b"select", (b"select",))),
    ("rx", b"a.b", b"a\nb", Match(b"a\nb", (b"a\nb",))),
    ("rx", b"a$", b"a\n", None),
    ("rx", rb"\xff", b"\xff", Match(b"\xff", (b"\xff",))),
    (
        "rx",
        b"(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)",
        b"abcdefghij",
        Match(b"abcdefghij", (b"abcdefghij", *[bytes([97 + i]) for i in range(9)])),
    ),
    ("rx", rb"x\s*+;(?>y|z)", b"x \x0b;z", Match(b"x \x0b;z", (b"x \x0b;z",))),
    ("pm", b"sel union", b"UNION all", Match(b"UNION", (b"UNION",))),
    ("pm", b"a|0d 0a|b", b"xa\r\nb", Match(b"a\r\nb", (b"a\r\nb",))),
    ("pm", b"sel union", b"other", None),
    ("within", b"GET POST", b"POST", Match(b"POST")),
    ("within", b"GET POST", b"PUT", None),
    ("contains", b"b", b"abc", Match(b"b")),
    ("containsWord", b"b", b"a b", Match(b"b")),
    ("containsWord", b"b", b"ab bc", None),
    ("streq", b"a", b"a", Match(b"a")),
    ("streq", b"a", b"A", None),
    ("beginsWith", b"ab", b"abc", Match(b"ab")),
    ("endsWith", b"bc", b"abc", Match(b"bc")),
    ("endsWith", b"ab", b"abc", None),
    ("eq", b"5", b"5", Match(b"5")),
    ("eq", b"0", b"abc", Match(b"abc")),
    ("gt", b"5", b"6", Match(b"6")),
    ("gt", b"5", b"5", None),
    ("ge", b"5", b" +5x", Match(b" +5x")),
    ("lt", b"5", b"-7", Match(b"-7")),
    ("le", b"5", b"6", None),
    ("eq", b"9", b"9" * 400, None),
    ("unconditionalMatch", b"", b"x", Match(b"x")),
    ("noMatch", b"", b"x", None),
    ("ipMatch", b"192.0.2.0/24,2001:db8::/32", b"192.0.2.9", Match(b"192.0.2.9")),
    ("ipMatch", b"192.0.2.0/24", b"::ffff:192.0.2.9", Match(b"::ffff:192.0.2.9")),
    ("ipMatch", b"::ffff:192.0.2.0/120", b"192.0.2.9", Match(b"192.0.2.9")),
    ("ipMatch", b"192.0.2.0/24", b"192.0.3.9", None),
    ("ipMatch", b"192.0.2.0/24", b"192.0.2.09", None),
    ("ipMatch", b"192.0.2.0/24", b"nonsense", None),
    ("validateByteRange", b"32-126,9", b"a\tb\x07c", Match(b"\x07")),
    ("validateByteRange", b"1-255", b"ab\0", Match(b"\0")),
    ("validateByteRange", b"1-255", b"ab", None),
    ("validateUrlEncoding", b"", b"a%4z", Match(b"%4z")),
    ("validateUrlEncoding", b"", b"a%41", None),
    ("validateUtf8Encoding", b"", b"a\xc0\xaf", Match(b"\xc0")),
    ("validateUtf8Encoding", b"", b"a\xed\xa0\x80", Match(b"\xed")),
    ("validateUtf8Encoding", b"", "é€😀".encode(), None),
    (
        "verifyCC",
        rb"\d{13,16}",
        b"card 4111111111111111",
        Match(b"4111111111111111", (b"4111111111111111",)),
    ),
    ("verifyCC", rb"\d{13,16}", b"card 4111111111111112", None),
]


@pytest.mark.parametrize(("name", "argument", "value", "expected"), CASES)
def test_operator_decides(name: str, argument: bytes, value: bytes, expected: Match | None) -> None:
    assert compile_operator(name, argument, directory=HERE).match(value) == expected


@pytest.mark.parametrize("name", ["pmFromFile", "pmf"])
def test_phrases_come_from_files_beside_the_rules(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.data").write_bytes(b"# not this\n\n/etc/passwd\r\n.htaccess\n")
    (tmp_path / "b.data").write_bytes(b"two words\n")
    operator = compile_operator(name, b"a.data b.data", directory=tmp_path)
    assert operator.match(b"x/ETC/passwd") == Match(b"/ETC/passwd", (b"/ETC/passwd",))
    assert operator.match(b"two words") is not None
    assert operator.match(b"two other words, not this") is None


def test_addresses_come_from_files_beside_the_rules(tmp_path: Path) -> None:
    (tmp_path / "nets").write_text("# ours\n192.0.2.0/24\n2001:db8::1\n")
    operator = compile_operator("ipMatchFromFile", b"nets", directory=tmp_path)
    assert operator.match(b"2001:DB8:0::1") is not None
    assert operator.match(b"2001:db8::2") is None


@pytest.mark.parametrize("name", sorted(COMPARISONS))
def test_comparison_takes_an_argument_whose_macro_was_expanded(name: str) -> None:
    operator = compile_operator(name, b"%{tx.limit}", directory=HERE)
    plain = compile_operator(name, b"5", directory=HERE)
    assert operator.match_against(b"5", b"5") == plain.match(b"5")


@pytest.mark.parametrize(
    ("name", "argument", "message"),
    [
        ("nosuch", b"", "@nosuch is not an operator of SecLang"),
        ("rbl", b"dnsbl.example", "@rbl would ask the DNS for each request"),
        ("pm", b"%{tx.words}", "cannot hold a macro"),
        ("pm", b" ", "no phrase"),
        ("pmFromFile", b"missing.data", "cannot read .*missing.data: No such file"),
        ("ipMatch", b"192.0.2.0/24,nonsense", "'nonsense' is not an address or network"),
        ("validateByteRange", b"1-300", "two numbers from 0 to 255 such as 32-126, got '1-300'"),
        ("validateNid", b"xx a", "knows the countries cl and us, got 'xx'"),
        ("rx", b"(a", "missing \\)"),
        ("rx", b"a(?<=b)", r"look-around \(\(\?<= at byte 1\)"),
        ("rx", b"(?<!a)b", "look-around"),
        ("rx", rb"(?P<n>a)(?P=n)", r"a back-reference \(\(\?P= at byte 8\)"),
        ("rx", b"(?R)", "recursion"),
        ("rx", b"(a)?(?(1)b|c)", "a condition"),
    ],
)
def test_what_cannot_be_had_is_refused_with_its_cause(
    name: str, argument: bytes, message: str
) -> None:
    with pytest.raises(OperatorError, match=message):
        compile_operator(name, argument, directory=HERE)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused_operator_says_why(name: str) -> None:
    assert name not in COMPARISONS.keys() | PREPARED.keys()
    with pytest.raises(OperatorError, match=REFUSED[name]):
        compile_operator(name, b"", directory=HERE)


@pytest.mark.parametrize(
    ("schema", "message"),
    [('{"pattern": "a"}', "'pattern' is not supported"), ("[", "is not a JSON object")],
)
def test_schema_with_an_unknown_keyword_is_refused(
    schema: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "s.json").write_text(schema)
    with pytest.raises(OperatorError, match=message):
        compile_operator("validateSchema", b"s.json", directory=tmp_path)


def test_pattern_takes_macros_that_were_expanded_as_parts_of_itself() -> None:
    operator = compile_operator("rx", b"^%{tx.charset}$", directory=HERE)
    assert operator.match_against(b"utf-8", b"^(?:utf-8|latin1)$") is not None
    assert operator.match_against(b"utf-7", b"^(?:utf-8|latin1)$") is None


@pytest.mark.parametrize("expanded", [b"^($", b"(?=a)", b"a" * 5_000])
def test_expanded_pattern_that_is_none_matches_nothing(expanded: bytes) -> None:
    operator = compile_operator("rx", b"^%{tx.words}", directory=HERE)
    assert operator.match_against(b"a" * 6_000, expanded) is None


def test_percent_signs_that_are_counted_in_a_pattern_are_no_macro() -> None:
    operator = compile_operator("rx", b"^%{2,3}$", directory=HERE)
    assert operator.match(b"%%") is not None
    assert operator.match(b"%") is None
