"""grpc.health.v1: whether this worker serves, and whether it runs the newest rules."""

import asyncio
from collections.abc import AsyncIterator

from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2 as pb

from riskengine.edge.method_table import Call, CallError, MethodTable, Status
from riskengine.errors import InvalidRequestError

RULES = "rules"
"""A service of its own: NOT_SERVING while the newest rules do not load and older ones decide."""


LISTS = "lists"
"""A service of its own: NOT_SERVING while a list or database is older than it may be."""


class Health:
    """The state of named services, and the methods that tell it.

    Unlike grpcio's own servicer it ends its watchers when the process drains; they would hold it
    up until its last moment otherwise.
    """

    def __init__(self, *services: str) -> None:
        """Every service, and the empty name for the whole, begins as NOT_SERVING."""
        self._serving = dict.fromkeys(("", *services), False)
        self._changed = asyncio.Event()
        self._closed = False

    def set(self, service: str, serving: bool) -> None:
        """Change one service and tell those who watch."""
        if self._serving.get(service) != serving:
            self._serving[service] = serving
            self._tell()

    def set_all(self, serving: bool) -> None:
        """Change all services at once."""
        self._serving = dict.fromkeys(self._serving, serving)
        self._tell()

    def close(self) -> None:
        """Everything is NOT_SERVING from now on, and watchers are told and sent home."""
        self._closed = True
        self.set_all(False)

    def serving(self, service: str = "") -> bool:
        """Whether a service is on."""
        return self._serving.get(service, False)

    def methods(self) -> MethodTable:
        """Check and Watch."""
        return MethodTable(
            unary={"/grpc.health.v1.Health/Check": self._check},
            streams={"/grpc.health.v1.Health/Watch": self._watch},
        )

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _check(self, message: bytes, call: Call) -> bytes:
        service = _service_of(message)
        if service not in self._serving:
            raise CallError(Status.NOT_FOUND, f"service: unknown, have {sorted(self._serving)}")
        return _answer(self._status(service))

    async def _watch(self, messages: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
        service = _service_of(await anext(messages, b""))
        told = None
        while True:
            changed, status = self._changed, self._status(service)
            if status != told:
                told = status
                yield _answer(status)  # and look again: much may happen before it is sent
            elif self._closed:
                return
            else:
                await changed.wait()

    def _status(self, service: str) -> pb.HealthCheckResponse.ServingStatus.ValueType:
        if service not in self._serving:
            return pb.HealthCheckResponse.SERVICE_UNKNOWN
        if self._serving[service]:
            return pb.HealthCheckResponse.SERVING
        return pb.HealthCheckResponse.NOT_SERVING


def _service_of(message: bytes) -> str:
    try:
        service: str = pb.HealthCheckRequest.FromString(message).service

    except DecodeError:
        raise InvalidRequestError(
            "message", "these bytes are no grpc.health.v1.HealthCheckRequest"
        ) from None
    return service


def _answer(status: pb.HealthCheckResponse.ServingStatus.ValueType) -> bytes:
    answer: bytes = pb.HealthCheckResponse(status=status).SerializeToString()
    return answer
