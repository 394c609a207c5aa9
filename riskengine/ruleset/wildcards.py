"""Texts with `*`, which stands for any characters or none: linear time on any input."""


class Wildcard:
    """A pattern such as `files/*` or `/api*v1`, compiled."""

    __slots__ = ("_first", "_last", "_middle", "_whole")

    def __init__(self, pattern: str) -> None:
        parts = pattern.split("*")
        self._whole = pattern if len(parts) == 1 else None
        self._first, self._last = parts[0], parts[-1]
        self._middle = tuple(part for part in parts[1:-1] if part)

    def matches(self, text: str) -> bool:
        """Whether the whole of `text` fits, case and all."""
        if self._whole is not None:
            return text == self._whole
        start, end = len(self._first), len(text) - len(self._last)
        if start > end or not text.startswith(self._first) or not text.endswith(self._last):
            return False
        for part in self._middle:
            found = text.find(part, start, end)
            if found < 0:
                return False
            start = found + len(part)
        return True
