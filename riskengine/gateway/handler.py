"""The way of one request: checked, asked about, passed on, answered, told."""

import itertools
import logging
import secrets
from collections.abc import Mapping
from typing import NamedTuple

import aiohttp
from aiohttp import web

from riskengine.clock import Clock
from riskengine.decision import Decision, Verdict
from riskengine.edge.http_answer import http_answer
from riskengine.edge.identifiers import short_id
from riskengine.gateway.access_log import AccessLog, Visit
from riskengine.gateway.answers import Answer
from riskengine.gateway.asking import Asking, Headers, Peer, joined
from riskengine.gateway.config_model import GatewayFile
from riskengine.gateway.engines import Decider
from riskengine.gateway.forward import Outgoing, forward
from riskengine.gateway.head_checks import check_head
from riskengine.gateway.hop_headers import Pairs, decoded, lowered, request_headers
from riskengine.gateway.metrics import GatewayMetrics
from riskengine.gateway.problems import Refusal
from riskengine.gateway.responses import Answering, Sent, send
from riskengine.gateway.routing import Routes
from riskengine.gateway.services import Service
from riskengine.gateway.target import Target, read_target
from riskengine.gateway.upgrade import tunnel, wanted_upgrade
from riskengine.gateway.upload import Upload
from riskengine.outcome import Outcome

_log = logging.getLogger("riskengine.gateway")


class Head(NamedTuple):
    """What is known of a request before its body."""

    target: Target
    pairs: Pairs
    """Headers as they came, for the service."""
    headers: Headers
    """The same as text, for the engine."""
    values: Mapping[str, str]
    """Name -> value; the last, where there are several."""
    peer: Peer
    scheme: str
    host: str
    client_ip: str
    request_id: str


