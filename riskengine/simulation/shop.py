"""The simulated shop: its catalogue, its map, and the one sale that everybody waits for."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple
from urllib.parse import quote, urlencode

HOST = "shop.example"
ORIGIN = f"https://{HOST}"
CATEGORIES = (
    "chairs", "tables", "lamps", "rugs", "shelves", "beds",
    "kitchen", "garden", "office", "kids", "posters", "fabrics",
)  # fmt: skip
SORTS = ("price", "name", "newest")
STATIC = ("app.css", "theme.css", "app.js", "vendor.js", "logo.svg")

_PER_CATEGORY = 30
_PER_PAGE = 12
_FIRST_PRODUCT = 1_000

Destination = Literal["document", "style", "script", "image", "empty"]
"""What a browser wants a response for, in the words of `sec-fetch-dest`."""


class Ask(NamedTuple):
    """What somebody asks of the shop: one request, without who, when and how."""

    route: str
    """Decides what the answer weighs and how long it takes: see `outcomes`."""
    path: str
    query: str = ""
    method: str = "GET"
    body: str = ""
    content_type: str = ""
    destination: Destination = "document"

    @property
    def url(self) -> str:
        """The absolute URL, as the next page's referer."""
        return f"{ORIGIN}{self.path}?{self.query}" if self.query else ORIGIN + self.path


@dataclass(frozen=True, slots=True)
class Sale:
    """An announced moment of scarce goods, in microseconds from the start of the simulation."""

    product: int
    opens_us: int
    sold_out_us: int


PRODUCTS = range(_FIRST_PRODUCT, _FIRST_PRODUCT + _PER_CATEGORY * len(CATEGORIES))
PAGES_PER_CATEGORY = -(-_PER_CATEGORY // _PER_PAGE)


def draw_sale(rng: random.Random, opens_us: int) -> Sale:
    """A sale of one product that is gone half a minute to two minutes after it opens."""
    return Sale(rng.choice(PRODUCTS), opens_us, opens_us + rng.randrange(30, 120) * 1_000_000)


def products_on(category: str, page: int) -> Sequence[int]:
    """Ids of the products that a category page (from 1) lists; empty behind the last page."""
    first = _FIRST_PRODUCT + CATEGORIES.index(category) * _PER_CATEGORY
    listed = range(first, first + _PER_CATEGORY)
    return listed[(page - 1) * _PER_PAGE : page * _PER_PAGE]


def home() -> Ask:
    """The front page."""
    return Ask("home", "/")


def category(slug: str, page: int = 1, sort: str = "") -> Ask:
    """A page of a category, from 1."""
    wanted = {"page": str(page)} if page > 1 else {}
    if sort:
        wanted["sort"] = sort
    return Ask("category", f"/category/{slug}", urlencode(wanted))


def product(number: int) -> Ask:
    """A product page."""
    return Ask("product", f"/products/{number}")


def search(words: str, page: int = 1) -> Ask:
    """A page of search results, from 1."""
    wanted = {"q": words, "page": str(page)} if page > 1 else {"q": words}
    return Ask("search", "/search", urlencode(wanted))


def suggest(prefix: str) -> Ask:
    """What the search box asks for while somebody types."""
    return Ask("suggest-api", "/api/suggest", f"q={quote(prefix)}", destination="empty")


def stock(number: int) -> Ask:
    """How many of a product are left."""
    return Ask("stock-api", f"/api/products/{number}/stock", destination="empty")


def add_to_cart(number: int, quantity: int = 1) -> Ask:
    """Put a product into the cart."""
    body = f'{{"product_id":{number},"quantity":{quantity}}}'
    return Ask("cart-add", "/cart/items", "", "POST", body, "application/json", "empty")


def cart() -> Ask:
    """The cart."""
    return Ask("cart", "/cart")


def checkout() -> Ask:
    """The form of name, address and payment."""
    return Ask("checkout", "/checkout")


def submit_checkout(name: str, street: str, city: str, card_token: str) -> Ask:
    """Buy what is in the cart."""
    fields = {"name": name, "street": street, "city": city, "card_token": card_token}
    return _form("checkout-submit", "/checkout", fields)


def login_form() -> Ask:
    """The login page."""
    return Ask("login-form", "/login")


def login(user: str, password: str) -> Ask:
    """Try to log in."""
    return _form("login", "/login", {"user": user, "password": password})


def account() -> Ask:
    """Orders and addresses of whoever is logged in."""
    return Ask("account", "/account")


def static(name: str) -> Ask:
    """A file that all pages share."""
    kinds: dict[str, Destination] = {"css": "style", "js": "script"}
    return Ask("static", f"/static/{name}", destination=kinds.get(name.split(".")[-1], "image"))


def image(number: int) -> Ask:
    """The picture of a product."""
    return Ask("images", f"/images/{number}.jpg", destination="image")


def file(name: Literal["favicon.ico", "robots.txt", "sitemap.xml"]) -> Ask:
    """One of the files that live at the root by convention."""
    route = name.split(".")[0]
    return Ask(route, f"/{name}", destination="image" if route == "favicon" else "document")


def _form(route: str, path: str, fields: dict[str, str]) -> Ask:
    body = urlencode(fields)
    return Ask(route, path, "", "POST", body, "application/x-www-form-urlencoded")
