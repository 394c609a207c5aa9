"""How many calls are out, per endpoint."""

from riskengine.downstream.endpoint import Endpoint


class InFlight:
    """Counts of calls begun and not yet ended; balancers read them, the client keeps them."""

    def __init__(self) -> None:
        self._counts: dict[Endpoint, int] = {}

    def started(self, endpoint: Endpoint) -> None:
        """A call to `endpoint` began."""
        self._counts[endpoint] = self._counts.get(endpoint, 0) + 1

    def ended(self, endpoint: Endpoint) -> None:
        """A call to `endpoint` is over, however it went."""
        left = self._counts[endpoint] - 1
        if left:
            self._counts[endpoint] = left
        else:
            del self._counts[endpoint]

    def count(self, endpoint: Endpoint) -> int:
        """Calls to `endpoint` that are out now."""
        return self._counts.get(endpoint, 0)
