"""Software that is no browser: libraries, crawlers, and programs that claim to be browsers."""

import random

from riskengine.simulation.agents import Agent, Header, always
from riskengine.simulation.browsers import draw_user_agent

_LIBRARIES = (
    "python-requests/2.32.{}", "python-httpx/0.28.{}", "Go-http-client/1.1", "curl/8.{}.0",
    "okhttp/4.{}.0", "axios/1.{}.2", "Java/21.0.{}", "Scrapy/2.{}.0 (+https://scrapy.example)",
)  # fmt: skip


def draw_library(rng: random.Random) -> Agent:
    """An HTTP library that says so, or whose author removed its name."""
    headers: list[Header] = [("accept", "*/*")]
    if rng.random() < 0.9:
        headers.insert(0, ("user-agent", rng.choice(_LIBRARIES).format(rng.randrange(1, 12))))
    if rng.random() < 0.7:
        headers.append(("accept-encoding", "gzip, deflate"))
    return always("1.1", *headers)


def draw_pretender(rng: random.Random) -> Agent:
    """A program under a browser's name; some copy more of its headers, none copies all."""
    headers: list[Header] = [("user-agent", draw_user_agent(rng))]
    headers.append(("accept", rng.choice(("*/*", "text/html,*/*;q=0.8", "text/html"))))
    if rng.random() < 0.75:
        headers.append(("accept-encoding", rng.choice(("gzip, deflate", "gzip, deflate, br"))))
    if rng.random() < 0.6:
        headers.append(("accept-language", rng.choice(("en-US,en;q=0.9", "en-US", "en"))))
    if rng.random() < 0.25:
        headers += [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")]
    return always(rng.choice(("1.1", "1.1", "2")), *headers, refers=rng.random() < 0.5)


def crawler(name: str) -> Agent:
    """A crawler that says who it is and where to complain."""
    return always(
        "1.1",
        ("user-agent", f"Mozilla/5.0 (compatible; {name}/2.1; +https://{name.lower()}.example/)"),
        ("accept", "text/html,application/xhtml+xml,*/*;q=0.5"),
        ("accept-encoding", "gzip, deflate"),
        ("from", f"crawl@{name.lower()}.example"),
    )


def monitor() -> Agent:
    """An uptime check."""
    return always("1.1", ("user-agent", "uptime-check/1.4"), ("accept", "*/*"))


def draw_app(rng: random.Random) -> Agent:
    """The shop's own mobile app: no browser headers, but a device id and a language."""
    phone = rng.choice(("Android 15; Pixel 9", "Android 14; SM-S921B", "iOS 18.5; iPhone16,2"))
    return always(
        "2",
        ("user-agent", f"ShopApp/7.{rng.randrange(2, 6)} ({phone})"),
        ("accept", "application/json, image/webp"),
        ("accept-language", rng.choice(("en-GB", "de-DE", "fr-FR", "en-US"))),
        ("accept-encoding", "gzip"),
    )
