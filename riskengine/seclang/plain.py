"""The reference: every rule on its own, one after the other, exactly as they are written.

It is slow, and it is what the fast evaluator is held against.
"""

from collections.abc import Mapping

from riskengine.request import Request
from riskengine.seclang.evaluation import Evaluation
from riskengine.seclang.rules import Marker, RuleSet
from riskengine.seclang.transaction import Transaction
from riskengine.seclang.transforming import Transforming

PHASES = (1, 2)


def evaluate(rules: RuleSet, request: Request, tx: Mapping[str, bytes]) -> Evaluation:
    """All that `rules` find out about `request`; `tx` is what TX holds at the beginning."""
    transforming = Transforming()
    evaluation = Evaluation(Transaction(request), dict(tx), transforming.apply, transforming.steps)
    for phase in PHASES:
        if phase == 2 and not evaluation.over:
            evaluation.transaction.receive_body()
        _run_phase(rules, phase, evaluation)
    return evaluation


def _run_phase(rules: RuleSet, phase: int, evaluation: Evaluation) -> None:
    evaluation.phase_over = False
    behind, skip = "", 0
    for step in rules.steps:
        if isinstance(step, Marker):
            behind = "" if step.name == behind else behind
        elif step.phase == phase and not behind:
            if skip:
                skip -= 1
            elif evaluation.visit(step):
                behind, skip = step.skip_after, step.skip
        if evaluation.over or evaluation.phase_over:
            return
