"""Which conditions hold for the values of a request."""

from collections.abc import Callable, Sequence
from functools import reduce
from operator import or_

from riskengine.percent import to_bytes
from riskengine.request import Request, make_request
from riskengine.seclang.conditions import Answerable
from riskengine.seclang.counts import Counts
from riskengine.seclang.evaluation import BudgetError
from riskengine.seclang.kept import Answer, Kept
from riskengine.seclang.looking import Looking
from riskengine.seclang.message_headers import cookies_of, header_bytes
from riskengine.seclang.parsing_cost import body_cost, cookies_cost, query_cost
from riskengine.seclang.scan_groups import ScanGroup
from riskengine.seclang.seen import Seen
from riskengine.seclang.targets import MULTIPART_FLAGS
from riskengine.seclang.transaction import SINGLE, Transaction
from riskengine.seclang.value_pairs import Named, Pair, Sources
from riskengine.seclang.value_sources import Source

_OF_PATH = ("PATH_INFO", "REQUEST_BASENAME", "REQUEST_FILENAME")
_OF_QUERY = ("ARGS_COMBINED_SIZE",)
_OF_LINE = ("QUERY_STRING", "REQUEST_LINE", "REQUEST_METHOD", "REQUEST_PROTOCOL")
_OF_REQUEST = (
    "REMOTE_ADDR", "REMOTE_HOST", "REQBODY_PROCESSOR", "REQUEST_BODY_LENGTH", "SERVER_NAME",
    "UNIQUE_ID",
)  # fmt: skip
_OF_BODY = (
    "ARGS_COMBINED_SIZE", "FILES", "FILES_COMBINED_SIZE", "FILES_NAMES", "FILES_SIZES",
    "MULTIPART_PART_HEADERS", "REQBODY_ERROR", "REQBODY_ERROR_MSG", "REQBODY_PROCESSOR",
    "REQUEST_BODY", "XML", *MULTIPART_FLAGS,
)  # fmt: skip
_NAMED = frozenset(
    {
        "ARGS", "ARGS_GET", "ARGS_GET_NAMES", "ARGS_NAMES", "ARGS_POST", "ARGS_POST_NAMES",
        "REQUEST_COOKIES", "REQUEST_COOKIES_NAMES",
    }
)  # fmt: skip


