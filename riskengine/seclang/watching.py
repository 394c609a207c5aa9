"""Notices when TX changes so that rules that were not looked at may come to another outcome."""


class Watch:
    """TX variables on which rules depend that were not looked at."""

    __slots__ = ("_beginnings", "_inside", "_names")

    def __init__(self, names: frozenset[str], beginnings: tuple[str, ...]) -> None:
        self._names = names
        self._beginnings = tuple(b for b in beginnings if not b.startswith("*"))
        self._inside = tuple(b[1:] for b in beginnings if b.startswith("*"))

    def cares(self, name: str) -> bool:
        """Whether a change of that variable matters."""
        return (
            name in self._names
            or name.startswith(self._beginnings or ("\0",))
            or any(part in name for part in self._inside)
        )
