"""JSON bodies: every leaf an argument, named by its way from the root."""

import json

from riskengine.seclang.bodies_contract import ARGUMENTS_MAX, DEPTH_MAX, BodyError, BodyValues, Pair

_NAMES_MAX = 1 << 20


class _Members(list[tuple[str, object]]):
    """The members of an object, repeated names and all: two readers may take different ones."""


class _StopError(Exception):
    """Ends the way through a document."""

    def __init__(self, error: BodyError, detail: str) -> None:
        super().__init__(detail)
        self.error: BodyError = error


def parse_json(body: bytes) -> BodyValues:
    """The leaves as `json.user.name`, array elements as `json.items.array_0` (ModSecurity 3).

    A text that is not JSON becomes the one argument `json`, so that it is inspected all the same.
    """
    try:
        document = _DECODER.decode(body.decode("utf-8-sig", "surrogateescape"))
    except RecursionError:
        return _failed(body, "too_deep", f"nested more than {DEPTH_MAX} deep")
    except ValueError as error:
        return _failed(body, "malformed", str(error)[:200])
    leaves = _Leaves(budget=8 * len(body) + _NAMES_MAX)
    try:
        leaves.meet(b"json", document, 0)
    except _StopError as stop:
        if stop.error == "too_deep":
            return _failed(body, stop.error, str(stop))
        return BodyValues("JSON", tuple(leaves.arguments), error=stop.error, detail=str(stop))
    return BodyValues("JSON", tuple(leaves.arguments))


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_Members, parse_int=str, parse_float=str, parse_constant=_refuse_constant
)


class _Leaves:
    """Collects name and value of every leaf, in order.

    An empty object or array is a leaf without a value. Every leaf repeats the names above it:
    `budget` bytes of names are made.
    """

    def __init__(self, *, budget: int) -> None:
        self.arguments: list[Pair] = []
        self._budget = budget

    def meet(self, name: bytes, node: object, depth: int) -> None:
        """Go into `node`, which stands at that depth; _StopError where a limit is reached."""
        self._budget -= len(name)
        if self._budget < 0:
            raise _StopError("too_long", "names add up to far more than the body")
        if isinstance(node, str):
            self._add(name, _encoded(node), depth)
        elif not isinstance(node, list) or not node or depth > DEPTH_MAX:
            self._add(name, _text(node), depth)
        elif isinstance(node, _Members):
            for key, inner in node:
                self.meet(b"%s.%s" % (name, _encoded(key)), inner, depth + 1)
        else:
            for at, inner in enumerate(node):
                self.meet(b"%s.array_%d" % (name, at), inner, depth + 1)

    def _add(self, name: bytes, value: bytes, depth: int) -> None:
        if depth > DEPTH_MAX:
            raise _StopError("too_deep", f"nested more than {DEPTH_MAX} deep")
        if len(self.arguments) == ARGUMENTS_MAX:
            raise _StopError("too_many", f"more than {ARGUMENTS_MAX} values")
        self.arguments.append((name, value))


def _text(node: object) -> bytes:
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
