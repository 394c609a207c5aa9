"""What a gateway's configuration may say. The docstring under a field is what editors show."""

from typing import Literal, Self

from pydantic import Field, model_validator

from riskengine.gateway.fields import (
    CookieName,
    FilePath,
    HeaderName,
    HostName,
    Listen,
    Network,
    StoreName,
    UrlPath,
)
from riskengine.gateway.service_model import EndpointEntry, ServiceEntry
from riskengine.ruleset.fields import Duration, Entry, Identifier

_MIB = 1024 * 1024


class EngineEntry(Entry):
    """Who decides: an engine in this process (`rules`), or a service asked over gRPC."""

    rules: FilePath | None = None
    """Directory of the rules: decide in this process. Relative paths begin at this file."""
    models: FilePath = "models"
    """Directory of the trained models, with `rules`."""
    store: StoreName = "embedded"
    """Where hits are counted, with `rules`: embedded, memory, or the URL of a Redis."""
    log_dir: FilePath | None = None
    """Directory of the decision log, with `rules`; without it none is written."""
    endpoints: tuple[EndpointEntry, ...] = ()
    """Addresses of `riskengine serve`: ask there over gRPC."""
    namespace: str = Field(
        default="default",
        pattern=r"^[A-Za-z0-9_.-]{1,64}$",
        json_schema_extra={"patternErrorMessage": "1 to 64 letters, digits, '-', '_' or '.'"},
    )
    """The shop or environment that requests belong to."""
    budget: Duration = 0.05
    """How long a decision may take."""
    on_failure: Literal["allow", "deny"] = "allow"
    """What becomes of a request that nobody could decide: let through, or answered with 503."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.rules is None) == (not self.endpoints):
            raise ValueError(
                "needs either rules (decide in this process) or endpoints (ask over gRPC)"
            )
        return self


class ClientsEntry(Entry):
    """How clients are told apart."""

    trusted_proxies: tuple[Network, ...] = ()
    """Proxies in front of us: X-Forwarded-For is walked past them from the right."""
    user_header: HeaderName | None = None
    """Header with the id of the user; believed from trusted proxies alone."""
    session_header: HeaderName | None = None
    """Header with the id of the session; believed from trusted proxies alone."""
    session_cookie: CookieName | None = None
    """Cookie whose hash is the id of the session."""
    device_header: HeaderName | None = None
    """Header with the id of the device."""


class RequestsEntry(Entry):
    """Bounds of what clients may send."""

    body_prefix_bytes: int = Field(default=8192, ge=0, le=_MIB)
    """So much of a body is read before the engine is asked; the rest is streamed."""
    body_max_bytes: int = Field(default=1024 * _MIB, ge=0)
    """Larger bodies are answered with 413."""
    idle: Duration = 60.0
    """A client that sends nothing for so long is given up; so are connections without requests."""
    connections_max: int = Field(default=10_000, ge=1)
    """More connections at a time are closed at once."""


class RouteEntry(Entry):
    """Which requests go to a service; the first route that fits counts."""

    hosts: tuple[HostName, ...] = ()
    """Host names, `*.` in front for all below; empty: any."""
    prefix: UrlPath = "/"
    """The normalised path is this, or lies below it."""
    service: Identifier
    """Id of the service."""


class GatewayFile(Entry):
    """Configuration of `riskengine gateway`."""

    listen: Listen = "127.0.0.1:8080"
    """HOST:PORT for clients; port 0 takes a free one."""
    admin_listen: Listen | None = None
    """HOST:PORT for /healthz and /metrics; without it there are none."""
    access_log: FilePath | None = None
    """File for one JSON line a request; `-` is standard output; without it none is written."""
    workers: int = Field(default=1, ge=1, le=256)
    """Processes that share the port; above 1 a supervisor replaces those that end."""
    zone: str = ""
    """Where the gateway runs: endpoints of that zone are preferred, while they can carry it."""
    drain: Duration = 10.0
    """Longest wait for requests under way after SIGTERM."""
    engine: EngineEntry
    """Who decides."""
    clients: ClientsEntry = ClientsEntry()
    """How clients are told apart."""
    requests: RequestsEntry = RequestsEntry()
    """Bounds of what clients may send."""
    services: tuple[ServiceEntry, ...] = Field(min_length=1)
    """Where allowed requests go."""
    routes: tuple[RouteEntry, ...] = ()
    """Which request goes to which service; may be left out where there is but one."""

    @model_validator(mode="after")
    def _counts_together(self) -> Self:
        if self.workers > 1 and self.engine.rules is not None and self.engine.store == "memory":
            raise ValueError(
                "store memory counts in one process; with several workers it must be embedded or "
                "the URL of a Redis"
            )
        return self
