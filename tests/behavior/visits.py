"""A small shop map, and requests to it, for tests of behaviour."""

from typing import Any

from riskengine.inspection import Batch, Inspection
from riskengine.request import make_request
from riskengine.ruleset.routes import Route, RouteTable

AT = 1_772_359_200.0
HOST = "shop.example"
BROWSER = (
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("accept-language", "en"),
    ("accept-encoding", "gzip, br"),
    ("sec-fetch-mode", "navigate"),
)
ROUTES = RouteTable(
    [
        Route(id="product", path="/products/{id}", step="product"),
        Route(id="stock", path="/api/products/{id}/stock", kind="api"),
        Route(id="cart", path="/cart", methods=("GET", "POST"), step="cart"),
        Route(id="checkout", path="/checkout", methods=("GET", "POST"), step="checkout"),
        Route(id="login", path="/login", methods=("GET", "POST"), step="login"),
        Route(id="static", path="/static/**", kind="asset"),
    ]
)


def visits(*requests: dict[str, Any], shed: frozenset[str] = frozenset()) -> Batch:
    """A batch of requests; `after` is when each comes, in seconds from AT."""
    made = [
        make_request(
            received_at=AT + fields.pop("after", 0.0),
            **{"client_ip": "203.0.113.7", "method": "GET", "path": "/", "host": HOST, **fields},
        )
        for fields in map(dict, requests)
    ]
    return Batch.of(made, ROUTES, now=AT, deadline=0.0, believe_received_at=True, shed=shed)


def visit(**fields: Any) -> Inspection:
    """One request on its way through the funnel."""
    return visits(fields).every[0]
