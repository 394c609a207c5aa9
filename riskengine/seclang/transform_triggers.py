"""Which bytes a transformation needs before it can change anything.

Most values of honest requests hold none of them, so most transformations need not be run.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from riskengine.seclang.steps import CMD_LINE_IN_ITS_CASE, LOWERCASE
from riskengine.seclang.transforms_escapes import may_hold_entity

_SPACE = b" \t\n\r\v\f"
_COMMENT = b"/*<>!-#"
_HIGH = bytes(range(0x80, 0x100))
_COMMAND_SIGNS = re.compile(rb"[\\\"'^,;\t\n\r\v\f]| [ /(]")
_RUNS = re.compile(rb"[ \t\n\r\v\f]{2}|[\t\n\r\v\f]")
_SPACE_OUTSIDE = re.compile(rb"\A[ \t\n\r\v\f]|[ \t\n\r\v\f]\Z")

TRIGGERS: Mapping[str, bytes] = MappingProxyType(
    {
        CMD_LINE_IN_ITS_CASE: _SPACE + b"\\\"'^,;",
        "compresswhitespace": _SPACE,
        "cssdecode": b"\\",
        "escapeseqdecode": b"\\",
        "htmlentitydecode": b"&",
        "jsdecode": b"\\",
        "normalisepath": b"/.",
        "normalisepathwin": b"/.\\",
        "normalizepath": b"/.",
        "normalizepathwin": b"/.\\",
        "removecomments": _COMMENT,
        "removecommentschar": _COMMENT,
        "removenulls": b"\0",
        "removewhitespace": _SPACE,
        "replacecomments": b"/",
        "replacenulls": b"\0",
        "trim": _SPACE,
        "trimleft": _SPACE,
        "trimright": _SPACE,
        "urldecode": b"%+",
        "urldecodeuni": b"%+",
        "utf8tounicode": _HIGH,
    }
)
"""A value without any of these bytes stays as it is; transformations not named may change any."""

CLOSED = frozenset({LOWERCASE, "removenulls", "removewhitespace", "trim", "trimleft", "trimright"})
"""Transformations whose outcome triggers nothing that the value did not trigger already."""


def creating(chain: tuple[str, ...]) -> bytes | None:
    """Bytes without which no step of `chain` makes bytes that were not there; None if unknown."""
    if not TRIGGERS.keys() >= set(chain):
        return None
    return b"".join([TRIGGERS[step] for step in chain if step not in CLOSED])


def _has_command_signs(value: bytes) -> bool:
    return _COMMAND_SIGNS.search(value) is not None


def _has_runs(value: bytes) -> bool:
    return _RUNS.search(value) is not None


def _has_dots_or_slashes(value: bytes) -> bool:
    return b"//" in value or b"/." in value or value.startswith(b".")


def _has_dots_or_slashes_of_windows(value: bytes) -> bool:
    return b"\\" in value or _has_dots_or_slashes(value)


def _has_comment_signs(value: bytes) -> bool:
    return b"--" in value or b"#" in value or b"/*" in value or b"*/" in value


def _has_c_comment(value: bytes) -> bool:
    return b"/*" in value


def _has_space_outside(value: bytes) -> bool:
    return _SPACE_OUTSIDE.search(value) is not None


MAY_CHANGE: Mapping[str, Callable[[bytes], bool]] = MappingProxyType(
    {
        CMD_LINE_IN_ITS_CASE: _has_command_signs,
        "compresswhitespace": _has_runs,
        "htmlentitydecode": may_hold_entity,
        "normalisepath": _has_dots_or_slashes,
        "normalisepathwin": _has_dots_or_slashes_of_windows,
        "normalizepath": _has_dots_or_slashes,
        "normalizepathwin": _has_dots_or_slashes_of_windows,
        "removecomments": _has_comment_signs,
        "removecommentschar": _has_comment_signs,
        "replacecomments": _has_c_comment,
        "trim": _has_space_outside,
        "trimleft": _has_space_outside,
        "trimright": _has_space_outside,
    }
)
"""A closer look at values that hold such bytes: where it says no, the value stays as it is.

What it says does not depend on the case of letters.
"""


def simplified(
    chain: tuple[str, ...], triggered: frozenset[str], idle: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """`chain` without those steps that cannot change a value.

    `triggered` are the steps for which the value has trigger bytes, `idle` those that change
    nothing all the same.
    """
    kept: list[str] = []
    for place, step in enumerate(chain):
        if step in TRIGGERS and (step not in triggered or step in idle):
            continue
        kept.append(step)
        if step not in CLOSED:
            return (*kept, *chain[place + 1 :])
        if step != LOWERCASE:
            idle = frozenset()  # a value that lost bytes may hold what it did not hold before
    return tuple(kept)
