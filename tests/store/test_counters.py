"""The contract of all stores: each test runs on memory, Valkey and, where installed, Redis."""

import itertools

import pytest

from riskengine.store.counters import Algorithm, Counters, Hit, Tally

SECOND = 1_000_000
START = 1_700_000_000 * SECOND  # divides by every bucket below
WINDOW = 10 * SECOND

_names = itertools.count()


def fresh() -> str:
    """A key that no test has used."""
    return f"test:rl1:{{ip:192.0.2.1}}:{next(_names)}:{id(_names)}"


async def hit(
    counters: Counters, *requests: list[Hit], at: int = START, budget_s: float = 5.0
) -> list[list[Tally]]:
    return await counters.hit(requests, at_us=[at] * len(requests), budget_s=budget_s)


async def one(counters: Counters, hit_: Hit, at: int = START) -> Tally:
    [[tally]] = await hit(counters, [hit_], at=at)
    return tally


async def test_hits_are_admitted_up_to_the_limit_and_not_above(counters: Counters) -> None:
    login = Hit(fresh(), limit=3, window_us=WINDOW)
    tallies = [await one(counters, login) for _ in range(5)]
    assert [t.admitted for t in tallies] == [True, True, True, False, False]
    assert [t.remaining for t in tallies] == [2, 1, 0, 0, 0]
    assert [t.retry_after_s for t in tallies] == [0, 0, 11, 11, 11]


async def test_hits_of_one_batch_count_in_order(counters: Counters) -> None:
    login = Hit(fresh(), limit=2, window_us=WINDOW)
    tallies = await hit(counters, [login], [login], [login])
    assert [t.admitted for [t] in tallies] == [True, True, False]


async def test_a_hit_leaves_with_its_bucket_and_not_before(counters: Counters) -> None:
    login = Hit(fresh(), limit=1, window_us=WINDOW)
    assert (await one(counters, login)).admitted
    assert not (await one(counters, login, START + WINDOW + SECOND - 1)).admitted
    assert (await one(counters, login, START + WINDOW + SECOND)).admitted


async def test_a_refused_hit_uses_nothing_up(counters: Counters) -> None:
    login = Hit(fresh(), limit=1, window_us=WINDOW)
    await one(counters, login)
    for second in range(1, 11):
        assert not (await one(counters, login, START + second * SECOND)).admitted
    assert (await one(counters, login, START + 11 * SECOND)).admitted


async def test_a_request_that_one_limit_refuses_counts_in_none(counters: Counters) -> None:
    narrow = Hit(fresh(), limit=1, window_us=WINDOW)
    wide = Hit(fresh(), limit=10, window_us=WINDOW)
    first, second = await hit(counters, [narrow, wide], [narrow, wide])
    assert [t.admitted for t in first] == [True, True]
    assert [t.admitted for t in second] == [False, True]
    assert second[1].remaining == 9
    assert (await one(counters, wide)).remaining == 8


async def test_the_order_of_limits_does_not_matter(counters: Counters) -> None:
    narrow = Hit(fresh(), limit=1, window_us=WINDOW)
    wide = Hit(fresh(), limit=10, window_us=WINDOW)
    _, second = await hit(counters, [wide, narrow], [wide, narrow])
    assert [(t.admitted, t.remaining) for t in second] == [(True, 9), (False, 0)]


async def test_a_full_observed_limit_stops_nothing(counters: Counters) -> None:
    watched = Hit(fresh(), limit=1, window_us=WINDOW, observed=True)
    real = Hit(fresh(), limit=5, window_us=WINDOW)
    tallies = await hit(counters, *[[watched, real]] * 3)
    assert [t.admitted for t, _ in tallies] == [True, False, False]
    assert [t.remaining for _, t in tallies] == [4, 3, 2]


async def test_an_observed_hit_is_not_counted_where_the_request_is_refused(
    counters: Counters,
) -> None:
    watched = Hit(fresh(), limit=5, window_us=WINDOW, observed=True)
    real = Hit(fresh(), limit=1, window_us=WINDOW)
    tallies = await hit(counters, *[[watched, real]] * 3)
    assert [(t.admitted, t.remaining) for t, _ in tallies] == [(True, 4)] * 3


async def test_a_cost_takes_as_many_hits_or_none(counters: Counters) -> None:
    heavy = Hit(fresh(), limit=10, window_us=WINDOW, cost=4)
    tallies = [await one(counters, heavy) for _ in range(3)]
    assert [(t.admitted, t.remaining) for t in tallies] == [(True, 6), (True, 2), (False, 2)]
    assert (await one(counters, heavy._replace(cost=2))).admitted


async def test_a_cost_above_the_limit_is_never_admitted(counters: Counters) -> None:
    tally = await one(counters, Hit(fresh(), limit=3, window_us=WINDOW, cost=4))
    assert (tally.admitted, tally.remaining) == (False, 3)
    assert tally.retry_after_s > 0


async def test_one_key_twice_in_a_request_never_exceeds_the_limit(counters: Counters) -> None:
    login = Hit(fresh(), limit=1, window_us=WINDOW)
    [tallies] = await hit(counters, [login, login])
    assert [t.admitted for t in tallies] == [True, False]
    assert (await one(counters, login)).admitted, "the refused request must not have counted"


