"""Which variables a selector such as `TX:/^counter_/` means, without going through all of TX."""

from collections.abc import Iterable

from riskengine.seclang.rules import Target

_CAPTURES = tuple(map(str, range(10)))


class Selected:
    """Remembers what selectors mean of what TX holds for every request alike."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[str, ...] | None] = {}

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
        new = [name for name in written if name not in snapshot and target.takes(name)]
        return [*known, *new]


def _meant(target: Target, snapshot: dict[str, bytes]) -> tuple[str, ...] | None:
    if any(map(target.takes, _CAPTURES)):
        return None
    return tuple(filter(target.takes, snapshot))
