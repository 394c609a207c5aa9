"""Endpoints from DNS: every address of a name."""

import asyncio
import logging
import random
import socket
from collections.abc import Awaitable, Callable

from riskengine.downstream.discovery import Update
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.errors import DiscoveryError

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Host and port -> addresses. Raises OSError."""

_log = logging.getLogger("riskengine.downstream")


class DnsEndpoints:
    """Asks again every `refresh_s`, a little earlier at random, so that processes spread out.

    The system's resolver does not tell how long an answer holds, so keep `refresh_s` near what
    the zone says. An empty or failed answer keeps the last addresses: a resolver that is down
    must not take the service down with it.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        rng: random.Random,
        refresh_s: float = 30.0,
        priority: int = 0,
        resolve: Resolve | None = None,
    ) -> None:
        """`resolve` is the system's resolver if None."""
        self._host = host
        self._port = port
        self._rng = rng
        self._refresh_s = refresh_s
        self._priority = priority
        self._resolve = resolve or _resolve

    async def run(self, update: Update) -> None:
        """See Discovery."""
        known = await self._ask()
        await update(known)
        while True:
            await asyncio.sleep(self._refresh_s * (1 - 0.1 * self._rng.random()))
            try:
                found = await self._ask()
            except DiscoveryError as error:
                _log.warning("endpoints kept", extra={"host": self._host, "reason": str(error)})
                continue
            if found != known:
                known = found
                await update(known)

    async def _ask(self) -> list[Endpoint]:
        try:
            addresses = await self._resolve(self._host, self._port)
        except OSError as error:
            raise DiscoveryError(f"{self._host}: {error}") from error
        if not addresses:
            raise DiscoveryError(f"{self._host}: the name has no addresses")
        return [
            Endpoint(_with_port(address, self._port), priority=self._priority)
            for address in sorted(set(addresses))
        ]


async def _resolve(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def _with_port(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
