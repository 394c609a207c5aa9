"""One request in the words of SecLang: its variables, made when a rule first asks for them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from riskengine.content_encoding import NO_BODY, Unpacked, content_encoding, unpack
from riskengine.percent import to_bytes
from riskengine.request import Request
from riskengine.seclang.bodies import parse_body, processor_for
from riskengine.seclang.bodies_contract import EMPTY, BodyValues
from riskengine.seclang.bodies_form import form_arguments
from riskengine.seclang.message_headers import cookies_of, header_bytes, with_host
from riskengine.seclang.seen import Seen
from riskengine.seclang.targets import MULTIPART_FLAGS
from riskengine.seclang.transforms_urls import percent_decoded

_HIDING = ("too_many", "too_long", "encoding")


class Entry(NamedTuple):
    """One value of a variable."""

    key: str
    """In lower case; empty for variables with one value."""
    name: str
    """What it is called in hits: `ARGS:id`."""
    value: bytes


Entries = list[Entry]
Pairs = tuple[tuple[bytes, bytes], ...]


class Transaction:
    """What rules can ask about one request. Phase 1 does not see the body."""

    __slots__ = (
        "_body", "_cookies", "_entries", "_forced_body", "_processor", "_query",
        "_read_otherwise", "_seen_headers", "_unpacked", "answers", "looked", "request",
        "with_body",
    )  # fmt: skip

    def __init__(self, request: Request) -> None:
        self.request = request
        self._seen_headers: tuple[tuple[str, str], ...] | None = None
        self.with_body = False
        self._entries: dict[str, Entries] = {}
        self._processor: str | None = None
        self._read_otherwise = False
        self._forced_body = False
        self._unpacked: Unpacked = NO_BODY
        self._body: BodyValues = EMPTY
        self.answers: dict[tuple[object, bytes], tuple[int, int]] = {}
        """What the fast evaluator found out about long values."""
        self.looked: dict[str, Seen] = {}
        """And about all values of a variable."""
        self._query: Pairs | None = None
        self._cookies: Pairs | None = None

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Lower-case name and value of each header, the host among them."""
        if self._seen_headers is None:
            self._seen_headers = with_host(self.request)
        return self._seen_headers

    @property
    def processor(self) -> str:
        """How the body is read: URLENCODED, MULTIPART, JSON, XML, or empty for not at all."""
        if self._processor is None:
            self._processor = processor_for(to_bytes(self._header("content-type")))
        return self._processor

    def read_as(self, processor: str) -> None:
        """Have the body read in that way (`ctl:requestBodyProcessor`)."""
        self._processor = processor.upper()
        self._read_otherwise = True
        self._entries.pop("REQBODY_PROCESSOR", None)
        self.looked.pop("REQBODY_PROCESSOR", None)

    def force_body(self) -> None:
        """Have REQUEST_BODY even where nothing reads the body (`ctl:forceRequestBodyVariable`)."""
        self._forced_body = True

    def receive_body(self) -> bool:
        """Go on to phase 2: the body is read now. Whether rules see anything else then."""
        self.with_body = True
        if not self.request.body and not self._read_otherwise:
            return False
        for name in _OF_THE_BODY & self._entries.keys():
            del self._entries[name]
            self.looked.pop(name, None)
        request = self.request
        if not request.body:
            return True
        whole = request.body_size <= len(request.body)
        unpacked = unpack(request.body, content_encoding(request.headers), whole=whole)
        self._unpacked = unpacked
        content_type = to_bytes(self._header("content-type"))
        self._body = parse_body(self.processor, content_type, unpacked.body)
        if unpacked.fault:
            self._body = self._body._replace(error=unpacked.fault, detail=unpacked.detail)
        return True

    @property
    def unread(self) -> str:
        """Why rules did not see all of a body that is here; empty where they did.

        A body that its parser cannot make sense of is seen as one value, so it counts as seen.
        """
        hidden = self._body.error in _HIDING or self._unpacked.fault
        return self._body.detail if hidden else ""

    @property
    def cookies(self) -> Pairs:
        """Names and values of the cookies."""
        if self._cookies is None:
            texts = [value for name, value in self.request.headers if name == "cookie"]
            self._cookies = tuple([pair for text in texts for pair in cookies_of(text)])
        return self._cookies

    @property
    def query_arguments(self) -> Pairs:
        """Names and values of the query."""
        if self._query is None:
            query = self.request.query
            self._query = form_arguments(to_bytes(query))[0] if query else ()
        return self._query

    @property
    def body_arguments(self) -> Pairs:
        """Names and values of the body; none in phase 1."""
        return self._body.arguments

    @property
    def body_read(self) -> tuple[int, int]:
        """Bytes of the body, unpacked, and how many values it was taken apart into."""
        body = self._body
        several = (body.arguments, body.files, body.part_headers, body.xml_attributes)
        return len(self._unpacked.body), sum(map(len, several))

    def entries(self, variable: str) -> Entries:
        """All values of a variable that speaks of the request; empty for TX and MATCHED_..."""
        known = self._entries.get(variable)
        if known is None:
            maker = _MAKERS.get(variable)
            known = self._entries[variable] = maker(self) if maker else []
        return known

    def entries_at(self, variable: str, places: Sequence[int]) -> Entries:
        """Some of the values of a variable: those that stand at `places`, and only these made."""
        known, read = self._entries.get(variable), PAIRS.get(variable)
        if known is None and read is not None:
            pairs = read(self)
            return _pairs(variable, [pairs[place] for place in places])
        entries = self.entries(variable)
        return [entries[place] for place in places]

    def _header(self, name: str) -> str:
        return next((value for known, value in self.request.headers if known == name), "")

    def _headers(self) -> Entries:
        return [
            Entry(name, f"REQUEST_HEADERS:{name}", header_bytes(value))
            for name, value in self.headers
        ]

    def _header_names(self) -> Entries:
        return [
            Entry(name, f"REQUEST_HEADERS_NAMES:{name}", to_bytes(name)) for name, _ in self.headers
        ]

    def _args_size(self) -> bytes:
        pairs = (*self.query_arguments, *self.body_arguments)
        return b"%d" % sum(len(name) + len(value) for name, value in pairs)

    def _uri(self) -> bytes:
        query = self.request.query
        return to_bytes(f"{self.request.path}?{query}" if query else self.request.path)

    def _filename(self) -> bytes:
        """The path, decoded once: what ModSecurity 3 and Apache show."""
        path = to_bytes(self.request.path)
        return percent_decoded(path) if b"%" in path else path

    def _basename(self) -> bytes:
        """The last part of the path, behind a slash of either kind."""
        return self._filename().rpartition(b"/")[2].rpartition(b"\\")[2]

    def _protocol(self) -> bytes:
        version = self.request.http_version or "HTTP/1.1"
        return to_bytes(version if version.upper().startswith("HTTP/") else f"HTTP/{version}")

    def _line(self) -> bytes:
        return b"%s %s %s" % (to_bytes(self.request.method), self._uri(), self._protocol())

    def _raw_body(self) -> Entries:
        read = self.processor in ("URLENCODED", "") or self._forced_body
        if not self.with_body or not self.request.body or not read:
            return []
        return [Entry("", "REQUEST_BODY", self._unpacked.body)]


