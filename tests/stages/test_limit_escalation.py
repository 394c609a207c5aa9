"""Who offends again is banned for longer."""

import asyncio

from riskengine.clock import ManualClock
from riskengine.request import Request
from riskengine.stages.escalation import Escalations
from riskengine.store.memory import MemoryCounters
from tests.stages.limit_bench import limit, request
from tests.stages.limit_feature_bench import DAY_S, NOON, Bench


class Bans:
    """Remembers for how long whom."""

    def __init__(self) -> None:
        self.lengths: list[float] = []

    def ban(self, request: Request, *, rule_id: str, for_s: float, all_hosts: bool) -> None:
        assert (request.address.text, rule_id) == ("203.0.113.7", "lim")
        self.lengths.append(for_s)


async def test_who_offends_again_is_banned_for_longer_and_comes_down_with_time() -> None:
    bans, clock = Bans(), ManualClock(NOON)
    escalations = Escalations(MemoryCounters(clock), bans)
    escalating = limit(
        limit=1, verdict="deny", escalation={"bans": ["1m", "10m", "1h"], "forget": "1d"}
    )

    async def offend() -> None:
        """With a limit that starts afresh each time."""
        bench = Bench(escalating, at=clock.now(), escalations=escalations)
        await bench.run(*[request()] * 3)
        await escalations.settled()

    for pause_s in (0.0, 2.0, 70.0, 700.0, 4_000.0, 4_000.0):
        clock.advance(pause_s)
        await offend()
    assert bans.lengths == [60, 600, 3_600, 3_600, 3_600], "the second was within a minute"
    for days in (2.5, 10):
        clock.advance(days * DAY_S)
        await offend()
    assert bans.lengths[5:] == [600, 60]


async def test_watching_rules_and_throttles_are_no_offence() -> None:
    bans = Bans()
    clock = ManualClock(NOON)
    escalations = Escalations(MemoryCounters(clock), bans)
    steps = {"bans": ["1m"], "forget": "1d"}
    for fields in ({"verdict": "deny", "mode": "observe"}, {"deny_above": 50}):
        bench = Bench(limit(limit=1, escalation=steps, **fields), escalations=escalations)
        await bench.run(*[request()] * 3)
        await escalations.settled()
    await asyncio.sleep(0)
    assert bans.lengths == []