async def test_retry_after_names_the_first_moment_with_room_and_no_earlier_one(
    counters: Counters,
) -> None:
    for offset in (0, 1, 333_333, 999_999):
        login = Hit(fresh(), limit=2, window_us=WINDOW)
        at = START + offset
        await one(counters, login, at)
        await one(counters, login, at + 3 * SECOND)
        refused = await one(counters, login, at + 4 * SECOND)
        wait_us = round(refused.retry_after_s * SECOND)
        assert not (await one(counters, login, at + 4 * SECOND + wait_us - 1)).admitted
        assert (await one(counters, login, at + 4 * SECOND + wait_us)).admitted


async def test_a_clock_that_goes_back_within_the_window_frees_nothing(counters: Counters) -> None:
    login = Hit(fresh(), limit=2, window_us=WINDOW)
    await one(counters, login, START)
    assert (await one(counters, login, START - 5 * SECOND)).admitted
    assert not (await one(counters, login, START - 5 * SECOND)).admitted


async def test_a_clock_set_back_by_more_than_the_window_starts_afresh(counters: Counters) -> None:
    login = Hit(fresh(), limit=1, window_us=WINDOW)
    await one(counters, login, START)
    assert (await one(counters, login, START - 60 * SECOND)).admitted
    assert not (await one(counters, login, START - 60 * SECOND)).admitted


HOUR = 3_600 * SECOND
EVERY_WINDOW = [
    Hit("x", 3, 86_400 * SECOND),
    Hit("x", 3, WINDOW),
    Hit("x", 3, 86_400 * SECOND, algorithm=Algorithm.EXACT),
    Hit("x", 3, WINDOW, algorithm=Algorithm.EXACT),
    Hit("x", 3, 86_400 * SECOND, algorithm=Algorithm.APPROX),
    Hit("x", 3, WINDOW, algorithm=Algorithm.APPROX),
    Hit("x", 3, 86_400 * SECOND, algorithm=Algorithm.PACE, burst=3),
    Hit("x", 3, WINDOW, algorithm=Algorithm.PACE, burst=3),
]


@pytest.mark.parametrize("hit_", EVERY_WINDOW, ids=repr)
async def test_a_clock_that_steps_back_an_hour_frees_nothing_or_starts_afresh(
    counters: Counters, hit_: Hit
) -> None:
    """A day's window holds its time; one of ten seconds has been set anew, and refuses nobody."""
    day = hit_.window_us > HOUR
    hit_ = hit_._replace(key=fresh())
    for _ in range(3):
        assert (await one(counters, hit_)).admitted
    stepped = [await one(counters, hit_, START - HOUR) for _ in range(4)]
    assert [tally.admitted for tally in stepped] == [not day] * 3 + [False]
    assert stepped[3].retry_after_s <= hit_.window_us * 1.2 / SECOND + HOUR / SECOND


@pytest.mark.parametrize("hit_", EVERY_WINDOW, ids=repr)
async def test_a_clock_that_steps_an_hour_ahead_and_back_refuses_nobody_for_long(
    counters: Counters, hit_: Hit
) -> None:
    hit_ = hit_._replace(key=fresh())
    for _ in range(4):
        await one(counters, hit_, START + HOUR)
    back = await one(counters, hit_, START)
    assert back.admitted is (hit_.window_us < HOUR)


async def test_a_lowered_limit_holds_at_once(counters: Counters) -> None:
    login = Hit(fresh(), limit=10, window_us=WINDOW)
    for _ in range(5):
        await one(counters, login)
    tally = await one(counters, login._replace(limit=3))
    assert (tally.admitted, tally.remaining) == (False, 0)
    assert tally.retry_after_s == 11


@pytest.mark.parametrize("window_us", [10_000, 12_345, 7 * 86_400 * SECOND, 365 * 86_400 * SECOND])
async def test_windows_of_any_length_fill_and_empty(counters: Counters, window_us: int) -> None:
    login = Hit(fresh(), limit=1, window_us=window_us)
    assert (await one(counters, login)).admitted
    refused = await one(counters, login, START + 1)
    assert not refused.admitted
    assert window_us <= refused.retry_after_s * SECOND + 1 <= 1.1 * window_us + 20
    wait_us = round(refused.retry_after_s * SECOND)
    assert (await one(counters, login, START + 1 + wait_us)).admitted


async def test_without_times_the_clock_of_the_store_counts(counters: Counters) -> None:
    login = Hit(fresh(), limit=1, window_us=3_600 * SECOND)
    tallies = await counters.hit([[login], [login]], budget_s=5)
    assert [t.admitted for [t] in tallies] == [True, False]
    assert 3_500 < tallies[1][0].retry_after_s <= 3_960


async def test_no_requests_and_requests_without_hits_are_answered(counters: Counters) -> None:
    assert await counters.hit([], budget_s=5) == []
    login = Hit(fresh(), limit=1, window_us=WINDOW)
    assert await hit(counters, [], [login], []) == [[], [Tally(True, 0, 11.0)], []]


async def test_a_batch_of_thousands_of_keys_is_one_call(counters: Counters) -> None:
    requests = [[Hit(fresh(), limit=2, window_us=WINDOW) for _ in range(10)] for _ in range(512)]
    tallies = await hit(counters, *requests)
    assert [len(own) for own in tallies] == [10] * 512
    assert {t for own in tallies for t in own} == {Tally(True, 1, 0.0)}


async def test_closing_twice_is_as_good_as_once(counters: Counters) -> None:
    await counters.close()
    await counters.close()
