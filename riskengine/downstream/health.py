"""Active health checks: ask each endpoint now and then, and believe it after a few answers."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from riskengine.downstream.call import CallResult
from riskengine.downstream.changes import OnChange, no_change
from riskengine.downstream.endpoint import Endpoint
from riskengine.tasks import spawn

Check = Callable[[Endpoint], Awaitable[bool]]
"""Whether the endpoint says that it is well. It may raise OSError; a TimeoutError is set for it."""


@dataclass(frozen=True, slots=True)
class HealthRules:
    """Times are seconds."""

    every_s: float = 5.0
    jitter: float = 0.2
    """Pauses vary by so much, so that many clients do not ask in step."""
    timeout_s: float = 1.0
    well_after: int = 2
    """Good answers in a row that bring an endpoint back; the first one ever is believed at once."""
    ill_after: int = 3
    """Bad answers in a row that take it out; the first one ever is believed at once."""


class HealthState:
    """What is believed of one endpoint, after answers in a row."""

    __slots__ = ("_rules", "_run", "_seen", "well")

    def __init__(self, rules: HealthRules) -> None:
        self._rules = rules
        self._run = 0
        self._seen = False
        self.well = True

    def note(self, well: bool) -> bool:
        """Take in an answer; whether the belief changed."""
        if well == self.well:
            self._run = 0
            self._seen = True
            return False
        self._run += 1
        needed = self._rules.well_after if well else self._rules.ill_after
        if self._seen and self._run < needed:
            return False
        self.well, self._run, self._seen = well, 0, True
        return True


class ActiveHealth:
    """A watch that checks the endpoints of one service; one not yet known counts as well."""

    def __init__(
        self,
        check: Check,
        rng: random.Random,
        rules: HealthRules | None = None,
        *,
        on_change: OnChange = no_change,
    ) -> None:
        self._check = check
        self._rng = rng
        self._rules = rules or HealthRules()
        self._on_change = on_change
        self._states: dict[Endpoint, HealthState] = {}
        self._tasks: dict[Endpoint, asyncio.Task[None]] = {}

    def __repr__(self) -> str:
        ill = sorted(e.address for e, state in self._states.items() if not state.well)
        return f"<ActiveHealth of {len(self._states)} endpoints, ill: {', '.join(ill) or 'none'}>"

    def update(self, endpoints: Sequence[Endpoint]) -> None:
        """Check these from now on, and no others."""
        for endpoint in self._tasks.keys() - set(endpoints):
            self.forget(endpoint)
        for endpoint in endpoints:
            if endpoint not in self._tasks:
                self._states[endpoint] = HealthState(self._rules)
                watching = self._watch(endpoint, self._states[endpoint])
                self._tasks[endpoint] = spawn(watching, name=f"health of {endpoint.address}")

    def available(self, endpoint: Endpoint) -> bool:
        """False while the endpoint is believed to be ill."""
        state = self._states.get(endpoint)
        return state is None or state.well

    def finished(self, result: CallResult) -> None:
        """Nothing: calls are judged by ejection."""

    def forget(self, endpoint: Endpoint) -> None:
        """Check the endpoint no longer."""
        self._states.pop(endpoint, None)
        task = self._tasks.pop(endpoint, None)
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        """End all checks; returns when none runs any more."""
        tasks = list(self._tasks.values())
        for endpoint in list(self._tasks):
            self.forget(endpoint)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, endpoint: Endpoint, state: HealthState) -> None:
        while True:
            if state.note(await self._ask(endpoint)):
                self._on_change(endpoint, state.well)
            spread = self._rules.jitter * (2 * self._rng.random() - 1)
            await asyncio.sleep(self._rules.every_s * (1 + spread))

    async def _ask(self, endpoint: Endpoint) -> bool:
        try:
            async with asyncio.timeout(self._rules.timeout_s):
                return await self._check(endpoint)
        except (OSError, TimeoutError):
            return False
