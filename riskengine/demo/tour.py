"""The demo: real service, real traffic, and what the funnel made of it."""

import statistics
import tempfile
from pathlib import Path
from typing import NamedTuple

from riskengine.analyst.log_readers import LogReader
from riskengine.analyst.report import FunnelReport, FunnelTally
from riskengine.analyst.scorecard import Scorecard, ScoreTally
from riskengine.analyst.traffic import FORMATS, LoggedRequest
from riskengine.behavior.profile import profile_key
from riskengine.clock import Clock
from riskengine.decision import Decision
from riskengine.demo.sender import Sent, send
from riskengine.demo.service import running_service


class Tour(NamedTuple):
    """What the demo has to tell."""

    source: str
    """What was sent, in words."""
    reader: LogReader
    funnel: FunnelReport
    scorecard: Scorecard | None
    """None where the log has no labels."""
    sent: Sent
    log_dir: Path
    example_id: str
    """Decision id of the last request that was stopped; empty when none was."""


async def take_tour(log: Path, *, rules: Path, models: Path, clock: Clock) -> Tour:
    """Serve on the embedded store, send `log` through gRPC, count, and stop everything.

    Windows run on the log's own time, so that a day at the shop passes in seconds.
    """
    reader = LogReader(log)
    log_dir = Path(tempfile.mkdtemp(prefix="riskengine-demo-"))
    funnel, scores = FunnelTally(), ScoreTally()
    example = ""

    def count(entry: LoggedRequest, decision: Decision) -> None:
        nonlocal example
        funnel.add(decision)
        if decision.reason != "ok" and decision.verdict.word != "allow":
            example = decision.decision_id
        if entry.label is not None:
            scores.add(entry.label, profile_key(entry.request), decision.verdict)

    flags = ["--store", "embedded", "--clock", "request", "--log-dir", str(log_dir)]
    flags += ["--rules", str(rules), "--models", str(models)]
    async with running_service(*flags) as service:
        sent = await send(iter(reader), service.target, clock=clock, on_decision=count)
    source = f"{log} ({FORMATS[reader.format]})"
    return Tour(source, reader, funnel.report(), scores.scorecard(), sent, log_dir, example)


def latency_line(sent: Sent, requests: int) -> str:
    """Throughput and percentiles in one line."""
    rate = requests / sent.seconds if sent.seconds else 0.0
    if len(sent.latencies_ms) < 2:
        return f"{rate:,.0f} decisions/s"
    cuts = statistics.quantiles(sent.latencies_ms, n=100)
    return (
        f"{rate:,.0f} decisions/s over gRPC; a message of up to 32 requests took "
        f"p50 {cuts[49]:.1f} ms, p95 {cuts[94]:.1f} ms, p99 {cuts[98]:.1f} ms"
    )
