"""Conditions on how many values there are: `&REQUEST_HEADERS:Host "@eq 0"`."""

from collections.abc import Iterable

from riskengine.request import make_request
from riskengine.seclang.conditions import Answerable
from riskengine.seclang.rules import Target
from riskengine.seclang.transaction import Transaction
from riskengine.seclang.transforms import TRANSFORMS

_KEPT_MAX = 8_192
_NAMES_LENGTH_MAX = 1_024
_HEADERS = ("REQUEST_HEADERS", "REQUEST_HEADERS_NAMES")
_ARGUMENTS = ("ARGS", "ARGS_NAMES", "ARGS_POST", "ARGS_POST_NAMES")

_Wanted = list[tuple[Answerable, Target]]


class Counts:
    """Answers which of them hold. Those of headers depend on their names alone: remembered."""

    def __init__(self, answerable: Iterable[Answerable], of_body: tuple[str, ...]) -> None:
        """`of_body` are variables that the body changes, beside arguments."""
        self._headers: _Wanted = []
        self._before: _Wanted = []
        self._body: _Wanted = []
        self._constant: _Wanted = []
        for one in answerable:
            for target in one.condition.targets:
                if target.count:
                    self._add(one, target, (*_ARGUMENTS, *of_body))
        nobody = Transaction(make_request(client_ip="192.0.2.1", method="GET", path="/"))
        self._without_body = _held(self._constant, nobody)
        """What is said of bodies before there is one."""
        self._known: dict[tuple[str, ...], int] = {}

    def _add(self, one: Answerable, target: Target, of_body: tuple[str, ...]) -> None:
        if target.variable in _HEADERS:
            self._headers.append((one, target))
            return
        if target.variable in of_body:
            self._body.append((one, target))
        changes = target.variable in _ARGUMENTS or target.variable not in of_body
        (self._before if changes else self._constant).append((one, target))

    @property
    def any(self) -> bool:
        """Whether any number is asked for."""
        return bool(self._headers or self._before or self._body or self._constant)

    def before_body(self, transaction: Transaction) -> int:
        """Bits of the conditions that hold for line, headers, cookies and query."""
        held = self._without_body
        if self._before:
            held |= _held(self._before, transaction)
        return held | self._of_headers(transaction) if self._headers else held

    def of_body(self, transaction: Transaction) -> int:
        """Those that hold with the body."""
        return _held(self._body, transaction)

    def _of_headers(self, transaction: Transaction) -> int:
        names = tuple([name for name, _ in transaction.headers])
        known = self._known.get(names)
        if known is None:
            known = _held(self._headers, transaction)
            if len(self._known) >= _KEPT_MAX:
                self._known.clear()
            if sum(map(len, names)) <= _NAMES_LENGTH_MAX:
                self._known[names] = known
        return known


def _held(wanted: _Wanted, transaction: Transaction) -> int:
    held = 0
    for one, target in wanted:
        condition, operator = one.condition, one.condition.operator
        if operator is None:
            continue
        value = b"%d" % _number(target, condition.excluded, transaction)
        for transform in condition.transforms:
            value = TRANSFORMS[transform](value)
        if (operator.match(value) is None) is condition.negated:
            held |= one.bit
    return held


def _number(target: Target, excluded: tuple[Target, ...], transaction: Transaction) -> int:
    against = [other for other in excluded if other.variable == target.variable]
    return sum(
        target.takes(entry.key) and not any(other.takes(entry.key) for other in against)
        for entry in transaction.entries(target.variable)
    )
