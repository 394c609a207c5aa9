"""An event loop whose time passes only while it waits, or when a test says so."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """Timers fire at their exact moment, however busy the machine is; nothing is ever slept."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_SkippingSelector(self))

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass while the loop is busy."""
        self._now += seconds


class LoopClock:
    """The running loop's time."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


class _SkippingSelector(selectors.SelectSelector):
    """Never waits: where a loop would, its time jumps to the next timer."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready now; raises where the loop would wait for ever."""
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise RuntimeError("the loop waits for something that no timer brings about")
        self._loop.advance(timeout)
        return ready


def in_virtual_time(run: Callable[[VirtualLoop], Awaitable[T]]) -> T:
    """What `run(loop)` returns on a loop of its own, which it may tell to advance."""

    async def main() -> T:
        return await run(loop)

    loop = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main())
