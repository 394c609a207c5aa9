"""Who decides: an engine in this process, or a service asked over pooled gRPC channels."""

import asyncio
import logging
import random
from collections.abc import Sequence
from typing import Protocol

import grpc
from google.protobuf.message import DecodeError

from riskengine.clock import Clock
from riskengine.decision import Decision
from riskengine.downstream.client import Client
from riskengine.downstream.client_parts import ClientParts
from riskengine.downstream.ejection import Ejection
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.errors import DownstreamError
from riskengine.downstream.grpc_channel import GrpcConnection, GrpcConnector
from riskengine.downstream.judge_grpc import judge_grpc
from riskengine.downstream.pool_limits import PoolLimits
from riskengine.edge.native_client import (
    EVALUATE,
    REPORT_OUTCOMES,
    decode_decision,
    encode_outcomes,
    encode_request,
)
from riskengine.engine import Engine
from riskengine.errors import RiskEngineError
from riskengine.outcome import Outcome
from riskengine.request import Request
from riskengine.tasks import spawn

_log = logging.getLogger("riskengine.gateway")
_OUTCOMES_EVERY_S = 0.1
_OUTCOMES_MAX = 4_096  # the most that one call may report
_WAITING_MAX = 65_536
_REPORT_S = 2.0


def _unchanged(message: bytes) -> bytes:
    return message


_AS_THEY_ARE = (_unchanged, _unchanged)  # the codec has made bytes of them already


class Decider(Protocol):
    """What the gateway needs of an engine."""

    @property
    def rules_problem(self) -> str:
        """Why the newest rules are not the ones that decide; empty while they are."""
        ...

    def stale_lists(self) -> list[str]:
        """Lists and databases that are older than they may be."""
        ...

    async def reload(self) -> None:
        """Take new rules; a mistake keeps the old ones and is logged."""
        ...

    async def decide(self, request: Request) -> Decision | None:
        """The decision; None where nobody could take one in time."""
        ...

    def report(self, outcome: Outcome) -> None:
        """Tell what became of a request; never waits."""
        ...

    async def close(self) -> None:
        """Report what is left, and end."""
        ...


class OwnEngine:
    """An engine in this process."""

    def __init__(self, engine: Engine, budget_s: float) -> None:
        self._engine = engine
        self._budget_s = budget_s

    @property
    def rules_problem(self) -> str:
        """See Decider."""
        return str(self._engine.reload_failure or "")

    def stale_lists(self) -> list[str]:
        """See Decider."""
        return self._engine.stale_lists()

    async def reload(self) -> None:
        """See Decider."""
        try:
            await self._engine.reload()
        except RiskEngineError as error:
            _log.error("rules do not load, the last good ones decide on", extra={"why": str(error)})

    async def decide(self, request: Request) -> Decision | None:
        """See Decider."""
        try:
            [decision] = await self._engine.evaluate([request], budget_s=self._budget_s)
        except RiskEngineError:
            return None
        return decision

    def report(self, outcome: Outcome) -> None:
        """See Decider."""
        self._engine.report_outcomes([outcome])

    async def close(self) -> None:
        """See Decider."""
        await self._engine.close()


class EngineService:
    """A `riskengine serve` somewhere, or several."""

    def __init__(self, clock: Clock, rng: random.Random, budget_s: float) -> None:
        self._budget_s = budget_s
        ejection = Ejection(clock, lambda: len(self._client.endpoints))
        parts = ClientParts(
            limits=PoolLimits(connections_min=1, connections_max=4, calls_per_connection=256),
            judge=judge_grpc,
            watches=(ejection,),
        )
        self._client = Client(GrpcConnector(), parts, clock=clock, rng=rng)
        self._outcomes: list[Outcome] = []
        self._reporting: asyncio.Task[None] | None = None

    @property
    def rules_problem(self) -> str:
        """Not ours to know: the service's own health tells."""
        return ""

    def stale_lists(self) -> list[str]:
        """See rules_problem."""
        return []

    async def reload(self) -> None:
        """Nothing: its rules are its own."""

    async def start(self, endpoints: Sequence[Endpoint]) -> None:
        """Connect; a service that is away is connected to as soon as it is back."""
        await self._client.update(endpoints)
        self._reporting = spawn(self._report_on(), name="report outcomes")

    async def decide(self, request: Request) -> Decision | None:
        """See Decider. An attempt that was not processed is not made again: it is in the budget."""
        encoded, budget_s = encode_request(request), self._budget_s

        async def ask(connection: GrpcConnection) -> bytes:
            call = connection.channel.unary_unary(EVALUATE, *_AS_THEY_ARE)
            answer: bytes = await call(encoded, timeout=budget_s)
            return answer

        try:
            return decode_decision(await self._client.call(ask, timeout_s=budget_s))
        except (DownstreamError, TimeoutError, grpc.RpcError, DecodeError, ValueError):
            return None

    def report(self, outcome: Outcome) -> None:
        """See Decider. More than the service can take are dropped, the oldest kept."""
        if len(self._outcomes) < _WAITING_MAX:
            self._outcomes.append(outcome)

    async def close(self) -> None:
        """See Decider."""
        if self._reporting is not None:
            self._reporting.cancel()
            await asyncio.wait([self._reporting])
        await self._flush()
        await self._client.close()

    async def _report_on(self) -> None:
        while True:
            await asyncio.sleep(_OUTCOMES_EVERY_S)
            await self._flush()

    async def _flush(self) -> None:
        while self._outcomes:
            sent, self._outcomes = self._outcomes[:_OUTCOMES_MAX], self._outcomes[_OUTCOMES_MAX:]
            encoded = encode_outcomes(sent)

            async def tell(connection: GrpcConnection, encoded: bytes = encoded) -> None:
                call = connection.channel.unary_unary(REPORT_OUTCOMES, *_AS_THEY_ARE)
                await call(encoded, timeout=_REPORT_S)

            try:
                await self._client.call(tell, timeout_s=_REPORT_S)
            except (DownstreamError, TimeoutError, grpc.RpcError) as error:
                _log.warning("outcomes lost", extra={"count": len(sent), "reason": str(error)})
