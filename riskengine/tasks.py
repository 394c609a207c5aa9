"""Background tasks that are kept alive by someone and never fail in silence."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

_log = logging.getLogger("riskengine.tasks")


def spawn(work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
    """Start `work` on the running loop; the caller keeps the task and cancels it when done.

    A failure is logged under `name` at once, not when the task is collected.
    """
    task = asyncio.create_task(work, name=name)  # noqa: TID251 - the one place
    task.add_done_callback(_report)
    return task


def _report(task: asyncio.Task[None]) -> None:
    if task.cancelled() or task.exception() is None:
        return
    _log.error("background task failed", exc_info=task.exception(), extra={"task": task.get_name()})
