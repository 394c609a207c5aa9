"""Where lists of endpoints come from."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from riskengine.downstream.endpoint import Endpoint

Update = Callable[[Sequence[Endpoint]], Awaitable[None]]
"""Takes the whole list whenever it changed: `Client.update`."""


class Discovery(Protocol):
    """A source of endpoints."""

    async def run(self, update: Update) -> None:
        """Tell `update` the list, and again whenever it changes, until cancelled.

        Raises DiscoveryError when there is no list to begin with; later on, a source that fails
        leaves the last good list as it is, and says so in the log.
        """
        ...


class StaticEndpoints:
    """A list that never changes."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self._endpoints = tuple(endpoints)

    async def run(self, update: Update) -> None:
        """See Discovery; returns at once."""
        await update(self._endpoints)
