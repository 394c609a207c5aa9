"""What a gateway's configuration may say about a service; every default is one to start with."""

from typing import Literal, Self

from pydantic import Field, model_validator

from riskengine.gateway.fields import (
    HTTPS,
    EndpointAddress,
    FilePath,
    HostName,
    ServiceAddress,
    UrlPath,
)
from riskengine.ruleset.fields import Duration, Entry, Identifier


class EndpointEntry(Entry):
    """One instance of a service."""

    address: EndpointAddress
    """HOST:PORT, [IPV6]:PORT or unix:/PATH."""
    weight: int = Field(default=1, ge=1)
    """Share of the calls, in proportion to the weights of the others."""
    priority: int = Field(default=0, ge=0)
    """0 is primary; 1, 2 ... are backups."""
    zone: str = ""
    """Where it runs; a gateway that has a `zone` itself prefers its own."""


class ServiceEndpointEntry(EndpointEntry):
    """One instance of a service that is called over HTTP."""

    address: ServiceAddress
    """HOST:PORT, [IPV6]:PORT, unix:/PATH, or https://HOST:PORT to call it over TLS."""

    @property
    def over_tls(self) -> bool:
        """Whether the address asks for TLS."""
        return self.address.startswith(HTTPS)


class TlsEntry(Entry):
    """The service is called over TLS; its certificate is always checked."""

    ca: FilePath | None = None
    """File (PEM) of the authorities that are believed; the system's without it."""
    server_name: HostName | None = None
    """Name that its certificate must be for; the endpoint's host without it."""
    certificate: FilePath | None = None
    """File (PEM) of the certificate that is shown to a service that asks for one."""
    key: FilePath | None = None
    """File (PEM) of its key; without it the key stands in the certificate's file."""

    @model_validator(mode="after")
    def _key_of_something(self) -> Self:
        if self.key is not None and self.certificate is None:
            raise ValueError("needs certificate, whose key it names")
        return self


class PoolEntry(Entry):
    """Connections to each endpoint."""

    connections_min: int = Field(default=0, ge=0)
    """Kept open, whether used or not."""
    connections_max: int = Field(default=100, ge=1)
    """Never exceeded; an open WebSocket takes one."""
    idle_max: int = Field(default=50, ge=0)
    """So many may lie unused."""
    idle: Duration = 30.0
    """Unused for so long, a connection is closed; keep it below the keep-alive of the service."""
    waiting_max: int = Field(default=1_000, ge=1)
    """So many requests may wait for a connection; more are answered with 503."""
    connect: Duration = 3.0
    """Longest time to open a connection."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.connections_min <= self.idle_max:
            raise ValueError("needs idle_max of at least connections_min")
        if not self.connections_min <= self.connections_max:
            raise ValueError("needs connections_max of at least connections_min")
        return self


class HealthEntry(Entry):
    """Active checks: GET `path`, where 2xx is well."""

    path: UrlPath = "/healthz"
    """What is asked for."""
    every: Duration = 5.0
    """Pause between two checks of an endpoint."""
    timeout: Duration = 1.0
    """Longest time for an answer."""
    well_after: int = Field(default=2, ge=1)
    """Good answers in a row that bring an endpoint back."""
    ill_after: int = Field(default=3, ge=1)
    """Bad answers in a row that take it out."""


class EjectionEntry(Entry):
    """An endpoint that keeps failing is left alone for a while."""

    failures_in_a_row: int = Field(default=5, ge=1)
    """So many eject it."""
    base: Duration = 30.0
    """It is out for this times the number of its recent ejections."""
    longest: Duration = 300.0
    """And never longer than this."""
    share_max: float = Field(default=0.1, ge=0, le=1)
    """At most this share of endpoints is out at a time, but always one of several may be."""


class BreakerEntry(Entry):
    """When a service is given a rest: requests are answered with 503 at once."""

    failure_share: float = Field(default=0.5, gt=0, le=1)
    """It opens above this share of requests that failed, retries included."""
    slow_after: Duration = 10.0
    """An answer whose head takes longer is slow."""
    slow_share: float = Field(default=1.0, gt=0, le=1)
    """It opens at this share of slow answers."""
    calls_min: int = Field(default=20, ge=1)
    """Fewer requests within the window open nothing."""
    window: Duration = 10.0
    """What is looked at."""
    open: Duration = 5.0
    """First rest; each one that follows is twice as long."""
    probes: int = Field(default=5, ge=1)
    """Requests that are let through to see whether it is well again."""


class RetriesEntry(Entry):
    """Tried again is only what is safe: what was surely not processed, and idempotent methods."""

    attempts_max: int = Field(default=3, ge=1, le=10)
    """The first one included; 1 for no retries."""
    budget: float = Field(default=0.1, ge=0, le=1)
    """Retries as a share of requests."""
    reserve: int = Field(default=20, ge=0, le=100)
    """Retries that a quiet service may make beyond its budget."""


class ServiceEntry(Entry):
    """A service behind the gateway: named by exactly one of endpoints, endpoints_file and dns."""

    id: Identifier
    """Name in routes, logs and health."""
    endpoints: tuple[ServiceEndpointEntry, ...] = ()
    """Its instances."""
    endpoints_file: FilePath | None = None
    """A file that lists them, read again when it changes."""
    dns: EndpointAddress | None = None
    """HOST:PORT whose addresses are its instances, asked again every 30 s."""
    tls: TlsEntry | None = None
    """Call it over TLS, whatever its addresses say."""
    balancer: Literal["power_of_two", "round_robin", "least_loaded", "client_hash"] = "power_of_two"
    """How an endpoint is chosen; client_hash keeps a client's address on one endpoint."""
    answer: Duration = 15.0
    """Longest wait for the head of an answer, from the end of the request; 504 after that."""
    idle: Duration = 60.0
    """A streamed answer that stands still for so long is given up."""
    pool: PoolEntry = PoolEntry()
    """Connections to each endpoint."""
    health: HealthEntry | None = None
    """Active checks; without it endpoints are judged by their answers alone."""
    ejection: EjectionEntry = EjectionEntry()
    """When an endpoint is left alone."""
    breaker: BreakerEntry = BreakerEntry()
    """When the whole service is left alone."""
    retries: RetriesEntry = RetriesEntry()
    """What is tried again."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        named = [self.endpoints or None, self.endpoints_file, self.dns]
        if sum(source is not None for source in named) != 1:
            raise ValueError("needs exactly one of endpoints, endpoints_file and dns")
        return self

    @model_validator(mode="after")
    def _one_protocol(self) -> Self:
        asked = {endpoint.over_tls for endpoint in self.endpoints}
        if len(asked) > 1 and self.tls is None:
            raise ValueError("needs https:// at all of its endpoints, or at none")
        return self

    @property
    def over_tls(self) -> bool:
        """Whether it is called over TLS."""
        return self.tls is not None or any(endpoint.over_tls for endpoint in self.endpoints)
