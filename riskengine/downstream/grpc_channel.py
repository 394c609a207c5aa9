"""gRPC channels, each a TCP connection of its own."""

from collections.abc import Sequence
from typing import Any

import grpc
from grpc import ChannelConnectivity

from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.errors import ConnectError

_UNUSABLE = (ChannelConnectivity.TRANSIENT_FAILURE, ChannelConnectivity.SHUTDOWN)
_OPTIONS: tuple[tuple[str, Any], ...] = (
    # Without it, channels to one address share a connection behind the pool's back.
    ("grpc.use_local_subchannel_pool", 1),
    # Retries are ours: two layers of them would multiply.
    ("grpc.enable_retries", 0),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)


class GrpcConnection:
    """An open channel: `await connection.stub(CartStub).Get(request, timeout=left_s)`."""

    def __init__(self, endpoint: Endpoint, channel: grpc.aio.Channel) -> None:
        self.endpoint = endpoint
        self.channel = channel
        self._stubs: dict[Any, Any] = {}

    def is_usable(self) -> bool:
        """See Connection: connected, or able to connect again at once."""
        return self.channel.get_state() not in _UNUSABLE

    def stub(self, kind: Any) -> Any:  # noqa: ANN401 - generated stubs share no type
        """The generated stub class `kind`, made once for this channel."""
        if kind not in self._stubs:
            self._stubs[kind] = kind(self.channel)
        return self._stubs[kind]

    async def close(self) -> None:
        """See Connection. Calls under way are cancelled."""
        await self.channel.close(None)


class GrpcConnector:
    """Opens channels, over TLS where credentials are given."""

    def __init__(
        self,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        options: Sequence[tuple[str, Any]] = (),
    ) -> None:
        """`options` are gRPC channel arguments; they win over those set here."""
        self._credentials = credentials
        self._options = (*_OPTIONS, *options)

    async def connect(self, endpoint: Endpoint) -> GrpcConnection:
        """See Connector."""
        channel = self._channel(endpoint)
        try:
            await _until_ready(channel, endpoint)
        except BaseException:
            await channel.close(None)
            raise
        return GrpcConnection(endpoint, channel)

    def _channel(self, endpoint: Endpoint) -> grpc.aio.Channel:
        if self._credentials is None:
            return grpc.aio.insecure_channel(endpoint.address, options=self._options)
        return grpc.aio.secure_channel(endpoint.address, self._credentials, options=self._options)


async def _until_ready(channel: grpc.aio.Channel, endpoint: Endpoint) -> None:
    """Wait for the first connection; unlike gRPC's own wait, it ends when that fails."""
    state = channel.get_state(try_to_connect=True)
    while state is not ChannelConnectivity.READY:
        if state in _UNUSABLE:
            raise ConnectError(f"{endpoint.address}: no gRPC server answers")
        await channel.wait_for_state_change(state)
        state = channel.get_state(try_to_connect=True)
