"""The services behind the gateway, each with its pools, balancer, health and breaker."""

import random
from collections.abc import Sequence
from pathlib import Path

from riskengine.clock import Clock
from riskengine.downstream.balancer import Balancer
from riskengine.downstream.breaker import Breaker, BreakerRules
from riskengine.downstream.client import Client
from riskengine.downstream.client_parts import ClientParts
from riskengine.downstream.discovery import Discovery, StaticEndpoints, Update
from riskengine.downstream.dns_endpoints import DnsEndpoints
from riskengine.downstream.ejection import Ejection, EjectionRules
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.file_endpoints import FileEndpoints
from riskengine.downstream.guards import Watch
from riskengine.downstream.hashing import BoundedHash
from riskengine.downstream.health import ActiveHealth, HealthRules
from riskengine.downstream.health_checks import http_check
from riskengine.downstream.http1 import Http1Connection, Http1Connector
from riskengine.downstream.inflight import InFlight
from riskengine.downstream.judge_http import judge_http
from riskengine.downstream.least_loaded import LeastLoaded, PowerOfTwo, calls_per_weight
from riskengine.downstream.maglev import Maglev
from riskengine.downstream.pool_limits import PoolLimits
from riskengine.downstream.retry import Retries, RetryRules
from riskengine.downstream.retry_budget import RetryBudget
from riskengine.downstream.round_robin import WeightedRoundRobin
from riskengine.downstream.runner import Persistent
from riskengine.downstream.service_breaker import ServiceBreaker
from riskengine.downstream.slow_start import SlowStart
from riskengine.downstream.tls import client_tls
from riskengine.gateway.fields import HTTPS
from riskengine.gateway.library_settings import settings_of
from riskengine.gateway.service_model import EndpointEntry, HealthEntry, ServiceEntry, TlsEntry


class Service:
    """One service, ready to be called once it was started."""

    def __init__(
        self,
        entry: ServiceEntry,
        directory: Path,
        *,
        zone: str = "",
        clock: Clock,
        rng: random.Random,
    ) -> None:
        """Relative paths begin at `directory`. TlsError where certificates cannot be used."""
        self.entry = entry
        self._directory = directory
        self._rng = rng
        connector = _connector(entry, directory)
        self._health = _health_of(entry.health, connector, rng)
        longest_s = max(BreakerRules().open_max_s, entry.breaker.open)
        breaking = settings_of(BreakerRules, entry.breaker, open_max_s=longest_s)
        self.breaker = Breaker(clock, rng, breaking, name=entry.id)
        self.budget = RetryBudget(share=entry.retries.budget, reserve=float(entry.retries.reserve))
        retries = Retries(clock, rng, self.budget, settings_of(RetryRules, entry.retries))
        self.ejection = Ejection(
            clock, lambda: len(self.client.endpoints), settings_of(EjectionRules, entry.ejection)
        )
        watches: list[Watch] = [self.ejection, *([self._health] if self._health else [])]
        parts = ClientParts(
            limits=settings_of(PoolLimits, entry.pool),
            judge=judge_http(clock),
            balancer=_Balancing(entry.balancer, rng),
            zone=zone,
            watches=watches,
            runner=ServiceBreaker(clock, self.breaker, Persistent(retries)),
        )
        self.client: Client[Http1Connection] = Client(connector, parts, clock=clock, rng=rng)

    async def start(self) -> None:
        """Find the endpoints."""
        source = _source(self.entry, self._directory, self._rng)
        await self.client.follow(_Told(source, self._health))

    def states(self) -> dict[str, str]:
        """Each endpoint's address, and whether calls go there."""
        return {
            endpoint.address: "well" if self.client.available(endpoint) else "away"
            for endpoint in self.client.endpoints
        }

    async def close(self) -> None:
        """End the checks and close the connections."""
        if self._health is not None:
            await self._health.close()
        await self.client.close()


class _Told:
    """A source of endpoints that tells the health checks too."""

    def __init__(self, source: Discovery, health: ActiveHealth | None) -> None:
        self._source = source
        self._health = health

    async def run(self, update: Update) -> None:
        """See Discovery."""

        async def both(endpoints: Sequence[Endpoint]) -> None:
            await update(endpoints)
            if self._health is not None:
                self._health.update(endpoints)

        await self._source.run(both)


class _Balancing:
    """Makes the balancer that a service asks for."""

    def __init__(self, kind: str, rng: random.Random) -> None:
        self._kind = kind
        self._rng = rng

    def __call__(self, in_flight: InFlight, slow_start: SlowStart) -> Balancer:
        if self._kind == "client_hash":
            return BoundedHash(Maglev, in_flight)
        if self._kind == "round_robin":
            return WeightedRoundRobin(slow_start.weight_of)
        cost = calls_per_weight(in_flight, slow_start.weight_of)
        if self._kind == "least_loaded":
            return LeastLoaded(cost, self._rng)
        return PowerOfTwo(cost, self._rng)


def endpoints_of(entries: Sequence[EndpointEntry]) -> list[Endpoint]:
    """Endpoints as configured."""
    return [Endpoint(e.address.removeprefix(HTTPS), e.weight, e.priority, e.zone) for e in entries]


def _connector(entry: ServiceEntry, directory: Path) -> Http1Connector:
    if not entry.over_tls:
        return Http1Connector()
    tls = entry.tls or TlsEntry()
    files = {
        name: None if path is None else directory / path
        for name, path in (("ca", tls.ca), ("certificate", tls.certificate), ("key", tls.key))
    }
    return Http1Connector(tls=client_tls(**files), server_name=tls.server_name)


def _source(entry: ServiceEntry, directory: Path, rng: random.Random) -> Discovery:
    if entry.endpoints_file is not None:
        return FileEndpoints(directory / entry.endpoints_file)
    if entry.dns is not None:
        host, _, port = entry.dns.rpartition(":")
        return DnsEndpoints(host.strip("[]"), int(port), rng=rng)
    return StaticEndpoints(endpoints_of(entry.endpoints))


def _health_of(
    entry: HealthEntry | None, connector: Http1Connector, rng: random.Random
) -> ActiveHealth | None:
    if entry is None:
        return None
    return ActiveHealth(http_check(entry.path, connector), rng, settings_of(HealthRules, entry))
