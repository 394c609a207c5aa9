"""Envoy's one method, from bytes to bytes, answered by the whole engine."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from riskengine.clock import ManualClock
from riskengine.edge.envoy_api.external_auth_pb2 import CheckRequest, CheckResponse
from riskengine.edge.ext_authz import SERVICE, ext_authz_methods
from riskengine.engine import Engine
from riskengine.errors import DeadlineError, InvalidRequestError, RiskEngineError
from riskengine.ruleset.loader import load_ruleset
from riskengine.settings import Settings
from tests.edge.shop_rules import write_shop_rules


class Asking:
    """A call as a server would describe it."""

    metadata: Mapping[str, str | bytes] = {}
    peer = "127.0.0.1"

    def __init__(self, budget_s: float = 1.0) -> None:
        self._budget_s = budget_s

    @property
    def budget_s(self) -> float:
        if self._budget_s <= 0:
            raise DeadlineError("the deadline passed before work began")
        return self._budget_s


class Gateway:
    """What Envoy does, without Envoy."""

    def __init__(self, rules: Path) -> None:
        self.clock = ManualClock()
        self.engine = Engine(load_ruleset(write_shop_rules(rules)), clock=self.clock)
        self._method = ext_authz_methods(self.engine, Settings()).unary[f"/{SERVICE}/Check"]

    async def check(
        self, path: str, *, method: str = "GET", source: str = "203.0.113.7", headers: int = 0
    ) -> CheckResponse:
        request = CheckRequest()
        attributes = request.attributes
        attributes.source.address.socket_address.address = source
        attributes.request.http.method = method
        attributes.request.http.path = path
        for number in range(headers):
            attributes.request.http.header_map.headers.add(key=f"x-{number}", raw_value=b"1")
        return await self.send(request.SerializeToString())

    async def send(self, message: bytes, budget_s: float = 1.0) -> CheckResponse:
        return CheckResponse.FromString(await self._method(message, Asking(budget_s)))


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    return Gateway(tmp_path)


async def test_ordinary_request_passes(gateway: Gateway) -> None:
    answer = await gateway.check("/products/7?from=home")
    assert answer.status.code == 0
    assert answer.WhichOneof("http_response") == "ok_response"
    assert dict(answer.dynamic_metadata)["verdict"] == "allow"


async def test_forbidden_path_is_denied_and_only_the_gateway_learns_the_rule(
    gateway: Gateway,
) -> None:
    answer = await gateway.check("/static/%2e%2e/.env")
    assert answer.denied_response.status.code == 403
    assert dict(answer.dynamic_metadata)["rule_id"] == "secrets"
    assert "secrets" not in str(answer.denied_response)


async def test_blocked_address_is_denied(gateway: Gateway) -> None:
    answer = await gateway.check("/", source="203.0.113.66")
    assert answer.denied_response.status.code == 403
    assert dict(answer.dynamic_metadata)["rule_id"] == "blocked"


async def test_third_login_in_the_window_is_throttled_until_retry_after(gateway: Gateway) -> None:
    answers = [await gateway.check("/login", method="POST") for _ in range(3)]
    assert [answer.status.code for answer in answers] == [0, 0, 8]
    throttled = answers[2].denied_response
    headers = {option.header.key: option.header.value for option in throttled.headers}
    assert throttled.status.code == 429
    assert headers["ratelimit-policy"] == '"two-logins";q=2;w=2'
    assert json.loads(throttled.body)["violated-policies"] == ["two-logins"]
    gateway.clock.advance(int(headers["retry-after"]))
    assert (await gateway.check("/login", method="POST")).status.code == 0


async def test_request_that_cannot_be_judged_is_denied_rather_than_failed(
    gateway: Gateway,
) -> None:
    answer = await gateway.check("/", headers=300)
    assert answer.denied_response.status.code == 403
    assert dict(answer.dynamic_metadata)["reason"] == "request.invalid"


@pytest.mark.parametrize(
    ("message", "budget_s", "error"),
    [
        (b"\xff", 1.0, InvalidRequestError),
        (b"", 1.0, InvalidRequestError),
        (b"", 0.0, DeadlineError),
    ],
)
async def test_call_without_a_decision_fails_as_a_call(
    gateway: Gateway, message: bytes, budget_s: float, error: type[RiskEngineError]
) -> None:
    with pytest.raises(error):
        await gateway.send(message, budget_s)
