"""The default server: grpc.aio carrying a method table."""

import asyncio
import re
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, NoReturn, TypeAlias

import grpc
import grpc.aio
from grpc_reflection.v1alpha import reflection

from riskengine.edge.method_table import (
    CallError,
    MethodTable,
    Status,
    Stream,
    Unary,
    failure_of,
)
from riskengine.errors import DeadlineError, InvalidRequestError, SettingsError
from riskengine.settings import Settings

_CODES = {code.value[0]: code for code in grpc.StatusCode}
BUDGET_METADATA = "riskengine-budget-ms"
"""Metadata of a stream: how long each of its answers may take."""

_BUDGET = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)
_HANDSHAKE_S = 5
_KEEPALIVE_S = 60
_PING_INTERVAL_S = 10

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"


class GrpcServer:
    """Serves a method table on one port that other processes may share."""

    def __init__(self, table: MethodTable, settings: Settings) -> None:
        self._server = grpc.aio.server(options=_options(settings))
        self._router = _Router(table, settings)
        self._server.add_generic_rpc_handlers((self._router,))
        services = {name.split("/")[1] for name in (*table.unary, *table.streams)}
        reflection.enable_server_reflection(
            [*sorted(services), reflection.SERVICE_NAME], self._server
        )
        self._listen = settings.listen

    async def start(self) -> int:
        """Listen and serve; the port. SettingsError when the address cannot be had."""
        try:
            port = self._server.add_insecure_port(self._listen)
        except RuntimeError:
            port = 0
        if not port:
            raise SettingsError(f"--listen {self._listen}: the address is not free on this host")
        await self._server.start()
        return port

    async def drain(self, grace_s: float) -> None:
        """Take no more calls, let those in flight finish, cut what is left after `grace_s`."""
        self._router.drain()
        await self._server.stop(grace_s)


class _Router(grpc.GenericRpcHandler):  # type: ignore[type-arg] # generic in the stubs alone
    """Hands calls to methods, with messages as the bytes they are."""

    def __init__(self, table: MethodTable, settings: Settings) -> None:
        self._default_s = settings.default_budget_ms / 1_000
        self._max_s = settings.max_budget_ms / 1_000
        self._draining = False
        self._idle_streams: set[asyncio.Task[Any]] = set()
        unary = {
            name: grpc.unary_unary_rpc_method_handler(partial(self._unary, name, method))
            for name, method in table.unary.items()
        }
        streams = {
            name: grpc.stream_stream_rpc_method_handler(partial(self._stream, name, method))
            for name, method in table.streams.items()
        }
        self._handlers = {**unary, **streams}

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        """The method's handler; None makes it UNIMPLEMENTED."""
        return self._handlers.get(handler_call_details.method)

    def drain(self) -> None:
        """End the streams that wait for a message now, and the others after their next answer."""
        self._draining = True
        for task in self._idle_streams:
            task.cancel()

    async def _unary(self, name: str, method: Unary, message: bytes, context: Context) -> bytes:
        try:
            return await method(message, _GrpcCall(context, self._default_s, self._max_s))
        except Exception as error:  # noqa: BLE001 - the edge: nothing gets past it as a stack trace
            return await _abort(context, failure_of(error, name))

    async def _stream(
        self, name: str, method: Stream, messages: AsyncIterator[bytes], context: Context
    ) -> None:
        try:
            call = _GrpcCall(context, _message_budget_s(context) or self._default_s, self._max_s)
            async for answer in method(self._until_drained(messages), call):
                await context.write(answer)
        except Exception as error:  # noqa: BLE001 - the edge: nothing gets past it as a stack trace
            await _abort(context, failure_of(error, name))

    async def _until_drained(self, messages: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker: grpc runs streams in tasks
        while not self._draining:
            self._idle_streams.add(task)
            try:
                message = await anext(messages, None)
            except asyncio.CancelledError:
                if not self._draining:
                    raise
                task.uncancel()
                break
            finally:
                self._idle_streams.discard(task)
            if message is None:
                return
            yield message
        raise CallError(Status.UNAVAILABLE, "this worker shuts down: open the stream again")


def _message_budget_s(context: Context) -> float | None:
    """How long each answer of a stream may take; None where the gateway does not say."""
    text = dict(context.invocation_metadata() or ()).get(BUDGET_METADATA)
    if text is None:
        return None
    if not (isinstance(text, str) and _BUDGET.fullmatch(text)):
        raise InvalidRequestError(
            BUDGET_METADATA, f"must be whole milliseconds from 1 to 999999, got {text[:32]!r}"
        )
    return int(text) / 1_000


async def _abort(context: Context, error: CallError) -> NoReturn:
    await context.abort(_CODES[error.status], error.message)


class _GrpcCall:
    """One call; what few methods want to know is asked for only then."""

    __slots__ = ("_context", "_default_s", "_max_s")

    def __init__(self, context: Context, default_s: float, max_s: float) -> None:
        self._context = context
        self._default_s = default_s
        self._max_s = max_s

    @property
    def budget_s(self) -> float:
        remaining_s: float | None = self._context.time_remaining()
        if remaining_s is None:
            return min(self._default_s, self._max_s)
        if remaining_s <= 0:
            raise DeadlineError("the deadline passed before work began")
        return min(remaining_s, self._max_s)

    @property
    def metadata(self) -> dict[str, str | bytes]:
        return dict(self._context.invocation_metadata() or ())

    @property
    def peer(self) -> str:
        kind, _, address = self._context.peer().partition(":")
        if kind not in ("ipv4", "ipv6"):
            return ""
        host = address.rpartition(":")[0]
        return host.replace("%5B", "").replace("%5D", "").strip("[]")


def _options(settings: Settings) -> list[tuple[str, int]]:
    """Caps on whatever a peer can make us hold; names from grpc/impl/channel_arg_names.h.

    The library adds its own 10 % of jitter to the age of connections.
    """
    return [
        ("grpc.so_reuseport", 1),
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_metadata_size", settings.max_metadata_bytes),
        ("grpc.absolute_max_metadata_size", settings.max_metadata_bytes),
        ("grpc.max_concurrent_streams", settings.max_concurrent_streams),
        ("grpc.max_connection_age_ms", round(settings.max_connection_age_s * 1_000)),
        ("grpc.max_connection_idle_ms", round(settings.max_connection_idle_s * 1_000)),
        ("grpc.server_handshake_timeout_ms", _HANDSHAKE_S * 1_000),
        ("grpc.keepalive_time_ms", _KEEPALIVE_S * 1_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", _PING_INTERVAL_S * 1_000),
    ]
