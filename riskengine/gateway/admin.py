"""What /healthz and /metrics of a gateway say."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from riskengine.edge.control import Report
from riskengine.edge.http_pages import Page
from riskengine.gateway.engines import Decider
from riskengine.gateway.metrics import GatewayMetrics
from riskengine.gateway.services import Service
from riskengine.records.metrics import Metrics

_METRICS_TYPE = "text/plain; version=0.0.4"


class Admin:
    """Looks at everything in one process of a gateway, and changes nothing."""

    def __init__(
        self,
        engine: Decider,
        services: Mapping[str, Service],
        metrics: Metrics,
        own: GatewayMetrics,
    ) -> None:
        """`own` is what the gateway counts; `metrics` what its engine counts, if it has one."""
        self._engine = engine
        self._services = services
        self._metrics = metrics
        self._own = own
        metrics.registry.register(own)
        self.draining = False

    async def health(self) -> Page:
        """200 while requests are taken; what is behind the gateway is told, and changes nothing."""
        told = {"status": "draining" if self.draining else "serving"} | self._told()
        status = HTTPStatus.SERVICE_UNAVAILABLE if self.draining else HTTPStatus.OK
        return Page(status, "application/json", json.dumps(told) + "\n")

    async def metrics(self) -> Page:
        """The gateway's metrics and those of the engine in this process."""
        return Page(HTTPStatus.OK, _METRICS_TYPE, self._metrics.exposition().decode())

    async def reload(self) -> None:
        """Take new rules and models."""
        await self._engine.reload()

    def report(self) -> Report:
        """The same for a supervisor."""
        return Report(
            self._metrics.exposition().decode(),
            self._engine.rules_problem,
            self._engine.stale_lists(),
            self._told(),
        )

    def _told(self) -> dict[str, Any]:
        return {
            "undecided": self._own.undecided,
            "services": {
                name: {"breaker": str(service.breaker.state), "endpoints": service.states()}
                for name, service in self._services.items()
            },
        }
