"""Under load, what matters less answers from its fallback, so that what is vital lives."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from riskengine.clock import Clock
from riskengine.downstream.errors import DownstreamError, RejectedError
from riskengine.downstream.features import Feature, Priority

_FAILURES: tuple[type[Exception], ...] = (DownstreamError, OSError, TimeoutError)

_FADE = 0.9


@dataclass(frozen=True, slots=True)
class Answer:
    """What a feature answered, and why not its service."""

    value: object
    degraded: str = ""
    """Empty: the service answered. Else `shed` or `failed`: the fallback did."""


class Degradation:
    """Level 1 sheds optional features, level 2 important ones too; vital ones never.

    When the level falls, the features of a priority come back one at a time, in the order they
    were declared in, so that the load comes back in steps.
    """

    def __init__(
        self,
        clock: Clock,
        features: Sequence[Feature],
        *,
        restore_every_s: float = 2.0,
        failures: tuple[type[Exception], ...] = _FAILURES,
    ) -> None:
        """A call that raises one of `failures` is answered by the feature's fallback."""
        self._clock = clock
        self._features = {feature.name: feature for feature in features}
        if len(self._features) < len(features):
            raise ValueError("features: each name must be there once")
        self._restore_every_s = restore_every_s
        self._failures = failures
        self._level = 0
        self._returning: list[str] = []
        self._next_return = 0.0
        self._served = 0.0
        self._held_back = dict.fromkeys(Priority, 0.0)

    @property
    def shed(self) -> list[str]:
        """Names of the features that answer from their fallback now, as they were declared."""
        self._restore()
        return [name for name, feature in self._features.items() if self._is_shed(feature)]

    def set_level(self, level: int) -> None:
        """Shed what `level` sheds; what it no longer sheds begins to come back."""
        self._restore()
        if level < self._level:
            self._start_return(level)
        self._returning = [n for n in self._returning if _sheds_from(self._features[n]) > level]
        self._level = level

    def _start_return(self, level: int) -> None:
        """Line up what `level` does not shed, the important first."""
        if not self._returning:
            self._next_return = self._clock.monotonic() + self._restore_every_s
        waiting = [
            feature
            for feature in self._features.values()
            if level < _sheds_from(feature) <= self._level or feature.name in self._returning
        ]
        waiting.sort(key=lambda feature: feature.priority)
        self._returning = [feature.name for feature in waiting]

    async def run(self, name: str, key: object, call: Callable[[], Awaitable[object]]) -> Answer:
        """The answer of `call()`, or of the feature's fallback for `key`.

        RejectedError where a feature is shed that has no fallback; the call's own error where it
        failed and there is none.
        """
        feature = self._features[name]
        self._restore()
        shed = self._is_shed(feature)
        if shed:
            self._held_back[feature.priority] += 1
            if feature.fallback is None:
                raise RejectedError(f"{name} is shed", self._restore_every_s)
            return Answer(await feature.fallback(key), "shed")
        self._served += 1
        try:
            return Answer(await call())
        except self._failures:
            if feature.fallback is None:
                raise
            return Answer(await feature.fallback(key), "failed")

    def returning_share(self) -> float:
        """By which share load would grow if the present level were left.

        What it holds back over what goes out, in the latest calls: asked for the tenth time, a
        call counts a third of what it did.
        """
        leaving = [p for p in Priority if p is not Priority.VITAL and 3 - p == self._level]
        share = sum(self._held_back[p] for p in leaving) / max(1.0, self._served)
        self._served *= _FADE
        for priority in Priority:
            self._held_back[priority] *= _FADE
        return share

    def _is_shed(self, feature: Feature) -> bool:
        return 0 < _sheds_from(feature) <= self._level or feature.name in self._returning

    def _restore(self) -> None:
        """Let those back in whose time has come."""
        now = self._clock.monotonic()
        while self._returning and now >= self._next_return:
            self._returning.pop(0)
            self._next_return += self._restore_every_s


def _sheds_from(feature: Feature) -> int:
    """The level that sheds the feature: 1 for optional, 2 for important, 0 (none) for vital."""
    return 0 if feature.priority is Priority.VITAL else 3 - feature.priority