def _pairs(variable: str, pairs: Iterable[tuple[bytes, bytes]]) -> Entries:
    named = variable.endswith("_NAMES")
    entries = []
    for name, value in pairs:
        shown = name.decode("utf-8", "replace")
        entries.append(Entry(shown.lower(), f"{variable}:{shown}", name if named else value))
    return entries


Maker = Callable[[Transaction], Entries]
Reader = Callable[[Transaction], bytes]


def _single(variable: str, read: Reader) -> Maker:
    return lambda transaction: [Entry("", variable, read(transaction))]


def _by_name(variable: str, read: Callable[[Transaction], Pairs]) -> Maker:
    return lambda transaction: _pairs(variable, read(transaction))


def _query(transaction: Transaction) -> Entries:
    query = transaction.request.query
    return [Entry("", "QUERY_STRING", to_bytes(query))] if query else []


def _flag(variable: str) -> Reader:
    return lambda t: b"1" if variable in t._body.flags else b"0"


def _texts(variable: str, key: str, values: Iterable[bytes]) -> Entries:
    return [Entry(key, f"{variable}:{key}", value) for value in values]


_OF_THE_BODY = frozenset(
    {
        "ARGS", "ARGS_NAMES", "ARGS_POST", "ARGS_POST_NAMES", "ARGS_COMBINED_SIZE", "FILES",
        "FILES_COMBINED_SIZE", "FILES_NAMES", "FILES_SIZES", "MULTIPART_PART_HEADERS",
        "REQBODY_ERROR", "REQBODY_ERROR_MSG", "REQUEST_BODY", "XML",
        "REQBODY_PROCESSOR", *MULTIPART_FLAGS,
    }
)  # fmt: skip

