"""Which variables a selector such as `TX:/^counter_/` means, without going through all of TX."""

import re
from collections.abc import Iterable

from riskengine.seclang.rules import Target

_CAPTURES = tuple(map(str, range(10)))
_PLAIN = re.compile(rb"\(\?i\)(\^?)([a-z0-9_]+?)(?:\.\*|[a-z0-9_]\*)?", re.IGNORECASE)


class Selected:
    """Remembers what selectors mean of what TX holds for every request alike."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[str, ...] | None] = {}
        self._parts: dict[int, str] = {}
        """What names must hold that a target means, by the target's `id()`; see `_part`."""

    def names(
        self, target: Target, snapshot: dict[str, bytes], written: Iterable[str]
    ) -> list[str] | None:
        """The names that `target` means of those in a snapshot and those written since, in order.

        Snapshots and targets must live as long as this does. None where captures may be meant,
        which are noted nowhere.
        """
        key = id(snapshot), id(target)
        if key not in self._known:
            self._known[key] = _meant(target, snapshot)
        known = self._known[key]
        if known is None:
            return None
        return [*known, *[name for name in self._new(target, written) if name not in snapshot]]

    def _new(self, target: Target, written: Iterable[str]) -> list[str]:
        part = self._parts.get(id(target))
        if part is None:
            part = self._parts[id(target)] = _part(target)
        if not part:
            return [name for name in written if target.takes(name)]
        if part[0] == "^":
            return [name for name in written if name.startswith(part[1:])]
        return [name for name in written if part in name]


def _meant(target: Target, snapshot: dict[str, bytes]) -> tuple[str, ...] | None:
    if any(map(target.takes, _CAPTURES)):
        return None
    return tuple(filter(target.takes, snapshot))


def _part(target: Target) -> str:
    """The text that means the same as the selector; with `^` names begin with it. Mostly there is.

    Such as `counter_` for `/counter_.*/`. Empty where only the selector itself can tell.
    """
    pattern = target.pattern.pattern if target.pattern is not None else b""
    plain = _PLAIN.fullmatch(pattern.encode() if isinstance(pattern, str) else pattern)
    return (plain[1] + plain[2].lower()).decode() if plain else ""
