"""The cost of an endpoint by the latencies it showed: quick to fear, slow to forget."""

import math

from riskengine.clock import Clock
from riskengine.downstream.call import CallResult, Fate
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.inflight import InFlight


class PeakEwma:
    """Latency, decaying to what is seen now but jumping to every peak, times calls under way.

    A cost for LeastLoaded and PowerOfTwo, as in Finagle's balancer of that name: an endpoint that
    stalls loses its traffic with the first late answer. Feed it with `finished`.
    """

    def __init__(self, in_flight: InFlight, clock: Clock, *, decay_s: float = 10.0) -> None:
        self._in_flight = in_flight
        self._clock = clock
        self._decay_s = decay_s
        self._seen: dict[Endpoint, tuple[float, float]] = {}
        """Latency and the moment it was noted."""

    def __call__(self, endpoint: Endpoint) -> float:
        """See Cost. An endpoint nobody has heard from is tried, but not by everyone at once."""
        calls = self._in_flight.count(endpoint)
        latency_s, noted_at = self._seen.get(endpoint, (0.0, 0.0))
        kept = math.exp(-(self._clock.monotonic() - noted_at) / self._decay_s)
        if endpoint not in self._seen:
            return float(calls and math.inf)
        return (latency_s * kept + 1e-9) * (calls + 1)

    def available(self, endpoint: Endpoint) -> bool:
        """True: it weighs endpoints, it never rules one out."""
        return True

    def finished(self, result: CallResult) -> None:
        """Note how long a call took; a failure counts as a peak of its own."""
        if result.fate is Fate.IGNORED:
            return
        now = self._clock.monotonic()
        before_s, noted_at = self._seen.get(result.endpoint, (0.0, now))
        kept = math.exp(-(now - noted_at) / self._decay_s)
        latency_s = result.latency_s
        if result.fate is Fate.FAILURE:
            latency_s = max(latency_s, 2 * before_s)
        if latency_s < before_s:
            latency_s = before_s * kept + latency_s * (1 - kept)
        self._seen[result.endpoint] = latency_s, now

    def forget(self, endpoint: Endpoint) -> None:
        """The endpoint is gone."""
        self._seen.pop(endpoint, None)
