"""What can watch endpoints, and what can refuse a call: the seams of everything that protects."""

from typing import Protocol

from riskengine.downstream.call import CallResult
from riskengine.downstream.endpoint import Endpoint


class Watch(Protocol):
    """Learns from every attempt, and rules endpoints out."""

    def available(self, endpoint: Endpoint) -> bool:
        """Whether calls may go there; cheap, asked on every pick."""
        ...

    def finished(self, result: CallResult) -> None:
        """An attempt is over; told once for each, cancelled ones too."""
        ...

    def forget(self, endpoint: Endpoint) -> None:
        """The endpoint is gone."""
        ...


class Permit(Protocol):
    """Leave to make one attempt."""

    def finished(self, result: CallResult) -> None:
        """The attempt is over; told exactly once."""
        ...


class Guard(Protocol):
    """Gives leave, attempt by attempt."""

    def enter(self, endpoint: Endpoint) -> Permit:
        """Leave for one attempt on `endpoint`. Raises RejectedError."""
        ...

    def forget(self, endpoint: Endpoint) -> None:
        """The endpoint is gone."""
        ...
