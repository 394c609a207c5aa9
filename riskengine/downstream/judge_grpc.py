"""How to read gRPC: status codes and `grpc-retry-pushback-ms`."""

from collections.abc import Iterable
from typing import Any

import grpc

from riskengine.downstream.call import Fate, Judgement, Progress
from riskengine.downstream.judging import SUCCESS, judge_error
from riskengine.downstream.pushback import read_grpc_pushback

_PUSHBACK = "grpc-retry-pushback-ms"
_FAILURES = {
    grpc.StatusCode.UNAVAILABLE: Progress.MAYBE,
    # A cancellation of our own is an asyncio.CancelledError: this one came from a server that died.
    grpc.StatusCode.CANCELLED: Progress.MAYBE,
    grpc.StatusCode.DEADLINE_EXCEEDED: Progress.MAYBE,
    grpc.StatusCode.INTERNAL: Progress.ANSWERED,
    grpc.StatusCode.UNKNOWN: Progress.ANSWERED,
    grpc.StatusCode.DATA_LOSS: Progress.ANSWERED,
}
"""Codes that are the endpoint's fault; all others are the caller's, or ours."""
_RETRYABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


def judge_grpc(answer: object | None, error: BaseException | None) -> Judgement:
    """A Judge. Lost calls may be tried again, RESOURCE_EXHAUSTED where the server says when."""
    if error is None:
        return SUCCESS
    if not isinstance(error, grpc.aio.AioRpcError):
        return judge_error(error)
    code, after_s = error.code(), _pushback(error)
    if code in _FAILURES:
        again = code in _RETRYABLE
        return Judgement(Fate.FAILURE, _FAILURES[code], again, after_s)
    again = code is grpc.StatusCode.RESOURCE_EXHAUSTED and after_s is not None
    return Judgement(Fate.IGNORED, Progress.ANSWERED, again, after_s)


def _pushback(error: grpc.aio.AioRpcError) -> float | None:
    for key, value in _entries(error.trailing_metadata()):
        if key == _PUSHBACK:
            return read_grpc_pushback(str(value))
    return None


def _entries(metadata: Any) -> Iterable[tuple[str, str | bytes]]:  # noqa: ANN401 - stubs are wrong
    """Metadata as pairs; the stubs take it for a single one."""
    return tuple(metadata or ())
