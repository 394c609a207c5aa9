"""Passes a request on to its service and brings back the answer."""

import asyncio
from dataclasses import dataclass

import aiohttp

from riskengine.clock import Clock
from riskengine.downstream.call import Attempt, Call
from riskengine.downstream.client import Client
from riskengine.downstream.errors import (
    ClosedError,
    NoEndpointError,
    PoolFullError,
    PoolTimeoutError,
    RejectedError,
)
from riskengine.downstream.http1 import Http1Connection
from riskengine.gateway.answers import Answer, read_answer
from riskengine.gateway.hop_headers import Pairs
from riskengine.gateway.problems import Refusal
from riskengine.gateway.upload import Upload

_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
"""RFC 9110 §9.2.2, but for TRACE, which is not forwarded."""
_UPLOAD_MAX_S = 86_400.0
_BUSY = (ClosedError, NoEndpointError, PoolFullError, PoolTimeoutError)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as a service is to get it."""

    method: str
    target: str
    headers: Pairs
    upload: Upload
    key: bytes
    """The client's address, for balancers that hash."""
    upgrade: str = ""
    """The protocol that the client wants to go on with."""


async def forward(
    outgoing: Outgoing, client: Client[Http1Connection], *, answer_s: float, clock: Clock
) -> tuple[Answer, str]:
    """The answer, to be closed by the caller, and the endpoint that gave it.

    Refusal where there is none. Tried again is what surely was not processed, and where method and
    body allow doing it twice.
    """
    sending = _Sending(outgoing, answer_s)
    attempt = await sending.through(client, clock)
    if attempt.answer is None:
        raise _why_not(attempt, outgoing.upload)
    return attempt.answer, attempt.result.endpoint.address if attempt.result else ""


class _Sending:
    """One request under way: all its attempts, and every answer that one of them opened."""

    def __init__(self, outgoing: Outgoing, answer_s: float) -> None:
        self._outgoing = outgoing
        self._answer_s = answer_s
        self._opened: list[Answer] = []
        self._whole = outgoing.upload.whole

    async def through(self, client: Client[Http1Connection], clock: Clock) -> Attempt[Answer]:
        streamed = self._whole is None
        longest_s = self._answer_s + (_UPLOAD_MAX_S if streamed else 0.0)
        call = Call(
            clock.monotonic() + longest_s,
            self._outgoing.key,
            idempotent=not streamed and self._outgoing.method in _IDEMPOTENT,
        )
        taken: Answer | None = None
        try:
            attempt = await client.run(call, self._send)
            taken = attempt.answer
        finally:
            for answer in self._opened:
                if answer is not taken:
                    answer.close()
        return attempt

    async def _send(self, connection: Http1Connection) -> Answer:
        """One attempt. Its time begins anew whenever a piece of the body was sent."""
        if self._whole is not None:  # the call's own deadline is the same
            return await self._exchange(connection)
        loop, upload = asyncio.get_running_loop(), self._outgoing.upload
        try:
            async with asyncio.timeout(self._answer_s) as limit:
                upload.on_progress = lambda: limit.reschedule(loop.time() + self._answer_s)
                return await self._exchange(connection)
        except aiohttp.ClientError:
            if upload.failure is not None:  # the client broke off: says nothing of the endpoint
                raise upload.failure from None
            raise

    async def _exchange(self, connection: Http1Connection) -> Answer:
        outgoing, upload = self._outgoing, self._outgoing.upload
        response = await connection.send(
            outgoing.method,
            outgoing.target,
            [*outgoing.headers, *self._upgrade()],
            upload.stream() if self._whole is None else self._whole,
            length=upload.length,
        )
        try:
            answer = await read_answer(response, has_body=outgoing.method != "HEAD")
        except BaseException:
            response.close()
            raise
        self._opened.append(answer)
        return answer

    def _upgrade(self) -> Pairs:
        """What asks the service to go on with another protocol."""
        upgrade = self._outgoing.upgrade.encode()
        return [(b"connection", b"upgrade"), (b"upgrade", upgrade)] if upgrade else []


def _why_not(attempt: Attempt[Answer], upload: Upload) -> Refusal:
    error = attempt.error
    if isinstance(error, Refusal):
        return error
    if upload.failure is not None:
        return upload.failure
    if isinstance(error, RejectedError):
        return Refusal(
            503,
            "service.breaker",
            "the service is not well",
            retry_after_s=error.retry_after_s or 1,
        )
    if isinstance(error, _BUSY):
        return Refusal(503, "service.busy", "the service has no place free", retry_after_s=1)
    if isinstance(error, TimeoutError):
        return Refusal(504, "service.timeout", "the service did not answer in time")
    return Refusal(
        502, "service.failed", "the service did not answer as HTTP asks", cause=str(error or "")
    )
