"""Services behind TLS: who is believed, what is shown, and what an operator reads when it fails."""

import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.errors import ConnectError, TlsError
from riskengine.downstream.http1 import Http1Connector
from riskengine.downstream.tls import client_tls
from riskengine.errors import RulesetError, SettingsError
from riskengine.gateway.config import load_config
from tests.gateway.backends import Backend
from tests.gateway.certificates import Certificate, make_certificate, server_context
from tests.gateway.running import Running, config_for, gateway

UNBELIEVED = "its certificate is not believed"
NO_RETRIES = {"attempts_max": 1}


@asynccontextmanager
async def shop_over_tls(
    own: Certificate, *, clients: Certificate | None = None
) -> AsyncIterator[Backend]:
    backend = Backend("secure")
    await backend.start(tls=server_context(own, clients=clients))
    try:
        yield backend
    finally:
        await backend.stop()


async def status_of(running: Running, path: str = "/page") -> int:
    async with running.session.get(f"{running.url}{path}") as answer:
        await answer.read()
        return answer.status


@pytest.fixture
def own(tmp_path: Path) -> Certificate:
    return make_certificate(tmp_path, "shop", names="IP:127.0.0.1,DNS:shop.example")


async def test_service_is_called_over_tls_and_checked_over_tls(
    own: Certificate, tmp_path: Path
) -> None:
    service = {"tls": {"ca": "shop.crt"}, "health": {"path": "/page", "every": "100ms"}}
    async with (
        shop_over_tls(own) as backend,
        gateway(tmp_path, backend, service=service) as running,
    ):
        assert await status_of(running) == 200
        body = bytes(range(256)) * 4_000
        async with running.session.put(f"{running.url}/echo", data=body) as answer:
            assert await answer.read() == body
        async with running.session.ws_connect(f"{running.url}/ws") as socket:
            await socket.send_str("hello")
            assert await socket.receive_str() == "secure: hello"
        assert await status_of(running) == 200


async def test_https_in_an_address_is_enough_where_the_system_believes_it(
    own: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(own.file))
    async with shop_over_tls(own) as backend:
        told = Backend("told")
        told.address = f"https://{backend.address}"
        async with gateway(tmp_path, told) as running:
            assert await status_of(running) == 200
    assert running.visits()[0]["endpoint"] == backend.address


@pytest.mark.parametrize(
    ("tls", "cause"),
    [
        ({}, f"{UNBELIEVED}: self-signed certificate"),
        ({"ca": "other.crt"}, f"{UNBELIEVED}: self-signed certificate"),
        (
            {"ca": "shop.crt", "server_name": "bank.example"},
            f"{UNBELIEVED}: Hostname mismatch, certificate is not valid for 'bank.example'.",
        ),
    ],
    ids=["nobody vouches", "another authority", "another name"],
)
async def test_service_that_is_not_who_it_should_be_gets_nothing(
    tls: dict[str, str], cause: str, own: Certificate, tmp_path: Path
) -> None:
    make_certificate(tmp_path, "other")
    service: dict[str, Any] = {"tls": tls, "retries": NO_RETRIES}
    async with (
        shop_over_tls(own) as backend,
        gateway(tmp_path, backend, service=service) as running,
    ):
        assert await status_of(running) == 502
        assert backend.heads == []
    [visit] = running.visits()
    assert (visit["reason"], visit["cause"]) == ("service.failed", f"{backend.address}: {cause}")


async def test_server_name_is_what_the_certificate_must_be_for(
    own: Certificate, tmp_path: Path
) -> None:
    service = {"tls": {"ca": "shop.crt", "server_name": "shop.example"}}
    async with (
        shop_over_tls(own) as backend,
        gateway(tmp_path, backend, service=service) as running,
    ):
        assert await status_of(running) == 200


@pytest.mark.parametrize(("shown", "status"), [(True, 200), (False, 502)])
async def test_service_that_asks_for_a_certificate_gets_ours(
    shown: bool, status: int, own: Certificate, tmp_path: Path
) -> None:
    clients = make_certificate(tmp_path, "gateway")
    pair = {"certificate": "gateway.crt", "key": "gateway.key"} if shown else {}
    service = {"tls": {"ca": "shop.crt", **pair}, "retries": NO_RETRIES}
    async with (
        shop_over_tls(own, clients=clients) as backend,
        gateway(tmp_path, backend, service=service) as running,
    ):
        assert await status_of(running) == status


async def test_service_that_speaks_no_tls_is_named(tmp_path: Path) -> None:
    plain = Backend("plain")
    await plain.start()
    with pytest.raises(ConnectError, match=rf"{plain.address}: TLS failed: "):
        await Http1Connector(tls=client_tls()).connect(Endpoint(plain.address))
    await plain.stop()


@pytest.mark.parametrize(
    ("tls", "problem"),
    [
        ({"ca": "nowhere.crt"}, "ca: {0}/nowhere.crt cannot be read: No such file or directory"),
        ({"ca": "shop.key"}, "ca: {0}/shop.key must hold certificates in PEM form"),
        (
            {"certificate": "nowhere.crt"},
            "certificate: {0}/nowhere.crt cannot be read: there is no such file",
        ),
        (
            {"certificate": "shop.crt", "key": "other.key"},
            "key: {0}/other.key is not the key of {0}/shop.crt",
        ),
        (
            {"certificate": "shop.crt"},
            "certificate: {0}/shop.crt and its key in the same file must be in PEM form",
        ),
    ],
    ids=["no ca", "ca without certificates", "no certificate", "another key", "no key"],
)
async def test_files_that_cannot_be_used_are_named_at_the_start(
    tls: dict[str, str], problem: str, own: Certificate, tmp_path: Path
) -> None:
    make_certificate(tmp_path, "other")
    backend = Backend("away")
    backend.address = "127.0.0.1:1"
    with pytest.raises(SettingsError) as raised:
        async with gateway(tmp_path, backend, service={"tls": tls}):
            pass
    assert str(raised.value).startswith(f"service shop: tls: {problem.format(tmp_path)}")


def test_password_of_a_key_is_never_asked_for_at_the_terminal(
    own: Certificate, tmp_path: Path
) -> None:
    locked = tmp_path / "locked.key"
    options = ("-aes256", "-passout", "pass:secret", "-in", str(own.key), "-out", str(locked))
    subprocess.run(["openssl", "ec", *options], check=True, capture_output=True)
    with pytest.raises(TlsError, match="the key without a password"):
        client_tls(certificate=own.file, key=locked)


@pytest.mark.parametrize(
    ("endpoints", "tls", "problem"),
    [
        (["https://a:1", "b:1"], None, "needs https:// at all of its endpoints, or at none"),
        (["a:1"], {"key": "a.key"}, "needs certificate, whose key it names"),
        (["https://a:99999"], None, "address must be HOST:PORT"),
        (["https://a/path"], None, "address must be HOST:PORT"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    endpoints: list[str], tls: dict[str, str] | None, problem: str, tmp_path: Path
) -> None:
    config = config_for()
    [service] = config["services"]
    service["endpoints"] = [{"address": address} for address in endpoints]
    service.update({"tls": tls} if tls else {})
    path = tmp_path / "gateway.yaml"
    path.write_text(json.dumps(config))
    with pytest.raises(RulesetError, match=problem):
        load_config(path)
