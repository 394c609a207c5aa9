"""People who shop: several archetypes, from the idle browser to an office behind one address."""

from collections.abc import Callable, Iterator

from riskengine.records.lines import RequestLine
from riskengine.simulation import habits, shop
from riskengine.simulation.addresses import draw_home, renew
from riskengine.simulation.browsers import draw_browser
from riskengine.simulation.pages import Window
from riskengine.simulation.population import Entrance
from riskengine.simulation.programs import draw_app
from riskengine.simulation.timeline import in_time_order
from riskengine.simulation.visitor import Visitor


def shopper(entrance: Entrance) -> Iterator[RequestLine]:
    """One client of the population `shopper`: a person, or a household or office of several."""
    act = entrance.rng.choices(_ARCHETYPES, _WEIGHTS)[0]
    yield from act(entrance)


def browse(entrance: Entrance) -> Iterator[RequestLine]:
    """Looks around, and sometimes buys what was looked at last."""
    window = _window(entrance)
    rng = entrance.rng
    pace_s = rng.choice((5.0, 8.0, 13.0))
    yield from window.arrive(rng.choice((shop.home(), shop.product(rng.choice(shop.PRODUCTS)))))
    window.visitor.think(pace_s)
    yield from habits.look_around(window, rng.randrange(2, 14), pace_s)
    _move(window.visitor)
    if rng.random() < 0.35:
        yield from _buy(window, rng.choice(shop.PRODUCTS), pace_s)


def hunt(entrance: Entrance) -> Iterator[RequestLine]:
    """Knows what it wants: searches, compares, searches again."""
    window = _window(entrance)
    pace_s = entrance.rng.choice((4.0, 7.0))
    yield from window.arrive(shop.home())
    window.visitor.think(pace_s)
    for _ in range(entrance.rng.randrange(1, 5)):
        yield from habits.search(window, pace_s)
    if entrance.rng.random() < 0.4:
        yield from _buy(window, entrance.rng.choice(shop.PRODUCTS), pace_s)


def come_back(entrance: Entrance) -> Iterator[RequestLine]:
    """A returning buyer: has the shop's files cached and a session, logs in, buys at once."""
    window = _window(entrance)
    window.cached.update(shop.static(name).path for name in shop.STATIC)
    window.cached.add("/favicon.ico")
    window.visitor.session = f"{entrance.rng.getrandbits(48):012x}"
    yield from window.arrive(shop.home())
    window.visitor.think(4.0)
    yield from habits.log_in(window)
    for _ in range(entrance.rng.randrange(1, 4)):
        yield from _buy(window, entrance.rng.choice(shop.PRODUCTS), 6.0)


def open_tabs(entrance: Entrance) -> Iterator[RequestLine]:
    """Impatient: opens a list's products in tabs within seconds, then reads them."""
    window = _window(entrance)
    visitor = window.visitor
    yield from window.arrive(shop.category(entrance.rng.choice(shop.CATEGORIES)))
    for _ in range(entrance.rng.randrange(1, 4)):
        slug = entrance.rng.choice(shop.CATEGORIES)
        yield from window.open(shop.category(slug))
        visitor.think(4.0)
        tabs = entrance.rng.sample(shop.products_on(slug, 1), k=entrance.rng.randrange(3, 9))
        for number in tabs:
            yield visitor.send(shop.product(number), referer=window.referer)
            visitor.wait(0.15 + 0.9 * visitor.rng.random())
        yield from window.assets(map(shop.image, tabs))
        visitor.think(25.0)
    if entrance.rng.random() < 0.3:
        yield from _buy(window, entrance.rng.choice(shop.PRODUCTS), 6.0)


def prefetch(entrance: Entrance) -> Iterator[RequestLine]:
    """A browser that fetches pages in bursts before its owner asks for them."""
    window = _window(entrance)
    visitor = window.visitor
    yield from window.arrive(shop.home())
    for _ in range(entrance.rng.randrange(2, 6)):
        slug = entrance.rng.choice(shop.CATEGORIES)
        visitor.think(9.0)
        yield from window.open(shop.category(slug))
        for number in shop.products_on(slug, 1)[: entrance.rng.randrange(2, 6)]:
            yield visitor.send(shop.product(number), referer=window.referer)
            visitor.wait(0.01 + 0.04 * visitor.rng.random())
        visitor.think(11.0)
        yield from window.assets(map(shop.image, shop.products_on(slug, 1)[:2]))


