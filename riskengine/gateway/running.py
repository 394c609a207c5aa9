"""The life of a gateway: engine and services opened, clients served, everything drained."""

import asyncio
import contextlib
import json
import logging
import random
import signal
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from pathlib import Path

import watchfiles
from aiohttp import web

from riskengine.assembly import open_engine
from riskengine.clock import Clock
from riskengine.collector import collect_rarely
from riskengine.downstream.errors import DiscoveryError
from riskengine.edge.http_pages import Page, serve_pages
from riskengine.edge.listen_address import split_listen
from riskengine.engine import Engine
from riskengine.errors import RiskEngineError, SettingsError
from riskengine.gateway.access_log import AccessLog
from riskengine.gateway.config_model import EngineEntry, GatewayFile
from riskengine.gateway.engines import Decider, EngineService, OwnEngine
from riskengine.gateway.handler import Gateway
from riskengine.gateway.listener import Listener
from riskengine.gateway.services import Service, endpoints_of
from riskengine.records.metrics import Metrics
from riskengine.settings import Settings
from riskengine.store.embedded import EmbeddedServer
from riskengine.tasks import spawn

_log = logging.getLogger("riskengine.gateway")
_METRICS_TYPE = "text/plain; version=0.0.4"
_SETTLE_MS = 200


async def run_gateway(
    config: GatewayFile, directory: Path, *, clock: Clock, announce: Callable[[str], None]
) -> None:
    """Serve until SIGTERM or SIGINT, then let what is under way end.

    Relative paths begin at `directory`. `announce` is told where it serves. Raises RiskEngineError
    where it cannot.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(config, directory, clock=clock) as where:
        collect_rarely()
        announce(f"riskengine gateway serves HTTP on {where}")
        await stop.wait()
        _log.info("draining")


@contextlib.asynccontextmanager
async def serving(config: GatewayFile, directory: Path, *, clock: Clock) -> AsyncIterator[str]:
    """A gateway that serves for as long as the block runs; its HOST:PORT."""
    rng = random.Random()
    async with contextlib.AsyncExitStack() as stack:
        metrics = Metrics()
        engine = await _open_engine(config.engine, directory, metrics, stack, clock=clock, rng=rng)
        services = {entry.id: Service(entry, clock=clock, rng=rng) for entry in config.services}
        for service in services.values():
            stack.push_async_callback(service.close)
            await _start(service, directory)
        log = _access_log(config, directory)
        if log is not None:
            log.start()
            stack.push_async_callback(log.close)
        gateway = Gateway(config, engine=engine, services=services, log=log, clock=clock)
        admin = _Admin(gateway, services, metrics)
        await _open_pages(config, admin, stack)
        runner = web.ServerRunner(
            Listener(gateway.handle, config.requests), shutdown_timeout=config.drain
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await _listen(runner, config.listen)
        try:
            yield "{}:{}".format(*runner.addresses[0][:2])
        finally:
            admin.draining = True


async def _listen(runner: web.ServerRunner, listen: str) -> None:
    try:
        await web.TCPSite(runner, *split_listen(listen)).start()
    except OSError as error:
        raise SettingsError(f"listen {listen}: {error.strerror or error}") from None


async def _start(service: Service, directory: Path) -> None:
    try:
        await service.start(directory)
    except DiscoveryError as error:
        raise SettingsError(f"service {service.entry.id}: {error}") from None


async def _open_engine(
    entry: EngineEntry,
    directory: Path,
    metrics: Metrics,
    stack: contextlib.AsyncExitStack,
    *,
    clock: Clock,
    rng: random.Random,
) -> Decider:
    if entry.rules is None:
        remote = EngineService(clock, rng, entry.budget)
        stack.push_async_callback(remote.close)
        await remote.start(endpoints_of(entry.endpoints))
        return remote
    settings = await _settings(entry, entry.rules, directory, stack, clock)
    engine = open_engine(settings, clock=clock, metrics=metrics)
    own = OwnEngine(engine, entry.budget)
    stack.push_async_callback(own.close)
    await engine.prepare()
    watching = spawn(_watch_rules(engine, settings), name="rules-watch")
    stack.callback(watching.cancel)
    return own


async def _settings(
    entry: EngineEntry,
    rules: str,
    directory: Path,
    stack: contextlib.AsyncExitStack,
    clock: Clock,
) -> Settings:
    store = entry.store
    if store == "embedded":
        server = EmbeddedServer(clock)
        await server.start()
        stack.push_async_callback(server.stop)
        store = server.url
    return Settings(
        rules=directory / rules,
        models=directory / entry.models,
        store=store,
        log_dir=None if entry.log_dir is None else directory / entry.log_dir,
    )


async def _watch_rules(engine: Engine, settings: Settings) -> None:
    """Take new rules as they are written; a mistake keeps the old ones and is logged."""
    paths = [path for path in (settings.rules, settings.models) if path.exists()]
    async for _ in watchfiles.awatch(*paths, debounce=_SETTLE_MS, step=50):
        try:
            await engine.reload()
        except RiskEngineError as error:
            _log.error("rules do not load, the last good ones decide on", extra={"why": str(error)})


def _access_log(config: GatewayFile, directory: Path) -> AccessLog | None:
    if config.access_log is None:
        return None
    return AccessLog(None if config.access_log == "-" else directory / config.access_log)


async def _open_pages(
    config: GatewayFile, admin: "_Admin", stack: contextlib.AsyncExitStack
) -> None:
    if config.admin_listen is None:
        return
    pages = {"/healthz": admin.health, "/metrics": admin.metrics}
    try:
        server = await serve_pages(*split_listen(config.admin_listen), pages)
    except OSError as error:
        raise SettingsError(f"admin_listen {config.admin_listen}: {error.strerror}") from None
    stack.callback(server.close)


class _Admin:
    """What /healthz and /metrics say."""

    def __init__(self, gateway: Gateway, services: dict[str, Service], metrics: Metrics) -> None:
        self._gateway = gateway
        self._services = services
        self._metrics = metrics
        self.draining = False

    async def health(self) -> Page:
        """200 while requests are taken; what is behind the gateway is told, and changes nothing."""
        told = {
            "status": "draining" if self.draining else "serving",
            "undecided": self._gateway.undecided,
            "services": {
                name: {"breaker": str(service.breaker.state), "endpoints": service.states()}
                for name, service in self._services.items()
            },
        }
        status = HTTPStatus.SERVICE_UNAVAILABLE if self.draining else HTTPStatus.OK
        return Page(status, "application/json", json.dumps(told) + "\n")

    async def metrics(self) -> Page:
        """The engine's metrics; without an engine in this process they count nothing."""
        return Page(HTTPStatus.OK, _METRICS_TYPE, self._metrics.exposition().decode())
