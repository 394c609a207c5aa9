"""Counters in one Redis or Valkey, shared by all processes: one script call per batch."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from redis.exceptions import RedisError

from riskengine.errors import StoreError
from riskengine.store.counters import Hit, Tally
from riskengine.store.links import Links
from riskengine.store.patience import Patience
from riskengine.store.redis_urls import connector
from riskengine.store.script import read_answer, write_call

Answer = TypeVar("Answer")

CONNECTIONS_MAX = 8
"""Most connections of one process to one server; one is enough for one batch at a time."""


class RedisCounters:
    """Asks one server, or the master that sentinels name, over a few connections."""

    def __init__(self, url: str, *, timeout_s: float, connections: int = CONNECTIONS_MAX) -> None:
        """`url` is for `redis_urls.connector`; `timeout_s` caps the budget of every call."""
        self._timeout_s = timeout_s
        self._links = Links(connector(url), most=connections)

    async def hit(
        self,
        requests: Sequence[Sequence[Hit]],
        *,
        at_us: Sequence[int] | None = None,
        budget_s: float,
    ) -> list[list[Tally]]:
        """Count in one round trip; see `Counters.hit`."""
        call = write_call(requests, at_us)
        [reply] = await within(budget_s, self._timeout_s, lambda: self._links.run([call]))
        if not isinstance(reply, bytes):
            raise StoreError(f"the store did not answer: {reply}; is it a cluster?")
        return read_answer(reply, requests)

    async def close(self) -> None:
        """Close every idle connection; those in use close when their call ends."""
        await self._links.close()


async def within(
    budget_s: float, timeout_s: float, work: Callable[[], Awaitable[Answer]]
) -> Answer:
    """The answer of `work`, or StoreError: after `timeout_s`, and never later than `budget_s`."""
    wait_s = min(budget_s, timeout_s)
    grace_s = min(wait_s, budget_s - wait_s)
    try:
        async with Patience(wait_s, grace_s=grace_s):
            return await work()
    except TimeoutError:
        raise StoreError(f"the store did not answer within {wait_s * 1000:.0f} ms") from None
    except (RedisError, OSError) as error:
        raise StoreError(f"the store did not answer: {error}") from None
