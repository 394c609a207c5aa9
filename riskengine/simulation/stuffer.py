"""Credential stuffing: stolen pairs of user and password, tried one after the other."""

from collections.abc import Iterator

from riskengine.records.lines import RequestLine
from riskengine.simulation import shop
from riskengine.simulation.addresses import draw_listed, draw_rented
from riskengine.simulation.browsers import draw_browser
from riskengine.simulation.population import Entrance
from riskengine.simulation.programs import draw_library, draw_pretender
from riskengine.simulation.visitor import Visitor

_FIRST = ("anna", "ben", "carla", "dmitri", "elif", "farah", "goran", "helen", "igor", "jun")
_LAST = ("abel", "bauer", "costa", "duarte", "ek", "fox", "gupta", "haas", "ito", "kovac")
_HABITS = ("{}1990", "{}!123", "i<3{}", "{}-{}", "Qwertz{}", "{}' --")
_WORDS = ("summer", "arsenal", "princess", "dragon", "letmein", "monkey", "hunter")


def stuffer(entrance: Entrance) -> Iterator[RequestLine]:
    """Hundreds of users, nearly all refused, spread over addresses; a hit is looked at."""
    rng = entrance.rng
    addresses = [_address(entrance) for _ in range(rng.randrange(4, 40))]
    draw_agent = rng.choice((draw_library, draw_pretender, draw_browser))
    visitor = entrance.visitor(addresses[0], draw_agent(rng), keeps_cookies=rng.random() < 0.3)
    gap_s, stays = rng.uniform(0.25, 2.5), rng.randrange(1, 8)
    asks_form = rng.random() < 0.5
    for number in range(rng.randrange(90, 260)):
        if number % stays == 0:
            _appear_as_new(visitor, rng.choice(addresses))
        yield from _attempt(visitor, asks_form)
        visitor.think(gap_s, 0.4)


def _attempt(visitor: Visitor, asks_form: bool) -> Iterator[RequestLine]:
    rng = visitor.rng
    if asks_form and visitor.chance(0.5):
        yield visitor.send(shop.login_form())
        visitor.wait(0.05 + 0.2 * rng.random())
    user = f"{rng.choice(_FIRST)}.{rng.choice(_LAST)}{rng.randrange(100)}@mail.example"
    word = rng.choice(_WORDS)
    password = rng.choice(_HABITS).format(word, rng.randrange(100))
    if rng.random() > 0.015:
        yield visitor.send(shop.login(user, password), referer=shop.login_form().url, status=401)
        return
    yield visitor.send(shop.login(user, password), referer=shop.login_form().url)
    visitor.wait(0.2)
    yield visitor.send(shop.account(), referer=shop.login_form().url)


def _appear_as_new(visitor: Visitor, address: str) -> None:
    """Another address, and no cookie that would give the old one away."""
    visitor.address = address
    visitor.session = ""


def _address(entrance: Entrance) -> str:
    return draw_listed(entrance.rng) if entrance.rng.random() < 0.1 else draw_rented(entrance.rng)
