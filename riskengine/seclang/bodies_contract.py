"""What a body parser gives, and the limits that all of them keep."""

from typing import Literal, NamedTuple

ARGUMENTS_MAX = 1_000
"""Arguments, parts, attributes that are read; one more is `too_many`."""
DEPTH_MAX = 256
"""Deepest nesting of JSON and XML that is read; one more is `too_deep`."""

BodyError = Literal["", "malformed", "too_many", "too_deep", "too_long", "entities", "encoding"]
"""Why a body could not be read to its end. docs/seclang.md explains each."""

Pair = tuple[bytes, bytes]


class BodyValues(NamedTuple):
    """A body as rules see it. With an `error`, what was read before it still stands here."""

    processor: str = ""
    """REQBODY_PROCESSOR."""
    arguments: tuple[Pair, ...] = ()
    """ARGS_POST: names and values, decoded once, in order."""
    files: tuple[Pair, ...] = ()
    """FILES: the names of form fields (FILES_NAMES) and of the files sent in them."""
    file_sizes: tuple[int, ...] = ()
    """FILES_SIZES, in bytes, in the order of `files`; their sum is FILES_COMBINED_SIZE."""
    part_headers: tuple[Pair, ...] = ()
    """MULTIPART_PART_HEADERS: the field's name and one header line of its part."""
    flags: frozenset[str] = frozenset()
    """MULTIPART_* variables that are 1, such as MULTIPART_LF_LINE."""
    xml_text: bytes = b""
    """XML:/*, the text of the whole document."""
    xml_attributes: tuple[bytes, ...] = ()
    """XML://@*, the values of all attributes."""
    error: BodyError = ""
    """REQBODY_ERROR is 1 when this is not empty."""
    detail: str = ""
    """REQBODY_ERROR_MSG: what is wrong, and where."""


EMPTY = BodyValues()
"""No body, or none that is parsed."""
