"""The life of a gateway: engine and services opened, clients served, everything drained."""

import asyncio
import contextlib
import logging
import random
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

import watchfiles
from aiohttp import web

from riskengine.assembly import open_engine
from riskengine.clock import Clock
from riskengine.collector import collect_rarely
from riskengine.downstream.errors import DiscoveryError, TlsError
from riskengine.edge.http_pages import serve_pages
from riskengine.edge.listen_address import split_listen
from riskengine.edge.supervisor import shared_store
from riskengine.errors import SettingsError
from riskengine.gateway.access_log import AccessLog
from riskengine.gateway.admin import Admin
from riskengine.gateway.config_model import EngineEntry, GatewayFile
from riskengine.gateway.engines import Decider, EngineService, OwnEngine
from riskengine.gateway.handler import Gateway
from riskengine.gateway.listener import Listener
from riskengine.gateway.metrics import GatewayMetrics
from riskengine.gateway.service_model import ServiceEntry
from riskengine.gateway.services import Service, endpoints_of
from riskengine.records.metrics import Metrics
from riskengine.settings import Settings
from riskengine.tasks import spawn

_log = logging.getLogger("riskengine.gateway")
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
    async with serving(config, directory, clock=clock) as served:
        collect_rarely()
        announce(f"riskengine gateway serves HTTP on {served.address}")
        await stop.wait()
        _log.info("draining")


class Post(NamedTuple):
    """Where a process stands: alone, or as one of several under a supervisor."""

    worker: str = "0"
    """Its name, in the decision log."""
    shares_port: bool = False
    stdout: int = 1
    """The open file that is standard output."""


class Served(NamedTuple):
    """A gateway that serves."""

    address: str
    """HOST:PORT."""
    admin: Admin


@contextlib.asynccontextmanager
async def serving(
    config: GatewayFile, directory: Path, *, clock: Clock, post: Post | None = None
) -> AsyncIterator[Served]:
    """A gateway that serves for as long as the block runs; relative paths begin at `directory`."""
    rng, post = random.Random(), post or Post()
    async with contextlib.AsyncExitStack() as stack:
        metrics = Metrics()
        opening = _Opening(config, directory, post, stack, clock)
        engine = await opening.engine(metrics, rng)
        services = {entry.id: opening.service(entry, rng) for entry in config.services}
        for service in services.values():
            stack.push_async_callback(service.close)
            await _start(service)
        log = opening.access_log()
        own = GatewayMetrics(services, lambda: log.dropped if log is not None else 0)
        gateway = Gateway(
            config, engine=engine, services=services, log=log, metrics=own, clock=clock
        )
        admin = Admin(engine, services, metrics, own)
        await opening.pages(admin)
        runner = web.ServerRunner(
            Listener(gateway.handle, config.requests), shutdown_timeout=config.drain
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await _listen(runner, config.listen, shared=post.shares_port)
        try:
            yield Served("{}:{}".format(*runner.addresses[0][:2]), admin)
        finally:
            admin.draining = True


async def _listen(runner: web.ServerRunner, listen: str, *, shared: bool) -> None:
    try:
        await web.TCPSite(runner, *split_listen(listen), reuse_port=shared or None).start()
    except OSError as error:
        raise SettingsError(f"listen {listen}: {error.strerror or error}") from None


async def _start(service: Service) -> None:
    try:
        await service.start()
    except DiscoveryError as error:
        raise SettingsError(f"service {service.entry.id}: {error}") from None


class _Opening:
    """Opens the parts of one process; what must be closed goes on the stack."""

    def __init__(
        self,
        config: GatewayFile,
        directory: Path,
        post: Post,
        stack: contextlib.AsyncExitStack,
        clock: Clock,
    ) -> None:
        self._config = config
        self._directory = directory
        self._post = post
        self._stack = stack
        self._clock = clock

    async def engine(self, metrics: Metrics, rng: random.Random) -> Decider:
        """Who decides; an engine in this process follows its rules as they change."""
        entry = self._config.engine
        if entry.rules is None:
            remote = EngineService(self._clock, rng, entry.budget)
            self._stack.push_async_callback(remote.close)
            await remote.start(endpoints_of(entry.endpoints))
            return remote
        settings = await self._settings(entry, entry.rules)
        engine = open_engine(settings, clock=self._clock, metrics=metrics)
        own = OwnEngine(engine, entry.budget)
        self._stack.push_async_callback(own.close)
        await engine.prepare()
        watching = spawn(_watch_rules(own, settings), name="rules-watch")
        self._stack.callback(watching.cancel)
        return own

    def service(self, entry: ServiceEntry, rng: random.Random) -> Service:
        """One service, not yet started."""
        zone = self._config.zone
        try:
            return Service(entry, self._directory, zone=zone, clock=self._clock, rng=rng)
        except TlsError as error:
            raise SettingsError(f"service {entry.id}: tls: {error}") from None

    def access_log(self) -> AccessLog | None:
        """It writes from now on."""
        name = self._config.access_log
        if name is None:
            return None
        log = AccessLog(None if name == "-" else self._directory / name, fd=self._post.stdout)
        log.start()
        self._stack.push_async_callback(log.close)
        return log

    async def pages(self, admin: Admin) -> None:
        """/healthz and /metrics, where an address for them is configured."""
        listen = self._config.admin_listen
        if listen is None:
            return
        pages = {"/healthz": admin.health, "/metrics": admin.metrics}
        try:
            server = await serve_pages(*split_listen(listen), pages)
        except OSError as error:
            raise SettingsError(f"admin_listen {listen}: {error.strerror}") from None
        self._stack.callback(server.close)

    async def _settings(self, entry: EngineEntry, rules: str) -> Settings:
        store = await self._stack.enter_async_context(shared_store(entry.store, self._clock))
        directory = self._directory
        return Settings(
            rules=directory / rules,
            models=directory / entry.models,
            store=store,
            log_dir=None if entry.log_dir is None else directory / entry.log_dir,
            workers=self._config.workers,
            worker=self._post.worker,
        )


async def _watch_rules(engine: OwnEngine, settings: Settings) -> None:
    """Take new rules as they are written."""
    paths = [path for path in (settings.rules, settings.models) if path.exists()]
    async for _ in watchfiles.awatch(*paths, debounce=_SETTLE_MS, step=50):
        await engine.reload()
