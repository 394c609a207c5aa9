"""Reading a JSON body without trusting it."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

DEPTH_MAX = 32
"""Deepest nesting of arrays and objects that is read."""


class JsonBody(NamedTuple):
    """A JSON body, or why there is none."""

    value: object
    repeated: tuple[str, ...] = ()
    """Names that stand twice in one object: two readers may take different ones."""
    problem: str = ""
    """What is wrong with the text, with its place; empty when `value` is good."""
    too_deep: bool = False


def read_json(body: bytes) -> JsonBody:
    """The value of a JSON text (RFC 8259). Never fails: NaN, infinities and 1e999 are problems."""
    try:
        value = msgspec.json.decode(body)
    except RecursionError:
        return JsonBody(None, too_deep=True)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        return JsonBody(None, problem=str(error))
    except UnicodeDecodeError:
        return JsonBody(None, problem="a text is not valid UTF-8")
    if body.count(b"[") + body.count(b"{") > DEPTH_MAX and _deeper_than(value, DEPTH_MAX):
        return JsonBody(None, too_deep=True)
    return JsonBody(value, _repeated_names(body))


def _deeper_than(value: object, levels: int) -> bool:
    """Whether arrays and objects stand more than `levels` deep, found level by level."""
    level = [value]
    for _ in range(levels):
        level = [child for node in level for child in _children(node)]
        if not level:
            return False
    return any(isinstance(node, list | dict) for node in level)


def _children(node: object) -> Iterable[object]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


def _repeated_names(body: bytes) -> tuple[str, ...]:
    """Repeated names of a text that has been found good and shallow."""
    repeated: list[str] = []

    def note(pairs: list[tuple[str, object]]) -> None:
        counts = Counter(name for name, _ in pairs)
        repeated.extend(name for name, count in counts.items() if count > 1)

    json.loads(body, object_pairs_hook=note, parse_int=str, parse_float=str)
    return tuple(dict.fromkeys(repeated))
