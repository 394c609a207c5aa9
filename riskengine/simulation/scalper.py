"""Bots that buy up a sale: they watch the stock and check out within milliseconds."""

from collections.abc import Iterator

from riskengine.records.lines import RequestLine
from riskengine.simulation import habits, shop
from riskengine.simulation.addresses import draw_rented
from riskengine.simulation.browsers import draw_browser
from riskengine.simulation.pages import Window
from riskengine.simulation.population import Entrance
from riskengine.simulation.programs import draw_pretender
from riskengine.simulation.timeline import in_time_order
from riskengine.simulation.visitor import Scene, Visitor

_LEAD_S = 75


def before_the_sale(scene: Scene, position: float) -> int:
    """Operators come within the last minute or so before the sale opens."""
    return max(0, scene.sale.opens_us - int(_LEAD_S * 1_000_000 * (1.0 - 0.6 * position)))


def scalper(entrance: Entrance) -> Iterator[RequestLine]:
    """One operator with several sessions, on one address or on one each."""
    rng = entrance.rng
    shared = draw_rented(rng) if rng.random() < 0.4 else ""
    watches_page = rng.random() < 0.4
    interval_s = rng.uniform(0.7, 2.4)
    arrival = entrance.scene.moment(entrance.at_us)
    sessions = []
    for part in "abcdef"[: rng.randrange(2, 6)]:
        agent = draw_browser(rng) if rng.random() < 0.6 else draw_pretender(rng)
        visitor = entrance.visitor(shared or draw_rented(rng), agent, part=part)
        sessions.append((arrival, _session(visitor, interval_s, watches_page)))
    yield from in_time_order(sessions)


def _session(visitor: Visitor, interval_s: float, watches_page: bool) -> Iterator[RequestLine]:
    window = Window(visitor)
    sale = visitor.scene.sale
    visitor.wait(12.0 * visitor.rng.random())
    yield from _enter(window)
    watched = shop.product(sale.product) if watches_page else shop.stock(sale.product)
    while visitor.at_us < sale.opens_us:
        yield visitor.send(watched, referer=window.referer)
        visitor.think(interval_s, 0.15)
    for _ in range(visitor.rng.randrange(1, 4)):
        yield from _grab(window)
        visitor.wait(0.05 + 0.4 * visitor.rng.random())


def _enter(window: Window) -> Iterator[RequestLine]:
    """Fetch the product page once for its cookie; some operators log in beforehand."""
    visitor = window.visitor
    yield visitor.send(shop.product(visitor.scene.sale.product))
    window.referer = shop.product(visitor.scene.sale.product).url
    if visitor.chance(0.35):
        visitor.wait(0.3)
        user = f"u{visitor.rng.randrange(10_000, 99_999)}"
        yield visitor.send(shop.login(f"{user}@mail.example", "Sale-Account-1"))
        visitor.user = user
    visitor.wait(0.5)


def _grab(window: Window) -> Iterator[RequestLine]:
    """Cart and payment, tens of milliseconds apart."""
    visitor = window.visitor
    sale = visitor.scene.sale
    yield visitor.send(shop.add_to_cart(sale.product), referer=window.referer)
    visitor.wait(0.012 + 0.07 * visitor.rng.random())
    if visitor.chance(0.5):
        yield visitor.send(shop.checkout(), referer=shop.cart().url)
        visitor.wait(0.012 + 0.07 * visitor.rng.random())
    gone = visitor.at_us > sale.sold_out_us
    payment = habits.draw_payment(window)
    yield visitor.send(payment, referer=shop.checkout().url, status=409 if gone else 0)
