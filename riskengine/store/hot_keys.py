"""The hot keys of a minute, as every process tells them to the store.

`riskengine:top1:MINUTE` is a hash: one field for each process, its value JSON. It lives a quarter
of an hour, so that whoever died leaves nothing behind.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from heapq import nlargest

import msgspec

from riskengine.store.clients import FAILURES, open_client
from riskengine.store.heavy_keys import Heavy, HeavyKeys
from riskengine.store.watched import Seen
from riskengine.tasks import spawn

FLUSH_EVERY_S = 2.0
_TIMEOUT_S = 0.5
_LIVES_S = 900
_CAPACITY = 512
_TOLD = 100
_PENDING_MAX = 4_096


class Full(msgspec.Struct, frozen=True, array_like=True):
    """A key that was near its limit."""

    key: str
    used: int
    limit: int


class Minute(msgspec.Struct, frozen=True):
    """What one process saw in one minute."""

    asked: list[Heavy]
    """How often keys came, admitted or not."""
    refused: list[Heavy]
    fullest: list[Full]


_MINUTE = msgspec.json.Decoder(Minute)


def minute_name(minute: int) -> str:
    """The hash of a minute, counted from the epoch."""
    return f"riskengine:top1:{minute}"


class HotKeys:
    """Watches the counters of one process and tells the store, over a connection of its own.

    A store that does not answer loses nothing but this: the next time tells the whole minute.
    """

    def __init__(self, url: str, *, process: str) -> None:
        """`process` names this one among all that share the store."""
        self._redis = open_client(url, timeout_s=_TIMEOUT_S)
        self._process = process
        self._pending = Seen()
        self._sketches = _Sketches()
        self._minute = 0
        self._task: asyncio.Task[None] | None = None

    def add(self, seen: Seen) -> None:
        """See `Watch.add`."""
        pending = self._pending
        pending.asked.update(seen.asked)
        pending.refused.update(seen.refused)
        pending.fullest.update(seen.fullest)
        if len(pending.asked) > _PENDING_MAX:
            self._merge()
        if self._task is None:
            self._task = spawn(self._tell_often(), name="hot-keys")

    async def flush(self) -> None:
        """Tell the store now; where it does not answer, it hears it the next time."""
        self._merge()
        with contextlib.suppress(*FAILURES):
            seconds, _ = await self._redis.time()
            minute = int(seconds) // 60
            self._minute = self._minute or minute
            await self._tell()
            if minute != self._minute:
                self._minute, self._sketches = minute, _Sketches()

    async def close(self) -> None:
        """Stop telling; see `Watch.close`."""
        if self._task is not None:
            self._task.cancel()
        await self._redis.aclose()

    async def _tell_often(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_EVERY_S)
            await self.flush()

    async def _tell(self) -> None:
        name = minute_name(self._minute)
        pipe = self._redis.pipeline(transaction=False)
        pipe.hset(name, self._process, msgspec.json.encode(self._sketches.told()))
        pipe.expire(name, _LIVES_S)
        await pipe.execute()

    def _merge(self) -> None:
        pending, self._pending = self._pending, Seen()
        self._sketches.add(pending)


class _Sketches:
    """What was seen in a minute, in bounded memory."""

    def __init__(self) -> None:
        self._asked = HeavyKeys(_CAPACITY)
        self._refused = HeavyKeys(_CAPACITY)
        self._fullest: dict[str, tuple[int, int]] = {}

    def add(self, seen: Seen) -> None:
        self._asked.add(seen.asked)
        self._refused.add(seen.refused)
        self._fullest.update(seen.fullest)
        if len(self._fullest) > 2 * _CAPACITY:
            self._fullest = dict(_fullest(self._fullest.items(), _CAPACITY))

    def told(self) -> Minute:
        return Minute(
            self._asked.top(_TOLD),
            self._refused.top(_TOLD),
            [Full(key, *of) for key, of in _fullest(self._fullest.items())],
        )


def together(hashes: Iterable[Mapping[bytes, bytes]]) -> Minute:
    """What all processes saw in some minutes; fields of another release are left out."""
    asked: dict[str, Heavy] = {}
    refused: dict[str, Heavy] = {}
    fullest: dict[str, tuple[int, int]] = {}
    for fields in hashes:
        for value in fields.values():
            try:
                told = _MINUTE.decode(value)
            except msgspec.DecodeError:
                continue
            _sum(asked, told.asked)
            _sum(refused, told.refused)
            for full in told.fullest:
                known = fullest.get(full.key, (0, 1))
                if full.used / full.limit >= known[0] / known[1]:
                    fullest[full.key] = (full.used, full.limit)
    return Minute(
        sorted(asked.values(), key=lambda heavy: (-heavy.times, heavy.key)),
        sorted(refused.values(), key=lambda heavy: (-heavy.times, heavy.key)),
        [Full(key, *of) for key, of in _fullest(fullest.items(), len(fullest))],
    )


def _sum(sums: dict[str, Heavy], told: Sequence[Heavy]) -> None:
    for heavy in told:
        known = sums.get(heavy.key, Heavy(heavy.key, 0, 0))
        sums[heavy.key] = Heavy(heavy.key, known.times + heavy.times, known.error + heavy.error)


def _fullest(
    items: Iterable[tuple[str, tuple[int, int]]], number: int = _TOLD
) -> list[tuple[str, tuple[int, int]]]:
    return nlargest(number, items, key=lambda item: item[1][0] / item[1][1])
