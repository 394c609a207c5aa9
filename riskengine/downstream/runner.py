"""Who makes the attempts of a call: once, or as often as retries and hedging see fit."""

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from riskengine.downstream.call import Attempt, Call
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.hedging import Hedging
from riskengine.downstream.retry import Retries

T = TypeVar("T")

Chosen = Callable[[Endpoint], None]
"""Told which endpoint an attempt goes to, as soon as that is known."""


class Runner(Protocol):
    """Turns a call into attempts."""

    async def run(
        self, call: Call, attempt: Callable[[Call, Chosen], Coroutine[Any, Any, Attempt[T]]]
    ) -> Attempt[T]:
        """The attempt that counts."""
        ...


class Once:
    """One attempt a call."""

    async def run(
        self, call: Call, attempt: Callable[[Call, Chosen], Coroutine[Any, Any, Attempt[T]]]
    ) -> Attempt[T]:
        """See Runner."""
        return await attempt(call, _ignore)


class Persistent:
    """Retries, and hedging within each of their attempts where that is wanted."""

    def __init__(self, retries: Retries, hedging: Hedging | None = None) -> None:
        self._retries = retries
        self._hedging = hedging

    async def run(
        self, call: Call, attempt: Callable[[Call, Chosen], Coroutine[Any, Any, Attempt[T]]]
    ) -> Attempt[T]:
        """See Runner."""
        hedging = self._hedging
        if hedging is None:
            return await self._retries.run(call, lambda c: attempt(c, _ignore))
        return await self._retries.run(call, lambda c: hedging.run(c, attempt))


def _ignore(endpoint: Endpoint) -> None:
    pass
