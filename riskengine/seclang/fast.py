"""The fast evaluator: finds out which rules could fire, and runs only those.

It asks of every value which conditions hold, behind which transformations, by one scan for all
patterns; a rule is visited when all its conditions hold for some value. A visit is the reference
evaluator's own, so that what fires, where and for how many points cannot differ.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from riskengine.request import Request
from riskengine.seclang.candidates import Candidates
from riskengine.seclang.chains import HeaderChains
from riskengine.seclang.choices import Choices, is_removed, left_out
from riskengine.seclang.conditions import Analysis, header_chains
from riskengine.seclang.evaluation import BudgetError, Fired
from riskengine.seclang.exemptions import Exemption
from riskengine.seclang.fast_evaluation import FastEvaluation, Knowledge
from riskengine.seclang.held import HeldConditions
from riskengine.seclang.prepared import given_rules, prepare
from riskengine.seclang.selected import Selected
from riskengine.seclang.specialize import Program
from riskengine.seclang.totals import totals_of
from riskengine.seclang.transaction import Transaction
from riskengine.seclang.transforming import Transforming
from riskengine.seclang.watching import Watch

_AT_ONCE = 16
"""Requests of which values of a kind are looked at together: more would push each other out of the
processor's caches before their rules are visited."""


class Outcome(NamedTuple):
    """What became of one request."""

    fired: tuple[Fired, ...] = ()
    stopped: Fired | None = None
    """The rule that ended it with deny."""
    exhausted: bool = False
    """Whether the budget ran out before all was looked at."""
    unread: str = ""
    """Why rules did not see all of the body, see `Transaction.unread`."""


NOTHING = Outcome()
EXHAUSTED = Outcome(exhausted=True)


class _Suspect(NamedTuple):
    transaction: Transaction
    held: int
    candidates: int
    """Rules that could fire; without a body those of phase 2, too."""
    spent: int


class FastRules:
    """A program ready to judge requests. Not for several threads at once."""

    def __init__(self, program: Program, analysis: Analysis, held: HeldConditions) -> None:
        self._rules = program.rules
        self._jumps = program.jumps
        self._second = (1 << program.second_phase) - 1
        self._held = held
        self._quiet = analysis.quiet
        prepared = prepare(program, analysis, held.answers)
        self._knowledge = Knowledge(
            Watch(analysis.watched_names, analysis.watched_beginnings),
            prepared,
            given_rules(program, prepared),
            held,
            Choices(is_removed),
            Choices(left_out),
            Selected(),
            HeaderChains(header_chains(program)),
        )
        self._candidates = Candidates(program, analysis, self._knowledge)
        self._on_change = self._candidates.on_change
        self._totals = totals_of(program, analysis)
        self._snapshots = self._candidates.snapshots

    def evaluate(
        self,
        requests: Sequence[Request],
        budget: int = 1 << 62,
        exemptions: Callable[[int], Sequence[Exemption]] | None = None,
    ) -> list["Outcome"]:
        """What the rules find out about each request.

        `budget` is for each, see `Evaluation.spent`; `exemptions` tells those of a request by its
        place, and is asked only where a rule could fire.
        """
        transforming = Transforming()
        outcomes = []
        for place, suspect in enumerate(self._suspects(requests, budget)):
            if isinstance(suspect, Outcome):
                outcomes.append(suspect)
                continue
            evaluation = FastEvaluation(
                suspect.transaction, {}, transforming.apply, transforming.steps, budget=budget
            )
            evaluation.knowledge = self._knowledge
            evaluation.spent = suspect.spent
            for selects, target in exemptions(place) if exemptions is not None else ():
                if target is None:
                    evaluation.removals.append(selects)
                else:
                    evaluation.exclusions.append((selects, target))
            outcomes.append(self._judged(evaluation, suspect))
        return outcomes

    def _suspects(self, requests: Sequence[Request], budget: int) -> Iterator["_Suspect | Outcome"]:
        """What became of each request, or what speaks for rules that could fire."""
        for start in range(0, len(requests), _AT_ONCE):
            transactions = [Transaction(one) for one in requests[start : start + _AT_ONCE]]
            answers = self._held.before_bodies(transactions, budget)
            yield from [
                EXHAUSTED if answer is None else self._suspect(transaction, *answer)
                for transaction, answer in zip(transactions, answers, strict=True)
            ]

    def _suspect(self, transaction: Transaction, held: int, spent: int) -> "_Suspect | Outcome":
        request = transaction.request
        if not request.body:
            # All is known now: phase 2 sees what phase 1 did.
            held |= self._held.without_body
        candidates = self._candidates.of(held, transaction)
        if not request.body and not candidates & ~self._quiet:
            return NOTHING
        return _Suspect(transaction, held, candidates, spent)

    def _judged(self, evaluation: FastEvaluation, suspect: "_Suspect") -> "Outcome":
        exhausted = False
        try:
            self._run(evaluation, suspect)
        except BudgetError:
            exhausted = True
        unread = evaluation.transaction.unread
        return Outcome(tuple(evaluation.fired), evaluation.stopped, exhausted, unread)

    def _run(self, evaluation: FastEvaluation, suspect: "_Suspect") -> None:
        candidates = suspect.candidates
        if candidates & ~self._quiet or suspect.transaction.request.body:
            self._visit(evaluation, candidates & self._second, self._second)
        if evaluation.over:
            return
        evaluation.phase_over = False
        if suspect.transaction.receive_body():
            candidates = self._with_body(evaluation, suspect)
        if candidates & ~self._quiet or evaluation.changed:
            self._visit(evaluation, candidates & ~self._second, ~self._second)

    def _with_body(self, evaluation: FastEvaluation, suspect: "_Suspect") -> int:
        transaction = suspect.transaction
        more, cost = self._held.of_body(transaction, evaluation.budget - evaluation.spent)
        evaluation.spend(cost)
        return self._candidates.of(suspect.held | more, transaction)

    def _visit(self, evaluation: FastEvaluation, waiting: int, phase: int) -> None:
        """Run the waiting rules in order, and those that wake up because TX changes."""
        if evaluation.changed:
            waiting |= self._on_change & phase
        while waiting:
            lowest = waiting & -waiting
            place = lowest.bit_length() - 1
            changed_before = evaluation.changed
            totals = self._totals.get(place)
            if totals is not None and changed_before and not totals.places & ~waiting:
                waiting ^= totals.places
                totals.run(evaluation)
                if evaluation.over or evaluation.phase_over:
                    return
                continue
            waiting ^= lowest
            if not changed_before:
                evaluation.begin_from(self._snapshots[place])
            fired = evaluation.visit(self._rules[place])
            if evaluation.over or evaluation.phase_over:
                return
            if evaluation.changed and not changed_before:
                waiting |= self._on_change & phase & -(lowest << 1)
            if fired and self._jumps[place] > place + 1:
                waiting &= -(1 << self._jumps[place])
