"""`riskengine bans` on a real store."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from riskengine.cli.bans import bans
from riskengine.cli.running_store import store_url
from riskengine.errors import SettingsError


@pytest.fixture
def store(valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("RISKENGINE_STORE", valkey_url)
    CliRunner().invoke(bans, ["lift", "--all"])
    yield valkey_url
    CliRunner().invoke(bans, ["lift", "--all"])


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(bans, list(arguments), catch_exceptions=False)
    return result.exit_code, result.output


def test_a_ban_is_set_shown_and_lifted(store: str) -> None:
    words = ("--for", "10m", "--host", "Shop.Example:443", "--reason", "scrapes", "--author", "ada")
    code, text = run("add", "203.0.113.7", *words)
    assert (code, text.partition(" until ")[0]) == (0, "banned 203.0.113.7/32 on shop.example")
    [shown] = json.loads(run("list", "--json")[1])
    assert (shown["reason"], shown["author"], shown["host"]) == ("scrapes", "ada", "shop.example")
    assert round(shown["expires_at"] - shown["created_at"]) == 600
    assert run("lift", "203.0.113.7") == (0, "lifted 1 ban\n")
    assert run("list") == (0, "no bans\n")


def test_a_ban_without_an_author_names_who_is_logged_in(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "grace")
    run("add", "203.0.113.7", "--for", "1h")
    assert json.loads(run("list", "--json")[1])[0]["author"] == "grace"


def test_a_shorter_ban_leaves_the_longer_one_and_says_so(store: str) -> None:
    run("add", "203.0.113.7", "--for", "2h")
    assert "banned for longer already" in run("add", "203.0.113.7", "--for", "1h")[1]


def test_bans_can_be_asked_for_an_address(store: str) -> None:
    run("add", "203.0.113.0/24", "--for", "1h")
    run("add", "2001:db8::1", "--for", "1h")
    assert "203.0.113.0/24" in run("list", "203.0.113.9")[1]
    assert "2001:db8::/64" in run("list", "2001:db8::2")[1]
    assert run("list", "198.51.100.1") == (0, "no bans\n")


def test_lifting_tells_which_wider_ban_still_holds(store: str) -> None:
    run("add", "203.0.113.0/24", "--for", "1h")
    run("add", "203.0.113.7", "--for", "1h")
    code, text = run("lift", "203.0.113.7")
    assert code == 0
    assert "still banned with 203.0.113.0/24 on all hosts" in text
    assert run("lift", "203.0.113.7")[0] == 1


def test_lifting_on_one_host_leaves_the_others(store: str) -> None:
    for host in ("a.example", "b.example"):
        run("add", "203.0.113.7", "--for", "1h", "--host", host)
    run("lift", "203.0.113.7", "--host", "a.example")
    assert [ban["host"] for ban in json.loads(run("list", "--json")[1])] == ["b.example"]
    assert run("lift", "--all") == (0, "lifted 1 ban\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", "203.0.113.7/24", "--for", "1h"), "ADDRESS must not have bits set behind"),
        (("add", "shop.example", "--for", "1h"), "ADDRESS must be an address or a network"),
        (("add", "203.0.113.7", "--for", "soon"), "--for must be a duration above 0"),
        (("lift",), "name an address or network to lift, or --all"),
        (("lift", "203.0.113.7", "--all"), "name an address or network to lift, or --all"),
    ],
)
def test_bad_arguments_are_told(store: str, arguments: tuple[str, ...], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        run(*arguments)


def test_a_store_that_is_not_there_is_told() -> None:
    with pytest.raises(SettingsError, match="--store unix:///nowhere: the store did not answer"):
        run("list", "--store", "unix:///nowhere")
    with pytest.raises(SettingsError, match="known to its own process alone"):
        run("list", "--store", "memory")


def test_the_one_store_that_runs_here_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RISKENGINE_STORE", raising=False)
    monkeypatch.setattr("riskengine.cli.running_store._places", lambda: {tmp_path})
    with pytest.raises(SettingsError, match="no service with an embedded store runs here"):
        store_url(None)
    dead, alive, other = (tmp_path / f"riskengine-{n}" / "store.sock" for n in range(3))
    servers = []
    for path in (dead, alive, other):
        path.parent.mkdir()
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(path))
        if path is not dead:
            server.listen()
        servers.append(server)
        if path is alive:
            assert store_url(None) == f"unix://{alive}"
    with pytest.raises(SettingsError, match="several services run here"):
        store_url("embedded")
    for server in servers:
        server.close()
