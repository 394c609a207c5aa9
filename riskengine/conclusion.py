"""What is told of an inspection when the funnel is through with it."""

import itertools
import secrets
from collections.abc import Callable

from riskengine.decision import Decision, RuleHit, Verdict
from riskengine.inspection import Inspection

_NO_HIT = RuleHit("", "", Verdict.ALLOW, "ok")


def conclude(
    inspection: Inspection, decision_id: str, ruleset_revision: str, model_version: str
) -> Decision:
    """The decision; a model is named only where it was asked."""
    hit = inspection.allowlisted_by or inspection.decided_by or _NO_HIT
    return Decision(
        decision_id=decision_id,
        request_id=inspection.request.request_id,
        verdict=inspection.verdict,
        stage=hit.stage,
        rule_id=hit.rule_id,
        reason=hit.reason,
        retry_after_s=hit.retry_after_s,
        anomaly_score=inspection.score,
        hits=tuple(inspection.hits),
        limits=inspection.limits,
        ruleset_revision=ruleset_revision,
        model_version=model_version if inspection.score is not None else "",
        degraded=inspection.degraded,
    )


def unique_ids() -> Callable[[], str]:
    """Ids unique across processes and restarts: a random prefix and a counter."""
    prefix = secrets.token_hex(6)
    counter = itertools.count(1)
    return lambda: f"{prefix}-{next(counter):x}"
