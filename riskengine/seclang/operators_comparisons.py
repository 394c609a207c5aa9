"""Operators that compare a value with an argument: texts and whole numbers."""

import re

from riskengine.seclang.operators_contract import Match

_NUMBER = re.compile(rb"\s*([+-]?[0-9]{1,18})")
_WORD = re.compile(rb"\w")


def same(value: bytes, argument: bytes) -> Match | None:
    """The whole value is the argument."""
    return Match(value) if value == argument else None


def contains(value: bytes, argument: bytes) -> Match | None:
    """The argument stands somewhere in the value."""
    return Match(argument) if argument in value else None


def contains_word(value: bytes, argument: bytes) -> Match | None:
    """The argument stands in the value between signs that belong to no word."""
    at = value.find(argument) if argument else -1
    while at >= 0:
        end = at + len(argument)
        if not _WORD.match(value[at - 1 : at]) and not _WORD.match(value[end : end + 1]):
            return Match(argument)
        at = value.find(argument, at + 1)
    return None if argument else Match(b"")


def begins_with(value: bytes, argument: bytes) -> Match | None:
    """The value begins with the argument."""
    return Match(argument) if value.startswith(argument) else None


def ends_with(value: bytes, argument: bytes) -> Match | None:
    """The value ends with the argument."""
    return Match(argument) if value.endswith(argument) else None


def within(value: bytes, argument: bytes) -> Match | None:
    """The value stands somewhere in the argument."""
    return Match(value) if value in argument else None


def always(value: bytes, argument: bytes) -> Match | None:
    """Matches."""
    del argument
    return Match(value)


def never(value: bytes, argument: bytes) -> Match | None:
    """Does not match."""
    del value, argument
    return None


def equal(value: bytes, argument: bytes) -> Match | None:
    """Both are the same number."""
    return Match(value) if number(value) == number(argument) else None


def greater(value: bytes, argument: bytes) -> Match | None:
    """The value is the greater number."""
    return Match(value) if number(value) > number(argument) else None


def greater_or_equal(value: bytes, argument: bytes) -> Match | None:
    """The value is no smaller number."""
    return Match(value) if number(value) >= number(argument) else None


def less(value: bytes, argument: bytes) -> Match | None:
    """The value is the smaller number."""
    return Match(value) if number(value) < number(argument) else None


def less_or_equal(value: bytes, argument: bytes) -> Match | None:
    """The value is no greater number."""
    return Match(value) if number(value) <= number(argument) else None


def number(text: bytes) -> int:
    """The whole number that `text` begins with, as C reads it: 0 when it begins with none."""
    if text.isdigit() and len(text) <= 18:
        return int(text)
    found = _NUMBER.match(text)
    return int(found[1]) if found else 0
