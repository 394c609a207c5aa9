"""What a process counts alone while the store is away, and what the store hears of it."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskengine.clock import ManualClock
from riskengine.decision import Verdict
from riskengine.engine import Engine
from riskengine.errors import StoreError
from riskengine.store.counters import Algorithm, Counters, Hit
from riskengine.store.local import TOLD_AT_ONCE, LocalCounters
from riskengine.store.shared import SharedCounters
from tests.store.bad_days import request, ruleset
from tests.store.counting import CountingCounters
from tests.virtual_loop import VirtualLoop, in_virtual_time

LIMIT, MINUTE = 50, 60_000_000
LOGIN = Hit("login", 10, MINUTE)
Ask = tuple[int, int, float]
"""Which process, how many times, and seconds until the next."""

ENDS_US = 1_700_086_400_000_000


async def count(local: LocalCounters, hits: Sequence[Hit], times: int = 1) -> None:
    """As a process of two: half of each limit."""
    half = [hit._replace(limit=hit.limit // 2, burst=max(1, hit.burst // 2)) for hit in hits]
    for _ in range(times):
        [tallies] = await local.hit([half], budget_s=1)
        local.owe(hits, half, tallies)


async def left(store: Counters, hit: Hit) -> int:
    """Hits that the store would still admit."""
    [[tally]] = await store.hit([[hit._replace(cost=0, observed=True)]], budget_s=1)
    return tally.remaining


@pytest.mark.parametrize(
    ("hit", "remaining"),
    [
        (LOGIN, 7),
        (LOGIN._replace(algorithm=Algorithm.EXACT), 7),
        (LOGIN._replace(algorithm=Algorithm.APPROX), 7),
        (LOGIN._replace(algorithm=Algorithm.PACE, burst=8), 5),
        (LOGIN._replace(algorithm=Algorithm.CALENDAR, ends_us=ENDS_US), 7),
        (LOGIN._replace(observed=True), 7),
    ],
)
async def test_every_store_hears_what_was_counted_without_it(
    counters: Counters, hit: Hit, remaining: int
) -> None:
    hit = hit._replace(key=f"told:{hit.algorithm}:{hit.observed}:{id(counters)}")
    local = LocalCounters(ManualClock())
    await count(local, [hit], times=3)
    await local.tell(counters)
    assert await left(counters, hit) == remaining
    await local.tell(counters)
    assert await left(counters, hit) == remaining, "it is told once"


async def test_what_a_full_limit_refused_is_not_owed() -> None:
    clock = ManualClock()
    local, store = LocalCounters(clock), CountingCounters(clock)
    full = Hit("full", 2, MINUTE)
    await count(local, [LOGIN, full], times=4)
    await local.tell(store)
    assert (await left(store, LOGIN), await left(store, full)) == (9, 1)


async def test_refused_attempts_are_owed_where_they_count() -> None:
    clock = ManualClock()
    local, store = LocalCounters(clock), CountingCounters(clock)
    full, attempts = Hit("full", 2, MINUTE), Hit("attempts", 100, MINUTE, count_denied=True)
    await count(local, [full, attempts], times=4)
    await local.tell(store)
    assert await left(store, attempts) == 96


async def test_hits_older_than_their_window_are_owed_to_nobody() -> None:
    clock = ManualClock()
    local, store = LocalCounters(clock), CountingCounters(clock)
    await count(local, [LOGIN], times=3)
    clock.advance(70)
    await local.tell(store)
    assert store.calls == 0


async def test_requests_in_flight_lapse_and_are_owed_to_nobody() -> None:
    clock = ManualClock()
    local, store = LocalCounters(clock), CountingCounters(clock)
    place = LOGIN._replace(algorithm=Algorithm.CONCURRENCY, token=b"a request")
    await count(local, [place])
    await local.tell(store)
    assert store.calls == 0


async def test_a_store_that_does_not_hear_it_is_told_the_next_time() -> None:
    clock = ManualClock()
    local, store = LocalCounters(clock), CountingCounters(clock)
    await count(local, [LOGIN], times=2)
    store.away = True
    with pytest.raises(StoreError):
        await local.tell(store)
    store.away = False
    await count(local, [LOGIN])
    await local.tell(store)
    assert await left(store, LOGIN) == 7


async def test_debts_are_told_in_calls_of_bounded_size_and_kept_in_bounded_memory() -> None:
    clock = ManualClock()
    local, store = LocalCounters(clock, keys_max=2 * TOLD_AT_ONCE), CountingCounters(clock)
    for number in range(3 * TOLD_AT_ONCE):
        await count(local, [LOGIN._replace(key=f"stranger {number}")])
    await local.tell(store)
    assert (store.calls, len(store)) == (2, 2 * TOLD_AT_ONCE)


class _LoopClock:
    """The time of a virtual loop."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def now(self) -> float:
        return 1_700_000_000 + self._loop.time()

    def monotonic(self) -> float:
        return self._loop.time()


