"""Which bytes a transformation needs before it can change anything.

Most values of honest requests hold none of them, so most transformations need not be run.
"""

from collections.abc import Mapping
from types import MappingProxyType

_UPPER = bytes(range(0x41, 0x5B))
_LOWER = bytes(range(0x61, 0x7B))
_SPACE = b" \t\n\r\v\f"
_COMMENT = b"/*<>!-#"
_HIGH = bytes(range(0x80, 0x100))

TRIGGERS: Mapping[str, bytes] = MappingProxyType(
    {
        "cmdline": _UPPER + _SPACE + b"\\\"'^,;",
        "compresswhitespace": _SPACE,
        "cssdecode": b"\\",
        "escapeseqdecode": b"\\",
        "htmlentitydecode": b"&",
        "jsdecode": b"\\",
        "lowercase": _UPPER,
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
        "uppercase": _LOWER,
        "urldecode": b"%+",
        "urldecodeuni": b"%+",
        "utf8tounicode": _HIGH,
    }
)
"""A value without any of these bytes stays as it is; transformations not named may change any."""

CLOSED = frozenset(
    {"lowercase", "removenulls", "removewhitespace", "trim", "trimleft", "trimright"}
)
"""Transformations whose outcome triggers nothing that the value did not trigger already."""

_ALWAYS = bytes(range(256))


def _triggered_by(byte: int) -> frozenset[str]:
    return frozenset(name for name, triggers in TRIGGERS.items() if byte in triggers)


_KINDS = sorted({_triggered_by(byte) for byte in range(256)}, key=sorted)
KINDS: tuple[frozenset[str], ...] = tuple(_KINDS)
"""Kinds of bytes: all bytes of one kind trigger the same transformations."""

TABLE = bytes(KINDS.index(_triggered_by(byte)) for byte in range(256))
"""For `bytes.translate`: each byte's place in KINDS."""

PLAIN = bytes(byte for byte in range(256) if not _triggered_by(byte))
"""Bytes that trigger nothing."""


def kinds_of(value: bytes) -> frozenset[int]:
    """The kinds of bytes in `value`, plain ones left out."""
    return frozenset(value.translate(TABLE, PLAIN))


def simplified(chain: tuple[str, ...], kinds: frozenset[int]) -> tuple[str, ...]:
    """`chain` without those steps that cannot change a value of these kinds of bytes."""
    if not chain:
        return chain
    triggered = frozenset[str]().union(*[KINDS[kind] for kind in kinds])
    kept: list[str] = []
    for place, step in enumerate(chain):
        if step in triggered or step not in TRIGGERS:
            kept.append(step)
            if step not in CLOSED:
                return (*kept, *chain[place + 1 :])
    return tuple(kept)
