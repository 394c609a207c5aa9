"""Finds the embedded store of a service that runs on this machine."""

import os
import socket
import stat
import tempfile
from pathlib import Path

from riskengine.errors import SettingsError

PLACES = (Path("/tmp"),)  # noqa: S108 - where a server goes whose own place has too long a name

_PATIENCE_S = 1.0


def find_embedded() -> str:
    """The URL of the one embedded store of this user that answers.

    Raises SettingsError where there is none, or where there are several to choose from.
    """
    found = [f"unix://{path}" for path in _sockets() if _answers(path)]
    if not found:
        raise SettingsError(
            "no service of this user runs with --store embedded here; name its store: "
            "--store redis://HOST:PORT or --store unix:///PATH"
        )
    if len(found) > 1:
        raise SettingsError(f"several services run here; choose one: --store {', '.join(found)}")
    return found[0]


def _sockets() -> list[Path]:
    places = {Path(tempfile.gettempdir()), *PLACES}
    found = [path for place in places for path in place.glob("riskengine-*/store.sock")]
    return sorted(path for path in found if _is_ours(path.parent))


def _is_ours(directory: Path) -> bool:
    """Whether nobody else could have put a socket there."""
    try:
        status = directory.lstat()
    except OSError:
        return False
    private = not stat.S_IMODE(status.st_mode) & 0o077
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and private


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_PATIENCE_S)
        try:
            probe.connect(str(path))
            probe.sendall(b"PING\r\n")
            return probe.recv(16) == b"+PONG\r\n"
        except OSError:
            return False
