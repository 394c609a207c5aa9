"""What the supervisor starts: `python -m riskengine.edge.worker_main` serves the whole engine."""

import sys

from riskengine.assembly import open_engine
from riskengine.clock import SystemClock
from riskengine.edge.ext_authz import ext_authz_methods
from riskengine.edge.native_methods import native_methods
from riskengine.edge.worker import Service, run_worker
from riskengine.records.metrics import Metrics
from riskengine.settings import Settings


def open_service(settings: Settings) -> Service:
    """Everything a worker serves: each protocol of the edge is one table joined here."""
    metrics = Metrics()
    engine = open_engine(settings, clock=SystemClock(), metrics=metrics)
    methods = native_methods(engine) | ext_authz_methods(engine, settings)
    return Service(
        engine,
        methods,
        metrics.exposition,
        prepare=engine.prepare,
        stale=engine.stale_lists,
        outside=engine.outside,
    )


if __name__ == "__main__":
    sys.exit(run_worker(open_service))
