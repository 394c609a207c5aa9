"""The headers of a request, and what follows from them: found out once for all that share them.

A page is dozens of requests of one client, and most of them say the same of it.
"""

from collections.abc import Callable
from itertools import chain
from typing import TypeVar

T = TypeVar("T")
Pairs = tuple[tuple[str, str], ...]

SHARED_MAX = 4_096
SHARED_LENGTH_MAX = 4_096
"""Characters of names and values; longer headers are hardly sent twice, and would fill memory."""


class Headers:
    """Headers as they came, and by name. Equal ones are one object, unless they are long."""

    __slots__ = ("by_name", "is_shared", "pairs", "text")

    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs
        """Lower-case name and value, in wire order."""
        self.text = "".join(chain.from_iterable(pairs))
        """All of them, one after the other."""
        self.by_name = dict(pairs)
        """Last value of each; not to be changed, because others read it, too."""
        self.is_shared = len(self.text) <= SHARED_LENGTH_MAX


class ByHeaders(dict[Headers, T]):
    """What `find` makes of headers, remembered: `known[headers]`.

    A dict that fills itself, so that what is known costs no Python frame.
    """

    def __init__(self, find: Callable[[Headers], T]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, headers: Headers) -> T:
        found = self._find(headers)
        if headers.is_shared:
            if len(self) >= SHARED_MAX:
                self.clear()
            self[headers] = found
        return found


class _Shared(dict[Pairs, Headers]):
    def __missing__(self, pairs: Pairs) -> Headers:
        headers = Headers(pairs)
        if headers.is_shared:
            if len(self) >= SHARED_MAX:
                self.clear()
            self[pairs] = headers
        return headers


headers_of: Callable[[Pairs], Headers] = _Shared().__getitem__
"""The one object for these headers."""
