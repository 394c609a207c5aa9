"""Transformations of plain text: case, space, NULs, comments, command lines."""

import re

_WHITESPACE = b" \t\n\r\v\f"
_RUNS = re.compile(rb"[ \t\n\r\v\f]{2,}|[\t\n\r\v\f]")
_COMMENTS = re.compile(rb"(?:/\*|<!--).*?(\*/|-->|\Z)|(?:--|#).*", re.DOTALL)
_C_COMMENTS = re.compile(rb"/\*.*?(?:\*/|\Z)", re.DOTALL)
_COMMENT_SIGNS = re.compile(rb"/\*|\*/|<!--|-->|--|#")
_CMD_NOISE = re.compile(rb"[\\\"'^,;\s]")
_CMD_TABLE = bytes.maketrans(b",;\t\n\r\v\f", b" " * 7)
_CMD_DELETED = b"\\\"'^"
_SPACES = re.compile(rb" {2,}")


def lowercase(value: bytes) -> bytes:
    """ASCII letters in lower case."""
    lowered = value.lower()
    return value if lowered == value else lowered


def uppercase(value: bytes) -> bytes:
    """ASCII letters in upper case."""
    raised = value.upper()
    return value if raised == value else raised


def length(value: bytes) -> bytes:
    """The number of bytes, as decimal text."""
    return b"%d" % len(value)


def trim(value: bytes) -> bytes:
    """Without white space at both ends."""
    return value.strip(_WHITESPACE)


def trim_left(value: bytes) -> bytes:
    """Without white space at the start."""
    return value.lstrip(_WHITESPACE)


def trim_right(value: bytes) -> bytes:
    """Without white space at the end."""
    return value.rstrip(_WHITESPACE)


def compress_whitespace(value: bytes) -> bytes:
    """Every run of white space made one space."""
    return _RUNS.sub(b" ", value) if _RUNS.search(value) else value


def remove_whitespace(value: bytes) -> bytes:
    """Without any white space."""
    packed = value.translate(None, _WHITESPACE)
    return value if len(packed) == len(value) else packed


def remove_nulls(value: bytes) -> bytes:
    """Without NUL bytes."""
    return value.replace(b"\0", b"") if b"\0" in value else value


def replace_nulls(value: bytes) -> bytes:
    """A space for each NUL byte."""
    return value.replace(b"\0", b" ") if b"\0" in value else value


def replace_comments(value: bytes) -> bytes:
    """A space for each `/* ... */`, also for one that never ends."""
    return _C_COMMENTS.sub(b" ", value) if b"/*" in value else value


def remove_comments(value: bytes) -> bytes:
    """Without C and HTML comments; `--` and `#` cut the rest. A cut leaves one space.

    A comment that ends the value leaves a NUL, as ModSecurity does.
    """
    return _COMMENTS.sub(_without_comment, value) if _COMMENT_SIGNS.search(value) else value


def _without_comment(match: re.Match[bytes]) -> bytes:
    if not match[1]:
        return b" "
    return b"\0" if match.end() == len(match.string) else b""


def remove_comments_char(value: bytes) -> bytes:
    """Without the signs that open and close comments; what they enclose stays."""
    return _COMMENT_SIGNS.sub(b"", value) if _COMMENT_SIGNS.search(value) else value


def cmd_line(value: bytes) -> bytes:
    r"""A command line as a shell reads it: without `\ " ' ^`, in lower case, single spaces.

    `,` and `;` count as space; a space before `/` and `(` goes.
    """
    return lowercase(cmd_line_in_its_case(value))


def cmd_line_in_its_case(value: bytes) -> bytes:
    """`cmd_line` without the lower case."""
    if not _CMD_NOISE.search(value):
        return value
    plain = _SPACES.sub(b" ", value.translate(_CMD_TABLE, _CMD_DELETED))
    return plain.replace(b" /", b"/").replace(b" (", b"(")
