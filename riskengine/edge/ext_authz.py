"""Envoy's external authorization, `envoy.service.auth.v3.Authorization/Check`."""

from riskengine.decision import Decision, RuleHit, Verdict
from riskengine.edge.check_request import CheckReader, RefusedRequest
from riskengine.edge.check_response import encode_check_response
from riskengine.edge.method_table import Call, MethodTable
from riskengine.engine import Engine
from riskengine.settings import Settings

SERVICE = "envoy.service.auth.v3.Authorization"


def ext_authz_methods(engine: Engine, settings: Settings) -> MethodTable:
    """The one method that Envoy calls, answered by `engine`.

    Where no decision could be taken the RPC fails, because every answer inside a CheckResponse is
    an allow or a deny to Envoy: only so does its `failure_mode_allow` decide.
    """
    reader = CheckReader(settings)

    async def check(message: bytes, call: Call) -> bytes:
        budget_s = call.budget_s
        request = reader.read(message)
        if isinstance(request, RefusedRequest):
            return encode_check_response(_refusal(request))
        [decision] = await engine.evaluate([request], budget_s=budget_s)
        return encode_check_response(decision)

    return MethodTable(unary={f"/{SERVICE}/Check": check})


def _refusal(refused: RefusedRequest) -> Decision:
    hit = RuleHit("edge", "", Verdict.DENY, "request.invalid", refused.problem)
    return Decision(
        decision_id="",
        request_id=refused.request_id,
        verdict=hit.verdict,
        stage=hit.stage,
        reason=hit.reason,
        hits=(hit,),
    )
