import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.query import ODDITIES, PARAMETERS_MAX, QUERY_MAX, parse_query

READINGS: list[tuple[str, list[tuple[str, str]], str]] = [
    # raw, parameters, oddities
    ("", [], ""),
    ("q=red+shoes&page=2", [("q", "red shoes"), ("page", "2")], ""),
    ("a=1&a=2", [("a", "1"), ("a", "2")], ""),
    ("flag&empty=&&x=1=2", [("flag", ""), ("empty", ""), ("x", "1=2")], ""),
    ("%71=%C3%A9", [("q", "é")], ""),
    ("q=a%2Bb", [("q", "a+b")], ""),
    ("text=two%0D%0Alines%09", [("text", "two\r\nlines\t")], ""),
    ("url=https%253A%252F%252Fshop.example%252F", [("url", "https%3A%2F%2Fshop.example%2F")], ""),
    ("q=100%2525", [("q", "100%25")], ""),
    ("q=100%", [("q", "100%")], "malformed_encoding"),
    ("q=%zz", [("q", "%zz")], "malformed_encoding"),
    ("q=%00", [("q", "\x00")], "nul"),
    ("q=%1b[0m", [("q", "\x1b[0m")], "control_character"),
    ("q=%E9", [("q", "é")], "invalid_utf8"),
    ("q=%u4e2d", [("q", "中")], "iis_encoding"),
    ("q=%c0%a7", [("q", "'")], "overlong_utf8"),
    ("q=%253Cscript%253E", [("q", "%3Cscript%3E")], "double_encoding"),
    ("f=..%252f..%252fetc", [("f", "..%2f..%2fetc")], "double_encoding"),
    ("q=%2527", [("q", "%27")], "double_encoding"),
]


@pytest.mark.parametrize(("raw", "parameters", "oddities"), READINGS)
def test_query_is_decoded_once_and_its_oddities_are_named(
    raw: str, parameters: list[tuple[str, str]], oddities: str
) -> None:
    query = parse_query(raw)
    assert [(p.name, p.value) for p in query.parameters] == parameters
    assert query.oddities == frozenset(oddities.split())
    assert parse_query(raw.encode()) == query


def test_oddity_is_named_at_the_parameter_that_has_it() -> None:
    good, bad = parse_query("a=1&b=%00").parameters
    assert not good.oddities
    assert bad.oddities == {"nul"}


def test_ten_thousand_parameters_are_counted_but_not_all_read() -> None:
    query = parse_query("&".join(["a=1"] * 10_000))
    assert query.total == 10_000
    assert len(query.parameters) == PARAMETERS_MAX
    assert query.oddities == {"too_many_parameters"}
    assert not query.complete


def test_exactly_as_many_parameters_as_are_read_is_not_odd() -> None:
    query = parse_query("&".join("a" for _ in range(PARAMETERS_MAX)))
    assert (query.total, query.complete) == (PARAMETERS_MAX, True)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("piece", ["x", "%41", "%2541", "%u0041", "%", "&", "=", "%c0%a7", "é"])
def test_a_hundred_kilobytes_of_anything_are_cheap_and_named_too_long(piece: str) -> None:
    query = parse_query("a=" + piece * (100_000 // len(piece)))
    assert "too_long" in query.oddities
    assert sum(len(p.name) + len(p.value) for p in query.parameters) <= QUERY_MAX


@given(st.one_of(st.text(), st.text("%&=+u01 afc2\x00é\udc80")))
def test_any_text_is_read_without_failing(raw: str) -> None:
    query = parse_query(raw)
    assert query.oddities <= set(ODDITIES)
    assert len(query.parameters) <= query.total <= raw.count("&") + 1


@given(st.lists(st.tuples(st.text(min_size=1), st.text()), max_size=8))
def test_what_was_encoded_properly_is_read_back(pairs: list[tuple[str, str]]) -> None:
    def encode(text: str) -> str:
        return "".join(f"%{byte:02X}" for byte in text.encode())

    query = parse_query("&".join(f"{encode(name)}={encode(value)}" for name, value in pairs))
    assert [(p.name, p.value) for p in query.parameters] == pairs
    assert not query.oddities & {"malformed_encoding", "invalid_utf8", "overlong_utf8"}
