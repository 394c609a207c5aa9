"""Lists of endpoints: where they come from, and that a bad one never replaces a good one."""

import asyncio
import os
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from riskengine.downstream.discovery import Discovery, StaticEndpoints
from riskengine.downstream.dns_endpoints import DnsEndpoints
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.errors import DiscoveryError
from riskengine.downstream.file_endpoints import FileEndpoints, parse_endpoints
from tests.downstream.fleet import run_virtually
from tests.waiting import until


class Seen:
    """Takes updates; `next` waits for one."""

    def __init__(self) -> None:
        self._updates: asyncio.Queue[list[str]] = asyncio.Queue()

    async def update(self, endpoints: Sequence[Endpoint]) -> None:
        self._updates.put_nowait([endpoint.address for endpoint in endpoints])

    async def next(self) -> list[str]:
        async with asyncio.timeout(60):
            return await self._updates.get()

    @property
    def empty(self) -> bool:
        return self._updates.empty()


async def test_static_list_is_told_once() -> None:
    seen = Seen()
    await StaticEndpoints([Endpoint("10.0.0.1:80")]).run(seen.update)
    assert await seen.next() == ["10.0.0.1:80"]


class Zone:
    """A resolver whose answers the test sets."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.error: OSError | None = None
        self.asked = 0

    async def resolve(self, host: str, port: int) -> list[str]:
        self.asked += 1
        if self.error:
            raise self.error
        return self.addresses


def dns(zone: Zone) -> DnsEndpoints:
    return DnsEndpoints("shop.internal", 80, rng=random.Random(1), resolve=zone.resolve)


def test_dns_answers_are_followed_and_outages_are_not() -> None:
    async def check() -> None:
        zone, seen = Zone("10.0.0.2", "10.0.0.1", "10.0.0.1"), Seen()
        task = asyncio.ensure_future(dns(zone).run(seen.update))
        assert await seen.next() == ["10.0.0.1:80", "10.0.0.2:80"]
        zone.addresses = ["10.0.0.2", "10.0.0.1"]
        await asyncio.sleep(40)
        assert seen.empty, "the same addresses in another order are no change"
        zone.error = OSError("the resolver is down")
        await asyncio.sleep(60)
        zone.error, zone.addresses = None, []
        await asyncio.sleep(60)
        assert seen.empty
        zone.addresses = ["2001:db8::1"]
        assert await seen.next() == ["[2001:db8::1]:80"]
        assert zone.asked == pytest.approx(7, abs=1)
        task.cancel()

    run_virtually(check)


@pytest.mark.parametrize("zone", [Zone(), Zone("10.0.0.1")])
async def test_dns_without_a_first_answer_is_an_error(zone: Zone) -> None:
    if zone.addresses:
        zone.error = OSError("no such host")
    with pytest.raises(DiscoveryError, match=r"shop\.internal: (no such host|the name has no)"):
        await dns(zone).run(Seen().update)


async def test_the_systems_resolver_is_asked() -> None:
    seen = Seen()
    source: Discovery = DnsEndpoints("localhost", 8080, rng=random.Random(1))
    task = asyncio.ensure_future(source.run(seen.update))
    assert set(await seen.next()) & {"127.0.0.1:8080", "[::1]:8080"}
    task.cancel()


def write(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    os.replace(new, path)  # noqa: PTH105 - as the documentation says


async def test_file_is_followed_and_a_bad_one_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, seen = tmp_path / "endpoints.yaml", Seen()
    write(path, "endpoints:\n  - address: 10.0.0.1:80\n")
    task = asyncio.ensure_future(FileEndpoints(path, look_s=0.01).run(seen.update))
    assert await seen.next() == ["10.0.0.1:80"]
    write(path, "endpoints:\n  - address: nonsense\n")
    await until(lambda: "endpoints kept" in caplog.text)
    assert "endpoints.yaml:2: address: must be HOST:PORT" in str(caplog.records[0].__dict__)
    path.unlink()
    write(path, "endpoints:\n  - address: 10.0.0.2:80\n    weight: 3\n")
    assert await seen.next() == ["10.0.0.2:80"]
    task.cancel()


def test_every_key_is_read() -> None:
    text = "endpoints:\n  - {address: 'unix:/run/shop', weight: 2, priority: 1, zone: a}\n"
    expected = Endpoint("unix:/run/shop", weight=2, priority=1, zone="a")
    assert parse_endpoints(text, "f") == [expected]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f:1: must hold one key, endpoints"),
        ("endpoints: []", "f:1: endpoints must be a list of at least one"),
        ("endpoints:\n- shop:80", "f:2: must be a mapping with address, got 'shop:80'"),
        ("endpoints:\n- address: shop", "f:2: address: must be HOST:PORT"),
        ("endpoints:\n- address: a:1\n- address: a:1", "f:3: address a:1 stands there twice"),
        ("endpoints:\n- {address: a:1, size: 2}", "f:2: unknown key 'size'; known are address"),
        ("endpoints:\n- {address: a:1, weight: x}", "f:2: weight: must be a whole number, got 'x'"),
        ("endpoints:\n- {address: a:1, weight: true}", "f:2: weight: must be a whole number"),
        ("endpoints:\n- {address: a:1, weight: 0}", "f:2: weight: must be a whole number above 0"),
        ("endpoints:\n- address: a:1\n  address: b:1", "f: no readable YAML"),
        ("[" * 5000, "f:1: must not be nested more than 4 levels deep"),
        ("- " * 5000, "f:1: must not be nested more than 4 levels deep"),
    ],
)
def test_mistakes_are_named(text: str, message: str) -> None:
    with pytest.raises(DiscoveryError) as caught:
        parse_endpoints(text, "f")
    assert message in str(caught.value)


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(DiscoveryError) as caught:
        parse_endpoints("endpoints:\n- {address: a}\n- {address: b:1, zone: 3}\n- 7\n", "f")
    assert [line.split()[0] for line in str(caught.value).splitlines()] == ["f:2:", "f:3:", "f:4:"]


async def test_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DiscoveryError, match="No such file"):
        await FileEndpoints(tmp_path / "none.yaml").run(Seen().update)
