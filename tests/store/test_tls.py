"""A Redis that speaks TLS alone, and a user that may do no more than it must."""

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from redis.asyncio import Redis
from redis.exceptions import RedisError

from riskengine.errors import StoreError
from riskengine.store.counters import Hit
from riskengine.store.redis import RedisCounters
from tests.store.servers import HOST, binary_of, eventually, free_port

pytestmark = [pytest.mark.system, pytest.mark.slow]

LOGIN = Hit("default:rl1:{ip:203.0.113.7}:login:60000000", 2, 60_000_000)
RULES = "on >secret resetkeys ~*:rl1:* -@all +evalsha +eval +mget +set +del +time"
"""What docs/limits-store.md says a user needs."""


class SecureServer:
    """Its port, and the certificate that vouches for it."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.certificate = directory / "server.crt"
        self._key = directory / "server.key"
        request = [
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ]
        files = ["-keyout", str(self._key), "-out", str(self.certificate)]
        alternative = ["-addext", "subjectAltName=IP:127.0.0.1"]
        subprocess.run(["openssl", *request, *files, *alternative], check=True, capture_output=True)
        options = {
            "port": "0",
            "tls-port": str(self.port),
            "bind": HOST,
            "tls-cert-file": str(self.certificate),
            "tls-key-file": str(self._key),
            "tls-ca-cert-file": str(self.certificate),
            "tls-auth-clients": "no",
            "save": "",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._process = subprocess.Popen([binary_of("redis"), *words], stdout=subprocess.DEVNULL)

    def admin(self) -> Redis:
        return Redis(
            host=HOST, port=self.port, ssl=True, ssl_ca_certs=str(self.certificate), protocol=2
        )

    async def answers(self) -> bool:
        try:
            async with self.admin() as client:
                return bool(await client.ping())
        except (OSError, RedisError):
            return False

    def url(self, login: str) -> str:
        return f"rediss://{login}@{HOST}:{self.port}?ssl_ca_certs={self.certificate}"

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[SecureServer]:
    started = SecureServer(tmp_path)
    await eventually(started.answers)
    async with started.admin() as client:
        await client.execute_command("ACL", "SETUSER", "limits", *RULES.split())  # type: ignore[no-untyped-call] # redis-py's
        await client.execute_command("ACL", "SETUSER", "default", "off")  # type: ignore[no-untyped-call] # redis-py's
    yield started
    started.stop()


async def test_a_user_with_few_rights_counts_over_tls(server: SecureServer) -> None:
    counters = RedisCounters(server.url("limits:secret"), timeout_s=5)
    tallies = [(await counters.hit([[LOGIN]], budget_s=5))[0][0] for _ in range(3)]
    assert [tally.admitted for tally in tallies] == [True, True, False]
    await counters.close()


@pytest.mark.parametrize("login", ["limits:wrong", "nobody:secret"])
async def test_a_wrong_password_is_a_store_error_that_does_not_tell_it(
    server: SecureServer, login: str
) -> None:
    counters = RedisCounters(server.url(login), timeout_s=5)
    with pytest.raises(StoreError) as raised:
        await counters.hit([[LOGIN]], budget_s=5)
    assert login.partition(":")[2] not in str(raised.value).replace("username-password", "")
    await counters.close()


async def test_keys_that_the_user_may_not_touch_are_refused(server: SecureServer) -> None:
    counters = RedisCounters(server.url("limits:secret"), timeout_s=5)
    with pytest.raises(StoreError, match="permission"):
        await counters.hit([[LOGIN._replace(key="others:key")]], budget_s=5)
    await counters.close()


async def test_a_certificate_that_nobody_vouches_for_is_not_believed(server: SecureServer) -> None:
    counters = RedisCounters(f"rediss://limits:secret@{HOST}:{server.port}", timeout_s=5)
    with pytest.raises(StoreError, match="certificate verify failed"):
        await counters.hit([[LOGIN]], budget_s=5)
    await counters.close()


async def test_a_server_that_speaks_tls_alone_is_not_spoken_to_without(
    server: SecureServer,
) -> None:
    counters = RedisCounters(f"redis://{HOST}:{server.port}", timeout_s=5)
    with pytest.raises(StoreError):
        await counters.hit([[LOGIN]], budget_s=5)
    await counters.close()