class _Shop:
    """Some processes and the store that they share."""

    def __init__(self, loop: VirtualLoop, processes: int) -> None:
        self.loop, clock = loop, _LoopClock(loop)
        self.store = CountingCounters(clock)
        shared = [SharedCounters(self.store, clock, processes=processes) for _ in range(processes)]
        sale = {"id": "sale", "description": "x", "key": ["ip"], "limit": LIMIT, "window": "60s"}
        self.engines = [
            Engine(
                ruleset([sale]),
                counters=own,
                clock=clock,
                share=1 / processes,
                local=own.local,
                gather_s=0,
            )
            for own in shared
        ]
        self.admitted = 0

    async def ask(self, process: int, times: int) -> None:
        for _ in range(times):
            engine = self.engines[process % len(self.engines)]
            [decision] = await engine.evaluate([request("/")], budget_s=0.05)
            self.admitted += decision.verdict is Verdict.ALLOW

    async def follow(self, asks: Sequence[Ask]) -> None:
        for process, times, pause_s in asks:
            await self.ask(process, times)
            await asyncio.sleep(pause_s)

    async def close(self) -> None:
        for engine in self.engines:
            await engine.close()


asks = st.lists(st.tuples(st.sampled_from([0, 1]), st.integers(1, 40), st.floats(0, 3)), max_size=6)


def admitted(outage: Sequence[Sequence[Ask]], *, processes: int, lost: bool) -> int:
    """Requests let through before, in and after an outage, all of it within one window."""

    async def run(loop: VirtualLoop) -> int:
        shop = _Shop(loop, processes)
        before, during, after = outage
        await shop.follow(before)
        shop.store.away = True
        await shop.follow(during)
        shop.store.away = False
        if lost:
            shop.store.forget()
        await shop.follow(after)
        assert loop.time() < 60
        await shop.close()
        return shop.admitted

    return in_virtual_time(run)


@settings(max_examples=50, deadline=None)  # a busy machine may be slow
@given(outage=st.tuples(asks, asks, asks), lost=st.booleans())
def test_an_outage_gives_a_key_one_limit_more_at_most(
    outage: tuple[list[Ask], list[Ask], list[Ask]], lost: bool
) -> None:
    """`lost`: the store comes back without its counts."""
    assert admitted(outage, processes=1, lost=lost) <= 2 * LIMIT


@settings(max_examples=50, deadline=None)
@given(outage=st.tuples(asks, asks, asks), lost=st.booleans())
def test_a_process_that_finds_the_store_after_another_adds_its_share_at_most(
    outage: tuple[list[Ask], list[Ask], list[Ask]], lost: bool
) -> None:
    assert admitted(outage, processes=2, lost=lost) <= 2 * LIMIT + LIMIT // 2


@pytest.mark.parametrize("lost", [True, False])
def test_a_flood_through_all_processes_gets_one_limit_more(lost: bool) -> None:
    """Before, meanwhile and ever after as much as there is: the processes tell before they ask."""
    used_up = [(0, LIMIT // 2, 0.0), (1, LIMIT // 2, 0.0)]  # one more, and they would be remembered
    flood = [(0, 60, 0.0), (1, 60, 0.0)]
    steady = [(number % 2, 5, 0.01) for number in range(200)]
    assert admitted([used_up, flood, steady], processes=2, lost=lost) == 2 * LIMIT
