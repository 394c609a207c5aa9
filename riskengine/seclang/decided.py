"""Rules that one header decides, or method, protocol and header names: their effect is remembered.

Clients send the same few referrers, content types and sets of headers with all they ask for. What
such a rule does to a request depends on those alone, and on the sums that it adds to.
"""

from riskengine.seclang.conditions import Analysis, header_chains, is_own_value
from riskengine.seclang.effects import NOTHING, Effect, effect_of
from riskengine.seclang.fast_evaluation import FastEvaluation
from riskengine.seclang.rules import Condition, Rule, SetVar
from riskengine.seclang.specialize import Program
from riskengine.seclang.transaction import Transaction

_KEPT_MAX = 4_096
_LENGTH_MAX = 512

_Texts = tuple[str, ...]
_Key = tuple[_Texts, tuple[bytes | None, ...]]


class Decided:
    """One such rule. Not for several threads at once."""

    def __init__(self, rule: Rule, header: str) -> None:
        """`header` is the name of the one that decides; empty for method, protocol and names."""
        self._rule = rule
        self._header = header
        self._acts = any(condition.ctls for condition in rule.conditions)
        self._sums = _sums(rule)
        self._known: dict[_Key, Effect] = {}

    def visit(self, evaluation: FastEvaluation) -> bool:
        """What `evaluation.visit` does with the rule."""
        rule = self._rule
        if evaluation.detection_only or evaluation.amends(rule):
            return evaluation.visit(rule)
        deciding = self._deciding(evaluation.transaction)
        key = deciding, tuple([evaluation.tx.get(name) for name in self._sums])
        effect = self._known.get(key)
        if effect is None and self._acts:
            return self._visited(evaluation, key)
        if effect is None:
            effect = effect_of(lambda aside: aside.visit(rule), evaluation, evaluation.tx)
            self._keep(key, effect)
        evaluation.spend(effect.cost)
        effect.be_in(evaluation)
        return bool(effect.fired)

    def _visited(self, evaluation: FastEvaluation, key: _Key) -> bool:
        """What a `ctl` does is not remembered: only where the rule does not come to that."""
        before = evaluation.spent
        fired = evaluation.visit(self._rule)
        if not fired:
            self._keep(key, NOTHING._replace(cost=evaluation.spent - before))
        return fired

    def _deciding(self, transaction: Transaction) -> _Texts:
        if self._header:
            return tuple([text for name, text in transaction.headers if name == self._header])
        request = transaction.request
        return request.method, request.http_version, *[name for name, _ in transaction.headers]

    def _keep(self, key: _Key, effect: Effect) -> None:
        if sum(map(len, key[0])) > _LENGTH_MAX:
            return
        if len(self._known) >= _KEPT_MAX:
            self._known.clear()
        self._known[key] = effect


def decided_rules(program: Program, analysis: Analysis) -> dict[int, Decided]:
    """All such rules, by their places."""
    headers = header_chains(program)
    return {
        place: Decided(rule, headers.get(id(rule), ""))
        for place, rule in enumerate(program.rules)
        if id(rule) in headers or analysis.shape >> place & 1
        if all(map(_is_own, rule.conditions))
    }


def _is_own(condition: Condition) -> bool:
    """Whether what it writes is made of constants, sums, and what it found itself."""
    captures = condition.capture and not condition.negated
    return all(
        is_own_value(setvar.value, captures=captures)
        and is_own_value(setvar.name, captures=captures)
        and (setvar.name.constant is not None or not _adds(setvar))
        for setvar in condition.setvars
    )


def _adds(setvar: SetVar) -> bool:
    return setvar.operation in ("+", "-")


def _sums(rule: Rule) -> list[str]:
    """TX variables that it adds to."""
    setvars = [setvar for condition in rule.conditions for setvar in condition.setvars]
    names = [setvar.name.constant or b"" for setvar in setvars if _adds(setvar)]
    return [name.decode("utf-8", "surrogateescape").lower() for name in names]
