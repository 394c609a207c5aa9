"""Finds the service that a request goes to."""

from collections.abc import Sequence

from riskengine.gateway.config_model import RouteEntry
from riskengine.normalize import normalize_path


class Routes:
    """The routes in order; the first that fits counts.

    Paths are compared in their normal form, the one that rules see, so that `/static/../admin`
    goes where `/admin` goes.
    """

    def __init__(self, routes: Sequence[RouteEntry], only: str | None) -> None:
        """`only` is the service that gets everything where there are no routes."""
        self._routes = routes
        self._only = only

    def service_of(self, host: str, path: str) -> str | None:
        """Id of the service; None where no route fits."""
        if not self._routes:
            return self._only
        name, normal = _without_port(host), normalize_path(path).path
        for route in self._routes:
            if _is_below(normal, route.prefix) and _is_one_of(name, route.hosts):
                return route.service
        return None


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower().rstrip(".")


def _is_below(path: str, prefix: str) -> bool:
    trimmed = prefix.rstrip("/")
    return path == trimmed or path.startswith(trimmed + "/") or not trimmed


def _is_one_of(name: str, hosts: Sequence[str]) -> bool:
    return not hosts or any(
        name.endswith(host[1:]) if host.startswith("*.") else name == host for host in hosts
    )
