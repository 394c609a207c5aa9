"""Ends of calls, in one word each."""

from riskengine.downstream.call import CallResult, Fate, Progress
from riskengine.downstream.endpoint import Endpoint

HERE = Endpoint("127.0.0.1:8080")


def success(endpoint: Endpoint = HERE, *, latency_s: float = 0.01) -> CallResult:
    return CallResult(endpoint, Fate.SUCCESS, Progress.ANSWERED, latency_s)


def failure(
    endpoint: Endpoint = HERE,
    *,
    latency_s: float = 0.01,
    progress: Progress = Progress.MAYBE,
    retryable: bool = True,
    retry_after_s: float | None = None,
) -> CallResult:
    return CallResult(endpoint, Fate.FAILURE, progress, latency_s, retryable, retry_after_s)


def ignored(endpoint: Endpoint = HERE, *, latency_s: float = 0.01) -> CallResult:
    return CallResult(endpoint, Fate.IGNORED, Progress.ANSWERED, latency_s)
