"""Rules with a chain that the path alone decides: whether they fire is found out once a path.

Most of them take a part of the path, its extension say, and hold it against a list. Paths are new
all the time and extensions are not, so what becomes of the part is remembered by the part.
"""

from collections.abc import Callable, Sequence

from riskengine.seclang.rules import Condition, Rule
from riskengine.seclang.transaction import SINGLE, Transaction
from riskengine.seclang.transforms import TRANSFORMS

_PATHS_MAX = 32_768
_PATH_LENGTH_MAX = 256
_PARTS_MAX = 8_192
_PARTS_LENGTH_MAX = 64

Parts = tuple[tuple[bytes, ...], ...]
"""What the first condition captured, for each value that it holds for."""


class PathRules:
    """Answers which of them fire. Not for several threads at once."""

    def __init__(
        self, rules: Sequence[Rule], doubtful: int, fires: Callable[[int, Transaction], bool]
    ) -> None:
        """`doubtful` are their places; `fires` runs the rule at a place."""
        self._fires = fires
        self._taking = {
            place: rule.conditions[0]
            for place, rule in enumerate(rules)
            if doubtful >> place & 1 and _takes_a_part(rule)
        }
        self._paths: dict[str, int] = {}
        self._parts: dict[tuple[int, Parts], bool] = {}

    def fired(self, doubtful: int, transaction: Transaction) -> int:
        """Those of the rules that fire for the path; which are in doubt, the path decides, too."""
        path = transaction.request.path
        known = self._paths.get(path)
        if known is None:
            known = self._of_path(doubtful, transaction)
            if len(path) <= _PATH_LENGTH_MAX:
                if len(self._paths) >= _PATHS_MAX:
                    self._paths.clear()
                self._paths[path] = known
        return known

    def _of_path(self, doubtful: int, transaction: Transaction) -> int:
        fired = 0
        while doubtful:
            lowest = doubtful & -doubtful
            doubtful ^= lowest
            if self._fired(lowest.bit_length() - 1, transaction):
                fired |= lowest
        return fired

    def _fired(self, place: int, transaction: Transaction) -> bool:
        condition = self._taking.get(place)
        if condition is None:
            return self._fires(place, transaction)
        parts = _parts(condition, transaction)
        known = self._parts.get((place, parts))
        if known is None:
            known = self._fires(place, transaction)
            if sum(len(text) for several in parts for text in several) <= _PARTS_LENGTH_MAX:
                if len(self._parts) >= _PARTS_MAX:
                    self._parts.clear()
                self._parts[place, parts] = known
        return known


def _takes_a_part(rule: Rule) -> bool:
    """Whether all that follows its first condition depends on what that one captured."""
    first, *others = rule.conditions
    plain = not (first.negated or first.multi_match or first.excluded)
    return (
        first.capture
        and plain
        and all(not (target.key or target.pattern or target.count) for target in first.targets)
        and all(target.variable in SINGLE for target in first.targets)
        and all(target.variable == "TX" for other in others for target in other.targets)
    )


def _parts(condition: Condition, transaction: Transaction) -> Parts:
    operator = condition.operator
    if operator is None:
        return ()
    values = [SINGLE[target.variable](transaction) for target in condition.targets]
    for step in condition.transforms:
        values = list(map(TRANSFORMS[step], values))
    return tuple([match.captures for value in values if (match := operator.match(value))])
