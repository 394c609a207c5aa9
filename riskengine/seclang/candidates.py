"""From conditions that hold to rules that are worth a visit."""

from collections.abc import Mapping, Sequence

from riskengine.request import make_request
from riskengine.seclang.conditions import Analysis, Needs
from riskengine.seclang.decided import Decided
from riskengine.seclang.evaluation import Evaluation
from riskengine.seclang.fast_evaluation import FastEvaluation
from riskengine.seclang.knowledge import Knowledge
from riskengine.seclang.path_rules import PathRules
from riskengine.seclang.shapes import Shapes
from riskengine.seclang.specialize import Program
from riskengine.seclang.transaction import Transaction
from riskengine.seclang.transforming import Transforming


class Candidates:
    """Chooses the rules to visit, as bits of their places in the program."""

    def __init__(
        self,
        program: Program,
        analysis: Analysis,
        knowledge: Knowledge,
        decided: Mapping[int, Decided],
    ) -> None:
        """`decided` are rules whose effect is remembered, by their places."""
        self._rules = program.rules
        self._decided = decided
        self._knowledge = knowledge
        self._needs = _grouped(analysis.needs)
        self._waited_for = sum(analysis.needs)
        self._by_path = analysis.by_path
        self._path_rules = PathRules(program.rules, analysis.by_path, self._fires)
        self._shapes = Shapes(program.rules, places_of(analysis.shape), self._fires)
        self.snapshots, eager = _baseline(program, analysis)
        """What TX holds before each rule while no request has changed anything."""
        self.on_change = analysis.on_change & ~eager
        self._always = analysis.always | eager

    @property
    def is_by_conditions(self) -> bool:
        """Whether the conditions that hold are all that `of` looks at."""
        return not (self._by_path or self._shapes.any)

    def of(self, held: int, transaction: Transaction, known: int = 0) -> int:
        """The rules whose conditions all hold for some value.

        `known` are those of the same request that were found when less was known of it.
        """
        rules = known or self._always | self._shapes.fired(transaction)
        waiting = held & self._waited_for
        while waiting:
            lowest = waiting & -waiting
            waiting ^= lowest
            for _, bits, rule in self._needs[lowest]:
                if held & bits == bits:
                    rules |= rule
        doubtful = rules & self._by_path
        if not doubtful:
            return rules
        return rules & ~doubtful | self._path_rules.fired(doubtful, transaction)

    def _fires(self, place: int, transaction: Transaction) -> bool:
        transforming = Transforming()
        alone = FastEvaluation(transaction, {}, transforming.apply, transforming.steps)
        alone.knowledge = self._knowledge
        alone.begin_from(self.snapshots[place])
        decided = self._decided.get(place)
        return decided.visit(alone) if decided else alone.visit(self._rules[place])


def places_of(bits: int) -> list[int]:
    """The places that are set in `bits`."""
    return [place for place in range(bits.bit_length()) if bits >> place & 1]


def _grouped(
    needs: dict[int, tuple[Needs, ...]],
) -> dict[int, tuple[tuple[int, int, int], ...]]:
    return {
        bit: tuple((one.rule, one.bits, 1 << one.rule) for one in rules)
        for bit, rules in needs.items()
    }


def _baseline(program: Program, analysis: Analysis) -> tuple[Sequence[dict[str, bytes]], int]:
    """TX before each rule when no request changes it, and rules that fire even then."""
    transforming = Transforming()
    nobody = Transaction(make_request(client_ip="192.0.2.1", method="GET", path="/"))
    evaluation = Evaluation(nobody, dict(program.tx), transforming.apply, transforming.steps)
    snapshot = dict(program.tx)
    snapshots = []
    eager = 0
    for place, rule in enumerate(program.rules):
        snapshots.append(snapshot)
        if not analysis.on_change >> place & 1:
            continue
        if evaluation.visit(rule) and (rule.recorded or rule.disruption != "pass"):
            eager |= 1 << place
        if evaluation.tx != snapshot:
            snapshot = dict(evaluation.tx)
    return snapshots, eager
