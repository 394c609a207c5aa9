"""A gateway of several processes on one port: a supervisor that keeps them, and what they share."""

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

from riskengine.clock import Clock
from riskengine.edge.crew import Crew, Ending
from riskengine.edge.listen_address import reserved
from riskengine.edge.supervisor import Supervisor, shared_store, supervisor_pages
from riskengine.gateway.config import read_config
from riskengine.gateway.duty import Duty

COMMAND = (sys.executable, "-m", "riskengine.gateway.worker_main")


async def supervise_gateway(
    path: Path, content: bytes, *, clock: Clock, announce: Callable[[str], None]
) -> Ending:
    """Serve with the configured number of workers until SIGTERM or SIGINT, then drain.

    `content` is what the file `path` held: a worker that is started later serves the same. Exit
    codes as of `riskengine serve`. Raises RiskEngineError for what the supervisor cannot have.
    """
    config = read_config(path, content)
    wanted = config.engine.store if config.engine.rules is not None else "memory"
    async with contextlib.AsyncExitStack() as stack:
        listen = stack.enter_context(reserved(config.listen, "listen"))
        store = await stack.enter_async_context(shared_store(wanted, clock))
        stdout = os.dup(1)
        stack.callback(os.close, stdout)

        def first_line(worker: str) -> bytes:
            return Duty(
                path=str(path.absolute()),
                content=content.decode(),
                listen=listen,
                store=store,
                stdout=stdout,
                worker=worker,
            ).encoded()

        crew = Crew(
            workers=config.workers,
            command=COMMAND,
            first_line=first_line,
            announcement=f"riskengine gateway serves HTTP on {listen}",
            drain_s=config.drain,
            pass_fds=(stdout,),
        )
        supervisor = Supervisor(crew, announce=announce)
        await stack.enter_async_context(
            supervisor_pages(config.admin_listen, "admin_listen", supervisor)
        )
        return await supervisor.run()
