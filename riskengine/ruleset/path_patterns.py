"""Path patterns of rules: `/login`, `/products/{id}`, `/static/**`, `/**/*.php`."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated

import re2
from pydantic import AfterValidator

from riskengine.ruleset.fields import show

_CACHED_MAX = 512  # a cache keyed by what strangers send needs short keys
_CAPTURE = re.compile(r"\{[a-z][a-z0-9_]*\}", re.ASCII)


def check_path_pattern(pattern: str) -> str:
    """`pattern`, or ValueError saying what would be right.

    A pattern speaks of normal paths: it begins with `/` and has no empty or dot segments.
    """
    if not pattern.startswith("/"):
        raise ValueError(f"must begin with '/', got {show(pattern)}")
    for segment in pattern[1:].split("/") if pattern != "/" else ():
        _check_segment(segment, pattern)
    return pattern


PathPattern = Annotated[str, AfterValidator(check_path_pattern)]
"""A rule field that holds a path pattern."""


class PathPatterns:
    """Tells whether a path is among many patterns, in linear time, about 0.1 us when seen before.

    `*` is any part of one segment, `{x}` one whole segment, `**` any number of segments. Letter
    case does not matter: patterns are compared with the lower-case key of a normal path.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = [(pattern, re2.compile(_regex(pattern))) for pattern in patterns]
        self._any = re2.compile("|".join(_regex(pattern) for pattern in patterns))
        self._find_remembered = lru_cache(maxsize=16_384)(self._find)

    def find(self, path_key: str) -> str | None:
        """The first pattern that matches, as written; None when none does."""
        if len(path_key) <= _CACHED_MAX:
            return self._find_remembered(path_key)
        return self._find(path_key)

    def _find(self, path_key: str) -> str | None:
        if not self._patterns or self._any.fullmatch(path_key) is None:
            return None
        return next(text for text, regex in self._patterns if regex.fullmatch(path_key))


def is_capture(segment: str) -> bool:
    """Whether a segment of a template is a `{name}`."""
    return _CAPTURE.fullmatch(segment) is not None


def _check_segment(segment: str, pattern: str) -> None:
    if segment in ("", ".", ".."):
        raise ValueError(
            f"must not have empty or dot segments and no '/' at its end, got {show(pattern)}"
        )
    if "**" in segment and segment != "**":
        raise ValueError(f"'**' must be a whole segment, as in /static/**, got {show(pattern)}")
    if ("{" in segment or "}" in segment) and not is_capture(segment):
        raise ValueError(
            f"{{name}} must be a whole segment with a lower-case name, got {show(segment)}"
        )
    if re.search(r"[%\\;?#\s]", segment):
        raise ValueError(
            f"must be a normal path, without % ; ? # \\ or spaces, got {show(pattern)}"
        )


def _regex(pattern: str) -> str:
    if pattern == "/":
        return "/"
    segments = pattern.lower()[1:].split("/")
    return "".join(
        _segment_regex(segment, last=index == len(segments) - 1)
        for index, segment in enumerate(segments)
    )


def _segment_regex(segment: str, *, last: bool) -> str:
    if segment == "**":
        return "(?s:/.*)?" if last else "(?:/[^/]+)*"
    if is_capture(segment):
        return "/[^/]+"
    return "/" + "[^/]*".join(re2.escape(part) for part in segment.split("*"))
