"""What people do in a shop, one habit each; archetypes of shoppers are made of these."""

from collections.abc import Iterator

from riskengine.records.lines import RequestLine
from riskengine.simulation import shop, words
from riskengine.simulation.pages import Window

_CHECKOUT_S = 22.0
"""Median time to fill in a checkout form, much of it by autofill."""


def look_around(window: Window, looks: int, median_s: float) -> Iterator[RequestLine]:
    """Walk from category to product and back, `looks` pages long."""
    rng = window.visitor.rng
    slug = rng.choice(shop.CATEGORIES)
    page = 1
    while looks > 0:
        yield from window.open(shop.category(slug, page, _sort(window)))
        window.visitor.think(median_s)
        looks -= 1
        for number in rng.sample(shop.products_on(slug, page), k=min(looks, rng.randrange(1, 5))):
            yield from look_at(window, number, median_s)
            looks -= 1
        if page < shop.PAGES_PER_CATEGORY and rng.random() < 0.5:
            page += 1
        else:
            slug, page = rng.choice(shop.CATEGORIES), 1


def look_at(window: Window, number: int, median_s: float) -> Iterator[RequestLine]:
    """A product page, and the list again by the back button, which is cached."""
    visitor = window.visitor
    came_from = window.referer
    if visitor.chance(0.015):
        yield from window.open(shop.product(number + 40_000)._replace(route="missing"))
        visitor.think(median_s / 2)
        window.referer = came_from
    yield from window.open(shop.product(number))
    if visitor.chance(0.3):
        yield from window.call(shop.stock(number))
    visitor.think(median_s * 1.5)
    if visitor.chance(0.6):
        window.referer = came_from


def search(window: Window, median_s: float) -> Iterator[RequestLine]:
    """Type with suggestions, read the results, open a few of them."""
    visitor = window.visitor
    phrase = visitor.rng.choice(words.SEARCHES)
    if visitor.chance(0.75):
        yield from type_into_search(window, phrase)
    yield from window.open(shop.search(phrase))
    visitor.think(median_s)
    if visitor.chance(0.25):
        yield from window.open(shop.search(phrase, 2))
        visitor.think(median_s)
    for number in visitor.rng.sample(shop.PRODUCTS, k=visitor.rng.randrange(0, 4)):
        yield from look_at(window, number, median_s)


def type_into_search(window: Window, phrase: str) -> Iterator[RequestLine]:
    """The search box asks for suggestions at every few keys."""
    visitor = window.visitor
    typed = 2
    while typed < len(phrase):
        yield from window.call(shop.suggest(phrase[:typed]))
        keys = visitor.rng.randrange(1, 5)
        visitor.wait(keys * (0.09 + 0.16 * visitor.rng.random()))
        typed += keys


def log_in(window: Window) -> Iterator[RequestLine]:
    """Log in; one in six mistypes the password, once or twice."""
    visitor = window.visitor
    user = f"u{visitor.rng.randrange(10_000, 99_999)}"
    email, password = f"{user}@mail.example", visitor.rng.choice(words.PASSWORDS)
    yield from window.open(shop.login_form())
    visitor.think(7.0, 0.5)
    for _ in range(visitor.rng.choices((0, 1, 2), (83, 13, 4))[0]):
        yield from window.call(shop.login(email, password[:-1]), status=401)
        visitor.think(6.0, 0.5)
    yield from window.call(shop.login(email, password))
    visitor.user = user
    visitor.wait(0.2)
    yield from window.open(shop.account())
    visitor.think(5.0)


def put_into_cart(window: Window, number: int) -> Iterator[RequestLine]:
    """Press the button on the product page that is shown."""
    quantity = window.visitor.rng.choices((1, 2, 4), (8, 2, 1))[0]
    yield from window.call(shop.add_to_cart(number, quantity))
    window.visitor.think(3.0)


def check_out(window: Window, *, sold_out: bool = False) -> Iterator[RequestLine]:
    """Cart, form, payment; a third gives up before paying."""
    visitor = window.visitor
    yield from window.open(shop.cart())
    visitor.think(8.0)
    yield from window.open(shop.checkout())
    visitor.think(_CHECKOUT_S, 0.5)
    if visitor.chance(0.33):
        return
    yield from window.call(draw_payment(window), status=409 if sold_out else 0)


def draw_payment(window: Window) -> shop.Ask:
    """The checkout form, filled in."""
    rng = window.visitor.rng
    return shop.submit_checkout(
        rng.choice(words.NAMES),
        rng.choice(words.STREETS),
        rng.choice(words.CITIES),
        f"tok_{rng.getrandbits(64):016x}",
    )


def _sort(window: Window) -> str:
    rng = window.visitor.rng
    return rng.choice(shop.SORTS) if rng.random() < 0.2 else ""
