"""JSON bodies: every leaf an argument, named by its way from the root."""

import json
from collections.abc import Iterator

from riskengine.seclang.bodies_contract import ARGUMENTS_MAX, DEPTH_MAX, BodyError, BodyValues, Pair

_NAMES_MAX = 1 << 20


class _Members(list[tuple[str, object]]):
    """The members of an object, repeated names and all: two readers may take different ones."""


class _LongNamesError(Exception):
    """The names add up to more than the budget."""


def parse_json(body: bytes) -> BodyValues:
    """The leaves as `json.user.name`, array elements as `json.items.array_0` (ModSecurity 3).

    A text that is not JSON becomes the one argument `json`, so that it is inspected all the same.
    """
    try:
        document = _loads(body)
    except RecursionError:
        return _failed(body, "too_deep", f"nested more than {DEPTH_MAX} deep")
    except ValueError as error:
        return _failed(body, "malformed", str(error)[:200])
    arguments: list[Pair] = []
    try:
        for name, value, depth in _leaves(document, budget=8 * len(body) + _NAMES_MAX):
            if depth > DEPTH_MAX:
                return _failed(body, "too_deep", f"nested more than {DEPTH_MAX} deep")
            if len(arguments) == ARGUMENTS_MAX:
                return _cut(arguments, "too_many", f"more than {ARGUMENTS_MAX} values")
            arguments.append((name, value))
    except _LongNamesError:
        return _cut(arguments, "too_long", "names add up to far more than the body")
    return BodyValues("JSON", tuple(arguments))


def _loads(body: bytes) -> object:
    return json.loads(
        body.decode("utf-8-sig", "surrogateescape"),
        object_pairs_hook=_Members,
        parse_int=str,
        parse_float=str,
        parse_constant=_refuse_constant,
    )


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _leaves(document: object, *, budget: int) -> Iterator[tuple[bytes, bytes, int]]:
    """Name, value and depth of every leaf in order, without recursion.

    An empty object or array is a leaf without a value, and what lies too deep is not gone into.
    Every leaf repeats the names above it: `budget` bytes of names are made, then _LongNamesError.
    """
    levels: list[Iterator[tuple[bytes, object]]] = [iter([(b"json", document)])]
    while levels:
        name, node = next(levels[-1], (b"", None))
        budget -= len(name)
        if budget < 0:
            raise _LongNamesError
        if not name:
            levels.pop()
        elif isinstance(node, list) and node and len(levels) <= DEPTH_MAX + 1:
            levels.append(_children(name, node))
        else:
            yield name, _text(node), len(levels) - 1


def _children(name: bytes, node: list[object]) -> Iterator[tuple[bytes, object]]:
    """Name and value of what stands directly in an object or array."""
    if isinstance(node, _Members):
        for key, inner in node:
            yield name + b"." + _encoded(key), inner
        return
    for at, inner in enumerate(node):
        yield b"%s.array_%d" % (name, at), inner


def _text(node: object) -> bytes:
    if isinstance(node, str):
        return _encoded(node)
    if isinstance(node, bool):
        return b"true" if node else b"false"
    return b""


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a lone surrogate that the text spelled as an escape
        return text.encode("utf-8", "surrogatepass")


def _failed(body: bytes, error: BodyError, detail: str) -> BodyValues:
    return BodyValues("JSON", ((b"json", body),), error=error, detail=detail)


def _cut(arguments: list[Pair], error: BodyError, detail: str) -> BodyValues:
    return BodyValues("JSON", tuple(arguments), error=error, detail=detail)
