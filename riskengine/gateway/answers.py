"""What a service answered: whole where it is short, else a head whose body still comes."""

import asyncio
from collections.abc import AsyncIterator

from riskengine.downstream.held import Held
from riskengine.downstream.http1_exchange import Http1Answer
from riskengine.gateway.hop_headers import answer_headers, lowered

WHOLE_MAX = 65_536
"""Answers of at most so many bytes are read within the call: a broken one can be asked for again,
and its connection is free before a slow client has taken it."""

_PIECE = 65_536


class Answer(Held):
    """An answer; `status` and `headers` are read by `judge_http` too."""

    def __init__(self, response: Http1Answer, body: bytes | None) -> None:
        """`body` is None where it is still to be streamed."""
        super().__init__()
        self.status = response.status
        self.reason = response.reason or ""
        self.headers = response.headers
        self.body = body
        self.response = response

    def keep(self, lease: object) -> None:
        """See Held: what was read as a whole needs no connection any more."""
        super().keep(lease)  # type: ignore[arg-type]  # a lease, as Held says
        if self.body is not None:
            self.let_go()

    @property
    def passed_on(self) -> list[tuple[bytes, bytes]]:
        """Headers for the client."""
        return answer_headers(lowered(self.response.raw_headers))

    async def pieces(self, idle_s: float) -> AsyncIterator[bytes]:
        """A long body as it comes; aiohttp.ClientError or TimeoutError where it breaks off."""
        content = self.response.content
        while True:
            async with asyncio.timeout(idle_s):
                piece = await content.read(_PIECE)
            if not piece:
                return
            yield piece

    def close(self) -> None:
        """Be done with it; a body that was not read to its end costs its connection."""
        self.response.close()
        self.let_go()


async def read_answer(response: Http1Answer, *, has_body: bool) -> Answer:
    """The answer, with its body where that is short."""
    length = response.content_length
    if not has_body or (length is not None and length <= WHOLE_MAX):
        return Answer(response, await response.read())
    return Answer(response, None)
