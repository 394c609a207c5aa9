"""How large a pool may be, and how long its connections live."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Bounds of the pool of one endpoint. Times are seconds."""

    connections_min: int = 0
    """Kept open and warm, whether used or not."""
    connections_max: int = 100
    """Never exceeded; those being opened and closed count."""
    idle_max: int = 20
    """So many may lie unused; more are closed as they come back."""
    calls_per_connection: int = 1
    """Above 1 only for protocols that carry several calls at a time (HTTP/2, gRPC)."""
    idle_s: float = 60.0
    """Unused for so long, a connection above the minimum is closed."""
    age_max_s: float = 300.0
    """A connection of this age takes no new calls, so that load follows the endpoints."""
    age_jitter: float = 0.1
    """Each life is shorter by a random share, at most this, so that they do not end together."""
    waiting_max: int = 1_000
    """So many callers may wait; more are refused at once."""
    connect_s: float = 3.0
    close_s: float = 5.0
    """A close that takes longer is given up."""
    upkeep_s: float = 1.0
    """Between two looks at idle time, age and the minimum."""

    def __post_init__(self) -> None:
        if self.connections_max < 1:
            raise ValueError("connections_max: must be 1 or more")
        if not 0 <= self.connections_min <= self.connections_max:
            raise ValueError("connections_min: must be from 0 to connections_max")
        if self.idle_max < self.connections_min:
            raise ValueError("idle_max: must not be below connections_min")
        if self.calls_per_connection < 1:
            raise ValueError("calls_per_connection: must be 1 or more")
        if not 0 <= self.age_jitter < 1:
            raise ValueError("age_jitter: must be from 0 to below 1")
        if self.waiting_max < 0:
            raise ValueError("waiting_max: must be 0 or more")
        for name in ("idle_s", "age_max_s", "connect_s", "close_s", "upkeep_s"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: must be above 0")
