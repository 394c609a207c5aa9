"""The engine: rules, model, store and clock put together, answering what to do with requests."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from riskengine.banning import OffenderBans, bans_of, one_moment_each
from riskengine.batcher import Batcher, Requests, Work
from riskengine.behavior.model import Model
from riskengine.behavior.profile import ProfileTable
from riskengine.busyness import Busyness
from riskengine.clock import Clock, SystemClock
from riskengine.conclusion import conclude, unique_ids
from riskengine.decision import Decision, Verdict
from riskengine.errors import RiskEngineError
from riskengine.funnel import Funnel, Stage
from riskengine.inspection import Batch, Inspection
from riskengine.origin.verification import BotVerifier
from riskengine.outcome import Outcome
from riskengine.recent_decisions import RecentDecisions
from riskengine.records.recording import Records
from riskengine.request import Request
from riskengine.ruleset.ban_terms import BanTerms, ban_terms
from riskengine.ruleset.ruleset import Ruleset
from riskengine.seclang.pattern_cache import PatternCache, default_directory
from riskengine.stage_list import Parts, stages_of
from riskengine.stages.escalation import Escalations
from riskengine.store.ban_book import BanBook
from riskengine.store.ban_feed import BanFeed
from riskengine.store.counters import Counters
from riskengine.store.local import LocalCounters
from riskengine.store.memory import MemoryCounters
from riskengine.store.places import Places

_log = logging.getLogger("riskengine.engine")
_FIRST_BANS_S = 1.0
"""How long a start waits for the bans; without them it serves all the same."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a reload replaces as a whole, so that no batch ever sees half of it."""

    ruleset: Ruleset
    model: Model | None


@dataclass(frozen=True, slots=True)
class _Active:
    loaded: Loaded
    funnel: Funnel
    model_version: str
    bans: Mapping[str, BanTerms]


