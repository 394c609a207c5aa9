"""How long endpoints were up and down, against what was planned: MTBF, MTTR, availability."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from riskengine.clock import Clock
from riskengine.downstream.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class Sla:
    """What was planned."""

    availability: float = 0.999
    """Share of the time, 0..1."""
    period_s: float = 30 * 86_400.0

    @property
    def down_allowed_s(self) -> float:
        """Seconds of a period that it may be down: the error budget."""
        return (1.0 - self.availability) * self.period_s


@dataclass(frozen=True, slots=True)
class Uptime:
    """One endpoint, or a service, since it has been watched."""

    up_s: float
    down_s: float
    failures: int
    """How often it went down."""
    repairs: int
    """How often it came back."""

    @property
    def mtbf_s(self) -> float | None:
        """Mean time between failures: time up per failure; None without any."""
        return self.up_s / self.failures if self.failures else None

    @property
    def mttr_s(self) -> float | None:
        """Mean time to repair: time down per failure, an unfinished one included; None without."""
        return self.down_s / self.failures if self.failures else None

    @property
    def availability(self) -> float:
        """Share of the time that it was up, 0..1; 1 before any time has passed."""
        total_s = self.up_s + self.down_s
        return self.up_s / total_s if total_s else 1.0

    def meets(self, sla: Sla) -> bool:
        """Whether it was up for as large a share as planned."""
        return self.availability >= sla.availability

    def budget_left(self, sla: Sla) -> float:
        """Share of the period's error budget that is left; below 0 when it is overdrawn."""
        allowed_s = sla.down_allowed_s
        if allowed_s == 0:
            return 0.0 if self.down_s == 0 else -math.inf
        return 1.0 - self.down_s / allowed_s


class _Meter:
    """A stopwatch for up and down."""

    __slots__ = ("_clock", "_down_s", "_failures", "_repairs", "_since", "_up_s", "up")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since = clock.monotonic()
        self._up_s = self._down_s = 0.0
        self._failures = self._repairs = 0
        self.up = True

    def note(self, up: bool) -> None:
        if up == self.up:
            return
        self._pass_time()
        self.up = up
        self._repairs += up
        self._failures += not up

    def read(self) -> Uptime:
        self._pass_time()
        return Uptime(self._up_s, self._down_s, self._failures, self._repairs)

    def _pass_time(self) -> None:
        now = self._clock.monotonic()
        if self.up:
            self._up_s += now - self._since
        else:
            self._down_s += now - self._since
        self._since = now


class Availability:
    """The uptime of each endpoint and of the service, which is down when all of them are."""

    def __init__(self, clock: Clock, endpoints: Sequence[Endpoint] = ()) -> None:
        self._clock = clock
        self._meters: dict[Endpoint, _Meter] = {}
        self._causes: dict[Endpoint, set[str]] = {}
        self._service = _Meter(clock)
        self.update(endpoints)

    def update(self, endpoints: Sequence[Endpoint]) -> None:
        """Watch these from now on; those that left are forgotten."""
        for endpoint in self._meters.keys() - set(endpoints):
            del self._meters[endpoint], self._causes[endpoint]
        for endpoint in endpoints:
            if endpoint not in self._meters:
                self._meters[endpoint] = _Meter(self._clock)
                self._causes[endpoint] = set()
        self._note_service()

    def listener(self, cause: str) -> Callable[[Endpoint, bool], None]:
        """What to pass as `on_change`; an endpoint is down while any `cause` says so."""

        def on_change(endpoint: Endpoint, up: bool) -> None:
            causes = self._causes.get(endpoint)
            if causes is None:
                return
            (causes.discard if up else causes.add)(cause)
            self._meters[endpoint].note(not causes)
            self._note_service()

        return on_change

    def of(self, endpoint: Endpoint) -> Uptime:
        """The endpoint so far; KeyError where it is not watched."""
        return self._meters[endpoint].read()

    def service(self) -> Uptime:
        """The service so far."""
        return self._service.read()

    def _note_service(self) -> None:
        self._service.note(not self._meters or any(meter.up for meter in self._meters.values()))


def expected_availability(shares: Sequence[float], *, needed: int = 1) -> float:
    """How available a service will be that needs `needed` of its endpoints, to plan their number.

    `shares` are their availabilities, 0..1, and they fail independently of each other.
    """
    chances = [1.0]  # of exactly 0, 1, 2 ... endpoints being up
    for share in shares:
        up = [0.0, *(chance * share for chance in chances)]
        down = [*(chance * (1.0 - share) for chance in chances), 0.0]
        chances = [a + b for a, b in zip(up, down, strict=True)]
    return min(1.0, math.fsum(chances[needed:]))
