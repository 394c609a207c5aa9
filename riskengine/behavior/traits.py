"""What one request says about its client: its kind, its page, where it says it comes from."""

from typing import NamedTuple
from zlib import crc32

from riskengine.headers import Head
from riskengine.inspection import Inspection
from riskengine.ruleset.routes import Kind

_ASSET_ENDINGS = (
    ".avif", ".bmp", ".css", ".eot", ".gif", ".ico", ".jpeg", ".jpg", ".js", ".map", ".mjs",
    ".mp3", ".mp4", ".otf", ".png", ".svg", ".ttf", ".webm", ".webp", ".woff", ".woff2",
)  # fmt: skip


class Referer(NamedTuple):
    """The address of the page that a request says it comes from."""

    host: str
    place: int
    """Comparable with `place_of`."""


class Traits(NamedTuple):
    """What headers say about the client that sent them."""

    language: bool
    """Whether it says which languages it reads."""
    encoding: bool
    fetch: bool
    """Whether it says what it wants the answer for (`sec-fetch-...`)."""
    cookie: bool
    agent: int | None
    """Stands for its user agent; None where it tells none."""


def traits_of(head: Head) -> Traits:
    """What is told by these headers."""
    by_name = head.by_name
    agent = by_name.get("user-agent")
    return Traits(
        "accept-language" in by_name,
        "accept-encoding" in by_name,
        "sec-fetch-mode" in by_name or "sec-fetch-site" in by_name,
        "cookie" in by_name,
        crc32(agent.encode("utf-8", "replace")) if agent else None,
    )


def kind_of(inspection: Inspection) -> Kind:
    """The kind of the request's route; without a route, what its path looks like."""
    if inspection.route is not None:
        return inspection.route.kind
    key = inspection.normal.key
    if key.endswith(_ASSET_ENDINGS):
        return "asset"
    return "api" if key.startswith("/api/") or "/api/" in key else "page"


def place_of(key: str, query: str) -> int:
    """A 32-bit number for a path and its query: the same on every machine and in every process."""
    return crc32(
        f"{key}?{query}".lower().encode("utf-8", "replace")
        if query
        else key.encode("utf-8", "replace")
    )


def read_referer(value: str) -> Referer | None:
    """Host and page of a `referer` header; None when it names neither."""
    host_at = value.find("://") + 3
    path_at = value.find("/", host_at)
    if host_at < 3 or path_at < 0:
        return None
    place, _, _ = value[path_at:].partition("#")
    return Referer(value[host_at:path_at].lower(), crc32(place.lower().encode("utf-8", "replace")))
