import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from riskengine.edge.grpc_server import GrpcServer
from riskengine.edge.health import RULES, Health
from riskengine.edge.native_methods import SERVICE
from riskengine.errors import DeadlineError, OverloadedError, RiskEngineError
from riskengine.settings import Settings
from riskengine.v1 import riskengine_pb2 as pb
from riskengine.v1 import riskengine_pb2_grpc as stubs
from tests.edge.small_service import SmallEngine, open_small_service

INVALID = grpc.StatusCode.INVALID_ARGUMENT
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
DEADLINE = grpc.StatusCode.DEADLINE_EXCEEDED


class Served:
    """A server in this process and a channel to it."""

    def __init__(self, tmp_path: Path, **settings: Any) -> None:
        self.settings = Settings(
            listen="127.0.0.1:0", rules=tmp_path, default_budget_ms=900.0, **settings
        )
        service = open_small_service(self.settings)
        assert isinstance(service.engine, SmallEngine)
        self.engine = service.engine
        self.health = Health(SERVICE, RULES)
        self.server = GrpcServer(service.methods | self.health.methods(), self.settings)

    async def __aenter__(self) -> Self:
        port = await self.server.start()
        self.health.set_all(True)
        self.channel: Any = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        self.stub: Any = stubs.RiskEngineStub(self.channel)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.channel.close()
        self.health.close()
        await self.server.drain(0)

    async def raw(self, method: str, message: bytes, **options: Any) -> bytes:
        answer: bytes = await self.channel.unary_unary(f"/{SERVICE}/{method}")(message, **options)
        return answer


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with Served(tmp_path) as served:
        yield served


def a_request(path: str = "/", **fields: Any) -> pb.EvaluateRequest:
    return pb.EvaluateRequest(client_ip="203.0.113.7", method="GET", path=path, **fields)


def batch(*requests: pb.EvaluateRequest) -> pb.EvaluateBatchRequest:
    return pb.EvaluateBatchRequest(requests=requests)


