"""Single flight: however many ask for a key at once, it is fetched once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Flight(Generic[T]):
    """One fetch under way, and how many wait for it."""

    __slots__ = ("outdated", "passengers", "task")

    def __init__(self) -> None:
        self.passengers = 0
        self.outdated = False
        """True when the key was dropped meanwhile: what comes back may be what was dropped."""
        self.task: asyncio.Future[T]


class SingleFlight(Generic[T]):
    """Flights by key. A flight that nobody waits for any more is cancelled."""

    def __init__(self) -> None:
        self._flights: dict[str, Flight[T]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    async def run(self, key: str, fetch: Callable[[Flight[T]], Awaitable[T]]) -> T:
        """What `fetch` gives, or the flight for `key` that is under way already; or its error."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._start(key, fetch)
        flight.passengers += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.passengers -= 1
            if not flight.passengers and not flight.task.done():
                flight.task.cancel()
                self._land(key, flight)

    def is_flying(self, key: str) -> bool:
        """Whether the key is being fetched."""
        return key in self._flights

    def outdate(self, key: str) -> None:
        """The key was dropped: those who ask from now on need a flight of their own."""
        flight = self._flights.pop(key, None)
        if flight is not None:
            flight.outdated = True

    def outdate_all(self) -> None:
        """As `outdate`, for every key."""
        for key in list(self._flights):
            self.outdate(key)

    def _start(self, key: str, fetch: Callable[[Flight[T]], Awaitable[T]]) -> Flight[T]:
        flight: Flight[T] = Flight()
        flight.task = asyncio.ensure_future(fetch(flight))
        flight.task.add_done_callback(lambda task: self._ended(key, flight))
        self._flights[key] = flight
        return flight

    def _ended(self, key: str, flight: Flight[T]) -> None:
        self._land(key, flight)
        if not flight.task.cancelled():
            flight.task.exception()  # passengers have it; a flight without any reports nothing

    def _land(self, key: str, flight: Flight[T]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
