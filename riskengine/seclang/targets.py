"""Reads the variables of a rule: `ARGS|!ARGS:id|&REQUEST_HEADERS:Host|TX:/^score_/`."""

import re2

from riskengine.errors import OperatorError
from riskengine.seclang.operators_rx import compile_pattern
from riskengine.seclang.rules import Target

COLLECTIONS = frozenset(
    {
        "ARGS", "ARGS_GET", "ARGS_GET_NAMES", "ARGS_NAMES", "ARGS_POST", "ARGS_POST_NAMES", "FILES",
        "FILES_NAMES", "FILES_SIZES", "MATCHED_VARS", "MATCHED_VARS_NAMES",
        "MULTIPART_PART_HEADERS", "REQUEST_COOKIES", "REQUEST_COOKIES_NAMES", "REQUEST_HEADERS",
        "REQUEST_HEADERS_NAMES", "TX", "XML",
    }
)  # fmt: skip
"""Variables with many entries."""

MULTIPART_FLAGS = (
    "MULTIPART_BOUNDARY_QUOTED", "MULTIPART_BOUNDARY_WHITESPACE", "MULTIPART_CRLF_LF_LINES",
    "MULTIPART_DATA_AFTER", "MULTIPART_DATA_BEFORE", "MULTIPART_FILE_LIMIT_EXCEEDED",
    "MULTIPART_HEADER_FOLDING", "MULTIPART_INVALID_HEADER_FOLDING", "MULTIPART_INVALID_PART",
    "MULTIPART_INVALID_QUOTING", "MULTIPART_LF_LINE", "MULTIPART_MISSING_SEMICOLON",
    "MULTIPART_STRICT_ERROR", "MULTIPART_UNMATCHED_BOUNDARY",
)  # fmt: skip
"""What can be wrong with a multipart body; each is 0 or 1."""

SINGLE = frozenset(
    {
        "ARGS_COMBINED_SIZE", "FILES_COMBINED_SIZE", "MATCHED_VAR", "MATCHED_VAR_NAME",
        *MULTIPART_FLAGS, "PATH_INFO", "QUERY_STRING",
        "REMOTE_ADDR", "REMOTE_HOST", "REQBODY_ERROR", "REQBODY_ERROR_MSG", "REQBODY_PROCESSOR",
        "REQUEST_BASENAME", "REQUEST_BODY", "REQUEST_BODY_LENGTH", "REQUEST_FILENAME",
        "REQUEST_LINE", "REQUEST_METHOD", "REQUEST_PROTOCOL", "REQUEST_URI", "REQUEST_URI_RAW",
        "SERVER_NAME", "UNIQUE_ID",
    }
)  # fmt: skip
"""Variables with one value."""

XML_PATHS = {"/*": "/*", "//*": "/*", "//@*": "//@*"}
"""XPath expressions that are understood: all texts, all attribute values."""

_EMPTY_HERE = {
    "DURATION": "it is the server's own time",
    "GEO": "addresses.yaml knows countries",
    "GLOBAL": "collections that outlive a request are what limits.yaml is for",
    "IP": "collections that outlive a request are what limits.yaml is for",
    "SESSION": "collections that outlive a request are what limits.yaml is for",
    "USER": "collections that outlive a request are what limits.yaml is for",
    "RESOURCE": "collections that outlive a request are what limits.yaml is for",
}


def parse_targets(text: str) -> tuple[tuple[Target, ...], tuple[Target, ...]]:
    """The variables that a rule looks at, and those that it leaves out.

    Raises OperatorError saying which one is not understood.
    """
    taken: list[Target] = []
    excluded: list[Target] = []
    for piece in split_targets(text):
        word = piece.strip()
        if word.startswith("!"):
            excluded.append(parse_target(word[1:]))
        elif word:
            taken.append(parse_target(word))
    return tuple(taken), tuple(excluded)


def parse_target(text: str) -> Target:
    """One variable; OperatorError when it is none that a request has here."""
    word = text.strip()
    count = word.startswith("&")
    variable, _, key = word.removeprefix("&").partition(":")
    variable, key = variable.upper(), key.strip("'")
    if variable in _EMPTY_HERE:
        raise OperatorError(f"the variable {variable} is not kept here: {_EMPTY_HERE[variable]}")
    if variable not in COLLECTIONS and variable not in SINGLE:
        raise OperatorError(f"the variable {variable} is not one of a request")
    if variable == "XML":
        return Target(variable, _xml_path(key), count=count)
    if len(key) > 1 and key.startswith("/") and key.endswith("/"):
        return Target(variable, "", _selector(key[1:-1]), count)
    return Target(variable, key.lower(), count=count)


def split_targets(text: str) -> list[str]:
    """`text` cut at `|` and `,`, but not inside the pattern of a selector."""
    pieces, piece, inside = [], "", False
    for place, sign in enumerate(text):
        if sign in "|," and not inside:
            pieces.append(piece)
            piece = ""
            continue
        if sign == "/" and (inside or piece.endswith(":")) and "XML:" not in piece.upper():
            ends = place + 1 == len(text) or text[place + 1] in "|,'"
            inside = not (inside and ends)
        piece += sign
    return [*pieces, piece]


def _xml_path(key: str) -> str:
    if key not in XML_PATHS:
        known = ", ".join(f"XML:{path}" for path in XML_PATHS)
        raise OperatorError(f"XML:{key} is not understood; known are {known}")
    return XML_PATHS[key]


def _selector(pattern: str) -> re2._Regexp:
    """The pattern of a selector; case does not matter, as in ModSecurity."""
    return compile_pattern(b"(?i)" + pattern.encode("utf-8", "surrogateescape"))