def use_app(entrance: Entrance) -> Iterator[RequestLine]:
    """The shop's mobile app: no referer, no browser headers, few assets, a device id."""
    visitor = entrance.visitor(draw_home(entrance.rng), draw_app(entrance.rng))
    visitor.device = f"d-{entrance.rng.getrandbits(40):010x}"
    window = Window(visitor, {shop.static(name).path for name in shop.STATIC} | {"/favicon.ico"})
    yield from window.open(shop.home())
    for _ in range(entrance.rng.randrange(1, 4)):
        visitor.think(5.0)
        yield from habits.search(window, 6.0)
        yield from habits.look_around(window, entrance.rng.randrange(1, 5), 6.0)
    if entrance.rng.random() < 0.4:
        yield from _buy(window, entrance.rng.choice(shop.PRODUCTS), 5.0)


def attend_sale(entrance: Entrance) -> Iterator[RequestLine]:
    """Waits for the sale with a finger on reload, and is as quick as a human can be."""
    sale, rng = entrance.scene.sale, entrance.rng
    window = _window(entrance)
    visitor = window.visitor
    visitor.at_us = max(visitor.at_us, sale.opens_us - rng.randrange(20, 150) * 1_000_000)
    yield from window.arrive(shop.product(sale.product))
    while visitor.at_us < sale.opens_us:
        visitor.think(7.0, 0.6)
        yield from window.open(shop.product(sale.product))
    visitor.think(1.8, 0.4)
    yield from habits.put_into_cart(window, sale.product)
    yield from habits.check_out(window, sold_out=visitor.at_us > sale.sold_out_us)


def share_address(entrance: Entrance) -> Iterator[RequestLine]:
    """A household or an office: two to five people with their own browsers, one IPv4 address."""
    rng = entrance.rng
    address = f"198.{rng.randrange(18, 20)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"
    arrival = entrance.scene.moment(entrance.at_us)
    people = [
        (arrival, _take_turn(entrance.visitor(address, draw_browser(rng), part=part)))
        for part in "abcde"[: rng.randrange(2, 6)]
    ]
    yield from in_time_order(people)


def _take_turn(visitor: Visitor) -> Iterator[RequestLine]:
    visitor.wait(90.0 * visitor.rng.random())
    window = Window(visitor)
    yield from window.arrive(shop.home())
    visitor.think(10.0)
    yield from habits.look_around(window, visitor.rng.randrange(2, 9), 9.0)
    if visitor.chance(0.3):
        yield from habits.search(window, 8.0)


def _buy(window: Window, number: int, pace_s: float) -> Iterator[RequestLine]:
    yield from habits.look_at(window, number, pace_s)
    yield from habits.put_into_cart(window, number)
    if not window.visitor.user and window.visitor.chance(0.3):
        yield from habits.log_in(window)
    yield from habits.check_out(window)


def _window(entrance: Entrance) -> Window:
    """A new browser at home; one in three has been here before and has some files cached."""
    window = Window(entrance.visitor(draw_home(entrance.rng), draw_browser(entrance.rng)))
    if entrance.rng.random() < 0.35:
        window.cached.update(shop.static(name).path for name in shop.STATIC)
    return window


def _move(visitor: Visitor) -> None:
    """IPv6 privacy addresses change inside their /64 while somebody shops."""
    if visitor.chance(0.3):
        visitor.address = renew(visitor.rng, visitor.address)


_MIX: dict[Callable[[Entrance], Iterator[RequestLine]], int] = {
    browse: 30,
    hunt: 20,
    come_back: 12,
    open_tabs: 9,
    prefetch: 5,
    use_app: 11,
    attend_sale: 6,
    share_address: 7,
}
_ARCHETYPES = tuple(_MIX)
_WEIGHTS = tuple(_MIX.values())
