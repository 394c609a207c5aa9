"""How to read what ended a call, whatever the protocol: the errors that all have in common."""

from riskengine.downstream.call import Fate, Judgement, Progress
from riskengine.downstream.errors import (
    ClosedError,
    ConnectError,
    DownstreamError,
    LostError,
    NotProcessedError,
    PoolFullError,
    RejectedError,
)

SUCCESS = Judgement(Fate.SUCCESS, Progress.ANSWERED)

_OWN_FAULT = Judgement(Fate.IGNORED, Progress.MAYBE)
"""An error of the code that made the call, or a cancellation: nothing is known of the endpoint."""


def judge_error(error: BaseException) -> Judgement:
    """The reading of an error that no protocol knows better.

    Refused and never sent: try elsewhere. Lost midway: its fault. Out of time: its fault, and no
    time to try again. Refused by ourselves, cancelled, a bug: says nothing.
    """
    if isinstance(error, ConnectError):
        return Judgement(Fate.FAILURE, Progress.NOT_SENT, retryable=True)
    if isinstance(error, NotProcessedError):
        return Judgement(Fate.IGNORED, Progress.NOT_SENT, retryable=True)
    if isinstance(error, LostError):
        return Judgement(Fate.FAILURE, Progress.MAYBE, retryable=True)
    if isinstance(error, ClosedError | PoolFullError | RejectedError):
        return Judgement(Fate.IGNORED, Progress.NOT_SENT, retryable=True)
    if isinstance(error, DownstreamError):
        return Judgement(Fate.IGNORED, Progress.NOT_SENT)
    if isinstance(error, TimeoutError):
        return Judgement(Fate.FAILURE, Progress.MAYBE)
    if isinstance(error, OSError | EOFError):
        return Judgement(Fate.FAILURE, Progress.MAYBE, retryable=True)
    return _OWN_FAULT


def judge_errors_only(answer: object | None, error: BaseException | None) -> Judgement:
    """A Judge for protocols of one's own: every answer is a success."""
    return SUCCESS if error is None else judge_error(error)
