"""Operators that find numbers of cards and persons by their check digits."""

from collections.abc import Callable
from itertools import pairwise

from riskengine.errors import OperatorError
from riskengine.seclang.operators_contract import Match
from riskengine.seclang.operators_rx import compile_pattern

Find = Callable[[bytes], Match | None]

_SVNR_WEIGHTS = (3, 7, 9, 0, 5, 8, 4, 2, 1, 6)


def card(argument: bytes) -> Find:
    """Finds a card number that passes the check of ISO/IEC 7812-1 (Luhn)."""
    return _finder(argument, _is_card)


def cpf(argument: bytes) -> Find:
    """Finds a Brazilian CPF number."""
    return _finder(argument, _is_cpf)


def ssn(argument: bytes) -> Find:
    """Finds a social security number of the USA that could have been given out."""
    return _finder(argument, _is_ssn)


def svnr(argument: bytes) -> Find:
    """Finds an Austrian social insurance number."""
    return _finder(argument, _is_svnr)


def national(argument: bytes) -> Find:
    """Finds a national number: `cl` (Chilean RUT) or `us`, then the pattern."""
    country, _, pattern = argument.partition(b" ")
    tests = {b"cl": _is_rut, b"us": _is_ssn}
    if country not in tests:
        raise OperatorError(f"knows the countries cl and us, got {country.decode('latin-1')!r}")
    return _finder(pattern, tests[country])


def _finder(pattern: bytes, is_number: Callable[[str], bool]) -> Find:
    compiled = compile_pattern(pattern)

    def find(value: bytes) -> Match | None:
        for found in compiled.finditer(value):
            text = found.group()
            if is_number("".join(chr(byte) for byte in text if chr(byte) in "0123456789kK")):
                return Match(text, (text,))
        return None

    return find


def _is_card(text: str) -> bool:
    digits = [int(sign) for sign in reversed(text) if sign.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[1::2]]
    return bool(digits) and (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _is_cpf(text: str) -> bool:
    if len(text) != 11 or not text.isdigit() or len(set(text)) == 1:
        return False
    digits = [int(sign) for sign in text]
    return all(_cpf_check(digits[:count]) == digits[count] for count in (9, 10))


def _cpf_check(digits: list[int]) -> int:
    weighed = sum(
        digit * weight for digit, weight in zip(digits, range(len(digits) + 1, 1, -1), strict=True)
    )
    return weighed * 10 % 11 % 10


def _is_ssn(text: str) -> bool:
    if len(text) != 9 or not text.isdigit():
        return False
    area, group, serial = int(text[:3]), int(text[3:5]), int(text[5:])
    if area in (0, 666) or area >= 740 or not group or not serial:
        return False
    steps = {int(after) - int(before) for before, after in pairwise(text)}
    return steps not in ({0}, {1})


def _is_svnr(text: str) -> bool:
    if len(text) != 10 or not text.isdigit():
        return False
    digits = [int(sign) for sign in text]
    return sum(a * b for a, b in zip(digits, _SVNR_WEIGHTS, strict=True)) % 11 == digits[3]


def _is_rut(text: str) -> bool:
    body, check = text[:-1], text[-1:].upper()
    if not body.isdigit():
        return False
    weighed = sum(int(digit) * (2 + at % 6) for at, digit in enumerate(reversed(body)))
    return check == "0123456789K0"[11 - weighed % 11]
