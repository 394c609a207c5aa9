"""Connections made of nothing, counted: what pools are tested on where no network is needed."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.errors import ConnectError
from tests.virtual_loop import VirtualLoop

T = TypeVar("T")
SHOP = Endpoint("10.0.0.1:80")


class Wire:
    """One connection; knows whether it is alive and refuses two calls at once."""

    def __init__(self, fleet: "Fleet", number: int) -> None:
        self.number = number
        self.alive = True
        self.closed = False
        self.calls = 0
        self._fleet = fleet

    def is_usable(self) -> bool:
        return self.alive and not self.closed

    async def close(self) -> None:
        if not self.closed:
            self.closed = True
            await asyncio.sleep(self._fleet.close_s)
            self._fleet.live.discard(self)

    async def call(self, seconds: float) -> None:
        assert not self.closed, "a call on a closed connection"
        self.calls += 1
        assert self.calls <= self._fleet.calls_max, "a connection used by two calls"
        try:
            await asyncio.sleep(seconds)
        finally:
            self.calls -= 1


class Fleet:
    """A connector that counts what lives, connections being opened included."""

    def __init__(self, *, connect_s: float = 0.01, close_s: float = 0.01) -> None:
        self.connect_s = connect_s
        self.close_s = close_s
        self.calls_max = 1
        self.live: set[Wire] = set()
        self.made = 0
        self.failing = False
        self.most = 0
        self._opening = 0

    async def connect(self, endpoint: Endpoint) -> Wire:
        self._opening += 1
        self.most = max(self.most, len(self.live) + self._opening)
        try:
            await asyncio.sleep(self.connect_s)
        finally:
            self._opening -= 1
        if self.failing:
            raise ConnectError(f"{endpoint.address}: connection refused")
        self.made += 1
        wire = Wire(self, self.made)
        self.live.add(wire)
        return wire


def run_virtually(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run `work` where time is virtual and nothing is ever slept."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(work())
    finally:
        loop.close()