class HeldConditions:
    """Answers, for one program, which conditions hold. Not for several threads at once.

    What was found out about a header, a path or a parameter is remembered where it is short: the
    answer depends on nothing else, and real clients send the same ones over and over.
    """

    def __init__(
        self,
        answerable: tuple[Answerable, ...],
        groups: Sequence[ScanGroup],
    ) -> None:
        """The last of `groups` knows all that a scan can tell."""
        self._looking = Looking()
        source = Source(answerable, groups)
        of = source.of
        self._queried = Named(of("ARGS_NAMES", "ARGS_GET_NAMES"), of("ARGS", "ARGS_GET"))
        self._posted = Named(of("ARGS_NAMES", "ARGS_POST_NAMES"), of("ARGS", "ARGS_POST"))
        self._cookies = Named(of("REQUEST_COOKIES_NAMES"), of("REQUEST_COOKIES"))
        self._headers = source.of("REQUEST_HEADERS")
        self._header_names = source.of("REQUEST_HEADERS_NAMES")
        self._uri = source.of("REQUEST_URI", "REQUEST_URI_RAW")
        self._of_path = Sources(source.demanded(_OF_PATH))
        self._of_query = Sources(source.demanded(_OF_QUERY))
        self._of_line = Sources(source.demanded(_OF_LINE))
        self._of_request = Sources(source.demanded(_OF_REQUEST))
        self._of_body = Sources(source.demanded(_OF_BODY))
        before = (self._of_path, self._of_query, self._of_line, self._of_request)
        self.always = reduce(or_, (sources.always for sources in before))
        """Bits that are taken to hold for every request."""
        self._counts = Counts(answerable, _OF_BODY)
        sources = (*before, self._of_body)
        self._values_of = dict(pair for one in sources for pair in one.demanded)
        self._values_of |= {"REQUEST_HEADERS_NAMES": self._header_names}
        self._values_of |= dict.fromkeys(("REQUEST_URI", "REQUEST_URI_RAW"), self._uri)
        self._known_headers: Kept[tuple[str, str]] = Kept()
        self.known_header = self._known_headers.get
        """What was found out before about a header: name and value."""
        self._known_messages: Kept[tuple[str, tuple[tuple[str, str], ...], bool]] = Kept()
        self._known_paths: Kept[str] = Kept()
        self._known_queries: Kept[str] = Kept()
        self._known_lines: Kept[tuple[str, str, str, str]] = Kept()
        self._parts = (
            self._headers_answer,
            self._path_answer,
            self._line_answer,
            self._query_answer,
            self._request_answer,
        )
        self.without_body = self._of_no_body()
        """Bits that hold for every request that has no body."""

    def before_bodies(
        self, transactions: Sequence[Transaction], budget: int
    ) -> list[Answer | None]:
        """The conditions that hold for line, headers, cookies and query of each.

        None where finding that out costs more than `budget`. One kind of value after the other is
        looked at, of all of them: what a kind needs is in the processor's caches then, which is
        most of what a look costs.
        """
        answers: list[Answer | None] = [(self.always, 0)] * len(transactions)
        for of_part in self._parts:
            for place, transaction in enumerate(transactions):
                answer = answers[place]
                if answer is not None:
                    answers[place] = _and(answer, of_part, transaction, budget)
        return answers

    @property
    def is_by_parts(self) -> bool:
        """Whether nothing is asked of a request but what its parts are: each can be remembered."""
        return not (self._of_request.demanded or self._counts.any)

    def known_of_line(self, request: Request) -> list[Answer | None]:
        """What was found out before about path, query and line."""
        line = (request.method, request.path, request.query, request.http_version)
        return [
            self._known_paths.get(request.path),
            self._known_queries.get(request.query),
            self._known_lines.get(line),
        ]

    def of_body(self, transaction: Transaction, budget: int) -> Answer:
        """The conditions that hold for the body; BudgetError as before."""
        pairs = self._of_body.pairs(transaction)
        pairs += self._posted.pairs(transaction.body_arguments)
        parsing = body_cost(*transaction.body_read)
        held, cost = self._all(pairs, budget, transaction, parsing)
        return held | self._of_body.always | self._counts.of_body(transaction), cost

    def answers(self, variable: str) -> bool:
        """Whether `of` knows anything of that variable."""
        asked = variable in _NAMED or variable in self._values_of
        return asked or variable == "REQUEST_HEADERS"

    def of(self, transaction: Transaction, variable: str) -> Seen:
        """What holds for the entries of a variable that `answers`.

        What was asked before is remembered, so that this costs next to nothing.
        """
        known = transaction.looked.get(variable)
        if known is None:
            look, answer = self._looking.known.get, self._looking.answer
            pairs = self._pairs(transaction, variable)
            bits = [(look(pair) or answer(pair, transaction))[0] for pair in pairs]
            known = Seen(bits, reduce(or_, bits, 0))
            transaction.looked[variable] = known
        return known

    def _pairs(self, transaction: Transaction, variable: str) -> list[Pair]:
        if variable in _NAMED:
            return self._named_pairs(transaction, variable)
        if variable == "REQUEST_HEADERS":
            node = self._headers.node
            return [(node(name), header_bytes(text)) for name, text in transaction.headers]
        node = self._values_of[variable].node
        return [(node(entry.key), entry.value) for entry in transaction.entries(variable)]

    def _named_pairs(self, transaction: Transaction, variable: str) -> list[Pair]:
        """Those of names or of values: every other one."""
        pairs: list[Pair] = []
        if variable in ("REQUEST_COOKIES", "REQUEST_COOKIES_NAMES"):
            pairs += self._cookies.pairs(transaction.cookies)
        if variable in ("ARGS", "ARGS_NAMES", "ARGS_GET", "ARGS_GET_NAMES"):
            pairs += self._queried.pairs(transaction.query_arguments)
        if variable in ("ARGS", "ARGS_NAMES", "ARGS_POST", "ARGS_POST_NAMES"):
            pairs += self._posted.pairs(transaction.body_arguments)
        return pairs[0 if variable.endswith("_NAMES") else 1 :: 2]

    def _of_no_body(self) -> int:
        """What the request says of its body even then, `before_body` has asked."""
        nobody = Transaction(make_request(client_ip="192.0.2.1", method="GET", path="/"))
        asked = {*_OF_QUERY, *_OF_REQUEST}
        sources = Sources([one for one in self._of_body.demanded if one[0] not in asked])
        return self._all(sources.pairs(nobody), 1 << 62, nobody)[0] | sources.always

    def _headers_answer(self, transaction: Transaction, budget: int) -> Answer:
        """Of all headers: the requests of a page share them."""
        request = transaction.request
        key = (request.host, request.headers, request.headers_known)
        answer = self._known_messages.get(key)
        if answer is not None:
            return answer
        held = spent = length = 0
        for header in transaction.headers:
            answer = self._known_headers.get(header)
            if answer is None:
                answer = self._of_header(header, budget - spent, transaction)
            held |= answer[0]
            spent += answer[1]
            length += len(header[0]) + len(header[1])
        return self._known_messages.keep(key, (held, spent), length)

    def _of_header(self, header: tuple[str, str], budget: int, transaction: Transaction) -> Answer:
        name, value = header
        pairs = [
            (self._headers.node(name), header_bytes(value)),
            (self._header_names.node(name), to_bytes(name)),
        ]
        parsing = 0
        if name == "cookie" and self._cookies.wanted:
            parsing = cookies_cost(value)
            pairs += self._cookies.pairs(cookies_of(value))
        answer = self._all(pairs, budget, transaction, parsing)
        return self._known_headers.keep(header, answer, len(name) + len(value))

    def _path_answer(self, transaction: Transaction, budget: int) -> Answer:
        path = transaction.request.path
        known = self._known_paths.get(path)
        if known is not None:
            return known
        answer = self._all(self._of_path.pairs(transaction), budget, transaction)
        return self._known_paths.keep(path, answer, len(path))

    def _line_answer(self, transaction: Transaction, budget: int) -> Answer:
        """Of the request line, and of the URI in it."""
        request = transaction.request
        key = (request.method, request.path, request.query, request.http_version)
        known = self._known_lines.get(key)
        if known is not None:
            return known
        pairs = self._of_line.pairs(transaction)
        pairs.append((self._uri.node(""), SINGLE["REQUEST_URI"](transaction)))
        answer = self._all(pairs, budget, transaction)
        return self._known_lines.keep(key, answer, sum(map(len, key)))

    def _query_answer(self, transaction: Transaction, budget: int) -> Answer:
        query = transaction.request.query
        known = self._known_queries.get(query)
        if known is not None:
            return known
        pairs = self._of_query.pairs(transaction)
        pairs += self._queried.pairs(transaction.query_arguments)
        answer = self._all(pairs, budget, transaction, query_cost(query))
        return self._known_queries.keep(query, answer, len(query))

    def _request_answer(self, transaction: Transaction, budget: int) -> Answer:
        """Of all the rest, and of how many values there are."""
        held, cost = self._all(self._of_request.pairs(transaction), budget, transaction)
        return held | self._counts.before_body(transaction), cost

    def _all(
        self,
        pairs: list[Pair],
        budget: int,
        transaction: Transaction,
        parsing: int = 0,
    ) -> Answer:
        """`parsing` is what it cost to have the pairs."""
        known = self._looking.known
        held, spent = 0, parsing
        for pair in pairs:
            answer = known.get(pair)
            if answer is None:
                if spent > budget:
                    raise BudgetError
                answer = self._looking.answer(pair, transaction)
            held |= answer[0]
            spent += answer[1]
        if spent > budget:
            raise BudgetError
        return held, spent


def _and(
    answer: Answer,
    of_part: Callable[[Transaction, int], Answer],
    transaction: Transaction,
    budget: int,
) -> Answer | None:
    """With what holds for one more part; None where that is too expensive."""
    held, spent = answer
    try:
        more, cost = of_part(transaction, budget - spent)
    except BudgetError:
        return None
    spent += cost
    return (held | more, spent) if spent <= budget else None
