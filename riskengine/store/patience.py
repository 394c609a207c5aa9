"""Waiting for an answer no longer than agreed, without blaming others for our own busy loop."""

import asyncio
from types import TracebackType

_LATE_S = 0.002
"""Later than timers are on an idle machine: uvloop rounds them to whole milliseconds."""
_TURNS = 4
"""From the last moment to giving up: the loop reads its sockets and wakes who waits."""


class Patience:
    """Raises TimeoutError when its block takes longer than `wait_s`.

    A loop that was busy for that long notices the last moment before it notices the answer. So,
    unlike `asyncio.timeout`, this lets the loop read what has already arrived; and where the last
    moment was noticed late, because the machine is busy, it waits for `grace_s` more.
    """

    __slots__ = ("_due", "_grace_s", "_handle", "_limit", "_loop", "_wait_s")

    def __init__(self, wait_s: float, *, grace_s: float) -> None:
        self._wait_s = wait_s
        self._grace_s = grace_s
        self._limit = asyncio.timeout(None)

    async def __aenter__(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._limit.__aenter__()
        self._handle: asyncio.Handle = self._loop.call_later(self._wait_s, self._notice)
        self._due = self._loop.time() + self._wait_s

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._handle.cancel()
        await self._limit.__aexit__(kind, error, traceback)

    def _notice(self) -> None:
        late = self._loop.time() - self._due > _LATE_S
        self._handle = self._loop.call_later(self._grace_s if late else 0, self._give_up, _TURNS)

    def _give_up(self, turns: int) -> None:
        if turns:
            self._handle = self._loop.call_soon(self._give_up, turns - 1)
        else:
            self._limit.reschedule(self._loop.time())
