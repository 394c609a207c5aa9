"""JSON bodies: every leaf an argument, named by its way from the root."""

import json
from collections.abc import Iterator

from riskengine.seclang.bodies_contract import ARGUMENTS_MAX, DEPTH_MAX, BodyError, BodyValues, Pair


class _Members(list[tuple[str, object]]):
    """The members of an object, repeated names and all: two readers may take different ones."""


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
    # Names repeat the way to each leaf: a long name above many leaves must not multiply the body.
    budget = 8 * len(body) + 65_536
    arguments: list[Pair] = []
    for name, value, depth in _leaves(document):
        budget -= len(name)
        if len(arguments) == ARGUMENTS_MAX:
            return _cut(arguments, "too_many", f"more than {ARGUMENTS_MAX} values")
        if depth > DEPTH_MAX:
            return _failed(body, "too_deep", f"nested more than {DEPTH_MAX} deep")
        if budget < 0:
            return _cut(arguments, "too_long", "names add up to more than eight times the body")
        arguments.append((name, value))
    return BodyValues("JSON", tuple(arguments))


def _loads(body: bytes) -> object:
    text = body.decode("utf-8-sig", "surrogateescape")
    return json.loads(
        text,
        object_pairs_hook=_Members,
        parse_int=str,
        parse_float=str,
        parse_constant=_refuse_constant,
    )


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _leaves(document: object) -> Iterator[tuple[bytes, bytes, int]]:
    """Name, value and depth of every leaf in order, without recursion.

    An empty object or array is a leaf without a value, and what lies too deep is not gone into.
    """
    waiting: list[tuple[bytes, object, int]] = [(b"json", document, 0)]
    while waiting:
        name, node, depth = waiting.pop()
        if not isinstance(node, list) or not node or depth > DEPTH_MAX:
            yield name, _text(node), depth
        elif isinstance(node, _Members):
            members = [(name + b"." + _encoded(key), inner, depth + 1) for key, inner in node]
            waiting.extend(reversed(members))
        else:
            elements = [
                (b"%s.array_%d" % (name, at), inner, depth + 1) for at, inner in enumerate(node)
            ]
            waiting.extend(reversed(elements))


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
