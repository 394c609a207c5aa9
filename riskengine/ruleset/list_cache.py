"""Remembers what lists say from one load of the rules to the next."""

from riskengine.ruleset.fetch_record import digest_of
from riskengine.ruleset.list_formats import ListContent, ListFormat, read_list


class ListCache:
    """A million networks take seconds to read: an edited rule should not have them read again.

    Holds what the last load used and nothing older.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[str, ListFormat, int], ListContent] = {}
        self._fresh: dict[tuple[str, ListFormat, int], ListContent] = {}

    def read(self, content: bytes, form: ListFormat, min_level: int = 0) -> ListContent:
        """What a list file says; see `read_list`."""
        key = (digest_of(content), form, min_level)
        known = self._fresh.get(key) or self._last.get(key)
        if known is None:
            known = read_list(content, form, min_level=min_level)
        self._fresh[key] = known
        return known

    def turn(self) -> None:
        """End a load: what it did not use is forgotten."""
        self._last, self._fresh = self._fresh, {}
