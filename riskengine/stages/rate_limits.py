"""The third stage: counts requests in sliding windows and stops those above a limit."""

from typing import NamedTuple

from riskengine.clock import Clock
from riskengine.decision import LimitState, RuleHit
from riskengine.errors import StoreError
from riskengine.inspection import Batch, Inspection
from riskengine.ruleset.limits import LimitsFile
from riskengine.stages.limit_plan import Limit, LimitPlan
from riskengine.store.counters import Counters, Hit, Tally
from riskengine.store.memory import MemoryCounters

EXCEEDED = "rate_limit.exceeded"
STORE_UNAVAILABLE = "rate_limit.store_unavailable"

_MARGIN_S = 0.001  # what is left of the deadline for saying the answer
_RETRY_WITHOUT_STORE_S = 1.0
_LOCAL_KEYS_MAX = 65_536


class _Counted(NamedTuple):
    """What is counted for one request: two lists of the same length."""

    inspection: Inspection
    limits: list[tuple[Limit, str]]
    """Each limit, and who is counted in it."""
    hits: list[Hit]


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
        share: float = 1.0,
    ) -> None:
        """`share` is this process's part of each limit while the store does not answer."""
        self._plan = LimitPlan(rules.limits)
        self._counters = counters
        self._clock = clock
        self._believe_received_at = believe_received_at
        self._share = share
        self._local = MemoryCounters(clock, keys_max=_LOCAL_KEYS_MAX)

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
        _report_all(counted, tallies)

    def _count(self, inspection: Inspection) -> _Counted:
        """An allowlisted request is counted apart, so that it uses up nothing that others share."""
        prefix = f"{inspection.request.namespace}:rl1:{{"
        suffix, allowlisted = "}", inspection.allowlisted_by is not None
        if allowlisted:
            suffix = "}:allowlisted"
        verified = inspection.origin.verified
        limits: list[tuple[Limit, str]] = []
        hits: list[Hit] = []
        for limit in self._plan.limits_at(inspection):
            if verified and not limit.for_bots:
                continue
            if limit.applies is not None and not limit.applies(inspection):
                continue
            subject = limit.subject(inspection)
            if subject is None:
                continue
            limits.append((limit, subject))
            hits.append(
                Hit(
                    f"{prefix}{subject}{suffix}{limit.suffix}",
                    limit.limit,
                    limit.window_us,
                    limit.cost,
                    allowlisted or limit.observed,
                )
            )
        return _Counted(inspection, limits, hits)

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
        local = [self._localize(one) for one in counted]
        _report_all(local, await self._ask(self._local, local, budget_s=1.0))

    def _localize(self, one: _Counted) -> _Counted:
        """The hits to count in this process: none where the request is stopped anyway."""
        limits: list[tuple[Limit, str]] = []
        hits: list[Hit] = []
        stopped = False
        for (limit, subject), hit in zip(one.limits, one.hits, strict=True):
            if limit.rule.on_store_error == "closed":
                one.inspection.hits.append(_unavailable(limit, hit))
                stopped = stopped or not hit.observed
            if limit.rule.on_store_error == "local":
                limits.append((limit, subject))
                hits.append(hit._replace(limit=self._part_of(hit)))
        return (
            _Counted(one.inspection, [], []) if stopped else _Counted(one.inspection, limits, hits)
        )

    def _part_of(self, hit: Hit) -> int:
        """This process's part of a limit, enough for one request at least."""
        return max(hit.cost, int(hit.limit * self._share))


def _report_all(counted: list[_Counted], tallies: list[list[Tally]]) -> None:
    for one, own in zip(counted, tallies, strict=True):
        _report(one, own)


def _report(one: _Counted, tallies: list[Tally]) -> None:
    states = []
    for (limit, subject), hit, tally in zip(one.limits, one.hits, tallies, strict=True):
        admitted, remaining, retry_after_s = tally
        states.append(
            LimitState(limit.id, hit[1], remaining, limit.window_s, retry_after_s, hit[4])
        )
        if not admitted:
            one.inspection.hits.append(_exceeded(limit, subject, hit, tally))
    one.inspection.limits = tuple(states)


def _exceeded(limit: Limit, subject: str, hit: Hit, tally: Tally) -> RuleHit:
    return RuleHit(
        RateLimitsStage.name,
        limit.id,
        limit.rule.verdict,
        EXCEEDED,
        f"more than {hit.limit} in {limit.window_text} for {subject}",
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
