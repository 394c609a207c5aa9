"""One serving process: an engine behind a server, obeying its supervisor until told to stop."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import watchfiles

from riskengine.collector import collect_rarely
from riskengine.edge.control import Failed, Ready, Report, read_order
from riskengine.edge.event_loop import loop_factory
from riskengine.edge.grpc_server import GrpcServer
from riskengine.edge.health import LISTS, RULES, Health
from riskengine.edge.json_logs import log_as_json
from riskengine.edge.method_table import MethodTable
from riskengine.edge.native_methods import SERVICE
from riskengine.edge.worker_pipe import claim_stdout, open_stdin, read_first_line, tell
from riskengine.errors import ModelError, RiskEngineError, RulesetError
from riskengine.settings import Settings
from riskengine.tasks import spawn

BAD_SETTINGS, BAD_RULES = 2, 3

_log = logging.getLogger("riskengine.worker")

_LEAVE_S = 0.5
"""From the health answer NOT_SERVING to the first refused call: time for gateways to leave."""
_ORPHAN_DRAIN_S = 1.0
_AGE_EVERY_S = 10.0
_SETTLE_MS = 200
"""Rule files that are written one after the other are read once."""
_QUIET_MS = 1_000
"""How long nothing must happen before a watch just begun is believed to see everything."""


class ServedEngine(Protocol):
    """What a worker itself asks of an engine; its methods ask for more."""

    @property
    def reload_failure(self) -> RiskEngineError | None:
        """Why the newest rules on disk are not the active ones."""
        ...

    async def reload(self) -> None:
        """Read rules and model anew."""
        ...

    async def close(self) -> None:
        """Finish, and write out the records."""
        ...


async def _nothing_to_prepare() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Service:
    """What a worker serves."""

    engine: ServedEngine
    methods: MethodTable
    exposition: Callable[[], bytes]
    """Metrics in Prometheus' text format."""
    prepare: Callable[[], Awaitable[None]] = _nothing_to_prepare
    """What is to be done before the first request, on the loop that serves."""
    stale: Callable[[], list[str]] = list
    """Names of lists and databases that are older than they may be."""
    outside: Callable[[], list[Path]] = list
    """Directories beside the rules' own whose files are part of the rules: the CRS."""


def run_worker(open_service: Callable[[Settings], Service]) -> int:
    """Serve until the supervisor says stop or is gone; the process's exit code.

    `open_service` runs inside the loop. What cannot be served (settings 2, rules and models 3)
    is told to the supervisor, once.
    """
    notices = claim_stdout()
    line = read_first_line()
    if not line:
        return 0
    settings = Settings.from_json(line)
    log_as_json(f"worker-{settings.worker}")
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(_serve(settings, open_service, notices))


async def _serve(
    settings: Settings, open_service: Callable[[Settings], Service], notices: BinaryIO
) -> int:
    try:
        worker = Worker(settings, open_service(settings), notices)
        collect_rarely()
        await worker.start()
    except RiskEngineError as error:
        rules = isinstance(error, RulesetError | ModelError)
        tell(notices, Failed(str(error), BAD_RULES if rules else BAD_SETTINGS))
        return BAD_RULES if rules else BAD_SETTINGS
    await worker.run()
    return 0


class Worker:
    """The life of a serving process after its engine is built."""

    def __init__(self, settings: Settings, service: Service, notices: BinaryIO) -> None:
        self._settings = settings
        self._service = service
        self._notices = notices
        self._health = Health(SERVICE, RULES, LISTS)
        self._server = GrpcServer(service.methods | self._health.methods(), settings)
        self._stop = asyncio.Event()
        self._drain_s = settings.drain_s
        self._reloading = asyncio.Lock()
        self._stale: list[str] = []
        self._watch: asyncio.Task[None]

    async def start(self) -> None:
        """Serve, and say so."""
        await self._service.prepare()
        self._watch = spawn(self._watch_rules(), name="rules-watch")
        await asyncio.sleep(0)  # its first step begins the watch, before anybody is told to come
        await self._server.start()
        self._health.set_all(True)
        self._note_age()
        tell(self._notices, Ready())

    async def run(self) -> None:
        """Obey orders until one of them, a signal or the supervisor's end says stop."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: None)
        tasks = [
            spawn(self._obey(), name="orders"),
            self._watch,
            spawn(self._watch_age(), name="lists-watch"),
        ]
        await self._stop.wait()
        for task in tasks:
            task.cancel()
        await self._drain()

    async def _obey(self) -> None:
        orders = await open_stdin()
        while line := await orders.readline():
            order = read_order(line)
            if order == "drain":
                self._stop.set()
            elif order == "reload":
                await self._reload()
            elif order == "report":
                tell(self._notices, self._report())
        _log.warning("the supervisor is gone, ending too")
        self._drain_s = min(self._drain_s, _ORPHAN_DRAIN_S)
        self._stop.set()

    def _report(self) -> Report:
        failure = self._service.engine.reload_failure
        text = self._service.exposition().decode()
        return Report(text, str(failure or ""), self._service.stale())

    async def _watch_rules(self) -> None:
        paths, behind = self._watched(), False
        while True:
            changes = watchfiles.awatch(
                *paths, debounce=_SETTLE_MS, step=50, rust_timeout=_QUIET_MS, yield_on_timeout=True
            )
            async with contextlib.aclosing(changes):
                async for changed in changes:
                    if not changed and not behind:
                        continue
                    behind = False
                    await self._reload()
                    if self._watched() != paths:
                        break
            # The rules name another CRS now; what changed there before it was watched is read too.
            paths, behind = self._watched(), True

    def _watched(self) -> list[Path]:
        own = [path for path in (self._settings.rules, self._settings.models) if path.exists()]
        return [*own, *self._service.outside()]

    async def _watch_age(self) -> None:
        while True:
            await asyncio.sleep(_AGE_EVERY_S)
            self._note_age()

    def _note_age(self) -> None:
        """Say once that lists have become stale, and once that they are not any more."""
        stale = self._service.stale()
        if stale and stale != self._stale:
            _log.warning("lists are older than they may be", extra={"lists": stale})
        self._stale = stale
        self._health.set(LISTS, not stale)

    async def _reload(self) -> None:
        """Take new rules, or keep the old ones and say why, loudly."""
        async with self._reloading:
            try:
                await self._service.engine.reload()
            except RiskEngineError as error:
                self._health.set(RULES, False)
                mistakes = error.mistakes if isinstance(error, RulesetError) else [str(error)]
                _log.error(
                    "rules do not load, the last good ones decide on", extra={"mistakes": mistakes}
                )
                return
        self._health.set(RULES, True)
        self._note_age()
        _log.info("rules reloaded")

    async def _drain(self) -> None:
        """Health first, then the calls in flight, then stores and logs."""
        self._health.close()
        leave_s = min(_LEAVE_S, self._drain_s / 2)
        await asyncio.sleep(leave_s)
        await self._server.drain(self._drain_s - leave_s)
        await self._service.engine.close()
