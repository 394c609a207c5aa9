import pytest

from riskengine.clock import ManualClock
from riskengine.errors import SettingsError
from riskengine.store.memory import MemoryCounters
from riskengine.store.open import open_counters
from riskengine.store.shared import SharedCounters


async def test_memory_is_in_memory() -> None:
    opened = open_counters("memory", clock=ManualClock(), timeout_s=0.02)
    assert isinstance(opened, MemoryCounters)


@pytest.mark.parametrize(
    "url",
    [
        "unix:///run/store.sock",
        "redis://127.0.0.1:6379/0",
        "rediss://store.example:6380",
        "redis+sentinel://one.example:26379,two.example/shop?sentinel_password=x",
        "rediss+sentinel://user:secret@[::1]:26379/shop",
        "redis+cluster://one.example:7000,two.example:7001",
        "rediss+cluster://user:secret@one.example?ssl_ca_certs=/etc/ca.pem",
    ],
)
async def test_a_server_is_guarded_and_not_asked_yet(url: str) -> None:
    opened = open_counters(url, clock=ManualClock(), timeout_s=0.02)
    assert isinstance(opened, SharedCounters)
    await opened.close()


@pytest.mark.parametrize(
    "url",
    [
        "embedded",
        "",
        "http://store",
        "redis",
        "redis://store:many",
        "redis+sentinel://store:26379",
        "redis+cluster://store:many",
        "redis+cluster://",
    ],
)
async def test_any_other_word_is_refused_with_the_name_of_the_flag(url: str) -> None:
    with pytest.raises(SettingsError, match="--store"):
        open_counters(url, clock=ManualClock(), timeout_s=0.02)
