"""What the engine tells those who keep records."""

from collections.abc import Sequence
from typing import Protocol

from riskengine.decision import Decision
from riskengine.inspection import Inspection
from riskengine.outcome import Outcome


class Records(Protocol):
    """Whoever wants to know what was decided: the decision log, the metrics."""

    def record(
        self, inspections: Sequence[Inspection], decisions: Sequence[Decision], latency_s: float
    ) -> None:
        """Take note of one batch. Called after its answers; must return at once."""
        ...

    def record_outcomes(self, outcomes: Sequence[Outcome], at: float) -> None:
        """Take note of what became of allowed requests."""
        ...

    def record_reload(self, succeeded: bool) -> None:
        """Take note of a reload."""
        ...

    def record_failure(self, stage: str) -> None:
        """Take note of a stage that failed where it should not have."""
        ...

    def close(self) -> None:
        """Write out what is still held."""
        ...
