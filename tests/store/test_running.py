"""The embedded store of a service on this machine is found, and nobody else's."""

import socket
from pathlib import Path

import pytest

from riskengine.clock import SystemClock
from riskengine.errors import SettingsError
from riskengine.store import running
from riskengine.store.embedded import EmbeddedServer
from riskengine.store.running import find_embedded


@pytest.fixture(autouse=True)
def directory(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place that is searched, and where servers put their sockets; its path is short."""
    place = tmp_path_factory.mktemp("t")
    monkeypatch.setattr("tempfile.tempdir", str(place))
    monkeypatch.setattr(running, "PLACES", ())
    return place


async def test_the_one_running_store_is_found_and_none_after_its_end() -> None:
    server = EmbeddedServer(SystemClock())
    await server.start()
    assert find_embedded() == server.url
    await server.stop()
    with pytest.raises(SettingsError, match="no service of this user runs"):
        find_embedded()


async def test_several_are_named_to_choose_from() -> None:
    servers = [EmbeddedServer(SystemClock()) for _ in range(2)]
    for server in servers:
        await server.start()
    with pytest.raises(SettingsError) as raised:
        find_embedded()
    for server in servers:
        assert server.url in str(raised.value)
        await server.stop()


async def test_a_socket_that_others_may_have_planted_is_left_alone() -> None:
    server = EmbeddedServer(SystemClock())
    await server.start()
    Path(server.url.removeprefix("unix://")).parent.chmod(0o777)
    with pytest.raises(SettingsError):
        find_embedded()
    await server.stop()


def test_a_socket_that_nobody_answers_on_is_left_alone(directory: Path) -> None:
    (directory / "riskengine-x").mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(directory / "riskengine-x" / "store.sock"))
    with pytest.raises(SettingsError):
        find_embedded()
