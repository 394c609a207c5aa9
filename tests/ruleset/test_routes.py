import pytest
from pydantic import ValidationError

from riskengine.ruleset.routes import Route, RouteTable, captures, conflicts


def route(name: str, path: str, *methods: str) -> Route:
    return Route(id=name, path=path, methods=methods or ("GET", "HEAD"))


TABLE = RouteTable(
    [
        route("home", "/"),
        route("product", "/products/{id}"),
        route("product-new", "/products/new", "POST"),
        route("product-sale", "/products/sale"),
        route("stock", "/api/products/{id}/stock"),
        route("api", "/api/**"),
        route("static", "/static/**"),
        route("upper", "/Account"),
        route("two", "/{a}/{b}/end"),
    ]
)

MATCHES = [
    # method, path key, id of the route
    ("GET", "/", "home"),
    ("HEAD", "/", "home"),
    ("POST", "/", None),
    ("GET", "/products/12", "product"),
    ("GET", "/products/sale", "product-sale"),
    ("GET", "/products/new", "product"),
    ("POST", "/products/new", "product-new"),
    ("POST", "/products/12", None),
    ("GET", "/products", None),
    ("GET", "/products/1/2", None),
    ("GET", "/api/products/12/stock", "stock"),
    ("GET", "/api/products/12", "api"),
    ("GET", "/api/products/12/stock/more/and/more", "api"),
    ("GET", "/api", "api"),
    ("GET", "/static", "static"),
    ("GET", "/static/a/b/c.js", "static"),
    ("GET", "/statics", None),
    ("GET", "/account", "upper"),
    ("GET", "/products/1/end", "two"),
    ("GET", "/static/1/end", "static"),
    ("GET", "*", None),
    ("", "/", None),
]


@pytest.mark.parametrize(("method", "key", "expected"), MATCHES)
def test_most_specific_route_that_knows_the_method_wins(
    method: str, key: str, expected: str | None
) -> None:
    found = TABLE.match(method, key)
    assert (found.id if found else None) == expected


@pytest.mark.parametrize(
    ("key", "methods"),
    [
        ("/products/new", {"GET", "HEAD", "POST"}),
        ("/products/7", {"GET", "HEAD"}),
        ("/nowhere", set()),
    ],
)
def test_methods_known_at_a_path_are_told(key: str, methods: set[str]) -> None:
    assert TABLE.methods(key) == methods


def test_empty_map_knows_nothing() -> None:
    assert RouteTable([]).match("GET", "/") is None
    assert RouteTable([]).methods("/a/b") == frozenset()


def test_captures_keep_the_case_of_the_path() -> None:
    assert captures(route("r", "/Shop/{slug}/x/{id}"), "/shop/Red-Shoes/X/7") == {
        "slug": "Red-Shoes",
        "id": "7",
    }
    assert captures(route("r", "/"), "/") == {}


def test_routes_that_claim_the_same_place_are_told() -> None:
    first, second = route("a", "/x/{id}", "GET", "PUT"), route("b", "/X/{other}", "PUT")
    assert conflicts([first, second]) == [(first, second, "PUT")]
    assert conflicts([first, route("c", "/x/{id}", "POST")]) == []


@pytest.mark.timeout(10)
def test_a_path_of_very_many_segments_is_cheap() -> None:
    assert TABLE.match("GET", "/static" + "/a" * 8_000) is not None
    assert TABLE.match("GET", "/" * 16_000) is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"path": "/**/x"}, "must have '**' only as its last segment"),
        ({"path": "/a*"}, "must have '**' only as its last segment"),
        ({"path": "/{id}/{id}"}, "must not use one {name} twice"),
        ({"path": "x"}, "must begin with '/'"),
        ({"path": "/", "methods": ("get",)}, "must be a method in upper case such as GET"),
    ],
)
def test_wrong_route_is_refused_with_the_reason(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        Route.model_validate({"id": "r", **fields})
    assert message in str(refusal.value)
