from pathlib import Path

from riskengine.seclang.evaluation import Found
from riskengine.seclang.macros import Macro
from riskengine.seclang.matches import Matches
from riskengine.seclang.operators_contract import Match, Prepared
from riskengine.seclang.places import Place
from riskengine.seclang.rules import Condition
from riskengine.seclang.transaction import Entry

ENTRIES = [Entry("a", "ARGS:a", b"XA"), Entry("b", "ARGS:b", b"YB"), Entry("c", "ARGS:c", b"ZC")]


class Asked:
    """An operator that finds the last byte, and remembers what it was asked about."""

    def __init__(self) -> None:
        self.values: list[bytes] = []

    def __call__(self, value: bytes) -> Match | None:
        self.values.append(value)
        return Match(value[-1:])


def matches(asked: Asked) -> Matches:
    operator = Prepared("endsWith", b"", asked)
    condition = Condition(
        Place(Path("rules.conf"), 1), (), (), operator, False, Macro(()), ("lowercase",)
    )
    return Matches(condition, ENTRIES, lambda chain, value: value.lower())


def test_only_the_first_text_is_found_out_at_once() -> None:
    asked = Asked()
    found = matches(asked)
    assert (len(found), found[0]) == (3, Found("ARGS:a", b"xa", b"a"))
    assert asked.values == [b"xa"]


def test_the_others_are_found_out_once_when_asked_for() -> None:
    asked = Asked()
    found = matches(asked)
    assert found[-1] == Found("ARGS:c", b"zc", b"c")
    assert [one.text for one in found] == [b"a", b"b", b"c"]
    assert asked.values == [b"xa", b"yb", b"zc"]


def test_they_are_equal_to_a_tuple_of_the_same() -> None:
    found = matches(Asked())
    same = (
        Found("ARGS:a", b"xa", b"a"),
        Found("ARGS:b", b"yb", b"b"),
        Found("ARGS:c", b"zc", b"c"),
    )
    assert found == same
    assert same == found
    assert found != same[:2]
