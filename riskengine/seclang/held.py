"""Which conditions hold for the values of a request."""

from typing import TypeVar

from riskengine.percent import to_bytes
from riskengine.request import make_request
from riskengine.seclang.conditions import Answerable
from riskengine.seclang.evaluation import VALUE_COST, BudgetError
from riskengine.seclang.rules import Target
from riskengine.seclang.scanner import Scanner
from riskengine.seclang.transaction import Pairs, Transaction, cookies_of, header_bytes
from riskengine.seclang.transforms import TRANSFORMS
from riskengine.seclang.value_plans import Node, Nodes
from riskengine.seclang.value_sources import Source, Values

_KEPT_MAX = 65_536
_LENGTH_MAX = 256
_NAMES_MAX = 8_192
_NAMES_LENGTH_MAX = 1_024

_OF_PATH = ("PATH_INFO", "REQUEST_BASENAME", "REQUEST_FILENAME")
_OF_QUERY = ("ARGS_COMBINED_SIZE", "QUERY_STRING")
_OF_LINE = ("REQUEST_METHOD", "REQUEST_PROTOCOL")
_OF_REQUEST = (
    "REMOTE_ADDR", "REMOTE_HOST", "REQBODY_PROCESSOR", "REQUEST_BODY_LENGTH", "REQUEST_LINE",
    "SERVER_NAME", "UNIQUE_ID",
)  # fmt: skip
_OF_BODY = (
    "ARGS_COMBINED_SIZE", "FILES", "FILES_COMBINED_SIZE", "FILES_NAMES", "FILES_SIZES",
    "MULTIPART_PART_HEADERS", "REQBODY_ERROR", "REQBODY_ERROR_MSG", "REQBODY_PROCESSOR",
    "REQUEST_BODY", "XML",
)  # fmt: skip
_COUNTED_BY_BODY = frozenset({"ARGS", "ARGS_NAMES", "ARGS_POST", "ARGS_POST_NAMES", *_OF_BODY})

Answer = tuple[int, int]
"""Bits of the conditions that hold, and what finding that out costs."""
Sources = list[tuple[str, Values]]
_Key = TypeVar("_Key")