class Engine:
    """Decides requests. A plain library: no server and no Redis needed.

    A service builds it from its settings with `riskengine.assembly.open_engine`.

    >>> engine = Engine(load_ruleset(Path("rules")))
    >>> [decision] = await engine.evaluate([make_request(client_ip="203.0.113.7", ...)])
    """

    def __init__(
        self,
        ruleset: Ruleset,
        *,
        model: Model | None = None,
        counters: Counters | None = None,
        clock: Clock | None = None,
        believe_received_at: bool = False,
        records: Sequence[Records] = (),
        decision_ids: Callable[[], str] | None = None,
        reloader: Callable[[], Loaded] | None = None,
        around_stage: Callable[[Stage], Stage] = lambda stage: stage,
        share: float | Callable[[], float] = 1.0,
        local: LocalCounters | None = None,
        bans: BanFeed | None = None,
        verifier: BotVerifier | None = None,
        default_budget_s: float = 0.05,
        max_budget_s: float = 1.0,
        patterns: PatternCache | None = None,
        in_flight: int = 1,
        gather_s: float = 0.0125,
    ) -> None:
        """`share` is this process's part of a limit while the store is away (1 / processes).
        `local` counts then, and owes the store what it counted.

        `believe_received_at` runs windows and profiles on the requests' own time; `reloader`
        reads rules and model anew, in a thread; `around_stage` may put something around each stage
        (replay lets a log answer for a stage whose input the log withholds); without `bans` those
        that rules set stay in this process; without a `verifier` only published ranges tell bots;
        `gather_s` is how long a batch waits for company, see Batcher.
        """
        self._clock = clock or SystemClock()
        self._counters = MemoryCounters(self._clock) if counters is None else counters
        self._believe_received_at = believe_received_at
        self._records = tuple(records)
        self._decision_ids = decision_ids or unique_ids()
        self._reloader = reloader
        self._around_stage = around_stage
        local = LocalCounters(self._clock) if local is None else local
        self._places = Places([local, self._counters], self._at_us)
        self._feed = bans
        book = BanBook() if bans is None else bans.book
        self._publish = book.put_own if bans is None else bans.publish
        self._verifier = verifier
        self._default_budget_s = default_budget_s
        self._max_budget_s = max_budget_s
        remembered = ruleset.behavior.profiles
        self._profiles = ProfileTable(maximum=remembered.max, idle_s=remembered.idle)
        self._parts = Parts(
            bans=book,
            verifier=verifier,
            patterns=patterns or PatternCache(default_directory()),
            profiles=self._profiles,
            counters=self._counters,
            local=local,
            escalations=Escalations(self._counters, OffenderBans(self._publish, self._now)),
            clock=self._clock,
            believe_received_at=believe_received_at,
            share=share if callable(share) else lambda: share,
        )
        self._recent = RecentDecisions()
        self._latest_at = 0.0
        self._active = self._prepare(Loaded(ruleset, model))
        self._batcher = Batcher(
            self._decide,
            clock=self._clock,
            in_flight=in_flight,
            gather_s=gather_s,
            is_busy=Busyness(self._clock).is_busy,
        )
        self.reload_failure: RiskEngineError | None = None
        """Why the newest rules on disk are not the active ones; None while they are."""

    @property
    def ruleset(self) -> Ruleset:
        """The rules that decide now."""
        return self._active.loaded.ruleset

    def stale_lists(self) -> list[str]:
        """Ids of lists and databases that are older than they may be."""
        return self.ruleset.stale(self._clock.now())

    def outside(self) -> list[Path]:
        """Directories beside the rules' own whose files are part of the rules that decide now."""
        return self.ruleset.outside()

    async def prepare(self) -> None:
        """Learn which bans there are, and go on doing so; the store may well be away."""
        if self._feed is not None:
            self._feed.start()
            await self._feed.first_sync(_FIRST_BANS_S)

    async def evaluate(
        self, requests: Requests, *, budget_s: float | None = None
    ) -> list[Decision]:
        """One decision per request, in order.

        `budget_s` is how long the caller can wait: 50 ms unless told, one second at most.
        Raises OverloadedError or DeadlineError when no decision was taken.
        """
        budget_s = self._default_budget_s if budget_s is None else budget_s
        deadline = self._clock.monotonic() + min(budget_s, self._max_budget_s)
        return await self._batcher.submit(requests, deadline)

    def report_outcomes(self, outcomes: Sequence[Outcome], *, at: float | None = None) -> int:
        """Teach the profiles what became of allowed requests; how many decisions were known."""
        at = self._now() if at is None else at
        known = 0
        for outcome in outcomes:
            self._places.end(outcome.decision_id)
            key = self._recent.profile_key(outcome.decision_id)
            if key is not None:
                known += 1
                self._profiles.outcome(key, outcome.status, at)
        for records in self._records:
            records.record_outcomes(outcomes, at)
        return known

    async def reload(self) -> None:
        """Read rules and model anew, aside, and swap them in as one.

        Raises RulesetError or ModelError on any mistake; what was active stays active then.
        """
        if self._reloader is None:
            raise RiskEngineError("this engine was built without a source to reload from")
        reloader = self._reloader
        try:
            active = await asyncio.to_thread(lambda: self._prepare(reloader()))
        except RiskEngineError as error:
            self.reload_failure = error
            self._note_reload(False)
            raise
        self._activate(active)
        self.reload_failure = None
        self._note_reload(True)

    async def close(self) -> None:
        """Finish what was taken up, give connections back, write out the records."""
        await self._batcher.drain()
        await self._places.settled()
        if self._verifier is not None:
            await self._verifier.close()
        if self._feed is not None:
            await self._feed.close()
        await self._counters.close()
        for records in self._records:
            await asyncio.to_thread(records.close)

    def _activate(self, active: _Active) -> None:
        """Swap one reference: the next batch sees all of it."""
        profiles = active.loaded.ruleset.behavior.profiles
        self._profiles.resize(profiles.max, profiles.idle)
        self._active = active

    def _prepare(self, loaded: Loaded) -> _Active:
        """Compile rules into stages; nothing that serves is touched, so any thread may do it."""
        stages = stages_of(loaded.ruleset, loaded.model, self._parts)
        funnel = Funnel(
            [self._around_stage(stage) for stage in stages], on_failure=self._note_failure
        )
        version = loaded.model.version if loaded.model else ""
        return _Active(loaded, funnel, version, ban_terms(loaded.ruleset))

    async def _decide(self, work: Work) -> list[Decision]:
        started = self._clock.monotonic()
        active = self._active
        apart = self._believe_received_at and bool(active.bans)
        decided: list[Decision] = []
        for requests in one_moment_each(work.requests) if apart else [work.requests]:
            decided += await self._decide_together(work, requests, active, started)
        return decided

    async def _decide_together(
        self, work: Work, requests: Sequence[Request], active: _Active, started: float
    ) -> list[Decision]:
        batch = Batch.of(
            requests,
            active.loaded.ruleset.routes,
            now=self._clock.now(),
            deadline=work.deadline,
            believe_received_at=self._believe_received_at,
            shed=_SHED if work.overloaded else _NOTHING,
        )
        self._latest_at = max([self._latest_at, *(i.at for i in batch.every[-1:])])
        await active.funnel.run(batch)
        if active.bans:
            for ban in bans_of(batch, active.bans):
                self._publish(ban)
        decisions = [self._conclude(inspection, active) for inspection in batch.every]
        self._recent.add(
            (decision.decision_id, inspection.profile_key)
            for decision, inspection in zip(decisions, batch.every, strict=True)
        )
        asyncio.get_running_loop().call_soon(
            self._note_batch, batch, decisions, self._clock.monotonic() - started
        )
        return decisions

    def _now(self) -> float:
        """Seconds since the epoch on the clock that decisions run on."""
        return self._latest_at if self._believe_received_at else self._clock.now()

    def _at_us(self) -> int | None:
        """The time to count at; None where it is the store's own."""
        return round(self._latest_at * 1_000_000) if self._believe_received_at else None

    def _conclude(self, inspection: Inspection, active: _Active) -> Decision:
        decision_id = self._decision_ids()
        if inspection.places:
            allowed = inspection.verdict is Verdict.ALLOW
            self._places.note(decision_id, inspection.places, allowed=allowed)
        version = active.loaded.ruleset.revision
        return conclude(inspection, decision_id, version, active.model_version)

    def _note_batch(self, batch: Batch, decisions: list[Decision], latency_s: float) -> None:
        for records in self._records:
            records.record(batch.every, decisions, latency_s)

    def _note_failure(self, stage: str) -> None:
        for records in self._records:
            records.record_failure(stage)

    def _note_reload(self, succeeded: bool) -> None:
        for records in self._records:
            records.record_reload(succeeded)


_NOTHING: frozenset[str] = frozenset()
_SHED = frozenset({"behavior", "signatures"})
