"""Counting hits: the protocol that every store fulfils."""

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple, Protocol


class Algorithm(IntEnum):
    """How a limit counts; the numbers are what the script in the store knows them by."""

    STRICT = 0
    """Ten buckets and the oldest in full: never above the limit, lets go a tenth late at most."""
    EXACT = 1
    """A log of every hit: never above the limit, nothing late; 16 bytes a hit."""
    APPROX = 2
    """Two buckets, the older one by its share: under twice the limit at worst, 24 bytes a key."""
    PACE = 3
    """A level that drains evenly (GCRA): at most limit + burst in a window, 16 bytes a key."""
    CALENDAR = 4
    """Hits up to `ends_us`, such as midnight; a key belongs to one period."""
    CONCURRENCY = 5
    """Requests in flight; each holds a place until it gives it back or `window_us` is over."""

    __hash__ = int.__hash__  # Enum's own is a Python function, and hits are hashed all the time

    @property
    def word(self) -> str:
        """The word of rules and keys."""
        return self.name.lower()


class Hit(NamedTuple):
    """One request counted against one limit."""

    key: str
    """Names the counter, namespace first: `default:rl1:{ip:203.0.113.7}:login-per-address`.

    A key belongs to one algorithm, one window length, and either enforced or observed hits."""
    limit: int
    """Most hits in any trailing window; a billion at most."""
    window_us: int
    cost: int = 1
    """Hits that this one takes; above the limit it never fits. 0 gives back what `token` holds."""
    observed: bool = False
    """An observed hit never changes what becomes of the enforced ones of the same request."""
    count_denied: bool = False
    """Whether this hit counts even where its request is refused."""
    algorithm: Algorithm = Algorithm.STRICT
    burst: int = 1
    """`PACE`: hits that may come at once."""
    ends_us: int = 0
    """`CALENDAR`: when the period ends, microseconds since the epoch."""
    token: bytes = b""
    """`CONCURRENCY`: eight bytes that name the request; one that holds a place keeps it."""
    lease: int = 0
    """Hits of this key that a process may fetch at once, ahead of need; see `leased.py`."""


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

        A request is counted in all its enforced limits or, where one of them is full, in none but
        those that count refused requests; an observed hit is counted when the enforced ones are and
        it fits itself. `at_us` gives each request its own time in microseconds (replay, tests);
        without it the store's clock serves. No requests at all only ask whether the store answers.
        Raises StoreError when there is no answer within `budget_s` seconds.
        """
        ...

    async def close(self) -> None:
        """Give connections back; idempotent."""
        ...