class HeldConditions:
    """Answers, for one program, which conditions hold. Not for several threads at once.

    What was found out about a header, a path or a parameter is remembered where it is short: the
    answer depends on nothing else, and real clients send the same ones over and over.
    """

    def __init__(
        self,
        answerable: tuple[Answerable, ...],
        scanner: Scanner,
        scanned: frozenset[int],
        inexact: frozenset[int],
    ) -> None:
        """`scanned` are bits whose patterns the scanner knows, `inexact` those to be confirmed."""
        self._scanner = scanner
        source = Source(answerable, scanned, inexact, Nodes())
        self._query_names = source.of("ARGS_NAMES", "ARGS_GET_NAMES")
        self._query_values = source.of("ARGS", "ARGS_GET")
        self._body_names = source.of("ARGS_NAMES", "ARGS_POST_NAMES")
        self._body_values = source.of("ARGS", "ARGS_POST")
        self._cookie_names = source.of("REQUEST_COOKIES_NAMES")
        self._cookie_values = source.of("REQUEST_COOKIES")
        self._headers = source.of("REQUEST_HEADERS")
        self._header_names = source.of("REQUEST_HEADERS_NAMES")
        self._uri = source.of("REQUEST_URI", "REQUEST_URI_RAW")
        self._of_path = source.demanded(_OF_PATH)
        self._of_query = source.demanded(_OF_QUERY)
        self._of_line = source.demanded(_OF_LINE)
        self._of_request = source.demanded(_OF_REQUEST)
        self._of_body = source.demanded(_OF_BODY)
        self._counts = _counts(answerable)
        self._known: dict[tuple[Node, bytes], Answer] = {}
        self._known_headers: dict[tuple[str, str], Answer] = {}
        self._known_paths: dict[str, Answer] = {}
        self._known_queries: dict[tuple[str, str], Answer] = {}
        self._known_lines: dict[tuple[str, str], Answer] = {}
        self._known_counts: dict[tuple[str, ...], int] = {}
        self.without_body = self._of_no_body()
        """Bits that hold for every request that has no body."""

    def before_body(self, transaction: Transaction, budget: int) -> Answer:
        """The conditions that hold for line, headers, cookies and query.

        Raises BudgetError when finding that out costs more than `budget`.
        """
        held = spent = 0
        known = self._known_headers
        for header in transaction.headers:
            answer = known.get(header)
            if answer is None:
                answer = self._of_header(header, budget - spent)
            held |= answer[0]
            spent += answer[1]
        for of_part in (self._path_answer, self._query_answer, self._line_answer):
            more, cost = of_part(transaction, budget - spent)
            held |= more
            spent += cost
        if self._of_request:
            pairs = _entries(transaction, self._of_request)
            more, cost = self._all(pairs, budget - spent)
            held |= more
            spent += cost
        if spent > budget:
            raise BudgetError
        return held | self._counted(transaction), spent

    def of_body(self, transaction: Transaction, budget: int) -> Answer:
        """The conditions that hold for the body; BudgetError as before."""
        pairs = _entries(transaction, self._of_body)
        _add(pairs, transaction.body_arguments, self._body_names, self._body_values)
        held, cost = self._all(pairs, budget)
        return held | self._count(transaction, "body"), cost

    def _of_no_body(self) -> int:
        """What the request says of its body even then, `before_body` has asked."""
        nobody = Transaction(make_request(client_ip="192.0.2.1", method="GET", path="/"))
        asked = {*_OF_QUERY, *_OF_REQUEST}
        sources = [source for source in self._of_body if source[0] not in asked]
        return self._all(_entries(nobody, sources), 1 << 62)[0]

    def _of_header(self, header: tuple[str, str], budget: int) -> Answer:
        name, value = header
        pairs = [
            (self._headers.node(name), header_bytes(value)),
            (self._header_names.node(name), to_bytes(name)),
        ]
        if name == "cookie" and (self._cookie_names.wanted or self._cookie_values.wanted):
            _add(pairs, cookies_of(value), self._cookie_names, self._cookie_values)
        answer = self._all(pairs, budget)
        return _kept(self._known_headers, header, answer, len(name) + len(value))

    def _path_answer(self, transaction: Transaction, budget: int) -> Answer:
        path = transaction.request.path
        known = self._known_paths.get(path)
        if known is not None:
            return known
        pairs = _entries(transaction, self._of_path)
        return _kept(self._known_paths, path, self._all(pairs, budget), len(path))

    def _query_answer(self, transaction: Transaction, budget: int) -> Answer:
        """Of the query and of the URI, which is both."""
        request = transaction.request
        key = (request.path, request.query)
        known = self._known_queries.get(key)
        if known is not None:
            return known
        uri = f"{request.path}?{request.query}" if request.query else request.path
        pairs = _entries(transaction, self._of_query)
        pairs.append((self._uri.node(""), to_bytes(uri)))
        _add(pairs, transaction.query_arguments, self._query_names, self._query_values)
        return _kept(self._known_queries, key, self._all(pairs, budget), len(uri))

    def _line_answer(self, transaction: Transaction, budget: int) -> Answer:
        request = transaction.request
        if not self._of_line:
            return 0, 0
        key = (request.method, request.http_version)
        known = self._known_lines.get(key)
        if known is not None:
            return known
        answer = self._all(_entries(transaction, self._of_line), budget)
        return _kept(self._known_lines, key, answer, sum(map(len, key)))

    def _all(self, pairs: list[tuple[Node, bytes]], budget: int) -> Answer:
        known = self._known
        held = spent = 0
        for pair in pairs:
            answer = known.get(pair)
            if answer is None:
                if spent > budget:
                    raise BudgetError
                answer = _kept(known, pair, self._look(*pair), len(pair[1]))
            held |= answer[0]
            spent += answer[1]
        if spent > budget:
            raise BudgetError
        return held, spent

    def _look(self, node: Node, value: bytes) -> Answer:
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

    def _counted(self, transaction: Transaction) -> int:
        held = self._count(transaction, "before") if self._counts["before"] else 0
        if not self._counts["headers"]:
            return held
        names = tuple([name for name, _ in transaction.headers])
        known = self._known_counts.get(names)
        if known is None:
            known = self._count(transaction, "headers")
            if len(self._known_counts) >= _NAMES_MAX:
                self._known_counts.clear()
            if sum(map(len, names)) <= _NAMES_LENGTH_MAX:
                self._known_counts[names] = known
        return held | known

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


def _kept(known: dict[_Key, Answer], key: _Key, answer: Answer, length: int) -> Answer:
    """`answer`, remembered where the value is short."""
    if length <= _LENGTH_MAX:
        if len(known) >= _KEPT_MAX:
            known.clear()
        known[key] = answer
    return answer


def _entries(transaction: Transaction, sources: Sources) -> list[tuple[Node, bytes]]:
    return [
        (values.node(entry.key), entry.value)
        for variable, values in sources
        for entry in transaction.entries(variable)
    ]


def _add(pairs: list[tuple[Node, bytes]], arguments: Pairs, names: Values, values: Values) -> None:
    for name, value in arguments:
        key = name.decode("utf-8", "replace").lower() if names.by_key or values.by_key else ""
        pairs.append((names.node(key), name))
        pairs.append((values.node(key), value))


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
