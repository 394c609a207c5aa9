"""A limit of concurrency for each endpoint, for clients that would rather be refused than wait."""

from collections.abc import Callable

from riskengine.downstream.call import CallResult
from riskengine.downstream.concurrency import ConcurrencyLimit
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.errors import RejectedError


class ConcurrencyGuard:
    """Refuses a call when as many as allowed are out to its endpoint. A watch and a guard."""

    def __init__(self, make_limit: Callable[[], ConcurrencyLimit]) -> None:
        """`make_limit` makes the limit of an endpoint that is new."""
        self._make_limit = make_limit
        self._lanes: dict[Endpoint, _Lane] = {}

    def available(self, endpoint: Endpoint) -> bool:
        """Whether a call to `endpoint` would be let through."""
        lane = self._lanes.get(endpoint)
        return lane is None or lane.in_flight < lane.limit.limit

    def in_flight(self, endpoint: Endpoint) -> int:
        """Calls to `endpoint` that hold a permit now."""
        lane = self._lanes.get(endpoint)
        return 0 if lane is None else lane.in_flight

    def enter(self, endpoint: Endpoint) -> "ConcurrencyPermit":
        """A permit for one call; RejectedError when too many are out."""
        lane = self._lanes.get(endpoint)
        if lane is None:
            lane = self._lanes[endpoint] = _Lane(self._make_limit())
        if lane.in_flight >= lane.limit.limit:
            raise RejectedError(f"{lane.in_flight} calls to {endpoint.address} are out, the limit")
        lane.in_flight += 1
        return ConcurrencyPermit(lane)

    def finished(self, result: CallResult) -> None:
        """Nothing: the permit has told the limit."""

    def forget(self, endpoint: Endpoint) -> None:
        """The endpoint has left; calls that are out end on their own lane."""
        self._lanes.pop(endpoint, None)


class _Lane:
    """The calls to one endpoint."""

    __slots__ = ("in_flight", "limit")

    def __init__(self, limit: ConcurrencyLimit) -> None:
        self.limit = limit
        self.in_flight = 0


class ConcurrencyPermit:
    """One call that was let through; takes its end exactly once."""

    __slots__ = ("_lane",)

    def __init__(self, lane: _Lane) -> None:
        self._lane: _Lane | None = lane

    def finished(self, result: CallResult) -> None:
        """How the call went; said twice, the second time is not heard."""
        lane, self._lane = self._lane, None
        if lane is not None:
            lane.limit.learn(result.fate, result.latency_s, in_flight=lane.in_flight)
            lane.in_flight -= 1
