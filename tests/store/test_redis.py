import asyncio
import sys
import uuid

import pytest
from redis.asyncio import Redis

from riskengine.clock import SystemClock
from riskengine.errors import StoreError
from riskengine.store.counters import Hit
from riskengine.store.redis import RedisCounters

HOUR = 3_600_000_000

FIVE_HUNDRED = """
import asyncio, sys
from riskengine.clock import SystemClock
from riskengine.store.counters import Algorithm, Hit
from riskengine.store.leased import LeasedCounters
from riskengine.store.redis import RedisCounters

async def main() -> None:
    counters = RedisCounters(sys.argv[1], timeout_s=30)
    algorithm, lease = Algorithm[sys.argv[3]], int(sys.argv[4])
    window_us = 3_600_000_000 * (11 if lease else 10) // 10
    sale = Hit(sys.argv[2], 100, window_us, algorithm=algorithm, lease=lease)
    if lease:
        counters = LeasedCounters(counters, SystemClock())
    print("ready", flush=True)
    sys.stdin.readline()
    answers = await asyncio.gather(*[counters.hit([[sale]], budget_s=30) for _ in range(500)])
    print(sum(tally.admitted for [[tally]] in answers))

asyncio.run(main())
"""


async def admitted_by_processes(url: str, number: int, algorithm: str, lease: int = 0) -> int:
    """What so many processes get of a limit of 100, with 500 hits each at once."""
    words = [url, uuid.uuid4().hex, algorithm, str(lease)]
    pipe = asyncio.subprocess.PIPE
    clients = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", FIVE_HUNDRED, *words, stdin=pipe, stdout=pipe
        )
        for _ in range(number)
    ]
    for client in clients:
        assert client.stdout is not None
        assert await client.stdout.readline() == b"ready\n"
    answers = await asyncio.gather(*[client.communicate(b"go\n") for client in clients])
    return sum(int(out) for out, _ in answers)


async def test_a_thousand_hits_of_two_processes_admit_exactly_the_limit(valkey_url: str) -> None:
    assert await admitted_by_processes(valkey_url, 2, "STRICT") == 100


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["EXACT", "STRICT"])
async def test_eight_processes_on_one_key_admit_exactly_the_limit(
    valkey_url: str, algorithm: str
) -> None:
    assert await admitted_by_processes(valkey_url, 8, algorithm) == 100


@pytest.mark.slow
async def test_eight_processes_with_leases_never_admit_more_than_the_limit(
    valkey_url: str,
) -> None:
    admitted = await admitted_by_processes(valkey_url, 8, "STRICT", lease=10)
    assert 100 - 8 * 10 <= admitted <= 100


async def test_two_clients_at_once_admit_exactly_the_limit(valkey_url: str) -> None:
    clients = [RedisCounters(valkey_url, timeout_s=30) for _ in range(2)]
    sale = Hit(uuid.uuid4().hex, limit=100, window_us=HOUR)
    calls = [client.hit([[sale]] * 10, budget_s=30) for client in clients for _ in range(50)]
    answers = await asyncio.gather(*calls)
    assert sum(tally.admitted for batch in answers for [tally] in batch) == 100
    for client in clients:
        await client.close()


async def test_a_server_that_forgot_the_script_is_told_again(valkey_url: str) -> None:
    counters = RedisCounters(valkey_url, timeout_s=5)
    login = Hit(uuid.uuid4().hex, limit=5, window_us=HOUR)
    await counters.hit([[login]], budget_s=5)
    async with Redis.from_url(valkey_url) as admin:
        await admin.script_flush()
    [[tally]] = await counters.hit([[login]], budget_s=5)
    assert tally.remaining == 3
    await counters.close()


