"""Bots that copy the catalogue: in a hurry, with patience, from many addresses, in a browser."""

import random
from collections.abc import Iterator, Sequence

from riskengine.records.lines import RequestLine
from riskengine.simulation import shop
from riskengine.simulation.addresses import draw_hosted, draw_rented
from riskengine.simulation.browsers import draw_browser
from riskengine.simulation.pages import Window
from riskengine.simulation.population import Entrance
from riskengine.simulation.programs import draw_library, draw_pretender
from riskengine.simulation.shop import Ask


def scraper_fast(entrance: Entrance) -> Iterator[RequestLine]:
    """Several requests a second from one address, through lists and products."""
    rng = entrance.rng
    agent = draw_library(rng) if rng.random() < 0.5 else draw_pretender(rng)
    visitor = entrance.visitor(draw_hosted(rng), agent, keeps_cookies=rng.random() < 0.4)
    gap_s = rng.uniform(0.03, 0.45)
    for ask in catalogue(rng)[: rng.randrange(150, 400)]:
        yield visitor.send(ask)
        visitor.think(gap_s, 0.25)


def scraper_slow(entrance: Entrance) -> Iterator[RequestLine]:
    """Polite: seconds between products, a browser's headers, but the whole catalogue, no cart."""
    rng = entrance.rng
    agent = draw_browser(rng) if rng.random() < 0.6 else draw_pretender(rng)
    visitor = entrance.visitor(draw_rented(rng), agent, keeps_cookies=rng.random() < 0.7)
    gap_s, jitter = rng.uniform(2.0, 6.0), rng.uniform(0.1, 0.5)
    names_list = rng.random() < 0.7
    for slug in rng.sample(shop.CATEGORIES, k=len(shop.CATEGORIES)):
        for page in range(1, shop.PAGES_PER_CATEGORY + 1):
            listing = shop.category(slug, page)
            yield visitor.send(listing, referer=shop.home().url if names_list else "")
            for number in _visiting_order(rng, shop.products_on(slug, page)):
                visitor.think(gap_s, jitter)
                yield visitor.send(shop.product(number), referer=listing.url if names_list else "")
            visitor.think(gap_s, jitter)


def scraper_distributed(entrance: Entrance) -> Iterator[RequestLine]:
    """One job over many addresses: a few requests each, another browser's name every time."""
    rng = entrance.rng
    addresses = [draw_rented(rng) for _ in range(rng.randrange(25, 70))]
    visitor = entrance.visitor(addresses[0], draw_pretender(rng), keeps_cookies=False)
    gap_s = rng.uniform(0.3, 1.2)
    stays = rng.randrange(1, 4)
    for number, ask in enumerate(catalogue(rng)[: len(addresses) * rng.randrange(5, 10)]):
        if number % stays == 0:
            visitor.address = rng.choice(addresses)
            visitor.agent = draw_pretender(rng)
        yield visitor.send(ask)
        visitor.think(gap_s, 0.9)


def scraper_headless(entrance: Entrance) -> Iterator[RequestLine]:
    """A real browser without a person: loads every asset, never searches, never lingers."""
    rng = entrance.rng
    window = Window(entrance.visitor(draw_rented(rng), draw_browser(rng)))
    dwell_s, jitter = rng.uniform(0.4, 2.5), rng.uniform(0.02, 0.2)
    yield from window.open(shop.home())
    for ask in catalogue(rng)[: rng.randrange(70, 160)]:
        window.visitor.think(dwell_s, jitter)
        yield from window.open(ask)


def catalogue(rng: random.Random) -> list[Ask]:
    """Every list and every product once: list by list, or all products in some order."""
    if rng.random() < 0.3:
        return [shop.product(number) for number in _visiting_order(rng, shop.PRODUCTS)]
    asks = []
    for slug in rng.sample(shop.CATEGORIES, k=len(shop.CATEGORIES)):
        for page in range(1, shop.PAGES_PER_CATEGORY + 1):
            asks.append(shop.category(slug, page))
            asks += map(shop.product, _visiting_order(rng, shop.products_on(slug, page)))
    return asks


def _visiting_order(rng: random.Random, numbers: Sequence[int]) -> Sequence[int]:
    return rng.sample(numbers, k=len(numbers)) if rng.random() < 0.5 else numbers
