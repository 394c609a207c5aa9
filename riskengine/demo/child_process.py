"""Ends what a demo has started."""

import asyncio


async def end_process(process: asyncio.subprocess.Process, *, within_s: float) -> None:
    """Ask the process to end, and make it end where it has not after `within_s` seconds."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(within_s):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
