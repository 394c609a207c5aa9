"""Where an RE2 pattern matches, without the objects that the wrapper makes for each match."""

from collections.abc import Callable, Sequence

import re2

Span = tuple[int, int]
Spans = Callable[[bytes], Sequence[Span]]
NOWHERE: Span = (-1, -1)


def spans_of(pattern: re2._Regexp) -> Spans:
    """Finds the spans of the left-most match and its groups; all are NOWHERE for none.

    The engine itself gives them. It is not part of the wrapper's public interface, so the wrapper
    is asked where that is not as it was.
    """
    match = getattr(getattr(pattern, "_regexp", None), "Match", None)
    anchor = getattr(getattr(re2, "_Anchor", None), "UNANCHORED", None)
    if match is None or anchor is None:
        return wrapped_spans_of(pattern)
    return lambda value: match(anchor, value, 0, len(value))


def wrapped_spans_of(pattern: re2._Regexp) -> Spans:
    """The same by the public interface."""
    groups = range(pattern.groups + 1)

    def find(value: bytes) -> Sequence[Span]:
        found = pattern.search(value)
        return [NOWHERE if found is None else found.span(group) for group in groups]

    return find
