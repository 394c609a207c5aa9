"""What the gateway's supervisor starts: `python -m riskengine.gateway.worker_main`."""

import asyncio
import contextlib
import logging
import signal
import sys
from typing import BinaryIO

from riskengine.clock import SystemClock
from riskengine.collector import collect_rarely
from riskengine.edge.control import Failed, Ready, read_order
from riskengine.edge.event_loop import loop_factory
from riskengine.edge.json_logs import log_as_json
from riskengine.edge.worker import BAD_RULES, BAD_SETTINGS
from riskengine.edge.worker_pipe import claim_stdout, open_stdin, read_first_line, tell
from riskengine.errors import ModelError, RiskEngineError, RulesetError
from riskengine.gateway.admin import Admin
from riskengine.gateway.duty import Duty, read_duty
from riskengine.gateway.running import Post, serving
from riskengine.tasks import spawn

_log = logging.getLogger("riskengine.gateway")


def main() -> int:
    """Serve until the supervisor says stop or is gone; the process's exit code."""
    notices = claim_stdout()
    line = read_first_line()
    if not line:
        return 0
    duty = read_duty(line)
    log_as_json(f"gateway-{duty.worker}")
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(_serve(duty, notices))


async def _serve(duty: Duty, notices: BinaryIO) -> int:
    try:
        await _until_told(duty, notices)
    except RiskEngineError as error:
        rules = isinstance(error, RulesetError | ModelError)
        tell(notices, Failed(str(error), BAD_RULES if rules else BAD_SETTINGS))
        return BAD_RULES if rules else BAD_SETTINGS
    return 0


async def _until_told(duty: Duty, notices: BinaryIO) -> None:
    post = Post(worker=duty.worker, shares_port=True, stdout=duty.stdout)
    clock, stop = SystemClock(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    async with serving(duty.config(), duty.directory, clock=clock, post=post) as served:
        collect_rarely()
        tell(notices, Ready())
        obeying = spawn(_obey(served.admin, notices, stop), name="orders")
        await stop.wait()
        obeying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await obeying


async def _obey(admin: Admin, notices: BinaryIO, stop: asyncio.Event) -> None:
    orders = await open_stdin()
    while line := await orders.readline():
        order = read_order(line)
        if order == "drain":
            stop.set()
        elif order == "reload":
            await admin.reload()
        elif order == "report":
            tell(notices, admin.report())
    _log.warning("the supervisor is gone, ending too")
    stop.set()


if __name__ == "__main__":
    sys.exit(main())
