"""The evaluation of a rule that may fire, with what is already known about each value.

Which values a condition holds for was found out before; the operator is asked again only about
those, for the texts that matched.
"""

from collections.abc import Iterable, Sequence

from riskengine.seclang.choices import Chosen, Exclusion, Removal
from riskengine.seclang.evaluation import VALUE_COST, Evaluation, Found
from riskengine.seclang.knowledge import Knowledge
from riskengine.seclang.macros import Reference
from riskengine.seclang.matches import Matches
from riskengine.seclang.message_headers import header_bytes
from riskengine.seclang.operators_comparisons import number
from riskengine.seclang.operators_contract import Match
from riskengine.seclang.prepared import Change, Prepared
from riskengine.seclang.rules import Condition, Ctl, Rule, Target
from riskengine.seclang.transaction import Entry, Transaction


class FastEvaluation(Evaluation):
    """An evaluation that looks at what holds, and notices when rules not looked at may differ."""

    knowledge: Knowledge
    changed: bool = False
    _snapshot: dict[str, bytes] | None = None
    _unset: bool = False
    """Whether a TX variable was unset: then names no longer stand in the order of writing."""
    _written: dict[str, None] | None = None
    """Names in the order in which they were first written."""
    _removed: Chosen[Removal, bool] | None = None
    _excluded: Chosen[Exclusion, tuple[Target, ...]] | None = None
    _chosen: tuple[int, int] = (0, 0)
    _visited: Rule | None = None
    _left: tuple[Target, ...] = ()
    """What that rule is not to look at in this request."""

    def begin_from(self, snapshot: dict[str, bytes]) -> None:
        """Have TX hold what it holds at this place when nothing has changed, and what was added."""
        if snapshot is self._snapshot:
            return
        self._snapshot = snapshot
        own = {name: self.tx[name] for name in self.written if name in self.tx}
        self.tx = snapshot | own

    def put(self, name: str, value: bytes | None) -> None:
        """Have a TX variable hold `value`; None for no such variable."""
        if value is None:
            self.tx.pop(name, None)
        else:
            self.tx[name] = value
        self._wrote(name)

    @property
    def written(self) -> Iterable[str]:
        """Names of TX variables that were written, in order."""
        return self._written or ()

    def aside(self, tx: dict[str, bytes]) -> "FastEvaluation":
        """One with that TX and the same of all else, which may spend anything."""
        aside = FastEvaluation(self.transaction, dict(tx), self.transform, self.steps_of)
        aside.knowledge = self.knowledge
        aside.detection_only = self.detection_only
        aside.removals, aside.exclusions = self.removals, self.exclusions
        aside._snapshot, aside._unset = self._snapshot, self._unset
        return aside

    def value_of(self, reference: Reference) -> bytes:
        """What a macro stands for, as before; one header is asked for without making the others."""
        if reference.variable == "REQUEST_HEADERS" and reference.key:
            named = _headers_named(self.transaction, reference.key)
            return named[0].value if named else b""
        return super().value_of(reference)

    def amends(self, rule: Rule) -> bool:
        """Whether this request leaves the rule out, or something that it looks at."""
        if self.removals and self._is_removed(rule):
            return True
        return bool(self.exclusions and self._left_out(rule))

    def visit(self, rule: Rule) -> bool:
        """Run one rule whose answerable conditions all hold for some value."""
        self._visited = rule
        self._left = self._left_out(rule) if self.exclusions else ()
        if self._left:
            return super().visit(rule)
        given = self.knowledge.given.get(id(rule))
        if given is None:
            return super().visit(rule)
        if self.removals and self._is_removed(rule):
            return False
        for ctl in rule.conditions[0].ctls:
            self._control(ctl)
        self.fired.append(given)
        return True

    def _holds(self, condition: Condition, rule: Rule) -> Sequence[Found] | None:
        known = self.knowledge.prepared.get(id(condition))
        if known is None:
            return super()._holds(condition, rule)
        if known.sum and not self._left:
            return self._compared(condition, known)
        if known.counted is not None:
            return self._counted(condition, known, known.counted)
        if known.selects is not None and not self._left:
            return self._searched(condition, known, known.selects)
        return self._tried(condition, known)

    def _searched(
        self, condition: Condition, known: Prepared, selector: Target
    ) -> Sequence[Found] | None:
        """TX variables by a selector, such as counters: nearly all hold the same, in vain."""
        values = [self.tx[name] for name in self._selected(selector)]
        match = known.operator.match
        if any((match(value) is None) is condition.negated for value in set(values)):
            return self._tried(condition, known)
        self.spend(sum(map(len, values)) + VALUE_COST * len(values))
        return None

    def _tried(self, condition: Condition, known: Prepared) -> Sequence[Found] | None:
        found: list[Found] = []
        missed: set[bytes] = set()
        single = known.constant and not condition.multi_match
        for entry in self._promising(condition, known):
            self.spend(len(entry.value) + VALUE_COST)
            if entry.value in missed:  # such as counters, which nearly all are 1
                continue
            before = len(found)
            for one, match in self._matching(
                condition, known.operator, entry, constant=known.constant
            ):
                found.append(one)
                if known.changes is None:
                    self._noted(condition, known, found, match)
            if single and len(found) == before:
                missed.add(entry.value)
        if known.changes is not None and found:
            self._matched(found, found, known.changes)
        return tuple(found) or None

    def _counted(
        self, condition: Condition, known: Prepared, changes: tuple[Change, ...]
    ) -> Sequence[Found] | None:
        """What is known to match: how often is all that matters, and where."""
        entries = self._promising(condition, known)
        if not entries:
            return None
        self.spend(sum([len(entry.value) for entry in entries]) + VALUE_COST * len(entries))
        found = Matches(condition, entries, self.transform)
        self._matched(found, entries, changes)
        return found

    def _compared(self, condition: Condition, known: Prepared) -> Sequence[Found] | None:
        """One TX variable against a text: most of what is left to ask when points are added up."""
        value = self.tx.get(known.sum)
        if value is None:
            return None
        self.spend(len(value) + VALUE_COST)
        match = known.operator.match_against(value, condition.argument.expand(self.value_of))
        if (match is None) is not condition.negated:
            return None
        found = (Found(f"TX:{known.sum}", value, match.text if match else value),)
        self._noted(condition, known, found, match)
        return found

    def _promising(self, condition: Condition, known: Prepared) -> list[Entry]:
        """The entries that the condition holds for, and those of which it is not known."""
        excluded, bit = condition.excluded, known.bit
        left_out = self._left
        if left_out:
            excluded = (*excluded, *left_out)
        promising: list[Entry] = []
        looked = self.transaction.looked
        for target, answered, whole, header in known.aims:
            if header and not left_out:
                promising += _headers_named(self.transaction, target.key)
                continue
            if not answered:
                promising += self.entries_of(target, excluded)
                continue
            variable = target.variable
            seen = looked.get(variable) or self.knowledge.held.of(self.transaction, variable)
            if not seen.all_bits & bit:
                continue
            places = [place for place, bits in enumerate(seen.bits) if bits & bit]
            entries = self.transaction.entries_at(variable, places)
            if not whole or left_out:
                entries = [one for one in entries if _is_meant(one.key, target, excluded)]
            promising += entries
        return promising

    def _tx(self, target: Target) -> list[Entry]:
        if target.pattern is None:
            return super()._tx(target)
        tx = self.tx
        return [Entry(name, f"TX:{name}", tx[name]) for name in self._selected(target)]

    def _selected(self, selector: Target) -> list[str]:
        """The names that it means of those that TX holds, in the order of writing."""
        tx, names = self.tx, None
        if self._snapshot is not None and not self._unset:
            names = self.knowledge.selected.names(selector, self._snapshot, self.written)
        if names is None:
            return [name for name in tx if selector.takes(name)]
        return [name for name in names if name in tx]

    def _noted(
        self, condition: Condition, known: Prepared, found: Sequence[Found], match: Match | None
    ) -> None:
        self.matched = found
        if known.captures and match is not None:
            self._capture(match)
        self._act(condition)

    def _matched(
        self,
        found: Sequence[Found],
        named: Sequence[Found] | Sequence[Entry],
        changes: tuple[Change, ...],
    ) -> None:
        """Note several matches at once: what each of them adds does not depend on the others."""
        self.matched = found
        times = len(found)
        for name, amount, points, each in changes:
            if each:
                self._tally([(name + one.name).lower() for one in named], amount)
                continue
            self._add(name, amount * times)
            if points:
                self._gained += amount * times

    def _add(self, name: str, amount: int) -> None:
        before = self.tx.get(name)
        self.tx[name] = b"%d" % (number(before) + amount if before else amount)
        self._wrote(name)

    def _tally(self, names: list[str], amount: int) -> None:
        """Add the same to each of several TX variables, most of them new."""
        tx, first = self.tx, b"%d" % amount
        for name in names:
            before = tx.get(name)
            tx[name] = b"%d" % (number(before) + amount) if before else first
        if self._written is None:
            self._written = {}
        self._written.update(dict.fromkeys(names))
        self.changed = self.changed or any(map(self.knowledge.watch.cares, names))

    def _control(self, ctl: Ctl) -> None:
        super()._control(ctl)
        if self.exclusions and self._visited is not None:
            self._left = self._left_out(self._visited)

    def _is_removed(self, rule: Rule) -> bool:
        if self._removed is None or len(self.removals) != self._chosen[0]:
            self._choose()
        return self._removed is not None and self._removed.of(rule)

    def _left_out(self, rule: Rule) -> tuple[Target, ...]:
        if self._excluded is None or len(self.exclusions) != self._chosen[1]:
            self._choose()
        return self._excluded.of(rule) if self._excluded is not None else ()

    def _choose(self) -> None:
        self._removed = self.knowledge.removals.of(self.removals)
        self._excluded = self.knowledge.exclusions.of(self.exclusions)
        self._chosen = len(self.removals), len(self.exclusions)

    def _wrote(self, name: str) -> None:
        if self._written is None:
            self._written = {}
        self._written[name] = None
        if name not in self.tx:
            self._unset = True
        if not self.changed and self.knowledge.watch.cares(name):
            self.changed = True


def _headers_named(transaction: Transaction, name: str) -> list[Entry]:
    """The entries of REQUEST_HEADERS that have this name, without making the others."""
    found = [value for known, value in transaction.headers if known == name]
    return [Entry(name, f"REQUEST_HEADERS:{name}", header_bytes(value)) for value in found]


def _is_meant(key: str, target: Target, excluded: tuple[Target, ...]) -> bool:
    if not target.takes(key):
        return False
    return not any(t.variable == target.variable and t.takes(key) for t in excluded)
