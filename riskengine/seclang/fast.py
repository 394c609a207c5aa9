"""The fast evaluator: finds out which rules could fire, and runs only those.

It asks of every value which conditions hold, behind which transformations, by one scan for all
patterns; a rule is visited when all its conditions hold for some value. A visit is the reference
evaluator's own, so that what fires, where and for how many points cannot differ.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from riskengine.headers import Headers, headers_of
from riskengine.request import Request
from riskengine.seclang.candidates import Candidates
from riskengine.seclang.choices import Choices, is_removed, left_out
from riskengine.seclang.conditions import Analysis
from riskengine.seclang.decided import decided_rules
from riskengine.seclang.evaluation import BudgetError, Fired
from riskengine.seclang.exemptions import Exemption
from riskengine.seclang.fast_evaluation import FastEvaluation
from riskengine.seclang.harmless import Harmless
from riskengine.seclang.held import HeldConditions
from riskengine.seclang.knowledge import Knowledge
from riskengine.seclang.prepared import given_rules, prepare
from riskengine.seclang.selected import Selected
from riskengine.seclang.specialize import Program
from riskengine.seclang.totals import totals_of
from riskengine.seclang.transaction import Transaction
from riskengine.seclang.transforming import Transforming
from riskengine.seclang.visits import Suspect, Visits
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


class FastRules:
    """A program ready to judge requests. Not for several threads at once."""

    def __init__(self, program: Program, analysis: Analysis, held: HeldConditions) -> None:
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
        )
        decided = decided_rules(program, analysis)
        self._candidates = Candidates(program, analysis, self._knowledge, decided)
        by_values = held.is_by_parts and self._candidates.is_by_conditions
        self._harmless = Harmless(held) if by_values else None
        self._visits = Visits(program, self._candidates, totals_of(program, analysis), decided)

    def evaluate(
        self,
        requests: Sequence[Request],
        budget: int = 1 << 62,
        exemptions: Callable[[int], Sequence[Exemption]] | None = None,
        headers: Sequence[Headers] | None = None,
    ) -> list["Outcome"]:
        """What the rules find out about each request.

        `budget` is for each, see `Evaluation.spent`; `exemptions` tells those of a request by its
        place, and is asked only where a rule could fire; `headers` are those of the requests,
        where the caller has them at hand.
        """
        outcomes = [NOTHING] * len(requests)
        suspects: dict[int, Suspect] = {}
        asked = self._asked(requests, budget, headers)
        answers = self._suspects([requests[place] for place in asked], budget)
        for place, suspect in zip(asked, answers, strict=True):
            if isinstance(suspect, Outcome):
                outcomes[place] = suspect
                continue
            suspects[place] = suspect
            if exemptions is not None:
                _exempt(suspect.evaluation, exemptions(place))
        self._run(list(suspects.values()))
        for place, suspect in suspects.items():
            outcomes[place] = _outcome(suspect)
        return outcomes

    def _asked(
        self, requests: Sequence[Request], budget: int, headers: Sequence[Headers] | None
    ) -> Sequence[int]:
        """The places of requests that are to be looked at."""
        if self._harmless is None:
            return range(len(requests))
        tells = self._harmless.tells
        if headers is None:
            headers = [headers_of(request.headers) for request in requests]
        return [
            place
            for place, (request, own) in enumerate(zip(requests, headers, strict=True))
            if request.body or not tells(request, own, budget)
        ]

    def _suspects(self, requests: Sequence[Request], budget: int) -> Iterator[Suspect | Outcome]:
        """What became of each request, or what speaks for rules that could fire."""
        transforming = Transforming()
        for start in range(0, len(requests), _AT_ONCE):
            transactions = [Transaction(one) for one in requests[start : start + _AT_ONCE]]
            answers = self._held.before_bodies(transactions, budget)
            for transaction, answer in zip(transactions, answers, strict=True):
                if answer is None:
                    yield EXHAUSTED
                    continue
                evaluation = FastEvaluation(
                    transaction, {}, transforming.apply, transforming.steps, budget=budget
                )
                yield self._suspect(evaluation, *answer)

    def _suspect(self, evaluation: FastEvaluation, held: int, spent: int) -> Suspect | Outcome:
        transaction = evaluation.transaction
        request = transaction.request
        if not request.body:
            # All is known now: phase 2 sees what phase 1 did.
            held |= self._held.without_body
        candidates = self._candidates.of(held, transaction)
        if not request.body and not candidates & ~self._quiet:
            if self._harmless is not None:
                self._harmless.note(held)
            return NOTHING
        evaluation.knowledge = self._knowledge
        evaluation.spent = spent
        return Suspect(evaluation, held, candidates)

    def _run(self, suspects: Sequence[Suspect]) -> None:
        self._visits.run(suspects, self._second)
        going_on = [one for one in suspects if not (one.exhausted or one.evaluation.over)]
        for suspect in going_on:
            suspect.evaluation.phase_over = False
            if suspect.evaluation.transaction.receive_body():
                self._with_body(suspect)
        self._visits.run([one for one in going_on if self._goes_on(one)], ~self._second)

    def _with_body(self, suspect: Suspect) -> None:
        evaluation = suspect.evaluation
        transaction = evaluation.transaction
        try:
            more, cost = self._held.of_body(transaction, evaluation.budget - evaluation.spent)
            evaluation.spend(cost)
        except BudgetError:
            suspect.exhausted = True
            return
        suspect.held |= more
        suspect.candidates = self._candidates.of(suspect.held, transaction, suspect.candidates)

    def _goes_on(self, suspect: Suspect) -> bool:
        """Whether phase 2 could make a difference."""
        if suspect.exhausted:
            return False
        return bool(suspect.candidates & ~self._quiet) or suspect.evaluation.changed


def _exempt(evaluation: FastEvaluation, exemptions: Sequence[Exemption]) -> None:
    for selects, target in exemptions:
        if target is None:
            evaluation.removals.append(selects)
        else:
            evaluation.exclusions.append((selects, target))


def _outcome(suspect: Suspect) -> Outcome:
    evaluation = suspect.evaluation
    unread = evaluation.transaction.unread
    return Outcome(tuple(evaluation.fired), evaluation.stopped, suspect.exhausted, unread)
