"""Remembers who was refused until when: a client over its limit costs no round trip."""

from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

from riskengine.clock import Clock
from riskengine.store.counters import Algorithm, Counters, Hit, Tally

ASKED_AGAIN_S = 10.0
"""A refusal is looked up again after so long, so that a limit that was reset is noticed."""


_name_of = itemgetter(0)
_new = tuple.__new__  # half the time of Tally(...), and this is all that a refusal costs


class _Refusal(NamedTuple):
    request: list[Hit]
    tallies: list[tuple[bool, int, float]]
    """As they were, but with the moment from which there is room."""
    until: float


class DenialCache:
    """Answers what `inner` refused before, for as long as there cannot be room.

    A refused request changes nothing in the store, and room comes with time alone: until the
    store's own `retry_after` is over, asking again would be refused again. Time is measured from
    before the question, so that nobody is refused a microsecond too long. Limits that count
    refused requests, and requests in flight, are always asked for.
    """

    def __init__(self, inner: Counters, clock: Clock, *, entries_max: int = 65_536) -> None:
        self._inner = inner
        self._clock = clock
        self._entries_max = entries_max
        self._refusals: dict[tuple[str, ...], _Refusal] = {}
        self.spared = 0
        """Requests answered without the store."""

    async def hit(
        self,
        requests: Sequence[Sequence[Hit]],
        *,
        at_us: Sequence[int] | None = None,
        budget_s: float,
    ) -> list[list[Tally]]:
        """Ask `inner` for those that are not refused for sure; see `Counters.hit`."""
        if at_us is not None or not requests:
            return await self._inner.hit(requests, at_us=at_us, budget_s=budget_s)
        now = self._clock.monotonic()
        if not self._refusals:  # the usual case needs no bookkeeping
            tallies = await self._inner.hit(requests, budget_s=budget_s)
            self._learn_all(requests, tallies, now)
            return tallies
        answers: list[list[Tally]] = []
        asked: list[int] = []
        refusals = self._refusals
        for number, request in enumerate(requests):
            name = tuple(map(_name_of, request))
            refusal = refusals.get(name)
            known = None if refusal is None else _recalled(refusal, request, now)
            answers.append(known or [])
            if known is None:
                asked.append(number)
                refusals.pop(name, None)  # over, or of other limits
        self.spared += len(requests) - len(asked)
        if not asked:
            return answers
        rest = [requests[n] for n in asked]
        tallies = await self._inner.hit(rest, budget_s=budget_s)
        for number, own in zip(asked, tallies, strict=True):
            answers[number] = own
        self._learn_all(rest, tallies, now)
        return answers

    async def close(self) -> None:
        """Close `inner`."""
        await self._inner.close()

    def _learn_all(
        self, requests: Sequence[Sequence[Hit]], tallies: list[list[Tally]], now: float
    ) -> None:
        """Remember whom a batch refused; one look tells where it was nobody."""
        if not [tally for own in tallies for tally in own if not tally[0]]:
            return
        for request, own in zip(requests, tallies, strict=True):
            self._learn(request, own, now)

    def _learn(self, request: Sequence[Hit], tallies: list[Tally], now: float) -> None:
        full = [
            tally.retry_after_s
            for hit, tally in zip(request, tallies, strict=True)
            if not tally.admitted and not hit.observed
        ]
        if not full or any(map(_always_asked, request)):
            return
        if len(self._refusals) >= self._entries_max:
            del self._refusals[next(iter(self._refusals))]
        until = now + min(max(full), ASKED_AGAIN_S)
        self._refusals[tuple(map(_name_of, request))] = _Refusal(
            list(request),
            [(admitted, left, now + wait_s) for admitted, left, wait_s in tallies],
            until,
        )


def _recalled(refusal: _Refusal, request: Sequence[Hit], now: float) -> list[Tally] | None:
    """What the store would say now; None where it is to be asked."""
    asked, tallies, until = refusal
    if now >= until or asked != (request if type(request) is list else list(request)):
        return None
    return [
        _new(Tally, (admitted, left, room_at - now if room_at > now else 0.0))
        for admitted, left, room_at in tallies
    ]


def _always_asked(hit: Hit) -> bool:
    return hit.count_denied or hit.algorithm is Algorithm.CONCURRENCY
