"""The two small seams between pools and what they pool."""

from typing import Protocol, TypeVar, runtime_checkable

from riskengine.downstream.endpoint import Endpoint


@runtime_checkable
class Connection(Protocol):
    """Something open to an endpoint that calls can be made on."""

    def is_usable(self) -> bool:
        """Whether a call may start on it, without any I/O; asked on borrow and on return."""
        ...

    async def close(self) -> None:
        """Let go of what it holds. May be called twice; never raises."""
        ...


C_co = TypeVar("C_co", bound=Connection, covariant=True)


class Connector(Protocol[C_co]):
    """Opens connections of one kind."""

    async def connect(self, endpoint: Endpoint) -> C_co:
        """An open connection, usable at once; cancelled, leaves none. Raises ConnectError."""
        ...
