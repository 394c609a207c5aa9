"""Rules that method, protocol and the names of headers decide: browsers share a few of those."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from riskengine.request import make_request
from riskengine.seclang.rules import Rule, SetVar, Target
from riskengine.seclang.transaction import Transaction

_SHAPES_MAX = 4_096
_NAMES_MAX = 64
_NAME_LENGTH_MAX = 64
_PARTS_MAX = 16_384

_NAMES = Target("REQUEST_HEADERS_NAMES")

_Key = tuple[int, *tuple[object, ...]]
_Fires = Callable[[int, Transaction], bool]


class Shapes:
    """Answers which of them fire. Not for several threads at once."""

    def __init__(self, rules: Sequence[Rule], places: Iterable[int], fires: _Fires) -> None:
        """`places` are those of the rules; `fires` runs the rule at one."""
        self._fires = fires
        self._targets = {
            place: [target for one in rules[place].conditions for target in one.targets]
            for place in places
        }
        self._by_name = [place for place in self._targets if _takes_names_singly(rules[place])]
        self._whole = [place for place in self._targets if place not in self._by_name]
        self._shapes: dict[tuple[str, str, tuple[str, ...]], int] = {}
        self._parts: dict[_Key, bool] = {}

    @property
    def any(self) -> bool:
        """Whether there is such a rule."""
        return bool(self._targets)

    def fired(self, transaction: Transaction) -> int:
        """Those of the rules that fire, as bits."""
        if not self._targets:
            return 0
        request = transaction.request
        names = tuple([name for name, _ in transaction.headers])
        shape = (request.method, request.http_version, names)
        known = self._shapes.get(shape)
        if known is not None:
            return known
        if len(names) > _NAMES_MAX or any(len(name) > _NAME_LENGTH_MAX for name in names):
            return sum(1 << place for place in self._targets if self._fires(place, transaction))
        if len(self._shapes) >= _SHAPES_MAX:
            self._shapes.clear()
        fired = self._of_shape(names, transaction)
        self._shapes[shape] = fired
        return fired

    def _of_shape(self, names: tuple[str, ...], transaction: Transaction) -> int:
        """Sets of names are new now and then; what a rule asks of them mostly is not."""
        fired = 0
        for place in self._whole:
            asked = [_asked(target, transaction, names) for target in self._targets[place]]
            if self._remembered((place, *asked), lambda: transaction):
                fired |= 1 << place
        singly = [name for name in names if name.isascii() and name == name.lower()]
        for place in self._by_name:
            if len(singly) < len(names):
                fired |= self._fires(place, transaction) << place
            elif any(self._remembered((place, name), partial(_alone, name)) for name in names):
                fired |= 1 << place
        return fired

    def _remembered(self, key: _Key, transaction: Callable[[], Transaction]) -> bool:
        """Whether the rule at the place that the key begins with fires."""
        known = self._parts.get(key)
        if known is None:
            if len(self._parts) >= _PARTS_MAX:
                self._parts.clear()
            known = self._parts[key] = self._fires(key[0], transaction())
        return known


def _asked(target: Target, transaction: Transaction, names: tuple[str, ...]) -> object:
    """All that it depends on."""
    request = transaction.request
    if target.variable == "TX":
        return None
    if target.variable == "REQUEST_METHOD":
        return request.method
    if target.variable == "REQUEST_PROTOCOL":
        return request.http_version
    return names.count(target.key) if target.count and target.key else names


def _alone(name: str) -> Transaction:
    """A request that has that header and no other."""
    return Transaction(
        make_request(client_ip="192.0.2.1", method="GET", path="/", headers=((name, ""),))
    )


def _takes_names_singly(rule: Rule) -> bool:
    """Whether each name makes a TX variable of its own, and each of these decides for itself.

    Such a rule fires for several names where it fires for any.
    """
    if len(rule.conditions) != 2:
        return False
    first, second = rule.conditions
    plain = not (first.negated or first.multi_match or first.excluded or second.excluded)
    [whole, *others] = second.targets
    return (
        plain
        and first.capture
        and first.targets == (_NAMES,)
        and set(first.transforms) <= {"lowercase"}
        and all(map(_is_for_each, first.setvars))
        and not others
        and (whole.variable, whole.count) == ("TX", False)
        and whole.pattern is not None
    )


def _is_for_each(setvar: SetVar) -> bool:
    """Whether it writes a capture into a variable that is named after it.

    What two names capture is then the same, or it stands in two variables; as long as the names
    are in lower case, as the names of variables are.
    """
    captured = setvar.name.references
    if len(captured) != 1 or captured[0] != setvar.name.parts[-1]:
        return False
    [(variable, key)] = captured
    return (
        setvar.operation == "="
        and variable == "TX"
        and key.isdigit()
        and set(setvar.value.references) <= set(captured)
    )
