"""Clients through gateway and engine to two real services."""

import asyncio
import re
from pathlib import Path

import pytest

from tests.gateway.backends import two_backends
from tests.gateway.running import gateway

SHOPPER, SCRAPER = {"x-forwarded-for": "198.51.100.1"}, {"x-forwarded-for": "198.51.100.2"}


async def test_allowed_request_is_answered_by_a_service(tmp_path: Path) -> None:
    async with two_backends() as backends, gateway(tmp_path, *backends) as running:
        names = set()
        for _ in range(20):
            async with running.session.get(f"{running.url}/", headers=SHOPPER) as answer:
                assert answer.status == 200
                names.add(answer.headers["x-backend"])
    assert names == {"one", "two"}


async def test_scraper_is_throttled_and_a_shopper_is_not(tmp_path: Path) -> None:
    async with two_backends() as backends, gateway(tmp_path, *backends) as running:

        async def statuses(headers: dict[str, str], pages: int) -> list[int]:
            got = []
            for number in range(pages):
                url = f"{running.url}/products/{number}"
                async with running.session.get(url, headers=headers) as answer:
                    got.append(answer.status)
                    last.append(answer.headers)
                    if answer.status == 429:
                        problems.append(await answer.json(content_type=None))
            return got

        last: list[object] = []
        problems: list[dict[str, object]] = []
        scraper, shopper = await asyncio.gather(statuses(SCRAPER, 60), statuses(SHOPPER, 10))
    assert scraper == [200] * 30 + [429] * 30
    assert shopper == [200] * 10
    assert problems[0]["violated-policies"] == ["catalogue"]


async def test_throttled_client_is_told_how_long_to_wait(tmp_path: Path) -> None:
    async with two_backends() as backends, gateway(tmp_path, *backends) as running:
        for _ in range(31):
            async with running.session.get(f"{running.url}/products/1") as answer:
                headers = answer.headers
    assert int(headers["retry-after"]) > 3_500
    assert re.fullmatch(r'"catalogue";r=0;t=\d+', headers["ratelimit"])
    assert headers["ratelimit-policy"] == '"catalogue";q=30;w=3600'
    assert headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/shop/.env", {}), ("/", {"x-forwarded-for": "203.0.113.66"})],
    ids=["forbidden path", "blocked address"],
)
async def test_denied_request_reaches_no_service(
    tmp_path: Path, path: str, headers: dict[str, str]
) -> None:
    async with (
        two_backends() as backends,
        gateway(tmp_path, *backends) as running,
        running.session.get(running.url + path, headers=headers) as answer,
    ):
        assert answer.status == 403
        assert (await answer.json(content_type=None))["title"] == "Forbidden"
    assert not backends[0].heads
    assert not backends[1].heads


async def test_access_log_tells_what_became_of_each_request(tmp_path: Path) -> None:
    async with two_backends() as backends, gateway(tmp_path, *backends) as running:
        for path in ("/a?secret=1", "/shop/.env"):
            async with running.session.get(running.url + path, headers=SHOPPER) as answer:
                size = len(await answer.read())
    allowed, denied = running.visits()
    assert (allowed["status"], allowed["verdict"], allowed["path"]) == (200, "allow", "/a")
    assert allowed["client_ip"] == "198.51.100.1"
    assert allowed["endpoint"] in {backend.address for backend in backends}
    assert (denied["status"], denied["verdict"], denied["rule"]) == (403, "deny", "secrets")
    assert denied["bytes"] == size
    assert not denied["endpoint"]
