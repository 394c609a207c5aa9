"""Requests as rule tests write them: short, and with everything an ordinary browser sends."""

import json
import re
from collections.abc import Iterator
from typing import Any, Self
from urllib.parse import urlencode

from pydantic import Field, model_validator

from riskengine.errors import InvalidRequestError
from riskengine.request import Request, make_request
from riskengine.ruleset.fields import Duration, Entry

REQUESTS_MAX = 100_000
ORDINARY_HEADERS = {
    "host": "shop.example",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "accept-language": "en-GB,en;q=0.7",
    "accept-encoding": "gzip, deflate, br",
    "sec-fetch-site": "same-origin",
}
"""What a request of a test has unless the test says otherwise."""

Scalar = str | int | float | bool
Parameters = dict[str, Scalar | list[Scalar]]

_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"
_REPEATED = re.compile(r"\{([^{}*]{1,64})\*([0-9]{1,5})\}", re.ASCII)


class RequestGroup(Entry):
    """Requests of one kind, one after the other.

    In any text `{n}` becomes 1, 2, 3, ..., and `{ab*500}` becomes ab five hundred times.
    """

    count: int = Field(default=1, ge=1, le=REQUESTS_MAX)
    """How many."""
    every: Duration | None = None
    """Time from one to the next; none when left out."""
    after: Duration | None = None
    """Time from the last request before this group to its first one; `every` when left out."""
    client_ip: str = "203.0.113.1"
    """Address of the client."""
    method: str = "GET"
    """HTTP method."""
    path: str = "/"
    """Raw path; a query may follow it."""
    query: str | Parameters = ""
    """Raw query, or parameters by name."""
    headers: dict[str, str | list[str] | None] = Field(default_factory=dict)
    """Added to those of an ordinary browser; a list repeats one, null takes one away."""
    body: str | None = None
    """Body as text."""
    form: Parameters | None = None
    """Body as form parameters."""
    json_value: Any = Field(default=None, alias="json")
    """Body as JSON."""
    body_size: int = Field(default=0, ge=0)
    """Bytes of the whole body, where only its beginning is given."""
    namespace: str = ""
    """Shop or environment."""
    scheme: str = "https"
    """http or https."""
    http_version: str = "2"
    """1.0, 1.1, 2 or 3."""
    user_id: str = ""
    """Who is logged in."""
    session_id: str = ""
    """Id of the session."""
    device_id: str = ""
    """Id of the device."""
    tls_fingerprint: str = ""
    """Fingerprint of the TLS client hello."""
    attributes: dict[str, str] = Field(default_factory=dict)
    """Anything else that rules match or key on."""

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if sum(body is not None for body in (self.body, self.form, self.json_value)) > 1:
            raise ValueError("a request has one body: write body, form or json")
        if "?" in self.path and self.query:
            raise ValueError("the query stands either behind the path or in query, not in both")
        for n in (1, self.count):
            try:
                self.request(n, at=0.0)
            except InvalidRequestError as error:
                raise ValueError(str(error)) from None
        return self

    def request(self, n: int, at: float) -> Request:
        """The `n`th request of the group, counted from 1, at `at` seconds since the epoch."""
        path, _, query = self.path.partition("?")
        headers = dict(self._headers(n))
        return make_request(
            path=_filled(path, n),
            query=_filled(_encoded(self.query) or query, n),
            method=self.method,
            scheme=self.scheme,
            host=headers["host"][-1] if headers.get("host") else "",
            http_version=self.http_version,
            namespace=self.namespace,
            headers=tuple((name, value) for name, values in headers.items() for value in values),
            body=self._body(n),
            body_size=self.body_size,
            attributes={name: _filled(value, n) for name, value in self.attributes.items()},
            received_at=at,
            client_ip=_filled(self.client_ip, n),
            user_id=_filled(self.user_id, n),
            session_id=_filled(self.session_id, n),
            device_id=_filled(self.device_id, n),
            tls_fingerprint=_filled(self.tls_fingerprint, n),
        )

    def _headers(self, n: int) -> Iterator[tuple[str, list[str]]]:
        """Names and values: an ordinary browser's, those that describe the body, the test's own."""
        yield from ((name, [value]) for name, value in ORDINARY_HEADERS.items())
        if self.form is not None or self.json_value is not None:
            yield "content-type", [_FORM if self.form is not None else _JSON]
        if size := max(len(self._body(n)), self.body_size):
            yield "content-length", [str(size)]
        for name, value in self.headers.items():
            values = value if isinstance(value, list) else [value]
            yield name.lower(), [_filled(text, n) for text in values if text is not None]

    def _body(self, n: int) -> bytes:
        if self.form is not None:
            return _filled(_encoded(self.form), n).encode()
        text = json.dumps(self.json_value) if self.json_value is not None else self.body or ""
        return _filled(text, n).encode()


def _encoded(parameters: str | Parameters) -> str:
    if isinstance(parameters, str):
        return parameters
    words = {
        name: [_word(v) for v in value] if isinstance(value, list) else _word(value)
        for name, value in parameters.items()
    }
    return urlencode(words, doseq=True, safe="{}*")


def _word(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _filled(text: str, n: int) -> str:
    """The text with its `{n}` and its repetitions written out."""
    if "{" not in text:
        return text
    return _REPEATED.sub(lambda found: found[1] * int(found[2]), text.replace("{n}", str(n)))
