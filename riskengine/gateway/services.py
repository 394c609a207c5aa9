"""The services behind the gateway, each with its pools, balancer, health and breaker."""

import random
from collections.abc import Sequence
from pathlib import Path

from riskengine.clock import Clock
from riskengine.downstream.balancer import Balancer
from riskengine.downstream.breaker import Breaker, BreakerRules
from riskengine.downstream.client import Client, ClientParts
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
from riskengine.gateway.service_model import EndpointEntry, HealthEntry, ServiceEntry


class Service:
    """One service, ready to be called once it was started."""

    def __init__(self, entry: ServiceEntry, *, clock: Clock, rng: random.Random) -> None:
        self.entry = entry
        self._rng = rng
        self._health = _health_of(entry.health, rng)
        self.breaker = Breaker(clock, rng, _breaker_rules(entry), name=entry.id)
        self.budget = RetryBudget(share=entry.retries.budget, reserve=float(entry.retries.reserve))
        rules = RetryRules(attempts_max=entry.retries.attempts_max)
        retries = Retries(clock, rng, self.budget, rules)
        self.ejection = Ejection(clock, lambda: len(self.client.endpoints), _ejection_rules(entry))
        watches: list[Watch] = [self.ejection, *([self._health] if self._health else [])]
        parts = ClientParts(
            limits=_limits(entry),
            judge=judge_http(clock),
            balancer=_Balancing(entry.balancer, rng),
            watches=watches,
            runner=ServiceBreaker(clock, self.breaker, Persistent(retries)),
        )
        self.client: Client[Http1Connection] = Client(Http1Connector(), parts, clock=clock, rng=rng)

    async def start(self, directory: Path) -> None:
        """Find the endpoints; relative paths begin at `directory`."""
        await self.client.follow(_Told(_source(self.entry, directory, self._rng), self._health))

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
    return [Endpoint(e.address, e.weight, e.priority, e.zone) for e in entries]


def _source(entry: ServiceEntry, directory: Path, rng: random.Random) -> Discovery:
    if entry.endpoints_file is not None:
        return FileEndpoints(directory / entry.endpoints_file)
    if entry.dns is not None:
        host, _, port = entry.dns.rpartition(":")
        return DnsEndpoints(host.strip("[]"), int(port), rng=rng)
    return StaticEndpoints(endpoints_of(entry.endpoints))


def _health_of(entry: HealthEntry | None, rng: random.Random) -> ActiveHealth | None:
    if entry is None:
        return None
    rules = HealthRules(
        every_s=entry.every,
        timeout_s=entry.timeout,
        well_after=entry.well_after,
        ill_after=entry.ill_after,
    )
    return ActiveHealth(http_check(entry.path), rng, rules)


def _limits(entry: ServiceEntry) -> PoolLimits:
    pool = entry.pool
    return PoolLimits(
        connections_min=pool.connections_min,
        connections_max=pool.connections_max,
        idle_max=pool.idle_max,
        idle_s=pool.idle,
        waiting_max=pool.waiting_max,
        connect_s=pool.connect,
    )


def _ejection_rules(entry: ServiceEntry) -> EjectionRules:
    rules = entry.ejection
    return EjectionRules(
        failures_in_a_row=rules.failures_in_a_row,
        base_s=rules.base,
        longest_s=rules.longest,
        share_max=rules.share_max,
    )


def _breaker_rules(entry: ServiceEntry) -> BreakerRules:
    rules = entry.breaker
    return BreakerRules(
        window_s=rules.window,
        calls_min=rules.calls_min,
        failure_share=rules.failure_share,
        slow_after_s=rules.slow_after,
        slow_share=rules.slow_share,
        open_s=rules.open,
        open_max_s=max(60.0, rules.open),
        probes=rules.probes,
    )
