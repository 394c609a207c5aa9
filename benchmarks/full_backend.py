"""An HTTP server whose capacity is bounded by concurrency: so many places, so long a call.

    python -m benchmarks.full_backend PLACES SECONDS

Prints its port, serves until its input ends. Like most servers it queues without bound, and works
on for clients that have long gone.
"""

import asyncio
import random
import sys

from aiohttp import web


async def _serve(places: int, seconds: float) -> None:
    free, rng = asyncio.Semaphore(places), random.Random(1)

    async def answer(request: web.Request) -> web.Response:
        async with free:
            # Equal times would make all places end together, again and again.
            await asyncio.sleep(seconds * rng.uniform(0.5, 1.5))
        return web.Response(text="well")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=4_096).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
