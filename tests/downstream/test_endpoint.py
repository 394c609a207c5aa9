"""What an address may look like."""

import pytest

from riskengine.downstream.endpoint import Endpoint


@pytest.mark.parametrize(
    ("address", "host", "port", "path"),
    [
        ("10.0.0.1:8080", "10.0.0.1", 8080, None),
        ("[::1]:80", "::1", 80, None),
        ("shop.internal:443", "shop.internal", 443, None),
        ("unix:/run/shop.sock", "localhost", 0, "/run/shop.sock"),
    ],
)
def test_address_is_taken_apart(address: str, host: str, port: int, path: str | None) -> None:
    endpoint = Endpoint(address)
    assert (endpoint.host, endpoint.port, endpoint.unix_path) == (host, port, path)


@pytest.mark.parametrize(
    "address", ["", "shop", "shop:", "shop:0", "shop:99999", "::1:80", "a b:1"]
)
def test_unusable_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="address: must be HOST:PORT"):
        Endpoint(address)


def test_unusable_weight_and_priority_are_refused() -> None:
    with pytest.raises(ValueError, match="weight: must be a whole number above 0"):
        Endpoint("shop:80", weight=0)
    with pytest.raises(ValueError, match="priority: must be 0 or more"):
        Endpoint("shop:80", priority=-1)
