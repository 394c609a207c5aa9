"""Turns what the engine knows of a request into what may be written down."""

import datetime
from typing import NamedTuple

import msgspec

from riskengine.decision import RuleHit
from riskengine.headers import OWN, ByHead, Head, Headers, headers_of
from riskengine.records.decision_lines import HitLine, hit_line
from riskengine.records.lines import RequestLine
from riskengine.records.pseudonyms import Pseudonyms
from riskengine.records.secrets import (
    blank_link,
    blank_parameters,
    blank_path_parameters,
    fill_link,
    fill_parameters,
    fill_path_parameters,
    filler,
    is_secret_header,
    names_secret,
    tells_address,
)
from riskengine.request import Request


class _Told(NamedTuple):
    """A head as it may be written down, and what of it may not."""

    headers: list[tuple[str, str]]
    withheld: dict[str, int]
    own: list[tuple[int, str]]
    """Headers that the head leaves out: where they stand, and what they are withheld as, or ""."""


class Redaction:
    """Redacts requests and hits; with a key, identifiers become pseudonyms too."""

    def __init__(self, hash_key: bytes | None = None) -> None:
        """`hash_key`: at least 16 secret bytes, or None to keep addresses and ids as they are."""
        self._pseudonyms = None if hash_key is None else Pseudonyms(hash_key)
        self._told = ByHead(self._tell)
        self.hashes = hash_key is not None
        """Whether identifiers become pseudonyms."""

    def line(
        self, request: Request, at: datetime.datetime, headers: Headers | None = None
    ) -> RequestLine:
        """The request as it may be logged, without secrets and without the body.

        `headers` are its own, where the caller has them at hand.
        """
        headers = headers or headers_of(request.headers)
        told, withheld, own = self._told[headers.head]
        withheld = withheld.copy()
        if own:
            told = told.copy()
            for (place, key), header in zip(own, headers.own, strict=True):
                if key:
                    withheld[key] = withheld.get(key, 0) + len(header[1])
                else:
                    told[place] = self._header(header, withheld)
        path, query = request.path, request.query
        if ";" in path:
            path = blank_path_parameters(path, withheld)
        if query:
            query = blank_parameters(query, "query.", withheld)
        if request.body_size:
            withheld["body"] = request.body_size
        client_ip, user_id, session_id, device_id = self._who(request)
        return RequestLine(  # by position, which takes half as long as by name
            at,
            client_ip,
            request.method,
            path,
            query,
            request.request_id,
            "" if request.namespace == "default" else request.namespace,
            request.scheme,
            request.host,
            request.http_version,
            told,
            request.headers_known,
            "",
            request.body_size,
            user_id,
            session_id,
            device_id,
            request.tls_fingerprint,
            request.attributes,
            withheld,
        )

    def profile(self, key: str) -> str:
        """The profile's key, or its pseudonym."""
        return key if self._pseudonyms is None else self._pseudonyms.identifier(key)

    def hits(self, hits: tuple[RuleHit, ...], request: Request) -> list[HitLine]:
        """The hits with details that give away neither a secret nor, with a key, who it was."""
        return [hit_line(hit, self._detail(hit.detail, request)) for hit in hits]

    def _tell(self, head: Head) -> _Told:
        withheld: dict[str, int] = {}
        told = [
            header if header[0] in OWN else self._header(header, withheld) for header in head.pairs
        ]
        return _Told(told, withheld, [(at, self._key(told[at][0])) for at in head.own_places])

    def _key(self, name: str) -> str:
        """What a header's value is withheld as; empty where it may be told, or a part of it."""
        if name in _LINKS:
            return ""
        secret = is_secret_header(name) or (self._pseudonyms is not None and tells_address(name))
        return "header." + name if secret else ""

    def _header(self, header: tuple[str, str], withheld: dict[str, int]) -> tuple[str, str]:
        name, value = header
        if name in _LINKS:
            return (name, blank_link(value, name, withheld)) if "=" in value else header
        if key := self._key(name):
            withheld[key] = withheld.get(key, 0) + len(value)
            return name, ""
        return header

    def _who(self, request: Request) -> tuple[str, str, str, str]:
        ids = request.user_id, request.session_id, request.device_id
        if self._pseudonyms is None:
            return request.address.text, *ids
        user_id, session_id, device_id = map(self._pseudonyms.identifier, ids)
        return self._pseudonyms.address(request.address), user_id, session_id, device_id

    def _detail(self, detail: str, request: Request) -> str:
        if names_secret(detail):
            return f"withheld: {len(detail)} characters"
        if self._pseudonyms is None or not detail:
            return detail
        address, *pseudonyms = self._who(request)
        network = request.address.subject.removesuffix("/64")
        ids = request.user_id, request.session_id, request.device_id
        said = (
            (request.address.text, address),
            (network, address),
            *zip(ids, pseudonyms, strict=True),
        )
        for value, pseudonym in said:
            if len(value) >= _SAID_MIN:
                detail = detail.replace(value, pseudonym)
        return detail


def restored(line: RequestLine) -> RequestLine:
    """A logged request with `*` in the place of what was withheld, so that sizes are true again.

    The body stays away: `body_size` tells how long it was.
    """
    withheld = line.withheld
    if not withheld:
        return line
    left = dict(withheld)  # of several headers of one name, the first takes the whole length
    headers = [(name, _filled_header(name, value, left)) for name, value in line.headers or ()]
    return msgspec.structs.replace(
        line,
        path=fill_path_parameters(line.path, withheld),
        query=fill_parameters(line.query, "query.", withheld),
        headers=None if line.headers is None else headers,
    )


def _filled_header(name: str, value: str, left: dict[str, int]) -> str:
    if not value:
        return filler(left.pop(f"header.{name}", 0))
    return fill_link(value, name, left) if name in _LINKS else value


_LINKS = frozenset({"referer", "location", "content-location", "x-original-url", "x-rewrite-url"})
_SAID_MIN = 4  # shorter identifiers are not looked for in details: "de" would hit too much
