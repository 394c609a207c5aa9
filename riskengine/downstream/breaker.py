"""A circuit breaker with the semantics of resilience4j, as a state machine on an injected clock.

Source: https://resilience4j.readme.io/docs/circuitbreaker
"""

import random
from dataclasses import dataclass
from enum import StrEnum

from riskengine.clock import Clock
from riskengine.downstream.breaker_window import Tally, Window
from riskengine.downstream.call import CallResult, Fate
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.errors import RejectedError


class State(StrEnum):
    """What the breaker does with calls."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    FORCED_CLOSED = "forced_closed"
    FORCED_OPEN = "forced_open"


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When a breaker opens and how it comes back. Shares are 0..1, times seconds."""

    window_s: float = 10.0
    calls_min: int = 20
    failures_min: int = 5
    failure_share: float = 0.05
    """It opens above this share of failures, never at it."""
    slow_after_s: float = 0.5
    slow_share: float = 0.5
    """It opens at this share of slow calls and above."""
    open_s: float = 5.0
    open_max_s: float = 60.0
    jitter: float = 0.2
    """So much of the time may be added to it, at random; `open_max_s` holds all the same."""
    probes: int = 5
    probe_wait_s: float = 60.0
    """Half-open for so long without as many answers, it opens again."""
    observe: bool = False
    """Everything is counted and nothing is refused, but for what is forced open by hand."""


