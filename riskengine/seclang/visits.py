"""Runs the rules that could fire: in their order, each for all requests of a batch at once.

Requests do not know of each other, so that their order is free. One rule after the other is faster
than one request after the other: much of what a visit costs is to have in the processor's caches
what the rule needs.
"""

from collections.abc import Mapping, Sequence

from riskengine.seclang.candidates import Candidates
from riskengine.seclang.decided import Decided
from riskengine.seclang.evaluation import BudgetError
from riskengine.seclang.fast_evaluation import FastEvaluation
from riskengine.seclang.specialize import Program
from riskengine.seclang.totals import Totals


class Suspect:
    """A request in which a rule could fire, and what becomes of it."""

    __slots__ = ("candidates", "evaluation", "exhausted", "held", "waiting")

    def __init__(self, evaluation: FastEvaluation, held: int, candidates: int) -> None:
        self.evaluation = evaluation
        self.held = held
        """Conditions that hold, as bits."""
        self.candidates = candidates
        """Rules that could fire; without a body those of phase 2, too."""
        self.waiting = 0
        """Rules that are still to be visited in this phase."""
        self.exhausted = False
        """Whether the budget ran out."""


class Visits:
    """Visits rules of one program."""

    def __init__(
        self,
        program: Program,
        candidates: Candidates,
        totals: Mapping[int, Totals],
        decided: Mapping[int, Decided],
    ) -> None:
        """`totals` and `decided` by the places of their (first) rules."""
        self._rules = program.rules
        self._jumps = program.jumps
        self._totals = totals
        self._decided = decided
        self._on_change = candidates.on_change
        self._snapshots = candidates.snapshots

    def run(self, suspects: Sequence[Suspect], phase: int) -> None:
        """Visit the candidates among the rules of `phase`, and those that wake up on changes."""
        agenda: list[list[Suspect]] = [[] for _ in self._rules]
        for suspect in suspects:
            suspect.waiting = suspect.candidates & phase
            if suspect.evaluation.changed:
                suspect.waiting |= self._on_change & phase
            _enter(agenda, suspect)
        for place, waiting in enumerate(agenda):
            for suspect in waiting:
                try:
                    self._visit(suspect, place, phase)
                except BudgetError:
                    suspect.exhausted = True
                    continue
                if not (suspect.evaluation.over or suspect.evaluation.phase_over):
                    _enter(agenda, suspect)

    def _visit(self, suspect: Suspect, place: int, phase: int) -> None:
        """Run the rule at `place`, or all of a run of rules that begins there."""
        evaluation, bit = suspect.evaluation, 1 << place
        changed_before = evaluation.changed
        totals = self._totals.get(place)
        if totals is not None and changed_before and not totals.places & ~suspect.waiting:
            suspect.waiting ^= totals.places
            totals.run(evaluation)
            return
        suspect.waiting ^= bit
        if not changed_before:
            evaluation.begin_from(self._snapshots[place])
        decided = self._decided.get(place)
        fired = decided.visit(evaluation) if decided else evaluation.visit(self._rules[place])
        if evaluation.changed and not changed_before:
            suspect.waiting |= self._on_change & phase & -(bit << 1)
        if fired and self._jumps[place] > place + 1:
            suspect.waiting &= -(1 << self._jumps[place])


def _enter(agenda: list[list[Suspect]], suspect: Suspect) -> None:
    """Have the suspect stand where its next rule does."""
    waiting = suspect.waiting
    if waiting:
        agenda[(waiting & -waiting).bit_length() - 1].append(suspect)
