"""The third stage: counts requests and stops those above a limit."""

import itertools
import secrets
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

from riskengine.clock import Clock
from riskengine.decision import LimitState, RuleHit, Verdict
from riskengine.errors import StoreError
from riskengine.inspection import Batch, Inspection
from riskengine.ruleset.limits import LimitsFile
from riskengine.ruleset.override_files import Overrides
from riskengine.stages.escalation import Escalations
from riskengine.stages.limit import Count, Limit, Part
from riskengine.stages.limit_plan import LimitPlan
from riskengine.stages.limit_set import Counts, LimitSet
from riskengine.store.counters import Algorithm, Counters, Hit, Tally
from riskengine.store.local import LocalCounters

EXCEEDED = "rate_limit.exceeded"
STORE_UNAVAILABLE = "rate_limit.store_unavailable"

_MAIN, _CONCURRENCY = Part.MAIN, Algorithm.CONCURRENCY
_tuple = tuple.__new__  # what a NamedTuple's own constructor calls, without its Python frame

_MARGIN_S = 0.001  # what is left of the deadline for saying the answer
_RETRY_WITHOUT_STORE_S = 1.0


class _Counted(NamedTuple):
    """What is counted for one request: two sequences of the same length."""

    inspection: Inspection
    counts: Sequence[Count]
    hits: Sequence[Hit]


class RateLimitsStage:
    """Counts the open requests of a batch in one call to the store."""

    name = "rate_limits"
    dispensable = True

    def __init__(
        self,
        rules: LimitsFile,
        counters: Counters,
        *,
        clock: Clock,
        believe_received_at: bool = False,
        share: Callable[[], float] = lambda: 1.0,
        overrides: Mapping[str, Overrides] | None = None,
        local: LocalCounters | None = None,
        escalations: Escalations | None = None,
    ) -> None:
        """`share` tells this process's part of each limit while the store does not answer.

        `local` counts meanwhile; the same one for every ruleset, so that a reload forgets nothing.
        """
        hash_of = _steady_hash if believe_received_at else hash
        self.plan = LimitPlan(rules.limits, overrides or {}, hash_of)
        self._counters = counters
        self._clock = clock
        self._believe_received_at = believe_received_at
        self._share = share
        self._local = LocalCounters(clock) if local is None else local
        self._escalations = escalations
        self._token = _tokens()

    async def inspect(self, batch: Batch) -> None:
        """Leave the state of each limit, and a hit where one is exceeded."""
        counted = [self._count(inspection) for inspection in batch.open]
        counted = [one for one in counted if one.hits]
        if not counted:
            return
        try:
            tallies = await self._ask(self._counters, counted, self._budget_s(batch))
        except StoreError:
            await self._decide_alone(counted)
            return
        self._report_all(counted, tallies)

    def _count(self, inspection: Inspection) -> _Counted:
        """What is counted for a request; looked up where its client was here before."""
        limits = self.plan.limits_at(inspection)
        if not limits.steady or inspection.origin.state or inspection.allowlisted_by is not None:
            return _Counted(inspection, *self._find(limits, inspection))
        who = limits.who(inspection)
        counts = limits.recall(who, inspection.at)
        if counts is None:
            counts = self._find(limits, inspection)
            limits.learn(who, counts)
        return _tuple(_Counted, (inspection, counts[0], counts[1]))

    def _find(self, limits: LimitSet, inspection: Inspection) -> Counts:
        """All rules that match count, but of each group only the first one that does.

        A verified bot is counted by the limits that name bots, and by no other.
        """
        counts: list[Count] = []
        hits: list[Hit] = []
        groups: tuple[str, ...] = ()  # hardly ever more than one
        claim = inspection.origin.state
        for limit in limits.limits:
            if not claim if limit.for_bots else claim == "verified":
                continue
            if limit.group in groups or (limit.conditional and not limit.counts(inspection)):
                continue
            found = limit.hits(inspection, self._token)
            if found and limit.group is not None and not limit.observed:
                groups += (limit.group,)
            for count, hit in found:
                counts.append(count)
                hits.append(hit)
        return Counts(counts, hits)

    async def _ask(
        self, counters: Counters, counted: list[_Counted], budget_s: float
    ) -> list[list[Tally]]:
        if budget_s <= 0:
            raise StoreError("no time left to ask the store")
        at_us = None
        if self._believe_received_at:
            at_us = [round(one.inspection.at * 1_000_000) for one in counted]
        return await counters.hit([one.hits for one in counted], at_us=at_us, budget_s=budget_s)

    def _budget_s(self, batch: Batch) -> float:
        return batch.deadline - self._clock.monotonic() - _MARGIN_S

    async def _decide_alone(self, counted: list[_Counted]) -> None:
        """Do for each limit what its rule says about a store that does not answer."""
        for one in counted:
            one.inspection.degrade("store")
        share = self._share()
        local = [_localize(one, share) for one in counted]
        tallies = await self._ask(self._local, local, budget_s=1.0)
        for one, alone, own in zip(counted, local, tallies, strict=True):
            self._local.owe(one.hits, alone.hits, own)
        self._report_all(local, tallies)

    def _report_all(self, counted: list[_Counted], tallies: list[list[Tally]]) -> None:
        for one, own in zip(counted, tallies, strict=True):
            _report(one, own, self._escalations)


