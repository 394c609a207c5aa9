"""Which conditions hold for the values of a request."""

import re2

from riskengine.percent import to_bytes
from riskengine.seclang.conditions import Answerable
from riskengine.seclang.evaluation import VALUE_COST, Evaluation
from riskengine.seclang.rules import Target
from riskengine.seclang.scanner import Scanner
from riskengine.seclang.transaction import Transaction, header_bytes
from riskengine.seclang.transforms import TRANSFORMS
from riskengine.seclang.value_plans import Demand, Node, Nodes

_KEPT_MAX = 65_536
_LENGTH_MAX = 256
_KEYS_MAX = 8_192
_KEY_LENGTH_MAX = 64

_BEFORE_BODY = (
    "PATH_INFO", "QUERY_STRING", "REMOTE_ADDR", "REMOTE_HOST", "REQBODY_PROCESSOR",
    "REQUEST_BASENAME", "REQUEST_BODY_LENGTH", "REQUEST_FILENAME", "REQUEST_LINE",
    "REQUEST_METHOD", "REQUEST_PROTOCOL", "SERVER_NAME", "UNIQUE_ID", "ARGS_COMBINED_SIZE",
)  # fmt: skip
_OF_BODY = (
    "ARGS_COMBINED_SIZE", "FILES", "FILES_COMBINED_SIZE", "FILES_NAMES", "FILES_SIZES",
    "MULTIPART_PART_HEADERS", "REQBODY_ERROR", "REQBODY_ERROR_MSG", "REQBODY_PROCESSOR",
    "REQUEST_BODY", "XML",
)  # fmt: skip
_COUNTED_BY_BODY = frozenset({"ARGS", "ARGS_NAMES", "ARGS_POST", "ARGS_POST_NAMES", *_OF_BODY})


class HeldConditions:
    """Answers, for one program, which conditions hold. Remembers answers for short values."""

    def __init__(
        self,
        answerable: tuple[Answerable, ...],
        scanner: Scanner,
        scanned: frozenset[int],
        inexact: frozenset[int],
    ) -> None:
        """`scanned` are bits whose patterns the scanner knows, `inexact` those to be confirmed."""
        self._scanner = scanner
        nodes = Nodes()
        source = _Source(answerable, scanned, inexact, nodes)
        self._query_names = source.of("ARGS_NAMES", "ARGS_GET_NAMES")
        self._query_values = source.of("ARGS", "ARGS_GET")
        self._body_names = source.of("ARGS_NAMES", "ARGS_POST_NAMES")
        self._body_values = source.of("ARGS", "ARGS_POST")
        self._cookie_names = source.of("REQUEST_COOKIES_NAMES")
        self._cookie_values = source.of("REQUEST_COOKIES")
        self._headers = source.of("REQUEST_HEADERS")
        self._header_names = source.of("REQUEST_HEADERS_NAMES")
        self._uri = source.of("REQUEST_URI", "REQUEST_URI_RAW")
        self._before_body = source.demanded(_BEFORE_BODY)
        self._of_body = source.demanded(_OF_BODY)
        self._counts = _counts(answerable)
        self._known: dict[tuple[Node, bytes], tuple[int, int]] = {}
        self._header_counts: dict[tuple[str, ...], int] = {}

    def before_body(self, transaction: Transaction, evaluation: Evaluation) -> int:
        """Bits of the conditions that hold for line, headers, cookies and query."""
        held = self._counted(transaction, "before")
        request = transaction.request
        uri = f"{request.path}?{request.query}" if request.query else request.path
        pairs: list[tuple[Node, bytes]] = [(self._uri.node(""), to_bytes(uri))]
        for name, value in request.headers:
            pairs.append((self._headers.node(name), header_bytes(value)))
            pairs.append((self._header_names.node(name), to_bytes(name)))
        for variable, values in self._before_body:
            pairs += [(values.node(e.key), e.value) for e in transaction.entries(variable)]
        _add(pairs, transaction.query_arguments, self._query_names, self._query_values)
        _add(pairs, transaction.cookies, self._cookie_names, self._cookie_values)
        return held | self._all(pairs, evaluation)

    def of_body(self, transaction: Transaction, evaluation: Evaluation) -> int:
        """Bits of the conditions that hold for the body."""
        held = self._counted(transaction, "body")
        pairs: list[tuple[Node, bytes]] = []
        for variable, values in self._of_body:
            pairs += [(values.node(e.key), e.value) for e in transaction.entries(variable)]
        _add(pairs, transaction.body_arguments, self._body_names, self._body_values)
        return held | self._all(pairs, evaluation)

    def _all(self, pairs: list[tuple[Node, bytes]], evaluation: Evaluation) -> int:
        known = self._known
        held = spent = 0
        for pair in pairs:
            answer = known.get(pair)
            if answer is None:
                evaluation.spend(0)
                answer = self._answer(pair)
            held |= answer[0]
            spent += answer[1]
        evaluation.spend(spent)
        return held

    def _answer(self, pair: tuple[Node, bytes]) -> tuple[int, int]:
        answer = self._look(*pair)
        if len(pair[1]) <= _LENGTH_MAX:
            if len(self._known) >= _KEPT_MAX:
                self._known.clear()
            self._known[pair] = answer
        return answer

    def _look(self, node: Node, value: bytes) -> tuple[int, int]:
        """The bits that hold for `value`, and what finding that out costs."""
        view = node.view(value)
        held, cost = 0, 0
        if view.positive or view.negative or view.confirmed:
            found = self._scanner.bits_in(value)
            held = found & view.positive | ~found & view.negative
            cost = len(value) + VALUE_COST
            for demand in view.confirmed:
                if found & demand.bit and demand.match is not None:
                    cost += len(value)
                    if demand.match(value) is not None:
                        held |= demand.bit
        for demand in view.direct:
            if demand.match is not None and (demand.match(value) is None) is demand.negated:
                held |= demand.bit
            cost += len(value)
        for transform, child in view.children:
            deeper, more = self._look(child, transform(value))
            held |= deeper
            cost += more + len(value)
        return held, cost

    def _counted(self, transaction: Transaction, when: str) -> int:
        held = 0
        if when == "before":
            names = tuple([name for name, _ in transaction.request.headers])
            known = self._header_counts.get(names)
            if known is None:
                known = self._count(transaction, "headers")
                if len(self._header_counts) >= _KEYS_MAX:
                    self._header_counts.clear()
                if sum(map(len, names)) <= 1024:
                    self._header_counts[names] = known
            held = known
        return held | self._count(transaction, when)

    def _count(self, transaction: Transaction, when: str) -> int:
        held = 0
        for one, target in self._counts[when]:
            condition = one.condition
            against = [t for t in condition.excluded if t.variable == target.variable]
            number = sum(
                target.takes(entry.key) and not any(t.takes(entry.key) for t in against)
                for entry in transaction.entries(target.variable)
            )
            operator = condition.operator
            if operator is not None:
                value = b"%d" % number
                for transform in condition.transforms:
                    value = TRANSFORMS[transform](value)
                if (operator.match(value) is None) is condition.negated:
                    held |= one.bit
        return held