async def test_keys_live_for_two_windows_and_a_little_more(valkey_url: str) -> None:
    counters = RedisCounters(valkey_url, timeout_s=5)
    logins = [Hit(uuid.uuid4().hex, limit=5, window_us=60_000_000) for _ in range(20)]
    await counters.hit([logins], budget_s=5)
    async with Redis.from_url(valkey_url) as admin:
        lives = [await admin.pttl(login.key) for login in logins]
        sizes = {await admin.strlen(login.key) for login in logins}
    assert all(120_000 < life <= 136_000 for life in lives)
    assert len(set(lives)) > 10, "keys born together must not die together"
    assert sizes == {52}
    await counters.close()


async def test_a_refused_hit_writes_nothing(valkey_url: str) -> None:
    counters = RedisCounters(valkey_url, timeout_s=5)
    login = Hit(uuid.uuid4().hex, limit=1, window_us=HOUR)
    await counters.hit([[login]], budget_s=5)
    async with Redis.from_url(valkey_url) as admin:
        await admin.persist(login.key)
        await counters.hit([[login]] * 10, budget_s=5)
        assert await admin.pttl(login.key) == -1, "a write would have set a new time to live"
        await admin.delete(login.key)
    await counters.close()


async def test_a_value_that_is_not_ours_starts_afresh(valkey_url: str) -> None:
    counters = RedisCounters(valkey_url, timeout_s=5)
    login = Hit(uuid.uuid4().hex, limit=2, window_us=HOUR)
    async with Redis.from_url(valkey_url) as admin:
        await admin.set(login.key, "not a window")
    [[tally]] = await counters.hit([[login]], budget_s=5)
    assert (tally.admitted, tally.remaining) == (True, 1)
    await counters.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("unix:///nowhere/store.sock", "did not answer"),
        ("redis://127.0.0.1:1", "did not answer"),
        ("redis://user:secret@127.0.0.1:1", "did not answer"),
    ],
)
async def test_a_store_that_is_not_there_is_said_at_once_and_without_the_password(
    url: str, words: str
) -> None:
    counters = RedisCounters(url, timeout_s=5)
    started = SystemClock().monotonic()
    with pytest.raises(StoreError, match=words) as raised:
        await counters.hit([[Hit("a", 1, HOUR)]], budget_s=5)
    assert SystemClock().monotonic() - started < 1
    assert "secret" not in str(raised.value)
    await counters.close()


async def test_a_store_that_says_nothing_costs_no_more_than_the_budget() -> None:
    server = await asyncio.start_server(_say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    counters = RedisCounters(f"redis://127.0.0.1:{port}", timeout_s=0.05)
    started = SystemClock().monotonic()
    for budget_s in (0.05, 10.0):
        with pytest.raises(StoreError, match="within 50 ms"):
            await counters.hit([[Hit("a", 1, HOUR)]], budget_s=budget_s)
    assert SystemClock().monotonic() - started < 1
    server.close()


async def _say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def test_a_server_that_speaks_nonsense_is_a_store_error() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    counters = RedisCounters(f"redis://127.0.0.1:{port}", timeout_s=1)
    with pytest.raises(StoreError):
        await counters.hit([[Hit("a", 1, HOUR)]], budget_s=1)
    server.close()


async def test_a_server_that_refuses_is_a_store_error(valkey_url: str) -> None:
    counters = RedisCounters(valkey_url + "?db=99", timeout_s=5)
    with pytest.raises(StoreError):
        await counters.hit([[Hit("a", 1, HOUR)]], budget_s=5)


async def test_a_given_up_call_never_lends_its_answer_to_another(valkey_url: str) -> None:
    counters = RedisCounters(valkey_url, timeout_s=5)
    many = [[Hit(f"{uuid.uuid4().hex}{n}", 9, HOUR) for n in range(20)] for _ in range(200)]
    for _ in range(20):
        with pytest.raises(StoreError):
            await counters.hit(many, budget_s=0.0005)
        login = Hit(uuid.uuid4().hex, limit=77, window_us=HOUR)
        [[tally]] = await counters.hit([[login]], budget_s=5)
        assert tally.remaining == 76
    await counters.close()
