"""What is read from outside is what the counters themselves say, for every algorithm."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from riskengine.clock import SystemClock
from riskengine.store.counters import Algorithm, Hit
from riskengine.store.open import open_counters
from riskengine.store.stored_limits import CounterKey, read_key, read_value

SECOND = 1_000_000
START = 1_700_000_000 * SECOND
WINDOW = 10 * SECOND
LIMIT = 7

_numbers = itertools.count()


def key_of(algorithm: Algorithm) -> str:
    word = "" if algorithm is Algorithm.STRICT else f":{algorithm.word}"
    starts = f":{START}" if algorithm is Algorithm.CALENDAR else ""
    return f"read:rl1:{{user:u{next(_numbers)}}}:rule:{WINDOW}{word}{starts}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "default:rl1:{ip:203.0.113.7}:login:60000000",
            ("default", "ip:203.0.113.7", "login", 60_000_000, "strict", False, False, 0),
        ),
        (
            "de:rl1:{ip:2001:db8::/64,attribute:plan:free}:allowlisted:a-b:1000000:pace",
            (
                "de",
                "ip:2001:db8::/64,attribute:plan:free",
                "a-b",
                1_000_000,
                "pace",
                True,
                False,
                0,
            ),
        ),
        (
            "d:rl1:{user:ann}:quota:86400000000:calendar:1700000000000000",
            ("d", "user:ann", "quota", 86_400_000_000, "calendar", False, False, START),
        ),
        (
            "d:rl1:{user:ann}:login:1000000:attempts",
            ("d", "user:ann", "login", 1_000_000, "strict", False, True, 0),
        ),
        (
            "d:rl1:{user:ann}:login:1000000:exact:attempts",
            ("d", "user:ann", "login", 1_000_000, "strict", False, True, 0),
        ),
    ],
)
def test_a_key_is_taken_apart(text: str, expected: tuple[object, ...]) -> None:
    key = read_key(text)
    assert key is not None
    assert key == CounterKey(text, *expected)  # type: ignore[arg-type]  # one tuple a case


@pytest.mark.parametrize("text", ["", "riskengine:top1:5", "d:rl2:{ip:x}:a:1", "d:rl1:{ip:x}:a:b"])
def test_what_is_no_counter_of_this_format_is_left_alone(text: str) -> None:
    assert read_key(text) is None


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_value_of_another_format_is_not_guessed_at(algorithm: Algorithm) -> None:
    key = read_key(key_of(algorithm))
    assert key is not None
    assert read_value(key, b"1234567", START, LIMIT) in (None, (0, ()))
    assert read_value(key._replace(algorithm="tomorrow"), b"1", START, LIMIT) is None


@pytest.mark.parametrize("algorithm", list(Algorithm))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(st.integers(-2 * SECOND, 4 * SECOND), max_size=12), late=st.integers(0, 15))
async def test_reading_agrees_with_counting(
    valkey_url: str, algorithm: Algorithm, steps: list[int], late: int
) -> None:
    text = key_of(algorithm)
    hit = Hit(text, LIMIT, WINDOW, algorithm=algorithm, burst=LIMIT, ends_us=START + 10**12)
    counters = open_counters(valkey_url, clock=SystemClock(), timeout_s=5)
    at = START
    for place, step in enumerate(steps):
        at += step
        one = hit._replace(token=place.to_bytes(8)) if algorithm is Algorithm.CONCURRENCY else hit
        await counters.hit([[one]], at_us=[at], budget_s=5)
    at += late * SECOND
    cost = 0 if algorithm is Algorithm.CONCURRENCY else LIMIT + 1  # either changes nothing
    look = hit._replace(cost=cost, token=b"to look!")
    [[tally]] = await counters.hit([[look]], at_us=[at], budget_s=5)
    await counters.close()
    redis = Redis.from_url(valkey_url)
    value = await redis.get(text)
    await redis.aclose()
    key = read_key(text)
    assert key is not None
    if value is None:
        assert tally.remaining == LIMIT
        return
    assert isinstance(value, bytes)
    reading = read_value(key, value, at, LIMIT)
    assert reading is not None
    assert int(max(0, LIMIT - reading.used)) == tally.remaining
    if algorithm not in (Algorithm.PACE, Algorithm.CALENDAR):
        assert sum(held.hits for held in reading.held) == reading.used
