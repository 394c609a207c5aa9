"""The ordered stages. Knows no gRPC, no Redis and no files."""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from riskengine.inspection import Batch

_log = logging.getLogger("riskengine.funnel")


class Stage(Protocol):
    """One step of the funnel: looks at a batch and leaves hits on its inspections."""

    @property
    def name(self) -> str:
        """The stage's name in decisions, tables and metrics."""
        ...

    @property
    def dispensable(self) -> bool:
        """Whether a decision may be taken without this stage, named in `degraded`."""
        ...

    async def inspect(self, batch: Batch) -> None:
        """Add hits to the inspections in `batch.open`; never change a verdict directly."""
        ...


class Funnel:
    """Runs a batch through the stages, cheapest first."""

    def __init__(
        self, stages: Sequence[Stage], *, on_failure: Callable[[str], None] = lambda _: None
    ) -> None:
        """`on_failure` is told the name of a stage that failed where it should not have."""
        self.stages = tuple(stages)
        self._on_failure = on_failure

    async def run(self, batch: Batch) -> None:
        """Decide every inspection of the batch.

        A failing stage that is not dispensable fails the batch: no decision is better than one
        taken without the address lists.
        """
        for stage in self.stages:
            if stage.dispensable:
                await self._attempt(stage, batch)
            else:
                await stage.inspect(batch)
            batch.settle()

    async def _attempt(self, stage: Stage, batch: Batch) -> None:
        """The one place that fails open: visible in the log, the metrics and each decision."""
        try:
            await stage.inspect(batch)
        except Exception:  # noqa: BLE001 - decide without the stage, visibly
            _log.exception("stage failed, deciding without it", extra={"stage": stage.name})
            self._on_failure(stage.name)
            for inspection in batch.open:
                inspection.degrade(stage.name)