class Gateway:
    """Answers requests. Owns nothing: engine, services and log are given and closed elsewhere."""

    def __init__(
        self,
        config: GatewayFile,
        *,
        engine: Decider,
        services: Mapping[str, Service],
        log: AccessLog | None,
        metrics: GatewayMetrics,
        clock: Clock,
    ) -> None:
        self._config = config
        self._engine = engine
        self._services = services
        self._log = log
        self._metrics = metrics
        self._clock = clock
        self._asking = Asking(config.clients, config.engine.namespace)
        only = config.services[0].id if len(config.services) == 1 else None
        self._routes = Routes(config.routes, only)
        self._ids = map(
            "{}-{:x}".format, itertools.repeat(secrets.token_hex(6)), itertools.count(1)
        )

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to one request, already sent; what becomes of it is reported and logged."""
        started = self._clock.monotonic()
        visit = Visit(at=self._clock.now(), method=request.method)
        try:
            return await self._respond(request, visit)
        except Refusal as refusal:
            return await self._refuse(request, visit, refusal)
        finally:
            visit.latency_ms = (self._clock.monotonic() - started) * 1e3
            self._metrics.record(visit)
            if self._log is not None:
                self._log.add(visit)

    async def _respond(self, request: web.BaseRequest, visit: Visit) -> web.StreamResponse:
        head = self._read_head(request, visit)
        service = self._service(head, visit)
        upload = await self._open_upload(request, head)
        decision = await self._decide(request, head, upload)
        if decision is None:
            return await self._without_decision(request, head, service, upload, visit)
        visit.decision_id, visit.verdict = decision.decision_id, decision.verdict.word
        visit.rule, visit.reason = decision.rule_id, decision.reason
        if decision.verdict is not Verdict.ALLOW:
            answer = http_answer(decision)
            visit.status, visit.bytes = answer.status, len(answer.body)
            return await send(request, answer)
        started = self._clock.monotonic()
        try:
            return await self._pass_on(request, head, service, upload, visit)
        except Refusal as refusal:
            visit.status = refusal.status
            raise
        finally:
            self._report(decision, visit, self._clock.monotonic() - started)

    def _read_head(self, request: web.BaseRequest, visit: Visit) -> Head:
        pairs = lowered(request.raw_headers)
        check_head(request.method, tuple(request.version), pairs)  # type: ignore[arg-type]  # two numbers
        headers = decoded(pairs)
        peer = self._asking.peer(request.protocol.peername)
        values = dict(headers)
        target = read_target(request.raw_path)
        visit.path, visit.client_ip = target.path, self._asking.client_ip(peer, headers)
        visit.host = target.authority or values.get("host", "")
        told = values.get("x-request-id", "") if peer.trusted else ""
        visit.request_id = short_id(told) or next(self._ids)
        scheme = self._asking.scheme(peer, headers)
        return Head(
            target,
            pairs,
            headers,
            values,
            peer,
            scheme,
            visit.host,
            visit.client_ip,
            visit.request_id,
        )

    def _service(self, head: Head, visit: Visit) -> Service:
        name = self._routes.service_of(head.host, head.target.path)
        if name is None:
            raise Refusal(404, "route.none", "nothing is served here")
        visit.service = name
        return self._services[name]

    async def _open_upload(self, request: web.BaseRequest, head: Head) -> Upload:
        bounds = self._config.requests
        length = head.values.get("content-length")
        upload = Upload(
            request.content,
            None if length is None else int(length),
            body_max=bounds.body_max_bytes,
            idle_s=bounds.idle,
        )
        await _go_ahead(request, head.values.get("expect", ""))
        await upload.read_prefix(bounds.body_prefix_bytes)
        return upload

    async def _decide(
        self, request: web.BaseRequest, head: Head, upload: Upload
    ) -> Decision | None:
        asked = self._asking.request(
            head.target,
            head.headers,
            head.values,
            head.peer,
            method=request.method,
            scheme=head.scheme,
            host=head.host,
            client_ip=head.client_ip,
            request_id=head.request_id,
            http_version=f"{request.version.major}.{request.version.minor}",
            body=upload.prefix[: self._config.requests.body_prefix_bytes],
            body_size=upload.size,
        )
        decision = await self._engine.decide(asked)
        self._metrics.record_ask(decided=decision is not None)
        return decision

    async def _without_decision(
        self,
        request: web.BaseRequest,
        head: Head,
        service: Service,
        upload: Upload,
        visit: Visit,
    ) -> web.StreamResponse:
        """Fails open or closed, as configured."""
        visit.reason = "engine.unavailable"
        if self._config.engine.on_failure == "deny":
            raise Refusal(503, visit.reason, "no decision could be taken", retry_after_s=1)
        return await self._pass_on(request, head, service, upload, visit)

    async def _pass_on(
        self,
        request: web.BaseRequest,
        head: Head,
        service: Service,
        upload: Upload,
        visit: Visit,
    ) -> web.StreamResponse:
        outgoing = self._outgoing(request, head, upload)
        answer, visit.endpoint = await forward(
            outgoing, service.client, answer_s=service.entry.answer, clock=self._clock
        )
        try:
            if answer.status == 101:
                visit.status = 101
                response, visit.bytes = await tunnel(request, answer)
                return response
            return await self._send_on(request, answer, service.entry.idle, visit)
        finally:
            answer.close()

    def _outgoing(self, request: web.BaseRequest, head: Head, upload: Upload) -> Outgoing:
        headers = request_headers(
            head.pairs,
            host=head.host,
            peer=head.peer.address,
            proto=head.scheme,
            request_id=head.request_id,
            trusted=head.peer.trusted,
        )
        return Outgoing(
            request.method,
            head.target.text,
            headers,
            upload,
            head.client_ip.encode(),
            wanted_upgrade(head.values, joined(head.headers, "connection"), request.method),
        )

    async def _send_on(
        self, request: web.BaseRequest, answer: Answer, idle_s: float, visit: Visit
    ) -> Sent:
        try:
            answering = Answering(request, answer.status, answer.passed_on, answer.reason)
        except ValueError:
            raise Refusal(
                502, "service.failed", "the service's answer holds a broken header"
            ) from None
        visit.status = answer.status
        if answer.body is not None:
            await answering.write_whole(answer.body)
            visit.bytes = len(answer.body)
            return answering.sent
        await answering.begin()
        try:
            async for piece in answer.pieces(idle_s):
                await answering.write(piece)
                visit.bytes += len(piece)
        except (aiohttp.ClientError, TimeoutError):
            visit.reason = "service.broke_off"
            _break_off(request)
            return answering.sent
        await answering.end()
        return answering.sent

    async def _refuse(
        self, request: web.BaseRequest, visit: Visit, refusal: Refusal
    ) -> web.StreamResponse:
        answer = refusal.answer()
        visit.status, visit.reason, visit.bytes = refusal.status, refusal.reason, len(answer.body)
        visit.cause = refusal.cause
        return await send(request, answer, close=refusal.status in (400, 408, 501))

    def _report(self, decision: Decision, visit: Visit, latency_s: float) -> None:
        self._engine.report(Outcome(decision.decision_id, visit.status, visit.bytes, latency_s))


async def _go_ahead(request: web.BaseRequest, expected: str) -> None:
    """Tell a client that waits for it to send its body (RFC 9110 §10.1.1)."""
    if not expected:
        return
    if expected.lower() != "100-continue":
        raise Refusal(417, "request.expect", "the only expectation that is met is 100-continue")
    if not request.content.at_eof():
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # so that a mistake of ours is still answered


def _break_off(request: web.BaseRequest) -> None:
    """Let the client see that the answer is not whole."""
    if request.transport is not None:
        request.transport.abort()
