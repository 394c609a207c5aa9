"""What a browser does with a page: fetch it, then what it shows, unless that is cached."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from riskengine.records.lines import RequestLine
from riskengine.simulation import shop
from riskengine.simulation.shop import Ask
from riskengine.simulation.visitor import Visitor

_SEARCH_ENGINES = ("https://search.example/", "https://news.example/", "https://social.example/")
_SHARED = (*map(shop.static, shop.STATIC), shop.file("favicon.ico"))
"""What every page needs."""


@dataclass(slots=True)
class Window:
    """A browser window: knows the page it shows and what the browser has in its cache."""

    visitor: Visitor
    cached: set[str] = field(default_factory=set)
    referer: str = ""
    """The page shown now: the referer of the next one."""

    def arrive(self, ask: Ask) -> Iterator[RequestLine]:
        """Open the first page: from a search engine, a bookmark or a typed address."""
        rng = self.visitor.rng
        self.referer = rng.choice(_SEARCH_ENGINES) if rng.random() < 0.45 else ""
        yield from self.open(ask)

    def open(self, ask: Ask, *, status: int = 0) -> Iterator[RequestLine]:
        """A page and its assets; the clock then stands where the last asset was asked for."""
        visitor = self.visitor
        yield visitor.send(ask, referer=self.referer, status=status)
        self.referer = ask.url
        visitor.wait(0.03 + 0.25 * visitor.rng.random())
        yield from self.assets((*_SHARED, *_pictures(ask)))

    def assets(self, wanted: Iterable[Ask]) -> Iterator[RequestLine]:
        """Assets in quick succession; now and then a cached one is asked for again (304)."""
        visitor = self.visitor
        for ask in wanted:
            known = ask.path in self.cached
            if known and visitor.rng.random() > 0.02:
                continue
            self.cached.add(ask.path)
            yield visitor.send(ask, referer=self.referer, status=304 if known else 0)
            visitor.wait(0.002 + 0.05 * visitor.rng.random() ** 3)

    def call(self, ask: Ask, *, status: int = 0) -> Iterator[RequestLine]:
        """One request from the page that is shown: a form sent, or a script's call."""
        yield self.visitor.send(ask, referer=self.referer, status=status)


def _pictures(ask: Ask) -> Sequence[Ask]:
    """The pictures above the fold; the rest of a list is loaded lazily, and seldom seen."""
    if ask.route == "product":
        return [shop.image(int(ask.path.rpartition("/")[2]))]
    if ask.route == "category":
        page = int(ask.query.partition("page=")[2].partition("&")[0] or 1)
        return [shop.image(n) for n in shop.products_on(ask.path.rpartition("/")[2], page)[:4]]
    if ask.route == "home":
        return [shop.image(n) for n in shop.PRODUCTS[::70]]
    return ()
