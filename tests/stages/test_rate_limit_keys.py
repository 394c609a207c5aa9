"""Who is counted together, and what is counted at all."""

from hashlib import blake2b
from typing import Any

import pytest

from riskengine.clock import ManualClock
from riskengine.request import Request
from riskengine.store.memory import MemoryCounters
from tests.stages.limit_bench import APART, SAME, Bench, limit, request


@pytest.mark.parametrize(
    ("key", "first", "second", "stops"),
    [
        (["ip"], request(), request(), SAME),
        (["ip"], request(), request("203.0.113.8"), APART),
        (["ip"], request("2001:db8::1"), request("2001:db8::ffff"), SAME),
        (["ip"], request("2001:db8::1"), request("2001:db8:0:1::1"), APART),
        (["ip"], request(), request("::ffff:203.0.113.7"), SAME),
        (["ip"], request(namespace="de"), request(namespace="fr"), APART),
        (["user"], request(user_id="a"), request("203.0.113.8", user_id="a"), SAME),
        (["user"], request(user_id="a"), request(user_id="A"), APART),
        (["user"], request(), request(), APART),
        (["session"], request(session_id="s"), request(session_id="t"), APART),
        (["device"], request(device_id="d"), request(device_id="d"), SAME),
        (["tls"], request(tls_fingerprint="t13d"), request(tls_fingerprint="t13d"), SAME),
        (["host"], request(host="Shop.example"), request(host="shop.example"), SAME),
        (["method"], request(), request(method="POST"), APART),
        (["namespace"], request(), request("203.0.113.8"), SAME),
        (["route"], request(path="/products/1"), request(path="/products/2"), SAME),
        (["route"], request(path="/nowhere"), request(path="/nowhere"), APART),
        (["ip", "user"], request(user_id="a"), request(user_id="a"), SAME),
        (["ip", "user"], request(user_id="a"), request(user_id="b"), APART),
        (["ip", "user"], request(user_id="a"), request(), APART),
        (["attribute:plan"], request(attributes={"plan": "x"}), request(), APART),
        (
            ["header:X-Key"],
            request(headers=(("x-key", "1"),)),
            request(headers=(("x-key", "1"),)),
            SAME,
        ),
    ],
)
async def test_key_decides_who_is_counted_together(
    key: list[str], first: Request, second: Request, stops: list[bool]
) -> None:
    assert await Bench(limit(key=key, limit=1)).stops(first, second) == stops


async def test_requests_that_lack_a_part_count_together_where_the_rule_says_so() -> None:
    bench = Bench(limit(key=["user"], missing="count", limit=1))
    assert await bench.stops(request(), request("203.0.113.8"), request(user_id="a")) == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("match", "counts", "passes"),
    [
        ({"methods": ["POST"]}, request(method="POST"), request()),
        ({"paths": ["/login"]}, request(path="/LOGIN"), request(path="/login2")),
        ({"paths": ["/api/**"]}, request(path="/api/a/b"), request(path="/apis")),
        ({"paths": ["/a/{id}", "/b"]}, request(path="/a/7"), request(path="/a/7/8")),
        ({"routes": ["product"]}, request(path="/products/9"), request(path="/login")),
        ({"kinds": ["api"]}, request(path="/api/stock"), request(path="/products/9")),
        ({"namespaces": ["de"]}, request(namespace="de"), request()),
        (
            {"attributes": {"plan": "free"}},
            request(attributes={"plan": "free", "age": "3"}),
            request(attributes={"plan": "paid"}),
        ),
        ({"headers": {"X-App": "1"}}, request(headers=(("x-app", "1"),)), request()),
        (
            {"methods": ["GET"], "paths": ["/api/**"]},
            request(path="/api/a"),
            request(path="/api/a", method="POST"),
        ),
    ],
)
async def test_match_decides_what_is_counted(
    match: dict[str, Any], counts: Request, passes: Request
) -> None:
    bench = Bench(limit(match=match, limit=1))
    assert await bench.stops(counts, counts, passes, passes) == [False, True, False, False]


ODD = ["a" * 49, "", "{}", "a}b", "a,user:b", "a:b", "ü", "\ud800", "a b", "\r\nFLUSHALL", "\0"]


@pytest.mark.parametrize("value", [v for v in ODD if v])
async def test_odd_values_make_short_plain_keys_and_stay_apart(value: str) -> None:
    seen: list[str] = []

    class Recording(MemoryCounters):
        async def hit(self, requests: Any, **more: Any) -> Any:
            seen.extend(hit.key for hits in requests for hit in hits)
            return await super().hit(requests, **more)

    bench = Bench(limit(key=["user"], limit=1), counters=Recording(ManualClock()))
    one, other = request(user_id=value), request(user_id=value + "x")
    assert await bench.stops(one, other, one) == [False, False, True]
    assert all(len(key) < 80 and key.isascii() and key.isprintable() for key in seen)
    assert all(key.count("{") == key.count("}") == 1 for key in seen)


async def test_nobody_can_pose_as_an_odd_value_by_sending_its_digest() -> None:
    odd = "x" * 49
    digest = blake2b(odd.encode(), digest_size=16).hexdigest()
    bench = Bench(limit(key=["user"], limit=1))
    posing = [request(user_id=value) for value in (digest, "#" + digest)]
    assert await bench.stops(request(user_id=odd), *posing) == [False] * 3