def _add(
    pairs: list[tuple[Node, bytes]],
    arguments: tuple[tuple[bytes, bytes], ...],
    names: "_Values",
    values: "_Values",
) -> None:
    for name, value in arguments:
        key = name.decode("utf-8", "replace").lower() if names.by_key or values.by_key else ""
        pairs.append((names.node(key), name))
        pairs.append((values.node(key), value))


class _Values:
    """The values of one kind; their names decide which conditions look at them."""

    def __init__(
        self, wanted: list[tuple[Answerable, tuple[Target, ...]]], source: "_Source"
    ) -> None:
        self._wanted = wanted
        self._source = source
        self._nodes: dict[str, Node] = {}
        targets = [target for _, targets in wanted for target in targets]
        excluded = [
            target
            for one, targets in wanted
            for target in one.condition.excluded
            if any(target.variable == own.variable for own in targets)
        ]
        self.by_key = any(t.key or t.pattern is not None for t in (*targets, *excluded))
        self._keys = frozenset(t.key for t in (*targets, *excluded) if t.key)
        self._patterns: list[re2._Regexp] = [
            t.pattern for t in (*targets, *excluded) if t.pattern is not None
        ]

    def node(self, key: str) -> Node:
        """The demands on the value of that (lower-case) name."""
        if not self._patterns and key not in self._keys:
            key = "\0" if key else ""
        known = self._nodes.get(key)
        if known is None:
            known = self._source.node(self._wanted, key)
            if len(self._nodes) >= _KEYS_MAX:
                self._nodes.clear()
            if len(key) <= _KEY_LENGTH_MAX:
                self._nodes[key] = known
        return known


class _Source:
    """Finds the conditions that look at values of some variables."""

    def __init__(
        self,
        answerable: tuple[Answerable, ...],
        scanned: frozenset[int],
        inexact: frozenset[int],
        nodes: Nodes,
    ) -> None:
        self._answerable = answerable
        self._scanned = scanned
        self._inexact = inexact
        self._nodes = nodes

    def of(self, *variables: str) -> _Values:
        """The values that rules know under all of these names."""
        wanted = []
        for one in self._answerable:
            targets = tuple(
                t for t in one.condition.targets if t.variable in variables and not t.count
            )
            if targets:
                wanted.append((one, targets))
        return _Values(wanted, self)

    def demanded(self, variables: tuple[str, ...]) -> list[tuple[str, _Values]]:
        """Those of the variables that any condition looks at."""
        found = [(variable, self.of(variable)) for variable in variables]
        return [(variable, values) for variable, values in found if values._wanted]

    def node(self, wanted: list[tuple[Answerable, tuple[Target, ...]]], key: str) -> Node:
        """The demands on the value of that name."""
        demands: list[Demand] = []
        for one, targets in wanted:
            if any(_concerns(target, key, one) for target in targets):
                demands += self._demands(one)
        return self._nodes.node(demands)

    def _demands(self, one: Answerable) -> list[Demand]:
        condition = one.condition
        chains = [condition.transforms]
        if condition.multi_match:
            chains = [condition.transforms[:end] for end in range(len(condition.transforms) + 1)]
        match = condition.operator.match if condition.operator is not None else None
        scanned = one.bit in self._scanned
        if scanned and one.bit not in self._inexact:
            match = None
        return [Demand(chain, one.bit, scanned, condition.negated, match) for chain in chains]


def _concerns(target: Target, key: str, one: Answerable) -> bool:
    if not target.takes(key):
        return False
    return not any(
        other.variable == target.variable and other.takes(key) for other in one.condition.excluded
    )


def _counts(answerable: tuple[Answerable, ...]) -> dict[str, list[tuple[Answerable, Target]]]:
    counts: dict[str, list[tuple[Answerable, Target]]] = {"headers": [], "before": [], "body": []}
    for one in answerable:
        for target in one.condition.targets:
            if not target.count:
                continue
            if target.variable in ("REQUEST_HEADERS", "REQUEST_HEADERS_NAMES"):
                counts["headers"].append((one, target))
                continue
            counts["before"].append((one, target))
            if target.variable in _COUNTED_BY_BODY:
                counts["body"].append((one, target))
    return counts
