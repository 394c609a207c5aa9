"""Whose profile each of the latest decisions belongs to, for outcomes that are told later."""

from collections import deque
from collections.abc import Iterable

_PAGES = 16
_PAGE_MAX = 4_096


class RecentDecisions:
    """At least the latest 61 440 decisions and at most some 65 000 of them.

    They are forgotten a page at a time. A dict that knows the order of each entry would take five
    times as long, most of it waiting for memory that nobody has looked at for seconds.
    """

    def __init__(self) -> None:
        self._page: dict[str, str] = {}
        self._pages = deque([self._page], maxlen=_PAGES)

    def add(self, keys: Iterable[tuple[str, str]]) -> None:
        """Remember ids of decisions with the keys of their profiles."""
        self._page.update(keys)
        if len(self._page) >= _PAGE_MAX:
            self._page = {}
            self._pages.append(self._page)

    def profile_key(self, decision_id: str) -> str | None:
        """The key of the profile; None where the decision is not remembered."""
        for page in reversed(self._pages):
            key = page.get(decision_id)
            if key is not None:
                return key
        return None
