"""What no gateway should ever send is refused, by name; what clients send is traffic."""

import math
from typing import Any

import pytest

from riskengine.errors import InvalidRequestError
from riskengine.request import make_request


def made(**fields: Any) -> Any:
    return make_request(**{"client_ip": "203.0.113.7", "method": "GET", "path": "/"} | fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"client_ip": ""},
            "client_ip: must be a plain IPv4 or IPv6 address, got ''",
        ),
        ({"path": ""}, "path: must not be empty; send '/' for the root"),
        ({"method": ""}, "method: must not be empty"),
        (
            {"namespace": "a b"},
            "namespace: must be at most 64 letters, digits, '-', '_' or '.'",
        ),
        (
            {"namespace": "shop\n"},
            "namespace: must be at most 64 letters, digits, '-', '_' or '.'",
        ),
        ({"headers": (("x", "1"),) * 257}, "headers: must be at most 256, got 257"),
        ({"body_size": -1}, "body_size: must not be negative, got -1"),
        ({"request_id": "x" * 129}, "request_id: must be at most 128 characters, got 129"),
        ({"user_id": "x" * 129}, "user_id: must be at most 128 characters, got 129"),
        ({"session_id": "x" * 500}, "session_id: must be at most 128 characters, got 500"),
        ({"device_id": "x" * 129}, "device_id: must be at most 128 characters, got 129"),
        ({"received_at": math.nan}, "received_at: must be a time between 1970 and 9999"),
        ({"received_at": math.inf}, "received_at: must be a time between 1970 and 9999"),
        ({"received_at": -1.0}, "received_at: must be a time between 1970 and 9999"),
        ({"received_at": 1e300}, "received_at: must be a time between 1970 and 9999"),
    ],
)
def test_a_field_that_no_gateway_should_send_is_refused_by_name(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        made(**fields)
    assert str(caught.value) == message
    assert caught.value.field == message.partition(":")[0]


@pytest.mark.parametrize(
    "fields",
    [
        {"path": "no-slash"},
        {"path": "/%zz/../..\x00"},
        {"method": "DELETE IT"},
        {"query": "&&&=%"},
        {"headers": (("", ""),)},
        {"http_version": "9"},
        {"host": "a\nb"},
    ],
)
def test_what_a_client_can_get_wrong_is_traffic_to_be_judged(fields: dict[str, Any]) -> None:
    request = made(**fields)
    for name, value in fields.items():
        assert getattr(request, name) == value


def test_a_body_is_never_larger_than_its_size() -> None:
    assert made(body=b"12345").body_size == 5
    assert made(body=b"12345", body_size=3).body_size == 5
    assert made(body=b"12345", body_size=9).body_size == 9


def test_a_request_without_a_namespace_is_in_the_default_one() -> None:
    assert made().namespace == "default"
    assert made(namespace="shop-1.eu").namespace == "shop-1.eu"
