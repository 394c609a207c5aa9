"""What the gateway counts about itself, in Prometheus' words; docs/gateway.md lists every name.

Counted in plain dicts beside the requests; families are built when somebody asks for them.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector

from riskengine.gateway.access_log import Visit
from riskengine.gateway.services import Service

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily

BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Upper bounds of the latency histogram, in seconds."""

_BREAKER_STATES = ("closed", "half_open", "open")


class GatewayMetrics(Collector):
    """Counts requests and asks; looks at services when somebody wants to know."""

    def __init__(self, services: Mapping[str, Service], lost_lines: Callable[[], int]) -> None:
        """`lost_lines` says how many lines of the access log were lost."""
        self._services = services
        self._lost_lines = lost_lines
        self.requests: Counter[tuple[str, str, str]] = Counter()
        """By service, status and verdict."""
        self.asked = 0
        self.undecided = 0
        """Asks that brought no decision."""
        self._latency: dict[str, _Latency] = {}

    def record(self, visit: Visit) -> None:
        """Count a request that is over."""
        self.requests[visit.service, str(visit.status), visit.verdict] += 1
        latency = self._latency.get(visit.service)
        if latency is None:
            latency = self._latency[visit.service] = _Latency()
        latency.record(visit.latency_ms / 1e3)

    def record_ask(self, *, decided: bool) -> None:
        """Count a question to the engine."""
        self.asked += 1
        self.undecided += not decided

    def collect(self) -> Iterator[Family]:
        """All families, at the moment of a scrape."""
        requests = CounterMetricFamily(
            "riskengine_gateway_requests",
            "Requests that are over, by service, status and the engine's verdict.",
            labels=("service", "status", "verdict"),
        )
        for labels, count in sorted(self.requests.items()):
            requests.add_metric(labels, count)
        yield requests
        yield self._latencies()
        yield CounterMetricFamily(
            "riskengine_gateway_engine_asks", "Questions to the engine.", value=self.asked
        )
        yield CounterMetricFamily(
            "riskengine_gateway_engine_failures",
            "Questions to the engine that brought no decision within the budget.",
            value=self.undecided,
        )
        yield CounterMetricFamily(
            "riskengine_gateway_access_log_lost",
            "Lines of the access log that were lost.",
            value=self._lost_lines(),
        )
        yield from self._pools()
        yield from self._protection()

    def _latencies(self) -> HistogramMetricFamily:
        family = HistogramMetricFamily(
            "riskengine_gateway_latency_seconds",
            "Time from a request's head to the end of its answer.",
            labels=("service",),
        )
        for service, latency in sorted(self._latency.items()):
            family.add_metric((service,), latency.buckets(), latency.sum_s)
        return family

    def _pools(self) -> Iterator[Family]:
        connections = GaugeMetricFamily(
            "riskengine_gateway_pool_connections",
            "Open connections to an endpoint, by what they do.",
            labels=("service", "endpoint", "state"),
        )
        waiting = GaugeMetricFamily(
            "riskengine_gateway_pool_waiting",
            "Requests that wait for a connection to an endpoint.",
            labels=("service", "endpoint"),
        )
        for name, service in self._services.items():
            for pool in service.client.pools:
                address = pool.endpoint.address
                connections.add_metric((name, address, "idle"), pool.idle)
                connections.add_metric((name, address, "busy"), pool.open - pool.idle)
                waiting.add_metric((name, address), pool.waiting)
        yield connections
        yield waiting

    def _protection(self) -> Iterator[Family]:
        breaker = GaugeMetricFamily(
            "riskengine_gateway_breaker",
            "1 for the state that a service's circuit breaker is in.",
            labels=("service", "state"),
        )
        available = GaugeMetricFamily(
            "riskengine_gateway_endpoint_available",
            "1 for an endpoint that requests go to, 0 for one that is ejected or fails its checks.",
            labels=("service", "endpoint"),
        )
        ejections = CounterMetricFamily(
            "riskengine_gateway_ejections",
            "Times that an endpoint was ejected.",
            labels=("service",),
        )
        retries = CounterMetricFamily(
            "riskengine_gateway_retries",
            "Attempts beyond the first, made or refused by the retry budget.",
            labels=("service", "result"),
        )
        for name, service in self._services.items():
            for state in _BREAKER_STATES:
                breaker.add_metric((name, state), float(service.breaker.state == state))
            for endpoint in service.client.endpoints:
                well = service.client.available(endpoint)
                available.add_metric((name, endpoint.address), float(well))
            ejections.add_metric((name,), service.ejection.ejections)
            retries.add_metric((name, "made"), service.budget.spent)
            retries.add_metric((name, "refused"), service.budget.refused)
        yield from (breaker, available, ejections, retries)


class _Latency:
    def __init__(self) -> None:
        self._counts = [0] * (len(BUCKETS_S) + 1)
        self.sum_s = 0.0

    def record(self, latency_s: float) -> None:
        self._counts[bisect_left(BUCKETS_S, latency_s)] += 1
        self.sum_s += latency_s

    def buckets(self) -> list[tuple[str, float]]:
        """Upper bound -> how many took so long at most."""
        total, buckets = 0, []
        for bound, count in zip([*map(str, BUCKETS_S), "+Inf"], self._counts, strict=True):
            total += count
            buckets.append((bound, float(total)))
        return buckets
