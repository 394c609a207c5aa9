"""Finds the store of a service that runs on this machine."""

import os
import socket
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from riskengine.clock import SystemClock
from riskengine.errors import SettingsError, StoreError
from riskengine.store.bans import BanStore
from riskengine.store.open import open_bans

T = TypeVar("T")

VARIABLE = "RISKENGINE_STORE"


def store_url(flag: str | None) -> str:
    """URL of `--store`, of its variable, or of the one embedded store that runs here.

    SettingsError where there is none or more than one.
    """
    named = flag or os.environ.get(VARIABLE) or "embedded"
    if named == "memory":
        raise SettingsError("--store memory is known to its own process alone; name another store")
    if named != "embedded":
        return named
    found = [f"unix://{socket}" for socket in _sockets()]
    if len(found) == 1:
        return found[0]
    if not found:
        raise SettingsError(
            "no service with an embedded store runs here under this user; "
            "start `riskengine serve`, or name a store with --store redis://HOST:PORT"
        )
    raise SettingsError(f"several services run here; choose one with --store: {', '.join(found)}")


async def with_bans(url: str, work: Callable[[BanStore], Coroutine[Any, Any, T]]) -> T:
    """What `work` makes of the bans in a store; SettingsError where it does not answer."""
    store = open_bans(url, clock=SystemClock(), timeout_s=5.0)
    try:
        return await work(store)
    except StoreError as error:
        raise SettingsError(f"--store {url}: {error}") from None
    finally:
        await store.close()


def _sockets() -> list[Path]:
    """Sockets of embedded stores of this user, in the directories where they are made."""
    found = {path for place in _places() for path in place.glob("riskengine-*/store.sock")}
    return sorted(path for path in found if _is_ours(path) and _listens(path))


def _places() -> set[Path]:
    return {Path(tempfile.gettempdir()), Path("/tmp")}  # noqa: S108 - only looked into, for what is ours


def _is_ours(path: Path) -> bool:
    try:
        return path.parent.stat().st_uid == os.getuid()
    except OSError:
        return False


def _listens(path: Path) -> bool:
    """Whether a server is behind the socket; that of a service that was killed stays behind."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1.0)
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True
