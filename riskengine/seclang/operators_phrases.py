"""Operators that look for many phrases at once, whatever their case."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import re2

from riskengine.errors import OperatorError
from riskengine.seclang.operators_contract import Match
from riskengine.seclang.operators_files import read_beside
from riskengine.seclang.re2_spans import NOWHERE, spans_of

Find = Callable[[bytes], Match | None]

_BYTES = re.compile(rb"\|((?:[ ]?[0-9a-fA-F]{2})+)\|")
_MEMORY_MAX = 64 << 20


def phrases_listed(argument: bytes) -> Find:
    """Finds the first of the phrases that stand in `argument`, separated by spaces.

    Bytes may be spelled `|0d 0a|`, as in Snort.
    """
    return phrase_finder(phrases_of(argument))


def phrases_of(argument: bytes) -> list[bytes]:
    """The phrases of an `@pm` argument."""
    spelled = _BYTES.sub(lambda match: b"|%s|" % match[1].replace(b" ", b""), argument)
    return [
        _BYTES.sub(lambda match: bytes.fromhex(match[1].decode()), phrase)
        for phrase in spelled.split()
    ]


def phrases_from_file(argument: bytes, directory: Path) -> Find:
    """Finds the first of the phrases in the files named by `argument`, one a line."""
    return phrase_finder(phrases_in_files(argument, directory))


def phrases_in_files(argument: bytes, directory: Path) -> list[bytes]:
    """The lines of the files, without empty ones and those that begin with `#`."""
    lines = [line.strip() for line in lines_of_files(argument, directory)]
    return [line for line in lines if line and not line.startswith(b"#")]


def lines_of_files(argument: bytes, directory: Path) -> Iterable[bytes]:
    """All lines of the files; raises OperatorError naming the one that cannot be read."""
    for name in argument.split():
        yield from read_beside(directory, name).splitlines()


def phrase_finder(phrases: list[bytes]) -> Find:
    """Finds the left-most of `phrases`, letters of either case, in linear time."""
    if not phrases:
        raise OperatorError("has no phrase to look for")
    alternatives = b"|".join(re2.escape(phrase) for phrase in dict.fromkeys(phrases))
    spans = spans_of(re2.compile(alternatives, _options()))

    def find(value: bytes) -> Match | None:
        [(start, end), *_] = spans(value)
        if (start, end) == NOWHERE:
            return None
        text = value[start:end]
        return Match(text, (text,))

    return find


def _options() -> re2.Options:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.case_sensitive = False
    options.max_mem = _MEMORY_MAX
    options.never_capture = True
    options.log_errors = False
    return options
