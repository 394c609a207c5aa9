"""The process in front of workers: one address, one store, and workers that keep running."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from http import HTTPStatus

import msgspec

from riskengine.clock import Clock
from riskengine.edge.control import Failed, Ready
from riskengine.edge.crew import Crew, Ending
from riskengine.edge.http_pages import Page, serve_pages
from riskengine.edge.listen_address import reserved, split_listen
from riskengine.edge.metrics_page import merge_pages
from riskengine.edge.worker_process import COMMAND, WorkerProcess
from riskengine.errors import SettingsError
from riskengine.settings import Settings
from riskengine.store.embedded import EmbeddedServer
from riskengine.tasks import spawn

_log = logging.getLogger("riskengine.supervisor")

_START_ATTEMPTS = 5
_BACKOFF_S = 0.1
_BACKOFF_MAX_S = 5.0
_SAME_SIGNAL_S = 0.2
_KILL_AFTER_S = 2.0
"""A worker that has not ended this long after its drain time is ended."""


async def supervise(
    settings: Settings,
    *,
    clock: Clock,
    announce: Callable[[str], None],
    command: Sequence[str] = COMMAND,
) -> Ending:
    """Serve until SIGTERM or SIGINT.

    `announce` gets one line once all workers serve. The exit code is 0 after a drain, 2 or 3 when
    the workers cannot serve with these settings or rules, 1 when they keep dying or were killed.
    Raises SettingsError or StoreError for what the supervisor itself cannot have.
    """
    async with contextlib.AsyncExitStack() as stack:
        listen = stack.enter_context(reserved(settings.listen, "--listen"))
        store = await stack.enter_async_context(shared_store(settings.store, clock))
        served = replace(settings, listen=listen, store=store)
        crew = Crew(
            workers=settings.workers,
            command=command,
            first_line=lambda name: replace(served, worker=name).to_json(),
            announcement=f"riskengine serves gRPC on {listen}",
            drain_s=settings.drain_s,
            spare_workers=settings.spare_workers,
        )
        supervisor = Supervisor(crew, announce=announce)
        pages = supervisor_pages(settings.metrics_listen, "--metrics-listen", supervisor)
        await stack.enter_async_context(pages)
        return await supervisor.run()


class Supervisor:
    """Keeps a number of workers alive, and passes on what the operator wants."""

    def __init__(self, crew: Crew, *, announce: Callable[[str], None]) -> None:
        self._crew = crew
        self._announce = announce
        self._workers: dict[str, WorkerProcess] = {}
        self._spare: WorkerProcess | None = None
        self._refilling = asyncio.Lock()
        self._restarts = 0
        self._announced = False
        self._stopping = asyncio.Event()
        self._ending = Ending(0)
        self._first_signal_at: float | None = None

    async def run(self) -> Ending:
        """Start all workers, keep them, and drain them in the end."""
        self._listen_to_signals()
        keepers = [
            spawn(self._keep(str(number)), name=f"keeper-of-worker-{number}")
            for number in range(self._crew.workers)
        ]
        await self._stopping.wait()
        await self._drain()
        await asyncio.wait(keepers)
        return self._ending

    async def health_page(self) -> Page:
        """200 while every worker serves, 503 otherwise; JSON that tells them apart."""
        workers = []
        for worker in tuple(self._workers.values()):
            report = await worker.report() if worker.serving else None
            problem = "does not answer" if report is None else report.rules_problem
            workers.append(
                {"worker": worker.name, "pid": worker.pid, "serving": worker.serving}
                | {"answers": report is not None, "rules_problem": problem}
                | {"stale_lists": report.stale_lists if report is not None else []}
                | (report.more if report is not None else {})
            )
        serving = self._all_serve() and not self._stopping.is_set()
        status = HTTPStatus.OK if serving else HTTPStatus.SERVICE_UNAVAILABLE
        text = msgspec.json.encode({"serving": serving, "workers": workers}).decode() + "\n"
        return Page(status, "application/json", text)

    async def metrics_page(self) -> Page:
        """The metrics of all workers, told apart by label, and the supervisor's own."""
        serving = [worker for worker in self._workers.values() if worker.serving]
        reports = await asyncio.gather(*(worker.report() for worker in serving))
        pages = {
            worker.name: report.metrics
            for worker, report in zip(serving, reports, strict=True)
            if report is not None
        }
        own = (
            "# HELP riskengine_workers Workers that serve.\n"
            "# TYPE riskengine_workers gauge\n"
            f"riskengine_workers {len(serving)}\n"
            "# HELP riskengine_worker_restarts_total Workers that ended and were replaced.\n"
            "# TYPE riskengine_worker_restarts_total counter\n"
            f"riskengine_worker_restarts_total {self._restarts}\n"
        )
        return Page(HTTPStatus.OK, "text/plain; version=0.0.4", own + merge_pages(pages))

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop_or_kill)
        loop.add_signal_handler(signal.SIGHUP, self._reload)

    def _stop_or_kill(self) -> None:
        """The first signal drains, a second one ends at once.

        `timeout` and some init systems signal a process and then its whole group, which is meant
        as one signal.
        """
        now = asyncio.get_running_loop().time()
        if self._first_signal_at is None:
            self._first_signal_at = now
        elif now - self._first_signal_at > _SAME_SIGNAL_S:
            self._ending = Ending(1, "ended at once, calls in flight were cut")
            self._kill()
        self._stopping.set()

    def _reload(self) -> None:
        for worker in self._workers.values():
            worker.order("reload")

    def _kill(self) -> None:
        for worker in self._workers.values():
            worker.kill()

    async def _drain(self) -> None:
        if self._announced:
            _log.info("draining", extra={"workers": len(self._workers)})
        if self._spare is not None:
            self._spare.kill()
        for worker in self._workers.values():
            worker.order("drain")
        endings = [asyncio.ensure_future(worker.wait()) for worker in self._workers.values()]
        if endings:
            await asyncio.wait(endings, timeout=self._crew.drain_s + _KILL_AFTER_S)
        self._kill()

    async def _keep(self, name: str) -> None:
        """One worker after the other under one name."""
        failures = 0
        while not self._stopping.is_set():
            try:
                worker = await self._start(name)
                start = await worker.ready
            except OSError as error:
                start = Failed(f"worker {name} cannot be started: {error.strerror}", 1)
            if isinstance(start, Ready):
                failures = 0
                await self._outlive(worker)
                continue
            failures += 1
            if self._hopeless(start, failures):
                self._give_up(start)
                return
            _log.error("worker does not start", extra={"worker": name, "reason": start.message})
            await self._pause(min(_BACKOFF_MAX_S, _BACKOFF_S * 2**failures))

    async def _outlive(self, worker: WorkerProcess) -> None:
        self._note_ready()
        await self._refill()
        code = await worker.wait()
        if not self._stopping.is_set():
            self._restarts += 1
            _log.warning("worker ended, replacing it", extra={"worker": worker.name, "code": code})

    async def _start(self, name: str) -> WorkerProcess:
        worker, self._spare = self._spare, None
        if worker is None or not worker.alive:
            worker = await self._new_process()
        worker.serve(name, self._crew.first_line(name))
        self._workers[name] = worker
        if self._stopping.is_set():  # it was not there to be told
            worker.order("drain")
        return worker

    async def _new_process(self) -> WorkerProcess:
        return await WorkerProcess.start(self._crew.command, pass_fds=self._crew.pass_fds)

    async def _refill(self) -> None:
        """Have a process ready that has done its imports: they take most of a start."""
        async with self._refilling:
            wanted = self._announced and self._crew.spare_workers and not self._stopping.is_set()
            if wanted and (self._spare is None or not self._spare.alive):
                with contextlib.suppress(OSError):  # then the next start takes longer, that is all
                    self._spare = await self._new_process()
            if self._spare is not None and self._stopping.is_set():
                self._spare.kill()

    def _hopeless(self, start: Failed, failures: int) -> bool:
        """Bad settings or rules at the first start; later, only when nobody serves any more."""
        if not self._announced:
            return start.exit_code != 1 or failures >= _START_ATTEMPTS
        nobody = not any(worker.serving for worker in self._workers.values())
        return nobody and failures >= _START_ATTEMPTS

    def _give_up(self, failure: Failed) -> None:
        if not self._stopping.is_set():
            self._ending = Ending(failure.exit_code, failure.message)
        self._stopping.set()

    def _all_serve(self) -> bool:
        workers = self._workers.values()
        return len(workers) == self._crew.workers and all(w.serving for w in workers)

    def _note_ready(self) -> None:
        if self._announced or not self._all_serve():
            return
        self._announced = True
        count = self._crew.workers
        workers = "1 worker" if count == 1 else f"{count} workers"
        self._announce(f"{self._crew.announcement} with {workers}")

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


@contextlib.asynccontextmanager
async def shared_store(store: str, clock: Clock) -> AsyncIterator[str]:
    """URL of the store for the workers; an embedded one lives as long as the block."""
    if store != "embedded":
        yield store
        return
    server = EmbeddedServer(clock)
    await server.start()
    try:
        yield server.url
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def supervisor_pages(
    listen: str | None, flag: str, supervisor: Supervisor
) -> AsyncIterator[None]:
    """/metrics and /healthz of all workers on HOST:PORT, for as long as the block runs."""
    if not listen:
        yield
        return
    pages = {"/metrics": supervisor.metrics_page, "/healthz": supervisor.health_page}
    try:
        server = await serve_pages(*split_listen(listen), pages)
    except OSError as error:
        raise SettingsError(f"{flag} {listen}: {error.strerror}") from None
    async with server:
        yield
