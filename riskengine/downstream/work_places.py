"""Where work is done: on the loop, in threads, in processes."""

import asyncio
import multiprocessing
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol

from riskengine.downstream.errors import LostError

Work = Callable[[], Any]
"""A coroutine function for OnLoop, a plain one for the others; `Workers.run` keeps its type."""


class Place(Protocol):
    """Does the work of a pool."""

    async def perform(self, work: Work, done: Callable[[], None]) -> Any:  # noqa: ANN401
        """What `work` gives. `done` is called once, on the loop, when the worker is free again."""
        ...

    def close(self) -> None:
        """Let go of threads and processes; what runs in them runs to its end."""
        ...


class OnLoop:
    """Coroutines, in the task of whoever asked: cancelling that task cancels the work."""

    async def perform(self, work: Work, done: Callable[[], None]) -> Any:  # noqa: ANN401
        """See Place."""
        try:
            return await work()
        finally:
            done()

    def close(self) -> None:
        """See Place."""


class InThreads:
    """Functions that block. A cancelled call returns at once, its thread when the function does."""

    def __init__(self, count: int) -> None:
        """`count` is the number of workers of the pool."""
        self._executor = ThreadPoolExecutor(count, thread_name_prefix="downstream")

    async def perform(self, work: Work, done: Callable[[], None]) -> Any:  # noqa: ANN401
        """See Place."""
        return await _in_executor(self._executor, work, done)

    def close(self) -> None:
        """See Place."""
        self._executor.shutdown(wait=False, cancel_futures=True)


class InProcesses:
    """Functions that compute; they and what they give must be picklable.

    Processes are started anew rather than forked, which threads and gRPC would not survive. One
    that dies takes the calls of all with it (LostError), and is replaced.
    """

    def __init__(self, count: int) -> None:
        """`count` is the number of workers of the pool."""
        self._count = count
        self._executor = self._start()

    async def perform(self, work: Work, done: Callable[[], None]) -> Any:  # noqa: ANN401
        """See Place. Raises LostError when a process died."""
        executor = self._executor
        try:
            return await _in_executor(executor, work, done)
        except BrokenProcessPool as error:
            if self._executor is executor:
                self._executor = self._start()
            raise LostError("a worker process died") from error

    def close(self) -> None:
        """See Place."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _start(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self._count, mp_context=context)


async def _in_executor(executor: Executor, work: Work, done: Callable[[], None]) -> Any:  # noqa: ANN401
    loop = asyncio.get_running_loop()
    try:
        future = executor.submit(work)
    except BaseException:
        done()
        raise
    future.add_done_callback(lambda _: _tell(loop, done))
    return await asyncio.wrap_future(future)


def _tell(loop: asyncio.AbstractEventLoop, done: Callable[[], None]) -> None:
    """Tell the loop, unless it ended before the function did."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(done)
