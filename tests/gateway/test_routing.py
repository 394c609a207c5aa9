"""Which service a request goes to."""

import pytest

from riskengine.gateway.config_model import RouteEntry
from riskengine.gateway.routing import Routes

ROUTES = Routes(
    [
        RouteEntry(prefix="/api/", service="api"),
        RouteEntry(hosts=("admin.example",), service="admin"),
        RouteEntry(hosts=("*.shop.example",), prefix="/static", service="static"),
        RouteEntry(hosts=("shop.example", "*.shop.example"), service="shop"),
    ],
    None,
)


@pytest.mark.parametrize(
    ("host", "path", "service"),
    [
        ("any.example", "/api", "api"),
        ("any.example", "/api/items", "api"),
        ("any.example", "/apis", None),
        ("admin.example", "/", "admin"),
        ("ADMIN.example:8080", "/", "admin"),
        ("admin.example.", "/", "admin"),
        ("admin.example.evil", "/", None),
        ("eu.shop.example", "/static/a.css", "static"),
        ("eu.shop.example", "/static/../api/x", "api"),
        ("eu.shop.example", "/%61pi/x", "api"),
        ("eu.shop.example", "//api/x", "api"),
        ("shop.example", "/static/a.css", "shop"),
        ("evilshop.example", "/", None),
        ("", "/", None),
    ],
)
def test_first_route_that_fits_counts(host: str, path: str, service: str | None) -> None:
    assert ROUTES.service_of(host, path) == service


def test_only_service_gets_everything() -> None:
    assert Routes((), "shop").service_of("any.example", "/any") == "shop"
