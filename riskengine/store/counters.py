"""Counting hits in sliding windows: the protocol that every store fulfils."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Hit(NamedTuple):
    """One request counted against one limit."""

    key: str
    """Names the counter, namespace first: `default:rl1:{ip:203.0.113.7}:login-per-address`.

    A key belongs to one window length and to either enforced or observed hits."""
    limit: int
    """Most hits in any trailing window; a billion at most."""
    window_us: int
    cost: int = 1
    """Hits that this one takes; above the limit it never fits."""
    observed: bool = False
    """An observed hit never changes what becomes of the enforced ones of the same request."""


class Tally(NamedTuple):
    """What became of one hit."""

    admitted: bool
    """Whether this limit alone had room for it."""
    remaining: int
    """Hits left in the window, after this request."""
    retry_after_s: float
    """Seconds until a hit of the same cost fits, if nobody else comes; 0 while there is room."""


class Counters(Protocol):
    """Where hits are counted. Memory, embedded Valkey and Redis give the same answers."""

    async def hit(
        self,
        requests: Sequence[Sequence[Hit]],
        *,
        at_us: Sequence[int] | None = None,
        budget_s: float,
    ) -> list[list[Tally]]:
        """Count the hits of several requests, in order, in one round trip.

        A request is counted in all its enforced limits or, where one of them is full, in none;
        an observed hit is counted when the enforced ones are and it fits itself. `at_us` gives
        each request its own time in microseconds (replay, tests); without it the store's clock
        serves. No requests at all only ask whether the store answers. Raises StoreError when
        there is no answer within `budget_s` seconds.
        """
        ...

    async def close(self) -> None:
        """Give connections back; idempotent."""
        ...
