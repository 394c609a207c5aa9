"""What a caller says about a call, and what became of it: the words all parts share.

What is made for each call is a msgspec struct: frozen as a dataclass is, at a third of its price.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

import msgspec

from riskengine.downstream.endpoint import Endpoint

T = TypeVar("T")


class Call(msgspec.Struct, frozen=True, gc=False):
    """One call as its caller sees it, whatever number of attempts it takes."""

    deadline: float
    """Monotonic seconds."""
    key: bytes = b""
    """Balancers that hash keep equal keys on one endpoint: the client's address, say."""
    idempotent: bool = False
    """True when doing it twice does no harm, so that it may be tried again midway."""
    tried: frozenset[Endpoint] = frozenset()
    """Endpoints that already had their chance; avoided while there are others."""


class Fate(StrEnum):
    """What a call says about the endpoint it went to."""

    SUCCESS = "success"
    """An answer that the endpoint need not be ashamed of."""
    FAILURE = "failure"
    """Its fault: refused, reset, timed out, 5xx, UNAVAILABLE."""
    IGNORED = "ignored"
    """Nothing: the caller's fault (4xx), cancelled, or refused by ourselves."""


class Progress(StrEnum):
    """How far a call came, which decides whether it may be made again."""

    NOT_SENT = "not_sent"
    """Surely not processed: safe to repeat."""
    MAYBE = "maybe"
    """Lost midway: safe to repeat only when idempotent."""
    ANSWERED = "answered"
    """The endpoint answered."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """How an answer or an error is to be read; `judge_http` and `judge_grpc` know how."""

    fate: Fate
    progress: Progress
    retryable: bool = False
    """True when another attempt, elsewhere or later, may well do better."""
    retry_after_s: float | None = None
    """What the server asked for; negative means: do not come back."""


Judge = Callable[[object | None, BaseException | None], Judgement]
"""Answer (or None) and error (or None) of an attempt -> how to read it."""


class CallResult(msgspec.Struct, frozen=True, gc=False):
    """What became of one attempt; fed to everything that watches endpoints."""

    endpoint: Endpoint
    fate: Fate
    progress: Progress
    latency_s: float
    retryable: bool = False
    retry_after_s: float | None = None


class Attempt(msgspec.Struct, Generic[T], frozen=True):
    """One attempt: an answer (a 503 is one as well), or the error that came instead."""

    answer: T | None
    result: CallResult | None
    """None when no endpoint was even chosen."""
    error: Exception | None = None
