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
    return Decision(  # by position, which takes half as long as by name
        decision_id,
        inspection.request.request_id,
        inspection.verdict,
        hit.stage,
        hit.rule_id,
        hit.reason,
        hit.retry_after_s,
        inspection.score,
        tuple(inspection.hits),
        inspection.limits,
        ruleset_revision,
        "" if inspection.score is None else model_version,
        inspection.degraded,
    )


def unique_ids() -> Callable[[], str]:
    """Ids unique across processes and restarts: a random prefix and a counter."""
    prefix = secrets.token_hex(6)
    counter = itertools.count(1)
    return lambda: f"{prefix}-{next(counter):x}"