class Breaker:
    """Guards one service, or one endpoint of it."""

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        rules: BreakerRules | None = None,
        *,
        name: str = "service",
    ) -> None:
        """`name` stands in the message of a refusal."""
        self._clock = clock
        self._rng = rng
        self._rules = rules or BreakerRules()
        self._name = name
        self._window = Window(self._rules.window_s)
        self._state = State.CLOSED
        self._generation = 0
        self._openings = 0
        self._until = 0.0
        self._probes_out = 0
        self._probe_tally = Tally()
        self.refused = 0
        """Calls that were refused, or in `observe` would have been, since the start."""

    def __repr__(self) -> str:
        tally = self.tally
        return (
            f"<Breaker {self._name} {self.state}: {tally.calls} calls, "
            f"{tally.failures} failures, {tally.slow} slow>"
        )

    @property
    def state(self) -> State:
        """The state at this moment; time alone turns open into half-open."""
        self._pass_time()
        return self._state

    @property
    def tally(self) -> Tally:
        """The calls that the present state is judged by."""
        if self._state is State.HALF_OPEN:
            return self._probe_tally
        return self._window.tally(self._clock.monotonic())

    @property
    def retry_after_s(self) -> float:
        """Seconds until the next calls are let through; 0 when they are."""
        if self._state is State.OPEN:
            return max(0.0, self._until - self._clock.monotonic())
        return 0.0

    def admits(self) -> bool:
        """Whether a call would be let through now."""
        state = self.state
        if state in (State.CLOSED, State.FORCED_CLOSED):
            return True
        if self._rules.observe and state is not State.FORCED_OPEN:
            return True
        return state is State.HALF_OPEN and self._places_left() > 0

    def enter(self, endpoint: Endpoint) -> "BreakerPermit":
        """As `admit`: one breaker for all endpoints, for services that have but one."""
        return self.admit()

    def admit(self) -> "BreakerPermit":
        """A permit for one call; RejectedError while the breaker is open."""
        state = self.state
        if state is State.HALF_OPEN and self._places_left() > 0:
            self._probes_out += 1
            return BreakerPermit(self, self._generation)
        if state in (State.CLOSED, State.FORCED_CLOSED):
            return BreakerPermit(self, self._generation)
        self.refused += 1
        if self._rules.observe and state is not State.FORCED_OPEN:
            return BreakerPermit(self, None)
        wait_s = None if state is State.FORCED_OPEN else self.retry_after_s
        raise RejectedError(f"the breaker of {self._name} is {state}", wait_s)

    def forget(self, endpoint: Endpoint) -> None:
        """A service outlives its endpoints: nothing to forget."""

    def force(self, state: State) -> None:
        """Hold the breaker `State.FORCED_OPEN` or `State.FORCED_CLOSED`, until `release()`."""
        if state not in (State.FORCED_OPEN, State.FORCED_CLOSED):
            raise ValueError(f"force takes forced_open or forced_closed, got {state}")
        self._turn(state)

    def release(self) -> None:
        """End what `force` began: closed, with an empty window."""
        if self._state in (State.FORCED_OPEN, State.FORCED_CLOSED):
            self._close()

    def settle(self, generation: int | None, fate: Fate, latency_s: float) -> None:
        """Take the end of a call. One that began in an earlier state says nothing now."""
        self._pass_time()
        if generation != self._generation:
            return
        if self._state is State.HALF_OPEN:
            self._settle_probe(fate, latency_s)
        elif fate is not Fate.IGNORED and self._state is State.CLOSED:
            failed, slow = self._read(fate, latency_s)
            now = self._clock.monotonic()
            self._window.add(now, failed=failed, slow=slow)
            if self._is_too_bad(self._window.tally(now)):
                self._open()

    def _settle_probe(self, fate: Fate, latency_s: float) -> None:
        self._probes_out -= 1
        if fate is Fate.IGNORED:
            return  # its place is free again
        failed, slow = self._read(fate, latency_s)
        old = self._probe_tally
        self._probe_tally = Tally(old.calls + 1, old.failures + failed, old.slow + slow)
        if self._probe_tally.calls < self._rules.probes:
            return
        if self._exceeds(self._probe_tally):
            self._open()
        else:
            self._close()

    def _read(self, fate: Fate, latency_s: float) -> tuple[bool, bool]:
        """Whether it failed, and whether it was slow."""
        return fate is Fate.FAILURE, latency_s > self._rules.slow_after_s

    def _is_too_bad(self, tally: Tally) -> bool:
        if tally.calls < self._rules.calls_min:
            return False
        if tally.slow_share >= self._rules.slow_share:
            return True
        return (
            tally.failures >= self._rules.failures_min
            and tally.failure_share > self._rules.failure_share
        )

    def _exceeds(self, tally: Tally) -> bool:
        return (
            tally.failure_share > self._rules.failure_share
            or tally.slow_share >= self._rules.slow_share
        )

    def _places_left(self) -> int:
        return self._rules.probes - self._probes_out - self._probe_tally.calls

    def _pass_time(self) -> None:
        now = self._clock.monotonic()
        if self._state is State.OPEN and now >= self._until:
            self._turn(State.HALF_OPEN)
            self._until = now + self._rules.probe_wait_s
        elif self._state is State.HALF_OPEN and now >= self._until:
            self._open()

    def _open(self) -> None:
        """Open for 5, 10, 20 ... seconds, and a little at random, so that not all come at once."""
        rules = self._rules
        longest_s = rules.open_max_s / (1 + rules.jitter)
        wait_s = min(longest_s, rules.open_s * 2.0 ** min(self._openings, 32))
        self._openings += 1
        self._turn(State.OPEN)
        self._until = self._clock.monotonic() + wait_s * (1 + rules.jitter * self._rng.random())

    def _close(self) -> None:
        self._openings = 0
        self._turn(State.CLOSED)

    def _turn(self, state: State) -> None:
        """Begin `state` afresh; calls that are out belong to the old one."""
        self._state = state
        self._generation += 1
        self._window.clear()
        self._probes_out = 0
        self._probe_tally = Tally()


class BreakerPermit:
    """One call that was let through; takes its end exactly once."""

    __slots__ = ("_breaker", "_generation")

    def __init__(self, breaker: Breaker, generation: int | None) -> None:
        self._breaker = breaker
        self._generation = generation

    def finished(self, result: CallResult) -> None:
        """How the attempt went; see Permit."""
        self.end(result.fate, result.latency_s)

    def end(self, fate: Fate, latency_s: float) -> None:
        """How the call went; said twice, the second time is not heard."""
        generation, self._generation = self._generation, None
        if generation is not None:
            self._breaker.settle(generation, fate, latency_s)
