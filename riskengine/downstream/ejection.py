"""Passive outlier ejection: an endpoint that keeps failing is left alone for a while.

Source: https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier
"""

from collections.abc import Callable
from dataclasses import dataclass

from riskengine.clock import Clock
from riskengine.downstream.call import CallResult, Fate
from riskengine.downstream.changes import OnChange, no_change
from riskengine.downstream.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class EjectionRules:
    """Times are seconds, shares 0..1."""

    failures_in_a_row: int = 5
    base_s: float = 30.0
    """An endpoint is ejected for this times the number of its recent ejections."""
    longest_s: float = 300.0
    forgive_after_s: float = 10.0
    """Each such time in service takes one from that number."""
    share_max: float = 0.1
    """At most this share of the endpoints is out at a time, but always one of several may be."""


@dataclass(slots=True)
class _Record:
    """What is remembered of one endpoint."""

    failures: int = 0
    times: int = 0
    until: float = 0.0
    """Monotonic seconds; 0 while it never was ejected."""
    forgiven_at: float = 0.0
    out: bool = False
    """Whether its return has still to be told."""


class Ejection:
    """A watch over the endpoints of one service; ejected ones come back by themselves."""

    def __init__(
        self,
        clock: Clock,
        endpoints: Callable[[], int],
        rules: EjectionRules | None = None,
        *,
        on_change: OnChange = no_change,
    ) -> None:
        """`endpoints` says how many there are now, ejected ones included.

        `on_change` is told of an ejection at once, of a return when a call could go there again.
        """
        self._clock = clock
        self._endpoints = endpoints
        self._rules = rules or EjectionRules()
        self._on_change = on_change
        self._records: dict[Endpoint, _Record] = {}
        self.ejections = 0
        """How often an endpoint was ejected, since the start."""
        self.spared = 0
        """How often one would have been, had not too many been out."""

    def __repr__(self) -> str:
        out = ", ".join(sorted(endpoint.address for endpoint in self.ejected()))
        return f"<Ejection {self.ejections} so far, out now: {out or 'none'}>"

    def available(self, endpoint: Endpoint) -> bool:
        """False while the endpoint is ejected."""
        record = self._records.get(endpoint)
        if record is None:
            return True
        if self._clock.monotonic() < record.until:
            return False
        if record.out:
            record.out = False
            self._on_change(endpoint, True)
        return True

    def ejected(self) -> list[Endpoint]:
        """Those that are out now."""
        now = self._clock.monotonic()
        return [endpoint for endpoint, record in self._records.items() if now < record.until]

    def finished(self, result: CallResult) -> None:
        """Count a call; the fifth failure in a row ejects. Ignored calls leave the row as it is."""
        if result.fate is Fate.IGNORED:
            return
        record = self._records.setdefault(result.endpoint, _Record())
        if result.fate is Fate.SUCCESS:
            record.failures = 0
            return
        if self._clock.monotonic() < record.until:
            return  # a late answer, or panic: it is out already
        record.failures += 1
        if record.failures >= self._rules.failures_in_a_row:
            self._eject(result.endpoint, record)

    def forget(self, endpoint: Endpoint) -> None:
        """The endpoint has left the service."""
        self._records.pop(endpoint, None)

    def _eject(self, endpoint: Endpoint, record: _Record) -> None:
        record.failures = 0
        if len(self.ejected()) >= self._most():
            self.spared += 1
            return
        now = self._clock.monotonic()
        self._forgive(record, now)
        record.times += 1
        out_s = min(self._rules.longest_s, self._rules.base_s * record.times)
        record.until = now + out_s
        record.forgiven_at = record.until
        self.ejections += 1
        if not record.out:
            record.out = True
            self._on_change(endpoint, False)

    def _forgive(self, record: _Record, now: float) -> None:
        """Time in service since it came back makes the next ejection shorter again."""
        spans = int((now - record.forgiven_at) // self._rules.forgive_after_s)
        record.times = max(0, record.times - spans)

    def _most(self) -> int:
        """How many may be out; a lone endpoint never is, because nothing would be left."""
        there = self._endpoints()
        if there < 2:
            return 0
        return max(1, int(there * self._rules.share_max))
