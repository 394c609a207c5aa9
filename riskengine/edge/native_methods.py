"""The methods of riskengine.v1.RiskEngine: translate, ask the engine, translate back."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from riskengine.batcher import Requests
from riskengine.decision import Decision
from riskengine.edge.method_table import Call, MethodTable, failure_of
from riskengine.edge.native_decoding import ArrivedBatch, decode_outcomes, decode_request
from riskengine.edge.native_encoding import (
    encode_batch,
    encode_decision,
    encode_no_decision,
    encode_outcomes_response,
)
from riskengine.errors import DeadlineError, OverloadedError
from riskengine.outcome import Outcome

SERVICE = "riskengine.v1.RiskEngine"


class Evaluator(Protocol):
    """What methods need of an engine."""

    async def evaluate(
        self, requests: Requests, *, budget_s: float | None = None
    ) -> list[Decision]:
        """One decision per request, in order."""
        ...

    def report_outcomes(self, outcomes: Sequence[Outcome]) -> int:
        """How many of the decisions were known."""
        ...


def native_methods(engine: Evaluator) -> MethodTable:
    """The four methods of the contract, answered by `engine`."""
    methods = _Methods(engine)
    return MethodTable(
        unary={
            f"/{SERVICE}/Evaluate": methods.evaluate,
            f"/{SERVICE}/EvaluateBatch": methods.evaluate_batch,
            f"/{SERVICE}/ReportOutcomes": methods.report_outcomes,
        },
        streams={f"/{SERVICE}/EvaluateStream": methods.evaluate_stream},
    )


class _Methods:
    """Each checks the deadline before it spends anything on the message."""

    def __init__(self, engine: Evaluator) -> None:
        self._engine = engine

    async def evaluate(self, message: bytes, call: Call) -> bytes:
        budget_s = call.budget_s
        [decision] = await self._engine.evaluate([decode_request(message)], budget_s=budget_s)
        return encode_decision(decision)

    async def evaluate_batch(self, message: bytes, call: Call) -> bytes:
        budget_s = call.budget_s
        batch = ArrivedBatch(message)
        decided = await self._engine.evaluate(batch, budget_s=budget_s) if len(batch) else []
        return encode_batch(batch.answered(decided))

    async def evaluate_stream(
        self, messages: AsyncIterator[bytes], call: Call
    ) -> AsyncIterator[bytes]:
        """One message after the other, so that a stream never has more than one in the engine.

        A message that comes too late or too many is answered as such, and the stream goes on.
        """
        async for message in messages:
            try:
                yield await self.evaluate_batch(message, call)
            except (DeadlineError, OverloadedError) as error:
                failure = failure_of(error, f"/{SERVICE}/EvaluateStream")
                yield encode_no_decision(failure.status, failure.message)

    async def report_outcomes(self, message: bytes, call: Call) -> bytes:
        outcomes = decode_outcomes(message)
        accepted = self._engine.report_outcomes(outcomes)
        return encode_outcomes_response(accepted=accepted, unknown=len(outcomes) - accepted)
