"""Requests of which every part was there before, and of which nothing comes."""

from collections.abc import Iterable

from riskengine.headers import OWN, Head, Headers
from riskengine.request import Request
from riskengine.seclang.held import HeldConditions
from riskengine.seclang.kept import Answer, Kept
from riskengine.seclang.message_headers import with_host

_NOTHING_MAX = 4_096

_Head = tuple[str, Head, bool]
_Line = tuple[str, str, str, str]


class Harmless:
    """Tells them without looking closer. Not for several threads at once.

    For programs whose rules ask for nothing but values, and requests without a body.
    """

    def __init__(self, held: HeldConditions) -> None:
        self._held = held
        self._always = held.always | held.without_body
        self._known_header = held.known_header
        self._heads: Kept[_Head] = Kept()
        self._lines: Kept[_Line] = Kept()
        self._nothing: set[int] = set()

    def note(self, held: int) -> None:
        """No rule could fire where these conditions held, and no other."""
        if len(self._nothing) < _NOTHING_MAX:
            self._nothing.add(held)

    def tells(self, request: Request, headers: Headers, budget: int) -> bool:
        """Whether the request is one, and finding that out anew would not cost too much."""
        head = request.host, headers.head, request.headers_known
        line = request.method, request.path, request.query, request.http_version
        of_head = self._heads.get(head) or self._head_answer(head, request)
        of_line = self._lines.get(line) or self._line_answer(line, request)
        answer = _joined([of_head, of_line, *map(self._known_header, headers.own)])
        if answer is None:
            return False
        held, spent = answer
        return (self._always | held) in self._nothing and spent <= budget

    def _line_answer(self, line: _Line, request: Request) -> Answer | None:
        """Of the line and its parts; None where one of them is new."""
        answer = _joined(self._held.known_of_line(request))
        return None if answer is None else self._lines.keep(line, answer, sum(map(len, line)))

    def _head_answer(self, key: _Head, request: Request) -> Answer | None:
        """Of the headers that are not its own; None where one of them is new."""
        shared = tuple([pair for pair in with_host(request) if pair[0] not in OWN])
        answer = _joined(map(self._known_header, shared))
        return None if answer is None else self._heads.keep(key, answer, len(key[1].text))


def _joined(answers: Iterable[Answer | None]) -> Answer | None:
    """What all parts say together; None where one of them is new."""
    held = spent = 0
    for answer in answers:
        if answer is None:
            return None
        held |= answer[0]
        spent += answer[1]
    return held, spent
