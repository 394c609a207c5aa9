"""Which endpoint an attempt goes to, with the leave of everything that protects it."""

import random
from collections.abc import Sequence

from riskengine.clock import Clock
from riskengine.downstream.balancer import Balancer
from riskengine.downstream.call import Call, CallResult, Fate, Judgement, Progress
from riskengine.downstream.client_parts import ClientParts
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.errors import NoEndpointError, RejectedError
from riskengine.downstream.guards import Permit
from riskengine.downstream.inflight import InFlight
from riskengine.downstream.least_loaded import PowerOfTwo, calls_per_weight
from riskengine.downstream.priorities import Priorities
from riskengine.downstream.slow_start import SlowStart


class Choosing:
    """Balancers, watches and guards over the endpoints of one service."""

    def __init__(self, parts: ClientParts, *, clock: Clock, rng: random.Random) -> None:
        self._make = parts.balancer
        self._watches = tuple(parts.watches)
        self._guards = tuple(parts.guards)
        self._clock = clock
        self._rng = rng
        self.in_flight = InFlight()
        self.slow_start = SlowStart(clock, window_s=parts.slow_start_s)
        self._priorities = Priorities(
            self._balancer, rng, panic_below=parts.panic_below, zone=parts.zone
        )
        self._endpoints: frozenset[Endpoint] = frozenset()
        self._away: set[Endpoint] = set()  # those not available when last looked at

    def update(self, endpoints: Sequence[Endpoint]) -> None:
        """Choose among these from now on; those that come to others start slowly."""
        new, old = frozenset(endpoints), self._endpoints
        if old:
            for endpoint in new - old:
                self.slow_start.begin(endpoint)
        self._endpoints = new
        self._priorities.update(endpoints)
        for endpoint in old - new:
            self._forget(endpoint)

    def available(self, endpoint: Endpoint) -> bool:
        """Whether everything that watches it would send calls there."""
        # A loop: `all` over a generator takes twice as long, and each pick asks for each endpoint.
        for watch in self._watches:  # noqa: SIM110
            if not watch.available(endpoint):
                return False
        return True

    def enter(self, call: Call) -> tuple[Endpoint, list[Permit]]:
        """An endpoint that is willing, and the leave of every guard.

        An endpoint whose guard refuses is passed over; only when all do is the call refused
        (RejectedError). NoEndpointError where there is none.
        """
        refused: frozenset[Endpoint] = frozenset()
        last: RejectedError | None = None
        while len(refused) < len(self._endpoints):
            endpoint = self._pick(call, refused)
            if endpoint is None or endpoint in refused:
                break
            try:
                return endpoint, self._permits(endpoint)
            except RejectedError as error:
                refused, last = refused | {endpoint}, error
        raise last or NoEndpointError("the service has no endpoint that may be called")

    def leave(
        self, endpoint: Endpoint, permits: list[Permit], started: float, judged: Judgement
    ) -> CallResult:
        """Tell everyone what became of an attempt that `enter` let through."""
        self.in_flight.ended(endpoint)
        result = CallResult(
            endpoint,
            judged.fate,
            judged.progress,
            self._clock.monotonic() - started,
            judged.retryable,
            judged.retry_after_s,
        )
        for permit in permits:
            permit.finished(result)
        if endpoint in self._endpoints:
            for watch in self._watches:
                watch.finished(result)
        return result

    def _pick(self, call: Call, refused: frozenset[Endpoint]) -> Endpoint | None:
        return self._priorities.pick(call.key, self._may_go_to, call.tried | refused)

    def _may_go_to(self, endpoint: Endpoint) -> bool:
        """Whether it is available; one that has come back starts slowly."""
        if not self.available(endpoint):
            self._away.add(endpoint)
            return False
        if endpoint in self._away:
            self._away.discard(endpoint)
            self.slow_start.begin(endpoint)
        return True

    def _permits(self, endpoint: Endpoint) -> list[Permit]:
        if not self._guards:
            return []
        permits: list[Permit] = []
        try:
            for guard in self._guards:
                permits.append(guard.enter(endpoint))  # noqa: PERF401 - those given must be kept
        except RejectedError:
            unused = CallResult(endpoint, Fate.IGNORED, Progress.NOT_SENT, 0.0)
            for permit in permits:
                permit.finished(unused)
            raise
        return permits

    def _forget(self, endpoint: Endpoint) -> None:
        self._away.discard(endpoint)
        self.slow_start.forget(endpoint)
        for watch in self._watches:
            watch.forget(endpoint)
        for guard in self._guards:
            guard.forget(endpoint)

    def _balancer(self) -> Balancer:
        if self._make is not None:
            return self._make(self.in_flight, self.slow_start)
        cost = calls_per_weight(self.in_flight, self.slow_start.weight_of)
        return PowerOfTwo(cost, self._rng)
