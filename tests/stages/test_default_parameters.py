"""The parameter rules that ship: what they let pass and what they stop at a shop."""

import gzip
import json
from typing import Any

import pytest

from riskengine.request import Request
from tests.stages.parameter_stage import BROWSER, CHECKOUT, MEGABYTE, make, shop

SHARED = CHECKOUT.parent / "shared" / "data"
GOOD_AT_THE_SHOP = [
    make("GET", "/", headers=BROWSER),
    make(
        "GET", "/category/running-shoes?page=2&sort=price&utm_source=mail&gclid=x", headers=BROWSER
    ),
    make("GET", "/products/1234?ref=home", headers=BROWSER),
    make("GET", "/search?q=rock+%26+roll+100%25+%22quoted%22&page=", headers=BROWSER),
    make("GET", "/search?q=%E9t%E9", headers=BROWSER),
    make("POST", "/cart/items", body=b'{"product_id": 5, "quantity": 1}', headers=BROWSER),
    make("POST", "/login", body=b"user=a%40b.example&password=%26%3D%27--", headers=BROWSER),
    make("POST", "/checkout", body=b"name=O%27Neil&note=a%0D%0Ab", headers=BROWSER),
    make("GET", "/static/js/app.min.js?v=1.2.3", headers=BROWSER),
    make("GET", "/.well-known/security.txt", headers=BROWSER),
    make("OPTIONS", "/api/products/5/stock", headers=BROWSER),
    make("GET", "/not/on/the/map", headers=BROWSER),
]


@pytest.mark.parametrize("request_", GOOD_AT_THE_SHOP)
async def test_default_rules_let_good_requests_pass(request_: Request) -> None:
    assert not await shop().stopped(request_)


BAD_AT_THE_SHOP = [
    (make("GET", "/.env", headers=BROWSER), "forbidden-paths"),
    (make("GET", "/shop/.git/config", headers=BROWSER), "forbidden-paths"),
    (make("GET", "/%2e%67it%2fHEAD", headers=BROWSER), "forbidden-paths"),
    (make("GET", "/wp-login.php", headers=BROWSER), "forbidden-paths"),
    (make("GET", "/static/../../../etc/passwd", headers=BROWSER), "path-traversal"),
    (make("GET", "/static/%c0%ae%c0%ae/x", headers=BROWSER), "path-encoding"),
    (make("GET", "/products/12%00.jpg", headers=BROWSER), "path-encoding"),
    (make("GET", "/products/12%27--", headers=BROWSER), "product"),
    (make("GET", "/category/x?page=1%20or%201=1", headers=BROWSER), "category"),
    (make("GET", "/search?q=%00", headers=BROWSER), "query-encoding"),
    (make("TRACE", "/", headers=BROWSER), "known-methods"),
    (make("GET", "/", headers=(*BROWSER, ("x", "a\nb"))), "header-characters"),
    (make("GET", "/", headers=(*BROWSER, ("x", MEGABYTE))), "header-size"),
    (make("POST", "/cart/items", body=b'{"product_id": 5, "quantity": 1000}'), "cart-add"),
    (make("POST", "/login", body=b"user=a"), "login"),
]


@pytest.mark.parametrize(("request_", "rule"), BAD_AT_THE_SHOP)
async def test_default_rules_stop_bad_requests(request_: Request, rule: str) -> None:
    hits = await shop().hits(request_)
    assert rule in {hit.rule_id for hit in hits if not hit.observed}


def browsed() -> list[Request]:
    with gzip.open(SHARED / "requests" / "real_browsing_sample.jsonl.gz", "rt") as lines:
        return [_browsed(json.loads(line)) for line in lines]


def _browsed(line: dict[str, Any]) -> Request:
    headers = tuple((name.lower(), value) for name, value in line["headers"])
    return make(line["method"], line["uri"], headers=headers)


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.is_dir(), reason="the public data set folder is not there")
async def test_default_rules_stop_hardly_any_real_browsing() -> None:
    stage, requests = shop(), browsed()
    stopped = [request for request in requests if await stage.stopped(request)]
    assert len(stopped) / len(requests) < 0.002
