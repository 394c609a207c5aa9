"""Sends logged traffic through real gRPC, in order, and reports what became of it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from riskengine.analyst.traffic import Logged, LoggedRequest
from riskengine.clock import Clock
from riskengine.decision import Decision, RuleHit, Verdict
from riskengine.request import Request
from riskengine.v1 import riskengine_pb2 as pb
from riskengine.v1 import riskengine_pb2_grpc as rpc

BATCH = 32
IN_FLIGHT = 4


@dataclass(slots=True)
class Sent:
    """What a sender saw."""

    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    """From writing a message of up to BATCH requests to reading its answer."""
    outcomes: int = 0
    """Outcomes that the service could use."""


async def send(
    entries: Iterator[Logged],
    target: str,
    *,
    clock: Clock,
    on_decision: Callable[[LoggedRequest, Decision], None],
) -> Sent:
    """Stream every request of `entries` to the service, IN_FLIGHT messages at a time.

    The status of an allowed request is reported back as its outcome, where the log has one.
    """
    sent = Sent()
    room = asyncio.Semaphore(IN_FLIGHT)
    waiting: deque[tuple[float, list[LoggedRequest]]] = deque()

    async def messages() -> AsyncIterator[pb.EvaluateBatchRequest]:
        for batch in _batches(entries):
            await room.acquire()
            waiting.append((clock.monotonic(), batch))
            yield pb.EvaluateBatchRequest(requests=[_encoded(entry) for entry in batch])

    started = clock.monotonic()
    async with grpc.aio.insecure_channel(target) as channel:
        stub = rpc.RiskEngineStub(channel)
        async for answer in stub.EvaluateStream(messages()):
            written_at, batch = waiting.popleft()
            sent.latencies_ms.append((clock.monotonic() - written_at) * 1_000)
            decisions = [_decoded(message) for message in answer.decisions]
            for entry, decision in zip(batch, decisions, strict=True):
                on_decision(entry, decision)
            outcomes = _outcomes(batch, decisions)
            response = await stub.ReportOutcomes(pb.ReportOutcomesRequest(outcomes=outcomes))
            sent.outcomes += response.accepted
            room.release()
    sent.seconds = clock.monotonic() - started
    return sent


def _batches(entries: Iterator[Logged]) -> Iterator[list[LoggedRequest]]:
    requests = (entry for entry in entries if isinstance(entry, LoggedRequest))
    while batch := list(islice(requests, BATCH)):
        yield batch


def _outcomes(entries: list[LoggedRequest], decisions: list[Decision]) -> list[pb.Outcome]:
    """What became of the allowed requests, as far as the log tells."""
    return [
        pb.Outcome(decision_id=decision.decision_id, status=entry.outcome.status)
        for entry, decision in zip(entries, decisions, strict=True)
        if decision.verdict is Verdict.ALLOW and entry.outcome is not None
    ]


def _encoded(entry: LoggedRequest) -> pb.EvaluateRequest:
    request: Request = entry.request
    moment = Timestamp()
    moment.FromNanoseconds(round(entry.at * 1e6) * 1_000)
    return pb.EvaluateRequest(
        request_id=request.request_id,
        namespace=request.namespace,
        client_ip=request.address.text,
        method=request.method,
        scheme=request.scheme,
        host=request.host,
        path=request.path,
        query=request.query,
        http_version=request.http_version,
        headers=[pb.Header(name=name, value=value) for name, value in request.headers],
        body=request.body,
        body_size=request.body_size,
        user_id=request.user_id,
        session_id=request.session_id,
        device_id=request.device_id,
        tls_fingerprint=request.tls_fingerprint,
        attributes=request.attributes,
        received_at=moment,
        headers_partial=not request.headers_known,
    )


def _decoded(message: pb.Decision) -> Decision:
    """As much of a decision as reports count."""
    return Decision(
        decision_id=message.decision_id,
        verdict=Verdict(message.verdict),
        stage=message.stage,
        rule_id=message.rule_id,
        reason=message.reason,
        hits=tuple(
            RuleHit(
                hit.stage,
                hit.rule_id,
                Verdict(hit.verdict),
                hit.reason,
                observed=hit.mode == pb.MODE_OBSERVE,
            )
            for hit in message.hits
        ),
        degraded=tuple(message.degraded),
    )
