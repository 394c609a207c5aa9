"""What became of an allowed request, as its gateway reports it afterwards."""

import msgspec


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """Status, size and duration of the answer that the client got in the end."""

    decision_id: str
    status: int
    """HTTP status, 100 to 599."""
    bytes: int = 0
    """Size of the response body."""
    latency_s: float | None = None
    """How long the service took; None where nobody measured."""
