"""Browsers of the families that people use, with headers that agree with each other."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from riskengine.simulation.agents import DESTINATIONS, Agent, Header
from riskengine.simulation.shop import Destination

_LANGUAGES = (
    "en-US,en;q=0.9", "en-GB,en;q=0.9", "de-DE,de;q=0.9,en;q=0.7", "fr-FR,fr;q=0.9,en;q=0.6",
    "es-ES,es;q=0.9", "nl-NL,nl;q=0.9,en;q=0.8", "pl-PL,pl;q=0.9", "ja-JP,ja;q=0.9,en;q=0.5",
)  # fmt: skip
_MODES = {
    "document": "navigate", "style": "no-cors", "script": "no-cors",
    "image": "no-cors", "empty": "cors",
}  # fmt: skip
_PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
_CHROME_PAGE = "text/html,application/xhtml+xml,image/webp,*/*;q=0.8"


@dataclass(frozen=True, slots=True)
class Family:
    """Browsers of one make on one system."""

    weight: int
    user_agent: str
    """With `{}` where the version stands."""
    versions: range
    page: str
    """What it accepts for a page."""
    image: str
    encodings: str = "gzip, deflate, br, zstd"
    platform: str = ""
    """For `sec-ch-ua-platform`; empty where the family sends no client hints."""
    brand: str = "Google Chrome"


_CHROME = "(KHTML, like Gecko) Chrome/{0}.0.0.0"
_FAMILIES = (
    Family(
        30,
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 {_CHROME} Safari/537.36",
        range(138, 146),
        _CHROME_PAGE,
        "image/avif,image/webp,*/*;q=0.8",
        platform='"Windows"',
    ),
    Family(
        22,
        f"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 {_CHROME} Mobile Safari/537.36",
        range(138, 146),
        _CHROME_PAGE,
        "image/avif,image/webp,*/*;q=0.8",
        platform='"Android"',
    ),
    Family(
        9,
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 "
        f"{_CHROME} Safari/537.36",
        range(138, 146),
        _CHROME_PAGE,
        "image/avif,image/webp,*/*;q=0.8",
        platform='"macOS"',
    ),
    Family(
        7,
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 {_CHROME} "
        "Safari/537.36 Edg/{0}.0.0.0",
        range(139, 146),
        _CHROME_PAGE,
        "image/avif,image/webp,*/*;q=0.8",
        platform='"Windows"',
        brand="Microsoft Edge",
    ),
    Family(
        18,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_{0} like Mac OS X) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) Version/18.{0} Mobile/15E148 Safari/604.1",
        range(2, 7),
        _PAGE,
        "image/webp,image/avif,*/*;q=0.8",
        "gzip, deflate, br",
    ),
    Family(
        6,
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) Version/18.{0} Safari/605.1.15",
        range(1, 7),
        _PAGE,
        "image/webp,image/avif,*/*;q=0.8",
        "gzip, deflate, br",
    ),
    Family(
        8,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0",
        range(136, 148),
        _PAGE,
        "image/avif,image/webp,*/*;q=0.8",
    ),
)
_WEIGHTS = [family.weight for family in _FAMILIES]


def draw_browser(rng: random.Random) -> Agent:
    """Somebody's browser: family, version and language fit together."""
    family = rng.choices(_FAMILIES, _WEIGHTS)[0]
    version = rng.choice(family.versions)
    language = rng.choice(_LANGUAGES)
    fixed = {wanted: _headers(family, version, language, wanted) for wanted in DESTINATIONS}
    return Agent("3" if rng.random() < 0.3 else "2", fixed, fetch_metadata=True)


def draw_user_agent(rng: random.Random) -> str:
    """Only the name of some browser, for those who lie about theirs."""
    family = rng.choices(_FAMILIES, _WEIGHTS)[0]
    return family.user_agent.format(rng.choice(family.versions))


def _headers(
    family: Family, version: int, language: str, wanted: Destination
) -> tuple[Header, ...]:
    accepted: Mapping[Destination, str] = {
        "document": family.page,
        "image": family.image,
        "style": "text/css,*/*;q=0.1",
    }
    return (
        *_hints(family, version),
        ("user-agent", family.user_agent.format(version)),
        ("accept", accepted.get(wanted, "*/*")),
        ("accept-language", language),
        ("accept-encoding", family.encodings),
        ("sec-fetch-mode", _MODES[wanted]),
        ("sec-fetch-dest", wanted),
    )


def _hints(family: Family, version: int) -> tuple[Header, ...]:
    if not family.platform:
        return ()
    brands = f'"{family.brand}";v="{version}"'
    return ("sec-ch-ua", brands), ("sec-ch-ua-platform", family.platform)
