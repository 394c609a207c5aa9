"""What becomes of an evaluation by some rules: found out aside, remembered, and made to be so."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from riskengine.seclang.evaluation import Fired, Found
from riskengine.seclang.fast_evaluation import FastEvaluation


class Effect(NamedTuple):
    """What became of an evaluation."""

    writes: tuple[tuple[str, bytes | None], ...] = ()
    """TX variables that changed; None for those that are gone."""
    fired: tuple[Fired, ...] = ()
    stopped: Fired | None = None
    matched: Sequence[Found] = ()
    over: bool = False
    phase_over: bool = False
    cost: int = 0

    def be_in(self, evaluation: FastEvaluation) -> None:
        """Have all of it but the cost become of `evaluation`."""
        evaluation.fired += self.fired
        evaluation.stopped = self.stopped
        evaluation.matched = self.matched or evaluation.matched
        evaluation.over, evaluation.phase_over = self.over, self.phase_over
        for name, value in self.writes:
            evaluation.put(name, value)


NOTHING = Effect()


def effect_of(
    run: Callable[[FastEvaluation], object], evaluation: FastEvaluation, tx: dict[str, bytes]
) -> Effect:
    """What `run` makes of such an evaluation with that TX, whatever it may spend.

    `evaluation` itself stays what it is as long as `run` does no `ctl`.
    """
    aside = evaluation.aside(tx)
    run(aside)
    return Effect(
        tuple(_changes(tx, aside)),
        tuple(aside.fired),
        aside.stopped,
        aside.matched,
        aside.over,
        aside.phase_over,
        aside.spent,
    )


def _changes(before: dict[str, bytes], aside: FastEvaluation) -> Iterator[tuple[str, bytes | None]]:
    for name in aside.written:
        value = aside.tx.get(name)
        if value != before.get(name):
            yield name, value
