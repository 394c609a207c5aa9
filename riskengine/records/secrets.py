"""What must never reach a log, and the form in which its place is kept.

A secret is replaced by its length. Where a reader needs the request again, `*` fill that length,
so that presence and size are what they were.
"""

import re
from functools import lru_cache
from urllib.parse import unquote_plus

import re2

_FILLED_MAX = 65_536
_NAMES = (
    "passw|passwd|pwd|passphrase|secret|token|api[-_]?key|apikey|access[-_]?key|private[-_]?key"
    "|credential|authori[sz]ation|session|sessid|jsession|card|cvv|cvc|iban|otp|one[-_]?time|ssn"
    "|signature|jwt"
)
_SECRET_NAME = re2.compile(f"(?i){_NAMES}")  # five times as fast over the detail of a hit
_SECRET_HEADER = re.compile(
    "cookie|authori[sz]ation|authenticat|token|secret|passw|api[-_]?key|credential|session|signature"
    "|jwt|x-auth",
    re.IGNORECASE,
)
_ADDRESS_HEADERS = frozenset(
    {
        "cf-connecting-ip", "client-ip", "fastly-client-ip", "forwarded", "true-client-ip", "via",
        "x-client-ip", "x-cluster-client-ip", "x-envoy-external-address", "x-forwarded",
        "x-forwarded-for", "x-original-forwarded-for", "x-real-ip",
    }
)  # fmt: skip


@lru_cache(maxsize=4_096)
def is_secret_parameter(name: str) -> bool:
    """Whether a query or form parameter of that (raw) name is one whose value is withheld."""
    return names_secret(unquote_plus(name[:256]))


@lru_cache(maxsize=4_096)
def is_secret_header(name: str) -> bool:
    """Whether the value of a header of that name is withheld."""
    return _SECRET_HEADER.search(name[:256]) is not None


def tells_address(name: str) -> bool:
    """Whether a lower-case header tells the client's address, which a pseudonym should hide."""
    return name in _ADDRESS_HEADERS


def names_secret(text: str) -> bool:
    """Whether a text, such as the detail of a hit, speaks of a secret parameter."""
    return _SECRET_NAME.search(text.encode("utf-8", "replace")) is not None


def blank_parameters(query: str, prefix: str, withheld: dict[str, int]) -> str:
    """`query` (`a=1&token=x`) without the values of secrets; their lengths go into `withheld`."""
    return _noted(query, _IN_QUERY, prefix, withheld) if "=" in query else query


def blank_path_parameters(path: str, withheld: dict[str, int]) -> str:
    """The same for path parameters: `/shop;jsessionid=x/cart`."""
    return _noted(path, _IN_PATH, "path.", withheld) if "=" in path else path


def blank_link(link: str, header: str, withheld: dict[str, int]) -> str:
    """The same for the query of an address in a header, such as the referer."""
    return _noted(link, _IN_LINK, f"header.{header}.", withheld)


def fill_parameters(query: str, prefix: str, withheld: dict[str, int]) -> str:
    """The reverse of `blank_parameters`, with `*` for every character withheld."""
    return _fill(query, prefix, withheld, _IN_QUERY)


def fill_path_parameters(path: str, withheld: dict[str, int]) -> str:
    """The reverse of `blank_path_parameters`."""
    return _fill(path, "path.", withheld, _IN_PATH)


def fill_link(link: str, header: str, withheld: dict[str, int]) -> str:
    """The reverse of `blank_link`."""
    return _fill(link, f"header.{header}.", withheld, _IN_LINK)


def filler(length: int) -> str:
    """`*` times `length`, which is cut to 64 KiB whatever a damaged log says."""
    return "*" * max(0, min(length, _FILLED_MAX))


def _noted(text: str, separator: re.Pattern[str], prefix: str, withheld: dict[str, int]) -> str:
    blank = _blank_again if len(text) <= _REMEMBERED_LENGTH else _blank
    blanked, lengths = blank(text, separator)
    for name, length in lengths:
        withheld[prefix + name] = withheld.get(prefix + name, 0) + length
    return blanked


def _blank(text: str, separator: re.Pattern[str]) -> tuple[str, tuple[tuple[str, int], ...]]:
    """The text without secrets, and the name and length of each."""
    parts = separator.split(text)
    lengths = []
    for index in range(0, len(parts), 2):
        name, equals, value = parts[index].partition("=")
        if value and is_secret_parameter(name):
            parts[index] = name + equals
            lengths.append((name, len(value)))
    return "".join(parts), tuple(lengths)


# Queries and referers come back again and again: a look-up is a tenth of the work.
_REMEMBERED_LENGTH = 256
_blank_again = lru_cache(maxsize=8_192)(_blank)


def _fill(text: str, prefix: str, withheld: dict[str, int], separator: re.Pattern[str]) -> str:
    left = dict(withheld)
    parts = separator.split(text)
    for index in range(0, len(parts), 2):
        name, equals, value = parts[index].partition("=")
        if equals and not value:
            parts[index] += filler(left.pop(prefix + name, 0))
    return "".join(parts)


_IN_QUERY = re.compile("([&;])")
_IN_LINK = re.compile("([&;?#])")
_IN_PATH = re.compile("([&;/])")
