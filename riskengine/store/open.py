"""Opens the store that a URL names."""

from riskengine.clock import Clock
from riskengine.errors import SettingsError
from riskengine.store.bans import BanStore
from riskengine.store.cluster import ClusterCounters
from riskengine.store.counters import Counters
from riskengine.store.memory import MemoryCounters
from riskengine.store.memory_bans import MemoryBans
from riskengine.store.redis import RedisCounters
from riskengine.store.redis_bans import RedisBans
from riskengine.store.redis_urls import CLUSTER, SERVERS
from riskengine.store.shared import SharedCounters


def open_counters(url: str, *, clock: Clock, timeout_s: float, processes: int = 1) -> Counters:
    """Counters at `memory`, or at the server, sentinels or cluster of a URL.

    `timeout_s` caps how long a call waits for a server; `processes` is how many share it
    at least. Nothing is connected yet. An embedded server is named by the URL that it got
    from `EmbeddedServer`. Raises SettingsError.
    """
    if url == "memory":
        return MemoryCounters(clock)
    _check_server(url)
    kind = ClusterCounters if CLUSTER in url.partition("://")[0] else RedisCounters
    try:
        server = kind(url, timeout_s=timeout_s)
        return SharedCounters(server, clock, processes=processes)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"--store is not a usable URL: {error}") from None


def open_bans(url: str, *, clock: Clock, timeout_s: float = 1.0) -> BanStore:
    """Bans at the same URLs; nothing is connected yet. Raises SettingsError."""
    if url == "memory":
        return MemoryBans(clock)
    _check_server(url)
    try:
        return RedisBans(url, timeout_s=timeout_s)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"--store is not a usable URL: {error}") from None


def _check_server(url: str) -> None:
    if not url.startswith(SERVERS):
        raise SettingsError(
            f"--store must be memory, unix:///PATH, redis://HOST:PORT or rediss://HOST:PORT here, "
            f"or redis+sentinel:// or redis+cluster://, got {url!r}"
        )
