"""A worker's end of the line to its supervisor: orders on stdin, notices on stdout."""

import asyncio
import contextlib
import os
import sys
from typing import BinaryIO

from riskengine.edge.control import Notice, encode_line


def read_first_line() -> bytes:
    """What the worker is to serve; empty where the supervisor has gone."""
    with open(0, "rb", buffering=0, closefd=False) as stdin:  # a buffer would swallow early orders
        return stdin.readline()


def claim_stdout() -> BinaryIO:
    """The stream of notices; whatever else prints to stdout goes to stderr from here on."""
    notices = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return notices


def tell(notices: BinaryIO, notice: Notice) -> None:
    """Tell the supervisor."""
    with contextlib.suppress(BrokenPipeError):  # the end of stdin says the same, and is heeded
        notices.write(encode_line(notice))


async def open_stdin() -> asyncio.StreamReader:
    """The orders that follow the first line; it ends when the supervisor does."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader
