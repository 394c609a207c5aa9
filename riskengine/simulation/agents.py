"""What a client sends along with every request: a browser's headers, or a program's few."""

from collections.abc import Mapping
from dataclasses import dataclass

from riskengine.simulation.shop import ORIGIN, Ask, Destination

Header = tuple[str, str]

DESTINATIONS: tuple[Destination, ...] = ("document", "style", "script", "image", "empty")


@dataclass(frozen=True, slots=True)
class Agent:
    """Software that speaks HTTP: the same client sends the same headers all day."""

    http_version: str
    fixed: Mapping[Destination, tuple[Header, ...]]
    """Headers that depend only on what is fetched."""
    fetch_metadata: bool = False
    """Whether it says `sec-fetch-site`, as every current browser does."""
    refers: bool = True
    """Whether it says where it comes from."""

    def headers(self, ask: Ask, referer: str, cookie: str) -> list[Header]:
        """All headers of one request; `referer` and `cookie` may be empty."""
        headers = list(self.fixed[ask.destination])
        if self.fetch_metadata:
            headers.append(("sec-fetch-site", _site(ask, referer)))
        if ask.body:
            headers += _of_body(ask)
        if referer and self.refers:
            headers.append(("referer", referer))
        if cookie:
            headers.append(("cookie", cookie))
        return headers


def always(http_version: str, *headers: Header, refers: bool = False) -> Agent:
    """A program that sends the same headers whatever it fetches."""
    return Agent(http_version, dict.fromkeys(DESTINATIONS, headers), refers=refers)


def _site(ask: Ask, referer: str) -> str:
    if ask.destination != "document" or referer.startswith(ORIGIN):
        return "same-origin"
    return "cross-site" if referer else "none"


def _of_body(ask: Ask) -> tuple[Header, ...]:
    return (
        ("content-type", ask.content_type),
        ("content-length", str(len(ask.body.encode()))),
    )
