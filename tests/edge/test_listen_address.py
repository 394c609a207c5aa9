import socket

import pytest

from riskengine.edge.listen_address import reserved, split_listen
from riskengine.errors import SettingsError


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [
        ("127.0.0.1:80", "127.0.0.1", 80),
        ("[::1]:0", "::1", 0),
        ("shop.example:1", "shop.example", 1),
    ],
)
def test_host_and_port_of(listen: str, host: str, port: int) -> None:
    assert split_listen(listen) == (host, port)


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "localhost:0", "[::1]:0"])
def test_port_0_becomes_a_free_port_in_numbers(listen: str) -> None:
    with reserved(listen, "--listen") as address:
        host, port = split_listen(address)
        assert port > 0
        assert host in ("127.0.0.1", "::1")


def test_reserved_port_can_be_shared_by_those_who_ask_for_it() -> None:
    with reserved("127.0.0.1:0", "--listen") as address, socket.socket() as worker:
        worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        worker.bind(split_listen(address))
        worker.listen()
        with socket.create_connection(split_listen(address), timeout=1):
            assert worker.accept()[0]


def test_port_that_another_service_shares_is_refused() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        with (
            pytest.raises(SettingsError, match=f"^--listen {listen}: Address already in use$"),
            reserved(listen, "--listen"),
        ):
            pass


def test_unknown_host_is_named() -> None:
    with (
        pytest.raises(SettingsError, match=r"^--listen nowhere\.invalid:1: "),
        reserved("nowhere.invalid:1", "--listen"),
    ):
        pass