SINGLE: Mapping[str, Reader] = {
    "ARGS_COMBINED_SIZE": Transaction._args_size,
    "FILES_COMBINED_SIZE": lambda t: b"%d" % sum(t._body.file_sizes),
    "PATH_INFO": lambda t: to_bytes(t.request.path),
    "REMOTE_ADDR": lambda t: t.request.address.text.encode(),
    "REMOTE_HOST": lambda t: t.request.address.text.encode(),
    "REQBODY_ERROR": lambda t: b"1" if t._body.error else b"0",
    "REQBODY_ERROR_MSG": lambda t: to_bytes(t._body.detail),
    "REQBODY_PROCESSOR": lambda t: to_bytes(t.processor),
    "REQUEST_BASENAME": Transaction._basename,
    "REQUEST_BODY_LENGTH": lambda t: b"%d" % t.request.body_size,
    "REQUEST_FILENAME": Transaction._filename,
    "REQUEST_LINE": Transaction._line,
    "REQUEST_METHOD": lambda t: to_bytes(t.request.method),
    "REQUEST_PROTOCOL": Transaction._protocol,
    "REQUEST_URI": Transaction._uri,
    "REQUEST_URI_RAW": Transaction._uri,
    "SERVER_NAME": lambda t: to_bytes(t.request.host),
    "UNIQUE_ID": lambda t: to_bytes(t.request.request_id),
    **{name: _flag(name) for name in MULTIPART_FLAGS},
}
"""How to read the variables that have one value, whatever the request."""

PAIRS: Mapping[str, Callable[[Transaction], Pairs]] = {
    "ARGS": lambda t: t.query_arguments + t.body_arguments,
    "ARGS_GET": lambda t: t.query_arguments,
    "ARGS_GET_NAMES": lambda t: t.query_arguments,
    "ARGS_NAMES": lambda t: t.query_arguments + t.body_arguments,
    "ARGS_POST": lambda t: t.body_arguments,
    "ARGS_POST_NAMES": lambda t: t.body_arguments,
    "FILES": lambda t: t._body.files,
    "FILES_NAMES": lambda t: t._body.files,
    "MULTIPART_PART_HEADERS": lambda t: t._body.part_headers,
    "REQUEST_COOKIES": lambda t: t.cookies,
    "REQUEST_COOKIES_NAMES": lambda t: t.cookies,
}
"""Names and values of the variables that have many. Values of ..._NAMES are the names."""

_MAKERS: Mapping[str, Maker] = {
    **{variable: _single(variable, read) for variable, read in SINGLE.items()},
    **{variable: _by_name(variable, read) for variable, read in PAIRS.items()},
    "FILES_SIZES": lambda t: [
        Entry("", "FILES_SIZES", b"%d" % size) for size in t._body.file_sizes
    ],
    "QUERY_STRING": _query,
    "REQUEST_BODY": Transaction._raw_body,
    "REQUEST_HEADERS": Transaction._headers,
    "REQUEST_HEADERS_NAMES": Transaction._header_names,
    "XML": lambda t: [
        *_texts("XML", "/*", (t._body.xml_text,) if t._body.xml_text else ()),
        *_texts("XML", "//@*", t._body.xml_attributes),
    ],
}
