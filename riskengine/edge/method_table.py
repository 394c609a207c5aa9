"""The edge's one seam: methods that take bytes and give bytes, whatever server carries them."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from riskengine.errors import (
    DeadlineError,
    InvalidRequestError,
    OverloadedError,
    RiskEngineError,
)

_log = logging.getLogger("riskengine.edge")


class Call(Protocol):
    """What a server knows about one call besides its messages."""

    @property
    def budget_s(self) -> float:
        """Seconds that the next answer may take from now; DeadlineError when none are left."""
        ...

    @property
    def metadata(self) -> Mapping[str, str | bytes]:
        """RPC metadata by lower-case name; the last one of equal names. `-bin` values are bytes."""
        ...

    @property
    def peer(self) -> str:
        """Address of the gateway's connection, without port; empty where it has none."""
        ...


Unary = Callable[[bytes, Call], Awaitable[bytes]]
Stream = Callable[[AsyncIterator[bytes], Call], AsyncIterator[bytes]]


@dataclass(frozen=True, slots=True)
class MethodTable:
    """Methods by their full name, such as `/riskengine.v1.RiskEngine/Evaluate`.

    A method raises RiskEngineError when no decision can be taken; `failure_of` says which status
    that is on the wire.
    """

    unary: Mapping[str, Unary] = field(default_factory=dict)
    streams: Mapping[str, Stream] = field(default_factory=dict)

    def __or__(self, other: "MethodTable") -> "MethodTable":
        return MethodTable({**self.unary, **other.unary}, {**self.streams, **other.streams})


class Status(IntEnum):
    """The gRPC status codes that methods end with, numbered as on the wire."""

    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    RESOURCE_EXHAUSTED = 8
    INTERNAL = 13
    UNAVAILABLE = 14


class CallError(RiskEngineError):
    """A call ends without an answer. Methods may raise it where no other error says it."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def failure_of(error: Exception, method: str) -> CallError:
    """How the failure of a method is told to the gateway; the unexpected is logged, not told."""
    if isinstance(error, CallError):
        return error
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            return CallError(status, str(error))
    _log.error("method failed unexpectedly", exc_info=error, extra={"method": method})
    return CallError(
        Status.INTERNAL, "no decision was taken: internal error, see the service's log"
    )


_STATUSES: tuple[tuple[type[RiskEngineError], Status], ...] = (
    (InvalidRequestError, Status.INVALID_ARGUMENT),
    (DeadlineError, Status.DEADLINE_EXCEEDED),
    (OverloadedError, Status.RESOURCE_EXHAUSTED),
    (RiskEngineError, Status.UNAVAILABLE),
)
