"""Counters in Redis or Valkey, shared by all processes: one script call per batch."""

import asyncio
from collections.abc import Callable, Sequence

from hiredis import pack_command
from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from riskengine.errors import StoreError
from riskengine.store.counters import Hit, Tally
from riskengine.store.patience import Patience
from riskengine.store.script import DIGEST, TEXT, Call, read_answer, write_call


class RedisCounters:
    """Asks over a few connections, one batch at a time on each.

    Nothing is tried twice, because a hit whose answer was lost may have been counted. Whatever
    fails closes its connection and the idle ones, so that no late answer is ever read as another's.
    """

    def __init__(self, url: str, *, timeout_s: float, connections: int = 8) -> None:
        """`url` is redis://, rediss:// or unix://; `timeout_s` caps the budget of every call."""
        self._timeout_s = timeout_s
        pool = ConnectionPool.from_url(
            url,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=None,  # the budget is kept here, around connecting, sending and reading
            socket_connect_timeout=None,
            protocol=2,
            driver_info=None,
        )
        self._free = asyncio.Semaphore(connections)
        self._connect: Callable[[], AbstractConnection] = pool.make_connection
        self._idle: list[AbstractConnection] = []
        self._closed = False

    async def hit(
        self,
        requests: Sequence[Sequence[Hit]],
        *,
        at_us: Sequence[int] | None = None,
        budget_s: float,
    ) -> list[list[Tally]]:
        """Count in one round trip; see `Counters.hit`."""
        call = write_call(requests, at_us)
        wait_s = min(budget_s, self._timeout_s)
        grace_s = min(wait_s, budget_s - wait_s)
        try:
            async with Patience(wait_s, grace_s=grace_s), self._free:
                answer = await self._run(call)
        except TimeoutError:
            raise StoreError(f"the store did not answer within {wait_s * 1000:.0f} ms") from None
        except (RedisError, OSError) as error:
            raise StoreError(f"the store did not answer: {error}") from None
        return read_answer(answer, requests)

    async def close(self) -> None:
        """Close every idle connection; those in use close when their call ends."""
        self._closed = True
        await self._drop_idle()

    async def _run(self, call: Call) -> bytes:
        connection = self._idle.pop() if self._idle else self._connect()
        try:
            answer = await _ask(connection, call)
        except BaseException:
            await connection.disconnect(nowait=True)
            await self._drop_idle()
            raise
        if self._closed:
            await connection.disconnect(nowait=True)
        else:
            self._idle.append(connection)
        return answer

    async def _drop_idle(self) -> None:
        while self._idle:
            await self._idle.pop().disconnect(nowait=True)


async def _ask(connection: AbstractConnection, call: Call) -> bytes:
    try:
        return await _command(connection, "EVALSHA", DIGEST, *call.arguments)
    except NoScriptError:  # a new server, or one that was told to forget: nothing was counted
        return await _command(connection, "EVAL", TEXT, *call.arguments)


async def _command(connection: AbstractConnection, *words: int | str | bytes) -> bytes:
    # hiredis packs a call of hundreds of keys several times faster than redis-py does.
    packed = pack_command(words)  # type: ignore[arg-type] # its stub asks for a tuple of one word
    await connection.send_packed_command([packed])
    answer: bytes = await connection.read_response()
    return answer
