"""Bots that do no harm: self-declared crawlers and uptime checks."""

from collections.abc import Iterator

from riskengine.records.lines import RequestLine
from riskengine.simulation import programs, shop
from riskengine.simulation.addresses import draw_crawler
from riskengine.simulation.population import Entrance

_EVERY_S = 30.0


def crawler(entrance: Entrance) -> Iterator[RequestLine]:
    """Reads robots.txt and the site map, then a page every few seconds, without assets."""
    rng = entrance.rng
    agent = programs.crawler(rng.choice(("ExampleBot", "IndexBot", "PriceGuide")))
    visitor = entrance.visitor(draw_crawler(rng), agent, keeps_cookies=False)
    delay_s = rng.uniform(1.5, 6.0)
    yield visitor.send(shop.file("robots.txt"))
    visitor.wait(delay_s)
    yield visitor.send(shop.file("sitemap.xml"))
    for _ in range(rng.randrange(20, 90)):
        visitor.wait(delay_s * rng.uniform(0.9, 1.3))
        seen_before = visitor.chance(0.3)
        yield visitor.send(_page_to_index(entrance), status=304 if seen_before else 0)


def monitor(entrance: Entrance) -> Iterator[RequestLine]:
    """Looks every half minute whether the front page answers; as regular as a bot can be."""
    rng = entrance.rng
    address = f"203.0.113.{rng.randrange(240, 255)}"
    visitor = entrance.visitor(address, programs.monitor(), keeps_cookies=False)
    check = shop.home()._replace(method=rng.choice(("GET", "HEAD")))
    first_us = visitor.at_us
    while visitor.at_us < entrance.scene.end_us:
        yield visitor.send(check)
        done = round((visitor.at_us - first_us) / (_EVERY_S * 1_000_000))
        visitor.at_us = first_us + int((done + 1) * _EVERY_S * 1_000_000) + rng.randrange(9_000)


def _page_to_index(entrance: Entrance) -> shop.Ask:
    rng = entrance.rng
    if rng.random() < 0.3:
        page = rng.randrange(1, shop.PAGES_PER_CATEGORY + 1)
        return shop.category(rng.choice(shop.CATEGORIES), page)
    return shop.product(rng.choice(shop.PRODUCTS))
