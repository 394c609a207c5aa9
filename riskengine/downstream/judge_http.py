"""How to read HTTP: statuses, `Retry-After`, and aiohttp's errors."""

import aiohttp

from riskengine.clock import Clock
from riskengine.downstream.call import Fate, Judge, Judgement, Progress
from riskengine.downstream.judging import SUCCESS, judge_error
from riskengine.downstream.pushback import read_retry_after

_RETRYABLE = frozenset({502, 503, 504})
_TOO_MANY = 429


def judge_http(clock: Clock) -> Judge:
    """A Judge of answers that have `status` and `headers`, as those of both connectors do.

    5xx is the endpoint's fault, 4xx the caller's. Another try may help with 502, 503 and 504, and
    with 429 where the server says when.
    """

    def judge(answer: object | None, error: BaseException | None) -> Judgement:
        if error is not None:
            return _judge_error(error)
        status = getattr(answer, "status", 0)
        if status < 400:
            return SUCCESS
        after_s = _retry_after(answer, clock)
        if status < 500:
            again = status == _TOO_MANY and after_s is not None
            return Judgement(Fate.IGNORED, Progress.ANSWERED, again, after_s)
        return Judgement(Fate.FAILURE, Progress.ANSWERED, status in _RETRYABLE, after_s)

    return judge


def _retry_after(answer: object, clock: Clock) -> float | None:
    headers = getattr(answer, "headers", {})
    value = headers.get("Retry-After")
    return None if value is None else read_retry_after(value, now=clock.now())


def _judge_error(error: BaseException) -> Judgement:
    if isinstance(error, aiohttp.ClientConnectorError):
        return Judgement(Fate.FAILURE, Progress.NOT_SENT, retryable=True)
    if isinstance(error, aiohttp.InvalidURL):
        return Judgement(Fate.IGNORED, Progress.NOT_SENT)
    if isinstance(error, aiohttp.ClientError) and not isinstance(error, TimeoutError):
        return Judgement(Fate.FAILURE, Progress.MAYBE, retryable=True)
    return judge_error(error)
