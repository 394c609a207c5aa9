"""A few connections to one server, each used by one batch at a time."""

import asyncio
from collections.abc import Callable, Sequence

from hiredis import pack_command
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import (
    AskError,
    MovedError,
    NoScriptError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import (
    ConnectionError as LostError,
)

from riskengine.store.script import DIGEST, TEXT, Call

Command = tuple[int | str | bytes, ...]
Reply = bytes | ResponseError

_ELSEWHERE = (MovedError, AskError, TryAgainError)


class Links:
    """Connections that are opened when needed and kept.

    Nothing is tried twice, because a hit whose answer was lost may have been counted. Whatever
    fails closes its connection and the idle ones, so that no late answer is ever read as another's,
    and so that a server that was demoted is left.
    """

    def __init__(self, connect: Callable[[], AbstractConnection], *, most: int) -> None:
        """`connect` makes a connection that opens itself; there are `most` of them at a time."""
        self._connect = connect
        self._free = asyncio.Semaphore(most)
        self._idle: list[AbstractConnection] = []
        self._closed = False

    async def run(self, calls: Sequence[Call], *, asking: bool = False) -> list[Reply]:
        """Run the script once for each call, in one round trip.

        Whatever else than an answer comes is raised, but for words of a cluster about where the
        keys are now: those take the place of the answer. `asking` precedes each call by ASKING.
        """
        async with self._free:
            replies = await self._send(
                [("EVALSHA", DIGEST, *call.arguments) for call in calls], asking
            )
            lost = [n for n, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
            if lost:  # a new server, or one that was told to forget: nothing was counted
                again = [("EVAL", TEXT, *calls[n].arguments) for n in lost]
                for n, reply in zip(lost, await self._send(again, asking), strict=True):
                    replies[n] = reply
        await self._raise_refusal(replies)
        return replies

    async def command(self, *words: int | str | bytes) -> object:
        """The answer to one command of another kind."""
        async with self._free:
            [reply] = await self._send([words], False)
        await self._raise_refusal([reply])
        return reply

    async def close(self) -> None:
        """Close every idle connection; those in use close when their call ends."""
        self._closed = True
        await self._drop_idle()

    async def _send(self, commands: Sequence[Command], asking: bool) -> list[Reply]:
        connection = self._idle.pop() if self._idle else self._connect()
        try:
            if not connection.is_connected:  # sentinels are asked here, and by no other way
                await connection.connect()  # type: ignore[no-untyped-call] # redis-py's signature
            replies = await _exchange(connection, commands, asking)
        except BaseException:
            await connection.disconnect(nowait=True)
            await self._drop_idle()
            raise
        if self._closed:
            await connection.disconnect(nowait=True)
        else:
            self._idle.append(connection)
        return replies

    async def _raise_refusal(self, replies: Sequence[Reply]) -> None:
        for reply in replies:
            if isinstance(reply, ResponseError) and not isinstance(reply, _ELSEWHERE):
                await self._drop_idle()
                raise reply

    async def _drop_idle(self) -> None:
        while self._idle:
            await self._idle.pop().disconnect(nowait=True)


async def _exchange(
    connection: AbstractConnection, commands: Sequence[Command], asking: bool
) -> list[Reply]:
    if asking:
        commands = [part for command in commands for part in (("ASKING",), command)]
    # hiredis packs a call of hundreds of keys several times faster than redis-py does.
    packed = b"".join([pack_command(command) for command in commands])  # type: ignore[arg-type] # its stub asks for a tuple of one word
    await connection.send_packed_command([packed])
    replies = [await _reply(connection) for _ in commands]
    return replies[1::2] if asking else replies


async def _reply(connection: AbstractConnection) -> Reply:
    """An answer or a refusal; what breaks the connection is raised."""
    try:
        reply: Reply = await connection.read_response()
    except LostError:
        raise
    except ResponseError as refusal:
        return refusal
    return reply
