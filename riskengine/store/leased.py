"""Leases: hits of a hot key fetched ahead, so that most requests need not touch it."""

from collections.abc import Sequence
from typing import NamedTuple

from riskengine.clock import Clock
from riskengine.errors import StoreError
from riskengine.store.counters import Counters, Hit, Tally

_PARTS = 11
"""The counter of a leased limit keeps hits for eleven parts, of which the window is ten."""
_STOCKS_MAX = 4_096


class _Stock:
    """Hits of one key that are counted in the store and not used yet."""

    __slots__ = ("dry_until", "left", "remaining", "until", "used")

    def __init__(self) -> None:
        self.left = 0
        self.until = 0.0
        self.dry_until = 0.0
        """Until then the store has none to give."""
        self.used = 0
        """Hits used since the stock was fetched."""
        self.remaining = 0
        """What the store had left after the last fetch."""


class _Taken(NamedTuple):
    """Hits of one request that the stock pays for."""

    places: dict[int, _Stock]
    """By the place of the hit in its request."""


class LeasedCounters:
    """Pays for hits with `lease` from a stock, and asks `inner` for everything else.

    Never above the limit: a stock is used for a tenth of the window after it was fetched, and its
    counter keeps hits for a tenth longer. What is left of a stock then is lost. A process fetches
    what it needs and as much again as it used of the last stock, `lease` at most: that much may be
    lost in each tenth of a window. Where the store has no more to give, requests are asked for one
    by one, so that the last hit is found.
    """

    def __init__(self, inner: Counters, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock
        self._stocks: dict[str, _Stock] = {}

    async def hit(
        self,
        requests: Sequence[Sequence[Hit]],
        *,
        at_us: Sequence[int] | None = None,
        budget_s: float,
    ) -> list[list[Tally]]:
        """See `Counters.hit`; times that are given are counted without leases."""
        # A list, because most batches have no leases and a generator costs each hit twice as much.
        leased = [hit for hits in requests for hit in hits if hit.lease]
        if at_us is not None or not leased:
            return await self._inner.hit(requests, at_us=at_us, budget_s=budget_s)
        deadline = self._clock.monotonic() + budget_s
        await self._fetch(requests, budget_s)
        taken = [self._take(hits) for hits in requests]
        asked = [_rest(hits, own) for hits, own in zip(requests, taken, strict=True)]
        try:
            tallies = await self._ask(asked, deadline - self._clock.monotonic())
        except StoreError:
            for hits, own in zip(requests, taken, strict=True):
                _put_back(hits, own)
            raise
        return [
            _joined(hits, own, rest, answer)
            for hits, own, rest, answer in zip(requests, taken, asked, tallies, strict=True)
        ]

    async def close(self) -> None:
        """Close `inner`; what is left of the stocks is lost."""
        await self._inner.close()

    async def _ask(self, asked: list[list[Hit]], budget_s: float) -> list[list[Tally]]:
        """The tallies of what is left to ask; no call where nothing is."""
        numbers = [number for number, hits in enumerate(asked) if hits]
        answers: list[list[Tally]] = [[] for _ in asked]
        if numbers:
            found = await self._inner.hit([asked[n] for n in numbers], budget_s=budget_s)
            for number, tallies in zip(numbers, found, strict=True):
                answers[number] = tallies
        return answers

    async def _fetch(self, requests: Sequence[Sequence[Hit]], budget_s: float) -> None:
        """Fill the stocks that this batch would empty, all in one call."""
        now = self._clock.monotonic()
        needed: dict[str, tuple[Hit, int]] = {}
        for hits in requests:
            for hit in hits:
                if hit.lease:
                    needed[hit.key] = (hit, needed.get(hit.key, (hit, 0))[1] + hit.cost)
        pieces: list[tuple[_Stock, Hit]] = []
        for hit, need in needed.values():
            stock = self._stock(hit.key)
            if now >= stock.until:
                stock.left = 0
            if stock.left < need and now >= stock.dry_until:
                ahead = min(hit.lease, stock.used)
                stock.used = 0 if now >= stock.until else stock.used
                parts = _halves(need - stock.left + ahead)
                pieces += [(stock, hit._replace(cost=part)) for part in parts]
        if pieces:
            tallies = await self._inner.hit([[hit] for _, hit in pieces], budget_s=budget_s)
            for (stock, hit), [tally] in zip(pieces, tallies, strict=True):
                _fill(stock, hit, tally, now)

    def _stock(self, key: str) -> _Stock:
        stock = self._stocks.get(key)
        if stock is None:
            if len(self._stocks) >= _STOCKS_MAX:
                self._stocks.clear()
            stock = self._stocks[key] = _Stock()
        return stock

    def _take(self, hits: Sequence[Hit]) -> _Taken:
        """Reserve what the stocks can pay for."""
        places: dict[int, _Stock] = {}
        for place, hit in enumerate(hits):
            stock = self._stocks.get(hit.key) if hit.lease else None
            if stock is not None and stock.left >= hit.cost:
                stock.left -= hit.cost
                stock.used += hit.cost
                places[place] = stock
        return _Taken(places)


def _fill(stock: _Stock, hit: Hit, tally: Tally, now: float) -> None:
    stock.remaining = tally.remaining
    if tally.admitted:
        if not stock.left:  # what is still there must not live longer for it
            stock.until = now + hit.window_us // _PARTS / 1_000_000
        stock.left += hit.cost
    elif hit.cost == 1:
        stock.dry_until = now + tally.retry_after_s


def _halves(want: int) -> list[int]:
    """Parts of which any number up to `want` can be made, the largest first."""
    parts = []
    while want:
        parts.append((want + 1) // 2)
        want //= 2
    return parts


def _rest(hits: Sequence[Hit], taken: _Taken) -> list[Hit]:
    return [hit for place, hit in enumerate(hits) if place not in taken.places]


def _put_back(hits: Sequence[Hit], taken: _Taken) -> None:
    for place, stock in taken.places.items():
        stock.left += hits[place].cost
        stock.used -= hits[place].cost


def _joined(
    hits: Sequence[Hit], taken: _Taken, asked: list[Hit], tallies: list[Tally]
) -> list[Tally]:
    """The tallies in the order of the hits; a refused request gives its reserved hits back."""
    refused = any(
        not tally.admitted and not hit.observed for hit, tally in zip(asked, tallies, strict=True)
    )
    if refused:
        _put_back(hits, taken)
    answers = iter(tallies)
    return [
        Tally(True, taken.places[place].remaining + taken.places[place].left, 0.0)
        if place in taken.places
        else next(answers)
        for place in range(len(hits))
    ]
