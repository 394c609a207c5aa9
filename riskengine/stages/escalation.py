"""Repeat offenders: each offence is a step up to a longer ban, and time brings them down again."""

import asyncio
import logging
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from riskengine.decision import RuleHit, Verdict
from riskengine.errors import StoreError
from riskengine.request import Request
from riskengine.ruleset.limits import LimitRule
from riskengine.store.counters import Algorithm, Counters, Hit, Tally
from riskengine.tasks import spawn

_log = logging.getLogger("riskengine.limits")
_BUDGET_S = 1.0
_WAITING_MAX = 1_024


class BanSink(Protocol):
    """Who sets bans."""

    def ban(self, request: Request, *, rule_id: str, for_s: float) -> None:
        """Ban the client of `request` for so long; must return at once."""
        ...


class _Offence(NamedTuple):
    rule: LimitRule
    request: Request
    hits: Sequence[Hit]


class Escalations:
    """Counts offences in the store, off the request path, and bans as long as the step says.

    Steps live beside the limits: one offence at most in the time of the shortest ban, however many
    processes saw it, and a level that one `forget` lowers by a step.
    """

    def __init__(self, counters: Counters, bans: BanSink) -> None:
        self._counters = counters
        self._bans = bans
        self._waiting: dict[str, _Offence] = {}
        self._task: asyncio.Task[None] | None = None

    def note(self, rule: LimitRule, subject: str, request: Request, hit: RuleHit) -> None:
        """An enforced denial by `rule`; anything else is no offence."""
        if hit.observed or hit.verdict is not Verdict.DENY or len(self._waiting) >= _WAITING_MAX:
            return
        hits = offence_hits(rule, subject, request.namespace)
        self._waiting[hits[0].key] = _Offence(rule, request, hits)
        if self._task is None or self._task.done():
            self._task = spawn(self._settle(), name="escalation")

    async def settled(self) -> None:
        """Wait until everything noted so far has been counted."""
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    async def _settle(self) -> None:
        while self._waiting:
            offences = list(self._waiting.values())
            self._waiting.clear()
            try:
                tallies = await self._counters.hit(
                    [offence.hits for offence in offences], budget_s=_BUDGET_S
                )
            except StoreError as error:
                _log.warning("offences were not counted", extra={"reason": str(error)})
                return
            for offence, (first, level) in zip(offences, tallies, strict=True):
                if first.admitted:
                    self._ban(offence, level)

    def _ban(self, offence: _Offence, level: Tally) -> None:
        escalation = offence.rule.escalation
        if escalation is None:
            return
        steps = len(escalation.bans)
        step = steps - level.remaining - 1 if level.admitted else steps - 1
        for_s = escalation.bans[max(0, min(step, steps - 1))]
        self._bans.ban(offence.request, rule_id=offence.rule.id, for_s=for_s)


def offence_hits(rule: LimitRule, subject: str, namespace: str) -> list[Hit]:
    """The gate that lets one offence through, and the level it raises.

    The level is observed: full, it must not keep the gate from counting.
    """
    escalation = rule.escalation
    if escalation is None:
        raise ValueError("the rule has no escalation")
    key = f"{namespace}:rl1:{{{subject}}}:{rule.id}"
    steps = len(escalation.bans)
    shortest_us, forget_us = (round(s * 1_000_000) for s in (escalation.bans[0], escalation.forget))
    return [
        Hit(f"{key}:offence", 1, shortest_us, algorithm=Algorithm.EXACT),
        Hit(
            f"{key}:offences",
            steps,
            steps * forget_us,
            observed=True,
            algorithm=Algorithm.PACE,
            burst=steps,
        ),
    ]
