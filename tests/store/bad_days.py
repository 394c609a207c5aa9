"""An engine under load while its store is maltreated, and what came of it."""

import asyncio
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from riskengine.clock import SystemClock
from riskengine.decision import Decision, Verdict
from riskengine.engine import Engine
from riskengine.request import Request, make_request
from riskengine.ruleset.addresses import AddressesFile
from riskengine.ruleset.behavior import BehaviorFile
from riskengine.ruleset.limits import LimitsFile
from riskengine.ruleset.parameters import ParametersFile
from riskengine.ruleset.routes import RouteTable
from riskengine.ruleset.ruleset import Ruleset
from riskengine.store.open import open_counters
from riskengine.store.shared import SharedCounters

BUDGET_S = 0.05
STORE_TIMEOUT_S = 0.02
LATENESS_S = 0.01
"""What a decision may take beyond its budget."""

LIMIT = 50
WINDOW_S = 60.0
PATHS = {"/local": "local", "/open": "open", "/closed": "closed"}
CLOCK = SystemClock()


@dataclass(slots=True)
class Answer:
    """One decision."""

    path: str
    at: float
    took_s: float
    decision: Decision

    @property
    def degraded(self) -> bool:
        return "store" in self.decision.degraded


@dataclass(slots=True)
class Storm:
    """Eight askers from before the fault until after the return."""

    engine: Engine
    counters: SharedCounters
    answers: list[Answer] = field(default_factory=list)
    lags_s: list[float] = field(default_factory=list)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list["asyncio.Future[None]"] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        paths = [*PATHS, *PATHS, "/local", "/sale"]
        self._tasks = [asyncio.ensure_future(self._ask(path)) for path in paths]
        self._tasks.append(asyncio.ensure_future(self._watch_the_loop()))
        await self.until(lambda: len(self.answers) > 200)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)
        await self.engine.close()

    async def until(self, happened: Any, within_s: float = 20.0) -> float:
        """Seconds until `happened()`."""
        started = CLOCK.monotonic()
        async with asyncio.timeout(within_s):
            while not happened():  # noqa: ASYNC110 - servers set no events
                await asyncio.sleep(0.002)
        return CLOCK.monotonic() - started

    async def until_degraded(self) -> None:
        """Until the breaker is open and every kind of limit has been decided without the store."""
        mark = CLOCK.monotonic()
        await self.until(lambda: self.counters.away_s is not None)
        await self.until(
            lambda: {a.path for a in self.answers if a.at > mark and a.degraded} >= set(PATHS)
        )

    async def seconds_until_well(self) -> float:
        """Seconds from now to the first decision with the store; the storm goes on for a while."""
        mark = CLOCK.monotonic()
        await self.until(lambda: any(not a.degraded and a.at > mark for a in self.answers))
        first = next(a.at for a in self.answers if not a.degraded and a.at > mark)
        well = len(self.answers)
        await self.until(lambda: len(self.answers) > well + 200)
        return first - mark

    async def flood(self) -> None:
        """One more asker of the limit, until it is told to stop."""
        answer = await self.ask_once("/sale")
        while answer.decision.verdict is Verdict.ALLOW:
            answer = await self.ask_once("/sale")

    async def ask_once(self, path: str) -> Answer:
        """One decision, noted."""
        started = CLOCK.monotonic()
        [decision] = await self.engine.evaluate([request(path)], budget_s=BUDGET_S)
        now = CLOCK.monotonic()
        self.answers.append(Answer(path, now, now - started, decision))
        return self.answers[-1]

    def percentile_ms(self, share: float) -> float:
        """A percentile of the time that decisions took."""
        return _percentile([answer.took_s for answer in self.answers], share) * 1_000

    def lag_ms(self, share: float) -> float:
        """The same of how late the loop itself was: this machine's part."""
        return _percentile(self.lags_s, share) * 1_000

    def admitted(self, path: str) -> int:
        return sum(a.path == path and a.decision.verdict is Verdict.ALLOW for a in self.answers)

    async def _ask(self, path: str) -> None:
        while not self._stop.is_set():
            await self.ask_once(path)
            await asyncio.sleep(0.002)

    async def _watch_the_loop(self) -> None:
        while not self._stop.is_set():
            due = CLOCK.monotonic() + 0.01
            await asyncio.sleep(0.01)
            self.lags_s.append(max(0.0, CLOCK.monotonic() - due))


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]


def request(path: str) -> Request:
    return make_request(client_ip="203.0.113.7", method="GET", path=path)


def storm_at(url: str, *, processes: int = 1) -> Storm:
    """An engine with a limit of each kind, and plenty of room but for `/sale`."""
    limits = [
        _limit("sale", "/sale", LIMIT, "local"),
        *(_limit(policy, path, 1_000_000, policy) for path, policy in PATHS.items()),
    ]
    counters = open_counters(url, clock=CLOCK, timeout_s=STORE_TIMEOUT_S, processes=processes)
    assert isinstance(counters, SharedCounters)
    engine = Engine(
        ruleset(limits),
        counters=counters,
        clock=CLOCK,
        share=lambda: counters.census.share,
        local=counters.local,
        gather_s=0,
    )
    return Storm(engine, counters)


def ruleset(limits: list[dict[str, Any]]) -> Ruleset:
    """Rules that hold nothing but limits."""
    return Ruleset(
        addresses=AddressesFile(),
        parameters=ParametersFile(),
        limits=LimitsFile.model_validate({"limits": limits}),
        behavior=BehaviorFile(),
        routes=RouteTable(()),
        revision="storm",
        directory=Path("rules"),
    )


def _limit(name: str, path: str, limit: int, policy: str) -> dict[str, Any]:
    return {
        "id": name,
        "description": "x",
        "match": {"paths": [path]},
        "key": ["ip"],
        "limit": limit,
        "window": f"{WINDOW_S:.0f}s",
        "on_store_error": policy,
    }