async def error_of(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        await call
    assert isinstance(caught.value, grpc.aio.AioRpcError)
    return caught.value.code(), caught.value.details() or ""


async def test_evaluate_answers_with_the_decision(served: Served) -> None:
    decision = await served.stub.Evaluate(a_request("/denied", request_id="r-1"))
    assert decision.request_id == "r-1"
    assert decision.decision_id == "d-1"
    assert decision.verdict == pb.VERDICT_DENY
    assert [hit.rule_id for hit in decision.hits] == ["denied-path"]


async def test_batch_keeps_the_order_and_one_bad_request_harms_no_other(served: Served) -> None:
    bad = pb.EvaluateRequest(request_id="2", client_ip="nonsense", method="GET", path="/")
    answer = await served.stub.EvaluateBatch(
        batch(a_request(request_id="1"), bad, a_request("/denied", request_id="3"))
    )
    assert [d.request_id for d in answer.decisions] == ["1", "2", "3"]
    assert [d.reason for d in answer.decisions] == ["ok", "request.invalid", "small.denied"]
    refused = answer.decisions[1]
    assert refused.verdict == pb.VERDICT_DENY
    assert (
        refused.hits[0].detail == "client_ip: must be a plain IPv4 or IPv6 address, got 'nonsense'"
    )


async def test_batch_of_bad_requests_alone_is_answered_one_by_one(served: Served) -> None:
    answer = await served.stub.EvaluateBatch(batch(pb.EvaluateRequest(), pb.EvaluateRequest()))
    assert [d.reason for d in answer.decisions] == ["request.invalid"] * 2


async def test_empty_batch_needs_no_engine(served: Served) -> None:
    assert not (await served.stub.EvaluateBatch(batch())).decisions
    assert served.engine.asked == 0


async def test_batch_of_more_than_512_names_the_field(served: Served) -> None:
    big = batch(*[a_request()] * 513)
    assert await error_of(served.stub.EvaluateBatch(big)) == (
        INVALID,
        "requests: must be at most 512, got 513",
    )


async def test_stream_answers_every_message_in_order(served: Served) -> None:
    call = served.stub.EvaluateStream()
    for number in range(3):
        await call.write(
            batch(a_request(request_id=f"{number}a"), a_request(request_id=f"{number}b"))
        )
    await call.done_writing()
    answers = [[d.request_id for d in answer.decisions] async for answer in call]
    assert answers == [["0a", "0b"], ["1a", "1b"], ["2a", "2b"]]
    assert await call.code() == grpc.StatusCode.OK


@pytest.mark.parametrize(
    ("refusal", "code"),
    [(DeadlineError("too late"), DEADLINE), (OverloadedError("too much"), EXHAUSTED)],
)
async def test_stream_goes_on_after_a_message_that_could_not_be_decided(
    served: Served, refusal: RiskEngineError, code: grpc.StatusCode
) -> None:
    served.engine.refusal = refusal
    call = served.stub.EvaluateStream()
    for _ in range(2):
        await call.write(batch(a_request()))
    await call.done_writing()
    refused, answered = [answer async for answer in call]
    assert not refused.decisions
    assert refused.no_decision.code == code.value[0]
    assert refused.no_decision.message == str(refusal)
    assert len(answered.decisions) == 1
    assert not answered.HasField("no_decision")


@pytest.mark.parametrize("budget", ["", "fast", "0", "-5", "1.5", "1000000", "9" * 5_000])
async def test_stream_with_an_unusable_budget_is_refused_by_name(
    served: Served, budget: str
) -> None:
    call = served.stub.EvaluateStream(metadata=(("riskengine-budget-ms", budget),))
    assert await error_of(call.read()) == (
        INVALID,
        f"riskengine-budget-ms: must be whole milliseconds from 1 to 999999, got {budget[:32]!r}",
    )


async def test_stream_ends_at_bytes_that_are_no_batch(served: Served) -> None:
    call = served.channel.stream_stream(f"/{SERVICE}/EvaluateStream")()
    await call.write(b"\xff\xff")
    code, details = await error_of(call.read())
    assert (code, details) == (
        INVALID,
        "message: these bytes are no riskengine.v1.EvaluateBatchRequest",
    )


async def test_outcomes_are_counted_as_accepted_or_unknown(served: Served) -> None:
    outcomes = [pb.Outcome(decision_id=i, status=200) for i in ("d-1", "d-2", "other")]
    answer = await served.stub.ReportOutcomes(pb.ReportOutcomesRequest(outcomes=outcomes))
    assert (answer.accepted, answer.unknown) == (2, 1)


@pytest.mark.parametrize(
    ("outcome", "details"),
    [
        (pb.Outcome(status=200), "outcomes[0].decision_id: must be the id of a decision, got ''"),
        (
            pb.Outcome(decision_id="d", status=99),
            "outcomes[0].status: must be an HTTP status from 100 to 599, got 99",
        ),
        (
            pb.Outcome(decision_id="d", status=200, bytes=-1),
            "outcomes[0].bytes: must not be negative, got -1",
        ),
    ],
)
async def test_wrong_outcome_names_its_field(
    served: Served, outcome: pb.Outcome, details: str
) -> None:
    request = pb.ReportOutcomesRequest(outcomes=[outcome])
    assert await error_of(served.stub.ReportOutcomes(request)) == (INVALID, details)


@pytest.mark.parametrize(
    ("message", "details"),
    [
        (b"", "path: must not be empty; send '/' for the root"),
        (b"\xff\xff\xff", "message: these bytes are no riskengine.v1.EvaluateRequest"),
        (b"\x1a\x02\xff\xfe", "message: these bytes are no riskengine.v1.EvaluateRequest"),
        (a_request(namespace="a/b").SerializeToString(),
         "namespace: must be at most 64 letters, digits, '-', '_' or '.'"),
        (a_request(body_size=-1).SerializeToString(), "body_size: must not be negative, got -1"),
    ],
)  # fmt: skip
async def test_bad_message_gets_an_exact_error(
    served: Served, message: bytes, details: str
) -> None:
    assert await error_of(served.raw("Evaluate", message)) == (INVALID, details)


async def test_unexpected_failure_is_told_plainly_and_logged(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, logger="riskengine.edge"):
        code, details = await error_of(served.stub.Evaluate(a_request("/broken")))
    assert code == grpc.StatusCode.INTERNAL
    assert details == "no decision was taken: internal error, see the service's log"
    assert "secret detail" in (caplog.records[0].exc_text or "") or caplog.records[0].exc_info


async def test_header_of_a_megabyte_is_refused(served: Served) -> None:
    code, details = await error_of(
        served.raw("Evaluate", b"", metadata=(("x-big", "x" * 1_000_000),))
    )
    assert code == EXHAUSTED
    assert "metadata size exceeds" in details
    assert (await served.stub.Evaluate(a_request())).verdict == pb.VERDICT_ALLOW


async def test_message_of_300_kilobytes_is_refused(served: Served) -> None:
    code, details = await error_of(served.stub.Evaluate(a_request(body=b"x" * 300_000)))
    assert code == EXHAUSTED
    assert "larger than max" in details


async def test_deadline_that_passes_while_waiting_ends_the_call(served: Served) -> None:
    code, _ = await error_of(served.stub.Evaluate(a_request("/slow"), timeout=0.05))
    assert code == grpc.StatusCode.DEADLINE_EXCEEDED


async def test_deadline_that_has_passed_costs_no_work(served: Served) -> None:
    code, _ = await error_of(served.stub.Evaluate(a_request(), timeout=-1))
    assert code == grpc.StatusCode.DEADLINE_EXCEEDED
    assert served.engine.asked == 0


async def test_unknown_method_is_unimplemented(served: Served) -> None:
    code, _ = await error_of(served.raw("Nothing", b""))
    assert code == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("service", ["", SERVICE, RULES])
async def test_health_answers_for_each_service(served: Served, service: str) -> None:
    check = health_pb2_grpc.HealthStub(served.channel).Check
    answer: Any = await check(health_pb2.HealthCheckRequest(service=service))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_health_of_a_stranger_is_not_found(served: Served) -> None:
    check: Any = health_pb2_grpc.HealthStub(served.channel).Check
    code, details = await error_of(check(health_pb2.HealthCheckRequest(service="x")))
    assert code == grpc.StatusCode.NOT_FOUND
    assert details == "service: unknown, have ['', 'riskengine.v1.RiskEngine', 'rules']"


async def test_health_watchers_are_told_and_let_go(served: Served) -> None:
    watch: Any = health_pb2_grpc.HealthStub(served.channel).Watch
    call = watch(health_pb2.HealthCheckRequest())
    assert (await call.read()).status == health_pb2.HealthCheckResponse.SERVING
    served.health.close()
    assert (await call.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert await call.code() == grpc.StatusCode.OK


async def test_reflection_lists_the_services(served: Served) -> None:
    info: Any = reflection_pb2_grpc.ServerReflectionStub(served.channel).ServerReflectionInfo
    call = info()
    await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    listed = {s.name for s in (await call.read()).list_services_response.service}
    assert {SERVICE, "grpc.health.v1.Health"} <= listed
    await call.write(reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE))
    assert (await call.read()).file_descriptor_response.file_descriptor_proto
    await call.done_writing()


async def test_drain_keeps_calls_in_flight(served: Served) -> None:
    slow = asyncio.ensure_future(served.stub.Evaluate(a_request("/slow")))
    await served.engine.arrivals.acquire()
    await served.server.drain(5)
    assert (await slow).verdict == pb.VERDICT_ALLOW
    code, _ = await error_of(served.stub.Evaluate(a_request()))
    assert code == grpc.StatusCode.UNAVAILABLE


async def test_drain_lets_a_stream_finish_its_answer_and_asks_to_reopen(served: Served) -> None:
    idle, busy = served.stub.EvaluateStream(), served.stub.EvaluateStream()
    await idle.write(batch(a_request()))
    assert await idle.read()
    await busy.write(batch(a_request("/slow")))
    for _ in range(2):
        await served.engine.arrivals.acquire()
    await asyncio.wait_for(served.server.drain(60), timeout=5)
    assert len((await busy.read()).decisions) == 1
    for call in (idle, busy):
        assert await error_of(call.read()) == (
            grpc.StatusCode.UNAVAILABLE,
            "this worker shuts down: open the stream again",
        )
