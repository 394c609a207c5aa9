"""One line of a traffic file: a request as JSON, with its label and outcome where they are known.

The same form serves samples, the simulator, replay and (as part of a longer line) the decision
log. docs/log-format.md describes it field by field.
"""

import datetime
from typing import Annotated

import msgspec

from riskengine.request import Request, make_request


class Label(msgspec.Struct, frozen=True):
    """What a request truly is, where somebody knows."""

    bad: bool
    kind: str
    """`shopper`, `crawler`, `scraper-fast`, `scalper`, ...: the population it belongs to."""


class OutcomeLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of an allowed request."""

    status: int
    bytes: int = 0
    latency_ms: float | None = None


Moment = Annotated[datetime.datetime, msgspec.Meta(tz=True)]
"""A time with its zone: `2026-03-01T10:00:00Z`. Without one, replay would depend on the machine."""


class RequestLine(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A request as it stands in a file. `null` headers mean that the source does not tell them."""

    received_at: Moment
    client_ip: str
    method: str
    path: str
    query: str = ""
    request_id: str = ""
    namespace: str = ""
    scheme: str = ""
    host: str = ""
    http_version: str = ""
    headers: list[tuple[str, str]] | None = []
    headers_known: bool = True
    """False where the source tells only the headers listed."""
    body: str = ""
    """The body as text; empty where it was not kept."""
    body_size: int = 0
    user_id: str = ""
    session_id: str = ""
    device_id: str = ""
    tls_fingerprint: str = ""
    attributes: dict[str, str] = {}
    withheld: dict[str, int] = {}
    """What was left out on purpose, and its length: `{"header.cookie": 212, "body": 48}`."""
    label: Label | None = None
    outcome: OutcomeLine | None = None

    def to_request(self) -> Request:
        """The request to be judged; InvalidRequestError where it is none."""
        return make_request(
            client_ip=self.client_ip,
            request_id=self.request_id,
            namespace=self.namespace,
            method=self.method,
            scheme=self.scheme,
            host=self.host,
            path=self.path,
            query=self.query,
            http_version=self.http_version,
            headers=tuple((name.lower(), value) for name, value in self.headers or ()),
            headers_known=self.headers_known and self.headers is not None,
            body=self.body.encode(),
            body_size=self.body_size,
            user_id=self.user_id,
            session_id=self.session_id,
            device_id=self.device_id,
            tls_fingerprint=self.tls_fingerprint,
            attributes=self.attributes,
            received_at=self.received_at.timestamp(),
        )
