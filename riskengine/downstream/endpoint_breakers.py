"""A breaker for each endpoint, so that one bad endpoint does not cut off its service."""

import random

from riskengine.clock import Clock
from riskengine.downstream.breaker import Breaker, BreakerPermit, BreakerRules
from riskengine.downstream.call import CallResult
from riskengine.downstream.endpoint import Endpoint


class EndpointBreakers:
    """Both a watch (an open endpoint is not picked) and a guard (half-open ones count probes)."""

    def __init__(self, clock: Clock, rng: random.Random, rules: BreakerRules | None = None) -> None:
        self._clock = clock
        self._rng = rng
        self._rules = rules
        self._breakers: dict[Endpoint, Breaker] = {}

    def breaker_of(self, endpoint: Endpoint) -> Breaker:
        """The endpoint's own breaker, made when first asked for."""
        breaker = self._breakers.get(endpoint)
        if breaker is None:
            breaker = Breaker(self._clock, self._rng, self._rules, name=endpoint.address)
            self._breakers[endpoint] = breaker
        return breaker

    def available(self, endpoint: Endpoint) -> bool:
        """Whether the endpoint's breaker would let a call through."""
        breaker = self._breakers.get(endpoint)
        return breaker is None or breaker.admits()

    def enter(self, endpoint: Endpoint) -> BreakerPermit:
        """A permit of the endpoint's breaker, or RejectedError."""
        return self.breaker_of(endpoint).enter(endpoint)

    def finished(self, result: CallResult) -> None:
        """Nothing: the permit has told the breaker."""

    def forget(self, endpoint: Endpoint) -> None:
        """The endpoint has left the service."""
        self._breakers.pop(endpoint, None)
