"""A new endpoint gets its full share little by little, so that its caches can warm."""

from riskengine.clock import Clock
from riskengine.downstream.endpoint import Endpoint


class SlowStart:
    """Weights that grow from `least` of their own to all of it within `window_s`."""

    def __init__(self, clock: Clock, *, window_s: float = 30.0, least: float = 0.1) -> None:
        """`least` is a share, above 0 and at most 1."""
        if window_s <= 0 or not 0 < least <= 1:
            raise ValueError("window_s must be above 0, least above 0 and at most 1")
        self._clock = clock
        self._window_s = window_s
        self._least = least
        self._begun: dict[Endpoint, float] = {}

    def begin(self, endpoint: Endpoint) -> None:
        """It is new, or has come back."""
        self._begun[endpoint] = self._clock.monotonic()

    def weight_of(self, endpoint: Endpoint) -> float:
        """See WeightOf."""
        begun = self._begun.get(endpoint)
        if begun is None:
            return endpoint.weight
        grown = (self._clock.monotonic() - begun) / self._window_s
        if grown >= 1:
            del self._begun[endpoint]
            return endpoint.weight
        return endpoint.weight * max(self._least, grown)

    def forget(self, endpoint: Endpoint) -> None:
        """The endpoint is gone."""
        self._begun.pop(endpoint, None)
