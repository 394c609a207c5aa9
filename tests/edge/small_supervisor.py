"""The small service under the real supervisor; arguments are `field=value` of settings."""

import asyncio
import sys

from riskengine.clock import SystemClock
from riskengine.edge.json_logs import log_as_json
from riskengine.edge.supervisor import supervise
from riskengine.settings import read_settings

COMMAND = (sys.executable, "-m", "tests.edge.small_worker")

if __name__ == "__main__":
    flags = dict(argument.split("=", 1) for argument in sys.argv[1:])
    settings = read_settings({"listen": "127.0.0.1:0", "store": "memory", **flags}, {})
    log_as_json("supervisor")
    ending = asyncio.run(
        supervise(
            settings,
            clock=SystemClock(),
            announce=lambda line: print(line, flush=True),
            command=COMMAND,
        )
    )
    if ending.message:
        print(ending.message, file=sys.stderr)
    sys.exit(ending.exit_code)
