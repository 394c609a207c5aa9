"""Chains that one header decides: values are remembered for which nothing comes of them.

Clients send the same few referrers and content types with all they ask for, and most rules that
look closer at a header find nothing there.
"""

from collections.abc import Mapping

from riskengine.seclang.rules import Rule
from riskengine.seclang.transaction import Transaction

_KEPT_MAX = 16_384
_LENGTH_MAX = 256

Key = tuple[int, tuple[str, ...]]


class HeaderChains:
    """What looking closer cost where it led to nothing. Not for several threads at once."""

    def __init__(self, headers: Mapping[int, str]) -> None:
        """`headers` are the names of those that decide, by the `id()` of the rule."""
        self._headers = headers
        self._known: dict[Key, int] = {}

    def key(self, rule: Rule, transaction: Transaction) -> Key | None:
        """What decides if `rule` fires; None for other rules."""
        wanted = self._headers.get(id(rule))
        if wanted is None:
            return None
        return id(rule), tuple([value for name, value in transaction.headers if name == wanted])

    def cost(self, key: Key) -> int | None:
        """What it costs to find out that the rule does not fire; None where it may."""
        return self._known.get(key)

    def note(self, key: Key, cost: int) -> None:
        """The rule did not fire."""
        if sum(map(len, key[1])) > _LENGTH_MAX:
            return
        if len(self._known) >= _KEPT_MAX:
            self._known.clear()
        self._known[key] = cost
