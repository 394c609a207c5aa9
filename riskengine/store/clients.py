"""Opens plain clients of a store, for all that is off the path of requests."""

from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException, RedisError

from riskengine.store.redis_urls import CLUSTER, SENTINEL, read_many, sentinel_pool

FAILURES = (RedisError, RedisClusterException, OSError)
"""What these clients raise where the store does not answer; a cluster without nodes has its own."""

_CLUSTER_RETRIES = 1  # a slot that has moved is asked for at its new place


def open_client(url: str, *, timeout_s: float | None) -> Redis | RedisCluster:
    """A client of the server, the sentinels or the cluster that a URL names, as `--store` takes it.

    `timeout_s` caps how long connecting and each answer take. Nothing is connected yet. Raises
    ValueError or TypeError where the URL cannot be used.
    """
    scheme = url.partition("://")[0]
    waits: dict[str, Any] = {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s}
    if CLUSTER in scheme:
        return _cluster(url, waits)
    options: dict[str, Any] = {**waits, "retry": Retry(NoBackoff(), 0), "protocol": 2}
    if SENTINEL in scheme:
        return Redis(connection_pool=sentinel_pool(url, options))
    return Redis.from_url(url, **options)


def _cluster(url: str, waits: dict[str, Any]) -> RedisCluster:
    servers = read_many(url)
    options = dict(servers.options)
    options.pop("connection_class", None)
    options.pop("db", None)  # a cluster has one
    return RedisCluster(
        startup_nodes=[ClusterNode(host, port) for host, port in servers.addresses],
        retry=Retry(NoBackoff(), _CLUSTER_RETRIES),
        ssl=servers.tls,
        protocol=2,
        **waits,
        **options,
    )
