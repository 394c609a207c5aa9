"""Levels of load shedding, with hysteresis: up soon, down late, one at a time."""

from dataclasses import dataclass

from riskengine.clock import Clock


@dataclass(frozen=True, slots=True)
class Load:
    """How things stand at one moment."""

    cpu: float = 0.0
    """Share in use, 0..1."""
    queue_s: float = 0.0
    """The wait that stands, 0 where queues pass (see Bulkhead.queue_time_s)."""
    busy: float = 0.0
    """Share of the places in use, 0..1."""
    returning: float = 0.0
    """By which share load would grow if the present level were left: what it sheds / the rest."""


@dataclass(frozen=True, slots=True)
class SheddingRules:
    """When levels change. Times are seconds."""

    levels: int = 2
    cpu_above: float = 0.9
    queue_above_s: float = 0.05
    calm_share: float = 0.8
    """Load is calm below this share of its thresholds; between calm and high nothing changes."""
    enter_after_s: float = 2.0
    leave_after_s: float = 10.0
    leave_after_max_s: float = 300.0
    """A level that had to be entered again soon after it was left is left twice as late."""


class Shedding:
    """Level 0 sheds nothing, `levels` the most. Tell it the load often; it tells the level."""

    def __init__(self, clock: Clock, rules: SheddingRules | None = None) -> None:
        self._clock = clock
        self._rules = rules or SheddingRules()
        self._level = 0
        self._held: int | None = None
        self._high_since: float | None = None
        self._calm_since: float | None = None
        self._patience_s = self._rules.leave_after_s
        self._left_at = float("-inf")
        self.changes = 0
        """How often the level changed by itself, since the start."""

    def __repr__(self) -> str:
        by_hand = " by hand" if self._held is not None else ""
        return f"<Shedding level {self.level}{by_hand}, {self.changes} changes>"

    @property
    def level(self) -> int:
        """0 to `levels`; the one set by hand, where there is one."""
        return self._level if self._held is None else self._held

    def hold(self, level: int) -> None:
        """Set the level by hand; it stays until `release()`, whatever the load."""
        if not 0 <= level <= self._rules.levels:
            raise ValueError(f"level: must be 0 to {self._rules.levels}, got {level}")
        self._held = level

    def release(self) -> None:
        """Back to the load's own level; it goes on from the one that was set by hand."""
        if self._held is not None:
            self._level, self._held = self._held, None
            self._high_since = self._calm_since = None

    def note(self, load: Load) -> int:
        """Take in the load of this moment; the level that follows."""
        if self._held is not None:
            return self._held
        now = self._clock.monotonic()
        self._high_since = self._since(self._high_since, self._is_high(load), now)
        self._calm_since = self._since(self._calm_since, self._is_calm(load), now)
        if self._lasted(self._high_since, self._rules.enter_after_s, now):
            self._enter(now)
        elif self._lasted(self._calm_since, self._patience_s, now):
            self._leave(now)
        return self._level

    def _is_high(self, load: Load) -> bool:
        return load.cpu > self._rules.cpu_above or load.queue_s > self._rules.queue_above_s

    def _is_calm(self, load: Load) -> bool:
        """Whether it is low now and would stay so with what would come back."""
        rules = self._rules
        if load.queue_s > rules.calm_share * rules.queue_above_s:
            return False
        use = max(load.cpu / rules.cpu_above, load.busy)
        return use * (1.0 + load.returning) < rules.calm_share

    def _since(self, since: float | None, holds: bool, now: float) -> float | None:
        if not holds:
            return None
        return now if since is None else since

    def _lasted(self, since: float | None, needed_s: float, now: float) -> bool:
        return since is not None and now - since >= needed_s

    def _enter(self, now: float) -> None:
        if self._level == self._rules.levels:
            return
        relapsed = now - self._left_at <= self._patience_s
        longer_s = min(self._rules.leave_after_max_s, 2 * self._patience_s)
        self._patience_s = longer_s if relapsed else self._rules.leave_after_s
        self._change(self._level + 1, now)

    def _leave(self, now: float) -> None:
        if self._level > 0:
            self._left_at = now
            self._change(self._level - 1, now)

    def _change(self, level: int, now: float) -> None:
        """The next change, up or down, takes its whole time again."""
        self._level = level
        self.changes += 1
        self._high_since = self._calm_since = None
