"""Values against what they must be: text from paths, queries and forms, and JSON values."""

import datetime
import math
import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from riskengine.ruleset.parameter_spec import ParameterSpec, compile_pattern
from riskengine.stages.parameter_findings import Finding, shown

_CACHED_MAX = 64  # a cache keyed by what strangers send needs short keys
_INTEGER = re.compile(r"-?\d{1,19}", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,3})?", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATETIME = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_TRUE = frozenset({"true", "1", "on", "yes"})
_FALSE = frozenset({"false", "0", "off", "no"})

_WANTED = {
    "string": "text",
    "integer": "a whole number of at most 19 digits",
    "number": "a finite number",
    "boolean": "true or false",
    "uuid": "a UUID such as 123e4567-e89b-12d3-a456-426614174000",
    "date": "a date such as 2026-03-01",
    "datetime": "a time such as 2026-03-01T10:00:00Z",
    "array": "an array",
    "object": "an object",
}


class ValueCheck:
    """One ParameterSpec, compiled."""

    def __init__(self, spec: ParameterSpec, called: str) -> None:
        """`called` names the parameter in findings: `query parameter 'page'`."""
        self.spec = spec
        self.called = called
        self._parse: Callable[[str], object] = _PARSERS[spec.type]
        self._fits = _pattern_test(spec.pattern) if spec.pattern is not None else None
        self._enum = frozenset(spec.enum) if spec.enum is not None else None
        self._items = ValueCheck(spec.items, called) if spec.items is not None else None
        self._fields = {
            name: ValueCheck(field, f"{called}.{name}")
            for name, field in (spec.fields or {}).items()
        }

    def absent(self, value: object) -> bool:
        """Whether a value counts as not given: null, and the empty text where text is not asked."""
        return value is None or (value == "" and self.spec.type != "string")

    def text(self, value: str) -> Finding | None:
        """What is wrong with a text value; None where nothing is, or where it counts as absent."""
        if self.absent(value):
            return None
        read = self._parse(value)
        if read is None:
            return self._finding("type", self.called, value, _WANTED[self.spec.type])
        return self._limits(self.called, read, value)

    def missing(self) -> Finding:
        """The finding for a required parameter that is not there."""
        return Finding("parameter.missing", f"{self.called} must be given")

    def json(self, value: object) -> Iterator[Finding]:
        """What is wrong with a JSON value and everything in it."""
        return self._json(self.called, value)

    def _json(self, where: str, value: object) -> Iterator[Finding]:
        if value is None:
            return
        read = self._read_json(value)
        if read is None:
            yield self._finding("type", where, value, f"{_WANTED[self.spec.type]} in JSON")
            return
        finding = self._limits(where, read, value)
        if finding is not None:
            yield finding
        if isinstance(value, list) and self._items is not None:
            for index, item in enumerate(value[: self.spec.max_length]):
                yield from self._items._json(f"{where}[{index}]", item)
        if isinstance(value, dict):
            yield from self._members(where, value)

    def _members(self, where: str, value: dict[str, object]) -> Iterator[Finding]:
        for name, check in self._fields.items():
            member = value.get(name)
            if member is not None:
                yield from check._json(f"{where}.{name}", member)
            elif check.spec.required:
                yield Finding("parameter.missing", f"{where}.{name} must be given")

    def _read_json(self, value: object) -> object:
        """The value where its JSON type is right; None where it is not."""
        match self.spec.type:
            case "integer":
                return value if type(value) is int and abs(value) < 10**19 else None
            case "number":
                return value if type(value) in (int, float) else None
            case "boolean":
                return value if isinstance(value, bool) else None
            case "array":
                return value if isinstance(value, list) else None
            case "object":
                return value if isinstance(value, dict) else None
        return self._parse(value) if isinstance(value, str) else None

    def _limits(self, where: str, read: object, value: object) -> Finding | None:
        """What is wrong with a value whose type is right."""
        spec = self.spec
        if isinstance(read, int | float) and not _between(read, spec.min, spec.max):
            return self._finding("range", where, value, _range(spec.min, spec.max))
        if isinstance(read, str | list) and not _between(
            len(read), spec.min_length, spec.max_length
        ):
            return self._length_finding(where, read)
        if self._enum is not None and read not in self._enum:
            wanted = ", ".join(str(word) for word in spec.enum or ())
            return self._finding("enum", where, value, f"one of {wanted}")
        if self._fits is not None and isinstance(read, str) and not self._fits(read):
            return self._finding("pattern", where, value, f"like {spec.pattern}")
        return None

    def _length_finding(self, where: str, read: str | list[object]) -> Finding:
        unit = "items" if isinstance(read, list) else "characters"
        wanted = _range(self.spec.min_length, self.spec.max_length)
        return Finding("parameter.length", f"{where} must be {wanted} {unit}, got {len(read)}")

    def _finding(self, code: str, where: str, value: object, wanted: str) -> Finding:
        got = shown(value)
        if self.spec.secret:
            got = f"{len(value)} characters" if isinstance(value, str) else "another type"
        return Finding(f"parameter.{code}", f"{where} must be {wanted}, got {got}")


def _pattern_test(pattern: str) -> Callable[[str], bool]:
    """Whether a text is wholly like `pattern`; short texts are remembered, a call costs 5 us."""
    compiled = compile_pattern(pattern)

    def test(text: str) -> bool:
        return compiled.fullmatch(text) is not None

    remembered = lru_cache(maxsize=4_096)(test)
    return lambda text: remembered(text) if len(text) <= _CACHED_MAX else test(text)


def _between(size: float, least: float | None, most: float | None) -> bool:
    return (least is None or size >= least) and (most is None or size <= most)


def _range(least: float | None, most: float | None) -> str:
    if most is None:
        return f"at least {least}"
    return f"at most {most}" if least is None else f"from {least} to {most}"


def _text(value: str) -> str:
    return value


def _integer(value: str) -> int | None:
    return int(value) if _INTEGER.fullmatch(value) else None


def _number(value: str) -> float | None:
    number = float(value) if _NUMBER.fullmatch(value) else math.inf
    return number if math.isfinite(number) else None


def _boolean(value: str) -> object:
    """Some token that is neither None nor a number: a boolean has no range."""
    return "boolean" if value.lower() in _TRUE | _FALSE else None


def _uuid(value: str) -> str | None:
    return value if _UUID.fullmatch(value) else None


def _date(value: str) -> str | None:
    return _calendar(value) if _DATE.fullmatch(value) else None


def _datetime(value: str) -> str | None:
    return _calendar(value) if _DATETIME.fullmatch(value) else None


def _calendar(value: str) -> str | None:
    """`value` if its date and time exist: there is no 30 February."""
    try:
        datetime.datetime.fromisoformat(value)
    except ValueError:
        return None
    return value


_PARSERS: dict[str, Callable[[str], object]] = {
    "string": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "uuid": _uuid,
    "date": _date,
    "datetime": _datetime,
    "array": _text,
    "object": _text,
}
