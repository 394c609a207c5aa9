"""The engine: rules, model, store and clock put together, answering what to do with requests."""

import asyncio
import itertools
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from riskengine.batcher import Batcher, Work
from riskengine.behavior.model import Model
from riskengine.behavior.profile import ProfileTable
from riskengine.busyness import Busyness
from riskengine.clock import Clock, SystemClock
from riskengine.decision import Decision, RuleHit, Verdict
from riskengine.errors import RiskEngineError
from riskengine.funnel import Funnel, Stage
from riskengine.inspection import Batch, Inspection
from riskengine.outcome import Outcome
from riskengine.request import Request
from riskengine.ruleset.ruleset import Ruleset
from riskengine.seclang.pattern_cache import PatternCache, default_directory
from riskengine.stages.addresses import AddressesStage
from riskengine.stages.behavior import BehaviorStage
from riskengine.stages.parameters import ParametersStage
from riskengine.stages.rate_limits import RateLimitsStage
from riskengine.stages.signature_sets import CompiledSet
from riskengine.stages.signatures import SignaturesStage
from riskengine.store.counters import Counters
from riskengine.store.memory import MemoryCounters

_log = logging.getLogger("riskengine.engine")
_REMEMBERED_DECISIONS = 65_536


class Records(Protocol):
    """Whoever wants to know what was decided: the decision log, the metrics."""

    def record(
        self, inspections: Sequence[Inspection], decisions: Sequence[Decision], latency_s: float
    ) -> None:
        """Take note of one batch. Called after its answers; must return at once."""
        ...

    def record_outcomes(self, outcomes: Sequence[Outcome], at: float) -> None:
        """Take note of what became of allowed requests."""
        ...

    def record_reload(self, succeeded: bool) -> None:
        """Take note of a reload."""
        ...

    def record_failure(self, stage: str) -> None:
        """Take note of a stage that failed where it should not have."""
        ...

    def close(self) -> None:
        """Write out what is still held."""
        ...


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
        share: float = 1.0,
        default_budget_s: float = 0.05,
        max_budget_s: float = 1.0,
        patterns: PatternCache | None = None,
        in_flight: int = 1,
        gather_s: float = 0.005,
    ) -> None:
        """`share` is this process's part of a limit while the store is away (1 / processes).

        `believe_received_at` runs windows and profiles on the requests' own time; `reloader`
        reads rules and model anew, in a thread; `around_stage` may put something around each stage
        (replay lets a log answer for a stage whose input the log withholds); `gather_s` is how
        long a batch waits for company, see Batcher.
        """
        self._clock = clock or SystemClock()
        self._counters = counters or MemoryCounters(self._clock)
        self._believe_received_at = believe_received_at
        self._records = tuple(records)
        self._decision_ids = decision_ids or _unique_ids()
        self._reloader = reloader
        self._around_stage = around_stage
        self._share = share
        self._default_budget_s = default_budget_s
        self._max_budget_s = max_budget_s
        self._patterns = patterns or PatternCache(default_directory())
        self._profiles = ProfileTable(
            maximum=ruleset.behavior.profiles.max, idle_s=ruleset.behavior.profiles.idle
        )
        self._profile_keys: OrderedDict[str, str] = OrderedDict()
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

    async def evaluate(
        self, requests: Sequence[Request], *, budget_s: float | None = None
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
            key = self._profile_keys.get(outcome.decision_id)
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
        rules = loaded.ruleset
        stages: list[Stage] = [
            AddressesStage(rules.addresses),
            ParametersStage(rules.parameters, rules.routes),
            SignaturesStage(rules.signatures, self._compiled_sets(rules)),
            RateLimitsStage(
                rules.limits,
                self._counters,
                clock=self._clock,
                believe_received_at=self._believe_received_at,
                share=self._share,
            ),
            BehaviorStage(rules.behavior, self._profiles, loaded.model),
        ]
        funnel = Funnel(
            [self._around_stage(stage) for stage in stages], on_failure=self._note_failure
        )
        return _Active(loaded, funnel, loaded.model.version if loaded.model else "")

    def _compiled_sets(self, rules: Ruleset) -> list[CompiledSet]:
        """The signature sets that are on; seconds where their patterns are not in the cache."""
        return [
            CompiledSet(one, rules.signatures.exclusions, rules.directory, self._patterns)
            for one in rules.signatures.sets
            if one.mode != "disabled"
        ]

    async def _decide(self, work: Work) -> list[Decision]:
        started = self._clock.monotonic()
        active = self._active
        batch = Batch.of(
            work.requests,
            active.loaded.ruleset.routes,
            now=self._clock.now(),
            deadline=work.deadline,
            believe_received_at=self._believe_received_at,
            shed=_SHED if work.overloaded else _NOTHING,
        )
        self._latest_at = max([self._latest_at, *(i.at for i in batch.every[-1:])])
        await active.funnel.run(batch)
        decisions = [self._conclude(inspection, active) for inspection in batch.every]
        asyncio.get_running_loop().call_soon(
            self._note_batch, batch, decisions, self._clock.monotonic() - started
        )
        return decisions

    def _now(self) -> float:
        """Seconds since the epoch on the clock that decisions run on."""
        return self._latest_at if self._believe_received_at else self._clock.now()

    def _conclude(self, inspection: Inspection, active: _Active) -> Decision:
        decision_id = self._decision_ids()
        self._remember(decision_id, inspection.profile_key)
        verdict = inspection.verdict
        hit = inspection.allowlisted_by or inspection.decided_by or _NO_HIT
        return Decision(
            decision_id=decision_id,
            request_id=inspection.request.request_id,
            verdict=verdict,
            stage=hit.stage,
            rule_id=hit.rule_id,
            reason=hit.reason,
            retry_after_s=hit.retry_after_s,
            anomaly_score=inspection.score,
            hits=tuple(inspection.hits),
            limits=inspection.limits,
            ruleset_revision=active.loaded.ruleset.revision,
            model_version=active.model_version if inspection.score is not None else "",
            degraded=inspection.degraded,
        )

    def _remember(self, decision_id: str, profile_key: str) -> None:
        self._profile_keys[decision_id] = profile_key
        if len(self._profile_keys) > _REMEMBERED_DECISIONS:
            self._profile_keys.popitem(last=False)

    def _note_batch(self, batch: Batch, decisions: list[Decision], latency_s: float) -> None:
        for records in self._records:
            records.record(batch.every, decisions, latency_s)

    def _note_failure(self, stage: str) -> None:
        for records in self._records:
            records.record_failure(stage)

    def _note_reload(self, succeeded: bool) -> None:
        for records in self._records:
            records.record_reload(succeeded)


_NO_HIT = RuleHit("", "", Verdict.ALLOW, "ok")
_NOTHING: frozenset[str] = frozenset()
_SHED = frozenset({"behavior", "signatures"})


def _unique_ids() -> Callable[[], str]:
    """Ids unique across processes and restarts: a random prefix and a counter."""
    prefix = secrets.token_hex(6)
    counter = itertools.count(1)
    return lambda: f"{prefix}-{next(counter):x}"