def _localize(one: _Counted, share: float) -> _Counted:
    """The hits to count in this process: none where the request is stopped anyway."""
    counts: list[Count] = []
    hits: list[Hit] = []
    stopped = False
    for count, hit in zip(one.counts, one.hits, strict=True):
        policy = count.limit.rule.on_store_error
        if policy == "closed" and count.part is Part.MAIN:
            one.inspection.hits.append(_unavailable(count.limit, hit))
            stopped = stopped or not hit.observed
        if policy == "local":
            counts.append(count)
            hits.append(_part_of(hit, share, least=_least(count, hit, hits)))
    return _Counted(one.inspection, [], []) if stopped else _Counted(one.inspection, counts, hits)


def _part_of(hit: Hit, share: float, *, least: int) -> Hit:
    """This process's part of a limit."""
    return hit._replace(
        limit=max(least, int(hit.limit * share)), burst=max(hit.cost, int(hit.burst * share))
    )


def _least(count: Count, hit: Hit, before: Sequence[Hit]) -> int:
    """Enough for one request; and attempts are denied above what is throttled, however small."""
    return before[-1].limit + hit.cost if count.part is Part.ATTEMPTS else hit.cost


def _report(one: _Counted, tallies: list[Tally], escalations: Escalations | None) -> None:
    inspection, counts, hits = one
    states: list[LimitState] = []
    places: list[Hit] = []
    counting = True
    for count, hit, tally in zip(counts, hits, tallies, strict=True):
        admitted, remaining, retry_after_s = tally
        limit, subject, part = count
        if part is _MAIN:
            states.append(
                LimitState(limit.id, hit[1], remaining, limit.window_s, retry_after_s, hit[4])
            )
        if not admitted:
            counting = counting and hit.observed
            exceeded = _exceeded(count, hit, tally)
            inspection.hits.append(exceeded)
            if escalations is not None and limit.rule.escalation is not None:
                escalations.note(limit.rule, subject, inspection.request, exceeded)
        elif hit[6] is _CONCURRENCY:
            places.append(hit)
    inspection.limits = tuple(states)
    if places and counting:
        inspection.places = tuple(places)


def _exceeded(count: Count, hit: Hit, tally: Tally) -> RuleHit:
    limit = count.limit
    attempts = count.part is Part.ATTEMPTS
    return RuleHit(
        RateLimitsStage.name,
        limit.id,
        Verdict.DENY if attempts else limit.rule.verdict,
        EXCEEDED,
        f"more than {hit.limit} {'attempts ' if attempts else ''}{limit.window_text} "
        f"for {count.subject}",
        hit.observed,
        tally.retry_after_s,
    )


def _unavailable(limit: Limit, hit: Hit) -> RuleHit:
    return RuleHit(
        RateLimitsStage.name,
        limit.id,
        limit.rule.verdict,
        STORE_UNAVAILABLE,
        "the limit is closed while the store does not answer",
        hit.observed,
        _RETRY_WITHOUT_STORE_S,
    )


def _tokens() -> Callable[[], bytes]:
    """Eight bytes that no other request has: four of this process, four that count."""
    process = secrets.token_bytes(4)
    numbers = itertools.count()
    return lambda: process + (next(numbers) & 0xFFFF_FFFF).to_bytes(4)


def _steady_hash(text: str) -> int:
    """The same in every process, so that replay is."""
    digest = blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest)
